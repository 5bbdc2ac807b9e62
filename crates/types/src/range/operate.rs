//! What is asked of ranges, and ranges made of others (manual, section 9.20).

use std::borrow::Cow;
use std::cmp::Ordering;

use basalt_core::{Error, Result};

use super::{
    Bound, EMPTY, Ends, compare_lower, compare_upper, compare_values, element, ends, join, make, subtype, value,
};
use crate::{Base, Context, Type, Value, ValueRef};

type Args<'a> = &'a [ValueRef<'a>];

/// A question about two ranges of which neither is empty.
fn both(types: &[Type], args: &[ValueRef<'_>], holds: impl Fn(Base, &Ends<'_>, &Ends<'_>) -> bool) -> Result<Value> {
    let holds = match (ends(args[0].text()), ends(args[1].text())) {
        (Some(a), Some(b)) => holds(subtype(&types[0]), &a, &b),
        _ => false,
    };
    Ok(holds.into())
}

/// Whether an upper bound is before a lower one, with no value that both ranges hold.
fn is_before(subtype: Base, upper: &Bound<'_>, lower: &Bound<'_>) -> bool {
    let (Some(a), Some(b)) = (&upper.value, &lower.value) else { return false };
    match compare_values(subtype, a, b) {
        Ordering::Less => true,
        Ordering::Equal => !(upper.inclusive && lower.inclusive),
        Ordering::Greater => false,
    }
}

/// Whether nothing is between an upper and a lower bound, and nothing in both.
fn touch(subtype: Base, upper: &Bound<'_>, lower: &Bound<'_>) -> bool {
    let (Some(a), Some(b)) = (&upper.value, &lower.value) else { return false };
    upper.inclusive != lower.inclusive && compare_values(subtype, a, b).is_eq()
}

fn are_apart(subtype: Base, a: &Ends<'_>, b: &Ends<'_>) -> bool {
    is_before(subtype, &a.upper, &b.lower) || is_before(subtype, &b.upper, &a.lower)
}

fn are_adjacent(subtype: Base, a: &Ends<'_>, b: &Ends<'_>) -> bool {
    touch(subtype, &a.upper, &b.lower) || touch(subtype, &b.upper, &a.lower)
}

fn holds_range(subtype: Base, a: &Ends<'_>, b: &Ends<'_>) -> bool {
    compare_lower(subtype, &a.lower, &b.lower).is_le() && compare_upper(subtype, &a.upper, &b.upper).is_ge()
}

pub(super) fn overlaps(_: &Context, types: &[Type], args: Args<'_>) -> Result<Value> {
    both(types, args, |subtype, a, b| !are_apart(subtype, a, b))
}

pub(super) fn adjacent(_: &Context, types: &[Type], args: Args<'_>) -> Result<Value> {
    both(types, args, are_adjacent)
}

pub(super) fn left_of(_: &Context, types: &[Type], args: Args<'_>) -> Result<Value> {
    both(types, args, |subtype, a, b| is_before(subtype, &a.upper, &b.lower))
}

pub(super) fn right_of(_: &Context, types: &[Type], args: Args<'_>) -> Result<Value> {
    both(types, args, |subtype, a, b| is_before(subtype, &b.upper, &a.lower))
}

pub(super) fn not_right_of(_: &Context, types: &[Type], args: Args<'_>) -> Result<Value> {
    both(types, args, |subtype, a, b| compare_upper(subtype, &a.upper, &b.upper).is_le())
}

pub(super) fn not_left_of(_: &Context, types: &[Type], args: Args<'_>) -> Result<Value> {
    both(types, args, |subtype, a, b| compare_lower(subtype, &a.lower, &b.lower).is_ge())
}

/// Every range holds the empty one.
pub(super) fn contains(_: &Context, types: &[Type], args: Args<'_>) -> Result<Value> {
    let holds = match (ends(args[0].text()), ends(args[1].text())) {
        (Some(a), Some(b)) => holds_range(subtype(&types[0]), &a, &b),
        (_, b) => b.is_none(),
    };
    Ok(holds.into())
}

pub(super) fn contained(context: &Context, types: &[Type], args: Args<'_>) -> Result<Value> {
    contains(context, types, &[args[1], args[0]])
}

pub(super) fn contains_element(_: &Context, types: &[Type], args: Args<'_>) -> Result<Value> {
    let Some(range) = ends(args[0].text()) else { return Ok(false.into()) };
    let point = Bound { value: Some(element(args[1])), inclusive: true };
    let subtype = subtype(&types[0]);
    let holds = !is_before(subtype, &range.upper, &point) && !is_before(subtype, &point, &range.lower);
    Ok(holds.into())
}

pub(super) fn element_contained(context: &Context, types: &[Type], args: Args<'_>) -> Result<Value> {
    contains_element(context, &[types[1].clone(), types[0].clone()], &[args[1], args[0]])
}

/// `a + b`. 22000 where a gap is between them.
pub(super) fn union(_: &Context, types: &[Type], args: Args<'_>) -> Result<Value> {
    span(types, args, |subtype, a, b| match are_apart(subtype, a, b) && !are_adjacent(subtype, a, b) {
        true => Err(Error::new("22000", "result of range union would not be contiguous")),
        false => Ok(()),
    })
}

/// The smallest range that holds both.
pub(super) fn merge(_: &Context, types: &[Type], args: Args<'_>) -> Result<Value> {
    span(types, args, |_, _, _| Ok(()))
}

fn span(types: &[Type], args: Args<'_>, judge: impl FnOnce(Base, &Ends<'_>, &Ends<'_>) -> Result<()>) -> Result<Value> {
    let (Some(a), Some(b)) = (ends(args[0].text()), ends(args[1].text())) else {
        let other = if args[0].text() == EMPTY { args[1] } else { args[0] };
        return Ok(other.to_owned());
    };
    let subtype = subtype(&types[0]);
    judge(subtype, &a, &b)?;
    let lower = if compare_lower(subtype, &a.lower, &b.lower).is_lt() { a.lower } else { b.lower };
    let upper = if compare_upper(subtype, &a.upper, &b.upper).is_gt() { a.upper } else { b.upper };
    Ok(join(&lower, &upper).into())
}

/// `a * b`: what both hold.
pub(super) fn intersection(_: &Context, types: &[Type], args: Args<'_>) -> Result<Value> {
    intersect(subtype(&types[0]), args[0].text(), args[1].text()).map(Value::from)
}

pub(super) fn intersect(subtype: Base, a: &str, b: &str) -> Result<String> {
    match (ends(a), ends(b)) {
        (Some(a), Some(b)) if !are_apart(subtype, &a, &b) => {
            let lower = if compare_lower(subtype, &a.lower, &b.lower).is_ge() { a.lower } else { b.lower };
            let upper = if compare_upper(subtype, &a.upper, &b.upper).is_le() { a.upper } else { b.upper };
            make(subtype, lower, upper)
        }
        _ => Ok(EMPTY.to_owned()),
    }
}

/// `a - b`. 22000 where `b` would leave something on both sides.
pub(super) fn difference(_: &Context, types: &[Type], args: Args<'_>) -> Result<Value> {
    let (Some(a), Some(b)) = (ends(args[0].text()), ends(args[1].text())) else { return Ok(args[0].to_owned()) };
    let subtype = subtype(&types[0]);
    if are_apart(subtype, &a, &b) {
        return Ok(args[0].to_owned());
    }
    let before = compare_lower(subtype, &a.lower, &b.lower).is_lt();
    let after = compare_upper(subtype, &a.upper, &b.upper).is_gt();
    let turned = |bound: Bound<'_>| Bound {
        inclusive: !bound.inclusive,
        value: bound.value.map(|v| Cow::Owned(v.into_owned())),
    };
    match (before, after) {
        (true, true) => Err(Error::new("22000", "result of range difference would not be contiguous")),
        (true, false) => make(subtype, a.lower, turned(b.lower)).map(Value::from),
        (false, true) => make(subtype, turned(b.upper), a.upper).map(Value::from),
        (false, false) => Ok(EMPTY.into()),
    }
}

/// A question about one range; `if_empty` is the answer of the empty one.
fn ask(args: &[ValueRef<'_>], holds: impl FnOnce(Ends<'_>) -> bool) -> Result<Value> {
    Ok(ends(args[0].text()).is_some_and(holds).into())
}

pub(super) fn is_empty_range(_: &Context, args: Args<'_>) -> Result<Value> {
    Ok(ends(args[0].text()).is_none().into())
}

pub(super) fn lower_inclusive(_: &Context, args: Args<'_>) -> Result<Value> {
    ask(args, |ends| ends.lower.inclusive)
}

pub(super) fn upper_inclusive(_: &Context, args: Args<'_>) -> Result<Value> {
    ask(args, |ends| ends.upper.inclusive)
}

pub(super) fn lower_infinite(_: &Context, args: Args<'_>) -> Result<Value> {
    ask(args, |ends| ends.lower.value.is_none())
}

pub(super) fn upper_infinite(_: &Context, args: Args<'_>) -> Result<Value> {
    ask(args, |ends| ends.upper.value.is_none())
}

/// The lower bound; NULL of the empty range, and of one without.
pub(super) fn lower(_: &Context, types: &[Type], args: Args<'_>) -> Result<Value> {
    let bound = ends(args[0].text()).and_then(|ends| ends.lower.value);
    Ok(bound.map(|bound| value(subtype(&types[0]), &bound)).unwrap_or_default())
}

/// The upper bound; NULL of the empty range, and of one without.
pub(super) fn upper(_: &Context, types: &[Type], args: Args<'_>) -> Result<Value> {
    let bound = ends(args[0].text()).and_then(|ends| ends.upper.value);
    Ok(bound.map(|bound| value(subtype(&types[0]), &bound)).unwrap_or_default())
}
