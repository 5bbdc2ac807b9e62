//! Row policies: which rows a command may see or write, as SQLite conditions.
use super::*;
use super::scope::Source;
use super::typed::Typed;
/// What SELECT's policies of a table ask of a row, over the source's columns, or `None` if the role is not bound by policies.
/// `42P17` when the table's policies are already being compiled.
pub(super) fn read_filter(_compiler: &mut Compiler<'_>, _source: &Source) -> Result<Option<Typed>> { Ok(None) }
