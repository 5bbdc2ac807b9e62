//! Joins: conditions, merged columns, and which side may be missing.

use std::ops::Range;

use basalt_core::{Error, Result};
use sqlparser::ast::{Expr, Join, JoinConstraint, JoinOperator};

use super::carried::JOIN_NAME;
use super::compiler::Compiler;
use super::filter::{conjuncts, guarded};
use super::from::{FromClause, Pending, Position};
use super::scope::{Clause, Merged, Scope, Source};
use super::typed::Typed;
use super::types::split_name;

impl Compiler<'_> {
    pub(super) fn bind_join(
        &mut self,
        scope: &mut Scope<'_>,
        join: &Join,
        start: usize,
        clause: &mut FromClause,
        pending: &mut Pending,
        position: Position,
    ) -> Result<()> {
        use JoinOperator as J;
        let (word, constraint, left_nullable, right_nullable) = match &join.join_operator {
            J::Join(c) | J::Inner(c) => (" JOIN ", c, false, false),
            J::CrossJoin(c) => (" JOIN ", c, false, false),
            J::Left(c) | J::LeftOuter(c) => (" LEFT JOIN ", c, false, true),
            J::Right(c) | J::RightOuter(c) => (" RIGHT JOIN ", c, true, false),
            J::FullOuter(c) => (" FULL JOIN ", c, true, true),
            other => return Err(Error::new("42601", format!("syntax error in join: {other:?}"))),
        };
        clause.text(word);
        let middle = scope.sources.len();
        let right = self.bind_factor(scope, &join.relation, clause, position)?;
        for source in &mut scope.sources[start..middle] {
            source.nullable |= left_nullable;
        }
        for source in &mut scope.sources[middle..] {
            source.nullable |= right_nullable;
        }
        let mut conditions = match constraint {
            JoinConstraint::On(expr) => self.bind_on(scope, expr, clause)?,
            JoinConstraint::Using(names) => {
                let names = names.iter().map(split_name).collect::<Result<Vec<_>>>()?;
                let (columns, own): (Vec<_>, Vec<_>) =
                    names.into_iter().partition(|(before, _)| before.as_deref() != Some(JOIN_NAME));
                let columns: Vec<String> = columns.into_iter().map(|(_, column)| column).collect();
                let merged = self.merge(scope, start..middle, &columns, (left_nullable, right_nullable), clause)?;
                if let Some((_, name)) = own.into_iter().next() {
                    scope.name_join(name, &columns)?;
                }
                merged
            }
            JoinConstraint::Natural => {
                let names = common_names(&scope.sources[start..middle], &scope.sources[middle..]);
                self.note_natural(&names);
                self.merge(scope, start..middle, &names, (left_nullable, right_nullable), clause)?
            }
            JoinConstraint::None => Vec::new(),
        };
        // Policies of a side that may be missing decide whether a row matches, the others' whether there is one.
        if left_nullable {
            conditions.extend(pending.drain(..).map(|(_, filter)| filter.sql));
        }
        match right_nullable {
            true => conditions.extend(right.into_iter().map(|(_, filter)| filter.sql)),
            false => pending.extend(right),
        }
        let bare = matches!(word, " JOIN ");
        if conditions.is_empty() && !bare {
            conditions.push("1".to_owned());
        }
        if !conditions.is_empty() {
            clause.text(format!(" ON {}", conditions.join(" AND ")));
        }
        Ok(())
    }

    fn bind_on(&mut self, scope: &Scope<'_>, expr: &Expr, clause: &mut FromClause) -> Result<Vec<String>> {
        let mut conditions = Vec::new();
        let outer = scope.clause.replace(Clause::Rows("JOIN conditions"));
        for conjunct in conjuncts(expr) {
            let condition = self.bind_condition(scope, conjunct, "JOIN/ON")?;
            conditions.push(guarded(scope, &condition, clause));
            clause.effects.push(condition);
        }
        scope.clause.set(outer);
        Ok(conditions)
    }

    /// `using (a, b)`: equal columns of both sides become one.
    fn merge(
        &mut self,
        scope: &mut Scope<'_>,
        left: Range<usize>,
        names: &[String],
        (left_nullable, right_nullable): (bool, bool),
        clause: &mut FromClause,
    ) -> Result<Vec<String>> {
        let mut conditions = Vec::new();
        let mut merged = Vec::new();
        for name in names {
            let (a, mut parts) = side(scope, left.clone(), name, "left")?;
            let (b, others) = side(scope, left.end..scope.sources.len(), name, "right")?;
            parts.extend(others);
            for &(id, column) in &parts {
                if let Some(source) = scope.source(id) {
                    self.use_column(scope, source, column, false)?;
                    self.note_joined(source, column);
                }
            }
            let equal = self.compare("=", a.clone(), b.clone())?;
            conditions.push(guarded(scope, &equal, clause));
            let value = match (left_nullable, right_nullable) {
                (true, true) => {
                    let (both, ty) = self.unify(vec![a, b], "JOIN/USING")?;
                    Typed::over(format!("coalesce({}, {})", both[0].sql, both[1].sql), ty, &both)
                }
                (true, false) => b,
                _ => a,
            };
            merged.push(Merged { name: name.clone(), value, parts });
        }
        // A column merged before is part of the new one now.
        scope.merged.retain(|old| !merged.iter().any(|new| new.name == old.name));
        scope.merged.extend(merged);
        Ok(conditions)
    }
}

/// The column of that name on one side of a join, and the columns that it consists of.
fn side(scope: &Scope<'_>, range: Range<usize>, name: &str, which: &str) -> Result<(Typed, Vec<(usize, usize)>)> {
    let sources = &scope.sources[range];
    let within = |id: usize| sources.iter().any(|s| s.id == id);
    if let Some(merged) = scope.merged.iter().find(|m| m.name == name && m.parts.iter().all(|p| within(p.0))) {
        return Ok((merged.value.clone(), merged.parts.clone()));
    }
    let mut found = None;
    for source in sources.iter().filter(|s| !s.qualified_only) {
        if let Some(column) = source.find(name)?
            && found.replace((source, column)).is_some()
        {
            return Err(Error::new(
                "42702",
                format!("common column name \"{name}\" appears more than once in {which} table"),
            ));
        }
    }
    match found {
        Some((source, column)) => Ok((source.value(column), vec![(source.id, column)])),
        None => Err(Error::new(
            "42703",
            format!("column \"{name}\" specified in USING clause does not exist in {which} table"),
        )),
    }
}

fn common_names(left: &[Source], right: &[Source]) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for column in left.iter().flat_map(|s| &s.columns).filter(|c| !c.hidden) {
        let shared = right.iter().any(|s| s.columns.iter().any(|c| c.name == column.name && !c.hidden));
        if shared && !names.contains(&column.name) {
            names.push(column.name.clone());
        }
    }
    names
}
