//! Which function a call means that DDL keeps: it is settled when the call is kept, by the search path and the arguments' types,
//! and written down with its schema. A name that is kept without one is what is built in.

use basalt_core::Identity;
use basalt_types::{Type, Value};
use sqlparser::ast::{FunctionArg, FunctionArgExpr};

use super::aggregate::is_aggregate;
use super::compiler::Compiler;
use super::function::Argument;
use super::overload::{self, Choice};
use super::scope::Scope;
use super::typed::Typed;
use super::{routine, session};
use crate::catalog::{Catalog, Name, Relation};

/// Names that are syntax to PostgreSQL, whatever functions there are.
const SYNTAX: [&str; 8] = ["coalesce", "nullif", "greatest", "least", "grouping", "normalize", "row", "array"];

/// The function of the catalog's that a call of an unqualified name means; `None` where it is what is built in, or nothing.
///
/// `over` is the table whose columns the arguments may name. Where an argument's type depends on other columns, a function of
/// the catalog's comes first that is no built-in one's double.
pub(crate) fn function_meant(
    catalog: &Catalog,
    search_path: &[String],
    over: Option<&Relation>,
    name: &str,
    args: &[FunctionArg],
) -> Option<Name> {
    let mut compiler = Compiler::new(catalog, Identity::OWNER, search_path, "");
    compiler.forget_positions();
    let routines = compiler.routine_candidates(None, name);
    let first = routines.first()?.name.clone();
    let is_star = |arg: &FunctionArg| matches!(arg, FunctionArg::Unnamed(FunctionArgExpr::Wildcard));
    if SYNTAX.contains(&name) || is_aggregate(name) && args.iter().any(is_star) {
        return None;
    }
    if args.iter().any(|arg| !matches!(arg, FunctionArg::Unnamed(_))) {
        return Some(first);
    }
    let known = arguments(&mut compiler, over, args);
    let is_known = known.is_some();
    let nothing = || (None, Typed::constant(Value::Null, Type::UNKNOWN));
    let args: Vec<Argument> = known.unwrap_or_else(|| args.iter().map(|_| nothing()).collect());
    let values: Vec<Typed> = args.iter().map(|(_, value)| value.clone()).collect();
    if !matches!(session::function(&mut compiler, None, name, &values), Ok(None)) {
        return None;
    }

    let built_in = overload::built_in(name, args.len());
    let before_own = built_in.len();
    let placed: Vec<_> = routines.iter().map(|r| routine::place(catalog, r, &args)).collect();
    let candidates = compiler.visible(name, built_in, &routines, &placed);
    let own = candidates[before_own..].iter().position(Option::is_some)?;
    let own = Some(routines[own].name.clone());
    if candidates[..before_own].iter().all(Option::is_none) {
        return own;
    }
    if !is_known {
        return own.filter(|_| !is_aggregate(name));
    }
    let types: Vec<Type> = values.into_iter().map(|value| value.ty).collect();
    match overload::choose(&candidates, &types) {
        Choice::One(fit) => Some(routines[fit.index.checked_sub(before_own)?].name.clone()),
        Choice::None | Choice::Ambiguous => own,
    }
}

/// The arguments, as far as they name nothing but the table's columns.
fn arguments(compiler: &mut Compiler<'_>, over: Option<&Relation>, args: &[FunctionArg]) -> Option<Vec<Argument>> {
    let mut scope = Scope::new(None);
    if let Some(relation) = over {
        let alias = compiler.alias(&relation.name.name);
        let source = compiler.table_source(&std::sync::Arc::new(relation.clone()), &relation.name.name, &alias);
        scope.sources.push(source);
    }
    compiler.bind_argument_list(&scope, args, None).ok()
}
