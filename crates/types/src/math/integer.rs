//! Arithmetic on `smallint`, `integer` and `bigint`: 64 bits, checked against the result type's range.

use basalt_core::{Error, Result};

use crate::{Base, Value};

use super::{check_range, division_by_zero, integer_out_of_range};

/// `a + b`; 22003 beyond the range of the result type.
pub(super) fn add(base: Base, a: i64, b: i64) -> Result<Value> {
    checked(base, a.checked_add(b))
}

/// `a - b`; 22003 beyond the range of the result type.
pub(super) fn sub(base: Base, a: i64, b: i64) -> Result<Value> {
    checked(base, a.checked_sub(b))
}

/// `a * b`; 22003 beyond the range of the result type.
pub(super) fn mul(base: Base, a: i64, b: i64) -> Result<Value> {
    checked(base, a.checked_mul(b))
}

/// `a / b` towards zero; 22012 by zero.
pub(super) fn div(base: Base, a: i64, b: i64) -> Result<Value> {
    if b == 0 { Err(division_by_zero()) } else { checked(base, a.checked_div(b)) }
}

/// `a % b` with the sign of `a`; 22012 by zero.
pub(super) fn rem(_: Base, a: i64, b: i64) -> Result<Value> {
    if b == 0 { Err(division_by_zero()) } else { Ok(a.wrapping_rem(b).into()) }
}

/// Bits that differ.
pub(super) fn xor(_: Base, a: i64, b: i64) -> Result<Value> {
    Ok((a ^ b).into())
}

/// `a << b`, the count taken modulo the width, as machines do.
pub(super) fn shift_left(base: Base, a: i64, b: i64) -> Result<Value> {
    Ok(match base {
        Base::Int2 => i64::from((a as i32).wrapping_shl(b as u32) as i16),
        Base::Int4 => i64::from((a as i32).wrapping_shl(b as u32)),
        _ => a.wrapping_shl(b as u32),
    }
    .into())
}

/// `a >> b`, keeping the sign.
pub(super) fn shift_right(base: Base, a: i64, b: i64) -> Result<Value> {
    Ok(match base {
        Base::Int8 => a.wrapping_shr(b as u32),
        _ => i64::from((a as i32).wrapping_shr(b as u32)),
    }
    .into())
}

/// `-a`; 22003 of the least value.
pub(super) fn neg(base: Base, a: i64) -> Result<Value> {
    checked(base, a.checked_neg())
}

/// The absolute value; 22003 of the least value.
pub(super) fn abs(base: Base, a: i64) -> Result<Value> {
    checked(base, a.checked_abs())
}

/// The greatest common divisor.
pub(super) fn gcd(base: Base, a: i64, b: i64) -> Result<Value> {
    checked(base, i64::try_from(greatest_divisor(a, b)).ok())
}

/// The least common multiple.
pub(super) fn lcm(base: Base, a: i64, b: i64) -> Result<Value> {
    if a == 0 || b == 0 {
        return Ok(0.into());
    }
    let factor = a.unsigned_abs() / greatest_divisor(a, b);
    checked(base, factor.checked_mul(b.unsigned_abs()).and_then(|multiple| i64::try_from(multiple).ok()))
}

fn greatest_divisor(a: i64, b: i64) -> u64 {
    let (mut a, mut b) = (a.unsigned_abs(), b.unsigned_abs());
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

/// Rows that a series may have: it is built in memory.
const MOST_ROWS: usize = 10_000_000;

/// 54000 once a series has as many rows as one may have.
pub(crate) fn check_rows(count: usize) -> Result<()> {
    if count < MOST_ROWS {
        return Ok(());
    }
    Err(Error::new("54000", format!("a series of more than {MOST_ROWS} rows is not supported")))
}

/// `start`, `start + step`, ... up to `stop`. 22023 with a step of zero, 54000 with too many rows.
pub(super) fn series(start: i64, stop: i64, step: i64) -> Result<Vec<Vec<Value>>> {
    if step == 0 {
        return Err(Error::new("22023", "step size cannot equal zero"));
    }
    let mut rows = Vec::new();
    let mut next = Some(start);
    while let Some(value) = next.filter(|&value| if step > 0 { value <= stop } else { value >= stop }) {
        check_rows(rows.len())?;
        rows.push(vec![value.into()]);
        next = value.checked_add(step);
    }
    Ok(rows)
}

fn checked(base: Base, result: Option<i64>) -> Result<Value> {
    Ok(check_range(base, result.ok_or_else(|| integer_out_of_range(base))?)?.into())
}
