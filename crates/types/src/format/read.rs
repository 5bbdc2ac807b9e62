//! `to_date` and `to_timestamp` of a text by a template.

use basalt_core::{Error, Result};

use crate::datetime::field::iso_year_start;
use crate::datetime::{
    DAY, HOUR, MINUTE, SECOND, Zone, check_date, check_timestamp, days_from_civil, days_in_month,
    timestamp_to_timestamptz,
};
use crate::{Context, Value};

use super::template::{DAYS, Field, MONTHS, Part, Pattern, ROMAN_MONTHS, ends_digits, parse};

/// `to_date`. 22007 where the text does not follow the template, 22008 where a field is out of range.
pub(super) fn to_date(text: &str, template: &str) -> Result<Value> {
    let found = Found::read(text, template)?;
    let days = found.days(text)?;
    found.clock(text)?;
    check_date(days).map(Value::from).ok_or_else(|| Error::new("22008", format!("date out of range: \"{text}\"")))
}

/// `to_timestamp`, in the session's time zone unless the text gives an offset. Codes as for [`to_date`].
pub(super) fn to_timestamp(text: &str, template: &str, context: &Context) -> Result<Value> {
    let found = Found::read(text, template)?;
    let (days, clock) = (found.days(text)?, found.clock(text)?);
    let local = days.checked_mul(DAY).and_then(|midnight| check_timestamp(midnight.checked_add(clock)?));
    let local = local.ok_or_else(|| Error::new("22008", "timestamp out of range"))?;
    Ok(match found.offset() {
        Some(offset) => Zone::Fixed(offset).to_utc(local)?,
        None => timestamp_to_timestamptz(local, context)?,
    }
    .into())
}

/// The fields found in a text; those not found are `None`.
#[derive(Debug, Default)]
struct Found {
    year: Option<i64>,
    year_digits: usize,
    century: Option<i64>,
    before_christ: bool,
    month: Option<i64>,
    day: Option<i64>,
    day_of_year: Option<i64>,
    julian: Option<i64>,
    week: Option<i64>,
    week_of_month: Option<i64>,
    iso_year: Option<i64>,
    iso_week: Option<i64>,
    iso_day_of_year: Option<i64>,
    /// Monday is 1.
    iso_day: Option<i64>,
    hour: Option<i64>,
    twelve_hours: bool,
    afternoon: bool,
    minute: Option<i64>,
    second: Option<i64>,
    second_of_day: Option<i64>,
    micro: Option<i64>,
    zone_sign: i64,
    zone_hour: Option<i64>,
    zone_minute: Option<i64>,
}

/// The text not read yet.
struct Input<'a> {
    rest: &'a str,
}

impl Found {
    fn read(text: &str, template: &str) -> Result<Found> {
        let parts = parse(template);
        let fixed = parts.iter().any(|part| matches!(part, Part::Field(pattern) if pattern.field == Field::Fixed));
        let mut found = Found::default();
        let mut input = Input { rest: text };
        // White space taken beyond what the template shows; text in the template may stand for it.
        let mut extra = 0;
        for (at, part) in parts.iter().enumerate() {
            if input.rest.is_empty() {
                break;
            }
            if !fixed && (at == 0 || matches!(part, Part::Field(_))) {
                extra += input.skip_spaces();
            }
            match part {
                Part::Space(_) | Part::Separator(_) if !fixed => {
                    extra -= 1;
                    if input.rest.starts_with(|c: char| c.is_ascii_whitespace() || c.is_ascii_punctuation()) {
                        input.skip_character();
                        extra += 1;
                    }
                }
                Part::Character(_) if !fixed && extra > 0 => extra -= 1,
                Part::Space(_) | Part::Separator(_) | Part::Character(_) => input.skip_character(),
                Part::Field(pattern) => {
                    // A minus may have been taken for a separator.
                    let before = &text[..text.len() - input.rest.len()];
                    if pattern.field == Field::ZoneHour {
                        found.zone_sign = if extra > 0 && before.ends_with('-') { -1 } else { 1 };
                    }
                    found.read_field(*pattern, parts.get(at + 1), &mut input)?;
                    if !fixed {
                        extra = input.skip_spaces();
                    }
                }
            }
        }
        Ok(found)
    }

    fn read_field(&mut self, pattern: Pattern, following: Option<&Part>, input: &mut Input<'_>) -> Result<()> {
        let mut number = |width: usize| input.number(pattern, following, width);
        let set = |slot: &mut Option<i64>, value: i64| match slot.replace(value) {
            Some(before) if before != value => Err(Error::new(
                "22007",
                format!("conflicting values for \"{}\" field in formatting string", pattern.name),
            )
            .with_detail("This value contradicts a previous setting for the same field type.")),
            _ => Ok(()),
        };
        match pattern.field {
            Field::Meridiem { dotted } => {
                let names: &[&str] = if dotted { &["a.m.", "p.m."] } else { &["am", "pm"] };
                self.afternoon = input.name(pattern, names)? == 1;
                self.twelve_hours = true;
            }
            Field::Era { dotted } => {
                let names: &[&str] = if dotted { &["a.d.", "b.c."] } else { &["ad", "bc"] };
                self.before_christ = input.name(pattern, names)? == 1;
            }
            Field::Century => set(&mut self.century, number(2)?.0)?,
            Field::DayName => {
                input.name(pattern, &DAYS)?;
            }
            Field::DayShort => {
                input.name(pattern, &DAYS.map(|day| &day[..3]))?;
            }
            Field::DayOfYear => set(&mut self.day_of_year, number(3)?.0)?,
            Field::DayOfMonth => set(&mut self.day, number(2)?.0)?,
            Field::DayOfWeek => {
                number(1)?;
            }
            Field::Fraction(digits) => {
                let (value, length) = number(digits as usize)?;
                // Digits read as those of a decimal fraction: `.5` is 500 milliseconds.
                let scale = 10_i64.checked_pow(6_u32.saturating_sub(length as u32)).unwrap_or(1);
                set(&mut self.micro, value * scale)?;
            }
            Field::Fixed => {}
            Field::Hour24 => set(&mut self.hour, number(2)?.0)?,
            Field::Hour12 => {
                self.twelve_hours = true;
                set(&mut self.hour, number(2)?.0)?;
            }
            Field::IsoDayOfYear => set(&mut self.iso_day_of_year, number(3)?.0)?,
            Field::IsoDayOfWeek => set(&mut self.iso_day, number(1)?.0)?,
            Field::IsoWeek => set(&mut self.iso_week, number(2)?.0)?,
            Field::IsoYear(digits) => {
                let (value, length) = number(digits)?;
                set(&mut self.iso_year, if digits < 4 && length < 4 { near_2020(value) } else { value })?;
            }
            Field::Julian => set(&mut self.julian, number(7)?.0)?,
            Field::Minute => set(&mut self.minute, number(2)?.0)?,
            Field::Month => set(&mut self.month, number(2)?.0)?,
            Field::MonthName => set(&mut self.month, input.name(pattern, &MONTHS)? as i64 + 1)?,
            Field::MonthShort => {
                set(&mut self.month, input.name(pattern, &MONTHS.map(|month| &month[..3]))? as i64 + 1)?
            }
            Field::Roman => set(&mut self.month, input.name(pattern, &ROMAN_MONTHS)? as i64 + 1)?,
            Field::Quarter => {
                number(1)?;
            }
            Field::SecondOfDay => set(&mut self.second_of_day, number(5)?.0)?,
            Field::Second => set(&mut self.second, number(2)?.0)?,
            Field::ZoneHour => {
                if input.rest.starts_with('-') {
                    self.zone_sign = -1;
                }
                if input.rest.starts_with(['+', '-', ' ']) {
                    input.skip_character();
                }
                let (value, _) = input.number(pattern, following, 2)?;
                set(&mut self.zone_hour, value)?;
            }
            Field::ZoneMinute => set(&mut self.zone_minute, number(2)?.0)?,
            Field::Offset | Field::Zone => {
                let name = pattern.name;
                return Err(Error::new("0A000", format!("formatting field \"{name}\" is only supported in to_char")));
            }
            Field::Week => set(&mut self.week, number(2)?.0)?,
            Field::WeekOfMonth => set(&mut self.week_of_month, number(1)?.0)?,
            Field::YearWithComma => {
                let digits = input.rest.find(|c: char| !c.is_ascii_digit() && c != ',').unwrap_or(input.rest.len());
                let (text, rest) = input.rest.split_at(digits);
                let year = text.split_once(',').and_then(|(thousands, year)| {
                    Some(thousands.parse::<i32>().ok()? as i64 * 1000 + i64::from(year.parse::<i32>().ok()?))
                });
                input.rest = rest;
                self.year_digits = 4;
                set(&mut self.year, year.ok_or_else(|| Error::new("22007", "invalid input string for \"Y,YYY\""))?)?;
            }
            Field::Year(digits) => {
                let (value, length) = number(digits)?;
                self.year_digits = digits;
                set(&mut self.year, if digits < 4 && length < 4 { near_2020(value) } else { value })?;
            }
        }
        if pattern.ordinal.is_some() {
            input.skip_character();
            input.skip_character();
        }
        Ok(())
    }

    /// Days since 2000-01-01; what is not given is the first.
    fn days(&self, text: &str) -> Result<i64> {
        // A field of zero is one that was not given.
        let given = |field: Option<i64>| field.filter(|value| *value != 0);
        let out_of_range = || Error::new("22008", format!("date/time field value out of range: \"{text}\""));
        if let Some(julian) = given(self.julian) {
            return Ok(julian - 2_451_545);
        }
        if let Some(week) = given(self.iso_week) {
            let start = iso_year_start(self.iso_year.or(self.year).unwrap_or(0));
            return Ok(start + (week - 1) * 7 + given(self.iso_day).unwrap_or(1) - 1);
        }
        if let Some(day) = given(self.iso_day_of_year) {
            return Ok(iso_year_start(self.iso_year.unwrap_or(0)) + day - 1);
        }
        let year = self.resolved_year();
        let day_of_year = given(self.day_of_year).or(given(self.week).map(|week| (week - 1) * 7 + 1));
        if let (Some(day), None) = (day_of_year, given(self.month)) {
            if year == 0 && !self.before_christ {
                return Err(Error::new("22008", "cannot calculate day of year without year information"));
            }
            if !(1..=365 + i64::from(days_in_month(year, 2) == 29)).contains(&day) {
                return Err(out_of_range());
            }
            return Ok(days_from_civil(year, 1, 1) + day - 1);
        }
        let month = given(self.month).unwrap_or(1);
        let day = given(self.day).or(given(self.week_of_month).map(|week| (week - 1) * 7 + 1)).unwrap_or(1);
        if !(1..=12).contains(&month) || !(1..=days_in_month(year, month)).contains(&day) {
            return Err(out_of_range());
        }
        Ok(days_from_civil(year, month, day))
    }

    /// The astronomical year; without any, that is 1 BC.
    fn resolved_year(&self) -> i64 {
        match (self.year, self.century) {
            (Some(year), Some(century)) if self.year_digits <= 2 => {
                let within = year % 100;
                let century = if self.before_christ { -century } else { century };
                match (century >= 0, within) {
                    (true, 0) => century * 100,
                    (true, _) => (century - 1) * 100 + within,
                    (false, _) => (century + 1) * 100 - within + 1,
                }
            }
            (None, Some(century)) if self.before_christ => 1 - ((century - 1) * 100 + 1),
            (None, Some(century)) => (century - 1) * 100 + 1,
            (Some(year), _) if self.before_christ && year > 0 => 1 - year,
            (Some(year), _) if year < 0 && !self.before_christ => year + 1,
            (year, _) => year.unwrap_or(0),
        }
    }

    fn clock(&self, text: &str) -> Result<i64> {
        let (mut hour, mut minute, mut second) = (0, 0, 0);
        if let Some(total) = self.second_of_day {
            (hour, minute, second) = (total / 3600, total / 60 % 60, total % 60);
        }
        hour = self.hour.unwrap_or(hour);
        minute = self.minute.unwrap_or(minute);
        second = self.second.unwrap_or(second);
        if self.twelve_hours {
            if !(1..=12).contains(&hour) {
                return Err(Error::new("22007", format!("hour \"{hour}\" is invalid for the 12-hour clock"))
                    .with_hint("Use the 24-hour clock, or give an hour between 1 and 12."));
            }
            hour = hour % 12 + if self.afternoon { 12 } else { 0 };
        }
        if !(0..24).contains(&hour) || !(0..60).contains(&minute) || !(0..60).contains(&second) {
            return Err(Error::new("22008", format!("date/time field value out of range: \"{text}\"")));
        }
        Ok(hour * HOUR + minute * MINUTE + second * SECOND + self.micro.unwrap_or(0))
    }

    fn offset(&self) -> Option<i64> {
        let minutes = self.zone_minute.unwrap_or(0);
        self.zone_hour.map(|hours| self.zone_sign * (hours * 3600 + minutes * 60))
    }
}

/// A year of less than four digits is the one nearest to 2020.
fn near_2020(year: i64) -> i64 {
    match year {
        0..70 => year + 2000,
        70..100 => year + 1900,
        100..520 => year + 2000,
        520..1000 => year + 1000,
        _ => year,
    }
}

impl Input<'_> {
    fn skip_spaces(&mut self) -> i64 {
        let trimmed = self.rest.trim_start_matches(|c: char| c.is_ascii_whitespace());
        let skipped = self.rest.len() - trimmed.len();
        self.rest = trimmed;
        skipped as i64
    }

    fn skip_character(&mut self) {
        let mut characters = self.rest.chars();
        characters.next();
        self.rest = characters.as_str();
    }

    /// Reads a number: of `width` characters if digits follow in the template, as long as it is otherwise. Gives the length too.
    fn number(&mut self, pattern: Pattern, following: Option<&Part>, width: usize) -> Result<(i64, usize)> {
        self.skip_spaces();
        let name = pattern.name;
        let shown: String = self.rest.chars().take(width).collect();
        let hint = "If your source string is not fixed-width, try using the \"FM\" modifier.";
        let open = pattern.fill || ends_digits(following);
        if !open && shown.chars().count() < width {
            let detail = format!("Field requires {width} characters, but only {} remain.", shown.chars().count());
            return Err(Error::new("22007", format!("source string too short for \"{name}\" formatting field"))
                .with_detail(detail)
                .with_hint(hint));
        }
        let candidate = if open { self.rest } else { &shown };
        let sign = usize::from(candidate.starts_with(['+', '-']));
        let digits = candidate[sign..].bytes().take_while(u8::is_ascii_digit).count();
        if digits == 0 {
            return Err(Error::new("22007", format!("invalid value \"{shown}\" for \"{name}\""))
                .with_detail("Value must be an integer."));
        }
        let length = sign + digits;
        if !open && length < width {
            let detail = format!("Field requires {width} characters, but only {length} could be parsed.");
            return Err(Error::new("22007", format!("invalid value \"{shown}\" for \"{name}\""))
                .with_detail(detail)
                .with_hint(hint));
        }
        let value =
            candidate[..length].parse::<i32>().map_err(|_| {
                Error::new("22008", format!("value for \"{name}\" in source string is out of range"))
                    .with_detail(format!("Value must be in the range {} to {}.", i32::MIN, i32::MAX))
            })?;
        self.rest = &self.rest[length..];
        Ok((value.into(), length))
    }

    /// Reads one of some names in any case, the longest that fits, and gives its index.
    fn name(&mut self, pattern: Pattern, names: &[&str]) -> Result<usize> {
        let fits = |name: &str| self.rest.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name));
        let longest = names.iter().enumerate().filter(|(_, name)| fits(name)).max_by_key(|(_, name)| name.len());
        let Some((index, name)) = longest else {
            let word = self.rest.split(|c: char| c.is_ascii_whitespace()).next().unwrap_or_default();
            return Err(Error::new("22007", format!("invalid value \"{word}\" for \"{}\"", pattern.name))
                .with_detail("The given value did not match any of the allowed values for this field."));
        };
        self.rest = &self.rest[name.len()..];
        Ok(index)
    }
}
