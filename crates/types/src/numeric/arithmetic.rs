//! Arithmetic on `numeric` with PostgreSQL's result scales. Operands and results are canonical texts.

use basalt_core::{Error, Result};
use num_bigint::{BigInt, Sign};

use super::{Decimal, MAX_DISPLAY_SCALE, MAX_SCALE, MIN_SIGNIFICANT_DIGITS, Numeric, power_of_ten};
use Numeric::{Finite, Infinity, NaN, NegativeInfinity};

/// `a + b`, with the larger scale of the two.
pub fn add(a: &str, b: &str) -> Result<String> {
    Numeric::parse(a)?.add(Numeric::parse(b)?).to_text()
}

/// `a - b`, with the larger scale of the two.
pub fn sub(a: &str, b: &str) -> Result<String> {
    Numeric::parse(a)?.add(Numeric::parse(b)?.negated()).to_text()
}

/// `a * b`, with the sum of the scales.
pub fn mul(a: &str, b: &str) -> Result<String> {
    Numeric::parse(a)?.mul(Numeric::parse(b)?).to_text()
}

/// `a / b` to at least 16 significant digits. 22012 by zero.
pub fn div(a: &str, b: &str) -> Result<String> {
    Numeric::parse(a)?.div(Numeric::parse(b)?)?.to_text()
}

/// The integer part of `a / b`. 22012 by zero.
pub fn div_trunc(a: &str, b: &str) -> Result<String> {
    match (Numeric::parse(a)?, Numeric::parse(b)?) {
        (Finite(a), Finite(b)) if !b.is_zero() => {
            let (a, b, _) = aligned(a, b);
            Finite(Decimal::new(a / b, 0)).to_text()
        }
        (a, b) => a.div(b)?.to_text(),
    }
}

/// `a % b`, with the sign of `a`. 22012 by zero.
pub fn rem(a: &str, b: &str) -> Result<String> {
    match (Numeric::parse(a)?, Numeric::parse(b)?) {
        (NaN, _) | (_, NaN) => Ok(NaN),
        (_, Finite(b)) if b.is_zero() => Err(division_by_zero()),
        (Finite(a), Finite(b)) => {
            let (a, b, scale) = aligned(a, b);
            Ok(Decimal::new(a % b, scale).into())
        }
        (Finite(a), _) => Ok(Finite(a)),
        _ => Ok(NaN),
    }
    .and_then(|value| value.to_text())
}

/// `-a`
pub fn neg(a: &str) -> Result<String> {
    Numeric::parse(a)?.negated().to_text()
}

/// The absolute value.
pub fn abs(a: &str) -> Result<String> {
    Ok(a.strip_prefix('-').unwrap_or(a).to_owned())
}

/// -1, 0 or 1.
pub fn sign(a: &str) -> Result<String> {
    Ok(match Numeric::parse(a)? {
        NaN => "NaN".to_owned(),
        value => value.signum().to_string(),
    })
}

/// Rounds half away from zero to `scale` digits after the point (before it, if negative).
pub fn round(a: &str, scale: i64) -> Result<String> {
    unary(a, |a| a.rounded(clamp_scale(scale)))
}

/// Drops the digits beyond `scale` places after the point.
pub fn trunc(a: &str, scale: i64) -> Result<String> {
    unary(a, |a| a.truncated(clamp_scale(scale)))
}

/// The nearest integer towards positive infinity.
pub fn ceil(a: &str) -> Result<String> {
    unary(a, |a| nearest(a, Sign::Plus))
}

/// The nearest integer towards negative infinity.
pub fn floor(a: &str) -> Result<String> {
    unary(a, |a| nearest(a, Sign::Minus))
}

/// Within the digits that a `numeric` may have before and after its point.
fn clamp_scale(scale: i64) -> i64 {
    scale.clamp(-131_072, 16_383)
}

fn nearest(a: Decimal, towards: Sign) -> Decimal {
    let away = if towards == Sign::Plus { 1 } else { -1 };
    a.rescaled_with_remainder(
        |quotient, remainder| if remainder.sign() == towards { quotient + away } else { quotient },
    )
}

fn unary(a: &str, operation: impl Fn(Decimal) -> Decimal) -> Result<String> {
    match Numeric::parse(a)? {
        Finite(a) => Finite(operation(a)).to_text(),
        other => other.to_text(),
    }
}

pub(super) fn division_by_zero() -> Error {
    Error::new("22012", "division by zero")
}

/// Both unscaled values at the larger scale of the two.
fn aligned(a: Decimal, b: Decimal) -> (BigInt, BigInt, u32) {
    let scale = a.scale.max(b.scale);
    let lift = |d: Decimal| if d.scale == scale { d.unscaled } else { d.unscaled * power_of_ten(scale - d.scale) };
    (lift(a), lift(b), scale)
}

impl Numeric {
    /// -1, 0 or 1; 1 for NaN.
    pub(super) fn signum(&self) -> i64 {
        match self {
            NegativeInfinity => -1,
            Finite(a) => match a.unscaled.sign() {
                Sign::Minus => -1,
                Sign::NoSign => 0,
                Sign::Plus => 1,
            },
            Infinity | NaN => 1,
        }
    }

    pub(super) fn negated(self) -> Numeric {
        match self {
            NegativeInfinity => Infinity,
            Finite(a) => Finite(Decimal { unscaled: -a.unscaled, scale: a.scale }),
            Infinity => NegativeInfinity,
            NaN => NaN,
        }
    }

    pub(super) fn add(self, other: Numeric) -> Numeric {
        match (self, other) {
            (Finite(a), Finite(b)) => {
                let (a, b, scale) = aligned(a, b);
                Finite(Decimal { unscaled: a + b, scale })
            }
            (NaN, _) | (_, NaN) | (Infinity, NegativeInfinity) | (NegativeInfinity, Infinity) => NaN,
            (Finite(_), infinite) | (infinite, _) => infinite,
        }
    }

    pub(super) fn mul(self, other: Numeric) -> Numeric {
        match (self, other) {
            (Finite(a), Finite(b)) => {
                let product = Decimal { unscaled: a.unscaled * b.unscaled, scale: a.scale + b.scale };
                Finite(if product.scale > MAX_SCALE { product.rounded(MAX_SCALE.into()) } else { product })
            }
            (NaN, _) | (_, NaN) => NaN,
            (a, b) => match a.signum() * b.signum() {
                0 => NaN,
                1 => Infinity,
                _ => NegativeInfinity,
            },
        }
    }

    pub(super) fn div(self, other: Numeric) -> Result<Numeric> {
        Ok(match (self, other) {
            (NaN, _) | (_, NaN) => NaN,
            (_, Finite(b)) if b.is_zero() => return Err(division_by_zero()),
            (Finite(a), Finite(b)) => {
                let scale = division_scale(&a, &b);
                Finite(a.divided(&b, scale))
            }
            (Finite(_), _) => Numeric::from(0),
            (a, Finite(b)) => match a.signum() * Finite(b).signum() {
                1 => Infinity,
                _ => NegativeInfinity,
            },
            _ => NaN,
        })
    }
}

/// The scale of a quotient: 16 significant digits by the operands' leading base-10000 digits, which is how PostgreSQL holds
/// them, and no less than either operand's (`select_div_scale`).
fn division_scale(a: &Decimal, b: &Decimal) -> i64 {
    let ((weight_a, first_a), (weight_b, first_b)) = (a.leading_group(), b.leading_group());
    let weight = weight_a - weight_b - i64::from(first_a <= first_b);
    (MIN_SIGNIFICANT_DIGITS - weight * 4).max(a.scale.into()).max(b.scale.into()).clamp(0, MAX_DISPLAY_SCALE)
}

impl Decimal {
    /// Weight and value of the leading base-10000 digit; zeros for zero.
    pub(super) fn leading_group(&self) -> (i64, u32) {
        if self.is_zero() {
            return (0, 0);
        }
        let exponent = self.leading_exponent();
        let weight = exponent.div_euclid(4);
        let digits = (exponent.rem_euclid(4) + 1) as usize;
        let text = self.unscaled.magnitude().to_string();
        (weight, format!("{text:0<4}")[..digits].parse().unwrap_or(0))
    }

    /// `self / divisor`, rounded half away from zero. The divisor is not zero.
    pub(super) fn divided(&self, divisor: &Decimal, scale: i64) -> Decimal {
        // unscaled / 10^s / (d / 10^t) = q / 10^scale, so q = unscaled * 10^(scale + t - s) / d
        let shift = scale + i64::from(divisor.scale) - i64::from(self.scale);
        let factor = power_of_ten(shift.unsigned_abs() as u32);
        let (dividend, divisor) = if shift >= 0 {
            (&self.unscaled * factor, divisor.unscaled.clone())
        } else {
            (self.unscaled.clone(), &divisor.unscaled * factor)
        };
        let (quotient, remainder) = (&dividend / &divisor, &dividend % &divisor);
        let unscaled = if remainder.magnitude() * 2u8 >= *divisor.magnitude() {
            let away = if dividend.sign() == divisor.sign() { 1 } else { -1 };
            quotient + away
        } else {
            quotient
        };
        Decimal { unscaled, scale: scale as u32 }
    }

    /// The integer that `settle` makes of integer part and remaining fraction.
    fn rescaled_with_remainder(self, settle: impl Fn(BigInt, BigInt) -> BigInt) -> Decimal {
        let divisor = power_of_ten(self.scale);
        Decimal { unscaled: settle(&self.unscaled / &divisor, &self.unscaled % &divisor), scale: 0 }
    }
}
