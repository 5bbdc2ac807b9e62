//! Against PostgreSQL's own answers, and the order of what is stored.

use super::{compare, parse};
use crate::{Base, Context};

#[test]
fn answers_as_postgresql() {
    crate::testing::check(include_str!("cases.txt"));
}

#[test]
fn ranges_are_in_postgresqls_order() {
    let ascending = ["empty", "(,1)", "(,1]", "(,)", "[1,2)", "[1,2]", "[1,)", "(1,2)", "(1.5,)", "[10,11]"];
    let stored = ascending.map(|text| parse(Base::Numrange, text, &Context::default()).expect("a range"));
    for (i, a) in stored.iter().enumerate() {
        for (j, b) in stored.iter().enumerate() {
            assert_eq!(compare(Base::Numeric, a, b), i.cmp(&j), "{a} and {b}");
        }
    }
    let equal = ["[1.0,2]", "[1,2.00]"].map(|text| parse(Base::Numrange, text, &Context::default()).expect("a range"));
    assert!(compare(Base::Numeric, &equal[0], &equal[1]).is_eq());
}
