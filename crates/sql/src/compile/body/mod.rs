//! What a body in PL/pgSQL runs: its pieces of SQL, compiled over its variables.
//!
//! A run keeps its values in the places of a [`Layout`]; variables are SQLite parameters of these, so that one program serves every
//! run. A piece is compiled when it first runs, as PostgreSQL does: what is never reached need not make sense. It is compiled anew where
//! records have other columns than before.

mod check;
mod frame;
mod outcome;
mod pieces;
mod target;

use std::collections::HashMap;
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};

use basalt_core::{Error, Result};
use basalt_types::{Type, Value, Volatility};
use sqlparser::ast::Expr;

use super::Compiler;
use super::parse_expr;
use super::row;
use super::scope::{Arguments, Scope, Sides};
use super::typed::{Origin, Typed};
use super::types::fold;
use crate::catalog::Routine;
use crate::plpgsql::ast::{Body, Conflict, Known, Named, Sql};
use crate::program::Bind;
use crate::{Catalog, Program};
pub use check::check_function;
pub use check::shape_of_columns;
pub(super) use check::{may_come, placed, simulate};
pub(crate) use frame::shape_of;
pub use frame::{Frame, Holds, Layout, Shape, Slot, Variable};
pub use outcome::{Gives, Outcome};
pub(super) use pieces::assigned;
pub(crate) use pieces::parse_over_rows;
pub use target::Place;
pub(super) use target::unassigned;

/// Layouts that are kept: as many as records change their columns.
const MAX_LAYOUTS: usize = 64;

/// The layouts that are known; numbers are never given again, for runs may still hold a layout that was dropped.
#[derive(Debug)]
struct Layouts {
    known: Vec<Arc<Layout>>,
    next: usize,
}

/// Compiled pieces, by their number and their layout's.
type Programs = HashMap<(usize, usize), Result<Arc<Program>>>;

/// Whose rights a statement has, and where it looks names up.
#[derive(Debug, Clone, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub struct Who {
    /// The role that runs the statement.
    pub caller: String,
    /// `current_user`: the caller, or the owner of a definer function around.
    pub user: String,
    /// Where unqualified names are looked up.
    pub search_path: Vec<String>,
}

impl Who {
    /// What compiles a statement of theirs.
    pub(super) fn compiler<'a>(&self, catalog: &'a Catalog, text: &'a str) -> Compiler<'a> {
        Compiler::new(catalog, &self.caller, &self.search_path, text)
    }
}

/// A function's body, ready to run.
#[derive(Debug)]
pub struct Code {
    /// The function's name.
    pub function: String,
    /// What it does.
    pub body: Body,
    /// Its variables.
    pub frame: Frame,
    /// How steady its result is: what is not volatile may not write.
    pub volatility: Volatility,
    /// What it gives back.
    pub outcome: Outcome,
    /// The function's rights.
    running: Who,
    /// Names that stand for the same value in every run.
    constants: Vec<(String, Typed)>,
    /// How many of the first variables are `$1`, `$2`, ...
    numbered: Vec<usize>,
    layouts: Mutex<Layouts>,
    programs: Mutex<Programs>,
}

impl Code {
    /// Looks up what a function's body needs.
    pub(super) fn new(
        catalog: &Catalog,
        routine: &Routine,
        body: Body,
        own: Vec<Variable>,
        constants: Vec<(String, Typed)>,
        asking: &Who,
    ) -> Result<Code> {
        let running = Who {
            user: if routine.security_definer { routine.owner.clone() } else { asking.user.clone() },
            search_path: routine.search_path().unwrap_or_else(|| asking.search_path.clone()),
            caller: asking.caller.clone(),
        };
        let frame = Frame::new(catalog, &running.search_path, own, &body)?;
        let first = frame.layout(0, frame.shapes());
        Ok(Code {
            function: routine.name.name.clone(),
            volatility: routine.volatility,
            outcome: Outcome::of(catalog, routine),
            numbered: Vec::new(),
            layouts: Mutex::new(Layouts { known: vec![Arc::new(first)], next: 1 }),
            programs: Mutex::default(),
            body,
            frame,
            running,
            constants,
        })
    }

    /// A function in PL/pgSQL that is no trigger's.
    ///
    /// Errors: those of [`crate::plpgsql::parse`]; 42704 and 42P01 for unknown types of variables.
    pub fn of_function(catalog: &Catalog, routine: &Routine, asking: &Who) -> Result<Code> {
        let body = crate::plpgsql::parse(&routine.body, crate::plpgsql::Kind::Function)?;
        let mut own: Vec<Variable> = routine.params.iter().map(|param| Variable::of_param(catalog, param)).collect();
        let inputs = routine.params.iter().enumerate().filter(|(_, param)| param.mode.is_input());
        let numbered = inputs.map(|(at, _)| at).collect();
        own.push(Variable::new("found", Holds::Value(Slot::new("found", Type::BOOL))));
        let code = Code::new(catalog, routine, body, own, Vec::new(), asking)?;
        let code = Code { numbered, ..code };
        let aliases = code.body.names.iter().filter_map(|name| match &name.what {
            Named::Alias(_, of) => Some(of),
            _ => None,
        });
        for of in aliases {
            if let (None, Known::Own(name)) = (code.place_of_known(of), of) {
                return Err(Error::new("42704", format!("variable \"{name}\" does not exist")));
            }
        }
        Ok(code)
    }

    /// A block of a script, which its owner runs.
    ///
    /// Errors: as for a function; those that PostgreSQL has before such a block runs.
    pub fn of_block(catalog: &Catalog, body: &str, search_path: &[String]) -> Result<Code> {
        let owner = basalt_core::Identity::OWNER.to_owned();
        let who = Who { caller: owner.clone(), user: owner.clone(), search_path: search_path.to_vec() };
        let body = crate::plpgsql::parse(body, crate::plpgsql::Kind::Block)?;
        let own = vec![Variable::new("found", Holds::Value(Slot::new("found", Type::BOOL)))];
        let code = Code::new(catalog, &Routine::of_block(owner), body, own, Vec::new(), &who)?;
        check::check_statements(&code)?;
        Ok(code)
    }

    /// Has every piece compiled anew: what it names may have changed.
    pub fn forget(&self) {
        self.programs.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// The variables of the parameters that a caller gives, in order.
    pub fn inputs(&self) -> &[usize] {
        &self.numbered
    }

    /// The places of a run that begins.
    pub fn first_layout(&self) -> Arc<Layout> {
        self.layout(self.frame.shapes())
    }

    /// The places for rows of these columns.
    pub fn layout(&self, shapes: Vec<Option<Shape>>) -> Arc<Layout> {
        let mut layouts = self.layouts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(layout) = layouts.known.iter().find(|layout| layout.shapes == shapes) {
            return layout.clone();
        }
        if layouts.known.len() >= MAX_LAYOUTS {
            self.programs.lock().unwrap_or_else(PoisonError::into_inner).clear();
            layouts.known.truncate(1);
        }
        let layout = Arc::new(self.frame.layout(layouts.next, shapes));
        layouts.next += 1;
        layouts.known.push(layout.clone());
        layout
    }

    /// The program of a piece of the body.
    ///
    /// Errors: PostgreSQL's own.
    pub fn program(&self, catalog: &Catalog, layout: &Layout, sql: &Sql, gives: &Gives) -> Result<Arc<Program>> {
        let key = (sql.id, layout.number);
        if let Some(known) = self.programs.lock().unwrap_or_else(PoisonError::into_inner).get(&key) {
            return known.clone();
        }
        let arguments = self.names(layout, sql.scope);
        let who = &self.running;
        let program =
            self.compile(who.compiler(catalog, &sql.text), who, layout, arguments, &sql.text, gives).map(Arc::new);
        self.programs.lock().unwrap_or_else(PoisonError::into_inner).insert(key, program.clone());
        program
    }

    /// The program of SQL that was put together, over the values of its parameters.
    ///
    /// Errors: PostgreSQL's own.
    pub fn dynamic(&self, catalog: &Catalog, text: &str, params: &[Type], gives: &Gives) -> Result<Program> {
        let values =
            params.iter().enumerate().map(|(at, ty)| (String::new(), Typed::new(format!("?{}", at + 1), ty.clone())));
        let arguments =
            Arguments { numbered: (0..params.len()).collect(), ..Arguments::of(String::new(), values.collect()) };
        let slots = params.iter().map(|ty| Slot::new("", ty.clone())).collect();
        let layout = Layout {
            number: 0,
            shapes: vec![Some(Arc::new(slots))],
            places: std::iter::once(0..params.len()).collect(),
            size: params.len(),
        };
        let who = &self.running;
        self.compile(who.compiler(catalog, text), who, &layout, arguments, text, gives)
    }

    /// Compiles a piece, with what compiles for whom it runs.
    pub(super) fn compile(
        &self,
        mut compiler: Compiler<'_>,
        who: &Who,
        layout: &Layout,
        arguments: Arguments,
        text: &str,
        gives: &Gives,
    ) -> Result<Program> {
        compiler.forget_positions();
        let standing: Vec<Bind> = (0..layout.size).map(Bind::Param).collect();
        let mut scope = Scope::new(None);
        scope.args = Some(Rc::new(arguments));
        let columns = compiler.as_user(&who.user, |compiler| {
            compiler.with_standing(standing, |compiler| pieces::bind(compiler, &scope, text, gives))
        })?;
        Ok(compiler.finish(columns))
    }

    /// What names mean at a place of the body.
    pub(super) fn names(&self, layout: &Layout, scope: Option<usize>) -> Arguments {
        let mut arguments = Arguments::of(self.function.clone(), Vec::new());
        arguments.sides = match self.body.conflict {
            Conflict::Error => Sides::Refused,
            Conflict::Variable => Sides::Argument,
            Conflict::Column => Sides::Column,
        };
        for (label, name, known) in self.body.known(scope) {
            let Some(at) = self.place_of_known(&known) else { continue };
            self.know(&mut arguments, layout, at, name);
            if let Some(label) = label {
                let last = arguments.values.len() - 1;
                arguments.labelled.push((label.to_owned(), last));
            }
        }
        let start = arguments.values.len();
        for at in 0..self.frame.own {
            let name = &self.frame.variables[at].name;
            self.know(&mut arguments, layout, at, name);
            arguments.labelled.push((self.function.clone(), start + at));
        }
        arguments.numbered = self.numbered.iter().map(|at| start + at).collect();
        arguments.values.extend(self.constants.iter().cloned());
        arguments
    }

    /// Whether an expression is a record alone to which nothing is assigned yet.
    pub fn is_unassigned(&self, layout: &Layout, sql: &Sql) -> bool {
        let Ok(Expr::Identifier(name)) = parse_expr(&sql.text) else { return false };
        self.names(layout, sql.scope).unassigned.contains(&fold(&name))
    }

    fn know(&self, arguments: &mut Arguments, layout: &Layout, at: usize, name: &str) {
        let variable = &self.frame.variables[at];
        let value = |slot: &Slot, place: usize| {
            let typed = Typed::new(format!("?{}", place + 1), slot.ty.clone());
            Typed { typmod: slot.typmod, ..typed }
        };
        let places = layout.places[at].clone();
        let typed = match (&variable.holds, &layout.shapes[at]) {
            (Holds::Value(slot), _) => value(slot, places.start),
            (holds, Some(shape)) => {
                let fields = shape.iter().zip(places).map(|(slot, place)| (slot.name.clone(), value(slot, place)));
                let mark = if variable.is_there { String::new() } else { format!("?{}", layout.places[at].end) };
                let row_of = if let Holds::Row(_, row_of) = holds { row_of.clone() } else { None };
                Typed { row_of, ..row::of_fields(fields.collect(), mark, Origin::Value) }
            }
            (_, None) => {
                arguments.unassigned.push(name.to_owned());
                row::record(Vec::new())
            }
        };
        arguments.values.push((name.to_owned(), typed));
    }

    /// A value that stands for a name in every run.
    pub(super) fn constant(name: &str, value: Value, ty: Type) -> (String, Typed) {
        (name.to_owned(), Typed::constant(value, ty))
    }
}
