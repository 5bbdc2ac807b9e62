//! Against PostgreSQL's own answers.

use super::{float_to_int, float_to_real};
use crate::Base;

#[test]
fn answers_as_postgresql() {
    crate::testing::check(include_str!("cases.txt"));
}

#[test]
fn casts_round_half_to_even() {
    assert_eq!(float_to_int(Base::Int4, 2.5), Ok(2));
    assert_eq!(float_to_int(Base::Int4, 3.5), Ok(4));
    assert_eq!(float_to_int(Base::Int4, 2147483647.5).unwrap_err().message(), "integer out of range");
    assert_eq!(float_to_int(Base::Int8, f64::NAN).unwrap_err().message(), "bigint out of range");
    assert_eq!(float_to_int(Base::Int8, 9_223_372_036_854_775_808.0).unwrap_err().code(), "22003");
    assert_eq!(float_to_real(1e40).unwrap_err().message(), "value out of range: overflow");
    assert_eq!(float_to_real(1e-50).unwrap_err().message(), "value out of range: underflow");
    assert_eq!(float_to_real(0.1), Ok(f64::from(0.1_f32)));
}
