//! Ordered-set aggregates, over the group's values collected in their order (PostgreSQL manual, section 9.21).

use std::cmp::Ordering;

use basalt_core::{Error, Result};

use super::shape::{element, read};
use crate::collation::compare_values;
use crate::{Context, Type, Value, ValueRef};

/// The values of a group, NULLs left out.
fn group(ty: &Type, values: ValueRef<'_>) -> Vec<Value> {
    let mut values = read(ty, values).values;
    values.retain(|value| !value.is_null());
    values
}

/// A fraction from 0 to 1. 22003.
fn fraction(value: ValueRef<'_>) -> Result<f64> {
    let fraction = value.float();
    if (0.0..=1.0).contains(&fraction) {
        return Ok(fraction);
    }
    Err(Error::new("22003", format!("percentile value {fraction} is not between 0 and 1")))
}

/// `percentile_cont`: between the two values nearest to the fraction.
pub(super) fn continuous(_: &Context, types: &[Type], args: &[ValueRef<'_>]) -> Result<Value> {
    let fraction = fraction(args[0])?;
    let values = group(&types[1], args[1]);
    let Some(last) = values.len().checked_sub(1) else { return Ok(Value::Null) };
    let place = fraction * last as f64;
    let at = |place: f64| values[place as usize].as_ref().float();
    let (low, high) = (at(place.floor()), at(place.ceil()));
    Ok(if low == high { low } else { low + (place - place.floor()) * (high - low) }.into())
}

/// `percentile_disc`: the first value whose place reaches the fraction.
pub(super) fn discrete(_: &Context, types: &[Type], args: &[ValueRef<'_>]) -> Result<Value> {
    let fraction = fraction(args[0])?;
    let mut values = group(&types[1], args[1]);
    if values.is_empty() {
        return Ok(Value::Null);
    }
    let place = (fraction * values.len() as f64).ceil() as usize;
    Ok(values.swap_remove(place.saturating_sub(1)))
}

/// `mode`: the most frequent value, of equally frequent ones the first.
pub(super) fn mode(_: &Context, types: &[Type], args: &[ValueRef<'_>]) -> Result<Value> {
    let values = group(&types[0], args[0]);
    let is_equal = |a: &Value, b: &Value| compare_values(element(&types[0]), a.as_ref(), b.as_ref()) == Ordering::Equal;
    let longest = values.chunk_by(is_equal).reduce(|best, next| if next.len() > best.len() { next } else { best });
    Ok(longest.map_or(Value::Null, |run| run[0].clone()))
}
