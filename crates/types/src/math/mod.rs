//! Integers and floating-point numbers: text in and out, ranges.

use std::fmt::Write;

use basalt_core::{Error, Result};

use crate::Base;

mod aggregate;
mod degrees;
mod float;
mod function;
pub(crate) mod integer;
mod shortest;
#[cfg(test)]
mod tests;

pub(crate) use aggregate::AGGREGATES;
pub(crate) use function::{FUNCTIONS, OPERATORS, SET_FUNCTIONS};

/// Reads `smallint`, `integer` or `bigint`. 22P02 for what is no integer, 22003 beyond the range.
pub fn parse_int(base: Base, text: &str) -> Result<i64> {
    let digits = trim(text);
    match digits.parse::<i64>() {
        Ok(value) if in_range(base, value) => Ok(value),
        Ok(_) => Err(Error::out_of_range(base.sql_name(), text)),
        Err(_) => {
            let magnitude = digits.strip_prefix(['-', '+']).unwrap_or(digits);
            let is_number = !magnitude.is_empty() && magnitude.bytes().all(|b| b.is_ascii_digit());
            Err(if is_number {
                Error::out_of_range(base.sql_name(), text)
            } else {
                Error::invalid_text(base.sql_name(), text)
            })
        }
    }
}

/// Reads `real` (rounded to it) or `double precision`. 22P02 for what is no number, 22003 beyond the range.
pub fn parse_float(base: Base, text: &str) -> Result<f64> {
    let trimmed = trim(text);
    let hexadecimal = hexadecimal(trimmed);
    let parsed = match (base, hexadecimal) {
        (Base::Float4, Some(value)) => Ok(f64::from(value as f32)),
        (_, Some(value)) => Ok(value),
        (Base::Float4, None) => trimmed.parse::<f32>().map(f64::from),
        _ => trimmed.parse::<f64>(),
    };
    let value = parsed.map_err(|_| Error::invalid_text(base.sql_name(), text))?;
    let mantissa = trimmed.split(['e', 'E']).next().unwrap_or_default();
    let overflowed = value.is_infinite() && mantissa.bytes().any(|b| b.is_ascii_digit());
    let underflowed = value == 0.0
        && match hexadecimal {
            Some(exact) => exact != 0.0,
            None => mantissa.bytes().any(|b| (b'1'..=b'9').contains(&b)),
        };
    if overflowed || underflowed {
        return Err(Error::new("22003", format!("\"{trimmed}\" is out of range for type {}", base.sql_name())));
    }
    Ok(value)
}

/// C's hexadecimal numbers: `0x1F`, `-0x1.8p3`.
fn hexadecimal(text: &str) -> Option<f64> {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let digits = unsigned.strip_prefix("0x").or_else(|| unsigned.strip_prefix("0X"))?;
    let (mantissa, exponent) = digits.split_once(['p', 'P']).unwrap_or((digits, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    if whole.len() + fraction.len() == 0 || exponent.trim_start_matches(['+', '-']).len() + 1 < exponent.len() {
        return None;
    }
    let mut value = 0.0_f64;
    for digit in whole.chars().chain(fraction.chars()) {
        value = value * 16.0 + f64::from(digit.to_digit(16)?);
    }
    let exponent = exponent.parse::<i32>().ok()?.saturating_sub(4 * i32::try_from(fraction.len()).ok()?);
    // In two steps, since a power alone may be beyond the range.
    value = value * 2.0_f64.powi(exponent / 2) * 2.0_f64.powi(exponent - exponent / 2);
    Some(if text.starts_with('-') { -value } else { value })
}

/// Writes the shortest text that reads back as the same `real` or `double precision`.
pub fn float_to_text(base: Base, value: f64, out: &mut String) {
    if value.is_nan() {
        return out.push_str("NaN");
    }
    if value.is_infinite() {
        return out.push_str(if value > 0.0 { "Infinity" } else { "-Infinity" });
    }
    // A `real` keeps to six digits before it turns to an exponent, a `double precision` to fifteen.
    let (scientific, widest) = match base {
        Base::Float4 => (shortest::single(value as f32), 6),
        _ => (shortest::double(value), 15),
    };
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if (-4..widest).contains(&exponent) {
        return plain(mantissa, exponent, out);
    }
    // Writing to a String can't fail.
    let _ = write!(out, "{mantissa}e{}{:02}", if exponent < 0 { '-' } else { '+' }, exponent.abs());
}

/// Digits without an exponent: `-1.25` with an exponent of two is `-125`.
fn plain(mantissa: &str, exponent: i32, out: &mut String) {
    let magnitude = mantissa.strip_prefix('-').unwrap_or(mantissa);
    if magnitude.len() < mantissa.len() {
        out.push('-');
    }
    let digits: String = magnitude.chars().filter(|c| *c != '.').collect();
    match usize::try_from(exponent) {
        Ok(whole) if digits.len() <= whole + 1 => {
            out.push_str(&digits);
            out.extend(std::iter::repeat_n('0', whole + 1 - digits.len()));
        }
        Ok(whole) => {
            out.push_str(&digits[..=whole]);
            out.push('.');
            out.push_str(&digits[whole + 1..]);
        }
        Err(_) => {
            out.push_str("0.");
            out.extend(std::iter::repeat_n('0', exponent.unsigned_abs() as usize - 1));
            out.push_str(&digits);
        }
    }
}

/// Rounds half to even, as PostgreSQL casts floating-point numbers to integers. 22003 beyond the range.
pub fn float_to_int(base: Base, value: f64) -> Result<i64> {
    let rounded = value.round_ties_even();
    // The upper bound itself is 2^63, one more than the greatest bigint.
    if !(-9_223_372_036_854_775_808.0..9_223_372_036_854_775_808.0).contains(&rounded) {
        return Err(integer_out_of_range(base));
    }
    check_range(base, rounded as i64)
}

/// Rounds a `double precision` to `real`. 22003 when it overflows or underflows.
pub fn float_to_real(value: f64) -> Result<f64> {
    let real = value as f32;
    if real.is_infinite() && value.is_finite() {
        return Err(Error::new("22003", "value out of range: overflow"));
    }
    if real == 0.0 && value != 0.0 {
        return Err(Error::new("22003", "value out of range: underflow"));
    }
    Ok(f64::from(real))
}

/// The value itself if it fits `smallint`, `integer` or `bigint`; else 22003.
pub fn check_range(base: Base, value: i64) -> Result<i64> {
    if in_range(base, value) { Ok(value) } else { Err(integer_out_of_range(base)) }
}

/// 22003: `integer out of range`.
pub fn integer_out_of_range(base: Base) -> Error {
    Error::new("22003", format!("{} out of range", base.sql_name()))
}

fn in_range(base: Base, value: i64) -> bool {
    match base {
        Base::Int2 => i16::try_from(value).is_ok(),
        Base::Int4 => i32::try_from(value).is_ok(),
        _ => true,
    }
}

fn division_by_zero() -> Error {
    Error::new("22012", "division by zero")
}

/// Without the white space that C's `isspace` knows.
fn trim(text: &str) -> &str {
    text.trim_matches(|c: char| c.is_ascii_whitespace() || c == '\x0b')
}
