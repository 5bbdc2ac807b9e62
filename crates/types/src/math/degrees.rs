//! Trigonometry in degrees, exact at the angles where PostgreSQL's is: the multiples of 30, 45 and 60 degrees.

use std::f64::consts::PI;

use basalt_core::Result;

use super::float::{input_out_of_range, within};

const RADIANS: f64 = PI / 180.0;

/// The sine of 0 to 30 degrees.
fn small_sine(degrees: f64) -> f64 {
    (degrees * RADIANS).sin() / (30.0 * RADIANS).sin() / 2.0
}

/// The cosine of 0 to 60 degrees.
fn small_cosine(degrees: f64) -> f64 {
    1.0 - (1.0 - (degrees * RADIANS).cos()) / (1.0 - (60.0 * RADIANS).cos()) / 2.0
}

/// The sine of 0 to 90 degrees.
fn first_sine(degrees: f64) -> f64 {
    if degrees <= 30.0 { small_sine(degrees) } else { small_cosine(90.0 - degrees) }
}

/// The cosine of 0 to 90 degrees.
fn first_cosine(degrees: f64) -> f64 {
    if degrees <= 60.0 { small_cosine(degrees) } else { small_sine(90.0 - degrees) }
}

/// An angle's place in the first quadrant, and whether its sine and its cosine are negative.
fn folded(degrees: f64) -> (f64, bool, bool) {
    let turned = degrees % 360.0;
    // A negative zero stays one.
    let (mut angle, mut sine) = if turned < 0.0 { (-turned, true) } else { (turned, false) };
    if angle > 180.0 {
        (angle, sine) = (360.0 - angle, !sine);
    }
    if angle > 90.0 { (180.0 - angle, sine, true) } else { (angle, sine, false) }
}

fn signed(value: f64, is_negative: bool) -> f64 {
    if is_negative { -value } else { value }
}

/// A function of degrees, which an infinity is not.
fn of_degrees(degrees: f64, function: impl Fn(f64, bool, bool) -> f64) -> Result<f64> {
    if degrees.is_nan() {
        return Ok(degrees);
    }
    if degrees.is_infinite() {
        return Err(input_out_of_range());
    }
    let (angle, sine, cosine) = folded(degrees);
    Ok(function(angle, sine, cosine))
}

/// `sind`. 22003 of an infinity, as all of them.
pub(super) fn sin(degrees: f64) -> Result<f64> {
    of_degrees(degrees, |angle, sine, _| signed(first_sine(angle), sine))
}

/// `cosd`
pub(super) fn cos(degrees: f64) -> Result<f64> {
    of_degrees(degrees, |angle, _, cosine| signed(first_cosine(angle), cosine))
}

/// `tand`
pub(super) fn tan(degrees: f64) -> Result<f64> {
    let unit = first_sine(45.0) / first_cosine(45.0);
    let tangent = |angle: f64| first_sine(angle) / first_cosine(angle) / unit;
    // Zero keeps no sign.
    of_degrees(degrees, |angle, sine, cosine| signed(tangent(angle), sine != cosine) + 0.0)
}

/// `cotd`
pub(super) fn cot(degrees: f64) -> Result<f64> {
    let unit = first_cosine(45.0) / first_sine(45.0);
    let cotangent = |angle: f64| first_cosine(angle) / first_sine(angle) / unit;
    of_degrees(degrees, |angle, sine, cosine| signed(cotangent(angle), sine != cosine) + 0.0)
}

/// The arc sine of 0 to 1.
fn first_asin(x: f64) -> f64 {
    if x <= 0.5 { x.asin() / 0.5_f64.asin() * 30.0 } else { 90.0 - x.acos() / 0.5_f64.acos() * 60.0 }
}

/// The arc cosine of 0 to 1.
fn first_acos(x: f64) -> f64 {
    if x <= 0.5 { 90.0 - x.asin() / 0.5_f64.asin() * 30.0 } else { x.acos() / 0.5_f64.acos() * 60.0 }
}

/// `asind`
pub(super) fn asin(x: f64) -> Result<f64> {
    within(-1.0, 1.0, |x| if x >= 0.0 { first_asin(x) } else { -first_asin(-x) }, x)
}

/// `acosd`
pub(super) fn acos(x: f64) -> Result<f64> {
    within(-1.0, 1.0, |x| if x >= 0.0 { first_acos(x) } else { 90.0 + first_asin(-x) }, x)
}

/// `atand`
pub(super) fn atan(x: f64) -> f64 {
    x.atan() / 1_f64.atan() * 45.0
}

/// `atan2d`
pub(super) fn atan2(y: f64, x: f64) -> f64 {
    y.atan2(x) / 1_f64.atan() * 45.0
}
