//! The numbers of a date or time: which field each of them is, and whether it is in range.

use super::calendar::split_days;
use super::names::month_by_name;
use super::parse::Fault;
use super::{HOUR, MINUTE, SECOND, days_from_civil, days_in_month};

/// The Julian day of 2000-01-01.
pub(super) const JULIAN_OF_2000: i64 = 2_451_545;

/// What a text has said, one bit each: it may say a thing once.
pub(super) mod said {
    pub const YEAR: u32 = 1;
    pub const MONTH: u32 = 1 << 1;
    pub const DAY: u32 = 1 << 2;
    pub const HOUR: u32 = 1 << 3;
    pub const MINUTE: u32 = 1 << 4;
    pub const SECOND: u32 = 1 << 5;
    pub const FRACTION: u32 = 1 << 6;
    pub const DAY_OF_YEAR: u32 = 1 << 7;
    pub const WEEKDAY: u32 = 1 << 8;
    pub const HALF: u32 = 1 << 9;
    pub const ERA: u32 = 1 << 10;
    pub const ZONE: u32 = 1 << 11;
    pub const SPECIAL: u32 = 1 << 12;
    pub const DATE: u32 = YEAR | MONTH | DAY;
    pub const SECONDS: u32 = SECOND | FRACTION;
    pub const TIME: u32 = HOUR | MINUTE | SECONDS;
}

/// The fields of a date and time while they are collected.
#[derive(Debug, Default)]
pub(super) struct Numbers {
    pub year: i64,
    pub month: i64,
    pub day: i64,
    pub hour: i64,
    pub minute: i64,
    pub second: i64,
    /// Microseconds within the second.
    pub micros: i64,
    /// The year was written with one or two digits.
    pub short_year: bool,
    /// The date is a Julian day's.
    pub julian: bool,
    pub before_christ: bool,
    /// AM is `Some(false)`, PM `Some(true)`.
    pub afternoon: Option<bool>,
    day_of_year: i64,
}

/// The digits that a text begins with, as a number of 32 bits (0 without any), and what follows.
pub(super) fn leading(text: &str) -> Result<(i64, &str), Fault> {
    let (digits, rest) = text.split_at(text.bytes().take_while(u8::is_ascii_digit).count());
    if digits.is_empty() {
        return Ok((0, rest));
    }
    digits.parse::<i32>().map(|number| (i64::from(number), rest)).map_err(|_| Fault::Range)
}

/// `.5`, or a point alone; `None` for anything else.
pub(crate) fn fraction(text: &str) -> Option<f64> {
    let digits = text.strip_prefix('.').filter(|digits| digits.bytes().all(|b| b.is_ascii_digit()))?;
    format!("0.{digits}0").parse().ok()
}

fn micros(text: &str) -> Result<i64, Fault> {
    Ok((fraction(text).ok_or(Fault::Syntax)? * SECOND as f64).round_ties_even() as i64)
}

impl Numbers {
    pub fn set_julian(&mut self, number: i64) {
        (self.year, self.month, self.day) = split_days(number - JULIAN_OF_2000);
        self.julian = true;
    }

    pub fn set_fraction(&mut self, text: &str) -> Result<(), Fault> {
        self.micros = micros(text)?;
        Ok(())
    }

    /// `10:00`, `10:00:00.5`; with a fraction, two fields are minutes and seconds.
    pub fn time(&mut self, text: &str) -> Result<u32, Fault> {
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let hour: i64 = text[..digits].parse().map_err(|_| Fault::Range)?;
        let (minute, rest) = leading(text[digits..].strip_prefix(':').ok_or(Fault::Syntax)?)?;
        let hour = i32::try_from(hour).map(i64::from).map_err(|_| Fault::Range)?;
        (self.hour, self.minute, self.second, self.micros) = (hour, minute, 0, 0);
        if rest.starts_with('.') {
            (self.hour, self.minute, self.second, self.micros) = (0, hour, minute, micros(rest)?);
        } else if let Some(rest) = rest.strip_prefix(':') {
            let (second, rest) = leading(rest)?;
            self.second = second;
            if !rest.is_empty() {
                self.set_fraction(rest)?;
            }
        } else if !rest.is_empty() {
            return Err(Fault::Syntax);
        }
        if self.minute > 59 || self.second > 60 { Err(Fault::Range) } else { Ok(said::TIME) }
    }

    /// `2024-02-29`, `2/29/2024`, `29-Feb-2024`, `2024.060`: the fields of one token.
    pub fn date(&mut self, text: &str, already: u32) -> Result<u32, Fault> {
        let mut parts = Vec::new();
        let mut rest = text;
        while !rest.is_empty() {
            rest = rest.trim_start_matches(|c: char| !c.is_ascii_alphanumeric());
            let first = rest.bytes().next().ok_or(Fault::Syntax)?;
            let same = |b: &u8| if first.is_ascii_digit() { b.is_ascii_digit() } else { b.is_ascii_alphabetic() };
            let (part, after) = rest.split_at(rest.bytes().take_while(same).count());
            parts.push(part);
            // Whatever separates them.
            rest = after.get(1..).unwrap_or_default();
        }
        let (mut mask, mut named_month) = (already, false);
        for name in parts.iter().filter(|part| part.starts_with(|c: char| c.is_ascii_alphabetic())) {
            if matches!(*name, "at" | "on") {
                continue;
            }
            self.month = month_by_name(name).ok_or(Fault::Syntax)?;
            named_month = true;
            mask = once(mask, said::MONTH)?;
        }
        for digits in parts.iter().filter(|part| part.starts_with(|c: char| c.is_ascii_digit())) {
            let found = self.number(digits, named_month, mask)?;
            mask = once(mask, found)?;
        }
        if mask & !(said::DAY_OF_YEAR | said::ZONE) == said::DATE { Ok(mask & !already) } else { Err(Fault::Syntax) }
    }

    /// A number by itself: by what is known already it is the year, the month or the day, or a time.
    pub fn number(&mut self, text: &str, named_month: bool, already: u32) -> Result<u32, Fault> {
        let (value, rest) = leading(text)?;
        if rest.len() == text.len() {
            return Err(Fault::Syntax);
        }
        if rest.starts_with('.') {
            if text.len() - rest.len() > 2 {
                return self.run_together(text, already | said::DATE);
            }
            self.set_fraction(rest)?;
        } else if !rest.is_empty() {
            return Err(Fault::Syntax);
        }
        let width = text.len();
        let known = already & said::DATE;
        if width == 3 && known == said::YEAR && (1..=366).contains(&value) {
            self.day_of_year = value;
            return Ok(said::DAY_OF_YEAR | said::MONTH | said::DAY);
        }
        const YEAR_AND_MONTH: u32 = said::YEAR | said::MONTH;
        const MONTH_AND_DAY: u32 = said::MONTH | said::DAY;
        let found = match known {
            0 if width >= 3 => said::YEAR,
            0 | said::YEAR | said::DAY => said::MONTH,
            said::MONTH if named_month && width >= 3 => said::YEAR,
            said::MONTH => said::DAY,
            YEAR_AND_MONTH if named_month && width >= 3 && self.short_year => {
                // What was taken for the year was the day.
                (self.day, self.year, self.short_year) = (self.year, value, false);
                return Ok(said::DAY);
            }
            YEAR_AND_MONTH => said::DAY,
            MONTH_AND_DAY => said::YEAR,
            said::DATE => return self.run_together(text, already),
            _ => return Err(Fault::Syntax),
        };
        match found {
            said::YEAR => (self.year, self.short_year) = (value, width <= 2),
            said::MONTH => self.month = value,
            _ => self.day = value,
        }
        Ok(found)
    }

    /// `20240229`, `103000.5`, `1030`
    pub fn run_together(&mut self, text: &str, already: u32) -> Result<u32, Fault> {
        let (digits, rest) = text.split_at(text.find('.').unwrap_or(text.len()));
        let small = |digits: &str| digits.parse::<i64>().unwrap_or_default();
        if !rest.is_empty() {
            self.set_fraction(rest)?;
        } else if already & said::DATE != said::DATE && digits.len() >= 6 {
            let (year, month_and_day) = digits.split_at(digits.len() - 4);
            self.year = i64::from(year.parse::<i32>().map_err(|_| Fault::Range)?);
            (self.month, self.day) = (small(&month_and_day[..2]), small(&month_and_day[2..]));
            self.short_year |= year.len() == 2;
            return Ok(said::DATE);
        }
        let is_time = digits.len() == 6 || digits.len() == 4;
        if already & said::TIME == said::TIME || !is_time || !digits.bytes().all(|b| b.is_ascii_digit()) {
            return Err(Fault::Syntax);
        }
        (self.hour, self.minute, self.second) = (small(&digits[..2]), small(&digits[2..4]), small(&digits[4..]));
        Ok(said::TIME)
    }

    /// Completes the date, and judges its fields.
    pub fn check_date(&mut self, mask: u32) -> Result<(), Fault> {
        if mask & said::YEAR != 0 && !self.julian {
            self.year = match self.year {
                year if self.before_christ && year > 0 => 1 - year,
                year if !self.before_christ && self.short_year && year < 70 => year + 2000,
                year if !self.before_christ && self.short_year && year < 100 => year + 1900,
                year if year > 0 && !self.before_christ => year,
                _ => return Err(Fault::Range),
            };
        }
        if mask & said::DAY_OF_YEAR != 0 {
            let day = days_from_civil(self.year, 1, 1) + self.day_of_year - 1;
            (self.year, self.month, self.day) = split_days(day);
        }
        let month_fits = mask & said::MONTH == 0 || (1..=12).contains(&self.month);
        let day_fits = mask & said::DAY == 0 || (1..=31).contains(&self.day);
        if !month_fits || !day_fits {
            return Err(Fault::Order);
        }
        let complete = mask & said::DATE == said::DATE;
        if complete && self.day > days_in_month(self.year, self.month) { Err(Fault::Range) } else { Ok(()) }
    }

    /// Days since 2000-01-01.
    pub fn days(&self) -> i64 {
        days_from_civil(self.year, self.month, self.day)
    }

    /// Brings the hour to 24 of them.
    pub fn apply_half(&mut self) -> Result<(), Fault> {
        match self.afternoon {
            Some(_) if self.hour > 12 => return Err(Fault::Range),
            Some(false) if self.hour == 12 => self.hour = 0,
            Some(true) if self.hour != 12 => self.hour += 12,
            _ => {}
        }
        Ok(())
    }

    /// Whether it is beyond a day.
    pub fn overflows(&self) -> bool {
        self.hour > 24 || self.minute > 59 || self.second > 60 || self.micros > SECOND || self.clock() > 24 * HOUR
    }

    /// Microseconds since midnight.
    pub fn clock(&self) -> i64 {
        self.hour * HOUR + self.minute * MINUTE + self.second * SECOND + self.micros
    }
}

/// What is said with `found` added, which must be new.
pub(super) fn once(already: u32, found: u32) -> Result<u32, Fault> {
    if already & found != 0 { Err(Fault::Syntax) } else { Ok(already | found) }
}
