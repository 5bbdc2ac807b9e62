//! A definition statement becomes a changed catalog and the SQLite statements that follow it.

use basalt_core::Result;
use sqlparser::ast;

use crate::Catalog;

/// What the engine has to do for a definition statement, in order, inside the migration's transaction.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// Run this SQLite statement.
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
}

/// A catalog with what every database of Basalt has: schemas `public`, `auth`, `storage`, `extensions`, `graphql_public`; roles
/// `postgres` (superuser), `anon`, `authenticated`, `service_role` (bypasses row security), `authenticator`; default privileges that
/// grant all on tables, sequences and functions of `public` to the three API roles.
pub fn bootstrap() -> Catalog {
    unimplemented!()
}

/// Whether the statement defines something (and belongs to [`apply`]) rather than reads or writes rows.
pub fn is_definition(_statement: &ast::Statement) -> bool {
    unimplemented!()
}

/// Applies a definition statement to the catalog and tells what the engine has to do.
///
/// `search_path` is where unqualified names are looked up (and, its first, created). `sql` is the statement's source.
///
/// Errors: PostgreSQL's own (42P07, 42701, 42704, ...); 0A000 with what to write instead for what this engine lacks.
pub fn apply(
    _catalog: &mut Catalog,
    _search_path: &mut Vec<String>,
    _statement: &ast::Statement,
    _sql: &str,
) -> Result<Vec<Action>> {
    unimplemented!()
}
