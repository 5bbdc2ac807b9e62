//! GROUP BY, and what its keys determine.

use basalt_core::{Error, Result};
use sqlparser::ast::{Expr, GroupByExpr, Select, SelectItem, Spanned};

use super::compare::require_equality;
use super::compiler::Compiler;
use super::order;
use super::scope::{Clause, Grouping, Scope};
use super::typed::{Form, Typed};

impl Compiler<'_> {
    /// GROUP BY: each key with the expression that it is in the select list too.
    pub(super) fn bind_group_by(&mut self, scope: &Scope<'_>, select: &Select) -> Result<Vec<(Option<Expr>, Typed)>> {
        let exprs = match &select.group_by {
            GroupByExpr::Expressions(exprs, modifiers) if modifiers.is_empty() => exprs,
            _ => return Err(Error::unsupported("GROUP BY ALL is not supported", "Name the columns.")),
        };
        let outer = scope.clause.replace(Clause::Rows("GROUP BY"));
        let mut keys = Vec::with_capacity(exprs.len());
        for expr in exprs {
            let meant = self.group_expr(scope, expr, &select.projection)?;
            let key = self.bind_expr(scope, meant, None)?;
            let key = self.storable(key)?;
            require_equality(&key.ty).map_err(|error| self.place(error, meant.span()))?;
            keys.push((Some(meant.clone()), key));
        }
        scope.clause.set(outer);
        Ok(keys)
    }

    /// What a GROUP BY key means: an input column first, then an output column's name, or its position.
    pub(super) fn group_expr<'e>(
        &mut self,
        scope: &Scope<'_>,
        expr: &'e Expr,
        projection: &'e [SelectItem],
    ) -> Result<&'e Expr> {
        let names: Vec<String> = projection.iter().map(|_| String::new()).collect();
        let item_expr = |item: &'e SelectItem| match item {
            SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } => Some(expr),
            _ => None,
        };
        if let Some(position) = order::position(expr, &names, "GROUP BY")? {
            let before = &projection[..=position];
            return match before.iter().map(item_expr).collect::<Option<Vec<_>>>() {
                Some(exprs) => Ok(exprs[position]),
                None => Err(Error::unsupported("GROUP BY position after *", "Name the columns.")),
            };
        }
        if let Expr::Identifier(ident) = expr {
            let name = super::types::fold(ident);
            let is_input = scope.sources.iter().any(|s| s.columns.iter().any(|c| c.name == name && !c.hidden));
            let aliased = projection.iter().find_map(|item| match item {
                SelectItem::ExprWithAlias { expr, alias } if super::types::fold(alias) == name => Some(expr),
                _ => None,
            });
            if let (false, Some(aliased)) = (is_input, aliased) {
                return Ok(aliased);
            }
        }
        Ok(expr)
    }
}

/// What the keys of a group determine.
pub(super) fn grouping_of(scope: &Scope<'_>, keys: &[(Option<Expr>, Typed)]) -> Grouping {
    let mut columns = Vec::new();
    let mut exprs = Vec::new();
    for (expr, key) in keys {
        match (&key.form, expr) {
            (Form::Column(source, column), _) => columns.push((*source, *column)),
            (_, Some(expr)) => exprs.push(expr.clone()),
            _ => {}
        }
    }
    let determined = scope.sources.iter().filter(|source| {
        let key = source.relation.as_ref().filter(|r| r.view().is_none()).and_then(|r| r.primary_key());
        key.is_some_and(|key| {
            let grouped = |name: &String| {
                source.columns.iter().position(|c| c.name == *name).is_some_and(|i| columns.contains(&(source.id, i)))
            };
            !key.is_empty() && key.iter().all(grouped)
        })
    });
    let determined = determined.map(|s| s.id).collect();
    Grouping { columns, exprs, determined, absent_columns: Vec::new(), absent_exprs: Vec::new() }
}

/// Whether it has GROUP BY.
pub(super) fn is_grouped(select: &Select) -> bool {
    !matches!(&select.group_by, GroupByExpr::Expressions(exprs, _) if exprs.is_empty())
}

/// A key of GROUP BY. A bare number would be a position.
pub(super) fn group_key(key: &Typed) -> String {
    match key.form {
        Form::Constant(_) => format!("({} || '')", key.sql),
        _ => key.collated_sql(),
    }
}
