//! Window functions: `f(...) over (...)`, and aggregates over windows.

use basalt_core::{Error, Result};
use basalt_types::interval::Interval;
use basalt_types::{Base, Type, Value};
use sqlparser::ast::{
    Function, Ident, NamedWindowDefinition, NamedWindowExpr, WindowFrame, WindowFrameBound, WindowFrameUnits,
    WindowSpec, WindowType,
};

use super::aggregate::is_aggregate;
use super::compare::require_equality;
use super::compiler::Compiler;
use super::fold::constant;
use super::function::argument_list;
use super::scope::{Clause, Scope};
use super::template::fill;
use super::typed::{CastContext, Typed};
use super::types::fold;

impl Compiler<'_> {
    pub(super) fn bind_window(&mut self, scope: &Scope<'_>, function: &Function, name: &str) -> Result<Typed> {
        match scope.clause.get() {
            Clause::Output => {}
            Clause::Rows(clause) => {
                return Err(Error::new("42P20", format!("window functions are not allowed in {clause}")));
            }
            Clause::Having => return Err(Error::new("42P20", "window functions are not allowed in HAVING")),
            Clause::Aggregate => {
                return Err(Error::new("42803", "aggregate function calls cannot contain window function calls"));
            }
            Clause::Window => return Err(Error::new("42P20", "window function calls cannot be nested")),
        }
        let outer = scope.clause.replace(Clause::Window);
        let bound = self.window_call(scope, function, name);
        scope.clause.set(outer);
        bound
    }

    fn window_call(&mut self, scope: &Scope<'_>, function: &Function, name: &str) -> Result<Typed> {
        let window = match &function.over {
            Some(WindowType::WindowSpec(spec)) => self.bind_window_spec(scope, spec)?,
            Some(WindowType::NamedWindow(ident)) => {
                let spec = named_window(scope, ident)?;
                self.bind_window_spec(scope, &spec)?
            }
            None => return Err(Error::internal("a window function without a window")),
        };
        if !function.within_group.is_empty() {
            let message = format!("OVER is not supported for ordered-set aggregate {name}");
            return Err(Error::new("0A000", message));
        }
        if is_aggregate(name) {
            let (_, distinct, order) = argument_list(function)?;
            if distinct {
                return Err(Error::new("0A000", "DISTINCT is not implemented for window functions"));
            }
            if !order.is_empty() {
                return Err(Error::new("0A000", "aggregate ORDER BY is not implemented for window functions"));
            }
            let call = self.aggregate_call(scope, function, name, Clause::Window)?;
            // The engine's own aggregates are window functions under a second name.
            let own = call.sql.strip_prefix("\"pg_").map(|rest| format!("\"over_pg_{rest}"));
            let sql = format!("{} OVER ({})", own.as_ref().unwrap_or(&call.sql), window.sql);
            let sql = match call.around {
                Some(template) => fill(&template, &[&sql]),
                None => format!("({sql})"),
            };
            let mut typed = Typed { sql, ..call.typed };
            typed.absorb(&window);
            return Ok(typed);
        }
        if function.filter.is_some() {
            return Err(Error::new("0A000", "FILTER is not implemented for non-aggregate window functions"));
        }
        let (args, ..) = argument_list(function)?;
        let args: Vec<Typed> =
            self.bind_argument_list(scope, args, None)?.into_iter().map(|(_, value)| value).collect();
        let (ty, args) = self.window_signature(name, args)?;
        let values: Vec<&str> = args.iter().map(|a| a.sql.as_str()).collect();
        let sql = format!("({name}({}) OVER ({}))", values.join(", "), window.sql);
        Ok(Typed::over(sql, ty, args.iter().chain([&window])))
    }

    /// The result type and converted arguments of one of SQL's window functions.
    fn window_signature(&mut self, name: &str, args: Vec<Typed>) -> Result<(Type, Vec<Typed>)> {
        let mut args = args;
        let ty = match (name, args.len()) {
            ("row_number" | "rank" | "dense_rank", 0) => Type::INT8,
            ("percent_rank" | "cume_dist", 0) => Type::FLOAT8,
            ("ntile", 1) => {
                args[0] = self.coerce(args[0].clone(), &Type::INT4, None, CastContext::Implicit)?;
                Type::INT4
            }
            ("lag" | "lead", 1..=3) | ("first_value" | "last_value", 1) | ("nth_value", 2) => {
                args[0] = self.storable(args[0].clone())?;
                let ty = args[0].ty.clone();
                if args.len() > 1 {
                    args[1] = self.coerce(args[1].clone(), &Type::INT4, None, CastContext::Implicit)?;
                }
                if args.len() > 2 {
                    args[2] = self.coerce(args[2].clone(), &ty, None, CastContext::Implicit)?;
                }
                ty
            }
            _ => {
                return Err(Error::new(
                    "42809",
                    format!("OVER specified, but {name} is not a window function nor an aggregate function"),
                ));
            }
        };
        Ok((ty, args))
    }

    /// What stands between the parentheses of OVER.
    fn bind_window_spec(&mut self, scope: &Scope<'_>, spec: &WindowSpec) -> Result<Typed> {
        let mut window = Typed::new("", Type::VOID);
        let mut clauses = Vec::new();
        let base = spec.window_name.as_ref().map(|name| base_of(scope, spec, name)).transpose()?;
        let partition = base.as_ref().map_or(&spec.partition_by, |b| &b.partition_by);
        let order = match &base {
            Some(base) if spec.order_by.is_empty() => &base.order_by,
            _ => &spec.order_by,
        };
        if !partition.is_empty() {
            let mut keys = Vec::new();
            for expr in partition {
                let key = self.bind_expr(scope, expr, None)?;
                let key = self.storable(key)?;
                require_equality(&key.ty)?;
                keys.push(key.collated_sql());
                window.absorb(&key);
            }
            clauses.push(format!("PARTITION BY {}", keys.join(", ")));
        }
        let mut first = None;
        if !order.is_empty() {
            let mut keys = Vec::new();
            for key in order {
                let value = self.bind_expr(scope, &key.expr, None)?;
                let value = self.storable(value)?;
                keys.push(super::order::key(&value, &key.options)?);
                window.absorb(&value);
                first.get_or_insert(value.ty);
            }
            clauses.push(format!("ORDER BY {}", keys.join(", ")));
        }
        if let Some(frame) = &spec.window_frame {
            check_frame(frame, order.len())?;
            clauses.push(self.bind_frame(scope, frame, first.as_ref())?);
        }
        window.sql = clauses.join(" ");
        Ok(window)
    }

    /// A frame; `key` is what the window is ordered by first.
    fn bind_frame(&mut self, scope: &Scope<'_>, frame: &WindowFrame, key: Option<&Type>) -> Result<String> {
        let units = frame.units;
        let key = key.filter(|_| units == WindowFrameUnits::Range);
        let start = self.bind_bound(scope, &frame.start_bound, units, key, "starting")?;
        Ok(match &frame.end_bound {
            Some(end) => format!("{units} BETWEEN {start} AND {}", self.bind_bound(scope, end, units, key, "ending")?),
            None => format!("{units} {start}"),
        })
    }

    fn bind_bound(
        &mut self,
        scope: &Scope<'_>,
        bound: &WindowFrameBound,
        units: WindowFrameUnits,
        key: Option<&Type>,
        which: &str,
    ) -> Result<String> {
        let (offset, side) = match bound {
            WindowFrameBound::CurrentRow => return Ok("CURRENT ROW".to_owned()),
            WindowFrameBound::Preceding(offset) => (offset, "PRECEDING"),
            WindowFrameBound::Following(offset) => (offset, "FOLLOWING"),
        };
        let Some(offset) = offset else { return Ok(format!("UNBOUNDED {side}")) };
        let ty = key.map_or(Ok(Type::INT8), offset_type)?;
        let offset = self.bind_expr(scope, offset, Some(&ty))?;
        let given = offset.ty.clone();
        let offset = self.coerce(offset, &ty, None, CastContext::Implicit).map_err(|error| match key {
            Some(key) if error.code() == "42804" => without_range(key, Some(&given)),
            _ => error,
        })?;
        if !offset.sources.is_empty() {
            return Err(Error::new("42P10", format!("argument of {units} must not contain variables")));
        }
        let negative = match key {
            Some(_) => "invalid preceding or following size in window function".to_owned(),
            None => format!("frame {which} offset must not be negative"),
        };
        let negative = || Err(Error::new("22013", negative));
        match constant(&offset) {
            Some(Value::Null) => Err(Error::new("22004", format!("frame {which} offset must not be null"))),
            Some(Value::Int(..0)) => negative(),
            Some(Value::Real(number)) if *number < 0.0 => negative(),
            Some(Value::Text(text)) => {
                let interval = Interval::parse(text)?;
                match interval.span() {
                    ..0 => negative(),
                    _ if interval.months != 0 => Err(unsupported_span()),
                    span if key != Some(&Type::DATE) => Ok(format!("{span} {side}")),
                    // Dates are whole days.
                    span => Ok(format!("{} {side}", span / DAY)),
                }
            }
            _ if ty == Type::INTERVAL => Err(unsupported_span()),
            _ => Ok(format!("{} {side}", offset.sql)),
        }
    }
}

/// A day in microseconds.
const DAY: i128 = 86_400_000_000;

/// The type of a RANGE frame's offsets over an order of this type.
fn offset_type(key: &Type) -> Result<Type> {
    Ok(match key {
        Type::Base(Base::Int2 | Base::Int4 | Base::Int8) => Type::INT8,
        Type::Base(Base::Float4 | Base::Float8) => Type::FLOAT8,
        Type::Base(Base::Date | Base::Timestamp | Base::Timestamptz) => Type::INTERVAL,
        Type::Base(Base::Numeric | Base::Time | Base::Interval) => {
            return Err(Error::unsupported(
                format!("a RANGE frame with an offset over {} is not supported on the embedded engine", key.sql_name()),
                "Order by a whole number or a double precision, or compare the values in a subquery.",
            ));
        }
        _ => return Err(without_range(key, None)),
    })
}

fn unsupported_span() -> Error {
    Error::unsupported(
        "a RANGE frame's offset of months, or one that is no constant interval, is not supported on the embedded engine",
        "Write days or smaller units, as in interval '30 days'; or compare the values in a subquery.",
    )
}

/// 0A000 in PostgreSQL's words.
fn without_range(key: &Type, offset: Option<&Type>) -> Error {
    let message = format!("RANGE with offset PRECEDING/FOLLOWING is not supported for column type {}", key.sql_name());
    match offset {
        Some(offset) => Error::new("0A000", format!("{message} and offset type {}", offset.sql_name()))
            .with_hint("Cast the offset value to an appropriate type."),
        None => Error::new("0A000", message),
    }
}

/// 42P20 for a frame whose ends can't be so, or that the window's order is not made for.
fn check_frame(frame: &WindowFrame, keys: usize) -> Result<()> {
    use WindowFrameBound::{CurrentRow, Following, Preceding};
    let is_offset = |bound: &WindowFrameBound| matches!(bound, Preceding(Some(_)) | Following(Some(_)));
    let has_offset = is_offset(&frame.start_bound) || frame.end_bound.as_ref().is_some_and(is_offset);
    let message = match (&frame.start_bound, &frame.end_bound) {
        (Following(None), _) => "frame start cannot be UNBOUNDED FOLLOWING",
        (_, Some(Preceding(None))) => "frame end cannot be UNBOUNDED PRECEDING",
        (CurrentRow, Some(Preceding(_))) => "frame starting from current row cannot have preceding rows",
        (Following(_), None) => "frame starting from following row cannot end with current row",
        (Following(_), Some(Preceding(_) | CurrentRow)) => {
            "frame starting from following row cannot have preceding rows"
        }
        _ => match frame.units {
            WindowFrameUnits::Range if has_offset && keys != 1 => {
                "RANGE with offset PRECEDING/FOLLOWING requires exactly one ORDER BY column"
            }
            WindowFrameUnits::Groups if keys == 0 => "GROUPS mode requires an ORDER BY clause",
            _ => return Ok(()),
        },
    };
    Err(Error::new("42P20", message))
}

/// The window that another one builds on.
///
/// Errors: 42P20 for what it says that the other one says anew.
fn base_of(scope: &Scope<'_>, spec: &WindowSpec, name: &Ident) -> Result<WindowSpec> {
    let base = named_window(scope, name)?;
    let name = fold(name);
    let message = if !spec.partition_by.is_empty() {
        format!("cannot override PARTITION BY clause of window \"{name}\"")
    } else if !spec.order_by.is_empty() && !base.order_by.is_empty() {
        format!("cannot override ORDER BY clause of window \"{name}\"")
    } else if base.window_frame.is_some() {
        format!("cannot copy window \"{name}\" because it has a frame clause")
    } else {
        return Ok(base);
    };
    Err(Error::new("42P20", message))
}

/// Whether a name is one of SQL's window functions.
pub(super) fn is_window_function(name: &str) -> bool {
    matches!(
        name,
        "row_number"
            | "rank"
            | "dense_rank"
            | "percent_rank"
            | "cume_dist"
            | "ntile"
            | "lag"
            | "lead"
            | "first_value"
            | "last_value"
            | "nth_value"
    )
}

/// The window that a name stands for, others that it builds on included.
fn named_window(scope: &Scope<'_>, ident: &Ident) -> Result<WindowSpec> {
    let name = fold(ident);
    let windows = scope.windows.borrow();
    let mut wanted = name.clone();
    for _ in 0..=windows.len() {
        let Some(NamedWindowDefinition(_, definition)) = windows.iter().find(|w| fold(&w.0) == wanted) else { break };
        match definition {
            NamedWindowExpr::NamedWindow(other) => wanted = fold(other),
            NamedWindowExpr::WindowSpec(spec) => return Ok(spec.clone()),
        }
    }
    Err(Error::new("42704", format!("window \"{name}\" does not exist")))
}
