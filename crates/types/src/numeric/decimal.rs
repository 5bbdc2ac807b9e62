//! Finite decimals: what arithmetic works on.

use std::fmt;

use num_bigint::{BigInt, Sign};

/// A finite number: `unscaled / 10^scale`, where the scale is the number of digits shown after the point.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decimal {
    pub(super) unscaled: BigInt,
    pub(super) scale: u32,
}

impl Decimal {
    pub(super) fn new(unscaled: impl Into<BigInt>, scale: u32) -> Decimal {
        Decimal { unscaled: unscaled.into(), scale }
    }

    pub(super) fn is_zero(&self) -> bool {
        self.unscaled.sign() == Sign::NoSign
    }

    /// The same value with more digits after the point, or rounded half away from zero to fewer. A negative scale rounds to
    /// tens, hundreds, ... and shows no fraction.
    pub(super) fn rounded(self, scale: i64) -> Decimal {
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
    pub(super) fn truncated(self, scale: i64) -> Decimal {
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
    pub(super) fn leading_exponent(&self) -> i64 {
        if self.is_zero() {
            return 0;
        }
        self.unscaled.magnitude().to_string().len() as i64 - 1 - i64::from(self.scale)
    }

    pub(super) fn integer_digits(&self) -> u64 {
        (self.leading_exponent() + 1).max(0) as u64
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

pub(super) fn power_of_ten(exponent: u32) -> BigInt {
    BigInt::from(10u8).pow(exponent)
}
