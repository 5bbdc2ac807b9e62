//! RETURNING.
//!
//! SQLite's own serves plain expressions over the row. What reads more (subqueries, the other tables of an UPDATE) is computed
//! by a further step over the rows that the write gave back.

use std::ops::ControlFlow;

use basalt_core::{Error, Result};
use sqlparser::ast;

use super::Wanted;
use super::target::Target;
use crate::compile::parse::parse_expr;
use crate::compile::policy::has_query;
use crate::compile::scope::{Clause, CteColumn, Scope, Source};
use crate::compile::typed::{CastContext, Form, Typed};
use crate::compile::{Compiler, session, steps};
use crate::program::{HIDDEN, Output, Probe};
use crate::visit::visit_mut;

/// What a write gives back.
pub(super) struct Returning {
    items: Vec<ast::SelectItem>,
    /// Whether an upsert's row has to tell whether it is a new one.
    pub asks_inserted: bool,
}

impl Returning {
    /// Takes the clause, if there is one. `xmax = 0` asks whether an INSERT's row is a new one: `is_upsert` says whether that
    /// is not certain.
    pub fn new(items: Option<&[ast::SelectItem]>, is_upsert: bool) -> Result<Option<Returning>> {
        let Some(items) = items else { return Ok(None) };
        let mut items = items.to_vec();
        let question = if is_upsert { format!("\"{}\"()", session::IS_INSERTED) } else { "true".to_owned() };
        let question = parse_expr(&question)?;
        let mut inserted = Inserted { question, asked: false };
        let _ = visit_mut(&mut items, &mut inserted);
        Ok(Some(Returning { items, asks_inserted: is_upsert && inserted.asked }))
    }

    /// Whether it reads columns of the target.
    pub fn reads(&self, target: &Target) -> bool {
        let wildcard = |item: &ast::SelectItem| {
            matches!(item, ast::SelectItem::Wildcard(_) | ast::SelectItem::QualifiedWildcard(..))
        };
        self.items.iter().any(wildcard) || target.is_read_in(&self.items)
    }

    /// Whether SQLite's RETURNING can't give it.
    pub fn needs_a_step(&self) -> bool {
        has_query(&self.items)
    }

    /// Binds it over a scope, converted to the types that are wanted.
    pub fn bind(
        &self,
        compiler: &mut Compiler<'_>,
        scope: &Scope<'_>,
        wanted: Wanted<'_>,
    ) -> Result<Vec<(String, Typed)>> {
        scope.clause.set(Clause::Rows("RETURNING"));
        let bound = compiler.bind_projection(scope, &self.items)?;
        if wanted.types.is_some_and(|types| types.len() != bound.len()) {
            return Err(Error::new(
                "42P13",
                "return type mismatch in function: RETURNING gives another number of columns",
            ));
        }
        let mut columns = Vec::new();
        for (index, (name, value)) in bound.into_iter().enumerate() {
            let value = match wanted.types.map(|types| &types[index]) {
                Some((ty, typmod)) => compiler.coerce(value, ty, *typmod, CastContext::Assignment)?,
                None => value,
            };
            columns.push((name, compiler.storable(value)?));
        }
        Ok(columns)
    }
}

/// Ends the step of a write, whose SQLite statement lacks only RETURNING. `source` is what RETURNING refers to: SQLite's own
/// columns of the table after the write; `table` the same for the base table.
pub(super) fn end_write(
    compiler: &mut Compiler<'_>,
    target: &Target,
    source: Source,
    sql: String,
    probe: Probe,
    returning: Option<&Returning>,
    wanted: Wanted<'_>,
) -> Result<Vec<CteColumn>> {
    let Some(returning) = returning else {
        let output = if *wanted.output == Output::Result { Output::Result } else { Output::Discard };
        compiler.end_step(sql, output, Some(probe));
        return Ok(Vec::new());
    };
    if returning.needs_a_step() {
        let slot = capture_table(compiler, target, sql, probe);
        let alias = compiler.alias(&target.alias);
        let table = captured_table(compiler, target, &alias, 0);
        let mut scope = Scope::new(wanted.outer);
        scope.sources.push(target.named_source(compiler, &table)?);
        return select_step(compiler, returning, &scope, &format!("pg_rows({slot}) AS {alias}"), wanted);
    }
    let mut scope = Scope::new(wanted.outer);
    scope.sources.push(source);
    let bound = returning.bind(compiler, &scope, wanted)?;
    if *wanted.output == Output::Result && bound.iter().all(tells_nothing) {
        compiler.end_step(sql, Output::Result, Some(probe));
        return Ok(Vec::new());
    }
    let list: Vec<&str> = bound.iter().map(|(_, value)| value.sql.as_str()).collect();
    let sql = format!("{sql} RETURNING {}", list.join(", "));
    compiler.end_step(sql, wanted.output.clone(), Some(probe));
    Ok(steps::described(bound))
}

/// Whether a column tells only that there is a row: SQLite counts what a write changes, and would first gather the rows of
/// RETURNING in a table of its own.
fn tells_nothing((name, value): &(String, Typed)) -> bool {
    name.starts_with(HIDDEN) && matches!(value.form, Form::Constant(_))
}

/// Ends the step of a write with all columns of its table captured: the slot.
pub(super) fn capture_table(compiler: &mut Compiler<'_>, target: &Target, sql: String, probe: Probe) -> usize {
    let slot = compiler.slot();
    let columns = super::target::column_list(&target.table.columns);
    compiler.end_step(format!("{sql} RETURNING {columns}"), Output::Capture(slot), Some(probe));
    slot
}

/// The same with the row's number before the columns.
pub(super) fn capture_keyed(compiler: &mut Compiler<'_>, target: &Target, sql: String, probe: Probe) -> Result<usize> {
    let slot = compiler.slot();
    let columns = super::target::column_list(&target.table.columns);
    let sql = format!("{sql} RETURNING {}, {columns}", target.rowid()?);
    compiler.end_step(sql, Output::Capture(slot), Some(probe));
    Ok(slot)
}

/// The table's columns as captured rows, the first in column `first` of the slot.
pub(super) fn captured_table(compiler: &mut Compiler<'_>, target: &Target, alias: &str, first: usize) -> Source {
    let mut source = target.table_source(compiler, alias);
    for (index, column) in source.columns.iter_mut().enumerate() {
        column.sql = format!("{alias}.c{}", first + index);
        column.collated = false;
    }
    source
}

/// A last step that computes RETURNING over captured rows.
pub(super) fn select_step(
    compiler: &mut Compiler<'_>,
    returning: &Returning,
    scope: &Scope<'_>,
    from: &str,
    wanted: Wanted<'_>,
) -> Result<Vec<CteColumn>> {
    let bound = returning.bind(compiler, scope, wanted)?;
    let list: Vec<&str> = bound.iter().map(|(_, value)| value.sql.as_str()).collect();
    let sql = format!("SELECT {} FROM {from}", list.join(", "));
    compiler.end_step(sql, wanted.output.clone(), None);
    Ok(steps::described(bound))
}

/// Puts the question whether the row is new in the place of `xmax = 0`.
struct Inserted {
    question: ast::Expr,
    asked: bool,
}

impl ast::VisitorMut for Inserted {
    type Break = ();

    fn post_visit_expr(&mut self, expr: &mut ast::Expr) -> ControlFlow<()> {
        if is_xmax_zero(expr) {
            *expr = self.question.clone();
            self.asked = true;
        }
        ControlFlow::Continue(())
    }
}

fn is_xmax_zero(expr: &ast::Expr) -> bool {
    let ast::Expr::BinaryOp { left, op: ast::BinaryOperator::Eq, right } = expr else { return false };
    let xmax = matches!(&**left, ast::Expr::Identifier(i) if i.value.eq_ignore_ascii_case("xmax"));
    let zero = matches!(&**right, ast::Expr::Value(v) if matches!(&v.value, ast::Value::Number(n, _) if n == "0"));
    xmax && zero
}
