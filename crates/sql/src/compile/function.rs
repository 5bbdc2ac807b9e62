//! Function calls: which function is meant, built in or of the catalog.

use std::sync::Arc;

use basalt_core::{Error, Result};
use basalt_types::{Type, Volatility};
use sqlparser::ast::{
    BinaryOperator, DuplicateTreatment, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, OrderByExpr,
    Spanned,
};

use super::compiler::Compiler;
use super::element::WITH_ELEMENT;
use super::fold::Nature;
use super::given::{is_variadic, named_builtin, spread};
use super::overload::{self, Choice, Fit, Parameter};
use super::scope::Scope;
use super::template::implementation;
use super::typed::{Form, Typed};
use super::types::{fold, split_name};
use super::{aggregate, privilege, row, session};
use crate::catalog::Routine;

/// An argument of a call: its name, if it was given by name, and its value.
pub(super) type Argument = (Option<String>, Typed);

/// The function that a call means.
pub(super) enum Callee {
    /// One of `basalt_types`.
    Builtin(&'static basalt_types::Function, Fit),
    /// One that returns rows.
    Set(&'static basalt_types::SetFunction, Fit),
    /// An SQL function; its arguments in the order of its parameters, `None` where the default stands.
    Routine(Arc<Routine>, Vec<Option<Typed>>),
}

impl Compiler<'_> {
    pub(super) fn bind_function(
        &mut self,
        scope: &Scope<'_>,
        function: &Function,
        expected: Option<&Type>,
    ) -> Result<Typed> {
        if let Some(value) = self.set_item(scope, function) {
            return Ok(value);
        }
        let (schema, name) = split_name(&function.name)?;
        if function.over.is_some() {
            return self.bind_window(scope, function, &name);
        }
        let builtin = schema.as_deref().is_none_or(|s| s == "pg_catalog");
        if builtin && aggregate::is_aggregate_call(function) {
            return self.bind_aggregate(scope, function, &name);
        }
        if function.filter.is_some() {
            return Err(Error::new("42809", format!("FILTER specified, but {name} is not an aggregate function")));
        }
        if let FunctionArguments::Subquery(query) = &function.args {
            if builtin && name == "array" {
                return self.bind_array_query(scope, query);
            }
            let value = self.bind_scalar_query(scope, query)?;
            return self.call_named(scope, schema.as_deref(), &name, vec![(None, value)]);
        }
        let conditional = builtin && matches!(name.as_str(), "coalesce" | "nullif" | "greatest" | "least");
        if conditional {
            let args = self.bind_conditional_arguments(scope, function, &name, expected)?;
            return self.bind_conditional(&name, args, expected);
        }
        if builtin && name == "grouping" {
            return self.bind_grouping(scope, function);
        }
        if builtin && name == "normalize" {
            return self.bind_normalize(scope, function);
        }
        if builtin && let Some(function) = spread(function, &name)? {
            return self.bind_function(scope, &function, expected);
        }
        if builtin && name == "row" {
            return self.bind_row_call(scope, function);
        }
        let args = self.bind_arguments(scope, function)?;
        if builtin && name == WITH_ELEMENT {
            return self.with_element(args.into_iter().map(|(_, value)| value).collect());
        }
        if builtin && matches!(name.as_str(), "json_populate_record" | "jsonb_populate_record") {
            return self.populated(&name, args.into_iter().map(|(_, value)| value).collect());
        }
        self.call_named(scope, schema.as_deref(), &name, args)
    }

    /// `row(a, t.*)`: a star stands for its fields.
    fn bind_row_call(&mut self, scope: &Scope<'_>, function: &Function) -> Result<Typed> {
        let (args, ..) = argument_list(function)?;
        let mut fields = Vec::with_capacity(args.len());
        for arg in args {
            let is_star = matches!(arg, FunctionArg::Unnamed(FunctionArgExpr::QualifiedWildcard(_)));
            for (_, value) in self.bind_argument_list(scope, std::slice::from_ref(arg), None)? {
                match self.fields(&value).filter(|_| is_star) {
                    Some(inner) => fields.extend(inner.into_iter().map(|(_, field)| field)),
                    None => fields.push(value),
                }
            }
        }
        let named = fields.into_iter().enumerate().map(|(i, value)| (format!("f{}", i + 1), value));
        Ok(row::written(named.collect()))
    }

    /// The arguments of `coalesce` and its like. What stands behind a constant of `coalesce` is never reached.
    fn bind_conditional_arguments(
        &mut self,
        scope: &Scope<'_>,
        function: &Function,
        name: &str,
        expected: Option<&Type>,
    ) -> Result<Vec<Typed>> {
        let (args, ..) = argument_list(function)?;
        let outer = self.folds;
        let mut values = Vec::with_capacity(args.len());
        for arg in args {
            let bound = self.bind_argument_list(scope, std::slice::from_ref(arg), expected)?;
            for (_, value) in bound {
                let is_settled = matches!(&value.form, Form::Constant(value) if !value.is_null());
                self.folds &= name != "coalesce" || !is_settled;
                values.push(value);
            }
        }
        self.folds = outer;
        Ok(values)
    }

    /// The arguments of a call, in the order in which they were written.
    fn bind_arguments(&mut self, scope: &Scope<'_>, function: &Function) -> Result<Vec<Argument>> {
        let (args, distinct, order) = argument_list(function)?;
        if distinct {
            return Err(Error::new(
                "42809",
                format!("DISTINCT specified, but {} is not an aggregate function", function.name),
            ));
        }
        if !order.is_empty() {
            return Err(Error::new(
                "42809",
                format!("ORDER BY specified, but {} is not an aggregate function", function.name),
            ));
        }
        self.bind_argument_list(scope, args, None)
    }

    /// Arguments with their names.
    pub(super) fn bind_argument_list(
        &mut self,
        scope: &Scope<'_>,
        args: &[FunctionArg],
        expected: Option<&Type>,
    ) -> Result<Vec<Argument>> {
        let mut bound: Vec<Argument> = Vec::with_capacity(args.len());
        for arg in args.iter().filter(|arg| !is_variadic(arg)) {
            let (name, value) = match arg {
                FunctionArg::Named { name, arg, .. } => (Some(fold(name)), arg),
                FunctionArg::ExprNamed { name: Expr::Identifier(name), arg, .. } => (Some(fold(name)), arg),
                FunctionArg::ExprNamed { name, .. } => {
                    return Err(Error::new("42601", format!("syntax error at or near \"{name}\"")));
                }
                FunctionArg::Unnamed(FunctionArgExpr::Expr(Expr::BinaryOp {
                    left,
                    op: BinaryOperator::Assignment,
                    right,
                })) => match left.as_ref() {
                    Expr::Identifier(name) => {
                        bound.push((Some(fold(name)), self.bind_expr(scope, right, expected)?));
                        continue;
                    }
                    other => return Err(Error::new("42601", format!("syntax error at or near \"{other}\""))),
                },
                FunctionArg::Unnamed(arg) => (None, arg),
            };
            bound.push((name, self.bind_argument(scope, value, expected)?));
        }
        let written = args.iter().filter(|arg| !is_variadic(arg));
        for (at, ((name, _), arg)) in bound.iter().zip(written).enumerate() {
            let names = bound[..at].iter().filter_map(|(name, _)| name.as_ref());
            check_name(name.as_ref(), names).map_err(|error| self.place(error, arg.span()))?;
        }
        Ok(bound)
    }

    pub(super) fn bind_argument(
        &mut self,
        scope: &Scope<'_>,
        arg: &FunctionArgExpr,
        expected: Option<&Type>,
    ) -> Result<Typed> {
        match arg {
            FunctionArgExpr::Expr(expr) => self.bind_expr(scope, expr, expected),
            FunctionArgExpr::QualifiedWildcard(name) => {
                let (schema, alias) = split_name(name)?;
                let missing = || Error::new("42P01", format!("missing FROM-clause entry for table \"{alias}\""));
                match scope.named(schema.as_deref(), &alias) {
                    Some((source, level)) => self.whole_row(level, source),
                    None => {
                        super::column::argument(scope, &alias).filter(|row| row.row().is_some()).ok_or_else(missing)
                    }
                }
            }
            FunctionArgExpr::Wildcard | FunctionArgExpr::WildcardWithOptions(_) => {
                Err(Error::new("42601", "syntax error at or near \"*\""))
            }
        }
    }

    /// A built-in function by its name.
    pub(super) fn call(&mut self, name: &str, args: Vec<Typed>) -> Result<Typed> {
        let args = args.into_iter().map(|value| (None, value)).collect();
        match self.callee(Some("pg_catalog"), name, args)? {
            (Callee::Builtin(function, fit), values) => self.call_builtin(function, &fit, values),
            _ => Err(Error::internal(format!("{name} is no scalar function"))),
        }
    }

    /// A function in an expression.
    fn call_named(
        &mut self,
        scope: &Scope<'_>,
        schema: Option<&str>,
        name: &str,
        args: Vec<Argument>,
    ) -> Result<Typed> {
        let mut args = args;
        let builtin = schema.is_none_or(|s| s == "pg_catalog");
        if builtin
            && let [(None, value)] = args.as_slice()
            && let Form::Row(..) = value.form
        {
            match name {
                "to_jsonb" => return row::to_json(value, true),
                "to_json" | "row_to_json" => return row::to_json(value, false),
                _ => {}
            }
        }
        if args.iter().all(|(name, _)| name.is_none()) {
            let values: Vec<Typed> = args.iter().map(|(_, value)| value.clone()).collect();
            if let Some(value) = session::function(self, schema, name, &values)? {
                return Ok(value);
            }
        }
        if builtin && self.routine_candidates(schema, name).is_empty() {
            for (_, value) in &mut args {
                if let Form::Row(..) = value.form {
                    *value = self.storable(value.clone())?;
                }
            }
        }
        // `f(t)` may be a column of t written as a function.
        if let (None, [(None, value)]) = (schema, args.as_slice())
            && let Some(fields) = self.fields(value)
            && let Some((_, field)) = fields.iter().find(|(field, _)| field == name)
            && self.routine_candidates(schema, name).is_empty()
        {
            return Ok(field.clone());
        }
        match self.callee(schema, name, args)? {
            (Callee::Builtin(function, fit), values) => self.call_builtin(function, &fit, values),
            (Callee::Set(..), _) => Err(self.misplaced_set(scope)),
            (Callee::Routine(routine, values), _) => self.call_routine(scope, &routine, values),
        }
    }

    fn call_builtin(
        &mut self,
        function: &'static basalt_types::Function,
        fit: &Fit,
        args: Vec<Typed>,
    ) -> Result<Typed> {
        let args = self.fitted(args, fit)?;
        let types: Vec<Type> = args.iter().map(|a| a.ty.clone()).collect();
        let ty = overload::result_type(function.returns, fit, &types);
        let nature = Nature {
            is_strict: function.strict,
            is_immutable: function.volatility == Volatility::Immutable,
            implementation: function.implementation,
        };
        if let Some(result) = self.folded(&nature, &args, &ty)? {
            return Ok(result);
        }
        let sql = implementation(function.implementation, &function.sqlite_name(), &args);
        let mut typed = Typed::over(sql, ty, &args);
        typed.leakproof &= function.leakproof;
        typed.volatile |= function.volatility == Volatility::Volatile;
        typed.stable |= function.volatility == Volatility::Stable;
        Ok(typed)
    }

    fn unknown_function(&self, schema: Option<&str>, name: &str, args: &[Argument]) -> Error {
        match schema.filter(|s| *s != "pg_catalog" && !self.catalog.schemas.contains_key(*s)) {
            Some(schema) => {
                super::absent::in_schema(Error::new("3F000", format!("schema \"{schema}\" does not exist")), schema)
            }
            None if super::window::is_window_function(name) => {
                Error::new("42809", format!("window function {name} requires an OVER clause"))
            }
            None => super::absent::function(name)
                .filter(|_| schema.is_none_or(|schema| matches!(schema, "pg_catalog" | "extensions")))
                .unwrap_or_else(|| no_function(schema, name, args)),
        }
    }

    /// The SQL functions that a name may mean, by the search path. What the catalog keeps parsed names the database's own with
    /// their schemas, so that a name without one is what is built in there.
    pub(super) fn routine_candidates(&self, schema: Option<&str>, name: &str) -> Vec<Arc<Routine>> {
        match schema {
            Some(schema) => self.catalog.routines(schema, name).to_vec(),
            None if !self.names_anew && overload::is_built_in(name) => Vec::new(),
            None => self.search_path.iter().flat_map(|s| self.catalog.routines(s, name)).cloned().collect(),
        }
    }

    /// Where names are looked up before what this schema has: its place in the search path, counted from 1.
    pub(super) fn place_in_path(&self, schema: &str) -> usize {
        self.search_path.iter().position(|s| s == schema).map_or(usize::MAX, |at| at + 1)
    }

    /// As [`Self::place_in_path`] of what is built in: first, unless the path says where; what extensions bring is in their schema.
    pub(super) fn place_of_built_in(&self, name: &str) -> usize {
        if overload::is_of_extension(name) {
            return self.place_in_path("extensions");
        }
        self.search_path.iter().position(|s| s == "pg_catalog").map_or(0, |at| at + 1)
    }

    /// Chooses the function that a call means. The values are the arguments in order, for a built-in one.
    pub(super) fn callee(
        &mut self,
        schema: Option<&str>,
        name: &str,
        args: Vec<Argument>,
    ) -> Result<(Callee, Vec<Typed>)> {
        let builtin = schema.is_none_or(|s| matches!(s, "pg_catalog" | "extensions"));
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
        let mut candidates: Vec<Option<Vec<Parameter>>> = Vec::new();
        candidates.extend(functions.iter().map(|f| overload::parameters(f.args, f.optional, f.variadic, count)));
        candidates.extend(sets.iter().map(|f| overload::parameters(f.args, f.optional, false, count)));
        let placed: Vec<_> = routines.iter().map(|r| super::routine::place(self.catalog, r, &args)).collect();
        candidates.extend(placed.iter().map(|p| p.as_ref().map(|p| p.parameters.clone())));
        let built_in = functions.len() + sets.len();
        let places: Vec<usize> = std::iter::repeat_n(self.place_of_built_in(name), built_in)
            .chain(routines.iter().map(|routine| self.place_in_path(&routine.name.schema)))
            .collect();
        overload::hide(&mut candidates, &places);
        let types: Vec<Type> = args.iter().map(|(_, value)| value.ty.clone()).collect();
        let fit = match overload::choose(&candidates, &types) {
            Choice::One(fit) => fit,
            Choice::None => return Err(self.unknown_function(schema, name, &args)),
            Choice::Ambiguous => {
                let shown = signature(schema, name, &args);
                return Err(Error::new("42725", format!("function {shown} is not unique")).with_hint(
                    "Could not choose a best candidate function. You might need to add explicit type casts.",
                ));
            }
        };
        let values: Vec<Typed> = args.into_iter().map(|(_, value)| value).collect();
        if let Some(function) = functions.get(fit.index) {
            return Ok((Callee::Builtin(function, fit), values));
        }
        if let Some(function) = sets.get(fit.index - functions.len()) {
            return Ok((Callee::Set(function, fit), values));
        }
        let chosen = fit.index - built_in;
        let routine = routines[chosen].clone();
        privilege::use_schema(self, &routine.name.schema)?;
        privilege::execute(self, &routine)?;
        let values = self.converted(values, &fit)?;
        let slots = placed.into_iter().nth(chosen).flatten().map(|p| p.slots).unwrap_or_default();
        let given = slots.into_iter().map(|slot| super::routine::fill(&slot, &values)).collect();
        Ok((Callee::Routine(routine, given), Vec::new()))
    }
}

/// 42601 for an argument that may not stand behind arguments of these names.
fn check_name<'a>(name: Option<&String>, mut before: impl Iterator<Item = &'a String>) -> Result<()> {
    match name {
        None if before.next().is_some() => {
            Err(Error::new("42601", "positional argument cannot follow named argument"))
        }
        Some(name) if before.any(|other| other == name) => {
            Err(Error::new("42601", format!("argument name \"{name}\" used more than once")))
        }
        _ => Ok(()),
    }
}

/// What stands between a call's parentheses: arguments, DISTINCT, ORDER BY.
pub(super) fn argument_list(function: &Function) -> Result<(&[FunctionArg], bool, &[OrderByExpr])> {
    match &function.args {
        FunctionArguments::None => Ok((&[], false, &[])),
        FunctionArguments::List(list) => {
            let mut order: &[OrderByExpr] = &[];
            for clause in &list.clauses {
                match clause {
                    sqlparser::ast::FunctionArgumentClause::OrderBy(keys) => order = keys,
                    other => return Err(Error::new("42601", format!("syntax error at or near \"{other}\""))),
                }
            }
            Ok((&list.args, list.duplicate_treatment == Some(DuplicateTreatment::Distinct), order))
        }
        FunctionArguments::Subquery(_) => Err(Error::new("42601", "syntax error at or near \"SELECT\"")),
    }
}

/// 42883 in PostgreSQL's words.
pub(super) fn no_function(schema: Option<&str>, name: &str, args: &[Argument]) -> Error {
    Error::new("42883", format!("function {} does not exist", signature(schema, name, args)))
        .with_hint("No function matches the given name and argument types. You might need to add explicit type casts.")
}

fn signature(schema: Option<&str>, name: &str, args: &[Argument]) -> String {
    let args: Vec<String> = args
        .iter()
        .map(|(name, value)| match name {
            Some(name) => format!("{name} => {}", value.ty.sql_name()),
            None => value.ty.sql_name(),
        })
        .collect();
    let schema = schema.filter(|s| *s != "pg_catalog").map(|s| format!("{s}.")).unwrap_or_default();
    format!("{schema}{name}({})", args.join(", "))
}
