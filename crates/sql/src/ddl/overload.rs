//! One of several functions of a name, and who calls it: which one a call means is told by giving that one a body that is none.

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::sync::Arc;

use basalt_core::Result;
use sqlparser::ast::{Expr, Ident, ObjectName, ObjectNamePart, TableFactor, VisitMut, VisitorMut};

use super::bound::{self, Probe};
use super::resolve::takes;
use super::source::{fold, ident_node};
use crate::Catalog;
use crate::catalog::{Name, Routine};
use crate::visit::visit_mut;

/// A function's name while it is asked who calls it, and its body. No name that a migration gives has a blank at its end.
const ASKED: &str = "basalt asked ";
const NO_BODY: &str = "basalt_no_body";

/// Writes the new name of `routine`, an overload that the catalog need not have any more, into every call of it. What SQLite keeps has its
/// body, and stays.
pub(super) fn rename_calls(catalog: &mut Catalog, routine: &Arc<Routine>, to: &Name) -> Result<()> {
    let from = &routine.name;
    let args = routine.input_types();
    let mut overloads = catalog.routines(&from.schema, &from.name).to_vec();
    overloads.retain(|other| !takes(other, &args));
    let without_body = Routine { language: "sql".into(), body: NO_BODY.into(), parsed: true, ..(**routine).clone() };
    let asked = Name::new(&*from.schema, ASKED);
    let mut trial = catalog.clone();
    trial.functions.insert(asked.clone(), [&overloads[..], &[Arc::new(without_body)]].concat());
    trial.functions.insert(from.clone(), [&overloads[..], std::slice::from_ref(routine)].concat());
    let has_fields = is_field(catalog, routine);
    bound::rewrite(catalog, &trial, &Calls { from, asked, to, has_fields }).map(drop)
}

/// Whether a row's function may be called as if it were a column: `t.f`, where no column of the table has the name.
pub(super) fn is_field(catalog: &Catalog, routine: &Routine) -> bool {
    let takes = routine.inputs().next().and_then(|param| catalog.relations.get(param.relation.as_ref()?));
    takes.is_some_and(|relation| relation.column(&routine.name.name).is_none())
}

/// A catalog in which whoever calls that overload calls it by the name that comes with it.
pub(super) fn with_calls_marked(catalog: &Catalog, routine: &Arc<Routine>) -> Result<(Catalog, Name)> {
    let name = Name::new(&*routine.name.schema, ASKED);
    let mut marked = catalog.clone();
    rename_calls(&mut marked, routine, &name)?;
    Ok((marked, name))
}

/// The overload whose calls are sought.
struct Calls<'a> {
    from: &'a Name,
    asked: Name,
    to: &'a Name,
    has_fields: bool,
}

impl Probe for Calls<'_> {
    fn put<T: VisitMut>(&self, node: &mut T, chosen: BTreeSet<usize>, asks: bool) -> usize {
        let to = if asks { &self.asked } else { self.to };
        let mut names = Names { from: self.from, to, has_fields: self.has_fields, chosen, met: 0 };
        let _ = visit_mut(node, &mut names);
        names.met
    }

    fn is_told(&self, compiled: &Result<()>) -> bool {
        compiled.as_ref().is_err_and(|error| error.message().contains(NO_BODY))
    }
}

/// Replaces chosen ones of the calls of a name.
struct Names<'a> {
    from: &'a Name,
    to: &'a Name,
    /// Whether `t.name` may be a call too.
    has_fields: bool,
    chosen: BTreeSet<usize>,
    met: usize,
}

impl Names<'_> {
    fn name(&mut self, name: &mut ObjectName) {
        let parts: Vec<String> = name.0.iter().filter_map(ObjectNamePart::as_ident).map(fold).collect();
        if !matches!(parts.as_slice(), [.., schema, last] if *schema == self.from.schema && *last == self.from.name) {
            return;
        }
        if self.chosen.contains(&self.met) {
            *name = ObjectName::from(vec![ident_node(&self.to.schema), ident_node(&self.to.name)]);
        }
        self.met += 1;
    }

    fn field(&mut self, parts: &mut [Ident]) {
        if let Some(last) = parts.last_mut().filter(|last| fold(last) == self.from.name) {
            if self.chosen.contains(&self.met) {
                *last = ident_node(&self.to.name);
            }
            self.met += 1;
        }
    }
}

impl VisitorMut for Names<'_> {
    type Break = ();

    fn pre_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<()> {
        if let TableFactor::Table { name, args: Some(_), .. } | TableFactor::Function { name, .. } = factor {
            self.name(name);
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        match expr {
            Expr::Function(function) => self.name(&mut function.name),
            Expr::CompoundIdentifier(parts) if self.has_fields => self.field(parts),
            _ => {}
        }
        ControlFlow::Continue(())
    }
}
