//! ORDER BY of queries, DISTINCT ON, and FETCH ... WITH TIES.

use basalt_core::{Error, Result};
use sqlparser::ast::{Expr, OrderByExpr, Spanned};

use super::compiler::Compiler;
use super::order::{self, PLACE, RANK};
use super::projection::Item;
use super::scope::Scope;
use super::select::BoundColumn;
use super::typed::{Form, Typed};
use crate::quote;

/// A key of a query's ORDER BY.
pub(super) struct SortKey {
    /// Its value.
    pub value: Typed,
    /// As SQLite's ORDER BY has it.
    pub sql: String,
    /// The end of that: its direction, and the place of NULLs.
    direction: String,
}

impl Compiler<'_> {
    /// ORDER BY of a SELECT.
    ///
    /// Errors: 42P10 for a key that DISTINCT leaves out, 42883 for one that has no order.
    pub(super) fn bind_order_by(
        &mut self,
        scope: &Scope<'_>,
        keys: &[OrderByExpr],
        items: &[Item],
        distinct: bool,
    ) -> Result<Vec<SortKey>> {
        let mut bound = Vec::with_capacity(keys.len());
        for key in keys {
            let at = output_column(&key.expr, items, "ORDER BY").map_err(|e| self.place(e, key.expr.span()))?;
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
            order::require_order(&value.ty).map_err(|error| self.place(error, key.expr.span()))?;
            let direction = order::direction(value.not_null, &key.options)?;
            let source = match (at, &value.form) {
                // The output column itself, rather than its expression computed again.
                (Some(at), Form::Other | Form::Constant(_) | Form::Param(_)) => {
                    Typed { sql: (at + 1).to_string(), form: Form::Other, ..value.clone() }.collated_sql()
                }
                _ => order::unplaced(&value),
            };
            bound.push(SortKey { value, sql: format!("{source}{direction}"), direction });
        }
        Ok(bound)
    }

    /// ORDER BY after a set operation: output columns only.
    pub(super) fn order_by_output(&mut self, columns: &[BoundColumn], keys: &[OrderByExpr]) -> Result<String> {
        let names: Vec<String> = columns.iter().map(|c| c.name.clone()).collect();
        let mut sql = Vec::with_capacity(keys.len());
        for key in keys {
            let at = order::output_column(&key.expr, &names, |_, _| false, "ORDER BY")
                .map_err(|e| self.place(e, key.expr.span()))?;
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
            sql.push(value.collated_sql() + &order::direction(value.not_null, &key.options)?);
        }
        Ok(if sql.is_empty() { String::new() } else { format!(" ORDER BY {}", sql.join(", ")) })
    }

    /// The partition of DISTINCT ON; 42P10 if ORDER BY does not start with it.
    pub(super) fn bind_distinct_on(
        &mut self,
        scope: &Scope<'_>,
        exprs: &[Expr],
        items: &[Item],
        order: &[SortKey],
    ) -> Result<Vec<String>> {
        let mut partition = Vec::with_capacity(exprs.len());
        for expr in exprs {
            let at = output_column(expr, items, "DISTINCT ON").map_err(|e| self.place(e, expr.span()))?;
            let value = match at {
                Some(at) => items[at].value.clone(),
                None => self.bind_expr(scope, expr, None)?,
            };
            partition.push(self.storable(value)?.collated_sql());
        }
        let mut leading = order.iter().take(partition.len());
        if !order.is_empty() && !leading.all(|key| partition.contains(&key.value.collated_sql())) {
            return Err(Error::new("42P10", "SELECT DISTINCT ON expressions must match initial ORDER BY expressions"));
        }
        Ok(partition)
    }
}

/// The item of a select list that a key means by its name or its position.
fn output_column(key: &Expr, items: &[Item], clause: &str) -> Result<Option<usize>> {
    let names: Vec<String> = items.iter().map(|item| item.name.clone()).collect();
    order::output_column(key, &names, |a, b| items[a].value.sql == items[b].value.sql, clause)
}

/// `distinct on (...)`: the first row of each partition.
pub(super) fn distinct_on(
    mut list: Vec<String>,
    columns: &[BoundColumn],
    rest: &str,
    partition: &[String],
    order: &[SortKey],
    limit: &str,
) -> String {
    let partition: Vec<String> = partition.iter().map(|key| beside(&mut list, key)).collect();
    let keys = sorted(&mut list, order);
    let over = if keys.is_empty() { String::new() } else { format!(" ORDER BY {keys}") };
    let shown = shown(columns);
    format!(
        "SELECT {shown} FROM (SELECT *, row_number() OVER (PARTITION BY {}{over}) AS \"place in group\", \
         row_number() OVER ({}) AS {PLACE} FROM (SELECT {}{rest})) WHERE \"place in group\" = 1{}{limit}",
        partition.join(", "),
        over.trim_start(),
        list.join(", "),
        if keys.is_empty() { String::new() } else { format!(" ORDER BY {PLACE}") },
    )
}

/// A SELECT whose rows are wanted by their [`PLACE`] and [`RANK`].
pub(super) fn with_ties(
    mut list: Vec<String>,
    columns: &[BoundColumn],
    rest: &str,
    order: &[SortKey],
    wanted: &str,
) -> String {
    let keys = sorted(&mut list, order);
    format!(
        "SELECT {} FROM (SELECT *, rank() OVER (ORDER BY {keys}) AS {RANK}, row_number() OVER (ORDER BY {keys}) AS {PLACE} \
         FROM (SELECT {}{rest})) WHERE {wanted} ORDER BY {PLACE}",
        shown(columns),
        list.join(", ")
    )
}

/// Adds a value to a select list, from where a window takes it: SQLite computes no window function within another's window.
fn beside(list: &mut Vec<String>, value: &str) -> String {
    let name = format!("\"key {}\"", list.len());
    list.push(format!("{value} AS {name}"));
    name
}

/// The keys of an order, their values beside a select list.
fn sorted(list: &mut Vec<String>, order: &[SortKey]) -> String {
    let keys = order.iter().map(|key| beside(list, &key.value.collated_sql()) + &key.direction);
    keys.collect::<Vec<_>>().join(", ")
}

/// The columns that a query over its own rows shows.
fn shown(columns: &[BoundColumn]) -> String {
    match columns {
        [] => "NULL".to_owned(),
        columns => columns.iter().map(|column| quote::ident(&column.sqlite)).collect::<Vec<_>>().join(", "),
    }
}
