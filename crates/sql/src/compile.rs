//! A query or write, and who runs it, become a [`Program`] for SQLite.

use basalt_core::Result;
use basalt_types::{Type, Typmod};
use sqlparser::ast;

use crate::catalog::Relation;
use crate::{Catalog, Program};

/// Compiles one PostgreSQL statement (SELECT, VALUES, INSERT, UPDATE, DELETE, WITH ...) as `role`.
///
/// Unqualified names are looked up in `search_path`. Parameters are `$1`, ...; each takes the type that its context gives it, as
/// PostgreSQL infers it; one that nothing decides is text.
///
/// Errors: PostgreSQL's own (42P01, 42703, 42883, 42804, 42501, ...), with a position; 0A000 for what this engine lacks.
pub fn compile(_catalog: &Catalog, _role: &str, _search_path: &[String], _sql: &str) -> Result<Program> {
    unimplemented!()
}

/// An expression over one relation's columns, compiled for a CHECK, DEFAULT, generated column, index or partial index.
#[derive(Debug, Clone)]
pub struct Expression {
    /// SQLite source. Columns are bare quoted names.
    pub sql: String,
    /// Its type.
    pub ty: Type,
}

/// Compiles an expression of DDL. It may not contain subqueries, and what depends on the session only where `allow_session`
/// (defaults, which are compiled into each INSERT anyway).
pub fn expression(
    _catalog: &Catalog,
    _relation: Option<&Relation>,
    _expr: &ast::Expr,
    _expected: Option<(&Type, Option<Typmod>)>,
) -> Result<Expression> {
    unimplemented!()
}

/// A view's columns as its query gives them.
#[derive(Debug, Clone)]
pub struct ViewColumn {
    /// Name.
    pub name: String,
    /// Type.
    pub ty: Type,
    /// Modifier, where the column is a plain one.
    pub typmod: Option<Typmod>,
    /// The base table and column it is, when it is a plain column of the top SELECT.
    pub source: Option<(crate::Name, String)>,
}

/// Checks a view's query and tells its columns.
pub fn view_columns(_catalog: &Catalog, _search_path: &[String], _query: &ast::Query) -> Result<Vec<ViewColumn>> {
    unimplemented!()
}

/// Checks that a policy's expression compiles over its table and is boolean.
pub fn check_policy(_catalog: &Catalog, _relation: &Relation, _expr: &str) -> Result<()> {
    unimplemented!()
}

/// Checks a function's body: every statement compiles, and the last one's columns fit the declared result.
pub fn check_routine(_catalog: &Catalog, _routine: &crate::catalog::Routine) -> Result<()> {
    unimplemented!()
}
