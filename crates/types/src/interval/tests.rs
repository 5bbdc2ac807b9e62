//! Against PostgreSQL's own answers, and the order.

use std::cmp::Ordering;

use proptest::prelude::*;

use super::{Interval, compare, from_time, to_time};

#[test]
fn answers_as_postgresql() {
    crate::testing::check(include_str!("cases.txt"));
}

#[test]
fn order_is_of_spans() {
    let ascending =
        ["-1 mons", "-29 days", "-00:00:01", "00:00:00", "23:59:59.999999", "1 day", "1 mon", "31 days", "1 year"];
    for (i, a) in ascending.iter().enumerate() {
        for (j, b) in ascending.iter().enumerate() {
            assert_eq!(compare(a, b), i.cmp(&j), "{a} and {b}");
        }
    }
    assert_eq!(compare("1 mon", "30 days"), Ordering::Equal);
    assert_eq!(compare("1 day", "24:00:00"), Ordering::Equal);
}

#[test]
fn converts_to_and_from_time() {
    assert_eq!(from_time(36_000_500_000), "10:00:00.5");
    assert_eq!(to_time("1 day 02:00:00"), Ok(7_200_000_000));
    assert_eq!(to_time("-01:00:00"), Ok(82_800_000_000));
}

proptest! {
    #[test]
    fn what_is_written_reads_back(months: i32, days: i32, micros in i64::MIN + 1..) {
        let interval = Interval { months, days, micros };
        prop_assert_eq!(Interval::parse(&interval.to_string()), Ok(interval));
    }
}
