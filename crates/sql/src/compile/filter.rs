//! WHERE over FROM: conditions behind the row policies of what they read.

use basalt_core::Result;
use basalt_types::Value;
use sqlparser::ast::Expr;

use super::compiler::Compiler;
use super::from::FromClause;
use super::operator::join_conditions;
use super::scope::{Clause, Scope, Source};
use super::typed::{Form, Typed};

impl Compiler<'_> {
    /// WHERE over a scope's sources: the user's condition cut into conjuncts, each that leaks behind the row policies of the
    /// sources that it reads, and all of `filters` (row policies) and-ed to it. `None` if nothing is asked.
    pub fn bind_where(
        &mut self,
        scope: &Scope<'_>,
        from: &mut FromClause,
        selection: Option<&Expr>,
    ) -> Result<Option<String>> {
        let mut conditions: Vec<String> = Vec::new();
        for filter in std::mem::take(&mut from.filters) {
            conditions.push(filter.sql.clone());
            from.effects.push(filter);
        }
        let outer = scope.clause.replace(Clause::Rows("WHERE"));
        let folds = self.folds;
        for conjunct in selection.into_iter().flat_map(conjuncts) {
            let condition = self.bind_condition(scope, conjunct, "WHERE")?;
            // What stands behind a condition that never holds is not looked at.
            self.folds &= self.known(&condition) != Some(Some(false));
            // What is true anyway need not be asked.
            if !matches!(condition.form, Form::Constant(Value::Int(1))) {
                if let Some(source) = only_source(scope, &condition) {
                    from.search(source, &condition.sql);
                }
                conditions.push(guarded(scope, &condition, from));
            }
            from.effects.push(condition);
        }
        self.folds = folds;
        scope.clause.set(outer);
        Ok((!conditions.is_empty()).then(|| join_conditions(conditions, " AND ")))
    }
}

/// The operands of the ANDs at the top of a condition.
pub(super) fn conjuncts(expr: &Expr) -> Vec<&Expr> {
    let mut found = Vec::new();
    let mut open = vec![expr];
    while let Some(expr) = open.pop() {
        match expr {
            Expr::BinaryOp { left, op: sqlparser::ast::BinaryOperator::And, right } => {
                open.push(right);
                open.push(left);
            }
            Expr::Nested(inner) => open.push(inner),
            other => found.push(other),
        }
    }
    found
}

/// A condition that sees no row before its policies have allowed it.
pub(super) fn guarded(scope: &Scope<'_>, condition: &Typed, clause: &mut FromClause) -> String {
    // What is computed within a query, which SQLite would take apart.
    for id in condition.leaks.iter().filter(|id| scope.source(**id).is_some()) {
        clause.bar(*id);
    }
    if condition.leakproof {
        return condition.sql.clone();
    }
    let mut guards = Vec::new();
    // How often what is volatile runs tells of all rows.
    for source in scope.sources.iter().filter(|s| condition.volatile || condition.sources.contains(&s.id)) {
        if source.protected {
            clause.bar(source.id);
        }
        if let Some(guard) = &source.guard {
            guards.push(match (source.nullable, source.marker()) {
                // The row that an outer join makes up shows nothing.
                (true, Some(marker)) => format!("({guard} OR {marker} IS NULL)"),
                _ => guard.clone(),
            });
        }
    }
    match guards.is_empty() {
        true => condition.sql.clone(),
        false => format!("CASE WHEN {} THEN {} ELSE 0 END", guards.join(" AND "), condition.sql),
    }
}

/// A condition of groups, which SQLite moves before the policies if it reads nothing but their keys.
pub(super) fn guarded_group(condition: &Typed) -> String {
    match condition.leakproof && condition.leaks.is_empty() {
        true => condition.sql.clone(),
        false => format!("CASE WHEN count(*) THEN {} ELSE 0 END", condition.sql),
    }
}

/// The source that a condition of WHERE may be asked of before any join.
fn only_source<'s>(scope: &'s Scope<'_>, condition: &Typed) -> Option<&'s Source> {
    let [id] = condition.sources.as_slice() else { return None };
    let is_plain = condition.leakproof && condition.leaks.is_empty() && !condition.volatile;
    scope.source(*id).filter(|source| is_plain && source.protected && !source.nullable)
}
