//! Statements of a caller, as SQL for both engines and, where it can be asked so, as a request of the REST API.

use serde_json::{Map, Value as Json};

use super::expression::{Comparison, Expr};
use super::world::{Kind, Row, Table, Value, World};

/// Who asks, with which claims besides role and sub.
#[derive(Debug, Clone, Copy)]
pub struct Caller {
    pub role: &'static str,
    pub sub: Option<&'static str>,
    pub team: Option<&'static str>,
}

pub const ANN: &str = "00000000-0000-0000-0000-00000000000a";
pub const BOB: &str = "00000000-0000-0000-0000-00000000000b";

/// Everybody who asks. The keeper owns tables; it is no role of the API.
pub const CALLERS: [Caller; 5] = [
    Caller { role: "anon", sub: None, team: None },
    Caller { role: "authenticated", sub: Some(ANN), team: Some("a") },
    Caller { role: "authenticated", sub: Some(BOB), team: Some("b") },
    Caller { role: "service_role", sub: None, team: None },
    Caller { role: "keeper", sub: None, team: Some("a") },
];

#[derive(Debug, Clone)]
pub enum Ask {
    Read(Read),
    /// The rows of `child` by the row of `parent` that they refer to.
    Embed {
        parent: usize,
        child: usize,
        key: usize,
        inner: bool,
    },
    /// The row that each row of `child` refers to.
    EmbedOne {
        parent: usize,
        child: usize,
        key: usize,
    },
    Insert(Insert),
    Update {
        table: usize,
        set: Vec<(usize, Value)>,
        filter: Filter,
        returning: Option<Vec<usize>>,
    },
    Delete {
        table: usize,
        filter: Filter,
        returning: Option<Vec<usize>>,
    },
}

#[derive(Debug, Clone)]
pub struct Read {
    /// The view, or the table itself.
    pub view: Option<usize>,
    pub table: usize,
    /// Columns of the table. None: only the number of rows.
    pub columns: Option<Vec<usize>>,
    pub filter: Filter,
}

#[derive(Debug, Clone)]
pub struct Insert {
    pub table: usize,
    pub columns: Vec<usize>,
    pub rows: Vec<Row>,
    pub conflict: Option<Conflict>,
    pub returning: Option<Vec<usize>>,
}

/// What happens when the id is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Conflict {
    Nothing,
    Update,
}

/// Conditions that are and-ed.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// What the REST API can say.
    pub terms: Vec<Expr>,
    /// Anything, subqueries included.
    pub extra: Option<Expr>,
}

/// A request of the REST API.
#[derive(Debug, Clone)]
pub struct Call {
    pub method: &'static str,
    pub path: String,
    pub prefer: String,
    pub body: Option<Json>,
}

impl Caller {
    /// Its claims as a JSON object.
    pub fn claims(&self) -> Map<String, Json> {
        let mut claims = Map::new();
        claims.insert("role".into(), self.role.into());
        for (key, value) in [("sub", self.sub), ("team", self.team)] {
            if let Some(value) = value {
                claims.insert(key.into(), value.into());
            }
        }
        claims
    }
}

impl Filter {
    pub fn all(&self) -> impl Iterator<Item = &Expr> {
        self.terms.iter().chain(&self.extra)
    }

    fn sql(&self, world: &World, table: usize, row: &str) -> String {
        let parts: Vec<String> = self.all().map(|expr| expr.sql(world, table, row)).collect();
        if parts.is_empty() { String::new() } else { format!(" where {}", parts.join(" and ")) }
    }

    fn query(&self, table: &Table) -> Option<Vec<String>> {
        self.extra.is_none().then(|| self.terms.iter().map(|term| query_term(table, term)).collect())?
    }
}

impl Ask {
    /// Whether it may change rows.
    pub fn writes(&self) -> bool {
        !matches!(self, Ask::Read(_) | Ask::Embed { .. } | Ask::EmbedOne { .. })
    }

    /// As PostgreSQL's SQL.
    pub fn sql(&self, world: &World) -> String {
        match self {
            Ask::Read(Read { view, table, columns, filter }) => {
                let source = view.map_or(&world.tables[*table].name, |view| &world.views[view].name);
                let list = match columns {
                    None => "count(*) as count".to_owned(),
                    Some(columns) => qualified(&world.tables[*table], columns, "q"),
                };
                format!("select {list} from {source} q{}", filter.sql(world, *table, "q"))
            }
            Ask::Embed { parent, child, key, inner } => {
                let (p, c) = (&world.tables[*parent].name, &world.tables[*child].name);
                let key = &world.tables[*child].columns[*key].name;
                let only = match inner {
                    true => format!(" where exists (select 1 from {c} x where x.{key} = p.id)"),
                    false => String::new(),
                };
                format!(
                    "select p.id, coalesce((select json_agg(json_build_object('id', c.id) order by c.id) from {c} c \
                     where c.{key} = p.id), '[]') as {c} from {p} p{only}"
                )
            }
            Ask::EmbedOne { parent, child, key } => {
                let (p, c) = (&world.tables[*parent].name, &world.tables[*child].name);
                let key = &world.tables[*child].columns[*key].name;
                format!(
                    "select c.id, (select json_build_object('id', p.id) from {p} p where p.id = c.{key}) as {p} from {c} c"
                )
            }
            Ask::Insert(insert) => insert.sql(world),
            Ask::Update { table, set, filter, returning } => {
                let target = &world.tables[*table];
                let set: Vec<String> =
                    set.iter().map(|(c, value)| format!("{} = {}", target.columns[*c].name, value.sql())).collect();
                format!(
                    "update {} as q set {}{}{}",
                    target.name,
                    set.join(", "),
                    filter.sql(world, *table, "q"),
                    returning_sql(target, returning.as_deref(), "q")
                )
            }
            Ask::Delete { table, filter, returning } => {
                let target = &world.tables[*table];
                let returning = returning_sql(target, returning.as_deref(), "q");
                format!("delete from {} as q{}{returning}", target.name, filter.sql(world, *table, "q"))
            }
        }
    }

    /// As a request of the REST API, if it can be said so.
    pub fn call(&self, world: &World) -> Option<Call> {
        let (method, path, body, prefer) = match self {
            Ask::Read(Read { view, table, columns, filter }) => {
                let target = &world.tables[*table];
                let source = view.map_or(&target.name, |view| &world.views[view].name);
                let mut query = filter.query(target)?;
                query.push(match columns {
                    Some(columns) => format!("select={}", target.names(columns).replace(", ", ",")),
                    None => "select=count".into(),
                });
                ("GET", format!("/{source}?{}", query.join("&")), None, String::new())
            }
            Ask::Embed { parent, child, key, inner } => {
                let (p, c) = (&world.tables[*parent].name, &world.tables[*child].name);
                let key = &world.tables[*child].columns[*key].name;
                let inner = if *inner { "!inner" } else { "" };
                ("GET", format!("/{p}?select=id,{c}!{key}{inner}(id)&{c}.order=id"), None, String::new())
            }
            Ask::EmbedOne { parent, child, key } => {
                let (p, c) = (&world.tables[*parent].name, &world.tables[*child].name);
                let key = &world.tables[*child].columns[*key].name;
                ("GET", format!("/{c}?select=id,{p}!{key}(id)"), None, String::new())
            }
            Ask::Insert(insert) => insert.call(world),
            Ask::Update { table, set, filter, returning } => {
                let target = &world.tables[*table];
                let mut query = filter.query(target)?;
                query.extend(select(target, returning.as_deref()));
                let body = object(target, set.iter().map(|(c, value)| (*c, value)));
                ("PATCH", format!("/{}?{}", target.name, query.join("&")), Some(body), prefer(returning.is_some(), ""))
            }
            Ask::Delete { table, filter, returning } => {
                let target = &world.tables[*table];
                let mut query = filter.query(target)?;
                query.extend(select(target, returning.as_deref()));
                ("DELETE", format!("/{}?{}", target.name, query.join("&")), None, prefer(returning.is_some(), ""))
            }
        };
        Some(Call { method, path, prefer, body })
    }
}

impl Insert {
    fn sql(&self, world: &World) -> String {
        let table = &world.tables[self.table];
        let row = |row: &Row| format!("({})", row.iter().map(Value::sql).collect::<Vec<_>>().join(", "));
        let rows: Vec<String> = self.rows.iter().map(row).collect();
        let names: Vec<&str> = self.columns.iter().map(|c| table.columns[*c].name.as_str()).collect();
        let set: Vec<String> = names.iter().map(|name| format!("{name} = excluded.{name}")).collect();
        let conflict = match self.conflict {
            None => String::new(),
            Some(Conflict::Nothing) => " on conflict (id) do nothing".into(),
            Some(Conflict::Update) => format!(" on conflict (id) do update set {}", set.join(", ")),
        };
        format!(
            "insert into {} as q ({}) values {}{conflict}{}",
            table.name,
            names.join(", "),
            rows.join(", "),
            returning_sql(table, self.returning.as_deref(), "q")
        )
    }

    fn call(&self, world: &World) -> (&'static str, String, Option<Json>, String) {
        let table = &world.tables[self.table];
        let rows = self.rows.iter().map(|row| object(table, self.columns.iter().copied().zip(row)));
        let mut query: Vec<String> = select(table, self.returning.as_deref()).into_iter().collect();
        let resolution = match self.conflict {
            None => "",
            Some(Conflict::Nothing) => ",resolution=ignore-duplicates",
            Some(Conflict::Update) => ",resolution=merge-duplicates",
        };
        if self.conflict.is_some() {
            query.push("on_conflict=id".into());
        }
        let prefer = prefer(self.returning.is_some(), resolution);
        ("POST", format!("/{}?{}", table.name, query.join("&")), Some(Json::Array(rows.collect())), prefer)
    }
}

fn qualified(table: &Table, columns: &[usize], row: &str) -> String {
    columns.iter().map(|c| format!("{row}.{}", table.columns[*c].name)).collect::<Vec<_>>().join(", ")
}

fn returning_sql(table: &Table, columns: Option<&[usize]>, row: &str) -> String {
    columns.map_or(String::new(), |columns| format!(" returning {}", qualified(table, columns, row)))
}

fn select(table: &Table, columns: Option<&[usize]>) -> Option<String> {
    columns.map(|columns| format!("select={}", table.names(columns).replace(", ", ",")))
}

fn prefer(returning: bool, more: &str) -> String {
    let returned = if returning { "representation" } else { "minimal" };
    format!("return={returned},count=exact{more}")
}

fn object<'a>(table: &Table, values: impl Iterator<Item = (usize, &'a Value)>) -> Json {
    Json::Object(values.map(|(c, value)| (table.columns[c].name.clone(), value.json())).collect())
}

/// A term as a filter of the REST API.
fn query_term(table: &Table, term: &Expr) -> Option<String> {
    let name = |column: &usize| &table.columns[*column].name;
    Some(match term {
        Expr::Compare(c, comparison, value) => {
            let word = match comparison {
                Comparison::Equal => "eq",
                Comparison::NotEqual => "neq",
                Comparison::Less => "lt",
                Comparison::LessOrEqual => "lte",
                Comparison::Greater => "gt",
                Comparison::GreaterOrEqual => "gte",
            };
            format!("{}={word}.{}", name(c), escaped(&value.text()))
        }
        Expr::Flag(c) => format!("{}=is.true", name(c)),
        Expr::IsNull(c, true) => format!("{}=is.null", name(c)),
        Expr::IsNull(c, false) => format!("{}=not.is.null", name(c)),
        Expr::IsDistinct(c, value) if *value != Value::Null => {
            format!("{}=isdistinct.{}", name(c), escaped(&value.text()))
        }
        // The API asks an array column `= any ('{...}')`, which has no arrays of arrays.
        Expr::In(c, values, negated)
            if values.iter().all(|value| *value != Value::Null) && table.columns[*c].kind != Kind::Texts =>
        {
            let not = if *negated { "not." } else { "" };
            let values: Vec<String> = values.iter().map(|value| format!("%22{}%22", escaped(&value.text()))).collect();
            format!("{}={not}in.({})", name(c), values.join(","))
        }
        _ => return None,
    })
}

fn escaped(text: &str) -> String {
    text.bytes()
        .map(|byte| if byte.is_ascii_alphanumeric() { (byte as char).to_string() } else { format!("%{byte:02X}") })
        .collect()
}
