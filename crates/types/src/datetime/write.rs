//! Dates and times to text: PostgreSQL's ISO style with a space, or JSON's with `T`.

use std::fmt::Write;

use crate::Context;

use super::{Civil, DAY, HOUR, INFINITY, MINUTE, NEGATIVE_INFINITY, SECOND, is_finite, offset_at, split_days};

/// Writes a stored date: `2024-01-31`.
pub fn write_date(value: i64, _context: &Context, _iso_t: bool, out: &mut String) {
    if write_infinity(value, out) {
        return;
    }
    let (year, month, day) = split_days(value);
    write_year_month_day(year, month, day, out);
    write_era(year, out);
}

/// Writes a stored time: `10:00:00.5`.
pub fn write_time(value: i64, _context: &Context, _iso_t: bool, out: &mut String) {
    write_clock(value, out);
}

/// Writes a stored timestamp: `2024-01-31 10:00:00.5`, or `2024-01-31T10:00:00.5`.
pub fn write_timestamp(value: i64, _context: &Context, iso_t: bool, out: &mut String) {
    if write_infinity(value, out) {
        return;
    }
    let year = write_date_and_clock(value, iso_t, out);
    write_era(year, out);
}

/// Writes a stored timestamptz in the session's time zone: `2024-01-31 10:00:00.5+00`, or `2024-01-31T10:00:00.5+00:00`.
pub fn write_timestamptz(value: i64, context: &Context, iso_t: bool, out: &mut String) {
    if write_infinity(value, out) {
        return;
    }
    let offset = offset_at(value, &context.time_zone);
    let year = write_date_and_clock(value.saturating_add(offset * SECOND), iso_t, out);
    write_offset(offset, iso_t, out);
    write_era(year, out);
}

fn write_infinity(value: i64, out: &mut String) -> bool {
    match value {
        INFINITY => out.push_str("infinity"),
        NEGATIVE_INFINITY => out.push_str("-infinity"),
        _ => {}
    }
    !is_finite(value)
}

fn write_date_and_clock(value: i64, iso_t: bool, out: &mut String) -> i64 {
    let Civil { year, month, day, .. } = Civil::from_micros(value);
    write_year_month_day(year, month, day, out);
    out.push(if iso_t { 'T' } else { ' ' });
    write_clock(value.rem_euclid(DAY), out);
    year
}

fn write_year_month_day(year: i64, month: i64, day: i64, out: &mut String) {
    let year = if year > 0 { year } else { 1 - year };
    // Writing to a String can't fail.
    if year > 9999 {
        let _ = write!(out, "{year}");
    } else {
        push_two(year / 100, out);
        push_two(year % 100, out);
    }
    out.push('-');
    push_two(month, out);
    out.push('-');
    push_two(day, out);
}

fn write_era(year: i64, out: &mut String) {
    if year <= 0 {
        out.push_str(" BC");
    }
}

fn write_clock(value: i64, out: &mut String) {
    push_two(value / HOUR, out);
    out.push(':');
    push_two(value % HOUR / MINUTE, out);
    out.push(':');
    push_two(value % MINUTE / SECOND, out);
    write_fraction(value % SECOND, out);
}

/// Writes `.5` of 500000 microseconds, nothing of 0.
pub(crate) fn write_fraction(micros: i64, out: &mut String) {
    if micros != 0 {
        let _ = write!(out, ".{micros:06}");
        out.truncate(out.trim_end_matches('0').len());
    }
}

/// Writes `+02`, `+05:30`, `-00:01:15`; `long` always with minutes.
pub(crate) fn write_offset(seconds: i64, long: bool, out: &mut String) {
    out.push(if seconds < 0 { '-' } else { '+' });
    let seconds = seconds.abs();
    push_two(seconds / 3600, out);
    let (minute, second) = (seconds / 60 % 60, seconds % 60);
    if minute != 0 || second != 0 || long {
        out.push(':');
        push_two(minute, out);
    }
    if second != 0 {
        out.push(':');
        push_two(second, out);
    }
}

fn push_two(value: i64, out: &mut String) {
    out.push(char::from(b'0' + (value / 10 % 10) as u8));
    out.push(char::from(b'0' + (value % 10) as u8));
}
