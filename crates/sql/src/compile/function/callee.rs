//! Which function a name means: what is built in, and what the catalog has.

use std::sync::Arc;

use basalt_core::{Error, Result};
use basalt_types::Type;

use super::Argument;
use crate::catalog::{EXTENSIONS, Routine};
use crate::compile::compiler::Compiler;
use crate::compile::given::named_builtin;
use crate::compile::overload::{self, Candidate, Choice, Fit};
use crate::compile::routine::{self, Placed};
use crate::compile::typed::Typed;
use crate::compile::{absent, privilege, window};

/// The function that a call means.
pub(in crate::compile) enum Callee {
    /// One of `basalt_types`.
    Builtin(&'static basalt_types::Function, Fit),
    /// One that returns rows.
    Set(&'static basalt_types::SetFunction, Fit),
    /// An SQL function; its arguments in the order of its parameters, `None` where the default stands.
    Routine(Arc<Routine>, Vec<Option<Typed>>),
}

impl Compiler<'_> {
    fn unknown_function(&self, schema: Option<&str>, name: &str, args: &[Argument]) -> Error {
        match schema.filter(|s| *s != "pg_catalog" && !self.catalog.schemas.contains_key(*s)) {
            Some(schema) => {
                absent::in_schema(Error::new("3F000", format!("schema \"{schema}\" does not exist")), schema)
            }
            None if window::is_window_function(name) => {
                Error::new("42809", format!("window function {name} requires an OVER clause"))
            }
            None => absent::function(name)
                .filter(|_| schema.is_none_or(|schema| overload::is_built_in_at(self.catalog, schema, name)))
                .unwrap_or_else(|| no_function(schema, name, args)),
        }
    }

    /// The SQL functions that a name may mean, by the search path. What the catalog keeps parsed names the database's own with
    /// their schemas, so that a name without one is what is built in there.
    pub(in crate::compile) fn routine_candidates(&self, schema: Option<&str>, name: &str) -> Vec<Arc<Routine>> {
        match schema {
            Some(schema) => self.catalog.routines(schema, name).to_vec(),
            None if !self.names_anew && overload::is_built_in(name) => Vec::new(),
            None => self.search_path.iter().flat_map(|s| self.catalog.routines(s, name)).cloned().collect(),
        }
    }

    /// Where names are looked up before what this schema has: its place in the search path, counted from 1.
    fn place_in_path(&self, schema: &str) -> usize {
        self.search_path.iter().position(|s| s == schema).map_or(usize::MAX, |at| at + 1)
    }

    /// As [`Self::place_in_path`] of what is built in: first, unless the path says where; what extensions bring is in their schema.
    fn place_of_built_in(&self, name: &str) -> usize {
        if let Some(extension) = overload::extension_of(name) {
            let schemas = self.catalog.extensions.get(extension).into_iter().flatten().map(String::as_str);
            return schemas.chain([EXTENSIONS]).map(|schema| self.place_in_path(schema)).min().unwrap_or(usize::MAX);
        }
        self.search_path.iter().position(|s| s == "pg_catalog").map_or(0, |at| at + 1)
    }

    /// The candidates of a name: what is built in, then functions of the catalog as they take the arguments; without those that
    /// another one hides.
    pub(in crate::compile) fn visible(
        &self,
        name: &str,
        built_in: Vec<Candidate>,
        routines: &[Arc<Routine>],
        placed: &[Option<Placed>],
    ) -> Vec<Candidate> {
        let mut places = vec![self.place_of_built_in(name); built_in.len()];
        places.extend(routines.iter().map(|routine| self.place_in_path(&routine.name.schema)));
        let mut candidates = built_in;
        candidates.extend(placed.iter().map(|placed| placed.as_ref().map(|placed| placed.parameters.clone())));
        overload::hide(&mut candidates, &places);
        candidates
    }

    /// Chooses the function that a call means. The values are the arguments in order, for a built-in one.
    pub(in crate::compile) fn callee(
        &mut self,
        schema: Option<&str>,
        name: &str,
        args: Vec<Argument>,
    ) -> Result<(Callee, Vec<Typed>)> {
        let builtin = schema.is_none_or(|schema| overload::is_built_in_at(self.catalog, schema, name));
        let named = args.iter().any(|(name, _)| name.is_some());
        if named
            && builtin
            && let Some(placed) = named_builtin(name, &args)
        {
            return self.callee(schema, name, placed);
        }
        let functions = if builtin && !named { overload::functions(name) } else { &[] };
        let sets = if builtin && !named { overload::set_functions(name) } else { &[] };
        let routines = self.routine_candidates(schema, name);
        let count = args.len();
        let scalar = functions.iter().map(|f| overload::parameters(f.args, f.optional, f.variadic, count));
        let sets_of = sets.iter().map(|f| overload::parameters(f.args, f.optional, false, count));
        let built_in: Vec<Candidate> = scalar.chain(sets_of).collect();
        let before_own = built_in.len();
        let placed: Vec<_> = routines.iter().map(|r| routine::place(self.catalog, r, &args)).collect();
        let candidates = self.visible(name, built_in, &routines, &placed);
        let types: Vec<Type> = args.iter().map(|(_, value)| value.ty.clone()).collect();
        let fit = match overload::choose(&candidates, &types) {
            Choice::One(fit) => fit,
            Choice::None => return Err(self.unknown_function(schema, name, &args)),
            Choice::Ambiguous => return Err(ambiguous(schema, name, &args)),
        };
        // Rows of the same fields, whose relation is not known here.
        if fit.index >= before_own && overload::is_repeated(&candidates[before_own..], &candidates[fit.index]) {
            return Err(ambiguous(schema, name, &args));
        }
        let values: Vec<Typed> = args.into_iter().map(|(_, value)| value).collect();
        if let Some(function) = functions.get(fit.index) {
            return Ok((Callee::Builtin(function, fit), values));
        }
        if let Some(function) = sets.get(fit.index - functions.len()) {
            return Ok((Callee::Set(function, fit), values));
        }
        let chosen = fit.index - before_own;
        let routine = routines[chosen].clone();
        privilege::use_schema(self, &routine.name.schema)?;
        privilege::execute(self, &routine)?;
        let values = self.converted(values, &fit)?;
        let slots = placed.into_iter().nth(chosen).flatten().map(|p| p.slots).unwrap_or_default();
        let given = slots.iter().map(|slot| self.placed(slot, &values)).collect::<Result<_>>()?;
        Ok((Callee::Routine(routine, given), Vec::new()))
    }
}

/// 42725 in PostgreSQL's words.
fn ambiguous(schema: Option<&str>, name: &str, args: &[Argument]) -> Error {
    Error::new("42725", format!("function {} is not unique", signature(schema, name, args)))
        .with_hint("Could not choose a best candidate function. You might need to add explicit type casts.")
}

/// 42883 in PostgreSQL's words.
pub(in crate::compile) fn no_function(schema: Option<&str>, name: &str, args: &[Argument]) -> Error {
    Error::new("42883", format!("function {} does not exist", signature(schema, name, args)))
        .with_hint("No function matches the given name and argument types. You might need to add explicit type casts.")
}

/// The type of an argument as messages name it.
fn type_name(value: &Typed) -> String {
    match &value.row_of {
        Some(relation) => relation.name.clone(),
        None => value.ty.sql_name(),
    }
}

fn signature(schema: Option<&str>, name: &str, args: &[Argument]) -> String {
    let args: Vec<String> = args
        .iter()
        .map(|(name, value)| match name {
            Some(name) => format!("{name} => {}", type_name(value)),
            None => type_name(value),
        })
        .collect();
    let schema = schema.filter(|s| *s != "pg_catalog").map(|s| format!("{s}.")).unwrap_or_default();
    format!("{schema}{name}({})", args.join(", "))
}
