//! Rows that are written: what INSERT takes them from, and a row's new values as something policies can be asked of.

use std::borrow::Cow;
use std::sync::Arc;

use basalt_core::{Error, Result};
use basalt_types::{Type, Typmod};
use sqlparser::ast;

use super::target::Target;
use super::values;
use crate::catalog::{Column, Identity, Privilege, Relation};
use crate::compile::Compiler;
use crate::compile::domain::in_domain;
use crate::compile::parse::{Overriding, overriding, parse_expr};
use crate::compile::scope::{Clause, Scope, Source};
use crate::compile::typed::{CastContext, Form, Typed};
use crate::compile::types::fold;
use crate::definition_path;
use crate::quote;

/// What INSERT takes its rows from.
pub(super) struct Rows {
    /// An entry for FROM: its source and its alias, both SQLite. None for a single row of expressions.
    pub from: Option<(String, String)>,
    /// Whether computing it again might give something else.
    pub volatile: bool,
    /// For each column of the table what the statement says of it; `None` asks for the default.
    pub given: Vec<Option<Typed>>,
}

impl Rows {
    /// Binds the source of an INSERT and demands the privilege to insert.
    ///
    /// Errors: 42601 when the number of values is wrong, 428C9 for a value where only DEFAULT may stand.
    pub fn bind(
        compiler: &mut Compiler<'_>,
        target: &Target,
        insert: &ast::Insert,
        outer: Option<&Scope<'_>>,
    ) -> Result<Rows> {
        let explicit = !insert.columns.is_empty();
        let overriding = overriding(insert);
        let mut listed = listed_columns(compiler, target, &insert.columns)?;
        let Some(query) = &insert.source else {
            target.require(compiler, &[], Privilege::Insert)?;
            return Ok(Rows { from: None, volatile: false, given: vec![None; target.table.columns.len()] });
        };
        let called = called_rows(compiler, query, outer)?;
        let query = called.as_ref().unwrap_or(query);
        let (from, volatile, cells) = match plain_values(query) {
            Some(rows) => {
                let rows = rows.iter().map(|row| compiler.without_stars(outer, &row.content));
                let rows = rows.collect::<Result<Vec<_>>>()?;
                check_width(rows.first().map_or(0, |row| row.len()), &mut listed, explicit)?;
                bind_values(compiler, target, &listed, &rows, outer)?
            }
            None => {
                let mut columns = Vec::new();
                for &index in &listed {
                    columns.push((target.named.columns[index].ty.clone(), target.named.columns[index].typmod));
                }
                bind_select(compiler, target, &mut listed, explicit, query, &columns, outer)?
            }
        };
        target.require(compiler, &listed, Privilege::Insert)?;
        let mut given: Vec<Option<Typed>> = vec![None; target.table.columns.len()];
        for (&index, cell) in listed.iter().zip(cells) {
            let base = target.base(index, "insert into")?;
            given[base] = match overriding {
                Some(Overriding::User) if target.table_column(base).identity.is_some() => None,
                _ => cell,
            };
            if given[base].is_some() {
                refuse_value(target, base, overriding)?;
            }
        }
        Ok(Rows { from, volatile, given })
    }
}

type Cells = (Option<(String, String)>, bool, Vec<Option<Typed>>);

/// The columns that an INSERT lists (indices in `named`); all without a list.
fn listed_columns(compiler: &Compiler<'_>, target: &Target, names: &[ast::ObjectName]) -> Result<Vec<usize>> {
    if names.is_empty() {
        return Ok((0..target.named.columns.len()).collect());
    }
    let mut listed = Vec::new();
    for name in names {
        let [part] = name.0.as_slice() else {
            return Err(Error::unsupported("inserting into a field is not supported", "Insert the whole column."));
        };
        let ident = part.as_ident().ok_or_else(|| Error::new("42601", "a column name expected"))?;
        let index = target.column(compiler, ident)?;
        if listed.contains(&index) {
            let error = Error::new("42701", format!("column \"{}\" specified more than once", fold(ident)));
            return Err(compiler.place(error, ident.span));
        }
        listed.push(index);
    }
    Ok(listed)
}

/// The rows of a VALUES list that is the whole query.
fn plain_values(query: &ast::Query) -> Option<&[ast::Parens<Vec<ast::Expr>>]> {
    match &*query.body {
        ast::SetExpr::Values(values)
            if query.with.is_none()
                && query.order_by.is_none()
                && query.limit_clause.is_none()
                && query.fetch.is_none() =>
        {
            Some(&values.rows)
        }
        _ => None,
    }
}

/// A single row of VALUES with set-returning calls, as the SELECT that it is.
fn called_rows(
    compiler: &mut Compiler<'_>,
    query: &ast::Query,
    outer: Option<&Scope<'_>>,
) -> Result<Option<Box<ast::Query>>> {
    let Some([row]) = plain_values(query) else { return Ok(None) };
    if !compiler.has_set_calls(&row.content) {
        return Ok(None);
    }
    let row = compiler.without_stars(outer, &row.content)?;
    let mut rows = crate::compile::set_item::a_query()?;
    if let ast::SetExpr::Select(select) = &mut *rows.body {
        select.projection = row.iter().cloned().map(ast::SelectItem::UnnamedExpr).collect();
    }
    Ok(Some(rows))
}

/// Compares the number of values with that of columns; without a list, the first columns are meant.
fn check_width(width: usize, listed: &mut Vec<usize>, explicit: bool) -> Result<()> {
    if width > listed.len() {
        return Err(Error::new("42601", "INSERT has more expressions than target columns"));
    }
    if width < listed.len() {
        if explicit {
            return Err(Error::new("42601", "INSERT has more target columns than expressions"));
        }
        listed.truncate(width);
    }
    Ok(())
}

fn bind_values(
    compiler: &mut Compiler<'_>,
    target: &Target,
    listed: &[usize],
    rows: &[Cow<'_, [ast::Expr]>],
    outer: Option<&Scope<'_>>,
) -> Result<Cells> {
    if rows.iter().any(|row| row.len() != listed.len()) {
        return Err(Error::new("42601", "VALUES lists must all be the same length"));
    }
    let scope = Scope::new(outer);
    scope.clause.set(Clause::Rows("VALUES"));
    let columns: Vec<Column> = listed.iter().map(|&index| target.assigned_column(index)).collect();
    if let [row] = rows {
        let mut cells = Vec::new();
        for (column, expr) in columns.iter().zip(row.iter()) {
            cells.push(match values::is_default(expr) {
                true => None,
                false => Some(values::bind(compiler, &scope, expr, column)?),
            });
        }
        return Ok((None, false, cells));
    }
    // A column that every row leaves to its default is left out, so that generated columns can stand in the list.
    let said: Vec<bool> = (0..listed.len()).map(|at| rows.iter().any(|row| !values::is_default(&row[at]))).collect();
    let mut not_null = vec![true; listed.len()];
    let mut lines = Vec::new();
    for row in rows {
        let mut line = Vec::new();
        for (at, (&index, expr)) in listed.iter().zip(row.iter()).enumerate() {
            if !said[at] {
                continue;
            }
            let value = if values::is_default(expr) {
                let base = target.base(index, "insert into")?;
                values::default_of(compiler, &target.table, target.table_column(base), None)?
            } else {
                values::bind(compiler, &scope, expr, &columns[at])?
            };
            not_null[at] &= value.not_null;
            line.push(value.sql);
        }
        lines.push(format!("({})", if line.is_empty() { "NULL".to_owned() } else { line.join(", ") }));
    }
    let alias = compiler.alias("rows");
    let source = compiler.source_id();
    let mut position = 0;
    let mut cells = Vec::new();
    for (at, column) in columns.iter().enumerate() {
        if !said[at] {
            cells.push(None);
            continue;
        }
        position += 1;
        let mut cell = column_of(source, format!("{alias}.column{position}"), column.ty.clone(), column.typmod);
        cell.not_null = not_null[at];
        cells.push(Some(cell));
    }
    Ok((Some((format!("(VALUES {})", lines.join(", ")), alias)), false, cells))
}

fn bind_select(
    compiler: &mut Compiler<'_>,
    target: &Target,
    listed: &mut Vec<usize>,
    explicit: bool,
    query: &ast::Query,
    columns: &[(Type, Option<Typmod>)],
    outer: Option<&Scope<'_>>,
) -> Result<Cells> {
    let bound = compiler.bind_query_as(outer, query, columns).map_err(|error| name_column(error, target, listed))?;
    check_width(bound.columns.len(), listed, explicit)?;
    let alias = compiler.alias("rows");
    let source = compiler.source_id();
    let mut cells = Vec::new();
    for (&index, given) in listed.iter().zip(&bound.columns) {
        let sql = format!("{alias}.{}", quote::ident(&given.sqlite));
        let mut cell = column_of(source, sql, given.ty.clone(), given.typmod);
        cell.not_null = given.not_null;
        cells.push(Some(match target.assigned_column(index).domain {
            Some(domain) => in_domain(compiler, cell, &domain)?,
            None => cell,
        }));
    }
    Ok((Some((format!("({})", bound.sql), alias)), bound.effects.volatile, cells))
}

/// 42804 for a query's column names the table's column that it doesn't fit: the first of that type.
fn name_column(error: Error, target: &Target, listed: &[usize]) -> Error {
    let fits = |index: usize| {
        let column = &target.named.columns[index];
        let wanted = error.message().strip_prefix("expression is of type ")?.strip_suffix(" is expected")?;
        let (given, wanted) = wanted.split_once(" where ")?;
        (column.ty.sql_name() == wanted).then(|| (column.name.clone(), given.to_owned(), wanted.to_owned()))
    };
    match listed.iter().find_map(|&index| fits(index)).filter(|_| error.code() == "42804") {
        None => error,
        Some((column, given, wanted)) => {
            let message = format!("column \"{column}\" is of type {wanted} but expression is of type {given}");
            let named = Error::new("42804", message).with_hint("You will need to rewrite or cast the expression.");
            match error.position() {
                Some(position) => named.at(position),
                None => named,
            }
        }
    }
}

fn column_of(source: usize, sql: String, ty: Type, typmod: Option<Typmod>) -> Typed {
    let mut cell = Typed::new(sql, ty);
    cell.typmod = typmod;
    cell.form = Form::Column(source, 0);
    cell
}

/// 428C9 for a value given to a column that only takes DEFAULT.
fn refuse_value(target: &Target, index: usize, overriding: Option<Overriding>) -> Result<()> {
    let column = target.table_column(index);
    let name = &column.name;
    let refused = || Error::new("428C9", format!("cannot insert a non-DEFAULT value into column \"{name}\""));
    if column.generated.is_some() {
        return Err(refused().with_detail(format!("Column \"{name}\" is a generated column.")));
    }
    if column.identity == Some(Identity::Always) && overriding.is_none() {
        return Err(refused()
            .with_detail(format!("Column \"{name}\" is an identity column defined as GENERATED ALWAYS."))
            .with_hint("Use OVERRIDING SYSTEM VALUE to override."));
    }
    Ok(())
}

/// A row that is about to be stored, for policies and DETAIL: the table's columns with these values, and generated
/// columns computed from them.
pub(super) fn new_row(
    compiler: &mut Compiler<'_>,
    relation: &Arc<Relation>,
    value: impl Fn(usize) -> Option<Typed>,
) -> Result<Source> {
    let mut row = compiler.table_source(relation, &relation.name.name, "");
    row.check_privileges = false;
    for (index, column) in row.columns.iter_mut().enumerate() {
        if let Some(value) = value(index) {
            (column.sql, column.not_null, column.collated) = (value.sql, value.not_null, value.collated);
        }
    }
    let scope_over = |row: &Source| {
        let mut scope = Scope::new(None);
        scope.sources.push(row.clone());
        scope
    };
    let scope = scope_over(&row);
    for (index, column) in relation.columns.iter().enumerate() {
        let Some(text) = &column.generated else { continue };
        let expr = parse_expr(text)?;
        let computed = compiler.inside(definition_path(&relation.name.schema), |compiler| {
            let value = compiler.bind_expr(&scope, &expr, Some(&column.ty))?;
            compiler.coerce(value, &column.ty, column.typmod, CastContext::Assignment)
        })?;
        let slot = &mut row.columns[index];
        (slot.sql, slot.not_null, slot.collated) = (format!("({})", computed.sql), false, false);
    }
    Ok(row)
}
