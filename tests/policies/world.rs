//! A small database as data: tables, rows, row policies, functions, views and grants, and the script that makes it.

use std::collections::BTreeSet;
use std::fmt::Write;

use serde_json::{Value as Json, json};

use super::expression::Expr;

/// Who may ask.
pub const ROLES: [&str; 4] = ["anon", "authenticated", "service_role", "keeper"];

/// The labels of the enum `level`.
pub const LEVELS: [&str; 3] = ["low", "mid", "high"];

/// A database.
#[derive(Debug, Clone)]
pub struct World {
    pub tables: Vec<Table>,
    pub functions: Vec<Function>,
    pub views: Vec<View>,
}

#[derive(Debug, Clone)]
pub struct Table {
    pub name: String,
    /// The first is `id integer primary key`.
    pub columns: Vec<Column>,
    pub rows: Vec<Row>,
    pub row_security: bool,
    pub force: bool,
    pub owner: &'static str,
    pub policies: Vec<Policy>,
    /// By role, in the order of [`ROLES`].
    pub rights: [Rights; 4],
}

pub type Row = Vec<Value>;

#[derive(Debug, Clone)]
pub struct Column {
    pub name: String,
    pub kind: Kind,
    pub not_null: bool,
    /// A foreign key to the id of a table, and whether deletes cascade.
    pub references: Option<(usize, bool)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Int,
    Text,
    Bool,
    Uuid,
    Numeric,
    Level,
    Texts,
}

#[derive(Debug, Clone, PartialEq, PartialOrd)]
pub enum Value {
    Null,
    Int(i64),
    Text(String),
    Bool(bool),
    Uuid(String),
    /// Hundredths.
    Numeric(i64),
    Level(usize),
    Texts(Vec<String>),
}

/// Columns by index.
#[derive(Debug, Clone, PartialEq)]
pub enum Columns {
    All,
    Only(BTreeSet<usize>),
}

/// What a role may do with a table.
#[derive(Debug, Clone, PartialEq)]
pub struct Rights {
    pub select: Columns,
    pub insert: Columns,
    pub update: Columns,
    pub delete: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Command {
    All,
    Select,
    Insert,
    Update,
    Delete,
}

#[derive(Debug, Clone)]
pub struct Policy {
    pub name: String,
    pub permissive: bool,
    pub command: Command,
    /// Empty for everybody.
    pub roles: Vec<&'static str>,
    pub using: Option<Expr>,
    pub check: Option<Expr>,
}

/// `f(x integer) returns boolean`: whether a table has the row `x` and it satisfies the condition.
#[derive(Debug, Clone)]
pub struct Function {
    pub name: String,
    pub table: usize,
    pub condition: Expr,
    /// SECURITY DEFINER, by this owner.
    pub definer: Option<&'static str>,
}

#[derive(Debug, Clone)]
pub struct View {
    pub name: String,
    pub table: usize,
    pub columns: Vec<usize>,
    pub condition: Expr,
    /// Runs as its owner rather than as its caller.
    pub owner: Option<&'static str>,
}

impl Value {
    /// As PostgreSQL source.
    pub fn sql(&self) -> String {
        match self {
            Value::Null => "null".into(),
            Value::Int(n) => n.to_string(),
            Value::Bool(b) => b.to_string(),
            other => format!("'{}'", other.text().replace('\'', "''")),
        }
    }

    /// In PostgreSQL's text form.
    pub fn text(&self) -> String {
        match self {
            Value::Null => "null".into(),
            Value::Int(n) => n.to_string(),
            Value::Bool(b) => b.to_string(),
            Value::Text(text) | Value::Uuid(text) => text.clone(),
            Value::Numeric(n) => format!("{}{}.{:02}", if *n < 0 { "-" } else { "" }, n.abs() / 100, n.abs() % 100),
            Value::Level(index) => LEVELS[*index].into(),
            Value::Texts(texts) => format!("{{{}}}", texts.join(",")),
        }
    }

    /// As the engines show it.
    pub fn json(&self) -> Json {
        match self {
            Value::Null => Json::Null,
            Value::Int(n) => json!(n),
            Value::Bool(b) => json!(b),
            Value::Numeric(n) => json!(*n as f64 / 100.0),
            Value::Texts(texts) => json!(texts),
            other => json!(other.text()),
        }
    }
}

impl Kind {
    fn sql(self) -> &'static str {
        match self {
            Kind::Int => "integer",
            Kind::Text => "text",
            Kind::Bool => "boolean",
            Kind::Uuid => "uuid",
            Kind::Numeric => "numeric",
            Kind::Level => "level",
            Kind::Texts => "text[]",
        }
    }
}

impl Columns {
    pub fn contains(&self, column: usize) -> bool {
        match self {
            Columns::All => true,
            Columns::Only(columns) => columns.contains(&column),
        }
    }

    pub fn is_empty(&self) -> bool {
        matches!(self, Columns::Only(columns) if columns.is_empty())
    }
}

impl Rights {
    pub const ALL: Rights = Rights { select: Columns::All, insert: Columns::All, update: Columns::All, delete: true };
    pub const NONE: Rights = Rights {
        select: Columns::Only(BTreeSet::new()),
        insert: Columns::Only(BTreeSet::new()),
        update: Columns::Only(BTreeSet::new()),
        delete: false,
    };
}

impl Table {
    /// The names of columns, separated by commas.
    pub fn names(&self, columns: &[usize]) -> String {
        columns.iter().map(|c| self.columns[*c].name.as_str()).collect::<Vec<_>>().join(", ")
    }
}

impl World {
    /// The script that makes it, for both engines.
    pub fn script(&self) -> String {
        let mut sql = String::from("create type level as enum ('low', 'mid', 'high');\n");
        for table in &self.tables {
            self.create_table(&mut sql, table);
        }
        for function in &self.functions {
            self.create_function(&mut sql, function);
        }
        for (index, table) in self.tables.iter().enumerate() {
            self.protect(&mut sql, index, table);
        }
        for view in &self.views {
            self.create_view(&mut sql, view);
        }
        sql
    }

    fn create_table(&self, sql: &mut String, table: &Table) {
        let column = |column: &Column| {
            let mut text = format!("{} {}", column.name, column.kind.sql());
            if column.name == "id" {
                text.push_str(" primary key");
            } else if column.not_null {
                text.push_str(" not null");
            }
            if let Some((to, cascades)) = column.references {
                let _ = write!(text, " references {}", self.tables[to].name);
                text.push_str(if cascades { " on delete cascade" } else { "" });
            }
            text
        };
        let columns: Vec<String> = table.columns.iter().map(column).collect();
        let _ = writeln!(sql, "create table {} ({});", table.name, columns.join(", "));
        for row in &table.rows {
            let values: Vec<String> = row.iter().map(Value::sql).collect();
            let _ = writeln!(sql, "insert into {} values ({});", table.name, values.join(", "));
        }
    }

    fn create_function(&self, sql: &mut String, function: &Function) {
        let Function { name, table, condition, definer } = function;
        let condition = condition.sql(self, *table, "r");
        let security = if definer.is_some() { " security definer" } else { "" };
        let table = &self.tables[*table].name;
        let _ = writeln!(
            sql,
            "create function {name}(x integer) returns boolean language sql stable{security} as \
             $$ select exists (select 1 from {table} r where r.id = x and {condition}) $$;"
        );
        if let Some(owner) = definer.filter(|owner| *owner != "postgres") {
            let _ = writeln!(sql, "alter function {name}(integer) owner to {owner};");
        }
    }

    fn protect(&self, sql: &mut String, index: usize, table: &Table) {
        let name = &table.name;
        for policy in &table.policies {
            let kind = if policy.permissive { "" } else { " as restrictive" };
            let command = format!("{:?}", policy.command).to_lowercase();
            let roles = if policy.roles.is_empty() { "public".to_owned() } else { policy.roles.join(", ") };
            let _ = write!(sql, "create policy {} on {name}{kind} for {command} to {roles}", policy.name);
            for (word, expr) in [("using", &policy.using), ("with check", &policy.check)] {
                if let Some(expr) = expr {
                    let _ = write!(sql, " {word} ({})", expr.sql(self, index, name));
                }
            }
            sql.push_str(";\n");
        }
        if table.row_security {
            let _ = writeln!(sql, "alter table {name} enable row level security;");
        }
        if table.force {
            let _ = writeln!(sql, "alter table {name} force row level security;");
        }
        for (role, rights) in ROLES.iter().zip(&table.rights) {
            if *rights == Rights::ALL && *role != "keeper" {
                continue;
            }
            let _ = writeln!(sql, "revoke all on {name} from {role};");
            for (word, columns) in [("select", &rights.select), ("insert", &rights.insert), ("update", &rights.update)]
            {
                let columns = match columns {
                    Columns::All => String::new(),
                    Columns::Only(columns) if columns.is_empty() => continue,
                    Columns::Only(columns) => {
                        format!(" ({})", table.names(&columns.iter().copied().collect::<Vec<_>>()))
                    }
                };
                let _ = writeln!(sql, "grant {word}{columns} on {name} to {role};");
            }
            if rights.delete {
                let _ = writeln!(sql, "grant delete on {name} to {role};");
            }
        }
        if table.owner != "postgres" {
            let _ = writeln!(sql, "alter table {name} owner to {};", table.owner);
        }
    }

    fn create_view(&self, sql: &mut String, view: &View) {
        let table = &self.tables[view.table];
        let columns: Vec<String> = view.columns.iter().map(|c| format!("r.{}", table.columns[*c].name)).collect();
        let _ = writeln!(
            sql,
            "create view {} with (security_invoker = {}) as select {} from {} r where {};",
            view.name,
            view.owner.is_none(),
            columns.join(", "),
            table.name,
            view.condition.sql(self, view.table, "r")
        );
        if let Some(owner) = view.owner.filter(|owner| *owner != "postgres") {
            let _ = writeln!(sql, "alter view {} owner to {owner};", view.name);
        }
    }
}
