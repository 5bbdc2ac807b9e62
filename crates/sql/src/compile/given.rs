//! Arguments of built-in functions that are given by name, or in an array behind `variadic`.

use basalt_core::{Error, Result};
use basalt_types::{Base, Kind, Type};
use sqlparser::ast::{self, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments};

use super::function::Argument;
use super::overload;
use super::parse::VARIADIC;
use super::typed::Typed;

/// The arguments of a built-in function that are given by name, in its order; `None` if it takes no such arguments: one has another
/// name, is given twice, or is missing and has no default.
pub(super) fn named_builtin(name: &str, args: &[Argument]) -> Option<Vec<Argument>> {
    let functions = overload::functions(name).iter().map(|f| (f.names, f.args, f.optional));
    let sets = overload::set_functions(name).iter().map(|f| (f.names, f.args, f.optional));
    let (names, kinds, optional) = functions.chain(sets).find(|(names, ..)| !names.is_empty())?;
    let zero = |kind: &Kind| match kind {
        Kind::Is(Base::Jsonb) => Typed::constant("{}".into(), Type::JSONB),
        Kind::Is(Base::Bool) => Typed::constant(false.into(), Type::BOOL),
        _ => Typed::constant(0.into(), Type::INT4),
    };
    let mut given: Vec<Option<Typed>> = vec![None; kinds.len()];
    for (position, (name, value)) in args.iter().enumerate() {
        let at = match name {
            Some(name) => names.iter().position(|parameter| parameter == name)?,
            None => position,
        };
        if given.get_mut(at)?.replace(value.clone()).is_some() {
            return None;
        }
    }
    let required = kinds.len() - optional;
    let filled = given.into_iter().zip(kinds).enumerate().map(|(at, (value, kind))| {
        let value = value.or_else(|| (at >= required).then(|| zero(kind)))?;
        Some((None, value))
    });
    filled.collect()
}

/// What the name of a function begins with that takes another one's variadic arguments as an array.
const OF_ARRAY: &str = "basalt_variadic_";

/// Whether an argument is the mark before an array that `variadic` gives.
pub(super) fn is_variadic(arg: &FunctionArg) -> bool {
    let FunctionArg::Unnamed(FunctionArgExpr::Expr(Expr::Identifier(ident))) = arg else { return false };
    ident.quote_style.is_some() && ident.value == VARIADIC
}

/// 42804 where a call that [`spread`] gave was refused for what stands in the array's place.
pub(super) fn no_array(error: Error) -> Error {
    let is_meant = error.code() == "42883" && error.message().starts_with(&format!("function {OF_ARRAY}"));
    if is_meant { Error::new("42804", "VARIADIC argument must be an array") } else { error }
}

/// A call of a built-in function with `variadic array[...]` as the one with the array's elements, if it is one.
///
/// Errors: 0A000 for an array that is not written out, where no other function says the same.
pub(super) fn spread(function: &Function, name: &str) -> Result<Option<Function>> {
    let FunctionArguments::List(list) = &function.args else { return Ok(None) };
    let Some(at) = list.args.iter().position(is_variadic) else { return Ok(None) };
    if !overload::functions(name).iter().any(|function| function.variadic) {
        return Ok(None);
    }
    let mut args = list.args.clone();
    let array = args.split_off(at).pop();
    let of_array = format!("{OF_ARRAY}{name}");
    let (mut spread, mut meant) = (function.clone(), name);
    match (array, name) {
        (Some(FunctionArg::Unnamed(FunctionArgExpr::Expr(Expr::Array(array)))), _) => {
            args.extend(array.elem.into_iter().map(|item| FunctionArg::Unnamed(FunctionArgExpr::Expr(item))));
        }
        (Some(array), "concat" | "concat_ws") => {
            let nothing = Expr::Value(ast::Value::SingleQuotedString(String::new()).with_empty_span());
            let between = args.pop().unwrap_or(FunctionArg::Unnamed(FunctionArgExpr::Expr(nothing)));
            meant = "array_to_string";
            args = vec![array, between];
        }
        (Some(array), _) if !overload::functions(&of_array).is_empty() => {
            args.push(array);
            meant = &of_array;
        }
        _ => {
            return Err(Error::unsupported(
                format!("{name} with a variadic array that is not written out"),
                "Write the elements, as arguments or in array[...].",
            ));
        }
    }
    spread.name = ast::ObjectName::from(["pg_catalog", meant].map(ast::Ident::new).to_vec());
    if let FunctionArguments::List(list) = &mut spread.args {
        list.args = args;
    }
    Ok(Some(spread))
}
