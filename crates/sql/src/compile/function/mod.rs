//! Function calls in expressions.

mod arguments;
mod callee;

use basalt_core::{Error, Result};
use basalt_types::{Type, Volatility};
use sqlparser::ast::{Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments};

pub(super) use arguments::{Argument, argument_list};
pub(super) use callee::{Callee, no_function};

use super::compiler::Compiler;
use super::element::WITH_ELEMENT;
use super::fold::Nature;
use super::given::{no_array, spread};
use super::overload::{self, Fit};
use super::scope::Scope;
use super::set_function::is_recordset;
use super::template::implementation;
use super::typed::{Form, Typed};
use super::types::split_name;
use super::{aggregate, row, session};
use crate::visit::any_outside_queries;

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
            return self.bind_function(scope, &function, expected).map_err(no_array);
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
        if builtin && is_recordset(&name) && name.contains("_to_") {
            return Err(Error::new("0A000", format!("could not determine row type for result of {name}")));
        }
        self.gathers = any_outside_queries(&function.args, gathers);
        let value = self.call_named(scope, schema.as_deref(), &name, args);
        self.gathers = false;
        value
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
}

/// Whether it is a window function, or an aggregate that names no column: SQLite finds those by the columns of what they are over.
fn gathers(expr: &Expr) -> bool {
    let Expr::Function(function) = expr else { return false };
    let names_column = |expr: &Expr| matches!(expr, Expr::Identifier(_) | Expr::CompoundIdentifier(_));
    function.over.is_some()
        || aggregate::is_aggregate_call(function) && !any_outside_queries(&function.args, names_column)
}
