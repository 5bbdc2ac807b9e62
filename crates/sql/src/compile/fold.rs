//! Constants are computed while compiling, as PostgreSQL's planner does: a strict call with a NULL is NULL, a call over constants
//! is its result, and what a constant condition shuts out is dropped. An error of a call over constants is one of the statement,
//! even where no row would come to it.

use std::cmp::Ordering;

use basalt_core::Result;
use basalt_types::{Context, Implementation, Type, Value, collation};
use jiff::tz::{Offset, TimeZone};

use super::compiler::Compiler;
use super::typed::{Form, Typed};

/// Longer results, in bytes, are left to be computed: they would only bloat the statement.
const LONGEST: usize = 1024;

/// What folding has to know of a function or operator.
pub(super) struct Nature {
    pub is_strict: bool,
    pub is_immutable: bool,
    pub implementation: Implementation,
}

impl Compiler<'_> {
    /// The result of a call over constants, if it is known already.
    pub(super) fn folded(&self, nature: &Nature, args: &[Typed], ty: &Type) -> Result<Option<Typed>> {
        if !self.folds {
            return Ok(None);
        }
        if nature.is_strict && args.iter().any(Typed::is_null_literal) {
            return Ok(Some(Typed::constant(Value::Null, ty.clone())));
        }
        let Some(values) = args.iter().map(constant).collect::<Option<Vec<&Value>>>() else { return Ok(None) };
        if !nature.is_immutable {
            return Ok(None);
        }
        let values: Vec<_> = values.into_iter().map(Value::as_ref).collect();
        let types: Vec<Type> = args.iter().map(|arg| arg.ty.clone()).collect();
        let result = both_ways(|session| match nature.implementation {
            Implementation::Sqlite(_) => Ok(None),
            Implementation::Rust(code) => code(session, &values).map(Some),
            Implementation::Typed(code) => code(session, &types, &values).map(Some),
        });
        match result {
            Ok(Some(Some(value))) if is_short(&value) => Ok(Some(Typed::constant(value, ty.clone()))),
            // Inside a view or a function the error is left to whoever runs it.
            Err(error) if self.has_positions() => Err(error),
            _ => Ok(None),
        }
    }

    /// A comparison of constants of one type; `op` is SQLite's spelling, `IS` and `IS NOT` included.
    pub(super) fn folded_comparison(&self, op: &str, left: &Typed, right: &Typed) -> Option<Typed> {
        if !self.folds {
            return None;
        }
        let bool = |value: Value| Some(Typed::constant(value, Type::BOOL));
        let by_nulls = matches!(op, "IS" | "IS NOT");
        if !by_nulls && (left.is_null_literal() || right.is_null_literal()) {
            return bool(Value::Null);
        }
        let (a, b) = (constant(left)?, constant(right)?);
        let order = match (a.is_null(), b.is_null()) {
            (false, false) => collation::compare_values(&left.ty, a.as_ref(), b.as_ref()),
            (a, b) => a.cmp(&b),
        };
        let holds = match op {
            "=" | "IS" => order == Ordering::Equal,
            "<>" | "IS NOT" => order != Ordering::Equal,
            "<" => order.is_lt(),
            "<=" => order.is_le(),
            ">" => order.is_gt(),
            ">=" => order.is_ge(),
            _ => return None,
        };
        bool(holds.into())
    }

    /// Whether a constant is among others; NULL where a NULL leaves it open.
    pub(super) fn folded_membership(&self, value: &Typed, items: &[Typed]) -> Option<Typed> {
        let mut found = Value::from(false);
        for item in items {
            match constant(&self.folded_comparison("=", value, item)?)? {
                Value::Null => found = Value::Null,
                Value::Int(0) => {}
                holds => return Some(Typed::constant(holds.clone(), Type::BOOL)),
            }
        }
        Some(Typed::constant(found, Type::BOOL))
    }

    /// The truth of a condition that is known already: the outer `None` of one that is not.
    pub(super) fn known(&self, condition: &Typed) -> Option<Option<bool>> {
        match constant(condition).filter(|_| self.folds)? {
            Value::Null => Some(None),
            value => Some(Some(*value == Value::Int(1))),
        }
    }

    /// The arguments of `coalesce` that may be reached: none that are NULL, and none behind a constant.
    pub(super) fn reached(&self, args: Vec<Typed>) -> Vec<Typed> {
        if !self.folds {
            return args;
        }
        let null = args.last().filter(|last| last.is_null_literal()).cloned();
        let mut reached: Vec<Typed> = args.into_iter().filter(|arg| !arg.is_null_literal()).collect();
        if let Some(first) = reached.iter().position(|arg| constant(arg).is_some()) {
            reached.truncate(first + 1);
        }
        if reached.is_empty() { null.into_iter().collect() } else { reached }
    }

    /// `greatest` or `least` of constants: the first of equal ones, NULLs passed over.
    pub(super) fn folded_extreme(&self, name: &str, args: &[Typed]) -> Option<Typed> {
        let wanted = match name {
            "greatest" => Ordering::Greater,
            "least" => Ordering::Less,
            _ => return None,
        };
        if !self.folds || args.iter().any(|arg| constant(arg).is_none()) {
            return None;
        }
        let beats = |a: &Typed, b: &Typed| match (constant(a), constant(b)) {
            (Some(a), Some(b)) => {
                b.is_null() || !a.is_null() && collation::compare_values(&args[0].ty, a.as_ref(), b.as_ref()) == wanted
            }
            _ => false,
        };
        args.iter().reduce(|best, next| if beats(next, best) { next } else { best }).cloned()
    }

    /// Compiles what never runs, for its type alone.
    pub(super) fn unfolded<T>(&mut self, f: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        let outer = std::mem::replace(&mut self.folds, false);
        let result = f(self);
        self.folds = outer;
        result
    }
}

/// The value of a constant whose type is decided.
pub(super) fn constant(typed: &Typed) -> Option<&Value> {
    match &typed.form {
        Form::Constant(value) if !typed.is_unknown() => Some(value),
        _ => None,
    }
}

/// A result if it doesn't depend on the session: the same in two sessions that differ in all that can matter. Their time zones are so far
/// apart that no moment has the same day, hour, minute or second in both; what is one year or month in both is so in any between.
pub(super) fn both_ways<T: PartialEq>(compute: impl Fn(&Context) -> Result<T>) -> Result<Option<T>> {
    let session = |seconds, now| {
        let time_zone = Offset::from_seconds(seconds).map_or(TimeZone::UTC, TimeZone::fixed);
        Context { time_zone, now, ..Context::default() }
    };
    let (west, east) = (session(-45_029, 0), session(50_833, 400 * 86_400_000_000));
    let value = compute(&west)?;
    Ok((compute(&east).ok().as_ref() == Some(&value)).then_some(value))
}

/// A result that of the session only the time zone decides, as it is in UTC.
pub(super) fn at_any_time<T: PartialEq>(compute: impl Fn(&Context) -> Result<T>) -> Result<Option<T>> {
    let value = compute(&Context::default())?;
    let later = Context { now: 400 * 86_400_000_000, ..Context::default() };
    Ok((compute(&later).ok().as_ref() == Some(&value)).then_some(value))
}

fn is_short(value: &Value) -> bool {
    match value {
        Value::Text(text) => text.len() <= LONGEST,
        Value::Blob(bytes) => bytes.len() <= LONGEST,
        _ => true,
    }
}
