//! Dates and times: text in and out, the calendar, conversions between the types.
//!
//! A date is days since 2000-01-01, a time microseconds since midnight, a timestamp microseconds since 2000-01-01; the
//! infinities of the three dated types are `i64::MIN` and `i64::MAX`.

use basalt_core::{Error, Result};

use crate::{Context, Typmod};

mod arithmetic;
mod calendar;
mod construct;
mod decode;
pub(crate) mod field;
mod fields;
mod function;
mod iso;
mod names;
mod numbers;
mod parse;
#[cfg(test)]
mod tests;
mod write;
mod zone;

pub(crate) use arithmetic::add_to_date;
pub(crate) use calendar::{Civil, date_of, days_from_civil, days_in_month, split_days};
pub(crate) use fields::{FieldKind, fields};
pub(crate) use function::{FUNCTIONS, OPERATORS, SET_FUNCTIONS};
pub(crate) use numbers::fraction;
pub use parse::{parse_date, parse_time, parse_timestamp, parse_timestamptz};
pub use write::{write_date, write_time, write_timestamp, write_timestamptz};
pub(crate) use write::{write_fraction, write_offset};
pub(crate) use zone::{Zone, abbreviation_at, find_zone, local_to_utc, offset_at, utc_to_local};

/// Stored form of `infinity`.
pub const INFINITY: i64 = i64::MAX;
/// Stored form of `-infinity`.
pub const NEGATIVE_INFINITY: i64 = i64::MIN;

pub(crate) const SECOND: i64 = 1_000_000;
pub(crate) const MINUTE: i64 = 60 * SECOND;
pub(crate) const HOUR: i64 = 60 * MINUTE;
pub(crate) const DAY: i64 = 24 * HOUR;
/// Seconds from 1970-01-01 to 2000-01-01.
pub(crate) const UNIX_EPOCH_SECONDS: i64 = 946_684_800;

/// 4714-11-24 BC.
const MIN_DATE: i64 = -2_451_545;
/// One past 5874897-12-31.
const END_DATE: i64 = 2_147_483_494 - 2_451_545;
/// 4714-11-24 00:00:00 BC.
const MIN_TIMESTAMP: i64 = -211_813_488_000_000_000;
/// One past 294276-12-31 23:59:59.999999.
const END_TIMESTAMP: i64 = 9_223_371_331_200_000_000;

/// Whether it is neither of the infinities.
pub fn is_finite(value: i64) -> bool {
    value != INFINITY && value != NEGATIVE_INFINITY
}

pub(crate) fn check_date(days: i64) -> Option<i64> {
    (MIN_DATE..END_DATE).contains(&days).then_some(days)
}

pub(crate) fn check_timestamp(micros: i64) -> Option<i64> {
    (MIN_TIMESTAMP..END_TIMESTAMP).contains(&micros).then_some(micros)
}

pub(crate) fn timestamp_out_of_range() -> Error {
    Error::new("22008", "timestamp out of range")
}

pub(crate) fn date_out_of_range() -> Error {
    Error::new("22008", "date out of range")
}

/// Midnight of a date. 22008 beyond the range of timestamps.
pub fn date_to_timestamp(days: i64) -> Result<i64> {
    if !is_finite(days) {
        return Ok(days);
    }
    days.checked_mul(DAY)
        .and_then(check_timestamp)
        .ok_or_else(|| Error::new("22008", "date out of range for timestamp"))
}

/// Midnight of a date in the session's time zone. 22008 beyond the range of timestamps.
pub fn date_to_timestamptz(days: i64, context: &Context) -> Result<i64> {
    timestamp_to_timestamptz(date_to_timestamp(days)?, context)
}

/// The date of a timestamp.
pub fn timestamp_to_date(micros: i64) -> i64 {
    if is_finite(micros) { micros.div_euclid(DAY) } else { micros }
}

/// The time of day of a timestamp; `None` (NULL) for the infinities.
pub fn timestamp_to_time(micros: i64) -> Option<i64> {
    is_finite(micros).then(|| micros.rem_euclid(DAY))
}

/// The instant at which the session's clocks show this. 22008 beyond the range.
pub fn timestamp_to_timestamptz(micros: i64, context: &Context) -> Result<i64> {
    local_to_utc(micros, &context.time_zone)
}

/// What the session's clocks show at the instant. 22008 beyond the range.
pub fn timestamptz_to_timestamp(micros: i64, context: &Context) -> Result<i64> {
    utc_to_local(micros, &context.time_zone)
}

/// The date in the session's time zone.
pub fn timestamptz_to_date(micros: i64, context: &Context) -> Result<i64> {
    Ok(timestamp_to_date(timestamptz_to_timestamp(micros, context)?))
}

/// The time of day in the session's time zone; `None` (NULL) for the infinities.
pub fn timestamptz_to_time(micros: i64, context: &Context) -> Result<Option<i64>> {
    Ok(timestamp_to_time(timestamptz_to_timestamp(micros, context)?))
}

/// Rounds a timestamp or time to the modifier's digits of a second, half away from zero.
pub fn apply_typmod(micros: i64, typmod: Option<Typmod>) -> i64 {
    match typmod {
        Some(Typmod::Fraction(digits)) if digits < 6 && is_finite(micros) => round_to(micros, 10_i64.pow(6 - digits)),
        _ => micros,
    }
}

fn round_to(micros: i64, unit: i64) -> i64 {
    let half = if micros < 0 { -unit / 2 } else { unit / 2 };
    (micros + half) / unit * unit
}
