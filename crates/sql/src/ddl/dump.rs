//! A dump of a whole database, read for what is there already: services' schemas come with Basalt, so that of these only the rows
//! are taken, parents before their children.

use std::collections::BTreeSet;

use basalt_core::Result;
use sqlparser::ast::{SetExpr, Statement};
use sqlparser::tokenizer::Token;

use super::cursor::{Cursor, RawName};
use crate::compile::parse_statement;
use crate::script::{Piece, first_word};
use crate::{Catalog, Name, quote};

/// Schemas of services: Basalt's, and those that only Supabase has.
const SERVICES: [&str; 16] = [
    "auth",
    "basalt",
    "extensions",
    "graphql",
    "graphql_public",
    "pgbouncer",
    "pgsodium",
    "pgsodium_masks",
    "realtime",
    "storage",
    "supabase_functions",
    "supabase_migrations",
    "vault",
    "_analytics",
    "_realtime",
    "_supavisor",
];
/// Schemas whose rows are each database's own: what was applied and imported, what is on its way to clients.
const NOT_CARRIED: [&str; 3] = ["basalt", "realtime", "supabase_migrations"];
/// Functions of `auth` that come with Basalt; others there are the project's.
const AUTH_FUNCTIONS: [&str; 4] = ["uid", "role", "email", "jwt"];
/// Roles that a dump names and does not make.
const SERVICE_ROLES: [&str; 14] = [
    "pg_database_owner",
    "dashboard_user",
    "pgbouncer",
    "pgsodium_keyholder",
    "pgsodium_keyiduser",
    "pgsodium_keymaker",
    "supabase_admin",
    "supabase_auth_admin",
    "supabase_etl_admin",
    "supabase_functions_admin",
    "supabase_read_only_user",
    "supabase_realtime_admin",
    "supabase_replication_admin",
    "supabase_storage_admin",
];
/// Extensions that serve only Supabase's own services.
const SERVICE_EXTENSIONS: [&str; 3] = ["pgjwt", "pgsodium", "pg_graphql"];

/// What an import runs of a script.
#[derive(Debug, Default)]
pub struct Dump<'a> {
    /// The pieces, in the order in which they run.
    pub pieces: Vec<Taken<'a>>,
    /// What was left out and may be missed: rows of tables, triggers and policies over tables that are not there.
    pub passed_over: BTreeSet<String>,
}

/// A piece that is run.
#[derive(Debug)]
pub enum Taken<'a> {
    /// As it is written.
    AsIs(Piece<'a>),
    /// Without the columns that the table lacks: the statement, the data of a `copy`, and where the piece began.
    Reduced {
        /// The statement.
        sql: String,
        /// The rows of a `copy`.
        data: Option<String>,
        /// Byte offset in the file.
        offset: usize,
    },
}

impl Taken<'_> {
    /// The piece, to be run.
    pub fn piece(&self) -> Piece<'_> {
        match self {
            Taken::AsIs(piece) => piece.clone(),
            Taken::Reduced { sql, data: Some(data), offset } => Piece::Copy { sql, data, offset: *offset },
            Taken::Reduced { sql, data: None, offset } => Piece::Statement { sql, offset: *offset },
        }
    }
}

/// Tells what of a script's pieces an import runs in a database with this catalog.
pub fn read<'a>(pieces: Vec<Piece<'a>>, catalog: &Catalog) -> Dump<'a> {
    let mut dump = Dump::default();
    let (mut rows, mut rows_at) = (Vec::new(), None);
    for piece in pieces {
        let Some((sql, _)) = piece.statement() else { continue };
        let Some(target) = target_of_rows(sql).filter(|name| is_service(name.schema.as_deref())) else {
            match judge(sql, catalog) {
                Judgement::Runs => dump.pieces.push(Taken::AsIs(piece)),
                Judgement::IsThere => {}
                Judgement::IsMissed(what) => drop(dump.passed_over.insert(what)),
            }
            continue;
        };
        let is_empty = matches!(piece, Piece::Copy { data: "", .. });
        let schema = target.schema.unwrap_or_default();
        if is_empty || NOT_CARRIED.contains(&schema.as_str()) {
            continue;
        }
        let name = Name::new(schema, target.name);
        if catalog.relations.contains_key(&name) {
            rows_at.get_or_insert(dump.pieces.len());
            rows.push((name.clone(), reduced(piece, &name, catalog)));
        } else {
            dump.passed_over.insert(format!("rows of {name}"));
        }
    }
    rows.sort_by_cached_key(|(name, _)| depth(name, catalog, &mut Vec::new()));
    let at = rows_at.unwrap_or_default();
    dump.pieces.splice(at..at, rows.into_iter().map(|(_, taken)| taken));
    dump
}

/// How many foreign keys lie between the table and one that has none.
fn depth(name: &Name, catalog: &Catalog, above: &mut Vec<Name>) -> usize {
    let Some(relation) = catalog.relations.get(name).filter(|_| !above.contains(name)) else { return 0 };
    above.push(name.clone());
    let others = relation.foreign_keys().map(|(_, key)| &key.target).filter(|target| *target != name);
    let depth = others.map(|target| depth(target, catalog, above) + 1).max().unwrap_or(0);
    above.pop();
    depth
}

enum Judgement {
    Runs,
    /// It made what comes with Basalt.
    IsThere,
    /// What it is about is not there.
    IsMissed(String),
}

fn is_service(schema: Option<&str>) -> bool {
    schema.is_some_and(|schema| SERVICES.contains(&schema))
}

/// The table of `copy` or `insert`, as it is written.
pub(super) fn target_of_rows(sql: &str) -> Option<RawName> {
    let word = first_word(sql)?;
    let words = if word.eq_ignore_ascii_case("copy") {
        "copy"
    } else if word.eq_ignore_ascii_case("insert") {
        "insert into"
    } else {
        return None;
    };
    // Rows may be long, and come behind the name.
    let head = &sql[..sql.find('(').unwrap_or(sql.len())];
    let mut cursor = Cursor::new(head).ok()?;
    cursor.accept(words).then(|| cursor.name().ok())?
}

fn judge(sql: &str, catalog: &Catalog) -> Judgement {
    let words = ["create", "alter", "comment", "grant", "revoke", "select"];
    if !first_word(sql).is_some_and(|first| words.iter().any(|word| first.eq_ignore_ascii_case(word))) {
        return Judgement::Runs;
    }
    // What can't be read is told by whoever runs it.
    let Ok(mut cursor) = Cursor::new(sql) else { return Judgement::Runs };
    let mut judge = Judge { cursor: &mut cursor, catalog };
    match judge.cursor.accept_any(&words) {
        Some("create") => judge.create(),
        Some("alter") => judge.alter(),
        Some("comment") => judge.comment(),
        Some("select") => judge.setval(),
        _ => judge.privileges(),
    }
    .unwrap_or(Judgement::Runs)
}

/// One statement while it is judged.
struct Judge<'j, 'a> {
    cursor: &'j mut Cursor<'a>,
    catalog: &'j Catalog,
}

/// There already, if so.
fn there(is_there: bool) -> Judgement {
    if is_there { Judgement::IsThere } else { Judgement::Runs }
}

impl Judge<'_, '_> {
    fn create(&mut self) -> Result<Judgement> {
        self.cursor.accept("or replace");
        let kinds = ["schema", "function", "procedure", "event trigger", "constraint trigger", "trigger", "policy"];
        let others = ["unique index", "index", "extension", "publication"];
        let relations = ["unlogged table", "table", "materialized view", "view", "sequence", "type", "domain"];
        Ok(match self.cursor.accept_any(&[&kinds[..], &others, &relations].concat()) {
            Some("schema") => {
                self.cursor.accept("if not exists");
                let name = self.cursor.ident()?;
                there(name == "public" || is_service(Some(&name)))
            }
            Some("function" | "procedure") => there(self.is_service_function()?),
            Some("event trigger") => {
                self.skip_to(&["execute function", "execute procedure"]);
                there(self.is_service_function()?)
            }
            Some("constraint trigger" | "trigger") => self.trigger()?,
            Some("policy") => self.policy()?,
            Some("unique index" | "index") => {
                self.skip_to(&["on"]);
                self.cursor.accept("only");
                there(is_service(self.cursor.name()?.schema.as_deref()))
            }
            Some("extension") => {
                self.cursor.accept("if not exists");
                there(SERVICE_EXTENSIONS.contains(&self.cursor.ident()?.as_str()))
            }
            Some("publication") => {
                let name = self.cursor.ident()?;
                there(self.catalog.publications.contains_key(&name) || is_of_messages(&name))
            }
            Some(_) => {
                self.cursor.accept("if not exists");
                there(is_service(self.cursor.name()?.schema.as_deref()))
            }
            None => Judgement::Runs,
        })
    }

    /// A trigger's function may be a service's, or its table one that is not there.
    fn trigger(&mut self) -> Result<Judgement> {
        let name = self.cursor.ident()?;
        self.skip_to(&["on"]);
        let table = self.cursor.name()?;
        self.skip_to(&["execute function", "execute procedure"]);
        let function = self.cursor.name()?;
        let missed = Judgement::IsMissed(format!("trigger \"{name}\" on {}", table.text()));
        let schema = function.schema.as_deref();
        Ok(match (is_service(table.schema.as_deref()), is_service(schema) && schema != Some("extensions")) {
            (true, true) => Judgement::IsThere,
            (false, true) if schema == Some("basalt") => Judgement::IsThere,
            (false, true) => missed,
            (true, false) if !self.is_known(&table) => missed,
            _ => Judgement::Runs,
        })
    }

    /// Policies over services' tables are the project's, but for those that came with the tables.
    fn policy(&mut self) -> Result<Judgement> {
        let name = self.cursor.ident()?;
        self.cursor.expect("on")?;
        let table = self.cursor.name()?;
        if !is_service(table.schema.as_deref()) {
            return Ok(Judgement::Runs);
        }
        let Some(relation) = self.catalog.relation(table.schema.as_deref().unwrap_or_default(), &table.name) else {
            return Ok(Judgement::IsMissed(format!("policy \"{name}\" on {}", table.text())));
        };
        Ok(there(relation.policies.iter().any(|policy| policy.name == name)))
    }

    fn alter(&mut self) -> Result<Judgement> {
        let kinds = [
            "default privileges",
            "event trigger",
            "publication",
            "schema",
            "function",
            "procedure",
            "table",
            "materialized view",
            "view",
            "sequence",
            "type",
            "domain",
            "index",
        ];
        let kind = self.cursor.accept_any(&kinds);
        Ok(match kind {
            Some("default privileges") => self.privileges()?,
            Some("event trigger") => Judgement::IsThere,
            Some("publication") => self.publication()?,
            Some("schema") => {
                let name = self.cursor.ident()?;
                there(is_service(Some(&name)) || self.ends_with_a_service_role())
            }
            Some("function" | "procedure") => there(self.is_service_function()? || self.ends_with_a_service_role()),
            Some(kind) => {
                self.cursor.accept("if exists");
                self.cursor.accept("only");
                let name = self.cursor.name()?;
                // Triggers are put off while rows come.
                let switches = kind == "table" && ["enable", "disable"].iter().any(|word| self.cursor.accept(word));
                match is_service(name.schema.as_deref()) {
                    true => there(!(switches && self.cursor.peek("trigger") && self.is_known(&name))),
                    false => there(self.ends_with_a_service_role()),
                }
            }
            None => Judgement::Runs,
        })
    }

    fn publication(&mut self) -> Result<Judgement> {
        let name = self.cursor.ident()?;
        if is_of_messages(&name) || self.cursor.accept("owner") {
            return Ok(Judgement::IsThere);
        }
        self.cursor.expect("add table")?;
        self.cursor.accept("only");
        Ok(there(is_service(self.cursor.name()?.schema.as_deref())))
    }

    fn comment(&mut self) -> Result<Judgement> {
        self.cursor.expect("on")?;
        if self.cursor.accept("schema") {
            let name = self.cursor.ident()?;
            return Ok(there(is_service(Some(&name)) || self.cursor.sql().ends_with("'standard public schema'")));
        }
        if self.cursor.accept("extension") || self.cursor.accept("event trigger") {
            return Ok(Judgement::IsThere);
        }
        let parts = ["policy", "trigger", "constraint"];
        if self.cursor.accept_any(&parts).is_some() {
            self.skip_to(&["on"]);
        } else if self.cursor.accept("function") {
            return Ok(there(self.is_service_function()?));
        } else {
            // The kind of object: `table`, `column`, ...
            self.cursor.label()?;
        }
        let first = self.cursor.dotted()?;
        Ok(there(first.len() > 1 && is_service(first.first().map(String::as_str))))
    }

    /// `grant`, `revoke`, and what `alter default privileges` says of them.
    fn privileges(&mut self) -> Result<Judgement> {
        if self.ends_with_a_service_role() || self.names_a_service_role() {
            return Ok(Judgement::IsThere);
        }
        if self.cursor.accept("in schema") {
            let name = self.cursor.ident()?;
            return Ok(there(is_service(Some(&name))));
        }
        self.skip_to(&["on"]);
        if self.cursor.accept("function") || self.cursor.accept("procedure") {
            return Ok(there(self.is_service_function()?));
        }
        if self.cursor.accept("schema") {
            let name = self.cursor.ident()?;
            return Ok(there(is_service(Some(&name)) && name != "auth"));
        }
        if self
            .cursor
            .accept_any(&["all tables in schema", "all sequences in schema", "all functions in schema"])
            .is_some()
        {
            let name = self.cursor.ident()?;
            return Ok(there(is_service(Some(&name))));
        }
        let _ = self.cursor.accept_any(&["table", "sequence", "type", "domain"]);
        Ok(there(is_service(self.cursor.name()?.schema.as_deref())))
    }

    /// `select pg_catalog.setval('auth.a_seq', ...)` of a sequence that is not there.
    fn setval(&mut self) -> Result<Judgement> {
        if self.cursor.accept("pg_catalog") {
            self.cursor.accept_token(&Token::Period);
        }
        self.cursor.expect("setval")?;
        self.cursor.expect_token(&Token::LParen)?;
        let text = self.cursor.string()?;
        let name = Cursor::new(&text)?.name()?;
        let schema = name.schema.unwrap_or_default();
        let is_carried = !NOT_CARRIED.contains(&schema.as_str());
        let is_known = self.catalog.sequences.contains_key(&Name::new(&schema, &name.name));
        Ok(there(is_service(Some(&schema)) && !(is_carried && is_known)))
    }

    fn is_known(&self, table: &RawName) -> bool {
        self.catalog.relation(table.schema.as_deref().unwrap_or_default(), &table.name).is_some()
    }

    /// Whether the function that comes next is a service's.
    fn is_service_function(&mut self) -> Result<bool> {
        let name = self.cursor.function_name()?;
        let schema = name.schema.as_deref();
        Ok(is_service(schema) && (schema != Some("auth") || AUTH_FUNCTIONS.contains(&name.name.as_str())))
    }

    /// Reads on until these words were read, or to the end.
    fn skip_to(&mut self, words: &[&str]) {
        while self.cursor.accept_any(words).is_none() && !self.cursor.at_end() {
            self.cursor.skip();
        }
    }

    /// `... owner to r` and `grant ... to r`.
    fn ends_with_a_service_role(&self) -> bool {
        let text = self.cursor.sql().trim_end();
        let text = text.strip_suffix("WITH GRANT OPTION").unwrap_or(text).trim_end();
        let last = text.rsplit(|c: char| c.is_whitespace()).next().unwrap_or_default();
        SERVICE_ROLES.contains(&last.trim_matches('"').to_ascii_lowercase().as_str())
    }

    /// `alter default privileges for role r`.
    fn names_a_service_role(&mut self) -> bool {
        let is_named = self.cursor.accept_any(&["for role", "for user"]).is_some();
        is_named && self.cursor.ident().is_ok_and(|role| SERVICE_ROLES.contains(&role.as_str()))
    }
}

/// The publication by which Supabase follows its own table of messages.
fn is_of_messages(publication: &str) -> bool {
    publication.starts_with("supabase_realtime_messages_publication")
}

/// A piece without the columns that the table lacks.
fn reduced<'a>(piece: Piece<'a>, table: &Name, catalog: &Catalog) -> Taken<'a> {
    let is_there =
        |column: &str| catalog.relations.get(table).is_some_and(|relation| relation.column(column).is_some());
    let taken = match &piece {
        Piece::Copy { sql, offset, data } => reduced_copy(sql, data, table, is_there)
            .map(|(sql, data)| Taken::Reduced { sql, data: Some(data), offset: *offset }),
        Piece::Statement { sql, offset } => {
            reduced_insert(sql, is_there).map(|sql| Taken::Reduced { sql, data: None, offset: *offset })
        }
        Piece::Meta { .. } => None,
    };
    taken.unwrap_or(Taken::AsIs(piece))
}

/// Only in the text format, which dumps are in; nothing if no column is missing.
fn reduced_copy(sql: &str, data: &str, table: &Name, is_there: impl Fn(&str) -> bool) -> Option<(String, String)> {
    let mut cursor = Cursor::new(sql).ok()?;
    cursor.expect("copy").ok()?;
    cursor.name().ok()?;
    let columns = cursor.column_list().ok()?;
    if !cursor.accept("from stdin") || !cursor.at_end() || columns.iter().all(|column| is_there(column)) {
        return None;
    }
    let stay: Vec<bool> = columns.iter().map(|column| is_there(column)).collect();
    let kept = |parts: Vec<String>, with: &str| {
        let parts = parts.into_iter().zip(&stay).filter(|(_, stays)| **stays).map(|(part, _)| part);
        parts.collect::<Vec<_>>().join(with)
    };
    let names = kept(columns.iter().map(|column| quote::ident(column)).collect(), ", ");
    let lines = data.lines().map(|line| kept(line.split('\t').map(str::to_owned).collect(), "\t") + "\n");
    let lines = lines.collect();
    Some((format!("copy {} ({names}) from stdin", table.quoted()), lines))
}

fn reduced_insert(sql: &str, is_there: impl Fn(&str) -> bool) -> Option<String> {
    let Ok(Statement::Insert(mut insert)) = parse_statement(sql) else { return None };
    let stay: Vec<bool> = insert
        .columns
        .iter()
        .map(|column| {
            is_there(&column.0.last().and_then(|part| part.as_ident()).map(super::source::fold).unwrap_or_default())
        })
        .collect();
    if stay.iter().all(|stays| *stays) {
        return None;
    }
    let SetExpr::Values(values) = insert.source.as_mut()?.body.as_mut() else { return None };
    for row in &mut values.rows {
        let mut stays = stay.iter();
        row.retain(|_| stays.next().is_none_or(|stays| *stays));
    }
    let mut stays = stay.iter();
    insert.columns.retain(|_| stays.next().is_none_or(|stays| *stays));
    Some(Statement::Insert(insert).to_string())
}
