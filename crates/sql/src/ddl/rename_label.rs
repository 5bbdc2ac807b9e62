//! An enumeration's label under its new name, carried into every expression and query that the catalog keeps: sources hold literals, and
//! those that are read as the label are found by putting what is none in their place.

use std::collections::BTreeSet;
use std::fmt::Arguments;
use std::ops::ControlFlow;
use std::sync::Arc;

use basalt_core::Result;
use basalt_types::text::quoted_ident;
use basalt_types::{Context, EnumType, Type, ValueRef, codec};
use sqlparser::ast::{Expr, Value, VisitMut, VisitorMut};

use super::Change;
use super::bound::{self, Probe};
use crate::catalog::Name;
use crate::visit::visit_mut;

/// No label of any type: labels are shorter.
const NO_LABEL: &str = "no label is longer than 63 bytes, so that this text, which has more, can be none";

impl Change<'_> {
    /// Writes the label's new name into all sources. Gives the tables of which SQLite keeps a source that changed.
    pub(super) fn rename_label_in_sources(&mut self, ty: &Name, from: &str, to: &str) -> Result<BTreeSet<Name>> {
        // What compiling says names a type without its schema: for a while those that share the name take what is no label.
        let namesakes = self.catalog.enums.iter().filter(|(name, _)| name.name == ty.name && *name != ty);
        let namesakes: Vec<(Name, Arc<EnumType>)> = namesakes.map(|(n, e)| (n.clone(), e.clone())).collect();
        for (name, namesake) in &namesakes {
            let mut wide = (**namesake).clone();
            wide.labels.push(NO_LABEL.to_owned());
            self.replace_enum(name, wide);
        }
        let refusal = format!("invalid input value for enum {}: \"{NO_LABEL}\"", quoted_ident(&ty.name));
        let label = Label { refusal, from, to };
        let trial = self.catalog.clone();
        let tables = bound::rewrite(&mut self.catalog, &trial, &label);
        namesakes.into_iter().for_each(|(name, namesake)| self.replace_enum(&name, (*namesake).clone()));
        tables
    }
}

/// The label that changes.
struct Label<'a> {
    /// What compiling says where [`NO_LABEL`] stands for a label of the type.
    refusal: String,
    from: &'a str,
    to: &'a str,
}

impl<'a> Probe for Label<'a> {
    type Spelling = &'a str;

    fn write<T: VisitMut>(&self, node: &mut T, place: Option<(usize, &'a str)>) -> usize {
        let (place, to) = place.unzip();
        let mut literals = Literals { from: self.from, to: to.unwrap_or(self.from), place, met: 0 };
        let _ = visit_mut(node, &mut literals);
        literals.met
    }

    fn spelling(&self, _: Arguments<'_>, compiled: impl Fn(&'a str) -> Result<()>) -> Result<Option<&'a str>> {
        let is_label = compiled(NO_LABEL).is_err_and(|error| error.message() == self.refusal);
        Ok(is_label.then_some(self.to))
    }
}

/// Replaces one of the literals that are the same text.
struct Literals<'a> {
    from: &'a str,
    to: &'a str,
    place: Option<usize>,
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
            if self.place == Some(self.met) {
                *text = renamed;
            }
            self.met += 1;
        }
        ControlFlow::Continue(())
    }
}
