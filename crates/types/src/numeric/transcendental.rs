//! Roots, powers, exponentials and logarithms of `numeric`, to the scales that PostgreSQL gives them.
//!
//! Everything is computed on integers scaled by a power of ten, with guard digits, and rounded once at the end.

use std::f64::consts::{LN_10, LOG10_2, LOG10_E};

use basalt_core::{Error, Result};
use num_bigint::{BigInt, Sign};

use super::arithmetic::division_by_zero;
use super::{Decimal, MAX_DISPLAY_SCALE, MAX_INTEGER_DIGITS, MIN_SIGNIFICANT_DIGITS, Numeric, overflow, power_of_ten};
use Numeric::{Finite, Infinity, NaN, NegativeInfinity};

/// Digits beyond the result's that absorb the rounding of intermediate steps.
const GUARD: i64 = 12;
/// The exponent of e beyond which PostgreSQL reports an overflow, or gives 0.
const MOST_EXPONENT: f64 = 6000.0;

/// The square root. 2201F of a negative number.
pub fn sqrt(a: &str) -> Result<String> {
    match Numeric::parse(a)? {
        NegativeInfinity => Err(negative_root()),
        Finite(a) => {
            let scale = scale_for(leading_weight(&a), &[&a]);
            square_root(&a, scale)?.to_text()
        }
        other => other.to_text(),
    }
}

/// The square root at a given scale. 2201F of a negative number.
pub(super) fn square_root(a: &Decimal, scale: i64) -> Result<Numeric> {
    if a.unscaled.sign() == Sign::Minus {
        return Err(negative_root());
    }
    // One digit more than asked for decides the rounding: a truncated root ends in 5 only if the digit says so.
    let wide = a.clone().truncated((scale + 1) * 2);
    let root = Decimal::new(wide.unscaled.sqrt(), (scale + 1) as u32);
    Ok(root.rounded(scale).into())
}

/// e to the power of `a`. 22003 when it overflows.
pub fn exp(a: &str) -> Result<String> {
    match Numeric::parse(a)? {
        NegativeInfinity => Ok("0".to_owned()),
        Finite(a) => {
            let weight = (approximate(&a) * LOG10_E).clamp(-2000.0, 2000.0) as i64;
            exponential(&a, scale_for(weight, &[&a]))?.to_text()
        }
        other => other.to_text(),
    }
}

/// The natural logarithm. 2201E of zero or a negative number.
pub fn ln(a: &str) -> Result<String> {
    match loggable(a)? {
        Finite(a) => Finite(logarithm(&a, scale_for(logarithm_weight(&a), &[&a]))).to_text(),
        other => other.to_text(),
    }
}

/// The logarithm of `a` to `base`. 2201E of zero or a negative number.
pub fn log(base: &str, a: &str) -> Result<String> {
    match (loggable(base)?, loggable(a)?) {
        (NaN, _) | (_, NaN) | (Infinity, Infinity) => Ok("NaN".to_owned()),
        (Finite(base), Finite(a)) => {
            let (weight_base, weight) = (logarithm_weight(&base), logarithm_weight(&a));
            let scale = scale_for(weight - weight_base, &[&base, &a]);
            let working = scale + weight.abs() + 2 * weight_base.abs() + GUARD;
            let (ln_a, ln_base) = (logarithm(&a, working), logarithm(&base, working));
            if ln_base.is_zero() {
                return Err(division_by_zero());
            }
            Finite(ln_a.divided(&ln_base, scale)).to_text()
        }
        (Finite(base), _) => {
            (if logarithm(&base, 0).unscaled.sign() == Sign::Minus { NegativeInfinity } else { Infinity }).to_text()
        }
        _ => Ok("0".to_owned()),
    }
}

/// `base ^ exponent`. 2201F for zero to a negative power and for a negative number to a fractional one; 22003 on overflow.
pub fn power(base: &str, exponent: &str) -> Result<String> {
    match (Numeric::parse(base)?, Numeric::parse(exponent)?) {
        (Finite(base), Finite(exponent)) => {
            if base.is_zero() && exponent.unscaled.sign() == Sign::Minus {
                return Err(Error::new("2201F", "zero raised to a negative power is undefined"));
            }
            let whole = exponent.clone().truncated(0);
            let is_integer = whole.clone().rounded(exponent.scale.into()) == exponent;
            match i32::try_from(&whole.unscaled) {
                Ok(count) if is_integer => integer_power(&base, count)?.to_text(),
                _ if base.unscaled.sign() == Sign::Minus && !is_integer => Err(complex_result()),
                _ => real_power(base, &exponent)?.to_text(),
            }
        }
        (Finite(one), NaN) if one == Decimal::new(1, 0).rounded(one.scale.into()) => Ok("1".to_owned()),
        (NaN, Finite(zero)) if zero.is_zero() => Ok("1".to_owned()),
        (NaN, _) | (_, NaN) => Ok("NaN".to_owned()),
        (Finite(zero), NegativeInfinity) if zero.is_zero() => {
            Err(Error::new("2201F", "zero raised to a negative power is undefined"))
        }
        // With an infinity the result is 0, 1 or an infinity, and the same as of floating-point numbers.
        (base, exponent) => Ok(super::from_f64(base.to_float().powf(exponent.to_float()))),
    }
}

fn negative_root() -> Error {
    Error::new("2201F", "cannot take square root of a negative number")
}

fn complex_result() -> Error {
    Error::new("2201F", "a negative number raised to a non-integer power yields a complex result")
}

fn loggable(a: &str) -> Result<Numeric> {
    let value = Numeric::parse(a)?;
    match value.signum() {
        -1 => Err(Error::new("2201E", "cannot take logarithm of a negative number")),
        0 => Err(Error::new("2201E", "cannot take logarithm of zero")),
        _ => Ok(value),
    }
}

/// The scale that shows 16 significant digits of a result whose leading digit is at `weight`, and no less than the operands'.
fn scale_for(weight: i64, operands: &[&Decimal]) -> i64 {
    let widest = operands.iter().map(|operand| i64::from(operand.scale)).max().unwrap_or(0);
    (MIN_SIGNIFICANT_DIGITS - weight).max(widest).clamp(0, MAX_DISPLAY_SCALE)
}

/// Power of ten of the leading digit of the square root, as PostgreSQL estimates it from the leading base-10000 digit.
fn leading_weight(a: &Decimal) -> i64 {
    let (weight, _) = a.leading_group();
    if weight >= 0 { weight * 2 + 1 } else { 1 - (-weight * 4) / 2 }
}

/// Power of ten of the leading digit of the logarithm, as PostgreSQL estimates it (`estimate_ln_dweight`).
fn logarithm_weight(a: &Decimal) -> i64 {
    let one = Decimal::new(1, 0);
    let distance = Finite(a.clone()).add(Finite(one).negated());
    let Finite(distance) = distance else { return 0 };
    let far = Decimal::new(1, 1);
    let is_near = distance.clone().rounded(i64::from(distance.scale).max(1)).unscaled.magnitude()
        <= far.rounded(i64::from(distance.scale).max(1)).unscaled.magnitude();
    if is_near {
        let (weight, first) = distance.leading_group();
        return if first == 0 { 0 } else { weight * 4 + i64::from(first.ilog10()) };
    }
    approximate_logarithm(a).abs().log10() as i64
}

/// The natural logarithm to the precision of a double, of numbers beyond its range too.
fn approximate_logarithm(a: &Decimal) -> f64 {
    let text = a.unscaled.magnitude().to_string();
    let digits = &text[..text.len().min(17)];
    let exponent = text.len() as f64 - digits.len() as f64 - f64::from(a.scale);
    digits.parse::<f64>().unwrap_or(1.0).ln() + exponent * LN_10
}

fn approximate(a: &Decimal) -> f64 {
    a.to_string().parse().unwrap_or(f64::MAX)
}

/// `(value / 10^scale)` as an integer at another scale, rounded.
fn at_scale(a: &Decimal, scale: i64) -> BigInt {
    a.clone().rounded(scale).unscaled
}

/// `2 * atanh(numerator / denominator)` at a scale.
fn double_atanh(numerator: &BigInt, denominator: &BigInt, scale: i64) -> BigInt {
    let unit = power_of_ten(scale as u32);
    let ratio = numerator * &unit / denominator;
    let square = &ratio * &ratio / &unit;
    let (mut sum, mut term, mut divisor) = (ratio.clone(), ratio, 1_u32);
    loop {
        term = &term * &square / &unit;
        divisor += 2;
        let part = &term / divisor;
        if part.sign() == Sign::NoSign {
            return sum * 2;
        }
        sum += part;
    }
}

/// The natural logarithm of ten at a scale.
fn ln_ten(scale: i64) -> BigInt {
    // ln 10 = 46 atanh(1/31) + 34 atanh(1/49) + 20 atanh(1/161)
    let part = |weight: u32, denominator: u32| {
        let mut term = power_of_ten(scale as u32) / denominator;
        let (mut sum, mut divisor) = (term.clone(), 1_u32);
        while term.sign() != Sign::NoSign {
            term /= denominator * denominator;
            divisor += 2;
            sum += &term / divisor;
        }
        sum * weight
    };
    part(46, 31) + part(34, 49) + part(20, 161)
}

/// The natural logarithm of a positive number, rounded to a scale.
fn logarithm(a: &Decimal, scale: i64) -> Decimal {
    let working = scale + GUARD;
    // a = m * 10^k with m between 0.3 and 3.2, where the series converges quickly.
    let leading: u32 = a.unscaled.magnitude().to_string()[..1].parse().unwrap_or(1);
    let exponent = a.leading_exponent() + i64::from(leading >= 3);
    let shift = i64::from(a.scale) + exponent;
    let ten = power_of_ten(shift.unsigned_abs() as u32);
    let (numerator, denominator) =
        if shift >= 0 { (a.unscaled.clone(), ten) } else { (&a.unscaled * ten, BigInt::from(1)) };
    let mantissa = double_atanh(&(&numerator - &denominator), &(&numerator + &denominator), working);
    let sum = if exponent == 0 { mantissa } else { mantissa + ln_ten(working + 6) * exponent / 1_000_000 };
    Decimal::new(sum, working as u32).rounded(scale)
}

/// e to the power of a number, rounded to a scale. 22003 when it overflows.
fn exponential(a: &Decimal, scale: i64) -> Result<Numeric> {
    let estimate = approximate(a);
    if estimate.abs() >= MOST_EXPONENT {
        return if estimate > 0.0 { Err(overflow()) } else { Ok(Decimal::new(0, scale as u32).into()) };
    }
    // e^a = 10^k * e^r, with r within half of ln 10.
    let exponent = (estimate * LOG10_E).round() as i64;
    let working = (scale + exponent).max(0) + GUARD;
    let unit = power_of_ten(working as u32);
    let remainder = at_scale(a, working) - ln_ten(working + 8) * exponent / power_of_ten(8);
    let (mut sum, mut term, mut count) = (&unit + &remainder, remainder.clone(), 1_u32);
    while term.sign() != Sign::NoSign {
        count += 1;
        term = &term * &remainder / (&unit * count);
        sum += &term;
    }
    let shown = working - exponent;
    let result = if shown >= 0 {
        Decimal::new(sum, shown as u32)
    } else {
        Decimal::new(sum * power_of_ten(shown.unsigned_abs() as u32), 0)
    };
    Ok(result.rounded(scale).into())
}

fn integer_power(base: &Decimal, exponent: i32) -> Result<Numeric> {
    let scale = scale_for(0, &[base]);
    if base.is_zero() || exponent == 0 {
        return Ok(Decimal::new(i64::from(exponent == 0), 0).rounded(scale).into());
    }
    let magnitude = approximate_logarithm(base) * LOG10_E * f64::from(exponent);
    if magnitude > MAX_INTEGER_DIGITS as f64 {
        return Err(overflow());
    }
    if magnitude + 1.0 < -(scale as f64) {
        return Ok(Decimal::new(0, scale as u32).into());
    }
    // By repeated squaring, on as many digits as the result shows and some that absorb the rounding of each step.
    let digits = (scale + magnitude as i64).max(0) + 2 * GUARD;
    let (mut power, mut square, mut rest) = (Decimal::new(1, 0), base.clone(), exponent.unsigned_abs());
    loop {
        if rest & 1 == 1 {
            power = power.times(&square).shortened(digits);
        }
        rest >>= 1;
        if rest == 0 {
            break;
        }
        square = square.times(&square).shortened(digits);
    }
    Ok(if exponent < 0 { Decimal::new(1, 0).divided(&power, scale) } else { power.rounded(scale) }.into())
}

fn real_power(base: Decimal, exponent: &Decimal) -> Result<Numeric> {
    if base.is_zero() {
        return Ok(Decimal::new(0, MIN_SIGNIFICANT_DIGITS as u32).into());
    }
    let absolute = Decimal::new(BigInt::from(base.unscaled.magnitude().clone()), base.scale);
    let magnitude = approximate_logarithm(&absolute) * approximate(exponent) * LOG10_E;
    if magnitude.abs() > MOST_EXPONENT * LOG10_E {
        return if magnitude > 0.0 { Err(overflow()) } else { Ok(Decimal::new(0, MAX_DISPLAY_SCALE as u32).into()) };
    }
    let scale = scale_for(magnitude as i64, &[&base, exponent]);
    let working = (scale + magnitude as i64).max(0) + exponent.leading_exponent().max(0) + GUARD;
    let product = logarithm(&absolute, working).times(exponent);
    exponential(&product, scale)
}

impl Decimal {
    fn times(&self, other: &Decimal) -> Decimal {
        Decimal::new(&self.unscaled * &other.unscaled, self.scale + other.scale)
    }

    /// Rounded to about so many significant digits, if it has more.
    fn shortened(self, digits: i64) -> Decimal {
        let excess = (self.unscaled.bits() as f64 * LOG10_2) as i64 - digits;
        let scale = i64::from(self.scale) - excess;
        if excess > 0 { self.rounded(scale) } else { self }
    }
}

impl Numeric {
    fn to_float(&self) -> f64 {
        match self {
            NegativeInfinity => f64::NEG_INFINITY,
            Finite(a) => approximate(a),
            Infinity => f64::INFINITY,
            NaN => f64::NAN,
        }
    }
}
