//! `numeric`: exact decimals in PostgreSQL's text form, read, written, compared and converted.
//!
//! The stored text is canonical (`-12.50`: no leading zeros, the scale shown by trailing ones, never `-0`), so two values
//! compare digit by digit as they stand, and only arithmetic takes them apart into a [`Decimal`].

use std::fmt;

use basalt_core::{Error, Result};

use crate::Base;

mod aggregate;
mod arithmetic;
mod compare;
mod decimal;
mod function;
mod parse;
#[cfg(test)]
mod tests;
mod transcendental;

pub(crate) use aggregate::AGGREGATES;
pub use arithmetic::{abs, add, ceil, div, div_trunc, floor, mul, neg, rem, round, sign, sub, trunc};
pub use compare::compare;
pub use decimal::Decimal;
use decimal::power_of_ten;
pub(crate) use function::{FUNCTIONS, OPERATORS};
pub use parse::parse;
pub use transcendental::{exp, ln, log, power, sqrt};

/// Most digits after the point (`NUMERIC_DSCALE_MAX`).
const MAX_SCALE: u32 = 16383;
/// Most digits before the point.
const MAX_INTEGER_DIGITS: u64 = 131_072;
/// Most digits after the point that a division or a transcendental function gives (`NUMERIC_MAX_DISPLAY_SCALE`).
const MAX_DISPLAY_SCALE: i64 = 1000;
/// Significant digits that an inexact result has at least (`NUMERIC_MIN_SIG_DIGITS`).
const MIN_SIGNIFICANT_DIGITS: i64 = 16;

/// Any value of the type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Numeric {
    /// `-Infinity`
    NegativeInfinity,
    /// A number.
    Finite(Decimal),
    /// `Infinity`
    Infinity,
    /// `NaN`, greater than all others and equal to itself.
    NaN,
}

/// The canonical text of an integer.
pub fn from_i64(value: i64) -> String {
    value.to_string()
}

/// Rounds half away from zero to a `bigint`. 22003 beyond its range, 0A000 for NaN and the infinities.
pub fn to_i64(text: &str) -> Result<i64> {
    to_integer(Base::Int8, text)
}

/// Rounds half away from zero to `smallint`, `integer` or `bigint`. 22003 beyond its range, 0A000 for NaN and the infinities.
pub fn to_integer(base: Base, text: &str) -> Result<i64> {
    let value = match text.parse::<i64>() {
        Ok(value) => value,
        Err(_) => match Numeric::parse(text)? {
            Numeric::NaN => return Err(Error::new("0A000", format!("cannot convert NaN to {}", base.sql_name()))),
            Numeric::Finite(decimal) => {
                let rounded = decimal.rounded(0).unscaled;
                i64::try_from(rounded).map_err(|_| crate::math::integer_out_of_range(base))?
            }
            _ => return Err(Error::new("0A000", format!("cannot convert infinity to {}", base.sql_name()))),
        },
    };
    crate::math::check_range(base, value)
}

/// The nearest `double precision`. 22003 when it exceeds the range.
pub fn to_f64(text: &str) -> Result<f64> {
    crate::math::parse_float(Base::Float8, text)
}

/// As PostgreSQL converts `double precision`: 15 significant digits.
pub fn from_f64(value: f64) -> String {
    from_float(value, 15)
}

/// As PostgreSQL converts `real`: 6 significant digits.
pub fn from_f32(value: f32) -> String {
    from_float(f64::from(value), 6)
}

fn from_float(value: f64, significant: usize) -> String {
    if value.is_nan() {
        return "NaN".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "Infinity" } else { "-Infinity" }.to_owned();
    }
    let scientific = format!("{value:.*e}", significant - 1);
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let mantissa = if mantissa.contains('.') { mantissa.trim_end_matches('0') } else { mantissa };
    // The range of a double lies well within that of numeric.
    Numeric::parse(&format!("{mantissa}e{exponent}")).map_or_else(|_| "NaN".to_owned(), |value| value.to_string())
}

fn overflow() -> Error {
    Error::new("22003", "value overflows numeric format")
}

impl Numeric {
    /// The canonical text. 22003 when the number exceeds the type's limits.
    pub fn to_text(&self) -> Result<String> {
        if let Numeric::Finite(decimal) = self {
            // Three bits a digit is a lower bound of the length, cheap to know.
            let long = decimal.unscaled.bits() / 3 > MAX_INTEGER_DIGITS;
            if decimal.scale > MAX_SCALE || (long && decimal.integer_digits() > MAX_INTEGER_DIGITS) {
                return Err(overflow());
            }
        }
        Ok(self.to_string())
    }

    /// Whether it is not a number.
    pub fn is_nan(&self) -> bool {
        matches!(self, Numeric::NaN)
    }

    /// Rounds to the scale of `numeric(precision, scale)`. 22003 when it does not fit.
    fn constrained(self, precision: u32, scale: i32) -> Result<Numeric> {
        let overflow = |limit: String| {
            Err(Error::new("22003", "numeric field overflow")
                .with_detail(format!("A field with precision {precision}, scale {scale} {limit}")))
        };
        match self {
            Numeric::Finite(decimal) => {
                let rounded = decimal.rounded(scale.into());
                let digits = i64::from(precision) - i64::from(scale);
                if !rounded.is_zero() && rounded.leading_exponent() >= digits {
                    let bound = if digits == 0 { "1".to_owned() } else { format!("10^{digits}") };
                    return overflow(format!("must round to an absolute value less than {bound}."));
                }
                Ok(Numeric::Finite(rounded))
            }
            Numeric::NaN => Ok(Numeric::NaN),
            _ => overflow("cannot hold an infinite value.".to_owned()),
        }
    }
}

impl From<i64> for Numeric {
    fn from(value: i64) -> Numeric {
        Numeric::Finite(Decimal::new(value, 0))
    }
}

impl From<Decimal> for Numeric {
    fn from(value: Decimal) -> Numeric {
        Numeric::Finite(value)
    }
}

impl fmt::Display for Numeric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Numeric::NegativeInfinity => f.write_str("-Infinity"),
            Numeric::Finite(decimal) => decimal.fmt(f),
            Numeric::Infinity => f.write_str("Infinity"),
            Numeric::NaN => f.write_str("NaN"),
        }
    }
}
