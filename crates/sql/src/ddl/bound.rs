//! What a name or a literal in the catalog's expressions and queries means, where its spelling does not tell: found by putting something
//! else in its place, and compiling it.

use std::collections::BTreeSet;
use std::fmt::Display;
use std::sync::Arc;

use basalt_core::Result;
use sqlparser::ast::{Expr, Statement, VisitMut};

use super::depend::bare_key;
use super::domain::VALUE;
use super::source::{joined, parse_expr, parse_query, parse_statements};
use super::table::{bare_relation, plain_column};
use crate::Catalog;
use crate::catalog::{Name, RelationKind, Routine, Trigger};
use crate::compile::{self, trigger};

/// What is sought, and what is to stand in its place.
pub(super) trait Probe {
    /// Changes the chosen ones of the places in a tree where it may stand: to what tells whether it does (`asks`), or to what is to stand
    /// there. Gives how many places there are.
    fn put<T: VisitMut>(&self, node: &mut T, chosen: BTreeSet<usize>, asks: bool) -> usize;

    /// Whether this is what comes of compiling where it stands.
    fn is_told(&self, compiled: &Result<()>) -> bool;
}

/// Puts the probe's new name into every source of a catalog. `trial` is the same catalog, with what the probe needs to tell. Gives the
/// tables of which SQLite keeps a source that changed.
pub(super) fn rewrite(catalog: &mut Catalog, trial: &Catalog, probe: &impl Probe) -> Result<BTreeSet<Name>> {
    let mut tables = BTreeSet::new();
    for relation in catalog.relations.values_mut() {
        let before = trial.relations.get(&relation.name).unwrap_or(relation).clone();
        let relation = Arc::make_mut(relation);
        for policy in &mut relation.policies {
            for source in policy.using.iter_mut().chain(&mut policy.check) {
                expr(probe, source, |expr| compile::check_policy(trial, &before, &expr.to_string()))?;
            }
        }
        for at in 0..relation.triggers.len() {
            let mut trigger = relation.triggers[at].clone();
            let Some(mut source) = trigger.run.as_mut().and_then(|run| run.when.take()) else { continue };
            expr(probe, &mut source, |e| trigger::check_condition(trial, &before, &with_condition(&trigger, e)))?;
            relation.triggers[at] = with_condition(&trigger, &source);
        }
        let mut kept = false;
        for column in &mut relation.columns {
            let expected = (&column.ty, column.typmod);
            if let Some(source) = &mut column.default {
                kept |= expr(probe, source, |e| compile::check_default(trial, e, expected))?;
            }
            if let Some(source) = &mut column.generated {
                kept |=
                    expr(probe, source, |e| compile::expression(trial, Some(&before), e, Some(expected)).map(drop))?;
            }
        }
        for constraint in &mut relation.constraints {
            for source in constraint.kind.sources_mut() {
                kept |= expr(probe, source, |e| compile::expression(trial, Some(&before), e, None).map(drop))?;
            }
        }
        for index in &mut relation.indexes {
            for key in index.keys.iter_mut().filter(|_| index.columns.is_none()) {
                let mut bare = bare_key(key);
                let direction = key[bare.len()..].to_owned();
                kept |= expr(probe, &mut bare, |e| compile::expression(trial, Some(&before), e, None).map(drop))?;
                *key = bare + &direction;
            }
            if let Some(source) = &mut index.predicate {
                kept |= expr(probe, source, |e| compile::condition(trial, &before, e, "WHERE").map(drop))?;
            }
        }
        if kept {
            tables.insert(relation.name.clone());
        }
        if let RelationKind::View(view) = &mut relation.kind {
            let mut query = parse_query(&view.query)?;
            if apply(probe, &mut query, |query| compile::view_columns(trial, &[], query, None).map(drop)) {
                view.query = query.to_string();
            }
        }
    }
    for (name, domain) in &trial.domains {
        let mut after = domain.clone();
        if let Some(source) = &mut after.default {
            expr(probe, source, |e| compile::check_default(trial, e, (&domain.ty, domain.typmod)))?;
        }
        let mut relation = bare_relation(name.clone());
        relation.columns.push(plain_column(VALUE.to_owned(), domain.ty.clone()));
        for (_, source) in &mut after.checks {
            expr(probe, source, |e| compile::check_domain(trial, &relation, e))?;
        }
        catalog.domains.insert(name.clone(), after);
    }
    for routine in catalog.functions.values_mut().flatten() {
        let before = routine.clone();
        let routine = Arc::make_mut(routine);
        for param in &mut routine.params {
            if let Some(source) = &mut param.default {
                expr(probe, source, |e| compile::check_default(trial, e, (&param.ty, None)))?;
            }
        }
        // Other bodies are texts, which PostgreSQL reads anew when they run.
        if routine.parsed {
            let mut statements = parse_statements(&routine.body)?;
            let compiles = |statements: &Vec<Statement>| {
                compile::check_routine(trial, &Routine { body: joined(statements), ..(*before).clone() })
            };
            if apply(probe, &mut statements, compiles) {
                routine.body = joined(&statements);
            }
        }
    }
    Ok(tables)
}

/// A trigger with this WHEN.
fn with_condition(trigger: &Trigger, when: impl Display) -> Trigger {
    let mut trigger = trigger.clone();
    if let Some(run) = &mut trigger.run {
        run.when = Some(when.to_string());
    }
    trigger
}

/// [`apply`] to an expression's source.
fn expr(probe: &impl Probe, source: &mut String, compiles: impl Fn(&Expr) -> Result<()>) -> Result<bool> {
    let mut expr = parse_expr(source)?;
    let found = apply(probe, &mut expr, compiles);
    if found {
        *source = expr.to_string();
    }
    Ok(found)
}

/// Changes what is sought in a tree. Whether it was there.
fn apply<T: VisitMut + Clone>(probe: &impl Probe, node: &mut T, compiles: impl Fn(&T) -> Result<()>) -> bool {
    let mut found = BTreeSet::new();
    for at in 0.. {
        let mut trial = node.clone();
        if at >= probe.put(&mut trial, BTreeSet::from([at]), true) {
            break;
        }
        if probe.is_told(&compiles(&trial)) {
            found.insert(at);
        }
    }
    let is_there = !found.is_empty();
    if is_there {
        probe.put(node, found, false);
    }
    is_there
}
