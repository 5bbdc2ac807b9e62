//! Whether a statement of a dump makes what Basalt has made already, or is about what is not there.

use basalt_core::Result;
use sqlparser::tokenizer::Token;

use super::super::cursor::{Cursor, RawName};
use super::{NOT_CARRIED, is_service};
use crate::script::first_word;
use crate::{Catalog, Name};

/// Functions of `auth` that come with Basalt; others there are the project's.
const AUTH_FUNCTIONS: [&str; 4] = ["uid", "role", "email", "jwt"];
/// Roles that a dump names and does not make.
pub(in crate::ddl) const SERVICE_ROLES: [&str; 14] = [
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

/// What an import makes of a statement.
pub(super) enum Judgement {
    Runs,
    /// It made what comes with Basalt.
    IsThere,
    /// What it is about is not there.
    IsMissed(String),
    /// It runs in other words.
    RunsAs(&'static str),
}

/// Judges a statement that carries no rows.
pub(super) fn judge(sql: &str, catalog: &Catalog) -> Judgement {
    let words = ["create", "alter", "drop", "comment", "grant", "revoke", "select"];
    if !first_word(sql).is_some_and(|first| words.iter().any(|word| first.eq_ignore_ascii_case(word))) {
        return Judgement::Runs;
    }
    // What can't be read is told by whoever runs it.
    let Ok(mut cursor) = Cursor::new(sql) else { return Judgement::Runs };
    let mut judge = Judge { cursor: &mut cursor, catalog };
    match judge.cursor.accept_any(&words) {
        Some("create") => judge.create(),
        Some("alter") => judge.alter(),
        Some("drop") => judge.drop(),
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
                match name == "public" {
                    // It is there in any new database, unless the dump has dropped it before.
                    true => Judgement::RunsAs("create schema if not exists public"),
                    false => there(is_service(Some(&name))),
                }
            }
            Some("function" | "procedure") => there(self.is_service_function()?),
            Some("event trigger") => {
                self.cursor.skip_to(&["execute function", "execute procedure"]);
                there(self.is_service_function()?)
            }
            Some("constraint trigger" | "trigger") => self.trigger()?,
            Some("policy") => self.policy()?,
            Some("unique index" | "index") => {
                self.cursor.skip_to(&["on"]);
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
        self.cursor.skip_to(&["on"]);
        let table = self.cursor.name()?;
        self.cursor.skip_to(&["execute function", "execute procedure"]);
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

    /// What `pg_dump --clean` drops before it makes it again; of what comes with Basalt, nothing.
    fn drop(&mut self) -> Result<Judgement> {
        let kinds =
            ["schema", "function", "procedure", "event trigger", "trigger", "policy", "extension", "publication"];
        let others = ["table", "materialized view", "view", "sequence", "type", "domain", "index"];
        let kind = self.cursor.accept_any(&[&kinds[..], &others].concat());
        self.cursor.accept("if exists");
        Ok(match kind {
            Some("event trigger") => Judgement::IsThere,
            Some("schema") => there(is_service(Some(&self.cursor.ident()?))),
            Some("function" | "procedure") => there(self.is_service_function()?),
            Some("extension") => there(SERVICE_EXTENSIONS.contains(&self.cursor.ident()?.as_str())),
            Some("publication") => {
                let name = self.cursor.ident()?;
                there(self.catalog.publications.contains_key(&name) || is_of_messages(&name))
            }
            Some("policy") => {
                self.cursor.skip_to(&["on"]);
                there(is_service(self.cursor.name()?.schema.as_deref()))
            }
            Some("trigger") => {
                let name = self.cursor.ident()?;
                self.cursor.expect("on")?;
                let table = self.cursor.name()?;
                let relation = self.catalog.relation(table.schema.as_deref().unwrap_or_default(), &table.name);
                let trigger = relation.and_then(|relation| relation.triggers.iter().find(|other| other.name == name));
                // Basalt's own on PostgreSQL, by which it keeps the change log.
                if name.starts_with("_basalt_") {
                    return Ok(Judgement::IsThere);
                }
                let is_project_s = trigger.is_some_and(|trigger| !is_service(Some(&trigger.function.schema)));
                there(is_service(table.schema.as_deref()) && !is_project_s)
            }
            Some(_) => there(is_service(self.cursor.name()?.schema.as_deref())),
            None => Judgement::Runs,
        })
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
            self.cursor.skip_to(&["on"]);
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
        self.cursor.skip_to(&["on"]);
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
        let sequence = Name::new(&schema, &name.name);
        // By its column: PostgreSQL's catalog is read without its sequences.
        let mut columns = self.catalog.relations.values().flat_map(|relation| &relation.columns);
        let is_known = columns.any(|column| column.sequence.as_ref() == Some(&sequence));
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
