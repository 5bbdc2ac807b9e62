//! Arithmetic with dates, times and intervals.

use basalt_core::{Error, Result};
use jiff::tz::TimeZone;

use crate::interval::Interval;

use super::{
    Civil, DAY, check_date, check_timestamp, date_out_of_range, date_to_timestamp, days_in_month, is_finite,
    local_to_utc, timestamp_out_of_range, utc_to_local,
};

/// `timestamp + interval`: months by the calendar (the day is cut to the month's length), then days, then the rest.
pub(crate) fn add_to_timestamp(micros: i64, span: Interval) -> Result<i64> {
    if !is_finite(micros) {
        return Ok(micros);
    }
    let moved = add_days(add_months(micros, span.months)?, span.days)?;
    moved.checked_add(span.micros).and_then(check_timestamp).ok_or_else(timestamp_out_of_range)
}

/// `timestamptz + interval`: months and days as the zone's clocks count them, the rest in absolute time.
pub(crate) fn add_to_timestamptz(micros: i64, span: Interval, zone: &TimeZone) -> Result<i64> {
    if !is_finite(micros) {
        return Ok(micros);
    }
    let mut moved = micros;
    if span.months != 0 {
        moved = local_to_utc(add_months(utc_to_local(moved, zone)?, span.months)?, zone)?;
    }
    if span.days != 0 {
        moved = local_to_utc(add_days(utc_to_local(moved, zone)?, span.days)?, zone)?;
    }
    moved.checked_add(span.micros).and_then(check_timestamp).ok_or_else(timestamp_out_of_range)
}

fn add_months(micros: i64, months: i32) -> Result<i64> {
    if months == 0 {
        return Ok(micros);
    }
    let civil = Civil::from_micros(micros);
    let total = civil.year * 12 + civil.month - 1 + i64::from(months);
    let (year, month) = (total.div_euclid(12), total.rem_euclid(12) + 1);
    let day = civil.day.min(days_in_month(year, month));
    Civil { year, month, day, ..civil }.to_micros().ok_or_else(timestamp_out_of_range)
}

fn add_days(micros: i64, days: i32) -> Result<i64> {
    i64::from(days).checked_mul(DAY).and_then(|span| micros.checked_add(span)).ok_or_else(timestamp_out_of_range)
}

/// `date + days`; 22008 beyond the range.
pub(crate) fn add_to_date(date: i64, days: i64) -> Result<i64> {
    if !is_finite(date) {
        return Ok(date);
    }
    check_date(date.saturating_add(days)).ok_or_else(date_out_of_range)
}

/// `date + time`, a timestamp.
pub(crate) fn at_time(date: i64, time: i64) -> Result<i64> {
    let midnight = date_to_timestamp(date)?;
    if !is_finite(midnight) {
        return Ok(midnight);
    }
    check_timestamp(midnight + time).ok_or_else(timestamp_out_of_range)
}

/// `date - date`, in days; 22008 of an infinity.
pub(crate) fn days_between(a: i64, b: i64) -> Result<i64> {
    if !is_finite(a) || !is_finite(b) {
        return Err(Error::new("22008", "cannot subtract infinite dates"));
    }
    Ok(a - b)
}

/// `timestamp - timestamp`, in days and the rest; 22008 of an infinity.
pub(crate) fn between(a: i64, b: i64) -> Result<Interval> {
    if !is_finite(a) || !is_finite(b) {
        return Err(Error::new("22008", "cannot subtract infinite timestamps"));
    }
    let micros = a.checked_sub(b).ok_or_else(crate::interval::out_of_range)?;
    Interval { micros, ..Interval::default() }.justify_hours()
}

/// `age(a, b)`: years, months, days and the rest by the calendar. Both as shown by clocks.
pub(crate) fn age(a: i64, b: i64) -> Result<Interval> {
    if !is_finite(a) || !is_finite(b) {
        return Err(timestamp_out_of_range());
    }
    let (later, earlier) = (Civil::from_micros(a.max(b)), Civil::from_micros(a.min(b)));
    let mut time = a.max(b).rem_euclid(DAY) - a.min(b).rem_euclid(DAY);
    let mut days = later.day - earlier.day;
    let mut months = (later.year * 12 + later.month) - (earlier.year * 12 + earlier.month);
    if time < 0 {
        time += DAY;
        days -= 1;
    }
    if days < 0 {
        // A month is borrowed at the length of the month in which the earlier moment lies.
        days += days_in_month(earlier.year, earlier.month);
        months -= 1;
    }
    let age = Interval { months: months as i32, days: days as i32, micros: time };
    if a < b { age.negative() } else { Ok(age) }
}

/// `date_bin`: the start of the stride-wide bin that holds the source, counted from the origin.
pub(crate) fn bin(stride: Interval, source: i64, origin: i64) -> Result<i64> {
    if !is_finite(source) {
        return Ok(source);
    }
    if !is_finite(origin) {
        return Err(Error::new("22008", "origin out of range"));
    }
    if stride.months != 0 {
        return Err(Error::new("0A000", "timestamps cannot be binned into intervals containing months or years"));
    }
    let width = i64::from(stride.days).checked_mul(DAY).and_then(|days| days.checked_add(stride.micros));
    let width = width.ok_or_else(crate::interval::out_of_range)?;
    if width <= 0 {
        return Err(Error::new("22008", "stride must be greater than zero"));
    }
    let offset = source.checked_sub(origin).ok_or_else(crate::interval::out_of_range)?;
    source.checked_sub(offset.rem_euclid(width)).and_then(check_timestamp).ok_or_else(timestamp_out_of_range)
}
