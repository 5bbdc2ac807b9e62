//! Fields of dates, times and intervals: `extract`, `date_part` and `date_trunc`.

use basalt_core::{Error, Result};

use crate::Base;
use crate::interval::Interval;

use super::{
    Civil, DAY, HOUR, MINUTE, SECOND, UNIX_EPOCH_SECONDS, check_timestamp, days_from_civil, is_finite,
    timestamp_out_of_range,
};

/// A field by any of its names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Field {
    Microsecond,
    Millisecond,
    Second,
    Minute,
    Hour,
    Day,
    Week,
    Month,
    Quarter,
    Year,
    Decade,
    Century,
    Millennium,
    Julian,
    IsoYear,
    DayOfWeek,
    IsoDayOfWeek,
    DayOfYear,
    Epoch,
    Timezone,
    TimezoneHour,
    TimezoneMinute,
}

impl Field {
    /// Finds a field by name, in any case. 22023 for what is none, as of the type that was asked.
    pub(crate) fn by_name(name: &str, base: Base) -> Result<Field> {
        let lower = name.to_ascii_lowercase();
        Ok(match lower.as_str() {
            "us" | "usec" | "usecond" | "useconds" | "usecs" | "microsecond" | "microseconds" | "microsecon" => {
                Field::Microsecond
            }
            "ms" | "msec" | "msecond" | "mseconds" | "msecs" | "millisecond" | "milliseconds" | "millisecon" => {
                Field::Millisecond
            }
            "s" | "sec" | "secs" | "second" | "seconds" => Field::Second,
            "m" | "min" | "mins" | "minute" | "minutes" => Field::Minute,
            "h" | "hr" | "hrs" | "hour" | "hours" => Field::Hour,
            "d" | "day" | "days" => Field::Day,
            "w" | "week" | "weeks" => Field::Week,
            "mon" | "mons" | "month" | "months" => Field::Month,
            "qtr" | "quarter" => Field::Quarter,
            "y" | "yr" | "yrs" | "year" | "years" => Field::Year,
            "dec" | "decs" | "decade" | "decades" => Field::Decade,
            "c" | "cent" | "century" | "centuries" => Field::Century,
            "mil" | "mils" | "millennium" | "millennia" => Field::Millennium,
            "j" | "jd" | "julian" => Field::Julian,
            "isoyear" => Field::IsoYear,
            "dow" => Field::DayOfWeek,
            "isodow" => Field::IsoDayOfWeek,
            "doy" => Field::DayOfYear,
            "epoch" => Field::Epoch,
            "timezone" => Field::Timezone,
            "timezone_h" | "timezone_hour" => Field::TimezoneHour,
            "timezone_m" | "timezone_minute" => Field::TimezoneMinute,
            _ => return Err(unrecognized(name, base)),
        })
    }

    /// Whether only `extract` knows it, not as a unit of time but as a view of a date.
    fn is_view(self) -> bool {
        (Field::Julian..=Field::Epoch).contains(&self)
    }
}

fn unrecognized(name: &str, base: Base) -> Error {
    let lower = name.to_ascii_lowercase();
    Error::new("22023", format!("unit \"{lower}\" not recognized for type {}", base.sql_name()))
}

/// 0A000: the type has no such field.
pub(crate) fn unsupported(name: &str, base: Base) -> Error {
    let lower = name.to_ascii_lowercase();
    Error::new("0A000", format!("unit \"{lower}\" not supported for type {}", base.sql_name()))
}

/// Microseconds as a count of units, with the digits that the unit leaves.
fn scaled(micros: i64, unit: i64) -> String {
    let (sign, magnitude) = (if micros < 0 { "-" } else { "" }, micros.unsigned_abs());
    let digits = unit.ilog10() as usize;
    format!("{sign}{}.{:0digits$}", magnitude / unit as u64, magnitude % unit as u64)
}

/// `extract` from a timestamp, given what clocks show and, with a zone, their offset in seconds. `None` is NULL.
pub(crate) fn of_timestamp(name: &str, local: i64, offset: Option<i64>, base: Base) -> Result<Option<String>> {
    let field = Field::by_name(name, base)?;
    if !is_finite(local) {
        return Ok(of_infinity(field, local));
    }
    let civil = Civil::from_micros(local);
    let shown_year = if civil.year > 0 { civil.year } else { civil.year - 1 };
    let days = civil.days();
    let integer = match field {
        Field::Microsecond => civil.second * SECOND + civil.micro,
        Field::Millisecond => return Ok(Some(scaled(civil.second * SECOND + civil.micro, 1000))),
        Field::Second => return Ok(Some(scaled(civil.second * SECOND + civil.micro, SECOND))),
        Field::Minute => civil.minute,
        Field::Hour => civil.hour,
        Field::Day => civil.day,
        Field::Week => iso_week(days).1,
        Field::Month => civil.month,
        Field::Quarter => (civil.month - 1) / 3 + 1,
        Field::Year => shown_year,
        Field::Decade => civil.year.div_euclid(10),
        Field::Century => century(civil.year, 100),
        Field::Millennium => century(civil.year, 1000),
        Field::Julian => return julian(days, local.rem_euclid(DAY)).map(Some),
        Field::IsoYear => {
            let year = iso_week(days).0;
            if year > 0 { year } else { year - 1 }
        }
        Field::DayOfWeek => weekday(days),
        Field::IsoDayOfWeek => (weekday(days) + 6) % 7 + 1,
        Field::DayOfYear => days - days_from_civil(civil.year, 1, 1) + 1,
        Field::Epoch => {
            let micros = i128::from(local) + i128::from(UNIX_EPOCH_SECONDS - offset.unwrap_or(0)) * i128::from(SECOND);
            let (sign, magnitude) = (if micros < 0 { "-" } else { "" }, micros.unsigned_abs());
            return Ok(Some(format!("{sign}{}.{:06}", magnitude / 1_000_000, magnitude % 1_000_000)));
        }
        Field::Timezone => offset.ok_or_else(|| unsupported(name, base))?,
        Field::TimezoneHour => offset.ok_or_else(|| unsupported(name, base))? / 3600,
        Field::TimezoneMinute => offset.ok_or_else(|| unsupported(name, base))? / 60 % 60,
    };
    Ok(Some(integer.to_string()))
}

/// What grows for ever is infinite; what goes round is unknown.
fn of_infinity(field: Field, value: i64) -> Option<String> {
    let infinity = if value > 0 { "Infinity" } else { "-Infinity" };
    match field {
        Field::Year
        | Field::Decade
        | Field::Century
        | Field::Millennium
        | Field::Julian
        | Field::IsoYear
        | Field::Epoch => Some(infinity.to_owned()),
        _ => None,
    }
}

/// `extract` from a date. `None` is NULL.
pub(crate) fn of_date(name: &str, date: i64) -> Result<Option<String>> {
    let field = Field::by_name(name, Base::Date)?;
    match field {
        Field::Microsecond | Field::Millisecond | Field::Second | Field::Minute | Field::Hour => {
            Err(unsupported(name, Base::Date))
        }
        Field::Timezone | Field::TimezoneHour | Field::TimezoneMinute => Err(unsupported(name, Base::Date)),
        Field::Epoch if is_finite(date) => Ok(Some((date * 86_400 + UNIX_EPOCH_SECONDS).to_string())),
        Field::Julian if is_finite(date) => Ok(Some((date + 2_451_545).to_string())),
        _ if is_finite(date) => of_timestamp(name, date.saturating_mul(DAY), None, Base::Date),
        _ => Ok(of_infinity(field, date)),
    }
}

/// `extract` from a time of day.
pub(crate) fn of_time(name: &str, micros: i64) -> Result<Option<String>> {
    Ok(Some(match Field::by_name(name, Base::Time)? {
        Field::Microsecond => (micros % MINUTE).to_string(),
        Field::Millisecond => scaled(micros % MINUTE, 1000),
        Field::Second => scaled(micros % MINUTE, SECOND),
        Field::Minute => (micros / MINUTE % 60).to_string(),
        Field::Hour => (micros / HOUR).to_string(),
        Field::Epoch => scaled(micros, SECOND),
        _ => return Err(unsupported(name, Base::Time)),
    }))
}

/// `extract` from an interval.
pub(crate) fn of_interval(name: &str, span: Interval) -> Result<Option<String>> {
    let (year, month) = (i64::from(span.months / 12), i64::from(span.months % 12));
    Ok(Some(match Field::by_name(name, Base::Interval)? {
        Field::Microsecond => (span.micros % MINUTE).to_string(),
        Field::Millisecond => scaled(span.micros % MINUTE, 1000),
        Field::Second => scaled(span.micros % MINUTE, SECOND),
        Field::Minute => (span.micros / MINUTE % 60).to_string(),
        Field::Hour => (span.micros / HOUR).to_string(),
        Field::Day => span.days.to_string(),
        Field::Month => month.to_string(),
        Field::Quarter => (month / 3 + 1).to_string(),
        Field::Year => year.to_string(),
        Field::Decade => (year / 10).to_string(),
        Field::Century => (year / 100).to_string(),
        Field::Millennium => (year / 1000).to_string(),
        Field::Epoch => {
            // A year is 365.25 days here, the months beyond it 30 days each.
            let quarter_days = i128::from(year) * 1461 + i128::from(month * 30 + i64::from(span.days)) * 4;
            let micros = quarter_days * i128::from(DAY / 4) + i128::from(span.micros);
            let (sign, magnitude) = (if micros < 0 { "-" } else { "" }, micros.unsigned_abs());
            format!("{sign}{}.{:06}", magnitude / 1_000_000, magnitude % 1_000_000)
        }
        _ => return Err(unsupported(name, Base::Interval)),
    }))
}

/// Julian day with the part of the day that has passed, which is a quotient of `numeric`.
fn julian(days: i64, time: i64) -> Result<String> {
    let day = (days + 2_451_545).to_string();
    crate::numeric::add(&day, &crate::numeric::div(&time.to_string(), &DAY.to_string())?)
}

/// Counted from 1; the hundred (or thousand) years before are -1.
fn century(year: i64, years: i64) -> i64 {
    if year > 0 { (year + years - 1) / years } else { -((years - 1 - (year - 1)) / years) }
}

/// Sunday is 0.
pub(crate) fn weekday(days: i64) -> i64 {
    (days + 6).rem_euclid(7)
}

/// ISO 8601's year (astronomical) and week of a date.
pub(crate) fn iso_week(days: i64) -> (i64, i64) {
    let monday = days - (days + 5).rem_euclid(7);
    // The week belongs to the year of its Thursday.
    let (year, _, _) = super::split_days(monday + 3);
    let first = iso_year_start(year);
    (year, (monday - first) / 7 + 1)
}

/// The Monday of an ISO year's first week.
pub(crate) fn iso_year_start(year: i64) -> i64 {
    let fourth = days_from_civil(year, 1, 4);
    fourth - (fourth + 5).rem_euclid(7)
}

/// `date_trunc` of what clocks show.
pub(crate) fn truncate(name: &str, local: i64, base: Base) -> Result<i64> {
    let field = Field::by_name(name, base)?;
    if !is_finite(local) {
        return Ok(local);
    }
    let civil = Civil::from_micros(local);
    let year_start = |year: i64| days_from_civil(year, 1, 1) * DAY;
    let truncated = match field {
        Field::Microsecond => local,
        Field::Millisecond => local - local.rem_euclid(1000),
        Field::Second => local - local.rem_euclid(SECOND),
        Field::Minute => local - local.rem_euclid(MINUTE),
        Field::Hour => local - local.rem_euclid(HOUR),
        Field::Day => local - local.rem_euclid(DAY),
        Field::Week => (civil.days() - (civil.days() + 5).rem_euclid(7)) * DAY,
        Field::Month => days_from_civil(civil.year, civil.month, 1) * DAY,
        Field::Quarter => days_from_civil(civil.year, (civil.month - 1) / 3 * 3 + 1, 1) * DAY,
        Field::Year => year_start(civil.year),
        Field::Decade => year_start(civil.year.div_euclid(10) * 10),
        Field::Century => year_start((civil.year - 1).div_euclid(100) * 100 + 1),
        Field::Millennium => year_start((civil.year - 1).div_euclid(1000) * 1000 + 1),
        field if field.is_view() => return Err(unrecognized(name, base)),
        _ => return Err(unsupported(name, base)),
    };
    check_timestamp(truncated).ok_or_else(timestamp_out_of_range)
}

/// Whether a truncation keeps to the offset that clocks have at the moment, rather than that of the new day.
pub(crate) fn keeps_offset(name: &str, base: Base) -> Result<bool> {
    Ok(Field::by_name(name, base)? <= Field::Hour)
}

/// `date_trunc` of an interval.
pub(crate) fn truncate_interval(name: &str, span: Interval) -> Result<Interval> {
    let field = Field::by_name(name, Base::Interval)?;
    let months = |unit: i32| Interval { months: span.months / unit * unit, ..Interval::default() };
    let micros = |unit: i64| Interval { micros: span.micros / unit * unit, ..span };
    Ok(match field {
        Field::Microsecond => span,
        Field::Millisecond => micros(1000),
        Field::Second => micros(SECOND),
        Field::Minute => micros(MINUTE),
        Field::Hour => micros(HOUR),
        Field::Day => Interval { micros: 0, ..span },
        Field::Month => months(1),
        Field::Quarter => months(3),
        Field::Year => months(12),
        Field::Decade => months(120),
        Field::Century => months(1200),
        Field::Millennium => months(12_000),
        Field::Week => {
            return Err(unsupported(name, Base::Interval).with_detail("Months usually have fractional weeks."));
        }
        field if field.is_view() => return Err(unrecognized(name, Base::Interval)),
        _ => return Err(unsupported(name, Base::Interval)),
    })
}
