//! Against pgvector's own answers, and the order of what is stored.

use std::cmp::Ordering;

use proptest::prelude::*;

use super::{MOST_DIMENSIONS, from_array, numbers, parse, push, to_array};
use crate::{Type, Typmod, ValueRef};

#[test]
fn answers_as_pgvector() {
    crate::testing::check(include_str!("cases.txt"));
}

#[test]
fn stored_vectors_order_as_pgvector_orders_them() {
    let ascending = ["[-3e38]", "[-1,5]", "[-1e-45]", "[0]", "[0,-1]", "[0,0]", "[1e-45]", "[1]", "[1,-1]", "[2]"];
    let stored: Vec<Vec<u8>> = ascending.iter().map(|text| parse(text, None).expect("a vector")).collect();
    assert!(stored.is_sorted_by(|a, b| a < b), "{stored:?}");
    assert_eq!(parse("[-0]", None), parse("[0]", None));
}

#[test]
fn dimensions_are_limited() {
    let of = |count: usize| format!("[{}]", vec!["1"; count].join(","));
    assert!(parse(&of(MOST_DIMENSIONS), None).is_ok());
    let error = parse(&of(MOST_DIMENSIONS + 1), None).expect_err("too many");
    assert_eq!((error.code(), error.message()), ("54000", "vector cannot have more than 16000 dimensions"));
}

#[test]
fn arrays_become_vectors() {
    let cast = |element: Type, text: &str| from_array(&element, Some(Typmod::Dimensions(2)), text);
    assert_eq!(cast(Type::INT4, "[1,2]"), parse("[1,2]", None).map(Into::into));
    assert_eq!(cast(Type::NUMERIC, "[\"1.50\",\"2\"]"), parse("[1.5,2]", None).map(Into::into));
    for (element, text, code, message) in [
        (Type::INT4, "[[1],[2]]", "22000", "array must be 1-D"),
        (Type::INT4, "[1,null]", "22004", "array must not contain nulls"),
        (Type::INT4, "[]", "22000", "vector must have at least 1 dimension"),
        (Type::INT4, "[1]", "22000", "expected 2 dimensions, not 1"),
        (Type::FLOAT8, "[1.0,\"NaN\"]", "22000", "NaN not allowed in vector"),
        (Type::FLOAT8, "[1.0,1e50]", "22000", "infinite value not allowed in vector"),
    ] {
        let error = cast(element, text).expect_err(text);
        assert_eq!((error.code(), error.message()), (code, message), "{text}");
    }
    let stored = parse("[1,2.5]", None).expect("a vector");
    assert_eq!(to_array(ValueRef::Blob(&stored)), "[1.0,2.5]".into());
}

proptest! {
    #[test]
    fn bytes_order_as_numbers_do(a in any::<f32>(), b in any::<f32>()) {
        prop_assume!(!a.is_nan() && !b.is_nan());
        let stored = |number: f32| {
            let mut stored = Vec::new();
            push(&mut stored, number);
            stored
        };
        prop_assert_eq!(numbers(&stored(a)).next(), Some(a));
        prop_assert_eq!(Some(stored(a).cmp(&stored(b))), a.partial_cmp(&b).or(Some(Ordering::Equal)));
    }
}
