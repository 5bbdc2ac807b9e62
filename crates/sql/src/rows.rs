//! A condition of a table, asked of rows that stand under the table's name without being the table.

use std::ops::ControlFlow;

use sqlparser::ast::{Expr, TableFactor, Visitor, VisitorMut};

use crate::Name;
use crate::ddl::source::{fold, parse_expr};
use crate::visit::{visit, visit_mut};

/// The condition with `schema.table.column` as `table.column`. One that can't be read, or that reads something else under the table's name
/// within itself, stays as it is.
pub fn over_rows(condition: &str, table: &Name) -> String {
    if !condition.contains(table.schema.as_str()) {
        return condition.to_owned();
    }
    let Ok(mut expr) = parse_expr(condition) else { return condition.to_owned() };
    let mut shadows = Shadows { table, found: false };
    let _ = visit(&expr, &mut shadows);
    if shadows.found {
        return condition.to_owned();
    }
    let _ = visit_mut(&mut expr, &mut Unqualified { table });
    expr.to_string()
}

struct Shadows<'t> {
    table: &'t Name,
    found: bool,
}

impl Visitor for Shadows<'_> {
    type Break = ();

    fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> ControlFlow<()> {
        let (alias, name) = match factor {
            TableFactor::Table { name, alias, .. } => (alias, name.0.last().and_then(|part| part.as_ident()).map(fold)),
            TableFactor::Derived { alias, .. } | TableFactor::NestedJoin { alias, .. } => (alias, None),
            // What else there is is not looked into.
            _ => (&None, Some(self.table.name.clone())),
        };
        let name = alias.as_ref().map(|alias| fold(&alias.name)).or(name);
        self.found |= name.is_some_and(|name| name == self.table.name);
        ControlFlow::Continue(())
    }
}

struct Unqualified<'t> {
    table: &'t Name,
}

impl VisitorMut for Unqualified<'_> {
    type Break = ();

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        if let Expr::CompoundIdentifier(parts) = expr
            && parts.len() == 3
            && (fold(&parts[0]), fold(&parts[1])) == (self.table.schema.clone(), self.table.name.clone())
        {
            parts.remove(0);
        }
        ControlFlow::Continue(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schema_goes_where_the_table_is_meant() {
        let over = |condition: &str| over_rows(condition, &Name::new("shop", "items"));
        assert_eq!(over("shop.items.owner = 1"), "items.owner = 1");
        assert_eq!(over("\"shop\".Items.owner = items.id"), "Items.owner = items.id");
        let other = "EXISTS (SELECT FROM shop.orders AS o WHERE o.item = items.id)";
        assert_eq!(over(&other.replace("items.id", "shop.items.id")), other);
        for same in [
            "EXISTS (SELECT FROM b.items WHERE b.items.id = shop.items.id)",
            "shop.orders.id = 1",
            "shop.items.a = (",
            "a = 1",
        ] {
            assert_eq!(over(same), same);
        }
    }
}
