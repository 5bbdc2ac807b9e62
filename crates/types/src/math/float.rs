//! Arithmetic and functions on `real` and `double precision`, with PostgreSQL's errors where C gives an infinity or NaN.

use basalt_core::{Error, Result};

use crate::Base;

use super::division_by_zero;

fn overflow() -> Error {
    Error::new("22003", "value out of range: overflow")
}

fn underflow() -> Error {
    Error::new("22003", "value out of range: underflow")
}

pub(super) fn input_out_of_range() -> Error {
    Error::new("22003", "input is out of range")
}

fn rounded(base: Base, value: f64) -> f64 {
    match base {
        Base::Float4 => f64::from(value as f32),
        _ => value,
    }
}

/// `a + b`
pub(super) fn add(base: Base, a: f64, b: f64) -> Result<f64> {
    bounded(rounded(base, a + b), &[a, b])
}

/// `a - b`
pub(super) fn sub(base: Base, a: f64, b: f64) -> Result<f64> {
    bounded(rounded(base, a - b), &[a, b])
}

/// `a * b`
pub(super) fn mul(base: Base, a: f64, b: f64) -> Result<f64> {
    let product = rounded(base, a * b);
    if product == 0.0 && a != 0.0 && b != 0.0 {
        return Err(underflow());
    }
    bounded(product, &[a, b])
}

/// `a / b`; 22012 by zero.
pub(super) fn div(base: Base, a: f64, b: f64) -> Result<f64> {
    if b == 0.0 && !a.is_nan() {
        return Err(division_by_zero());
    }
    let quotient = rounded(base, a / b);
    if quotient == 0.0 && a != 0.0 && b.is_finite() {
        return Err(underflow());
    }
    bounded(quotient, &[a])
}

/// `a ^ b`; 2201F where it is not a real number.
pub(super) fn power(a: f64, b: f64) -> Result<f64> {
    if a == 0.0 && b < 0.0 {
        return Err(Error::new("2201F", "zero raised to a negative power is undefined"));
    }
    if a < 0.0 && b.is_finite() && b.fract() != 0.0 {
        return Err(Error::new("2201F", "a negative number raised to a non-integer power yields a complex result"));
    }
    let result = a.powf(b);
    if result == 0.0 && a != 0.0 && a.is_finite() && b.is_finite() {
        return Err(underflow());
    }
    bounded(result, &[a, b])
}

/// The square root; 2201F of a negative number.
pub(super) fn sqrt(a: f64) -> Result<f64> {
    if a < 0.0 { Err(Error::new("2201F", "cannot take square root of a negative number")) } else { Ok(a.sqrt()) }
}

/// e to the power of `a`.
pub(super) fn exp(a: f64) -> Result<f64> {
    let result = a.exp();
    if result == 0.0 && a.is_finite() {
        return Err(underflow());
    }
    bounded(result, &[a])
}

/// The natural logarithm; 2201E of zero or a negative number.
pub(super) fn ln(a: f64) -> Result<f64> {
    loggable(a).map(f64::ln)
}

/// The logarithm to base ten; 2201E of zero or a negative number.
pub(super) fn log10(a: f64) -> Result<f64> {
    loggable(a).map(f64::log10)
}

fn loggable(a: f64) -> Result<f64> {
    if a == 0.0 {
        Err(Error::new("2201E", "cannot take logarithm of zero"))
    } else if a < 0.0 {
        Err(Error::new("2201E", "cannot take logarithm of a negative number"))
    } else {
        Ok(a)
    }
}

/// -1, 0 or 1; NaN is 0, as PostgreSQL has it.
pub(super) fn sign(a: f64) -> f64 {
    if a > 0.0 {
        1.0
    } else if a < 0.0 {
        -1.0
    } else {
        0.0
    }
}

/// A function of angles, which an infinity is not.
pub(super) fn of_angle(function: fn(f64) -> f64, a: f64) -> Result<f64> {
    if a.is_infinite() { Err(input_out_of_range()) } else { Ok(function(a)) }
}

/// A function that is defined within `low` to `high` only.
pub(super) fn within(low: f64, high: f64, function: fn(f64) -> f64, a: f64) -> Result<f64> {
    if a < low || a > high { Err(input_out_of_range()) } else { Ok(function(a)) }
}

/// The inverse hyperbolic cosine, exact near 1 too.
pub(super) fn acosh(a: f64) -> f64 {
    if a < 2.0 {
        let above = a - 1.0;
        (above + (2.0 * above + above * above).sqrt()).ln_1p()
    } else if a < (1_u64 << 28) as f64 {
        (2.0 * a - 1.0 / (a + (a * a - 1.0).sqrt())).ln()
    } else {
        a.ln() + std::f64::consts::LN_2
    }
}

/// The inverse hyperbolic sine, to the digit that C libraries give.
pub(super) fn asinh(a: f64) -> f64 {
    let size = a.abs();
    let square = size * size;
    let result = if size < (0.5_f64).powi(28) {
        size
    } else if size <= 2.0 {
        (size + square / (1.0 + (1.0 + square).sqrt())).ln_1p()
    } else if size <= (1_u64 << 28) as f64 {
        (2.0 * size + 1.0 / ((square + 1.0).sqrt() + size)).ln()
    } else {
        size.ln() + std::f64::consts::LN_2
    };
    result.copysign(a)
}

/// The inverse hyperbolic tangent, to the digit that C libraries give.
pub(super) fn atanh(a: f64) -> f64 {
    let size = a.abs();
    let twice = size + size;
    let result = if size < (0.5_f64).powi(28) {
        size
    } else if size < 0.5 {
        0.5 * (twice + twice * size / (1.0 - size)).ln_1p()
    } else {
        0.5 * (twice / (1.0 - size)).ln_1p()
    };
    result.copysign(a)
}

/// 22003 if a finite computation gave an infinity.
fn bounded(result: f64, operands: &[f64]) -> Result<f64> {
    if result.is_infinite() && operands.iter().all(|operand| operand.is_finite()) {
        Err(overflow())
    } else {
        Ok(result)
    }
}

/// The bucket of an operand among `count` equal ones between two bounds.
pub(super) fn width_bucket(operand: f64, low: f64, high: f64, count: i64) -> Result<i64> {
    let invalid = |message: &'static str| Err(Error::new("2201G", message));
    if count <= 0 {
        return invalid("count must be greater than zero");
    }
    if operand.is_nan() || low.is_nan() || high.is_nan() {
        return invalid("operand, lower bound, and upper bound cannot be NaN");
    }
    if low.is_infinite() || high.is_infinite() {
        return invalid("lower and upper bounds must be finite");
    }
    if low == high {
        return invalid("lower bound cannot equal upper bound");
    }
    let (before, after) = if low < high { (operand < low, operand >= high) } else { (operand > low, operand <= high) };
    if before {
        return Ok(0);
    }
    if after {
        return Ok(count + 1).and_then(|over| super::check_range(Base::Int4, over));
    }
    // Halves keep the width of the widest bounds finite.
    let share = (operand / 2.0 - low / 2.0) / (high / 2.0 - low / 2.0);
    Ok(((share * count as f64) as i64).min(count - 1) + 1)
}
