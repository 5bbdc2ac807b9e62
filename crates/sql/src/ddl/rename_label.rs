//! An enumeration's label under its new name, carried into every expression and query that the catalog keeps.
//!
//! Sources hold literals, not labels. Which literal is read as a label is found by putting what is none in its place: the source
//! then fails to compile, and says why.

use std::collections::BTreeSet;
use std::fmt::Display;
use std::ops::ControlFlow;
use std::sync::Arc;

use basalt_core::Result;
use basalt_types::{Context, Type, ValueRef, codec};
use sqlparser::ast::{Expr, Value, VisitMut, VisitorMut};

use super::depend::bare_key;
use super::domain::VALUE;
use super::source::{parse_expr, parse_query};
use super::table::plain_column;
use super::{Change, physical};
use crate::catalog::{Name, RelationKind, Routine, Trigger};
use crate::compile::{self, trigger};
use crate::visit::visit_mut;

/// No label of any type: labels are shorter.
const NO_LABEL: &str = "no label is longer than 63 bytes, so that this text, which has more, can be none";

impl Change<'_> {
    /// Writes the label's new name into all sources. Gives the tables of which SQLite keeps a source that changed.
    pub(super) fn rename_label_in_sources(&mut self, ty: &Name, from: &str, to: &str) -> Result<BTreeSet<Name>> {
        let old = self.catalog.clone();
        let label = Label { refusal: format!("invalid input value for enum {}: \"{NO_LABEL}\"", ty.name), from, to };
        let mut tables = BTreeSet::new();
        for relation in self.catalog.relations.values_mut() {
            let before = relation.clone();
            let relation = Arc::make_mut(relation);
            for policy in &mut relation.policies {
                for source in policy.using.iter_mut().chain(&mut policy.check) {
                    label.expr(source, |expr| compile::check_policy(&old, &before, &expr.to_string()))?;
                }
            }
            for at in 0..relation.triggers.len() {
                let mut trigger = relation.triggers[at].clone();
                let Some(mut source) = trigger.run.as_mut().and_then(|run| run.when.take()) else { continue };
                label.expr(&mut source, |e| trigger::check_condition(&old, &before, &with_condition(&trigger, e)))?;
                relation.triggers[at] = with_condition(&trigger, &source);
            }
            let mut kept = false;
            for column in &mut relation.columns {
                let expected = Some((&column.ty, column.typmod));
                if let Some(source) = &mut column.default {
                    kept |= label.expr(source, |e| compile::expression(&old, None, e, expected).map(drop))?;
                }
                if let Some(source) = &mut column.generated {
                    kept |= label.expr(source, |e| compile::expression(&old, Some(&before), e, expected).map(drop))?;
                }
            }
            for constraint in &mut relation.constraints {
                for source in constraint.kind.sources_mut() {
                    kept |= label.expr(source, |e| compile::expression(&old, Some(&before), e, None).map(drop))?;
                }
            }
            for index in &mut relation.indexes {
                for key in index.keys.iter_mut().filter(|_| index.columns.is_none()) {
                    let mut bare = bare_key(key);
                    let direction = key[bare.len()..].to_owned();
                    kept |= label.expr(&mut bare, |e| compile::expression(&old, Some(&before), e, None).map(drop))?;
                    *key = bare + &direction;
                }
                if let Some(source) = &mut index.predicate {
                    kept |= label.expr(source, |e| compile::condition(&old, &before, e, "WHERE").map(drop))?;
                }
            }
            if kept {
                tables.insert(relation.name.clone());
            }
            if let RelationKind::View(view) = &mut relation.kind {
                let mut query = parse_query(&view.query)?;
                if label.apply(&mut query, |query| compile::view_columns(&old, &[], query, None).map(drop)) {
                    view.query = query.to_string();
                }
            }
        }
        for (name, domain) in &old.domains {
            let mut after = domain.clone();
            if let Some(source) = &mut after.default {
                let expected = Some((&domain.ty, domain.typmod));
                label.expr(source, |e| compile::expression(&old, None, e, expected).map(drop))?;
            }
            let mut relation = self.empty_relation(name.clone());
            relation.columns.push(plain_column(VALUE.to_owned(), domain.ty.clone()));
            for (_, source) in &mut after.checks {
                label.expr(source, |e| physical::check(&old, &relation, &e.to_string()).map(drop))?;
            }
            self.catalog.domains.insert(name.clone(), after);
        }
        for routine in self.catalog.functions.values_mut().flatten() {
            let before = routine.clone();
            let routine = Arc::make_mut(routine);
            for param in &mut routine.params {
                let expected = Some((&param.ty, None));
                if let Some(source) = &mut param.default {
                    label.expr(source, |e| compile::expression(&old, None, e, expected).map(drop))?;
                }
            }
            if routine.language == "sql" {
                let mut body = Body(compile::parse::parse_statements(&routine.body)?);
                let compiles = |body: &Body| {
                    compile::check_routine(&old, &Routine { body: body.to_string(), ..(*before).clone() })
                };
                if label.apply(&mut body.0, |statements| compiles(&Body(statements.clone()))) {
                    routine.body = body.to_string();
                }
            }
        }
        Ok(tables)
    }
}

/// A trigger with this WHEN.
fn with_condition(trigger: &Trigger, when: impl Display) -> Trigger {
    let mut trigger = trigger.clone();
    if let Some(run) = &mut trigger.run {
        run.when = Some(when.to_string());
    }
    trigger
}

/// The statements of a function.
struct Body(Vec<sqlparser::ast::Statement>);

impl Display for Body {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|statement| writeln!(f, "{statement};"))
    }
}

/// The label that changes.
struct Label<'a> {
    /// What compiling says where [`NO_LABEL`] stands for a label of the type.
    refusal: String,
    from: &'a str,
    to: &'a str,
}

impl Label<'_> {
    /// Renames it in an expression's source. Whether it was there.
    fn expr(&self, source: &mut String, compiles: impl Fn(&Expr) -> Result<()>) -> Result<bool> {
        let mut expr = parse_expr(source)?;
        let found = self.apply(&mut expr, compiles);
        if found {
            *source = expr.to_string();
        }
        Ok(found)
    }

    /// Renames it in a tree. Whether it was there.
    fn apply<T: VisitMut + Clone>(&self, node: &mut T, compiles: impl Fn(&T) -> Result<()>) -> bool {
        let mut labels = BTreeSet::new();
        for at in 0.. {
            let mut trial = node.clone();
            let mut literals = Literals { from: self.from, to: NO_LABEL, chosen: BTreeSet::from([at]), met: 0 };
            let _ = visit_mut(&mut trial, &mut literals);
            if at >= literals.met {
                break;
            }
            if compiles(&trial).is_err_and(|error| error.message() == self.refusal) {
                labels.insert(at);
            }
        }
        let found = !labels.is_empty();
        let _ = visit_mut(node, &mut Literals { from: self.from, to: self.to, chosen: labels, met: 0 });
        found
    }
}

/// Replaces chosen ones of the literals that are the same text.
struct Literals<'a> {
    from: &'a str,
    to: &'a str,
    chosen: BTreeSet<usize>,
    met: usize,
}

impl Literals<'_> {
    /// The literal with the new text, be it the whole of it or an element of an array; `None` where the old one is in neither place.
    fn renamed(&self, literal: &str) -> Option<String> {
        if literal == self.from {
            return Some(self.to.to_owned());
        }
        let (ty, context) = (Type::TEXT.array_of(), Context::default());
        let array = Some(literal).filter(|literal| literal.contains('{') && literal.contains(self.from))?;
        let array = codec::from_text(&ty, None, array, &context).ok()?;
        let mut array: serde_json::Value = serde_json::from_str(array.as_ref().text()).ok()?;
        let is_renamed = self.rename_element(&mut array);
        let mut text = String::new();
        codec::to_text(&ty, ValueRef::Text(&array.to_string()), &context, &mut text);
        is_renamed.then_some(text)
    }

    /// Whether the label was among the elements.
    fn rename_element(&self, element: &mut serde_json::Value) -> bool {
        match element {
            serde_json::Value::Array(items) => {
                let mut is_renamed = false;
                for item in items {
                    is_renamed |= self.rename_element(item);
                }
                is_renamed
            }
            serde_json::Value::String(text) if text == self.from => {
                self.to.clone_into(text);
                true
            }
            _ => false,
        }
    }
}

impl VisitorMut for Literals<'_> {
    type Break = ();

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        if let Expr::Value(value) = expr
            && let Value::SingleQuotedString(text) = &mut value.value
            && let Some(renamed) = self.renamed(text)
        {
            if self.chosen.contains(&self.met) {
                *text = renamed;
            }
            self.met += 1;
        }
        ControlFlow::Continue(())
    }
}
