//! One of several functions of a name, and who calls it: which one a call means is told by giving that one a body that is none. To
//! PostgreSQL a call that is kept means the same function for good, whatever functions of its name there are later: here it is written so.

use std::collections::BTreeSet;
use std::fmt::Arguments;
use std::ops::ControlFlow;
use std::sync::Arc;

use basalt_core::{Error, Result};
use sqlparser::ast::{
    Expr, FunctionArg, FunctionArgExpr, FunctionArguments, Ident, ObjectName, ObjectNamePart, Select, TableFactor,
    VisitMut, VisitorMut,
};

use super::alter::type_source;
use super::bound::{self, Probe};
use super::called_name::{Outputs, keep_entry};
use super::resolve::takes;
use super::source::{fold, ident_node, parse_expr};
use crate::Catalog;
use crate::catalog::{Name, Param, ParamMode, Routine};
use crate::visit::visit_mut;

/// Functions' names while it is asked whether a call means one of them, as things were and as they come to be, and the body of that one. No
/// name that a migration gives has a blank at its end.
const ASKED: &str = "basalt asked ";
const ASKED_AFTER: &str = "basalt asked after ";
const NO_BODY: &str = "basalt_no_body";

/// Has every call of `routine`, as it was `before`, mean it under the name `to`, which `among` have from then on. Gives the tables of which
/// SQLite keeps a source that changed.
///
/// Errors: 0A000 where a call can't be written so.
pub(super) fn rename_calls(
    catalog: &mut Catalog,
    before: &Catalog,
    routine: &Arc<Routine>,
    (to, among): (&Name, &[Arc<Routine>]),
) -> Result<BTreeSet<Name>> {
    let from = &routine.name;
    let args = routine.input_types();
    let without_body = |other: &Arc<Routine>| match takes(other, &args) {
        true => {
            let body = NO_BODY.into();
            Arc::new(Routine { language: "sql".into(), body, parsed: true, ..(**other).clone() })
        }
        false => other.clone(),
    };
    let (asked, asked_after) = (Name::new(&*from.schema, ASKED), Name::new(&*from.schema, ASKED_AFTER));
    let mut trial = before.clone();
    let overloads = before.routines(&from.schema, &from.name);
    trial.functions.insert(asked.clone(), overloads.iter().map(without_body).collect());
    trial.functions.insert(asked_after.clone(), among.iter().map(without_body).collect());
    let has_fields = is_field(before, routine);
    let rows_of = routine.inputs().next().and_then(|param| before.relations.get(param.relation.as_ref()?));
    let stays_field = to.schema == from.schema && rows_of.is_none_or(|relation| relation.column(&to.name).is_none());
    let calls = Calls { routine, asked: &asked, asked_after: &asked_after, to, has_fields, stays_field };
    bound::rewrite(catalog, &trial, &calls)
}

/// Has the calls of a name mean the functions that they meant `before` it got another one. Gives what [`rename_calls`] does.
pub(super) fn keep_calls(catalog: &mut Catalog, before: &Catalog, name: &Name) -> Result<BTreeSet<Name>> {
    let after = catalog.routines(&name.schema, &name.name).to_vec();
    let mut tables = BTreeSet::new();
    for routine in before.routines(&name.schema, &name.name) {
        tables.extend(rename_calls(catalog, before, routine, (name, &after))?);
    }
    Ok(tables)
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
    rename_calls(&mut marked, catalog, routine, (&name, std::slice::from_ref(routine)))?;
    Ok((marked, name))
}

/// The overload whose calls are sought.
struct Calls<'a> {
    routine: &'a Routine,
    /// The name of what had its name before.
    asked: &'a Name,
    /// The name of what has the new one.
    asked_after: &'a Name,
    to: &'a Name,
    /// Whether it may be called as a field of a row, and under the new name, too: a field has no schema, and a column comes before it.
    has_fields: bool,
    stays_field: bool,
}

/// A call's name; with casts of its arguments to the types of the parameters, or as they are.
#[derive(Clone, Copy)]
struct Spelling<'a> {
    name: &'a Name,
    casts: bool,
}

impl<'a> Probe for Calls<'a> {
    type Spelling = Spelling<'a>;

    fn write<T: VisitMut>(&self, node: &mut T, place: Option<(usize, Spelling<'a>)>) -> usize {
        let mut names = Names { calls: self, place, met: 0, outputs: Outputs::default() };
        let _ = visit_mut(node, &mut names);
        names.met
    }

    fn spelling(
        &self,
        dependent: Arguments<'_>,
        compiled: impl Fn(Spelling<'a>) -> Result<()>,
    ) -> Result<Option<Spelling<'a>>> {
        let is_meant = |name: &'a Name, casts: bool| {
            compiled(Spelling { name, casts }).is_err_and(|error| error.message().contains(NO_BODY))
        };
        if !is_meant(self.asked, false) {
            return Ok(None);
        }
        match [false, true].into_iter().find(|&casts| is_meant(self.asked_after, casts)) {
            Some(false) if *self.to == self.routine.name => Ok(None),
            Some(casts) => Ok(Some(Spelling { name: self.to, casts })),
            None => Err(self.not_told(dependent)),
        }
    }
}

impl Calls<'_> {
    fn not_told(&self, dependent: Arguments<'_>) -> Error {
        let types: Vec<String> = self.routine.inputs().map(|param| param.ty.sql_name()).collect();
        let function = format!("{}({})", self.routine.name.name, types.join(", "));
        let message = format!("{dependent} calls function {function}, and the call would not mean it any more");
        Error::new("0A000", message).with_hint(format!(
            "Write the call in {dependent} so that it means {function} whatever else has its name, with casts of the arguments; or give the \
             other function another name."
        ))
    }
}

/// Writes one of the calls of a name, and counts them.
struct Names<'a> {
    calls: &'a Calls<'a>,
    place: Option<(usize, Spelling<'a>)>,
    met: usize,
    outputs: Outputs,
}

impl<'a> Names<'a> {
    /// How the call that is met is to be written.
    fn meet(&mut self) -> Option<Spelling<'a>> {
        let spelling = self.place.filter(|(place, _)| *place == self.met).map(|(_, spelling)| spelling);
        self.met += 1;
        spelling
    }

    /// Whether it is written anew.
    fn call(&mut self, name: &mut ObjectName, args: &mut [FunctionArg]) -> bool {
        let parts: Vec<String> = name.0.iter().filter_map(ObjectNamePart::as_ident).map(fold).collect();
        let from = &self.calls.routine.name;
        if !matches!(parts.as_slice(), [.., schema, last] if *schema == from.schema && *last == from.name) {
            return false;
        }
        let Some(spelling) = self.meet() else { return false };
        *name = ObjectName::from(vec![ident_node(&spelling.name.schema), ident_node(&spelling.name.name)]);
        if spelling.casts {
            cast(args, self.calls.routine);
        }
        true
    }

    /// `t.f`, written as `schema.f(t)` where it can't stay a field.
    fn field(&mut self, expr: &mut Expr) {
        let Expr::CompoundIdentifier(parts) = expr else { return };
        let routine = &self.calls.routine.name;
        let [row @ .., last] = parts.as_mut_slice() else { return };
        if fold(last) != routine.name {
            return;
        }
        let Some(Spelling { name, .. }) = self.meet() else { return };
        if self.calls.stays_field || name != self.calls.to {
            *last = ident_node(&name.name);
        } else {
            let row: Vec<String> = row.iter().map(Ident::to_string).collect();
            if let Ok(call) = parse_expr(&format!("{}({})", name.quoted(), row.join("."))) {
                *expr = call;
            }
        }
    }
}

impl VisitorMut for Names<'_> {
    type Break = ();

    fn pre_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<()> {
        let is_written = match factor {
            TableFactor::Table { name, args: Some(args), .. } => self.call(name, &mut args.args),
            TableFactor::Function { name, args, .. } => self.call(name, args),
            _ => false,
        };
        if is_written {
            keep_entry(factor, &self.calls.routine.name.name);
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<()> {
        self.outputs.enter(select);
        ControlFlow::Continue(())
    }

    fn post_visit_select(&mut self, select: &mut Select) -> ControlFlow<()> {
        self.outputs.leave(select);
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        match expr {
            Expr::Function(function) => {
                let args: &mut [FunctionArg] = match &mut function.args {
                    FunctionArguments::List(list) => &mut list.args,
                    _ => &mut [],
                };
                self.call(&mut function.name, args);
            }
            Expr::CompoundIdentifier(_) if self.calls.has_fields => self.field(expr),
            _ => {}
        }
        ControlFlow::Continue(())
    }
}

/// Casts a call's arguments to the types of the function's parameters. A row is of one table anyway.
fn cast(args: &mut [FunctionArg], routine: &Routine) {
    let inputs: Vec<&Param> = routine.inputs().collect();
    for (at, arg) in args.iter_mut().enumerate() {
        let named = |name: &Ident| inputs.iter().find(|param| param.name == fold(name));
        let (param, value) = match arg {
            FunctionArg::Named { name, arg, .. } | FunctionArg::ExprNamed { name: Expr::Identifier(name), arg, .. } => {
                (named(name), arg)
            }
            FunctionArg::Unnamed(arg) => (inputs.get(at), arg),
            FunctionArg::ExprNamed { .. } => continue,
        };
        let param = param.filter(|param| param.relation.is_none() && param.mode != ParamMode::Variadic);
        if let (Some(param), FunctionArgExpr::Expr(value)) = (param, value) {
            let ty = type_source(&param.ty, param.composite.as_ref());
            if let Ok(cast) = parse_expr(&format!("({value})::{ty}")) {
                *value = cast;
            }
        }
    }
}
