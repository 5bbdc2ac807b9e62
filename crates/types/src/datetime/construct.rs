//! Dates, times and zones put together from numbers and texts, and series of timestamps.

use basalt_core::{Error, Result};

use crate::Base::Float8;
use crate::interval::Interval;
use crate::math::integer::check_rows;
use crate::{Context, Value, ValueRef};

use super::function::span;
use super::zone::{read_offset, require_zone};
use super::{
    DAY, HOUR, INFINITY, MINUTE, NEGATIVE_INFINITY, SECOND, UNIX_EPOCH_SECONDS, Zone, check_date, check_timestamp,
    days_from_civil, days_in_month, timestamp_out_of_range,
};

/// Days of year, month, day; a negative year is BC.
pub(super) fn make_date(args: &[ValueRef<'_>]) -> Result<i64> {
    let (year, month, day) = (args[0].int(), args[1].int(), args[2].int());
    let astronomical = if year < 0 { year + 1 } else { year };
    let valid = year != 0 && (1..=12).contains(&month) && (1..=days_in_month(astronomical, month)).contains(&day);
    if !valid {
        return Err(Error::new("22008", format!("date field value out of range: {year}-{month:02}-{day:02}")));
    }
    check_date(days_from_civil(astronomical, month, day))
        .ok_or_else(|| Error::new("22008", format!("date out of range: {astronomical}-{month:02}-{day:02}")))
}

/// Microseconds of hour, minute, second.
pub(super) fn make_time(args: &[ValueRef<'_>]) -> Result<i64> {
    let (hour, minute, second) = (args[0].int(), args[1].int(), args[2].float());
    let in_range = (0..=24).contains(&hour) && (0..60).contains(&minute) && (0.0..=60.0).contains(&second);
    let micros = in_range.then(|| hour * HOUR + minute * MINUTE + (second * SECOND as f64).round_ties_even() as i64);
    let Some(micros) = micros.filter(|micros| *micros <= DAY) else {
        let mut seconds = String::new();
        crate::math::float_to_text(Float8, second, &mut seconds);
        return Err(Error::new("22008", format!("time field value out of range: {hour}:{minute:02}:{seconds:0>2}")));
    };
    Ok(micros)
}

pub(super) fn make_timestamp(args: &[ValueRef<'_>]) -> Result<i64> {
    let (date, time) = (make_date(&args[..3])?, make_time(&args[3..6])?);
    date.checked_mul(DAY)
        .and_then(|midnight| check_timestamp(midnight.checked_add(time)?))
        .ok_or_else(timestamp_out_of_range)
}

pub(super) fn make_timestamptz(context: &Context, args: &[ValueRef<'_>]) -> Result<Value> {
    let local = make_timestamp(args)?;
    let zone = match args.get(6) {
        Some(name) => written_zone(name.text())?,
        None => Zone::Rules(context.time_zone.clone()),
    };
    Ok(zone.to_utc(local)?.into())
}

/// A zone by name, or an offset as timestamps show it: east of UTC.
fn written_zone(name: &str) -> Result<Zone> {
    match read_offset(name) {
        Some(offset) => Ok(Zone::Fixed(offset)),
        None => require_zone(name),
    }
}

pub(super) fn fixed_zone(offset: ValueRef<'_>) -> Result<Zone> {
    let span = span(offset)?;
    if span.months != 0 || span.days != 0 {
        let message = format!("interval time zone \"{span}\" must not include months or days");
        return Err(Error::new("22023", message));
    }
    Ok(Zone::Fixed(span.micros / SECOND))
}

/// The instant of seconds since 1970.
pub(super) fn from_unix(seconds: f64) -> Result<i64> {
    if seconds.is_nan() {
        return Err(Error::new("22008", "timestamp cannot be NaN"));
    }
    if seconds.is_infinite() {
        return Ok(if seconds > 0.0 { INFINITY } else { NEGATIVE_INFINITY });
    }
    let micros = ((seconds - UNIX_EPOCH_SECONDS as f64) * SECOND as f64).round_ties_even();
    (micros.abs() < 9.3e18).then(|| check_timestamp(micros as i64)).flatten().ok_or_else(|| {
        let mut shown = String::new();
        crate::math::float_to_text(Float8, seconds, &mut shown);
        Error::new("22008", format!("timestamp out of range: \"{shown}\""))
    })
}

/// `start`, `start + step`, ... up to `stop`. 22023 with a step of zero.
pub(super) fn series(args: &[ValueRef<'_>], next: impl Fn(i64, Interval) -> Result<i64>) -> Result<Vec<Vec<Value>>> {
    if args.iter().any(|argument| argument.is_null()) {
        return Ok(Vec::new());
    }
    let (mut moment, stop, step) = (args[0].int(), args[1].int(), span(args[2])?);
    let ascending = match step.span() {
        0 => return Err(Error::new("22023", "step size cannot equal zero")),
        span => span > 0,
    };
    let mut rows = Vec::new();
    while if ascending { moment <= stop } else { moment >= stop } {
        check_rows(rows.len())?;
        rows.push(vec![moment.into()]);
        moment = next(moment, step)?;
    }
    Ok(rows)
}
