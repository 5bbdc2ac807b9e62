//! GROUP BY, and what its keys determine.

use basalt_core::{Error, Result};
use basalt_types::Type;
use sqlparser::ast::{Expr, GroupByExpr, Select, SelectItem, Spanned};

use super::aggregate::has_aggregate;
use super::carried_groups::elements;
use super::compare::require_equality;
use super::compiler::Compiler;
use super::expr::bare;
use super::grouping_sets::null_of;
use super::order;
use super::scope::{Clause, Grouping, KeyExpr, Scope};
use super::typed::{Form, Typed};

/// A key of GROUP BY.
pub(super) struct Key {
    /// The expression that it is, in the select list too.
    expr: KeyExpr,
    /// Its value.
    pub value: Typed,
}

impl Compiler<'_> {
    /// GROUP BY.
    pub(super) fn bind_group_by(&mut self, scope: &Scope<'_>, select: &Select) -> Result<Vec<Key>> {
        let Some((exprs, _)) = elements(&select.group_by) else {
            return Err(Error::unsupported("GROUP BY ALL is not supported", "Name the columns."));
        };
        let outer = scope.clause.replace(Clause::Rows("GROUP BY"));
        let mut keys = Vec::with_capacity(exprs.len());
        for expr in exprs.iter().flat_map(single_keys) {
            let meant = self.group_expr(scope, expr, &select.projection)?;
            let bound = self.bind_expr(scope, meant, None)?;
            let expr = KeyExpr::new(meant, &bound);
            let value = self.storable(bound)?;
            require_equality(&value.ty).map_err(|error| self.place(error, meant.span()))?;
            keys.push(Key { expr, value });
        }
        scope.clause.set(outer);
        Ok(keys)
    }

    /// An expression over groups that is a key of theirs, however it is spelt, or of another grouping set; `None` for any other.
    pub(super) fn bind_key(
        &mut self,
        scope: &Scope<'_>,
        group: &Grouping,
        expr: &Expr,
        expected: Option<&Type>,
    ) -> Result<Option<Typed>> {
        let is_written = |keys: &[KeyExpr]| keys.iter().any(|key| key.expr == *expr);
        let is_known = is_written(&group.exprs) || is_written(&group.absent_exprs);
        let is_row = |key: &KeyExpr| matches!(key.ty, Type::Record(_));
        let has_rows = group.exprs.iter().chain(&group.absent_exprs).any(is_row);
        let is_leaf = matches!(expr, Expr::Identifier(_) | Expr::CompoundIdentifier(_) | Expr::Value(_)) && !has_rows;
        let has_keys = !group.exprs.is_empty() || !group.absent_exprs.is_empty();
        if !is_known && (!has_keys || is_leaf || has_aggregate(expr)) {
            return Ok(None);
        }
        // A key may be anything of the row; what it stands for is the group's.
        let saved = scope.grouping.take();
        let bound = self.bind_case(scope, expr, expected);
        *scope.grouping.borrow_mut() = saved;
        let bound = match bound {
            Err(error) if is_known => return Err(error),
            Err(_) => return Ok(None),
            Ok(bound) => bound,
        };
        let is_among = |keys: &[KeyExpr]| keys.iter().any(|key| key.is(expr, &bound));
        Ok(match (is_among(&group.exprs), is_among(&group.absent_exprs)) {
            (true, _) => Some(bound),
            (false, true) => Some(null_of(bound)),
            (false, false) => None,
        })
    }

    /// What a GROUP BY key means: an input column first, then an output column's name, or its position.
    pub(super) fn group_expr<'e>(
        &mut self,
        scope: &Scope<'_>,
        expr: &'e Expr,
        projection: &'e [SelectItem],
    ) -> Result<&'e Expr> {
        let item_expr = |item: &'e SelectItem| match item {
            SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } => Some(expr),
            _ => None,
        };
        if let Some(position) = order::position(expr, projection.len(), "GROUP BY")? {
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

/// The keys that an element of GROUP BY stands for: a row's are its fields.
pub(super) fn single_keys(element: &Expr) -> Vec<&Expr> {
    match bare(element) {
        Expr::Tuple(items) => items.iter().flat_map(single_keys).collect(),
        key => vec![key],
    }
}

/// What the keys of a group determine.
pub(super) fn grouping_of(scope: &Scope<'_>, keys: &[Key]) -> Grouping {
    let mut columns = Vec::new();
    let mut exprs = Vec::new();
    for Key { expr, value } in keys {
        match value.form {
            Form::Column(source, column) => columns.push((source, column)),
            _ => exprs.push(expr.clone()),
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
