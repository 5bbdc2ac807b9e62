//! A definition statement becomes a changed catalog and the SQLite statements that follow it.
//!
//! Each kind of object has its file; [`physical`] writes the SQLite tables, [`depend`] knows what depends on what, and [`source`]
//! keeps expressions and queries so that they mean the same whatever the search path.

mod alter;
mod bootstrap;
mod bound;
mod called_name;
mod captured;
mod column;
mod comment;
mod conflicts;
mod constraint;
pub(crate) mod cursor;
mod data_type;
mod default_privileges;
mod depend;
mod domain;
mod drop;
pub mod dump;
mod exclusion;
mod extension;
mod extension_function;
mod field;
mod function;
mod grant;
mod index;
mod keywords;
mod membership;
mod named;
mod naming;
mod needed_key;
mod overload;
mod part;
mod partial_action;
mod physical;
mod policy;
mod provided;
mod publication;
mod refused;
mod rename;
mod rename_column;
mod rename_label;
mod rename_row;
mod resolve;
mod role;
mod schema;
mod sequence;
mod session;
pub(crate) mod source;
mod table;
mod timing;
mod trigger;
mod truncate;
mod types;
mod unique;
mod view;

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::sync::Arc;

use basalt_core::{Error, Result};

pub use bootstrap::bootstrap;
pub use conflicts::exclusion_triggers;
pub use extension::WITHOUT_RESULTS;
pub use named::{Named, Verb, named};
pub use partial_action::partial_actions;
pub use provided::Provided;
pub use session::{Session, is_definition};
pub use trigger::check_trigger;

use crate::Catalog;
use crate::catalog::{Name, Relation};
use cursor::Cursor;

/// What the engine has to do for a definition statement, in order, inside the migration's transaction, once it has registered the
/// collations and functions that the changed catalog tells of.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// Run this SQLite statement. A SELECT is run for its errors (`pg_require`).
    Sql(String),
    /// Run these with foreign keys unenforced and `legacy_alter_table` set: a table is rebuilt (its rows keep their keys).
    Rebuild(Vec<String>),
    /// Run this PostgreSQL statement as the owner, through the compiler (a default filled in for old rows). No change of rows that
    /// anybody watches.
    Statement(String),
    /// Refuse a value with which no session can begin: a setting's name, and the value.
    JudgeSetting(String, String),
    /// Delete every row of these tables, the last one's first: those that refer to others come last.
    Truncate(Vec<Name>),
    /// Check that no row of this SQLite table violates the named foreign key (23503 otherwise).
    CheckForeignKey {
        /// SQLite table.
        table: String,
        /// The constraint's name.
        constraint: String,
    },
    /// Make the state of a sequence, by `schema.name`.
    CreateSequence(String),
    /// Restart a sequence at a value.
    RestartSequence(String, i64),
    /// Check that a sequence, by `schema.name`, stands within its bounds (22023 otherwise).
    CheckSequence(String),
    /// Forget the state of a sequence.
    DropSequence(String),
    /// Give the state of one sequence another name.
    RenameSequence(String, String),
}

/// Applies one definition statement to the catalog and tells what the engine has to do. On an error the catalog is unchanged.
///
/// `sql` is the statement alone, as [`crate::script::split`] gives it: DDL is parsed here, since `sqlparser` knows
/// only part of PostgreSQL's.
///
/// Errors, with their position in `sql`: PostgreSQL's own (42P07, 42701, 42704, ...); 0A000 with what to write instead for what
/// this engine lacks.
pub fn apply(catalog: &mut Catalog, session: &mut Session, sql: &str) -> Result<Vec<Action>> {
    let mut next = session.clone();
    let mut change = Change {
        catalog: catalog.clone(),
        session: &mut next,
        cursor: Cursor::new(sql)?,
        actions: Vec::new(),
        converted: BTreeSet::new(),
        rewrite: None,
    };
    change.statement()?;
    change.cursor.finish()?;
    let Change { catalog: mut changed, actions, .. } = change;
    changed.version += 1;
    *catalog = changed;
    *session = next;
    Ok(actions)
}

/// One definition statement while it is applied.
struct Change<'a> {
    /// The catalog as the statement leaves it.
    catalog: Catalog,
    session: &'a mut Session,
    cursor: Cursor<'a>,
    actions: Vec<Action>,
    /// Columns whose values an `alter table` converts: keys over them are judged when all that it says is done.
    converted: BTreeSet<String>,
    /// The table whose columns an `alter table` gives other types, while it does.
    rewrite: Option<alter::Rewrite>,
}

impl Change<'_> {
    fn statement(&mut self) -> Result<()> {
        if self.session_statement()? {
            return Ok(());
        }
        let word = ["create", "alter", "drop", "comment on", "grant", "revoke", "truncate"];
        match self.cursor.accept_any(&word) {
            Some("create") => self.create(),
            Some("alter") => self.alter(),
            Some("drop") => self.drop_statement(),
            Some("comment on") => self.comment(),
            Some("grant") => self.grant(),
            Some("revoke") => self.revoke(),
            Some("truncate") => self.truncate(),
            _ => Err(self.refused()),
        }
    }

    fn create(&mut self) -> Result<()> {
        let replace = self.cursor.accept("or replace");
        let kinds = [
            "table",
            "unlogged table",
            "view",
            "function",
            "trigger",
            "type",
            "domain",
            "schema",
            "sequence",
            "policy",
            "role",
            "user",
            "group",
            "extension",
            "unique index",
            "index",
            "database",
            "statistics",
            "publication",
        ];
        let at = self.cursor.offset();
        match self.cursor.accept_any(&kinds) {
            Some("view") => self.create_view(replace),
            Some("function") => self.create_function(replace),
            Some("trigger") => self.create_trigger(replace),
            Some(_) if replace => Err(Error::new("42601", "syntax error at or near \"replace\"").at(at)),
            Some("table" | "unlogged table") => self.create_table(),
            Some("type") => self.create_type(),
            Some("domain") => self.create_domain(),
            Some("schema") => self.create_schema(),
            Some("sequence") => self.create_sequence(),
            Some("policy") => self.create_policy(),
            Some("role" | "group" | "user") => self.create_role(),
            Some("extension") => self.create_extension(),
            Some("unique index") => self.create_index(true),
            Some("index") => self.create_index(false),
            Some("publication") => self.create_publication(),
            // One file is one database; nobody plans by extended statistics.
            Some(_) => {
                self.cursor.skip_all();
                Ok(())
            }
            None => Err(self.refused()),
        }
    }

    fn alter(&mut self) -> Result<()> {
        let kinds = [
            "table",
            "view",
            "function",
            "routine",
            "type",
            "domain",
            "schema",
            "sequence",
            "policy",
            "role",
            "user",
            "group",
            "index",
            "trigger",
            "default privileges",
            "extension",
            "database",
            "statistics",
            "publication",
        ];
        match self.cursor.accept_any(&kinds) {
            Some("table") => self.alter_table(),
            Some("view") => self.alter_view(),
            Some("function" | "routine") => self.alter_function(),
            Some("type") => self.alter_type(),
            Some("domain") => self.alter_domain(),
            Some("schema") => self.alter_schema(),
            Some("sequence") => self.alter_sequence(),
            Some("policy") => self.alter_policy(),
            Some("role" | "user" | "group") => self.alter_role(),
            Some("index") => self.alter_index(),
            Some("trigger") => self.alter_trigger(),
            Some("default privileges") => self.alter_default_privileges(),
            Some("extension") => self.alter_extension(),
            Some("publication") => self.alter_publication(),
            Some("database") => self.alter_database(),
            // As in `create`.
            Some(_) => {
                self.cursor.skip_all();
                Ok(())
            }
            None => Err(self.refused()),
        }
    }

    fn push(&mut self, sql: String) {
        self.actions.push(Action::Sql(sql));
    }

    /// The relation, to be changed.
    fn relation_mut(&mut self, name: &Name) -> Result<&mut Relation> {
        match self.catalog.relations.get_mut(name) {
            Some(relation) => Ok(Arc::make_mut(relation)),
            None => Err(Error::internal(format!("relation {name} went missing"))),
        }
    }

    /// The relation as it is now.
    fn relation(&self, name: &Name) -> Result<Arc<Relation>> {
        let found = self.catalog.relations.get(name).cloned();
        found.ok_or_else(|| Error::internal(format!("relation {name} went missing")))
    }

    /// The name for messages: bare where the search path finds it.
    fn show(&self, name: &Name) -> String {
        if self.path().any(|schema| schema == name.schema) { name.name.clone() } else { name.to_string() }
    }

    /// `owner to role`, the role read.
    fn owner_to(&mut self) -> Result<Option<String>> {
        if self.cursor.accept("owner to") { self.role().map(Some) } else { Ok(None) }
    }

    /// `set schema s`, the schema read and checked.
    fn set_schema(&mut self) -> Result<Option<String>> {
        if !self.cursor.accept("set schema") {
            return Ok(None);
        }
        let at = self.cursor.offset();
        let schema = self.cursor.ident()?;
        self.check_schema(&schema).map_err(|e| e.at(at))?;
        Ok(Some(schema))
    }

    /// `rename to name`, the name read.
    fn rename_to(&mut self) -> Result<Option<String>> {
        if self.cursor.accept("rename to") { self.cursor.ident().map(Some) } else { Ok(None) }
    }
}
