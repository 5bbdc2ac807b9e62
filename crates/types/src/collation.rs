//! The orders that SQLite can't give by itself, as collations over stored text.

use std::cmp::Ordering;

use crate::array::stored::with_leaf;
use crate::{Base, EnumType, Type, ValueRef, interval, json, numeric, range};

/// Compares two stored TEXT values of `ty` as PostgreSQL's btree order does.
pub fn compare(ty: &Type, a: &str, b: &str) -> Ordering {
    match ty {
        Type::Base(Base::Numeric) => numeric::compare(a, b),
        Type::Base(Base::Interval) => interval::compare(a, b),
        Type::Base(Base::Jsonb) => json::compare(a, b),
        Type::Base(Base::Bpchar) => a.trim_end_matches(' ').cmp(b.trim_end_matches(' ')),
        Type::Enum(e) => compare_labels(e, a, b),
        Type::Array(element) => compare_arrays(element, a, b),
        Type::Record(fields) => compare_rows(fields, a, b),
        _ => match ty.base().and_then(Base::subtype) {
            Some(subtype) => range::compare(subtype, a, b),
            None => a.cmp(b),
        },
    }
}

/// Compares two stored values of `ty` that are not NULL. NaN is greater than every number.
pub fn compare_values(ty: &Type, a: ValueRef<'_>, b: ValueRef<'_>) -> Ordering {
    match (a, b) {
        (ValueRef::Int(a), ValueRef::Int(b)) => a.cmp(&b),
        (ValueRef::Blob(a), ValueRef::Blob(b)) => a.cmp(b),
        (ValueRef::Text(a), ValueRef::Text(b)) => compare(ty, a, b),
        _ => {
            let (a, b) = (a.float(), b.float());
            a.partial_cmp(&b).unwrap_or_else(|| a.is_nan().cmp(&b.is_nan()))
        }
    }
}

/// The types whose collations every connection registers, beside those of the schema's enums and their arrays.
pub fn builtin() -> Vec<Type> {
    const ELEMENTS: [Type; 23] = [
        Type::BOOL,
        Type::INT2,
        Type::INT4,
        Type::INT8,
        Type::FLOAT4,
        Type::FLOAT8,
        Type::NUMERIC,
        Type::TEXT,
        Type::VARCHAR,
        Type::BPCHAR,
        Type::NAME,
        Type::UUID,
        Type::DATE,
        Type::TIME,
        Type::TIMESTAMP,
        Type::TIMESTAMPTZ,
        Type::INTERVAL,
        Type::JSON,
        Type::JSONB,
        Type::BYTEA,
        Type::TSVECTOR,
        Type::TSQUERY,
        Type::VECTOR,
    ];
    let plain = [Type::NUMERIC, Type::INTERVAL, Type::JSONB, Type::BPCHAR];
    let ranges = || Base::RANGES.into_iter().map(Type::Base);
    plain.into_iter().chain(ranges()).chain(ELEMENTS.into_iter().chain(ranges()).map(Type::array_of)).collect()
}

/// By the labels' order; what is no label comes last.
fn compare_labels(e: &EnumType, a: &str, b: &str) -> Ordering {
    if a == b {
        return Ordering::Equal;
    }
    let position = |label: &str| e.labels.iter().position(|l| l == label).unwrap_or(usize::MAX);
    position(a).cmp(&position(b)).then_with(|| a.cmp(b))
}

/// Element by element, NULL last; then by the number of elements, of dimensions, and by their lengths.
fn compare_arrays(element: &Type, a: &str, b: &str) -> Ordering {
    if a == b {
        return Ordering::Equal;
    }
    let (a, b) = (Flat::of(a), Flat::of(b));
    let mut orders = a.leaves.iter().zip(&b.leaves).map(|(a, b)| compare_leaves(element, a, b));
    orders
        .find(|order| order.is_ne())
        .unwrap_or_else(|| a.leaves.len().cmp(&b.leaves.len()))
        .then_with(|| a.dims.len().cmp(&b.dims.len()))
        .then_with(|| a.dims.cmp(&b.dims))
}

/// Field by field, NULL last.
fn compare_rows(fields: &[(String, Type)], a: &str, b: &str) -> Ordering {
    if a == b {
        return Ordering::Equal;
    }
    let pairs = json::raw::elements(a).zip(json::raw::elements(b));
    let mut orders = fields.iter().zip(pairs).map(|((_, ty), (a, b))| compare_leaves(ty, a, b));
    orders.find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
}

fn compare_leaves(element: &Type, a: &str, b: &str) -> Ordering {
    match (a == "null", b == "null") {
        (false, false) => with_leaf(element, a, |a| with_leaf(element, b, |b| compare_values(element, a, b))),
        (a, b) => a.cmp(&b),
    }
}

/// The raw elements of an array and the lengths of its dimensions.
#[derive(Default)]
struct Flat<'a> {
    leaves: Vec<&'a str>,
    dims: Vec<usize>,
}

impl<'a> Flat<'a> {
    fn of(text: &'a str) -> Self {
        let mut flat = Flat::default();
        flat.collect(text, 0);
        flat
    }

    fn collect(&mut self, text: &'a str, depth: usize) {
        if self.dims.len() == depth {
            self.dims.push(0);
        }
        let mut length = 0;
        for raw in json::raw::elements(text) {
            length += 1;
            if raw.starts_with('[') {
                self.collect(raw, depth + 1);
            } else {
                self.leaves.push(raw);
            }
        }
        self.dims[depth] = length;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[track_caller]
    fn ascending(ty: &Type, values: &[&str]) {
        for (i, a) in values.iter().enumerate() {
            for (j, b) in values.iter().enumerate() {
                assert_eq!(compare(ty, a, b), i.cmp(&j), "{a} and {b}");
            }
        }
    }

    #[test]
    fn values_are_in_postgresqls_order() {
        // Each as `order by` of PostgreSQL 15 gives it.
        ascending(&Type::NUMERIC, &["-Infinity", "-10", "-9.5", "0", "1", "1.5", "10", "Infinity", "NaN"]);
        ascending(
            &Type::JSONB,
            &[
                "[]",
                "null",
                "\"a\"",
                "\"b\"",
                "1",
                "2.5",
                "10",
                "false",
                "true",
                "[1]",
                "[2]",
                "[1, 2]",
                "{}",
                "{\"b\": 1}",
                "{\"b\": 2}",
                "{\"a\": 1, \"b\": 1}",
            ],
        );
        ascending(&Type::INT4.array_of(), &["[]", "[1]", "[1,2]", "[1,10]", "[1,null]", "[2]", "[null]"]);
        let labels = ["sad", "ok", "happy"].map(String::from).to_vec();
        let mood = Type::Enum(Arc::new(EnumType { schema: "public".into(), name: "mood".into(), labels }));
        ascending(&mood, &["sad", "ok", "happy"]);
        let row = Type::Record(Arc::new(vec![("a".into(), Type::NUMERIC), ("b".into(), mood.clone())]));
        let rows = ["[\"2\",\"sad\"]", "[\"2.0\",\"happy\"]", "[\"2\",null]", "[\"10\",\"sad\"]", "[null,\"sad\"]"];
        ascending(&row, &rows);
        assert!(Type::of_collation(&row.collation().unwrap()).unwrap().collation() == row.collation());
        ascending(&mood.array_of(), &["[\"sad\"]", "[\"ok\"]", "[\"happy\"]"]);
    }

    #[test]
    fn equal_values_may_differ_in_text() {
        assert_eq!(compare(&Type::NUMERIC, "1.0", "1.00"), Ordering::Equal);
        assert_eq!(compare(&Type::JSONB, "[1.0]", "[1.00]"), Ordering::Equal);
        assert_eq!(compare(&Type::BPCHAR, "a ", "a"), Ordering::Equal);
        assert_eq!(compare(&Type::INTERVAL, "1 day", "24:00:00"), Ordering::Equal);
        assert_ne!(compare(&Type::INT4.array_of(), "[1,2]", "[[1,2]]"), Ordering::Equal);
    }
}
