//! A definition statement becomes a changed catalog and the SQLite statements that follow it.

use basalt_core::Result;

use crate::Catalog;

/// What the engine has to do for a definition statement, in order, inside the migration's transaction, once it has registered the
/// collations and functions that the changed catalog tells of.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// Run this SQLite statement. A SELECT is run for its errors (`pg_require`).
    Sql(String),
    /// Run these with foreign keys unenforced: a table is rebuilt (its rows keep their keys).
    Rebuild(Vec<String>),
    /// Run this PostgreSQL statement as the owner, through the compiler (a default filled in for old rows, a type changed).
    Statement(String),
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
    /// Forget the state of a sequence.
    DropSequence(String),
    /// Give the state of one sequence another name.
    RenameSequence(String, String),
}

/// What `set` statements of a script leave behind for the ones after them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// Where unqualified names are looked up and, in its first schema, created.
    pub search_path: Vec<String>,
    /// Whether the bodies of functions are checked when they are made (pg_dump turns it off).
    pub check_function_bodies: bool,
}

impl Default for Session {
    fn default() -> Self {
        Session { search_path: vec!["public".into(), "extensions".into()], check_function_bodies: true }
    }
}

/// A catalog with what every database of Basalt has: schemas `public`, `auth`, `storage`, `extensions`, `graphql_public`; roles
/// `postgres` (superuser), `anon`, `authenticated`, `service_role` (bypasses row security), `authenticator`; default privileges that
/// grant all on tables, sequences and functions of `public` to the three API roles.
pub fn bootstrap() -> Catalog {
    unimplemented!()
}

/// Whether the statement defines or sets something (and belongs to [`apply`]) rather than reads or writes rows.
/// A statement that this crate does not know belongs to [`apply`] too, which says so.
pub fn is_definition(_sql: &str) -> bool {
    unimplemented!()
}

/// Applies one definition statement to the catalog and tells what the engine has to do. On an error the catalog is unchanged.
///
/// `sql` is the statement alone, as [`crate::script::split`] gives it: DDL is parsed here, since `sqlparser` knows
/// only part of PostgreSQL's.
///
/// Errors, with their position in `sql`: PostgreSQL's own (42P07, 42701, 42704, ...); 0A000 with what to write instead for what
/// this engine lacks.
pub fn apply(_catalog: &mut Catalog, _session: &mut Session, _sql: &str) -> Result<Vec<Action>> {
    unimplemented!()
}
