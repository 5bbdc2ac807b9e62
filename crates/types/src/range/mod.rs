//! PostgreSQL's range types: `int4range`, `int8range`, `numrange`, `daterange`, `tsrange`, `tstzrange` (manual, section 8.17).
//!
//! A range is stored as text: `empty`, or its bounds in their stored form between brackets, nothing for an infinite one:
//! `[10,20)`, `(,5.0]`. Discrete ranges are kept as PostgreSQL keeps them, with the lower bound and without the upper one,
//! so of them equal ranges are equal texts; the order is the collations' of these types.

mod aggregate;
mod construct;
mod function;
mod operate;
#[cfg(test)]
mod tests;
mod text;

use std::borrow::Cow;
use std::cmp::Ordering;

use basalt_core::{Error, Result};

use crate::math::integer_out_of_range;
use crate::{Base, Type, Value, ValueRef, datetime, numeric};

pub(crate) use aggregate::AGGREGATES;
pub(crate) use function::{FUNCTIONS, OPERATORS};
pub(crate) use text::{parse, write};

const EMPTY: &str = "empty";

/// One end of a range: a stored value, or none where the range goes on for ever.
#[derive(Debug, Clone)]
struct Bound<'a> {
    value: Option<Cow<'a, str>>,
    inclusive: bool,
}

/// The ends of a range that is not empty.
#[derive(Debug, Clone)]
struct Ends<'a> {
    lower: Bound<'a>,
    upper: Bound<'a>,
}

/// Takes a stored range apart; `None` of the empty one.
fn ends(stored: &str) -> Option<Ends<'_>> {
    let close = stored.len().checked_sub(1)?;
    let (lower, upper) = stored.get(1..close)?.split_once(',')?;
    Some(Ends {
        lower: Bound { value: finite(lower), inclusive: stored.starts_with('[') },
        upper: Bound { value: finite(upper), inclusive: stored.ends_with(']') },
    })
}

fn finite(stored: &str) -> Option<Cow<'_, str>> {
    (!stored.is_empty()).then_some(Cow::Borrowed(stored))
}

/// The type of a range's bounds.
fn subtype(range: &Type) -> Base {
    range.base().and_then(Base::subtype).unwrap_or(Base::Unknown)
}

/// Two stored values of a range's bounds, in order.
fn compare_values(subtype: Base, a: &str, b: &str) -> Ordering {
    match subtype {
        Base::Numeric => numeric::compare(a, b),
        _ => integer(a).cmp(&integer(b)),
    }
}

fn integer(stored: &str) -> i64 {
    stored.parse().unwrap_or_default()
}

/// A stored bound as a value.
fn value(subtype: Base, stored: &str) -> Value {
    match subtype {
        Base::Numeric => stored.into(),
        _ => integer(stored).into(),
    }
}

/// Two lower bounds in order: an infinite one is first, and of equal ones that which the range holds.
fn compare_lower(subtype: Base, a: &Bound<'_>, b: &Bound<'_>) -> Ordering {
    match (&a.value, &b.value) {
        (Some(x), Some(y)) => compare_values(subtype, x, y).then(b.inclusive.cmp(&a.inclusive)),
        (x, y) => x.is_some().cmp(&y.is_some()),
    }
}

/// Two upper bounds in order: an infinite one is last, and of equal ones that which the range holds.
fn compare_upper(subtype: Base, a: &Bound<'_>, b: &Bound<'_>) -> Ordering {
    match (&a.value, &b.value) {
        (Some(x), Some(y)) => compare_values(subtype, x, y).then(a.inclusive.cmp(&b.inclusive)),
        (x, y) => y.is_some().cmp(&x.is_some()),
    }
}

/// Compares two stored ranges as PostgreSQL's order does: the empty one first, then by lower, then by upper bound.
pub(crate) fn compare(subtype: Base, a: &str, b: &str) -> Ordering {
    if a == b {
        return Ordering::Equal;
    }
    match (ends(a), ends(b)) {
        (Some(a), Some(b)) => {
            compare_lower(subtype, &a.lower, &b.lower).then_with(|| compare_upper(subtype, &a.upper, &b.upper))
        }
        (a, b) => a.is_some().cmp(&b.is_some()),
    }
}

/// The stored range between two bounds: discrete ones in their canonical form.
///
/// 22000 where the lower bound is greater; 22003 or 22008 where the canonical bound is beyond the type.
fn make(subtype: Base, lower: Bound<'_>, upper: Bound<'_>) -> Result<String> {
    if is_empty(subtype, &lower, &upper)? {
        return Ok(EMPTY.to_owned());
    }
    let (lower, upper) = (canonical(subtype, lower, true)?, canonical(subtype, upper, false)?);
    Ok(if is_empty(subtype, &lower, &upper)? { EMPTY.to_owned() } else { join(&lower, &upper) })
}

/// A bound of a discrete range as one that is held, or isn't, whichever is wanted.
fn canonical(subtype: Base, bound: Bound<'_>, inclusive: bool) -> Result<Bound<'_>> {
    match &bound.value {
        Some(value) if bound.inclusive != inclusive && moves(subtype, value) => {
            Ok(Bound { value: Some(next(subtype, value)?.to_string().into()), inclusive })
        }
        _ => Ok(bound),
    }
}

/// The stored form of ends that are in canonical form already.
fn join(lower: &Bound<'_>, upper: &Bound<'_>) -> String {
    let open = if lower.inclusive && lower.value.is_some() { '[' } else { '(' };
    let close = if upper.inclusive && upper.value.is_some() { ']' } else { ')' };
    let text = |bound: &Bound<'_>| bound.value.as_deref().unwrap_or_default().to_owned();
    format!("{open}{},{}{close}", text(lower), text(upper))
}

/// Whether nothing is between two bounds. 22000 where the lower one is greater.
fn is_empty(subtype: Base, lower: &Bound<'_>, upper: &Bound<'_>) -> Result<bool> {
    let (Some(a), Some(b)) = (&lower.value, &upper.value) else { return Ok(false) };
    match compare_values(subtype, a, b) {
        Ordering::Less => Ok(false),
        Ordering::Equal => Ok(!(lower.inclusive && upper.inclusive)),
        Ordering::Greater => {
            Err(Error::new("22000", "range lower bound must be less than or equal to range upper bound"))
        }
    }
}

/// Whether a bound has a value beside it: those of discrete types have, but for infinite dates.
fn moves(subtype: Base, value: &str) -> bool {
    match subtype {
        Base::Int4 | Base::Int8 => true,
        Base::Date => datetime::is_finite(integer(value)),
        _ => false,
    }
}

/// The value after one of a discrete type.
fn next(subtype: Base, value: &str) -> Result<i64> {
    let value = integer(value);
    match subtype {
        Base::Date => datetime::add_to_date(value, 1),
        Base::Int4 if value == i64::from(i32::MAX) => Err(integer_out_of_range(subtype)),
        _ => value.checked_add(1).ok_or_else(|| integer_out_of_range(subtype)),
    }
}

/// A stored element as a bound that the range holds.
fn element(value: ValueRef<'_>) -> Cow<'_, str> {
    match value {
        ValueRef::Text(text) => text.into(),
        value => value.int().to_string().into(),
    }
}
