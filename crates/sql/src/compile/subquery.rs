//! Subqueries in expressions.

use basalt_core::{Error, Result};
use basalt_types::Type;
use sqlparser::ast::Query;

use super::cast::require;
use super::compiler::Compiler;
use super::scope::Scope;
use super::select::BoundQuery;
use super::typed::Typed;

impl Compiler<'_> {
    /// A query inside an expression, which may read the columns around it.
    pub(super) fn bind_subquery(&mut self, scope: &Scope<'_>, query: &Query) -> Result<BoundQuery> {
        allowed(scope)?;
        self.bind_query(Some(scope), query)
    }

    pub(super) fn bind_exists(&mut self, scope: &Scope<'_>, query: &Query, negated: bool) -> Result<Typed> {
        allowed(scope)?;
        let query = self.bind_rows_query(scope, query)?;
        let not = if negated { "NOT " } else { "" };
        let mut typed = Typed::over(format!("({not}EXISTS ({}))", query.sql), Type::BOOL, [&query.effects]);
        typed.not_null = true;
        Ok(typed)
    }

    /// `(select x ...)` as a value: NULL without a row, 21000 with several.
    pub(super) fn bind_scalar_query(&mut self, scope: &Scope<'_>, query: &Query) -> Result<Typed> {
        let query = self.bind_subquery(scope, query)?;
        let [column] = query.columns.as_slice() else {
            return Err(Error::new("42601", "subquery must return only one column"));
        };
        // What asks nothing of a table, such as `(select auth.uid())`, is the value itself; `(select random())` is one value for all rows.
        if let Some(value) = query.value.filter(|value| !value.volatile) {
            return Ok(value);
        }
        let sql = match query.at_most_one {
            true => format!("({})", query.sql),
            false => {
                let second = require("0", "21000", "more than one row returned by a subquery used as an expression");
                format!(
                    "(SELECT CASE WHEN count(*) > 1 THEN {second} ELSE max(_q.v) END FROM (SELECT {} AS v FROM ({}) LIMIT 2) AS _q)",
                    crate::quote::ident(&column.sqlite),
                    query.sql
                )
            }
        };
        let mut typed = Typed::over(sql, column.ty.clone(), [&query.effects]);
        typed.leakproof &= query.at_most_one;
        typed.typmod = column.typmod;
        Ok(typed)
    }

    /// `array(select x ...)`.
    pub(super) fn bind_array_query(&mut self, scope: &Scope<'_>, query: &Query) -> Result<Typed> {
        let query = self.bind_subquery(scope, query)?;
        let [column] = query.columns.as_slice() else {
            return Err(Error::new("42601", "subquery must return only one column"));
        };
        let item = super::column::array_item(&column.value("_q"));
        let sql = format!("(SELECT json_group_array({item}) FROM ({}) AS _q)", query.sql);
        let ty = if column.ty.element().is_some() { column.ty.clone() } else { column.ty.clone().array_of() };
        let mut typed = Typed::over(sql, ty, [&query.effects]);
        typed.not_null = true;
        Ok(typed)
    }
}

fn allowed(scope: &Scope<'_>) -> Result<()> {
    match scope.allows_subqueries() {
        true => Ok(()),
        false => Err(Error::new("0A000", "cannot use subquery in this expression")),
    }
}
