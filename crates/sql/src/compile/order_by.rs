//! ORDER BY of queries, and DISTINCT ON.

use basalt_core::{Error, Result};
use basalt_types::Type;
use sqlparser::ast::{Distinct, Expr, OrderByExpr, Select, Spanned};

use super::compiler::Compiler;
use super::order;
use super::projection::Item;
use super::scope::Scope;
use super::select::{BoundColumn, is_on};
use super::typed::{Form, Typed};
use crate::quote;

impl Compiler<'_> {
    /// ORDER BY of a SELECT: each key's value, and as SQLite source; `in_window` if that goes into a window.
    pub(super) fn bind_order_by(
        &mut self,
        scope: &Scope<'_>,
        keys: &[OrderByExpr],
        items: &[Item],
        select: &Select,
        in_window: bool,
    ) -> Result<Vec<(Typed, String)>> {
        let names: Vec<String> = items.iter().map(|i| i.name.clone()).collect();
        let distinct = matches!(select.distinct, Some(Distinct::Distinct));
        let mut bound = Vec::with_capacity(keys.len());
        for key in keys {
            let at = match order::output_name(&key.expr, &names)? {
                Some(at) => Some(at),
                None => order::position(&key.expr, &names, "ORDER BY").map_err(|e| self.place(e, key.expr.span()))?,
            };
            let value = match at {
                Some(at) => items[at].value.clone(),
                None => {
                    let value = self.bind_expr(scope, &key.expr, None)?;
                    self.storable(value)?
                }
            };
            if distinct && at.is_none() && !items.iter().any(|i| i.value.sql == value.sql) {
                let error = Error::new("42P10", "for SELECT DISTINCT, ORDER BY expressions must appear in select list");
                return Err(self.place(error, key.expr.span()));
            }
            if matches!(value.ty, Type::JSON | Type::JSONPATH) {
                let message = format!("could not identify an ordering operator for type {}", value.ty.sql_name());
                let error =
                    Error::new("42883", message).with_hint("Use an explicit ordering operator or modify the query.");
                return Err(self.place(error, key.expr.span()));
            }
            let sql = match (at, &value.form) {
                // The output column itself, rather than its expression computed again.
                (Some(at), Form::Other | Form::Constant(_) | Form::Param(_)) if !is_on(select) && !in_window => {
                    let position = Typed { sql: (at + 1).to_string(), ..value.clone() };
                    order::key(&position, &key.options)?
                }
                _ => order::key(&value, &key.options)?,
            };
            bound.push((value, sql));
        }
        Ok(bound)
    }

    /// ORDER BY after a set operation: output columns only.
    pub(super) fn order_by_output(&mut self, columns: &[BoundColumn], keys: &[OrderByExpr]) -> Result<String> {
        let names: Vec<String> = columns.iter().map(|c| c.name.clone()).collect();
        let mut sql = Vec::with_capacity(keys.len());
        for key in keys {
            let at = match order::output_name(&key.expr, &names)? {
                Some(at) => Some(at),
                None => order::position(&key.expr, &names, "ORDER BY")?,
            };
            let Some(at) = at else {
                let error = match &key.expr {
                    Expr::Identifier(ident) => {
                        Error::new("42703", format!("column \"{}\" does not exist", super::types::fold(ident)))
                    }
                    _ => Error::new("0A000", "invalid UNION/INTERSECT/EXCEPT ORDER BY clause")
                        .with_detail("Only result column names can be used, not expressions or functions."),
                };
                return Err(self.place(error, key.expr.span()));
            };
            let column = &columns[at];
            let mut value = Typed::new((at + 1).to_string(), column.ty.clone());
            value.not_null = column.not_null;
            sql.push(order::key(&value, &key.options)?);
        }
        Ok(if sql.is_empty() { String::new() } else { format!(" ORDER BY {}", sql.join(", ")) })
    }

    /// The partition of DISTINCT ON; 42P10 if ORDER BY does not start with it.
    pub(super) fn bind_distinct_on(
        &mut self,
        scope: &Scope<'_>,
        exprs: &[Expr],
        items: &[Item],
        order: &[(Typed, String)],
    ) -> Result<Vec<String>> {
        let names: Vec<String> = items.iter().map(|i| i.name.clone()).collect();
        let mut partition = Vec::with_capacity(exprs.len());
        for expr in exprs {
            let at = match order::output_name(expr, &names)? {
                Some(at) => Some(at),
                None => order::position(expr, &names, "DISTINCT ON")?,
            };
            let value = match at {
                Some(at) => items[at].value.clone(),
                None => self.bind_expr(scope, expr, None)?,
            };
            partition.push(self.storable(value)?.collated_sql());
        }
        let leading = order.iter().take(partition.len());
        if !order.is_empty() && !leading.clone().all(|(value, _)| partition.contains(&value.collated_sql())) {
            return Err(Error::new("42P10", "SELECT DISTINCT ON expressions must match initial ORDER BY expressions"));
        }
        Ok(partition)
    }
}

/// `distinct on (...)`: the first row of each partition.
pub(super) fn distinct_on(
    list: &[String],
    columns: &[BoundColumn],
    rest: &str,
    partition: &[String],
    order: &[(Typed, String)],
    limit: &str,
) -> String {
    let keys: Vec<&str> = order.iter().map(|(_, sql)| sql.as_str()).collect();
    let over = if keys.is_empty() { String::new() } else { format!(" ORDER BY {}", keys.join(", ")) };
    let mut inner = list.to_vec();
    inner.push(format!("row_number() OVER (PARTITION BY {}{over}) AS _n", partition.join(", ")));
    inner.push(format!("row_number() OVER ({}) AS _o", over.trim_start()));
    let names: Vec<String> = columns.iter().map(|c| quote::ident(&c.sqlite)).collect();
    let outer_order = if keys.is_empty() { "" } else { " ORDER BY _o" };
    format!("SELECT {} FROM (SELECT {}{rest}) WHERE _n = 1{outer_order}{limit}", names.join(", "), inner.join(", "))
}

/// A SELECT whose rows are wanted by their places: `_o` in the order, `_r` that of the first of equal ones.
pub(super) fn with_ties(
    list: &[String],
    columns: &[BoundColumn],
    rest: &str,
    order: &[(Typed, String)],
    wanted: &str,
) -> String {
    let keys: Vec<&str> = order.iter().map(|(_, sql)| sql.as_str()).collect();
    let keys = keys.join(", ");
    let list = list.join(", ");
    let names: Vec<String> = columns.iter().map(|c| quote::ident(&c.sqlite)).collect();
    format!(
        "SELECT {} FROM (SELECT {list}, rank() OVER (ORDER BY {keys}) AS _r, row_number() OVER (ORDER BY {keys}) AS _o{rest}) \
         WHERE {wanted} ORDER BY _o",
        names.join(", ")
    )
}
