//! Text to numerics.

use basalt_core::{Error, Result};
use num_bigint::BigInt;

use super::{Decimal, MAX_INTEGER_DIGITS, MAX_SCALE, Numeric, overflow, power_of_ten};
use crate::Typmod;

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
