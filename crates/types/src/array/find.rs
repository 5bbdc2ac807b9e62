//! Elements found by their value: containment, positions, removal, replacement.

use basalt_core::{Error, Result};

use super::shape::{element, read};
use super::stored::{Array, try_each_leaf, with_leaf};
use crate::collation::compare_values;
use crate::{Context, Type, Value, ValueRef};

/// Whether two raw elements of a type are equal; NULL equals nothing.
fn equal(ty: &Type, a: &str, b: &str) -> bool {
    if a == "null" || b == "null" {
        return false;
    }
    a == b || with_leaf(ty, a, |a| with_leaf(ty, b, |b| compare_values(ty, a, b).is_eq()))
}

fn leaves<'a>(array: ValueRef<'a>) -> Vec<&'a str> {
    let mut leaves = Vec::new();
    let _ = try_each_leaf(array.text(), &mut |raw| {
        leaves.push(raw);
        Ok::<(), Error>(())
    });
    leaves
}

pub(super) fn contains(_: &Context, types: &[Type], args: &[ValueRef<'_>]) -> Result<Value> {
    let (all, wanted) = (leaves(args[0]), leaves(args[1]));
    Ok(wanted.iter().all(|wanted| all.iter().any(|found| equal(element(&types[0]), found, wanted))).into())
}

pub(super) fn contained(context: &Context, types: &[Type], args: &[ValueRef<'_>]) -> Result<Value> {
    contains(context, &[types[1].clone()], &[args[1], args[0]])
}

pub(super) fn overlaps(_: &Context, types: &[Type], args: &[ValueRef<'_>]) -> Result<Value> {
    let (all, wanted) = (leaves(args[0]), leaves(args[1]));
    Ok(wanted.iter().any(|wanted| all.iter().any(|found| equal(element(&types[0]), found, wanted))).into())
}

/// Whether the value compares so with any element, as one of the six comparisons says; NULL where that hangs on a NULL.
pub(super) fn compares_with_any(_: &Context, types: &[Type], args: &[ValueRef<'_>]) -> Result<Value> {
    let (op, value, array) = (args[0].text(), args[1], args[2]);
    if array.is_null() {
        return Ok(Value::Null);
    }
    let (ty, leaves) = (element(&types[2]), leaves(array));
    if value.is_null() && !leaves.is_empty() {
        return Ok(Value::Null);
    }
    let holds = |raw: &&str| {
        let order = with_leaf(ty, raw, |item| compare_values(ty, value, item));
        match op {
            "=" => order.is_eq(),
            "<>" => order.is_ne(),
            "<" => order.is_lt(),
            "<=" => order.is_le(),
            ">" => order.is_gt(),
            _ => order.is_ge(),
        }
    };
    let (nulls, known): (Vec<&str>, Vec<&str>) = leaves.into_iter().partition(|raw| *raw == "null");
    Ok(match known.iter().any(holds) {
        false if !nulls.is_empty() => Value::Null,
        found => found.into(),
    })
}

/// Whether two values are the same, NULL being the same as NULL.
fn same(ty: &Type, a: ValueRef<'_>, b: ValueRef<'_>) -> bool {
    match (a.is_null(), b.is_null()) {
        (false, false) => compare_values(ty, a, b).is_eq(),
        (a, b) => a && b,
    }
}

/// 0A000 of an array with more than one dimension; `what` says what was tried.
fn one_dimensional(array: &Array, what: &str) -> Result<()> {
    if array.dims.len() > 1 {
        return Err(Error::new("0A000", format!("{what} multidimensional arrays is not supported")));
    }
    Ok(())
}

fn positions(types: &[Type], args: &[ValueRef<'_>]) -> Result<Vec<i64>> {
    let array = read(&types[0], args[0]);
    one_dimensional(&array, "searching for elements in")?;
    let ty = element(&types[0]);
    let found = array.values.iter().zip(1_i64..).filter(|(value, _)| same(ty, value.as_ref(), args[1]));
    Ok(found.map(|(_, position)| position).collect())
}

/// The first position from the third argument on; NULL if there is none. 22004 for a NULL start.
pub(super) fn position(_: &Context, types: &[Type], args: &[ValueRef<'_>]) -> Result<Value> {
    if args[0].is_null() {
        return Ok(Value::Null);
    }
    let start = match args.get(2) {
        Some(start) if start.is_null() => return Err(Error::new("22004", "initial position must not be null")),
        Some(start) => start.int(),
        None => 1,
    };
    Ok(positions(types, args)?.into_iter().find(|position| *position >= start).into())
}

pub(super) fn all_positions(_: &Context, types: &[Type], args: &[ValueRef<'_>]) -> Result<Value> {
    if args[0].is_null() {
        return Ok(Value::Null);
    }
    Ok(Array::of(positions(types, args)?.into_iter().map(Value::from).collect()).into())
}

pub(super) fn remove(_: &Context, types: &[Type], args: &[ValueRef<'_>]) -> Result<Value> {
    if args[0].is_null() {
        return Ok(Value::Null);
    }
    let mut array = read(&types[0], args[0]);
    one_dimensional(&array, "removing elements from")?;
    array.values.retain(|value| !same(element(&types[0]), value.as_ref(), args[1]));
    Ok(Array::of(array.values).into())
}

pub(super) fn replace(_: &Context, types: &[Type], args: &[ValueRef<'_>]) -> Result<Value> {
    if args[0].is_null() {
        return Ok(Value::Null);
    }
    let mut array = read(&types[0], args[0]);
    for value in &mut array.values {
        if same(element(&types[0]), value.as_ref(), args[1]) {
            *value = args[2].to_owned();
        }
    }
    Ok(array.into())
}
