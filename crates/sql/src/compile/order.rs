//! ORDER BY, LIMIT and OFFSET.

use basalt_core::{Error, Result};
use basalt_types::{Type, Value};
use sqlparser::ast::{
    Expr, Fetch, LimitClause, OrderBy, OrderByExpr, OrderByKind, OrderByOptions, OrderBySort, UnaryOperator,
    Value as Literal,
};

use super::cast::require;
use super::compiler::Compiler;
use super::expr::bare;
use super::scope::{Clause, Scope};
use super::typed::{CastContext, Form, Typed};
use super::types::fold;

/// A key as SQLite's ORDER BY wants it: NULLs where PostgreSQL puts them, which is last going up and first going down.
///
/// Errors: 42883 for a value that has no order.
pub(super) fn key(value: &Typed, options: &OrderByOptions) -> Result<String> {
    require_order(&value.ty)?;
    Ok(format!("{}{}", unplaced(value), direction(value.not_null, options)?))
}

/// A value as a key of ORDER BY or GROUP BY, which SQLite takes for no position: a bare number would be one.
pub(super) fn unplaced(value: &Typed) -> String {
    let is_number = value.sql.bytes().all(|byte| byte.is_ascii_digit() || b"()+- ".contains(&byte));
    if is_number { format!("({} || '')", value.sql) } else { value.collated_sql() }
}

/// 42883 for values that have to be ordered, of a type that has no order.
pub(super) fn require_order(ty: &Type) -> Result<()> {
    match *ty {
        Type::JSON | Type::JSONPATH => {
            let message = format!("could not identify an ordering operator for type {}", ty.sql_name());
            Err(Error::new("42883", message).with_hint("Use an explicit ordering operator or modify the query."))
        }
        _ => Ok(()),
    }
}

/// Direction and place of NULLs, where they differ from SQLite's own.
pub(super) fn direction(not_null: bool, options: &OrderByOptions) -> Result<String> {
    let descending = match &options.sort {
        None | Some(OrderBySort::Asc) => false,
        Some(OrderBySort::Desc) => true,
        Some(OrderBySort::Using(operator)) => match operator.to_string().as_str() {
            "<" => false,
            ">" => true,
            other => {
                let message = format!("operator {other} is not a valid ordering operator");
                return Err(Error::new("42809", message)
                    .with_hint("Ordering operators must be \"<\" or \">\" members of btree operator families."));
            }
        },
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

/// A key's position in a select list of this width, if it is a constant.
///
/// Errors: 42P10 for a number that is none, 42601 for another constant.
pub(super) fn position(expr: &Expr, width: usize, clause: &str) -> Result<Option<usize>> {
    let number = match (number(expr), bare(expr)) {
        (Some(number), _) => number,
        (None, Expr::Value(value)) if !matches!(value.value, Literal::Placeholder(_)) => String::new(),
        _ => return Ok(None),
    };
    let number: i32 = number.parse().map_err(|_| Error::new("42601", format!("non-integer constant in {clause}")))?;
    match usize::try_from(number) {
        Ok(position) if (1..=width).contains(&position) => Ok(Some(position - 1)),
        _ => Err(Error::new("42P10", format!("{clause} position {number} is not in select list"))),
    }
}

/// A number with its sign, which PostgreSQL's grammar makes one constant of.
fn number(expr: &Expr) -> Option<String> {
    match bare(expr) {
        Expr::Value(value) => match &value.value {
            Literal::Number(digits, _) => Some(digits.clone()),
            _ => None,
        },
        Expr::UnaryOp { op: UnaryOperator::Minus, expr } => {
            let number = number(expr)?;
            Some(number.strip_prefix('-').map_or_else(|| format!("-{number}"), str::to_owned))
        }
        _ => None,
    }
}

/// The output column that a key of ORDER BY or DISTINCT ON means by its name or its position; `same` tells whether two are one value.
///
/// Errors: those of [`position`], 42702 for a name that columns of several values have.
pub(super) fn output_column(
    expr: &Expr,
    names: &[String],
    same: impl Fn(usize, usize) -> bool,
    clause: &str,
) -> Result<Option<usize>> {
    let Expr::Identifier(ident) = bare(expr) else { return position(expr, names.len(), clause) };
    let name = fold(ident);
    let mut named = (0..names.len()).filter(|at| names[*at] == name);
    let Some(first) = named.next() else { return Ok(None) };
    match named.all(|at| same(first, at)) {
        true => Ok(Some(first)),
        false => Err(Error::new("42702", format!("{clause} \"{name}\" is ambiguous"))),
    }
}

/// The column that numbers rows in their order.
pub(super) const PLACE: &str = "\"place of row\"";
/// The column with the number of the first of rows that are equal in the order.
pub(super) const RANK: &str = "\"rank of row\"";

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
            let ties = format!("{limit} > 0 AND {RANK} <= {limit} + {offset} AND {PLACE} > {offset}");
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
        if !value.sources.is_empty() {
            return Err(Error::unsupported(
                format!("{clause} that reads the query around it is not supported on the embedded engine"),
                "Number the rows with row_number(), and compare the numbers.",
            ));
        }
        let ty = value.ty.sql_name();
        let value =
            self.coerce(value, &Type::INT8, None, CastContext::Assignment).map_err(|error| match error.code() {
                "42804" => Error::new("42804", format!("argument of {clause} must be type bigint, not type {ty}")),
                _ => error,
            })?;
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
