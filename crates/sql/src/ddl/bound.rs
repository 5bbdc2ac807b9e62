//! What a name or a literal in the catalog's expressions and queries means, where its spelling does not tell: found by putting something
//! else in its place, and compiling it.

use std::collections::BTreeSet;
use std::fmt::{Arguments, Display};
use std::sync::Arc;

use basalt_core::Result;
use sqlparser::ast::{Expr, Query, Statement, VisitMut};

use super::depend::bare_key;
use super::domain::VALUE;
use super::source::{joined, parse_expr, parse_query, parse_statements};
use super::table::{bare_relation, plain_column};
use crate::Catalog;
use crate::catalog::{Name, RelationKind, Routine, Trigger};
use crate::compile::{self, trigger};

/// What is sought, and what is to stand in its place.
pub(super) trait Probe {
    /// How it is written.
    type Spelling: Copy;

    /// Writes it so in one of the places in a tree where it may stand, told by its number. Gives how many places there are.
    fn write<T: VisitMut>(&self, node: &mut T, place: Option<(usize, Self::Spelling)>) -> usize;

    /// How it is to be written in a place of `dependent`; nothing where something else stands, or what stands there may stay. `compiled` tells
    /// what comes of a spelling in that place.
    ///
    /// Errors: 0A000 where no spelling means it any more.
    fn spelling(
        &self,
        dependent: Arguments<'_>,
        compiled: impl Fn(Self::Spelling) -> Result<()>,
    ) -> Result<Option<Self::Spelling>>;
}

/// Puts the probe's new name into every source of a catalog. `trial` is the same catalog, with what the probe needs to tell. Gives the
/// tables of which SQLite keeps a source that changed.
pub(super) fn rewrite(catalog: &mut Catalog, trial: &Catalog, probe: &impl Probe) -> Result<BTreeSet<Name>> {
    let mut tables = BTreeSet::new();
    for relation in catalog.relations.values_mut() {
        let before = trial.relations.get(&relation.name).unwrap_or(relation).clone();
        let table = &before.name.name;
        let relation = Arc::make_mut(relation);
        for policy in &mut relation.policies {
            for source in policy.using.iter_mut().chain(&mut policy.check) {
                let what = format_args!("policy \"{}\" on table \"{table}\"", policy.name);
                expr(probe, source, what, |expr| compile::check_policy(trial, &before, &expr.to_string()))?;
            }
        }
        for at in 0..relation.triggers.len() {
            let mut trigger = relation.triggers[at].clone();
            let Some(mut source) = trigger.run.as_mut().and_then(|run| run.when.take()) else { continue };
            let what = format_args!("trigger \"{}\" on table \"{table}\"", trigger.name);
            expr(probe, &mut source, what, |e| trigger::check_condition(trial, &before, &with_condition(&trigger, e)))?;
            relation.triggers[at] = with_condition(&trigger, &source);
        }
        let mut kept = false;
        for column in &mut relation.columns {
            let expected = (&column.ty, column.typmod);
            if let Some(source) = &mut column.default {
                let what = format_args!("default value for column \"{}\" of table \"{table}\"", column.name);
                kept |= expr(probe, source, what, |e| compile::check_default(trial, e, expected))?;
            }
            if let Some(source) = &mut column.generated {
                let what = format_args!("column \"{}\" of table \"{table}\"", column.name);
                let compiles = |e: &Expr| compile::expression(trial, Some(&before), e, Some(expected)).map(drop);
                kept |= expr(probe, source, what, compiles)?;
            }
        }
        for constraint in &mut relation.constraints {
            for source in constraint.kind.sources_mut() {
                let what = format_args!("constraint \"{}\" on table \"{table}\"", constraint.name);
                kept |= expr(probe, source, what, |e| compile::expression(trial, Some(&before), e, None).map(drop))?;
            }
        }
        for index in &mut relation.indexes {
            let what = format!("index \"{}\"", index.name);
            for key in index.keys.iter_mut().filter(|_| index.columns.is_none()) {
                let mut bare = bare_key(key);
                let direction = key[bare.len()..].to_owned();
                let compiles = |e: &Expr| compile::expression(trial, Some(&before), e, None).map(drop);
                kept |= expr(probe, &mut bare, format_args!("{what}"), compiles)?;
                *key = bare + &direction;
            }
            if let Some(source) = &mut index.predicate {
                let compiles = |e: &Expr| compile::condition(trial, &before, e, "WHERE").map(drop);
                kept |= expr(probe, source, format_args!("{what}"), compiles)?;
            }
        }
        if kept {
            tables.insert(relation.name.clone());
        }
        if let RelationKind::View(view) = &mut relation.kind {
            let mut query = parse_query(&view.query)?;
            let compiles = |query: &Query| compile::view_columns(trial, &[], query, None).map(drop);
            if apply(probe, &mut query, format_args!("view \"{table}\""), compiles)? {
                view.query = query.to_string();
            }
        }
    }
    for (name, domain) in &trial.domains {
        let mut after = catalog.domains.get(name).unwrap_or(domain).clone();
        let what = format!("domain \"{}\"", name.name);
        if let Some(source) = &mut after.default {
            let compiles = |e: &Expr| compile::check_default(trial, e, (&domain.ty, domain.typmod));
            expr(probe, source, format_args!("{what}"), compiles)?;
        }
        let mut relation = bare_relation(name.clone());
        relation.columns.push(plain_column(VALUE.to_owned(), domain.ty.clone()));
        for (_, source) in &mut after.checks {
            expr(probe, source, format_args!("{what}"), |e| compile::check_domain(trial, &relation, e))?;
        }
        catalog.domains.insert(name.clone(), after);
    }
    for routine in catalog.functions.values_mut().flatten() {
        let before = routine.clone();
        let routine = Arc::make_mut(routine);
        let what = format!("function \"{}\"", before.name.name);
        for param in &mut routine.params {
            if let Some(source) = &mut param.default {
                let compiles = |e: &Expr| compile::check_default(trial, e, (&param.ty, None));
                expr(probe, source, format_args!("{what}"), compiles)?;
            }
        }
        // Other bodies are texts, which PostgreSQL reads anew when they run.
        if routine.parsed {
            let mut statements = parse_statements(&routine.body)?;
            let compiles = |statements: &Vec<Statement>| {
                compile::check_routine(trial, &Routine { body: joined(statements), ..(*before).clone() })
            };
            if apply(probe, &mut statements, format_args!("{what}"), compiles)? {
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
fn expr(
    probe: &impl Probe,
    source: &mut String,
    what: Arguments<'_>,
    compiles: impl Fn(&Expr) -> Result<()>,
) -> Result<bool> {
    let mut expr = parse_expr(source)?;
    let found = apply(probe, &mut expr, what, compiles)?;
    if found {
        *source = expr.to_string();
    }
    Ok(found)
}

/// Changes what is sought in a tree. Whether it was there.
fn apply<T: VisitMut + Clone>(
    probe: &impl Probe,
    node: &mut T,
    what: Arguments<'_>,
    compiles: impl Fn(&T) -> Result<()>,
) -> Result<bool> {
    let mut found = Vec::new();
    for at in 0..probe.write(node, None) {
        let compiled = |spelling| {
            let mut trial = node.clone();
            probe.write(&mut trial, Some((at, spelling)));
            compiles(&trial)
        };
        found.extend(probe.spelling(what, compiled)?.map(|spelling| (at, spelling)));
    }
    // From the last place on: those before it keep their numbers.
    for chosen in found.iter().rev() {
        probe.write(node, Some(*chosen));
    }
    Ok(!found.is_empty())
}
