//! `to_char` of timestamps and intervals.

use basalt_core::{Error, Result};

use crate::datetime::field::{iso_week, iso_year_start, weekday};
use crate::datetime::{Civil, HOUR, MINUTE, SECOND, days_from_civil, is_finite};
use crate::interval::Interval;

use super::template::{DAYS, Field, MONTHS, Part, Pattern, ROMAN_MONTHS, in_case, ordinal_ending, parse};

/// What a template may ask for.
pub(super) struct Moment {
    civil: Civil,
    /// Days since 2000-01-01; `None` of an interval, which no calendar holds.
    days: Option<i64>,
    zone: Option<(i64, String)>,
}

impl Moment {
    /// `None` of an infinity, which has no fields.
    pub(super) fn of_timestamp(micros: i64) -> Option<Moment> {
        is_finite(micros).then(|| {
            let civil = Civil::from_micros(micros);
            Moment { civil, days: Some(civil.days()), zone: None }
        })
    }

    pub(super) fn of_interval(span: Interval) -> Moment {
        let civil = Civil {
            year: (span.months / 12).into(),
            month: (span.months % 12).into(),
            day: span.days.into(),
            hour: span.micros / HOUR,
            minute: span.micros % HOUR / MINUTE,
            second: span.micros % MINUTE / SECOND,
            micro: span.micros % SECOND,
        };
        Moment { civil, days: None, zone: None }
    }

    pub(super) fn in_zone(self, offset: i64, abbreviation: String) -> Moment {
        Moment { zone: Some((offset, abbreviation)), ..self }
    }

    /// Fills in a template. 22007 where it asks an interval for a day of the calendar.
    pub(super) fn write(&self, template: &str) -> Result<String> {
        let mut out = String::new();
        for part in parse(template) {
            match part {
                Part::Field(pattern) => self.write_field(pattern, &mut out)?,
                Part::Space(c) | Part::Separator(c) | Part::Character(c) => out.push(c),
            }
        }
        Ok(out)
    }

    fn calendar_days(&self) -> Result<i64> {
        self.days.ok_or_else(|| {
            Error::new("22007", "invalid format specification for an interval value")
                .with_hint("Intervals are not tied to specific calendar dates.")
        })
    }

    /// The days of a calendar; of an interval as PostgreSQL counts them, months from zero to eleven.
    fn assumed_days(&self) -> i64 {
        self.days.unwrap_or_else(|| {
            let civil = &self.civil;
            let (year, month) = match civil.month > 2 {
                true => (civil.year + 4800, civil.month + 1),
                false => (civil.year + 4799, civil.month + 13),
            };
            let centuries = year / 100;
            let leap_days = year / 4 - centuries + centuries / 4;
            year * 365 - 32_167 + leap_days + 7834 * month / 256 + civil.day - 2_451_545
        })
    }

    /// The year and week of ISO 8601. Of an interval as PostgreSQL counts them: within a year of its own, however many weeks that makes.
    fn iso_week(&self) -> (i64, i64) {
        if let Some(days) = self.days {
            return iso_week(days);
        }
        let (days, own) = (self.assumed_days(), self.civil.year);
        let week = |year: i64| ((days - iso_year_start(year)) as f64 / 7.0 + 1.0) as i64;
        let year = if days < iso_year_start(own) { own - 1 } else { own };
        match week(year) >= 52 && days >= iso_year_start(own + 1) {
            true => (own + 1, week(own + 1)),
            false => (year, week(year)),
        }
    }

    /// Counted from 1; of an interval by years of 360 days.
    fn day_of_year(&self) -> i64 {
        let civil = &self.civil;
        match self.days {
            Some(days) => days - days_from_civil(civil.year, 1, 1) + 1,
            None => civil.year * 360 + civil.month * 30 + civil.day,
        }
    }

    /// The year as shown: 1 BC is 1.
    fn shown(&self, year: i64) -> i64 {
        if self.days.is_some() && year <= 0 { 1 - year } else { year }
    }

    fn write_field(&self, pattern: Pattern, out: &mut String) -> Result<()> {
        let civil = &self.civil;
        let number = |value: i64, width: usize, out: &mut String| write_number(value, width, pattern, out);
        match pattern.field {
            Field::Meridiem { dotted } => {
                let name = match (civil.hour % 24 >= 12, dotted) {
                    (true, true) => "P.M.",
                    (true, false) => "PM",
                    (false, true) => "A.M.",
                    (false, false) => "AM",
                };
                out.push_str(&in_case(name, pattern.case));
            }
            Field::Era { dotted } => {
                self.calendar_days()?;
                let name = match (civil.year <= 0, dotted) {
                    (true, true) => "B.C.",
                    (true, false) => "BC",
                    (false, true) => "A.D.",
                    (false, false) => "AD",
                };
                out.push_str(&in_case(name, pattern.case));
            }
            Field::Century => {
                let century = match (self.days.is_none(), civil.year > 0) {
                    (true, _) => civil.year / 100,
                    (false, true) => (civil.year - 1) / 100 + 1,
                    (false, false) => civil.year / 100 - 1,
                };
                number(century, if century.abs() <= 99 { 2 } else { 0 }, out);
            }
            Field::DayName => {
                write_name(DAYS[weekday(self.calendar_days()?) as usize], 9, pattern, out);
            }
            Field::DayShort => {
                write_name(&DAYS[weekday(self.calendar_days()?) as usize][..3], 0, pattern, out);
            }
            Field::DayOfYear => {
                let day = self.day_of_year();
                number(day, if day < 0 { 2 } else { 3 }, out);
            }
            Field::DayOfMonth => number(civil.day, if civil.day < 0 { 1 } else { 2 }, out),
            Field::DayOfWeek => number(weekday(self.calendar_days()?) + 1, 0, out),
            Field::Fraction(digits) => {
                let fraction = civil.micro / 10_i64.pow(6 - digits);
                out.push_str(&format!("{fraction:0width$}", width = digits as usize));
                write_ordinal(pattern, out);
            }
            Field::Fixed => {}
            Field::Hour24 => number(civil.hour, 2, out),
            Field::Hour12 => number(if civil.hour % 12 == 0 { 12 } else { civil.hour % 12 }, 2, out),
            Field::IsoDayOfYear => {
                let days = self.assumed_days();
                number(days - iso_year_start(self.iso_week().0) + 1, 3, out);
            }
            Field::IsoDayOfWeek => number((weekday(self.calendar_days()?) + 6) % 7 + 1, 0, out),
            Field::IsoWeek => number(self.iso_week().1, 2, out),
            Field::IsoYear(digits) => {
                let year = self.shown(self.iso_week().0);
                // The sign is counted in, unless the interval's own years are negative.
                let width = if year < 0 && civil.year >= 0 { digits - 1 } else { digits };
                number(if digits == 4 { year } else { year % 10_i64.pow(digits as u32) }, width, out);
            }
            Field::Julian => number(self.assumed_days() + 2_451_545, 0, out),
            Field::Minute => number(civil.minute, 2, out),
            Field::Month => number(civil.month, 2, out),
            Field::MonthName | Field::MonthShort | Field::Roman => {
                if pattern.field != Field::Roman {
                    self.calendar_days()?;
                }
                let Some(index) = usize::try_from((civil.month - 1).rem_euclid(12)).ok().filter(|_| civil.month != 0)
                else {
                    return Ok(());
                };
                match pattern.field {
                    Field::MonthName => write_name(MONTHS[index], 9, pattern, out),
                    Field::MonthShort => write_name(&MONTHS[index][..3], 0, pattern, out),
                    _ => write_name(ROMAN_MONTHS[index], 4, pattern, out),
                }
            }
            Field::Offset => {
                self.calendar_days()?;
                let offset = self.zone.as_ref().map_or(0, |(offset, _)| *offset);
                // Whole minutes: the seconds of ancient offsets are not shown.
                crate::datetime::write_offset(offset / 60 * 60, false, out);
            }
            Field::Quarter => {
                if civil.month != 0 {
                    number((civil.month - 1) / 3 + 1, 0, out);
                }
            }
            Field::SecondOfDay => number(civil.hour * 3600 + civil.minute * 60 + civil.second, 0, out),
            Field::Second => number(civil.second, 2, out),
            Field::ZoneHour => {
                self.calendar_days()?;
                let offset = self.zone.as_ref().map_or(0, |(offset, _)| *offset);
                let sign = if offset < 0 { '-' } else { '+' };
                out.push_str(&format!("{sign}{:02}", offset.abs() / 3600));
            }
            Field::ZoneMinute => {
                self.calendar_days()?;
                let offset = self.zone.as_ref().map_or(0, |(offset, _)| *offset);
                out.push_str(&format!("{:02}", offset.abs() / 60 % 60));
            }
            Field::Zone => {
                self.calendar_days()?;
                if let Some((_, abbreviation)) = &self.zone {
                    out.push_str(&in_case(abbreviation, pattern.case));
                }
            }
            Field::Week => number((self.day_of_year() - 1) / 7 + 1, 2, out),
            Field::WeekOfMonth => number((civil.day - 1) / 7 + 1, 0, out),
            Field::YearWithComma => {
                let year = self.shown(civil.year);
                out.push_str(&format!("{},{:03}", year / 1000, year % 1000));
                write_ordinal(pattern, out);
            }
            Field::Year(digits) => {
                let year = self.shown(civil.year);
                number(if digits == 4 { year } else { year % 10_i64.pow(digits as u32) }, digits, out);
            }
        }
        Ok(())
    }
}

/// Padded with zeros to a width, the sign not counted, unless the pattern is in fill mode.
fn write_number(value: i64, width: usize, pattern: Pattern, out: &mut String) {
    let width = if pattern.fill { 0 } else { width };
    let sign = if value < 0 { "-" } else { "" };
    out.push_str(&format!("{sign}{:0width$}", value.abs()));
    write_ordinal(pattern, out);
}

fn write_ordinal(pattern: Pattern, out: &mut String) {
    if let Some(case) = pattern.ordinal {
        let ending = ordinal_ending(out, case);
        out.push_str(ending);
    }
}

fn write_name(name: &str, width: usize, pattern: Pattern, out: &mut String) {
    let width = if pattern.fill { 0 } else { width };
    out.push_str(&format!("{:<width$}", in_case(name, pattern.case)));
}
