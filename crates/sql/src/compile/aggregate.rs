//! Aggregates: which is meant, DISTINCT, ORDER BY and FILTER within it, and rows as their argument.

use basalt_core::{Error, Result};
use basalt_types::function::AggregateImplementation;
use basalt_types::{Base, Type};
use sqlparser::ast::{Expr, Function, FunctionArg, FunctionArgExpr, OrderByExpr, Visit};

use super::cast::json;
use super::compare::require_equality;
use super::compiler::Compiler;
use super::function::{argument_list, no_function};
use super::overload::{self, Choice};
use super::row;
use super::scope::{Clause, Scope};
use super::template::{fill, is_call};
use super::typed::{CastContext, Typed};
use super::types::split_name;
use super::unrolled::{is_bytes, json_of};
use crate::quote;
use crate::visit::any_outside_queries;

/// Stands for the values that an ordered-set aggregate collects, in the call over them.
const COLLECTED: &str = "\"collected values\"";

/// Whether a name is an aggregate's.
pub(super) fn is_aggregate(name: &str) -> bool {
    overload::is_compiled_aggregate(name) || !overload::aggregates(name).is_empty()
}

/// Whether a call is an aggregate's.
pub(super) fn is_aggregate_call(function: &Function) -> bool {
    !function.within_group.is_empty() || split_name(&function.name).is_ok_and(|(_, name)| is_aggregate(&name))
}

/// Whether an expression has aggregates of its own query: not in subqueries, and not over windows.
pub(super) fn has_aggregate(node: &impl Visit) -> bool {
    any_outside_queries(node, |expr| match expr {
        Expr::Function(call) => {
            call.over.is_none()
                && split_name(&call.name).is_ok_and(|(schema, _)| schema.is_none_or(|s| s == "pg_catalog"))
                && is_aggregate_call(call)
        }
        _ => false,
    })
}

/// An aggregate call taken apart, so that a window may be put behind it.
pub(super) struct Call {
    /// Before the FILTER: `sum("t"."a")`.
    pub sql: String,
    /// The template around the call, when the call is not the whole.
    pub around: Option<String>,
    /// Its result, with the operands' properties.
    pub typed: Typed,
}

impl Compiler<'_> {
    pub(super) fn bind_aggregate(&mut self, scope: &Scope<'_>, function: &Function, name: &str) -> Result<Typed> {
        match scope.clause.get() {
            Clause::Rows(clause) => {
                return Err(Error::new("42803", format!("aggregate functions are not allowed in {clause}")));
            }
            Clause::Aggregate => return Err(Error::new("42803", "aggregate function calls cannot be nested")),
            Clause::Output | Clause::Having | Clause::Window => {}
        }
        let call = self.aggregate_call(scope, function, name, Clause::Aggregate)?;
        let sql = match call.around {
            Some(template) => fill(&template, &[&call.sql]),
            None => call.sql,
        };
        Ok(Typed { sql, ..call.typed })
    }

    /// An aggregate's call, its FILTER included. `inside` is the clause that its arguments are bound in.
    pub(super) fn aggregate_call(
        &mut self,
        scope: &Scope<'_>,
        function: &Function,
        name: &str,
        inside: Clause,
    ) -> Result<Call> {
        let outer = scope.clause.replace(inside);
        let call = match function.within_group.as_slice() {
            [] => self.aggregate_inside(scope, function, name),
            order => self.ordered_set(scope, function, name, order),
        };
        scope.clause.set(outer);
        call
    }

    fn aggregate_inside(&mut self, scope: &Scope<'_>, function: &Function, name: &str) -> Result<Call> {
        let (args, distinct, order) = argument_list(function)?;
        let filter = match &function.filter {
            Some(filter) => Some(self.bind_condition(scope, filter, "FILTER")?),
            None => None,
        };
        let clause = filter.as_ref().map(|f| format!(" FILTER (WHERE {})", f.sql)).unwrap_or_default();
        if let [FunctionArg::Unnamed(FunctionArgExpr::Wildcard | FunctionArgExpr::WildcardWithOptions(_))] = args {
            if name != "count" {
                return Err(Error::new("42883", format!("function {name}() does not exist")));
            }
            let mut typed = Typed::over("", Type::INT8, &filter);
            typed.not_null = true;
            return Ok(Call { sql: format!("count(*){clause}"), around: None, typed });
        }
        let values = self.bind_argument_list(scope, args, None)?;
        let mut values: Vec<Typed> = values.into_iter().map(|(_, value)| value).collect();
        let order = self.bind_aggregate_order(scope, order)?;
        let over = scope.clause.get() == Clause::Window;
        let mut call = match (name, values.as_slice()) {
            ("count", [_]) => self.count(values, distinct)?,
            ("min" | "max", [_]) => self.extreme(name, values)?,
            ("json_agg" | "jsonb_agg", [value])
                if !distinct && !over && row::fits_one_call(value) && value.sql.is_empty() =>
            {
                let sql = format!("{}{order})", row::aggregate_call(value, name == "jsonb_agg")?);
                let ty = if name == "jsonb_agg" { Type::JSONB } else { Type::JSON };
                Call { sql, around: None, typed: Typed::over("", ty, &values) }
            }
            _ => {
                for value in &mut values {
                    if value.row().is_some() {
                        *value = self.storable(value.clone())?;
                    }
                }
                self.table_aggregate(name, values, distinct, &order, over)?
            }
        };
        call.sql.push_str(&clause);
        if let Some(filter) = &filter {
            call.typed.absorb(filter);
        }
        Ok(call)
    }

    /// `percentile_cont(fraction) within group (order by x)` and its kin: a function over the values collected in their order.
    fn ordered_set(
        &mut self,
        scope: &Scope<'_>,
        function: &Function,
        name: &str,
        order: &[OrderByExpr],
    ) -> Result<Call> {
        let ([key], "percentile_cont" | "percentile_disc" | "mode") = (order, name) else {
            return Err(Error::unsupported(
                format!("the ordered-set aggregate {name} is not supported on the embedded engine"),
                "Compute it with window functions.",
            ));
        };
        let (args, ..) = argument_list(function)?;
        let filter = match &function.filter {
            Some(filter) => Some(self.bind_condition(scope, filter, "FILTER")?),
            None => None,
        };
        let mut args: Vec<Typed> =
            self.bind_argument_list(scope, args, None)?.into_iter().map(|(_, value)| value).collect();
        if args.iter().any(|fraction| fraction.ty.element().is_some()) {
            return Err(Error::unsupported(
                format!("{name} of an array of fractions is not supported on the embedded engine"),
                "Call it once for each fraction.",
            ));
        }
        let value = self.bind_expr(scope, &key.expr, None)?;
        let value = self.decided(value)?;
        let value = match name {
            "percentile_cont" => self.coerce(value, &Type::FLOAT8, None, CastContext::Implicit)?,
            _ => value,
        };
        let mut collected = Typed::over(COLLECTED, value.ty.clone().array_of(), [&value]);
        collected.sources.clone_from(&value.sources);
        collected.leaks.clone_from(&value.leaks);
        let order = super::order::key(&value, &key.options)?;
        let mut sql = format!("json_group_array({} ORDER BY {order})", super::column::array_item(&value));
        if let Some(filter) = &filter {
            sql.push_str(&format!(" FILTER (WHERE {})", filter.sql));
            collected.absorb(filter);
        }
        args.push(collected);
        let typed = self.call(name, args)?;
        let around = typed.sql.replace(COLLECTED, "{0}");
        Ok(Call { sql, around: Some(around), typed: Typed { sql: String::new(), ..typed } })
    }

    fn count(&mut self, mut values: Vec<Typed>, distinct: bool) -> Result<Call> {
        let Some(value) = values.pop() else { return Err(Error::internal("count without argument")) };
        let sql = match (value.row(), distinct) {
            (Some(_), false) if value.sql.is_empty() => "count(*)".to_owned(),
            (Some(_), false) => format!("count({})", value.sql),
            (Some(_), true) => {
                require_equality(&value.ty)?;
                format!("count(DISTINCT {})", self.storable(value.clone())?.collated_sql())
            }
            (None, _) => {
                let value = self.decided(value.clone())?;
                if distinct {
                    require_equality(&value.ty)?;
                }
                match distinct {
                    true => format!("count(DISTINCT {})", value.collated_sql()),
                    false => format!("count({})", value.sql),
                }
            }
        };
        let mut typed = Typed::over("", Type::INT8, [&value]);
        typed.not_null = true;
        Ok(Call { sql, around: None, typed })
    }

    /// `min` and `max` of any type that has an order; DISTINCT and ORDER BY change nothing.
    fn extreme(&mut self, name: &str, mut values: Vec<Typed>) -> Result<Call> {
        let Some(value) = values.pop() else { return Err(Error::internal("min without argument")) };
        let value = self.decided(value)?;
        let is_range = value.ty.base().and_then(Base::subtype).is_some();
        let ordered = !is_range
            && !matches!(
                value.ty,
                Type::Record(_)
                    | Type::Base(
                        Base::Bool
                            | Base::Uuid
                            | Base::Json
                            | Base::Jsonb
                            | Base::Jsonpath
                            | Base::Bytea
                            | Base::Void
                            | Base::Tsvector
                            | Base::Vector
                    )
            );
        if !ordered {
            return Err(no_function(None, name, &[(None, value)]));
        }
        let sql = format!("{name}({})", value.collated_sql());
        Ok(Call { sql, around: None, typed: Typed::over("", value.ty.clone(), [&value]) })
    }

    fn table_aggregate(
        &mut self,
        name: &str,
        values: Vec<Typed>,
        distinct: bool,
        order: &str,
        over: bool,
    ) -> Result<Call> {
        let candidates = overload::aggregates(name);
        let parameters: Vec<_> =
            candidates.iter().map(|a| overload::parameters(a.args, 0, false, values.len())).collect();
        let types: Vec<Type> = values.iter().map(|v| v.ty.clone()).collect();
        let fit = match overload::choose(&parameters, &types) {
            Choice::One(fit) => fit,
            Choice::None => {
                let args: Vec<_> = values.into_iter().map(|v| (None, v)).collect();
                return Err(no_function(None, name, &args));
            }
            Choice::Ambiguous => {
                let types: Vec<String> = types.iter().map(Type::sql_name).collect();
                let message = format!("function {name}({}) is not unique", types.join(", "));
                return Err(Error::new("42725", message).with_hint(
                    "Could not choose a best candidate function. You might need to add explicit type casts.",
                ));
            }
        };
        let aggregate = candidates[fit.index];
        let values = self.fitted(values, &fit)?;
        let types: Vec<Type> = values.iter().map(|v| v.ty.clone()).collect();
        let ty = overload::result_type(aggregate.returns, &fit, &types);
        let typed = Typed::over("", ty, &values);
        let mut args: Vec<String> = values.iter().map(|v| v.sql.clone()).collect();
        let collated = values.first().map(Typed::collated_sql).unwrap_or_default();
        Ok(match aggregate.implementation {
            AggregateImplementation::Sqlite(template) => {
                if distinct && let Some(first) = args.first_mut() {
                    *first = format!("DISTINCT {collated}");
                }
                let args: Vec<&str> = args.iter().map(String::as_str).collect();
                let (call, around) = innermost(template);
                let call = fill(call, &args);
                let sql = format!("{}{order})", call.strip_suffix(')').unwrap_or(&call));
                Call { sql, around, typed }
            }
            AggregateImplementation::Rust(_) => {
                let described = quote::literal(&json(&types));
                let prefix = if over { "over_" } else { "" };
                let function = quote::ident(&format!("{prefix}{}", aggregate.sqlite_name()));
                if distinct {
                    // SQLite's DISTINCT takes one argument only, so that the distinct values are collected first, in order.
                    let order = match order {
                        "" => format!(" ORDER BY {collated} NULLS LAST"),
                        order if order.starts_with(&format!(" ORDER BY {collated}")) => order.to_owned(),
                        _ => {
                            let message =
                                "in an aggregate with DISTINCT, ORDER BY expressions must appear in argument list";
                            return Err(Error::new("42P10", message));
                        }
                    };
                    let (of, item) = match types.first() {
                        Some(ty) if is_bytes(ty) => (json_of(ty, collated), "unhex(_d.value)"),
                        _ => (collated, "_d.value"),
                    };
                    let values = format!("json_group_array(DISTINCT {of}{order})");
                    args[0] = item.to_owned();
                    let args = args.join(", ");
                    Call {
                        sql: values,
                        around: Some(format!("(SELECT {function}({described}, {args}) FROM json_each({{0}}) AS _d)")),
                        typed,
                    }
                } else {
                    Call { sql: format!("{function}({described}, {}{order})", args.join(", ")), around: None, typed }
                }
            }
        })
    }

    /// ORDER BY within an aggregate's parentheses.
    fn bind_aggregate_order(&mut self, scope: &Scope<'_>, keys: &[OrderByExpr]) -> Result<String> {
        if keys.is_empty() {
            return Ok(String::new());
        }
        let mut sql = Vec::with_capacity(keys.len());
        for key in keys {
            let value = self.bind_expr(scope, &key.expr, None)?;
            let value = self.storable(value)?;
            sql.push(super::order::key(&value, &key.options)?);
        }
        Ok(format!(" ORDER BY {}", sql.join(", ")))
    }
}

/// The aggregate call within a template, `sum({0})` in `cast(sum({0}) as text)`, and the template around it (`{0}` for the call).
fn innermost(template: &'static str) -> (&'static str, Option<String>) {
    if is_call(template) && !template[template.find('(').map_or(0, |i| i + 1)..].contains('(') {
        return (template, None);
    }
    // The call is the last name before the innermost parentheses that hold the argument.
    let Some(argument) = template.find("{0}") else { return (template, None) };
    let Some(open) = template[..argument].rfind('(') else { return (template, None) };
    let start = template[..open].rfind(|c: char| !c.is_ascii_alphanumeric() && c != '_').map_or(0, |i| i + 1);
    let Some(end) = template[argument..].find(')').map(|i| argument + i + 1) else { return (template, None) };
    (&template[start..end], Some(format!("{}{{0}}{}", &template[..start], &template[end..])))
}
