//! Against PostgreSQL's own answers, and laws of the order.

use std::cmp::Ordering;

use proptest::prelude::*;

use super::{Numeric, add, compare, from_f32, from_f64, parse, sub, to_f64, to_i64, to_integer};
use crate::Base;

#[test]
fn answers_as_postgresql() {
    crate::testing::check(include_str!("cases.txt"));
}

#[test]
fn order_is_of_values() {
    let ascending = ["-Infinity", "-12.5", "-2.51", "-2.50", "-0.1", "0", "0.09", "0.1", "2", "10", "Infinity", "NaN"];
    for (i, a) in ascending.iter().enumerate() {
        for (j, b) in ascending.iter().enumerate() {
            assert_eq!(compare(a, b), i.cmp(&j), "{a} and {b}");
        }
    }
    for (a, b) in [("1", "1.000"), ("0", "0.00"), ("-2.5", "-2.50"), ("NaN", "NaN")] {
        assert_eq!(compare(a, b), Ordering::Equal);
    }
}

#[test]
fn converts_as_casts_do() {
    assert_eq!(to_i64("2.5"), Ok(3));
    assert_eq!(to_i64("-2.5"), Ok(-3));
    assert_eq!(to_i64("-9223372036854775808.4"), Ok(i64::MIN));
    assert_eq!(to_i64("9223372036854775807.5").unwrap_err().message(), "bigint out of range");
    assert_eq!(to_integer(Base::Int4, "2147483647.5").unwrap_err().message(), "integer out of range");
    assert_eq!(to_integer(Base::Int2, "NaN").unwrap_err().message(), "cannot convert NaN to smallint");
    assert_eq!(to_i64("-Infinity").unwrap_err().code(), "0A000");
    assert_eq!(to_f64("0.1"), Ok(0.1));
    assert_eq!(from_f64(0.1 + 0.2), "0.3");
    assert_eq!(from_f64(1e20), "100000000000000000000");
    assert_eq!(from_f64(1.25e-7), "0.000000125");
    assert_eq!(from_f64(-0.0), "0");
    assert_eq!(from_f32(0.1), "0.1");
}

fn decimals() -> impl Strategy<Value = String> {
    "-?[0-9]{1,25}(\\.[0-9]{1,12})?"
}

proptest! {
    #[test]
    fn canonical_text_reads_as_itself(text in decimals()) {
        let canonical = parse(&text, None).unwrap();
        prop_assert_eq!(&parse(&canonical, None).unwrap(), &canonical);
        prop_assert_eq!(Numeric::parse(&canonical).unwrap(), Numeric::parse(&text).unwrap());
        prop_assert_eq!(Numeric::parse(&text).unwrap().to_string(), canonical);
    }

    #[test]
    fn order_agrees_with_subtraction(a in decimals(), b in decimals()) {
        let (a, b) = (parse(&a, None).unwrap(), parse(&b, None).unwrap());
        let difference = Numeric::parse(&sub(&a, &b).unwrap()).unwrap();
        prop_assert_eq!(compare(&a, &b) as i64, difference.signum());
        prop_assert_eq!(compare(&a, &b), compare(&b, &a).reverse());
        prop_assert_eq!(compare(&add(&sub(&a, &b).unwrap(), &b).unwrap(), &a), Ordering::Equal);
    }
}
