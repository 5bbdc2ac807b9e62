//! The arguments of a call: bound in the order in which they were written, with their names.

use basalt_core::{Error, Result};
use basalt_types::Type;
use sqlparser::ast::{
    BinaryOperator, DuplicateTreatment, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, OrderByExpr,
    Spanned,
};

use crate::compile::compiler::Compiler;
use crate::compile::given::is_variadic;
use crate::compile::scope::Scope;
use crate::compile::typed::{Form, Typed};
use crate::compile::types::fold;

/// An argument of a call: its name, if it was given by name, and its value.
pub(in crate::compile) type Argument = (Option<String>, Typed);

impl Compiler<'_> {
    /// The arguments of `coalesce` and its like. What stands behind a constant of `coalesce` is never reached.
    pub(super) fn bind_conditional_arguments(
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
    pub(super) fn bind_arguments(&mut self, scope: &Scope<'_>, function: &Function) -> Result<Vec<Argument>> {
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
    pub(in crate::compile) fn bind_argument_list(
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

    pub(in crate::compile) fn bind_argument(
        &mut self,
        scope: &Scope<'_>,
        arg: &FunctionArgExpr,
        expected: Option<&Type>,
    ) -> Result<Typed> {
        match arg {
            FunctionArgExpr::Expr(expr) => self.bind_expr(scope, expr, expected),
            FunctionArgExpr::QualifiedWildcard(name) => self.bind_star(scope, name),
            FunctionArgExpr::Wildcard | FunctionArgExpr::WildcardWithOptions(_) => {
                Err(Error::new("42601", "syntax error at or near \"*\""))
            }
        }
    }
}

/// 42601 for an argument that may not stand behind arguments of these names.
fn check_name<'a>(name: Option<&String>, mut before: impl Iterator<Item = &'a String>) -> Result<()> {
    match name {
        None if before.next().is_some() => Err(Error::new("42601", "positional argument cannot follow named argument")),
        Some(name) if before.any(|other| other == name) => {
            Err(Error::new("42601", format!("argument name \"{name}\" used more than once")))
        }
        _ => Ok(()),
    }
}

/// What stands between a call's parentheses: arguments, DISTINCT, ORDER BY.
pub(in crate::compile) fn argument_list(function: &Function) -> Result<(&[FunctionArg], bool, &[OrderByExpr])> {
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
