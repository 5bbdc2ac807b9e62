//! Text to intervals, as PostgreSQL's `DecodeInterval` reads it, or its `DecodeISO8601Interval` what that can't.

use basalt_core::{Error, Result};

use crate::datetime::{DAY, FieldKind, HOUR, MINUTE, SECOND, fields, fraction};

use super::Interval;
use super::iso::iso;

/// Why a text can't be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// No interval.
    Syntax,
    /// A field out of range.
    Range,
    /// Each field is in range, but not the years and months together.
    Sum,
}

impl Interval {
    /// Reads any text that PostgreSQL accepts. 22007 for what is no interval, 22015 beyond the range.
    pub fn parse(text: &str) -> Result<Interval> {
        let read = match verbose(text) {
            Err(Fault::Syntax) => iso(text),
            read => read,
        };
        read.and_then(Sum::finish).map_err(|fault| match fault {
            Fault::Syntax => Error::new("22007", format!("invalid input syntax for type interval: \"{text}\"")),
            Fault::Range => Error::new("22015", format!("interval field value out of range: \"{text}\"")),
            Fault::Sum => super::out_of_range(),
        })
    }
}

/// What a number counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unit {
    /// So many years.
    Years(i32),
    Months,
    /// So many days: a day or a week.
    Days(i32),
    /// So many microseconds.
    Micros(i64),
    /// Known, but no span.
    None,
}

fn unit_by_name(name: &str) -> Option<Unit> {
    Some(match &name[..name.len().min(10)] {
        "us" | "usec" | "usecs" | "useconds" | "microsecon" => Unit::Micros(1),
        "ms" | "msec" | "msecs" | "millisecon" => Unit::Micros(1000),
        "s" | "sec" | "secs" | "second" | "seconds" => Unit::Micros(SECOND),
        "m" | "min" | "mins" | "minute" | "minutes" => Unit::Micros(MINUTE),
        "h" | "hr" | "hrs" | "hour" | "hours" => Unit::Micros(HOUR),
        "d" | "day" | "days" => Unit::Days(1),
        "w" | "week" | "weeks" => Unit::Days(7),
        "mon" | "mons" | "month" | "months" => Unit::Months,
        "y" | "yr" | "yrs" | "year" | "years" => Unit::Years(1),
        "dec" | "decs" | "decade" | "decades" => Unit::Years(10),
        "c" | "cent" | "century" | "centuries" => Unit::Years(100),
        "mil" | "mils" | "millennia" | "millennium" => Unit::Years(1000),
        "qtr" | "quarter" | "timezone" | "timezone_h" | "timezone_m" => Unit::None,
        _ => return None,
    })
}

/// A signed decimal, whole and fraction apart so that large counts stay exact.
#[derive(Debug, Clone, Copy)]
pub(super) struct Number {
    pub whole: i64,
    pub fraction: f64,
}

/// An interval being added up; years stand apart from months until the end.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Sum {
    years: i32,
    months: i32,
    days: i32,
    micros: i64,
}

impl Sum {
    pub fn add(&mut self, count: Number, unit: Unit) -> Result<(), Fault> {
        let Number { whole, fraction } = count;
        match unit {
            Unit::Micros(size) => {
                let micros = whole.checked_mul(size).and_then(|micros| self.micros.checked_add(micros));
                self.micros = micros.ok_or(Fault::Range)?;
                self.add_fraction(fraction, size)
            }
            Unit::Days(size) => {
                let days = i32::try_from(whole).ok().and_then(|days| days.checked_mul(size));
                self.add_days(days)?;
                // Weeks have whole days in their fraction.
                if size == 1 { self.add_fraction(fraction, DAY) } else { self.add_fractional_days(fraction, size) }
            }
            Unit::Months => {
                let months = i32::try_from(whole).ok().and_then(|months| self.months.checked_add(months));
                self.months = months.ok_or(Fault::Range)?;
                self.add_fractional_days(fraction, 30)
            }
            Unit::Years(size) => {
                let years = i32::try_from(whole).ok().and_then(|years| years.checked_mul(size));
                let years = years.and_then(|years| self.years.checked_add(years));
                self.years = years.ok_or(Fault::Range)?;
                let months = (fraction * f64::from(size) * 12.0).round_ties_even() as i32;
                self.months = self.months.checked_add(months).ok_or(Fault::Range)?;
                Ok(())
            }
            Unit::None => Err(Fault::Syntax),
        }
    }

    /// Microseconds of a fraction of `size` of them, to the nearest, halves towards zero.
    pub fn add_fraction(&mut self, fraction: f64, size: i64) -> Result<(), Fault> {
        let exact = fraction * size as f64;
        let whole = exact as i64;
        let rest = exact - whole as f64;
        let rounded = whole + i64::from(rest > 0.5) - i64::from(rest < -0.5);
        self.micros = self.micros.checked_add(rounded).ok_or(Fault::Range)?;
        Ok(())
    }

    fn add_days(&mut self, days: Option<i32>) -> Result<(), Fault> {
        self.days = days.and_then(|days| self.days.checked_add(days)).ok_or(Fault::Range)?;
        Ok(())
    }

    fn add_fractional_days(&mut self, fraction: f64, size: i32) -> Result<(), Fault> {
        let exact = fraction * f64::from(size);
        let days = exact as i32;
        self.add_days(Some(days))?;
        self.add_fraction(exact - f64::from(days), DAY)
    }

    fn negated(self) -> Result<Sum, Fault> {
        let negated = || {
            Some(Sum {
                years: self.years.checked_neg()?,
                months: self.months.checked_neg()?,
                days: self.days.checked_neg()?,
                micros: self.micros.checked_neg()?,
            })
        };
        negated().ok_or(Fault::Range)
    }

    fn finish(self) -> Result<Interval, Fault> {
        let months = i64::from(self.years) * 12 + i64::from(self.months);
        let months = i32::try_from(months).map_err(|_| Fault::Sum)?;
        Ok(Interval { months, days: self.days, micros: self.micros })
    }
}

/// What a text has said already, one bit each: a unit may be said once.
mod said {
    pub const YEAR: u32 = 1;
    pub const MONTH: u32 = 1 << 1;
    pub const DAY: u32 = 1 << 2;
    pub const WEEK: u32 = 1 << 3;
    pub const HOUR: u32 = 1 << 4;
    pub const MINUTE: u32 = 1 << 5;
    pub const SECOND: u32 = 1 << 6;
    pub const MILLISECOND: u32 = 1 << 7;
    pub const MICROSECOND: u32 = 1 << 8;
    pub const DECADE: u32 = 1 << 9;
    pub const CENTURY: u32 = 1 << 10;
    pub const MILLENNIUM: u32 = 1 << 11;
    pub const SECONDS: u32 = SECOND | MILLISECOND | MICROSECOND;
    pub const TIME: u32 = HOUR | MINUTE | SECONDS;
}

fn saying(unit: Unit, fraction: f64) -> u32 {
    match unit {
        Unit::Years(1) => said::YEAR,
        Unit::Years(10) => said::DECADE,
        Unit::Years(100) => said::CENTURY,
        Unit::Years(_) => said::MILLENNIUM,
        Unit::Months => said::MONTH,
        Unit::Days(1) => said::DAY,
        Unit::Days(_) => said::WEEK,
        Unit::Micros(HOUR) => said::HOUR,
        Unit::Micros(MINUTE) => said::MINUTE,
        Unit::Micros(SECOND) if fraction == 0.0 => said::SECOND,
        Unit::Micros(SECOND) => said::SECONDS,
        Unit::Micros(1000) => said::MILLISECOND,
        Unit::Micros(_) => said::MICROSECOND,
        Unit::None => 0,
    }
}

/// `1 year 2 mons -3 days +04:05:06.7`, `@ 1 hour ago`, `1-2`, `3 4:05:06`, `1d2h`, `90`
fn verbose(text: &str) -> Result<Sum, Fault> {
    let fields = fields(text).ok_or(Fault::Syntax)?;
    let mut sum = Sum::default();
    let (mut said, mut ago) = (0, false);
    // Backwards, since a unit stands behind its number.
    let mut unit = None;
    for field in fields.iter().rev() {
        let text = field.text.as_str();
        let saying = match field.kind {
            FieldKind::Word | FieldKind::SignedWord if text == "ago" => {
                (ago, unit) = (true, Some(Unit::None));
                0
            }
            FieldKind::Word | FieldKind::SignedWord => {
                unit = Some(unit_by_name(text).ok_or(Fault::Syntax)?);
                0
            }
            FieldKind::Time => {
                sum.micros = clock(text)?;
                unit = Some(Unit::Days(1));
                said::TIME
            }
            FieldKind::Signed if text.contains(':') && clock(&text[1..]).is_ok() => {
                let micros = clock(&text[1..])?;
                sum.micros = if text.starts_with('-') { -micros } else { micros };
                unit = Some(Unit::Days(1));
                said::TIME
            }
            FieldKind::Signed | FieldKind::Date | FieldKind::Number => {
                let (count, of) = number(text, unit.unwrap_or(Unit::Micros(SECOND)))?;
                sum.add(count, of)?;
                // A number before hours counts days.
                unit = Some(if of == Unit::Micros(HOUR) { Unit::Days(1) } else { of });
                saying(of, count.fraction)
            }
        };
        if said & saying != 0 {
            return Err(Fault::Syntax);
        }
        said |= saying;
    }
    match (said, ago) {
        (0, _) => Err(Fault::Syntax),
        (_, true) => sum.negated(),
        (_, false) => Ok(sum),
    }
}

/// Splits the digits off, and a sign before them: their number, 0 without any, and what follows.
fn leading(text: &str) -> Result<(i64, &str), Fault> {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let digits = unsigned.bytes().take_while(u8::is_ascii_digit).count();
    if digits == 0 {
        return Ok((0, text));
    }
    let (number, rest) = text.split_at(text.len() - unsigned.len() + digits);
    Ok((number.parse().map_err(|_| Fault::Range)?, rest))
}

/// The number and what it counts: `1.5` of the unit, `-1-2` months.
fn number(text: &str, unit: Unit) -> Result<(Number, Unit), Fault> {
    let negative = text.starts_with('-');
    let (whole, rest) = leading(text)?;
    if let Some(months) = rest.strip_prefix('-') {
        let (months, rest) = leading(months)?;
        if !(0..12).contains(&months) {
            return Err(Fault::Range);
        }
        if !rest.is_empty() {
            return Err(Fault::Syntax);
        }
        let months = if negative { -months } else { months };
        let whole = whole.checked_mul(12).and_then(|years| years.checked_add(months)).ok_or(Fault::Range)?;
        return Ok((Number { whole, fraction: 0.0 }, Unit::Months));
    }
    let fraction = match rest {
        "" => 0.0,
        _ => fraction(rest).ok_or(Fault::Syntax)?,
    };
    Ok((Number { whole, fraction: if negative { -fraction } else { fraction } }, unit))
}

/// Microseconds of `12:34:56.7`. Two fields are hours and minutes, or, with a fraction, minutes and seconds.
fn clock(text: &str) -> Result<i64, Fault> {
    let small = |number: i64| i32::try_from(number).map(i64::from).map_err(|_| Fault::Range);
    let (mut hours, rest) = leading(text)?;
    let (minutes, rest) = leading(rest.strip_prefix(':').ok_or(Fault::Syntax)?)?;
    let (mut minutes, mut seconds, mut part) = (small(minutes)?, 0, 0.0);
    if rest.starts_with('.') {
        part = fraction(rest).ok_or(Fault::Syntax)?;
        (hours, minutes, seconds) = (0, small(hours)?, minutes);
    } else if let Some(rest) = rest.strip_prefix(':') {
        let (whole, rest) = leading(rest)?;
        seconds = small(whole)?;
        part = if rest.is_empty() { 0.0 } else { fraction(rest).ok_or(Fault::Syntax)? };
    } else if !rest.is_empty() {
        return Err(Fault::Syntax);
    }
    if !(0..60).contains(&minutes) || !(0..=60).contains(&seconds) {
        return Err(Fault::Range);
    }
    let micros = (part * SECOND as f64).round_ties_even() as i64 + minutes * MINUTE + seconds * SECOND;
    hours.checked_mul(HOUR).and_then(|hours| hours.checked_add(micros)).ok_or(Fault::Range)
}
