//! `numeric`: exact decimals in PostgreSQL's text form, read, written, compared and converted.
//!
//! The stored text is canonical (`-12.50`: no leading zeros, the scale shown by trailing ones, never `-0`), so two values
//! compare digit by digit as they stand, and only arithmetic takes them apart into a [`Decimal`].

use std::cmp::Ordering;
use std::fmt;

use basalt_core::{Error, Result};
use num_bigint::{BigInt, Sign};

use crate::{Base, Typmod};

mod aggregate;
mod arithmetic;
mod function;
#[cfg(test)]
mod tests;
mod transcendental;

pub(crate) use aggregate::AGGREGATES;
pub use arithmetic::{abs, add, ceil, div, div_trunc, floor, mul, neg, rem, round, sign, sub, trunc};
pub(crate) use function::{FUNCTIONS, OPERATORS};
pub use transcendental::{exp, ln, log, power, sqrt};

/// Most digits after the point (`NUMERIC_DSCALE_MAX`).
const MAX_SCALE: u32 = 16383;
/// Most digits before the point.
const MAX_INTEGER_DIGITS: u64 = 131_072;
/// Most digits after the point that a division or a transcendental function gives (`NUMERIC_MAX_DISPLAY_SCALE`).
const MAX_DISPLAY_SCALE: i64 = 1000;
/// Significant digits that an inexact result has at least (`NUMERIC_MIN_SIG_DIGITS`).
const MIN_SIGNIFICANT_DIGITS: i64 = 16;

/// A finite number: `unscaled / 10^scale`, where the scale is the number of digits shown after the point.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decimal {
    unscaled: BigInt,
    scale: u32,
}

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

/// Reads any text that PostgreSQL accepts and gives the canonical text, rounded half away from zero to the modifier's scale.
///
/// 22P02 for what is no number; 22003 when it exceeds the modifier's precision or the type's limits.
pub fn parse(text: &str, typmod: Option<Typmod>) -> Result<String> {
    match canonical_parts(text) {
        Some((integer, fraction)) => match typmod {
            Some(Typmod::Precision(precision, scale)) if scale >= 0 => {
                let digits = if integer == "0" { 0 } else { integer.len() };
                if fraction.len() <= scale as usize && digits as i64 <= i64::from(precision) - i64::from(scale) {
                    let mut padded = text.to_owned();
                    if fraction.is_empty() && scale > 0 {
                        padded.push('.');
                    }
                    padded.extend(std::iter::repeat_n('0', scale as usize - fraction.len()));
                    return Ok(padded);
                }
            }
            Some(Typmod::Precision(..)) => {}
            _ => return Ok(text.to_owned()),
        },
        None if matches!(text, "NaN") => return Ok(text.to_owned()),
        None => {}
    }
    let value = Numeric::parse(text)?;
    match typmod {
        Some(Typmod::Precision(precision, scale)) => value.constrained(precision, scale)?.to_text(),
        _ => value.to_text(),
    }
}

/// Compares two canonical texts as PostgreSQL does: by value, `NaN` last. Allocates nothing.
pub fn compare(a: &str, b: &str) -> Ordering {
    fn rank(text: &str) -> i8 {
        match text.as_bytes().first() {
            Some(b'N') => 3,
            Some(b'I') => 2,
            Some(b'-') if text.as_bytes().get(1) == Some(&b'I') => -2,
            Some(b'-') => -1,
            _ => 1,
        }
    }
    let (rank_a, rank_b) = (rank(a), rank(b));
    match rank_a.cmp(&rank_b) {
        Ordering::Equal if rank_a == 1 => compare_magnitude(a, b),
        Ordering::Equal if rank_a == -1 => compare_magnitude(&b[1..], &a[1..]),
        other => other,
    }
}

fn compare_magnitude(a: &str, b: &str) -> Ordering {
    let (integer_a, fraction_a) = a.split_once('.').unwrap_or((a, ""));
    let (integer_b, fraction_b) = b.split_once('.').unwrap_or((b, ""));
    integer_a
        .len()
        .cmp(&integer_b.len())
        .then_with(|| integer_a.cmp(integer_b))
        .then_with(|| fraction_a.trim_end_matches('0').cmp(fraction_b.trim_end_matches('0')))
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

/// Splits a text that is already canonical and within the limits by far; `None` for any other.
fn canonical_parts(text: &str) -> Option<(&str, &str)> {
    if text.len() > 1000 {
        return None;
    }
    let magnitude = text.strip_prefix('-').unwrap_or(text);
    let (integer, fraction) = match magnitude.split_once('.') {
        Some((_, "")) => return None,
        Some(parts) => parts,
        None => (magnitude, ""),
    };
    let digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
    let leading_zero = integer.starts_with('0') && integer.len() > 1;
    if integer.is_empty() || leading_zero || !digits(integer) || !digits(fraction) {
        return None;
    }
    let negative_zero = magnitude.len() < text.len() && !magnitude.bytes().any(|b| (b'1'..=b'9').contains(&b));
    (!negative_zero).then_some((integer, fraction))
}

fn overflow() -> Error {
    Error::new("22003", "value overflows numeric format")
}

fn power_of_ten(exponent: u32) -> BigInt {
    BigInt::from(10u8).pow(exponent)
}

impl Numeric {
    /// Reads any text that PostgreSQL accepts. 22P02 for what is no number, 22003 beyond the limits of any numeric.
    pub fn parse(text: &str) -> Result<Numeric> {
        if let Some(value) = Numeric::parse_short(text) {
            return Ok(value);
        }
        let invalid = || Error::invalid_text("numeric", text);
        let trimmed = text.trim_matches(|c: char| c.is_ascii_whitespace() || c == '\x0b');
        let (negative, magnitude) = match trimmed.as_bytes().first() {
            Some(b'-') => (true, &trimmed[1..]),
            Some(b'+') => (false, &trimmed[1..]),
            _ => (false, trimmed),
        };
        if magnitude.eq_ignore_ascii_case("inf") || magnitude.eq_ignore_ascii_case("infinity") {
            return Ok(if negative { Numeric::NegativeInfinity } else { Numeric::Infinity });
        }
        if trimmed.eq_ignore_ascii_case("nan") {
            return Ok(Numeric::NaN);
        }
        let (mantissa, exponent) = match magnitude.find(['e', 'E']) {
            Some(at) => (&magnitude[..at], read_exponent(&magnitude[at + 1..]).ok_or_else(invalid)?),
            None => (magnitude, 0),
        };
        let (integer, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        if integer.len() + fraction.len() == 0 || !integer.bytes().chain(fraction.bytes()).all(|b| b.is_ascii_digit()) {
            return Err(invalid());
        }
        let mut digits = String::with_capacity(integer.len() + fraction.len());
        digits.push_str(integer.trim_start_matches('0'));
        digits.push_str(fraction);
        let scale = fraction.len() as i64 - exponent;
        if scale > i64::from(MAX_SCALE) || digits.len() as i64 - scale > MAX_INTEGER_DIGITS as i64 {
            let zero = digits.bytes().all(|b| b == b'0');
            return if zero && scale < 0 { Ok(Numeric::from(0)) } else { Err(overflow()) };
        }
        let mut unscaled = BigInt::parse_bytes(digits.as_bytes(), 10).unwrap_or_default();
        if scale < 0 {
            unscaled *= power_of_ten(scale.unsigned_abs() as u32);
        }
        if negative {
            unscaled = -unscaled;
        }
        Ok(Numeric::Finite(Decimal { unscaled, scale: scale.max(0) as u32 }))
    }

    /// Reads digits, at most 18, around a point: what most columns hold.
    fn parse_short(text: &str) -> Option<Numeric> {
        if text.len() > 18 {
            return None;
        }
        let (negative, magnitude) = text.strip_prefix('-').map_or((false, text), |magnitude| (true, magnitude));
        let (mut unscaled, mut point) = (0_i64, None);
        for (at, byte) in magnitude.bytes().enumerate() {
            match byte {
                b'0'..=b'9' => unscaled = unscaled * 10 + i64::from(byte - b'0'),
                b'.' if point.is_none() => point = Some(at),
                _ => return None,
            }
        }
        let scale = point.map_or(0, |at| magnitude.len() - at - 1);
        let has_digits = magnitude.len() > usize::from(point.is_some());
        has_digits.then(|| Decimal::new(if negative { -unscaled } else { unscaled }, scale as u32).into())
    }

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

fn read_exponent(text: &str) -> Option<i64> {
    let (negative, digits) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    // Anything beyond overflows all the same.
    let magnitude = digits.parse().unwrap_or(i64::from(i32::MAX)).min(i32::MAX.into());
    Some(if negative { -magnitude } else { magnitude })
}

impl Decimal {
    fn new(unscaled: impl Into<BigInt>, scale: u32) -> Decimal {
        Decimal { unscaled: unscaled.into(), scale }
    }

    fn is_zero(&self) -> bool {
        self.unscaled.sign() == Sign::NoSign
    }

    /// The same value with more digits after the point, or rounded half away from zero to fewer. A negative scale rounds to
    /// tens, hundreds, ... and shows no fraction.
    fn rounded(self, scale: i64) -> Decimal {
        self.rescaled(scale, |quotient, remainder, divisor| {
            if remainder.magnitude() * 2u8 >= *divisor.magnitude() {
                let away = if remainder.sign() == Sign::Minus { -1 } else { 1 };
                quotient + away
            } else {
                quotient
            }
        })
    }

    /// The same value, with the digits beyond `scale` dropped.
    fn truncated(self, scale: i64) -> Decimal {
        self.rescaled(scale, |quotient, _, _| quotient)
    }

    fn rescaled(self, scale: i64, settle: impl Fn(BigInt, BigInt, &BigInt) -> BigInt) -> Decimal {
        let shown = scale.max(0) as u32;
        let dropped = i64::from(self.scale) - scale;
        if dropped <= 0 {
            return Decimal { unscaled: self.unscaled * power_of_ten(dropped.unsigned_abs() as u32), scale: shown };
        }
        if dropped as u64 > self.unscaled.bits() / 3 + 2 {
            return Decimal::new(0, shown);
        }
        let divisor = power_of_ten(dropped as u32);
        let (quotient, remainder) = (&self.unscaled / &divisor, &self.unscaled % &divisor);
        let mut unscaled = settle(quotient, remainder, &divisor);
        if scale < 0 {
            unscaled *= power_of_ten(scale.unsigned_abs() as u32);
        }
        Decimal { unscaled, scale: shown }
    }

    /// Power of ten of the leading digit; 0 for zero.
    fn leading_exponent(&self) -> i64 {
        if self.is_zero() {
            return 0;
        }
        self.unscaled.magnitude().to_string().len() as i64 - 1 - i64::from(self.scale)
    }

    fn integer_digits(&self) -> u64 {
        (self.leading_exponent() + 1).max(0) as u64
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

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = self.unscaled.magnitude().to_string();
        if self.unscaled.sign() == Sign::Minus {
            f.write_str("-")?;
        }
        let scale = self.scale as usize;
        if scale == 0 {
            return f.write_str(&digits);
        }
        match digits.len().checked_sub(scale) {
            None | Some(0) => write!(f, "0.{digits:0>scale$}"),
            Some(point) => write!(f, "{}.{}", &digits[..point], &digits[point..]),
        }
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
