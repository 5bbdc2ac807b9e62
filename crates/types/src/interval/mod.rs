//! `interval`: months, days and microseconds, kept apart as PostgreSQL keeps them; stored as PostgreSQL's text.

use std::cmp::Ordering;
use std::fmt;

use basalt_core::{Error, Result};

use crate::Typmod;
use crate::datetime::{DAY, HOUR, MINUTE, SECOND};

mod aggregate;
mod arithmetic;
mod function;
mod iso;
mod parse;
#[cfg(test)]
mod tests;

pub(crate) use aggregate::AGGREGATES;
pub(crate) use function::{FUNCTIONS, OPERATORS};

/// A span of time. The parts may differ in sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Interval {
    /// Months; a year is 12.
    pub months: i32,
    /// Days, of whatever length the calendar gives them.
    pub days: i32,
    /// Microseconds.
    pub micros: i64,
}

/// Reads any text that PostgreSQL accepts (verbose, SQL or ISO 8601) and gives the canonical one.
/// 22007 for what is no interval, 22015 beyond the range.
pub fn parse(text: &str) -> Result<String> {
    Ok(Interval::parse(text)?.to_string())
}

/// Rounds the seconds of a canonical text to the modifier's digits.
pub fn apply_typmod(text: &str, typmod: Option<Typmod>) -> Result<String> {
    let mut interval = Interval::parse(text)?;
    interval.micros = crate::datetime::apply_typmod(interval.micros, typmod);
    Ok(interval.to_string())
}

/// Compares two canonical texts as PostgreSQL does: a month is 30 days, a day 24 hours.
pub fn compare(a: &str, b: &str) -> Ordering {
    // A stored text is canonical; what is not sorts as zero.
    let span = |text| Interval::parse(text).unwrap_or_default().span();
    if a == b { Ordering::Equal } else { span(a).cmp(&span(b)) }
}

/// The interval of a time of day.
pub fn from_time(micros: i64) -> String {
    Interval { micros, ..Interval::default() }.to_string()
}

/// The time of day that an interval's microseconds give, whole days left out.
pub fn to_time(text: &str) -> Result<i64> {
    Ok(Interval::parse(text)?.micros.rem_euclid(DAY))
}

pub(crate) fn out_of_range() -> Error {
    Error::new("22008", "interval out of range")
}

impl Interval {
    /// Length in microseconds, with months of 30 days and days of 24 hours: what intervals are ordered by.
    pub fn span(self) -> i128 {
        (i128::from(self.months) * 30 + i128::from(self.days)) * i128::from(DAY) + i128::from(self.micros)
    }
}

impl fmt::Display for Interval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut is_first = true;
        let mut was_negative = false;
        for (value, unit) in [(self.months / 12, "year"), (self.months % 12, "mon"), (self.days, "day")] {
            if value != 0 {
                let space = if is_first { "" } else { " " };
                let sign = if was_negative && value > 0 { "+" } else { "" };
                let plural = if value == 1 { "" } else { "s" };
                write!(f, "{space}{sign}{value} {unit}{plural}")?;
                is_first = false;
                was_negative = value < 0;
            }
        }
        if self.micros == 0 && !is_first {
            return Ok(());
        }
        let space = if is_first { "" } else { " " };
        let sign = match self.micros {
            ..0 => "-",
            _ if was_negative => "+",
            _ => "",
        };
        let micros = self.micros.unsigned_abs();
        let part = |unit: i64| micros / unit as u64;
        write!(f, "{space}{sign}{:02}:{:02}:{:02}", part(HOUR), part(MINUTE) % 60, part(SECOND) % 60)?;
        let mut fraction = String::new();
        crate::datetime::write_fraction((micros % SECOND as u64) as i64, &mut fraction);
        f.write_str(&fraction)
    }
}
