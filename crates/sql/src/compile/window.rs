//! Window functions: `f(...) over (...)`, and aggregates over windows.

use basalt_core::{Error, Result};
use basalt_types::Type;
use sqlparser::ast::{
    Function, Ident, NamedWindowDefinition, NamedWindowExpr, WindowFrame, WindowFrameBound, WindowSpec, WindowType,
};

use super::aggregate::is_aggregate;
use super::compiler::Compiler;
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
        if is_aggregate(name) {
            let (_, distinct, _) = argument_list(function)?;
            if distinct {
                return Err(Error::new("0A000", "DISTINCT is not implemented for window functions"));
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
        let base = spec.window_name.as_ref().map(|name| named_window(scope, name)).transpose()?;
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
                keys.push(key.collated_sql());
                window.absorb(&key);
            }
            clauses.push(format!("PARTITION BY {}", keys.join(", ")));
        }
        if !order.is_empty() {
            let mut keys = Vec::new();
            for key in order {
                let value = self.bind_expr(scope, &key.expr, None)?;
                let value = self.storable(value)?;
                keys.push(super::order::key(&value, &key.options)?);
                window.absorb(&value);
            }
            clauses.push(format!("ORDER BY {}", keys.join(", ")));
        }
        if let Some(frame) = &spec.window_frame {
            clauses.push(self.bind_frame(scope, frame)?);
        }
        window.sql = clauses.join(" ");
        Ok(window)
    }

    fn bind_frame(&mut self, scope: &Scope<'_>, frame: &WindowFrame) -> Result<String> {
        let start = self.bind_bound(scope, &frame.start_bound)?;
        Ok(match &frame.end_bound {
            Some(end) => format!("{} BETWEEN {start} AND {}", frame.units, self.bind_bound(scope, end)?),
            None => format!("{} {start}", frame.units),
        })
    }

    fn bind_bound(&mut self, scope: &Scope<'_>, bound: &WindowFrameBound) -> Result<String> {
        let (offset, side) = match bound {
            WindowFrameBound::CurrentRow => return Ok("CURRENT ROW".to_owned()),
            WindowFrameBound::Preceding(offset) => (offset, "PRECEDING"),
            WindowFrameBound::Following(offset) => (offset, "FOLLOWING"),
        };
        let Some(offset) = offset else { return Ok(format!("UNBOUNDED {side}")) };
        let offset = self.bind_expr(scope, offset, Some(&Type::INT8))?;
        let offset = self.coerce(offset, &Type::INT8, None, CastContext::Implicit).map_err(|_| {
            Error::unsupported(
                "a window frame's offset must be a whole number on the embedded engine",
                "Use ROWS, or compare the values in a subquery.",
            )
        })?;
        Ok(format!("{} {side}", offset.sql))
    }
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
