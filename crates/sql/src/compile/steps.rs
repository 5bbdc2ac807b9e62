//! Programs of several steps.
use super::*;
use super::typed::Typed;
use super::scope::CteColumn;
/// A query, which may have data-modifying CTEs, becomes steps; `super::plain_query` does the plain case.
pub(super) fn query(compiler: &mut Compiler<'_>, query: &ast::Query) -> Result<Vec<OutputColumn>> { super::plain_query(compiler, query) }
/// INSERT, UPDATE or DELETE becomes steps.
pub(super) fn write(_compiler: &mut Compiler<'_>, _statement: &ast::Statement) -> Result<Vec<OutputColumn>> { unimplemented!() }
/// Rows that a function's steps captured.
pub(super) struct Captured {
    /// The slot of `pg_rows(slot)`.
    pub slot: usize,
    /// Its columns (`sqlite` is `c0`, ...).
    pub columns: Vec<CteColumn>,
}
/// Runs a function that is more than one query (several statements, or writes) in steps before the current one, and keeps
/// the last statement's rows. The arguments are over no source. The role is the function's already.
pub(super) fn run_routine(_compiler: &mut Compiler<'_>, _routine: &crate::catalog::Routine, _statements: &[ast::Statement], _args: Vec<Typed>) -> Result<Captured> { unimplemented!() }
