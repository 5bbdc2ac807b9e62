//! Values on their way into columns: conversion, domains, defaults, and keys that SQLite would otherwise fill in.

use basalt_core::{Error, Result};
use basalt_types::{Type, Value};
use sqlparser::ast;

use crate::catalog::{Column, Relation};
use crate::compile::domain::in_domain;
use crate::compile::parse::parse_expr;
use crate::compile::policy::require;
use crate::compile::scope::Scope;
use crate::compile::typed::{CastContext, Form, Typed};
use crate::compile::types::fold;
use crate::compile::{Compiler, session};
use crate::definition_path;

/// The keyword DEFAULT where an expression could stand.
pub(super) fn is_default(expr: &ast::Expr) -> bool {
    matches!(expr, ast::Expr::Identifier(i) if i.quote_style.is_none() && i.value.eq_ignore_ascii_case("default"))
}

/// Binds an expression that is assigned to a column.
pub(super) fn bind(compiler: &mut Compiler<'_>, scope: &Scope<'_>, expr: &ast::Expr, column: &Column) -> Result<Typed> {
    let value = compiler.bind_expr(scope, expr, Some(&column.ty))?;
    let span = ast::Spanned::span(expr);
    to_column(compiler, value, column).map_err(|error| compiler.place(error, span))
}

/// Converts a value as an assignment to the column does, its domain's demands included.
pub(super) fn to_column(compiler: &mut Compiler<'_>, value: Typed, column: &Column) -> Result<Typed> {
    let value = match is_sequence_value(&value) && column.ty.is_integer() {
        true => Typed { ty: column.ty.clone(), ..value },
        false => {
            let given = value.ty.clone();
            let assigned = compiler.coerce(value, &column.ty, column.typmod, CastContext::Assignment);
            assigned.map_err(|error| unassignable(error, &given, column))?
        }
    };
    match &column.domain {
        Some(domain) => in_domain(compiler, value, domain),
        None => Ok(value),
    }
}

fn is_sequence_value(value: &Typed) -> bool {
    value.ty == Type::INT8 && value.sql.starts_with("pg_nextval('") && value.sql.ends_with("')")
}

/// 42804 in an assignment's words.
fn unassignable(error: Error, given: &Type, column: &Column) -> Error {
    if !matches!(error.code(), "42804" | "42846") || *given == Type::UNKNOWN {
        return error;
    }
    let wanted = column.domain.as_ref().map_or_else(|| column.ty.sql_name(), |domain| domain.name.clone());
    let name = &column.name;
    Error::new("42804", format!("column \"{name}\" is of type {wanted} but expression is of type {}", given.sql_name()))
        .with_hint("You will need to rewrite or cast the expression.")
}

/// What a column gets when nothing is said: identity, its default, its domain's, or NULL. `row` is a column of the rows that get it.
pub(super) fn default_of(
    compiler: &mut Compiler<'_>,
    relation: &Relation,
    column: &Column,
    row: Option<&str>,
) -> Result<Typed> {
    if let (Some(_), Some(sequence)) = (column.identity, &column.sequence) {
        return to_column(compiler, session::nextval(sequence), column);
    }
    let domain = column.domain.as_ref().and_then(|name| compiler.catalog.domains.get(name));
    let Some(text) = column.default.as_deref().or_else(|| domain.and_then(|domain| domain.default.as_deref())) else {
        return to_column(compiler, Typed::constant(Value::Null, Type::UNKNOWN), column);
    };
    let expr = parse_expr(text)?;
    let scope = Scope::new(None);
    let around = std::mem::replace(&mut compiler.each_row, row.map(str::to_owned));
    let path = definition_path(&relation.name.schema);
    let value = compiler.inside(path, |compiler| bind(compiler, &scope, &expr, column));
    compiler.each_row = around;
    value
}

/// The column that is SQLite's rowid: a primary key of one column that SQLite knows as INTEGER, where NULL would mean a new number.
pub(super) fn rowid_column(relation: &Relation) -> Option<usize> {
    let [key] = relation.primary_key()? else { return None };
    relation.columns.iter().position(|column| column.name == *key && column.ty.is_stored_as_integer())
}

/// SQLite source of a value as it is written to a column: for the rowid, PostgreSQL's not-null error in place of NULL.
pub(super) fn stored(relation: &Relation, index: usize, value: &Typed) -> String {
    if value.not_null || rowid_column(relation) != Some(index) {
        return value.sql.clone();
    }
    let (column, table) = (&relation.columns[index].name, &relation.name.name);
    let message = format!("null value in column \"{column}\" of relation \"{table}\" violates not-null constraint");
    or_fail(value.clone(), "23502", &message).sql
}

fn or_fail(value: Typed, code: &str, message: &str) -> Typed {
    let never = Typed::constant(Value::from(false), Type::BOOL);
    let sql = format!("coalesce({}, {})", value.sql, require(&never, code, message).sql);
    Typed { sql, not_null: true, leakproof: false, form: Form::Other, ..value }
}

/// Assignments of SET as columns (indices in the target's `named`) with their expressions, in order.
///
/// Errors: 42703, 42601 for a column set twice, 0A000 for a row that is neither written out nor a subquery.
pub(super) fn assignments(
    compiler: &Compiler<'_>,
    target: &super::target::Target,
    list: &[ast::Assignment],
) -> Result<Vec<(usize, ast::Expr)>> {
    let mut assigned: Vec<(usize, ast::Expr)> = Vec::new();
    for assignment in list {
        match &assignment.target {
            ast::AssignmentTarget::ColumnName(name) => {
                assigned.push((set_column(compiler, target, name)?, assignment.value.clone()));
            }
            ast::AssignmentTarget::Tuple(names) => {
                let values = tuple_values(&assignment.value, names.len())?;
                for (name, value) in names.iter().zip(values) {
                    assigned.push((set_column(compiler, target, name)?, value));
                }
            }
        }
    }
    for (at, (index, _)) in assigned.iter().enumerate() {
        if assigned[..at].iter().any(|(earlier, _)| earlier == index) {
            let name = &target.named.columns[*index].name;
            return Err(Error::new("42601", format!("multiple assignments to same column \"{name}\"")));
        }
    }
    Ok(assigned)
}

/// The columns that SET lists.
pub(super) fn set_columns(list: &[ast::Assignment]) -> Vec<&ast::Ident> {
    let names = list.iter().flat_map(|assignment| match &assignment.target {
        ast::AssignmentTarget::ColumnName(name) => std::slice::from_ref(name),
        ast::AssignmentTarget::Tuple(names) => names,
    });
    names.filter_map(written_column).collect()
}

/// The column that a name in the list of an INSERT, or in SET, begins with.
pub(super) fn written_column(name: &ast::ObjectName) -> Option<&ast::Ident> {
    name.0.first().and_then(|part| part.as_ident())
}

fn set_column(compiler: &Compiler<'_>, target: &super::target::Target, name: &ast::ObjectName) -> Result<usize> {
    let ident = written_column(name).ok_or_else(|| Error::new("42601", "a column name expected"))?;
    // PostgreSQL takes `t.a` for the field `a` of a column `t`.
    let index = target.column(compiler, ident)?;
    if name.0.len() > 1 {
        return Err(Error::unsupported(
            format!("assigning to a field of column \"{}\" is not supported", fold(ident)),
            "Assign the whole column.",
        ));
    }
    Ok(index)
}

/// The values of `(a, b) = ...`, one by one.
fn tuple_values(value: &ast::Expr, columns: usize) -> Result<Vec<ast::Expr>> {
    let mismatch = || Error::new("42601", "number of columns does not match number of values");
    let values = match value {
        ast::Expr::Tuple(values) => values.clone(),
        ast::Expr::Nested(value) => vec![(**value).clone()],
        ast::Expr::Function(row) if row.name.to_string().eq_ignore_ascii_case("row") => match &row.args {
            ast::FunctionArguments::List(list) => list.args.iter().filter_map(plain_argument).cloned().collect(),
            _ => Vec::new(),
        },
        ast::Expr::Subquery(query) => return split_subquery(query, columns),
        _ => {
            return Err(Error::new(
                "0A000",
                "source for a multiple-column UPDATE item must be a sub-SELECT or ROW() expression",
            ));
        }
    };
    if values.len() == columns { Ok(values) } else { Err(mismatch()) }
}

fn plain_argument(arg: &ast::FunctionArg) -> Option<&ast::Expr> {
    match arg {
        ast::FunctionArg::Unnamed(ast::FunctionArgExpr::Expr(expr)) => Some(expr),
        _ => None,
    }
}

/// One subquery for each column of a subquery: `(select c1 from (...) as _ (c0, c1))`.
fn split_subquery(query: &ast::Query, columns: usize) -> Result<Vec<ast::Expr>> {
    let names: Vec<String> = (0..columns).map(|column| format!("c{column}")).collect();
    let one = |name: &String| {
        let mut expr = parse_expr(&format!("(SELECT {name} FROM (SELECT 1) AS _ ({}))", names.join(", ")))?;
        if let ast::Expr::Subquery(outer) = &mut expr
            && let ast::SetExpr::Select(select) = &mut *outer.body
            && let Some(ast::TableFactor::Derived { subquery, .. }) =
                select.from.first_mut().map(|from| &mut from.relation)
        {
            **subquery = query.clone();
        }
        Ok(expr)
    };
    names.iter().map(one).collect()
}
