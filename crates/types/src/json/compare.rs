//! `jsonb`'s btree order and containment (PostgreSQL manual, section 8.14.4).

use std::cmp::Ordering;

use super::parse::{Json, parse_jsonb};
use crate::numeric;

/// Compares two stored `jsonb` texts: object > array > boolean > number > string > null, containers by their size first.
pub fn compare(a: &str, b: &str) -> Ordering {
    if a == b {
        return Ordering::Equal;
    }
    match (parse_jsonb(a), parse_jsonb(b)) {
        (Ok(a), Ok(b)) => compare_roots(&a, &b),
        // Stored text is valid; what is not sorts by its bytes.
        _ => a.cmp(b),
    }
}

/// PostgreSQL keeps a scalar at the root as an array of one: longer than an empty array, else before every array.
fn compare_roots(a: &Json<'_>, b: &Json<'_>) -> Ordering {
    match (a, b) {
        (Json::Array(a), b) if b.is_scalar() => a.len().cmp(&1).then(Ordering::Greater),
        (a, Json::Array(b)) if a.is_scalar() => 1.cmp(&b.len()).then(Ordering::Less),
        _ => compare_values(a, b),
    }
}

fn compare_values(a: &Json<'_>, b: &Json<'_>) -> Ordering {
    match (a, b) {
        (Json::Bool(a), Json::Bool(b)) => a.cmp(b),
        (Json::Number(a), Json::Number(b)) => numeric::compare(a, b),
        (Json::String(a), Json::String(b)) => a.cmp(b),
        (Json::Array(a), Json::Array(b)) => a.len().cmp(&b.len()).then_with(|| {
            a.iter().zip(b).map(|(a, b)| compare_values(a, b)).find(|o| o.is_ne()).unwrap_or(Ordering::Equal)
        }),
        (Json::Object(a), Json::Object(b)) => a.len().cmp(&b.len()).then_with(|| {
            let pairs = a.iter().zip(b);
            let orders = pairs.map(|(a, b)| a.0.cmp(&b.0).then_with(|| compare_values(&a.1, &b.1)));
            orders.into_iter().find(|o| o.is_ne()).unwrap_or(Ordering::Equal)
        }),
        _ => a.rank().cmp(&b.rank()),
    }
}

/// `a @> b`: an array at the root also contains a scalar that is one of its elements.
pub(super) fn contains(a: &Json<'_>, b: &Json<'_>) -> bool {
    match (a, b) {
        (Json::Array(elements), scalar) if scalar.is_scalar() => elements.iter().any(|e| equal(e, scalar)),
        _ => contains_value(a, b),
    }
}

fn contains_value(a: &Json<'_>, b: &Json<'_>) -> bool {
    match (a, b) {
        (Json::Object(a), Json::Object(b)) => b.iter().all(|(key, value)| {
            a.iter().find(|(candidate, _)| candidate == key).is_some_and(|(_, found)| contains_value(found, value))
        }),
        (Json::Array(a), Json::Array(b)) => b.iter().all(|value| a.iter().any(|found| contains_value(found, value))),
        _ => a.is_scalar() && equal(a, b),
    }
}

fn equal(a: &Json<'_>, b: &Json<'_>) -> bool {
    compare_values(a, b).is_eq()
}

impl Json<'_> {
    fn is_scalar(&self) -> bool {
        !matches!(self, Json::Array(_) | Json::Object(_))
    }

    fn rank(&self) -> u8 {
        match self {
            Json::Null => 0,
            Json::String(_) => 1,
            Json::Number(_) => 2,
            Json::Bool(_) => 3,
            Json::Array(_) => 4,
            Json::Object(_) => 5,
        }
    }
}
