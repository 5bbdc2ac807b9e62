//! INSERT, UPDATE and DELETE.
//!
//! Checks that PostgreSQL makes before a table's own constraints (row policies, domains, keys that SQLite would fill in) are
//! `pg_require(...)` calls within the values written: those are computed for exactly the rows that are written, before SQLite
//! looks at NOT NULL, CHECK and UNIQUE.

mod arbiter;
mod before;
mod computed;
mod conflict;
mod delete;
mod insert;
mod refused_view;
mod returning;
mod rows;
mod target;
mod update;
mod values;

#[cfg(test)]
mod tests;

use basalt_core::{Error, Result};
use basalt_types::{Type, Typmod};
use sqlparser::ast;

use super::Compiler;
use super::scope::{CteColumn, Scope};
use super::typed::Typed;
use crate::program::Output;

/// What the surroundings of a write want of it.
#[derive(Clone, Copy)]
pub(super) struct Wanted<'w> {
    /// The `with` queries and function arguments that it may refer to.
    pub outer: Option<&'w Scope<'w>>,
    /// What becomes of the rows of RETURNING.
    pub output: &'w Output,
    /// The types that RETURNING's columns are converted to: a function's result.
    pub types: Option<&'w [(Type, Option<Typmod>)]>,
}

/// Makes steps of a write. The answer is RETURNING's columns, by which `pg_rows` gives them when they are captured;
/// empty without RETURNING.
///
/// Errors: PostgreSQL's own (42P01, 42703, 428C9, 42P10, ...); 0A000 for MERGE.
pub(super) fn write(
    compiler: &mut Compiler<'_>,
    statement: &ast::Statement,
    wanted: Wanted<'_>,
) -> Result<Vec<CteColumn>> {
    compiler.writes = true;
    match statement {
        ast::Statement::Insert(insert) => insert::insert(compiler, insert, wanted),
        ast::Statement::Update(update) => update::update(compiler, update, wanted),
        ast::Statement::Delete(delete) => delete::delete(compiler, delete, wanted),
        ast::Statement::Merge(_) => Err(Error::unsupported(
            "MERGE is not supported",
            "Write INSERT ... ON CONFLICT, or UPDATE and DELETE in a function.",
        )),
        _ => Err(Error::new("42601", "INSERT, UPDATE or DELETE expected")),
    }
}

/// `first` after the demands are met: SQLite source that raises the first unmet one.
fn demanding(demands: &[String], first: &str) -> String {
    // SQLite may look at the right operand of AND first, but never into a branch not taken.
    demands.iter().rev().fold(first.to_owned(), |rest, demand| format!("iif({demand}, {rest}, NULL)"))
}

/// The SQLite sources of conditions.
fn sources(conditions: Vec<Typed>) -> impl Iterator<Item = String> {
    conditions.into_iter().map(|condition| condition.sql)
}
