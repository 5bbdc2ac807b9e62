//! What keeps a column's type from being changed.

use basalt_core::{Error, Result};
use sqlparser::ast::Expr;

use super::super::Change;
use super::super::depend::reads_rows;
use super::super::source::{Uses, fold, parse_expr, parse_statements};
use crate::catalog::Relation;
use crate::visit::any_expression;

impl Change<'_> {
    /// 0A000 if a function's parsed body, a view, policy, trigger or generated column reads a column whose type is to change.
    pub(super) fn check_type_users(&self, relation: &Relation, column: &str) -> Result<()> {
        let refused = |what: &str, detail: String| {
            Error::new("0A000", format!("cannot alter type of a column {what}")).with_detail(detail)
        };
        for routine in self.catalog.functions.values().flatten().filter(|routine| routine.parsed) {
            let uses = Uses::of(&parse_statements(&routine.body)?);
            if uses.may_read(column) && reads_rows(&self.catalog, &uses, &relation.name) {
                let detail = format!("function {} depends on column \"{column}\"", self.routine_signature(routine));
                return Err(refused("used by a function or procedure", detail));
            }
        }
        for other in self.catalog.relations.values() {
            let reads = |uses: &Uses| uses.columns.contains(column) && reads_rows(&self.catalog, uses, &relation.name);
            if other.view().is_some_and(|view| reads(&Uses::of_query(&view.query))) {
                let detail = format!("rule _RETURN on view {} depends on column \"{column}\"", self.show(&other.name));
                return Err(refused("used by a view or rule", detail));
            }
            for policy in &other.policies {
                let own = other.name == relation.name;
                let used = policy.using.iter().chain(&policy.check).map(|source| Uses::of_expr(source));
                if used.into_iter().any(|uses| reads(&uses) || (own && uses.columns.contains(column))) {
                    let detail = format!(
                        "policy {} on table {} depends on column \"{column}\"",
                        policy.name,
                        self.show(&other.name)
                    );
                    return Err(refused("used in a policy definition", detail));
                }
            }
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
