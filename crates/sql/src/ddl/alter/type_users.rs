//! What keeps a column's type from being changed.

use basalt_core::{Error, Result};
use sqlparser::ast::Expr;

use super::super::Change;
use super::super::drop::Object;
use super::super::field::with_fields_marked;
use super::super::source::{Uses, fold, parse_expr};
use crate::catalog::Relation;
use crate::visit::any_expression;

impl Change<'_> {
    /// 0A000 if a function's parsed body, a view, policy, trigger or generated column reads a column whose type is to change.
    pub(super) fn check_type_users(&self, relation: &Relation, column: &str) -> Result<()> {
        let refused = |what: &str, detail: String| {
            Error::new("0A000", format!("cannot alter type of a column {what}")).with_detail(detail)
        };
        let marked = with_fields_marked(&self.catalog, &relation.name, column)?;
        for reader in self.column_readers(&marked, &relation.name, column) {
            let (what, on) = match &reader {
                Object::Routine(..) => ("used by a function or procedure", self.describe(&reader)),
                Object::Relation(_) => {
                    ("used by a view or rule", format!("rule _RETURN on {}", self.describe(&reader)))
                }
                Object::Policy(..) => ("used in a policy definition", self.describe(&reader)),
                _ => continue,
            };
            return Err(refused(what, format!("{on} depends on column \"{column}\"")));
        }
        for trigger in &relation.triggers {
            let Some(run) = &trigger.run else { continue };
            if run.columns.iter().any(|of| of == column) || run.when.as_deref().is_some_and(|when| asks(when, column)) {
                let table = self.show(&relation.name);
                let detail = format!("trigger {} on table {table} depends on column \"{column}\"", trigger.name);
                return Err(refused("used in a trigger definition", detail));
            }
        }
        for other in &relation.columns {
            if other.generated.as_deref().is_some_and(|source| Uses::of_expr(source).columns.contains(column)) {
                let detail = format!("Column \"{column}\" is used by generated column \"{}\".", other.name);
                return Err(refused("used by a generated column", detail));
            }
        }
        Ok(())
    }
}

/// Whether a trigger's WHEN asks for a column of its row. The whole row is no column.
fn asks(when: &str, column: &str) -> bool {
    let is_asked = |expr: &Expr| match expr {
        Expr::CompoundIdentifier(parts) => parts.last().is_some_and(|name| fold(name) == column),
        _ => false,
    };
    parse_expr(when).is_ok_and(|expr| any_expression(&expr, is_asked))
}
