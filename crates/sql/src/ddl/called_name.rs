//! What a function's name names where it is called: the entry of FROM, and the column of a select list. Both keep the name when the function
//! gets another one.

use sqlparser::ast::{Select, SelectItem, TableAlias, TableFactor};

use super::source::ident_node;
use crate::compile::column_name;

/// Has a call in FROM go on under the old name of its function, unless an alias names it.
pub(super) fn keep_entry(call: &mut TableFactor, old: &str) {
    if let TableFactor::Table { alias, .. } | TableFactor::Function { alias, .. } = call {
        let named = || TableAlias { explicit: true, name: ident_node(old), columns: Vec::new(), at: None };
        alias.get_or_insert_with(named);
    }
}

/// The names of the columns of the select lists around what is visited, outermost first.
#[derive(Default)]
pub(super) struct Outputs(Vec<Vec<String>>);

impl Outputs {
    /// Notes the names, before anything in the select changes.
    pub(super) fn enter(&mut self, select: &Select) {
        self.0.push(select.projection.iter().map(name).collect());
    }

    /// Writes out those that changed.
    pub(super) fn leave(&mut self, select: &mut Select) {
        for (item, before) in select.projection.iter_mut().zip(self.0.pop().unwrap_or_default()) {
            if let SelectItem::UnnamedExpr(expr) = item
                && column_name(expr) != before
            {
                *item = SelectItem::ExprWithAlias { expr: expr.clone(), alias: ident_node(&before) };
            }
        }
    }
}

fn name(item: &SelectItem) -> String {
    match item {
        SelectItem::UnnamedExpr(expr) => column_name(expr),
        _ => String::new(),
    }
}
