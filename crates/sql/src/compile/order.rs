//! ORDER BY, LIMIT and OFFSET.

use basalt_core::{Error, Result};
use basalt_types::{Type, Value};
use sqlparser::ast::{
    Expr, Fetch, LimitClause, OrderBy, OrderByExpr, OrderByKind, OrderByOptions, OrderBySort, Value as Literal,
};

use super::cast::require;
use super::compiler::Compiler;
use super::expr::bare;
use super::scope::{Clause, Scope};
use super::typed::{CastContext, Form, Typed};
use super::types::fold;

/// A key as SQLite's ORDER BY wants it: NULLs where PostgreSQL puts them, which is last going up and first going down.
pub(super) fn key(value: &Typed, options: &OrderByOptions) -> Result<String> {
    Ok(format!("{}{}", value.collated_sql(), direction(value.not_null, options)?))
}

/// Direction and place of NULLs, where they differ from SQLite's own.
pub(super) fn direction(not_null: bool, options: &OrderByOptions) -> Result<String> {
    let descending = match &options.sort {
        None | Some(OrderBySort::Asc) => false,
        Some(OrderBySort::Desc) => true,
        Some(OrderBySort::Using(_)) => {
            return Err(Error::unsupported("ORDER BY ... USING is not supported", "Write ASC or DESC."));
        }
    };
    let nulls_first = options.nulls_first.unwrap_or(descending);
    let place = match (descending, nulls_first) {
        _ if not_null => "",
        (false, false) => " NULLS LAST",
        (true, true) => " NULLS FIRST",
        _ => "",
    };
    Ok(format!("{}{place}", if descending { " DESC" } else { "" }))
}

/// The keys of an ORDER BY clause.
pub(super) fn keys(order: Option<&OrderBy>) -> Result<&[OrderByExpr]> {
    match order.map(|o| &o.kind) {
        None => Ok(&[]),
        Some(OrderByKind::Expressions(keys)) => Ok(keys),
        Some(OrderByKind::All(_)) => Err(Error::new("42601", "syntax error at or near \"ALL\"")),
    }
}

/// A key's position in the select list: a number, or (for a name by itself) an output column's name.
pub(super) fn position(expr: &Expr, names: &[String], clause: &str) -> Result<Option<usize>> {
    match bare(expr) {
        Expr::Value(value) => match &value.value {
            Literal::Number(digits, _) => match digits.parse::<usize>() {
                Ok(n) if (1..=names.len()).contains(&n) => Ok(Some(n - 1)),
                Ok(n) => Err(Error::new("42P10", format!("{clause} position {n} is not in select list"))),
                Err(_) => Err(Error::new("42601", format!("non-integer constant in {clause}"))),
            },
            Literal::Placeholder(_) | Literal::Null => Ok(None),
            _ => Err(Error::new("42601", format!("non-integer constant in {clause}"))),
        },
        _ => Ok(None),
    }
}

/// The output column that a bare name means in ORDER BY.
pub(super) fn output_name(expr: &Expr, names: &[String]) -> Result<Option<usize>> {
    let Expr::Identifier(ident) = bare(expr) else { return Ok(None) };
    let name = fold(ident);
    Ok(names.iter().position(|n| *n == name))
}

/// How many rows of a query are wanted.
#[derive(Default)]
pub(super) struct Limit {
    /// As SQLite has it, with a leading space.
    pub sql: String,
    /// Whether at most one row comes out.
    pub at_most_one: bool,
    /// For FETCH ... WITH TIES, the condition of the rows by their places.
    pub ties: Option<String>,
}

impl Compiler<'_> {
    /// LIMIT, OFFSET and FETCH as SQLite has them.
    pub(super) fn bind_limit(
        &mut self,
        scope: &Scope<'_>,
        limit: Option<&LimitClause>,
        fetch: Option<&Fetch>,
    ) -> Result<Limit> {
        scope.clause.set(Clause::Rows("LIMIT"));
        let (mut limit, offset) = match limit {
            None => (None, None),
            Some(LimitClause::LimitOffset { limit, offset, .. }) => (limit.as_ref(), offset.as_ref().map(|o| &o.value)),
            Some(LimitClause::OffsetCommaLimit { .. }) => {
                return Err(Error::new("42601", "LIMIT #,# syntax is not supported")
                    .with_hint("Use separate LIMIT and OFFSET clauses."));
            }
        };
        let one = Expr::Value(Literal::Number("1".to_owned(), false).with_empty_span());
        if let Some(fetch) = fetch {
            if fetch.percent {
                return Err(Error::new("42601", "syntax error at or near \"PERCENT\""));
            }
            limit = Some(fetch.quantity.as_ref().unwrap_or(&one));
        }
        let with_ties = fetch.is_some_and(|fetch| fetch.with_ties);
        let limit = limit.map(|e| self.bind_count(scope, e, "LIMIT", "2201W")).transpose()?.flatten();
        let offset = offset.map(|e| self.bind_count(scope, e, "OFFSET", "2201X")).transpose()?.flatten();
        if with_ties {
            let Some(limit) = limit else {
                return Err(Error::new("2201W", "row count cannot be null in FETCH FIRST ... WITH TIES clause"));
            };
            let offset = offset.as_deref().unwrap_or("0");
            // Places as `with_ties` numbers them.
            let ties = format!("{limit} > 0 AND _r <= {limit} + {offset} AND _o > {offset}");
            return Ok(Limit { ties: Some(ties), ..Limit::default() });
        }
        let at_most_one = limit.as_deref().is_some_and(|l| matches!(l, "0" | "1"));
        let sql = match (limit, offset) {
            (None, None) => String::new(),
            (Some(limit), None) => format!(" LIMIT {limit}"),
            (limit, Some(offset)) => format!(" LIMIT {} OFFSET {offset}", limit.as_deref().unwrap_or("-1")),
        };
        Ok(Limit { sql, at_most_one, ties: None })
    }

    fn bind_count(
        &mut self,
        scope: &Scope<'_>,
        expr: &Expr,
        clause: &str,
        code: &'static str,
    ) -> Result<Option<String>> {
        let value = self.bind_expr(scope, expr, Some(&Type::INT8))?;
        let value = self.coerce(value, &Type::INT8, None, CastContext::Assignment)?;
        let message = format!("{clause} must not be negative");
        match value.form {
            Form::Constant(Value::Null) => Ok(None),
            Form::Constant(Value::Int(n)) if n < 0 => Err(Error::new(code, message)),
            Form::Constant(_) => Ok(Some(value.sql)),
            _ => {
                let none = if clause == "LIMIT" { "-1" } else { "0" };
                let refused = require("0", code, &message);
                Ok(Some(format!("CASE WHEN {0} < 0 THEN {refused} ELSE coalesce({0}, {none}) END", value.sql)))
            }
        }
    }
}
