//! Text to dates and times, as PostgreSQL's `DecodeDateTime` reads it with `datestyle` ISO, MDY.

use basalt_core::{Error, Result};

use crate::{Context, Typmod};

use super::iso;
use super::token::{Token, is_weekday, month_by_name, tokens};
use super::zone::read_offset;
use super::{
    DAY, HOUR, INFINITY, MINUTE, NEGATIVE_INFINITY, SECOND, UNIX_EPOCH_SECONDS, Zone, apply_typmod, check_date,
    check_timestamp, date_of, days_from_civil, days_in_month, find_zone, is_finite, timestamp_to_date,
    timestamp_to_timestamptz, timestamptz_to_timestamp,
};

/// Reads a date; the stored form is days since 2000-01-01. 22007 for what is no date, 22008 beyond the calendar or the range.
pub fn parse_date(text: &str, context: &Context) -> Result<i64> {
    if let Some(days) = iso::date(text.as_bytes()) {
        return Ok(days);
    }
    let fault = |fault: Fault| fault.into_error("date", text);
    match read(text, context).map_err(fault)? {
        Moment::Special(special) => Ok(timestamp_to_date(special.local(context)?)),
        Moment::Parts(parts) => {
            let days = parts.days().map_err(fault)?.ok_or(Fault::Syntax).map_err(fault)?;
            parts.clock().map_err(fault)?;
            check_date(days).ok_or_else(|| Error::new("22008", format!("date out of range: \"{text}\"")))
        }
    }
}

/// Reads a time of day in microseconds; a zone is ignored. 22007 for what is no time, 22008 beyond 24:00:00.
pub fn parse_time(text: &str, typmod: Option<Typmod>, context: &Context) -> Result<i64> {
    let fault = |fault: Fault| fault.into_error("time", text);
    let micros = match read_time(text, context).map_err(fault)? {
        Moment::Special(Special::Now) => timestamptz_to_timestamp(context.now, context)?.rem_euclid(DAY),
        Moment::Special(_) => return Err(fault(Fault::Syntax)),
        Moment::Parts(parts) => parts.clock().map_err(fault)?.ok_or(Fault::Syntax).map_err(fault)?,
    };
    Ok(apply_typmod(micros, typmod))
}

/// Reads a timestamp; a zone is ignored. 22007 for what is no timestamp, 22008 beyond the calendar or the range.
pub fn parse_timestamp(text: &str, typmod: Option<Typmod>, context: &Context) -> Result<i64> {
    if let Some((local, _)) = iso::timestamp(text.as_bytes()) {
        return Ok(apply_typmod(local, typmod));
    }
    let fault = |fault: Fault| fault.into_error("timestamp", text);
    let micros = match read(text, context).map_err(fault)? {
        Moment::Special(special) => special.local(context)?,
        Moment::Parts(parts) => in_range(parts.local().map_err(fault)?, text)?,
    };
    Ok(apply_typmod(micros, typmod))
}

/// Reads a timestamp with time zone, the session's if it names none. Codes as for [`parse_timestamp`], and 22023 for an
/// unknown zone, 22009 for an offset beyond 16 hours.
pub fn parse_timestamptz(text: &str, typmod: Option<Typmod>, context: &Context) -> Result<i64> {
    if let Some((local, Some(offset))) = iso::timestamp(text.as_bytes()) {
        return Ok(apply_typmod(local - offset * SECOND, typmod));
    }
    let fault = |fault: Fault| fault.into_error("timestamp with time zone", text);
    let micros = match read(text, context).map_err(fault)? {
        Moment::Special(special) => special.instant(context)?,
        Moment::Parts(parts) => {
            let local = parts.local().map_err(fault)?.ok_or_else(|| out_of_range(text))?;
            let instant = match parts.zone {
                Some(zone) => zone.to_utc(local),
                None => timestamp_to_timestamptz(local, context),
            };
            in_range(instant.ok(), text)?
        }
    };
    Ok(apply_typmod(micros, typmod))
}

/// The Julian day of 2000-01-01.
const JULIAN_OF_2000: i64 = 2_451_545;

fn in_range(micros: Option<i64>, text: &str) -> Result<i64> {
    micros.and_then(check_timestamp).ok_or_else(|| out_of_range(text))
}

fn out_of_range(text: &str) -> Error {
    Error::new("22008", format!("timestamp out of range: \"{text}\""))
}

/// Why a text can't be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fault {
    /// No date or time.
    Syntax,
    /// A field beyond its range.
    Range,
    /// A field beyond its range that may be one of another order of year, month and day.
    Order,
    /// An offset beyond its range.
    Offset,
    /// A zone of no known name.
    Zone(String),
}

impl Fault {
    fn into_error(self, type_name: &str, text: &str) -> Error {
        match self {
            Fault::Syntax => Error::new("22007", format!("invalid input syntax for type {type_name}: \"{text}\"")),
            Fault::Range => Error::new("22008", format!("date/time field value out of range: \"{text}\"")),
            Fault::Order => Fault::Range
                .into_error(type_name, text)
                .with_hint("Perhaps you need a different \"datestyle\" setting."),
            Fault::Offset => Error::new("22009", format!("time zone displacement out of range: \"{text}\"")),
            Fault::Zone(name) => Error::new("22023", format!("time zone \"{name}\" not recognized")),
        }
    }
}

/// A word that stands for a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Special {
    Now,
    Today,
    Tomorrow,
    Yesterday,
    Epoch,
    Infinity,
    NegativeInfinity,
}

impl Special {
    /// As a timestamptz.
    fn instant(self, context: &Context) -> Result<i64> {
        match self {
            Special::Now => Ok(context.now),
            Special::Epoch => Ok(-UNIX_EPOCH_SECONDS * SECOND),
            _ => timestamp_to_timestamptz(self.local(context)?, context),
        }
    }

    /// As a timestamp.
    fn local(self, context: &Context) -> Result<i64> {
        let days_from_today = match self {
            Special::Now => return timestamptz_to_timestamp(context.now, context),
            Special::Epoch => return Ok(-UNIX_EPOCH_SECONDS * SECOND),
            Special::Infinity => return Ok(INFINITY),
            Special::NegativeInfinity => return Ok(NEGATIVE_INFINITY),
            Special::Today => 0,
            Special::Tomorrow => 1,
            Special::Yesterday => -1,
        };
        let now = timestamptz_to_timestamp(context.now, context)?;
        Ok((date_of(now) + days_from_today) * DAY)
    }
}

/// What a text says.
enum Moment {
    Special(Special),
    Parts(Box<Parts>),
}

/// The fields found in a text.
#[derive(Debug, Default)]
struct Parts {
    year: Option<i64>,
    two_digit_year: bool,
    month: Option<i64>,
    text_month: bool,
    day: Option<i64>,
    day_of_year: Option<i64>,
    /// Hour, minute, and microseconds within the minute.
    clock: Option<(i64, i64, i64)>,
    afternoon: Option<bool>,
    before_christ: Option<bool>,
    zone: Option<Zone>,
    julian: Option<i64>,
    expects_time: bool,
    expects_julian: bool,
}

fn read(text: &str, context: &Context) -> Result<Moment, Fault> {
    let mut parts = Parts::default();
    let mut special = None;
    for token in tokens(text)? {
        if let Some(word) = parts.take(token)?
            && special.replace(word).is_some()
        {
            return Err(Fault::Syntax);
        }
    }
    match special {
        None => {}
        Some(_) if parts.year.is_some() => return Err(Fault::Syntax),
        Some(special) if parts.clock.is_none() && parts.zone.is_none() => return Ok(Moment::Special(special)),
        // `today 10:00` is a day with a time; other words stand alone.
        Some(day @ (Special::Today | Special::Tomorrow | Special::Yesterday)) => {
            let midnight = day.local(context).map_err(|_| Fault::Range)?;
            parts.julian = Some(date_of(midnight) + JULIAN_OF_2000);
        }
        Some(_) => return Err(Fault::Syntax),
    }
    Ok(Moment::Parts(Box::new(parts)))
}

/// As [`read`], but digits alone are a time: `1030`, `103000`.
fn read_time(text: &str, context: &Context) -> Result<Moment, Fault> {
    let digits = text.trim();
    if !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit() || b == b'.') && digits.len() >= 4 {
        let mut parts = Parts::default();
        parts.compact_time(digits)?;
        return Ok(Moment::Parts(Box::new(parts)));
    }
    read(text, context)
}

fn integer(digits: &str) -> Result<i64, Fault> {
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(Fault::Syntax);
    }
    digits.parse::<i32>().map(i64::from).map_err(|_| Fault::Range)
}

/// Microseconds of `.5`, to the nearest.
fn fraction(digits: &str) -> Result<i64, Fault> {
    if !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(Fault::Syntax);
    }
    let value: f64 = format!("0.{digits}").parse().map_err(|_| Fault::Syntax)?;
    Ok((value * SECOND as f64).round_ties_even() as i64)
}

impl Parts {
    /// Takes one token's fields; a word for a moment is handed back.
    fn take(&mut self, token: Token<'_>) -> Result<Option<Special>, Fault> {
        match token {
            Token::Time(text) => self.time(text)?,
            Token::Date(text) => self.date(text)?,
            Token::Number(text) => self.loose_number(text)?,
            Token::Offset(text) => self.offset(text)?,
            Token::Word(word) => return self.word(word),
            Token::Signed(text) => {
                let (sign, word) = text.split_at(1);
                return match word.trim_start().to_ascii_lowercase().as_str() {
                    "infinity" if sign == "-" => Ok(Some(Special::NegativeInfinity)),
                    _ => Err(Fault::Syntax),
                };
            }
        }
        Ok(None)
    }

    fn has_date(&self) -> bool {
        self.year.is_some() && (self.day_of_year.is_some() || (self.month.is_some() && self.day.is_some()))
    }

    fn time(&mut self, text: &str) -> Result<(), Fault> {
        let mut fields = text.split(':');
        let hour = integer(fields.next().unwrap_or_default())?;
        let second_field = fields.next().unwrap_or_default();
        let third_field = fields.next();
        if fields.next().is_some() {
            return Err(Fault::Syntax);
        }
        let (hour, minute, micros) = match third_field {
            Some(seconds) => (hour, integer(second_field)?, seconds_field(seconds)?),
            // With a fraction, two fields are minutes and seconds.
            None if second_field.contains('.') => (0, hour, seconds_field(second_field)?),
            None => (hour, integer(second_field)?, 0),
        };
        self.set_clock(hour, minute, micros)
    }

    fn set_clock(&mut self, hour: i64, minute: i64, micros: i64) -> Result<(), Fault> {
        if self.clock.is_some() {
            return Err(Fault::Syntax);
        }
        if hour > 24 || minute > 59 || micros > MINUTE || (hour == 24 && minute + micros > 0) {
            return Err(Fault::Range);
        }
        self.clock = Some((hour, minute, micros));
        Ok(())
    }

    /// `101530.5`, `1015`
    fn compact_time(&mut self, text: &str) -> Result<(), Fault> {
        let (digits, rest) = text.split_once('.').unwrap_or((text, ""));
        let micros = fraction(rest)?;
        let pair = |at: usize| integer(digits.get(at..at + 2).unwrap_or_default());
        match digits.len() {
            6 => self.set_clock(pair(0)?, pair(2)?, pair(4)? * SECOND + micros),
            4 => self.set_clock(pair(0)?, pair(2)?, micros),
            _ => Err(Fault::Syntax),
        }
    }

    fn date(&mut self, text: &str) -> Result<(), Fault> {
        let fields: Vec<&str> = text.split(['-', '/', '.']).collect();
        if fields.len() > 3 || self.has_date() {
            return Err(Fault::Syntax);
        }
        for name in fields.iter().filter(|field| field.starts_with(|c: char| c.is_ascii_alphabetic())) {
            self.set_text_month(month_by_name(name).ok_or(Fault::Syntax)?)?;
        }
        for digits in fields.iter().filter(|field| !field.starts_with(|c: char| c.is_ascii_alphabetic())) {
            self.field(digits)?;
        }
        if self.has_date() { Ok(()) } else { Err(Fault::Syntax) }
    }

    fn set_text_month(&mut self, month: i64) -> Result<(), Fault> {
        if self.text_month {
            return Err(Fault::Syntax);
        }
        // A number before it was taken for the month, but was the day.
        if let (Some(day), None) = (self.month, self.day) {
            self.day = Some(day);
        } else if self.month.is_some() {
            return Err(Fault::Syntax);
        }
        self.month = Some(month);
        self.text_month = true;
        Ok(())
    }

    /// A number that stands alone.
    fn loose_number(&mut self, text: &str) -> Result<(), Fault> {
        if std::mem::take(&mut self.expects_julian) {
            self.julian = Some(integer(text)?);
            return Ok(());
        }
        if std::mem::take(&mut self.expects_time) {
            return self.compact_time(text);
        }
        let digits = text.split('.').next().unwrap_or(text);
        if self.has_date() {
            return self.compact_time(text);
        }
        if digits.len() >= 6 && digits.len() == text.len() && self.year.is_none() && self.month.is_none() {
            let (rest, day) = digits.split_at(digits.len() - 2);
            let (year, month) = rest.split_at(rest.len() - 2);
            (self.year, self.two_digit_year) = (Some(integer(year)?), year.len() == 2);
            (self.month, self.day) = (Some(integer(month)?), Some(integer(day)?));
            return Ok(());
        }
        self.field(text)
    }

    /// Year, month or day: whichever the number can be, in the order month, day, year.
    fn field(&mut self, digits: &str) -> Result<(), Fault> {
        let value = integer(digits)?;
        let wide = digits.len() >= 3;
        if digits.len() == 3 && self.year.is_some() && self.month.is_none() && (1..=366).contains(&value) {
            self.day_of_year = Some(value);
        } else if self.year.is_none()
            && ((wide && (self.month.is_none() || (self.text_month && self.day.is_none())))
                || (self.month.is_some() && self.day.is_some()))
        {
            (self.year, self.two_digit_year) = (Some(value), digits.len() <= 2);
        } else if self.month.is_none() {
            self.month = Some(value);
        } else if self.day.is_none() {
            self.day = Some(value);
        } else {
            return Err(Fault::Syntax);
        }
        Ok(())
    }

    fn offset(&mut self, text: &str) -> Result<(), Fault> {
        if self.clock.is_none() && !self.has_date() {
            return Err(Fault::Syntax);
        }
        let text: String = text.chars().filter(|c| !c.is_ascii_whitespace()).collect();
        if !text[1..].bytes().all(|b| b.is_ascii_digit() || b == b':') {
            return Err(Fault::Syntax);
        }
        let seconds = read_offset(&text).ok_or(Fault::Offset)?;
        match &self.zone {
            None => self.zone = Some(Zone::Fixed(seconds)),
            // `UTC+3`: a name and what to add to it.
            Some(Zone::Fixed(base)) => self.zone = Some(Zone::Fixed(base + seconds)),
            Some(Zone::Rules(_)) => return Err(Fault::Syntax),
        }
        Ok(())
    }

    fn word(&mut self, word: &str) -> Result<Option<Special>, Fault> {
        let lower = word.to_ascii_lowercase();
        match lower.as_str() {
            "now" => return Ok(Some(Special::Now)),
            "today" => return Ok(Some(Special::Today)),
            "tomorrow" => return Ok(Some(Special::Tomorrow)),
            "yesterday" => return Ok(Some(Special::Yesterday)),
            "epoch" => return Ok(Some(Special::Epoch)),
            "infinity" => return Ok(Some(Special::Infinity)),
            "t" => self.expects_time = true,
            "j" | "jd" | "julian" => self.expects_julian = true,
            "am" => self.afternoon = Some(false),
            "pm" => self.afternoon = Some(true),
            "bc" => self.before_christ = Some(true),
            "ad" => self.before_christ = Some(false),
            "allballs" => {
                self.set_clock(0, 0, 0)?;
                self.zone = Some(Zone::Fixed(0));
            }
            "at" | "on" => {}
            day if is_weekday(day) => {}
            month if month_by_name(month).is_some() => self.set_text_month(month_by_name(month).unwrap_or(1))?,
            _ if self.zone.is_some() => return Err(Fault::Syntax),
            _ => match find_zone(word) {
                Some(zone) => self.zone = Some(zone),
                None if word.contains(['/', '_']) => return Err(Fault::Zone(lower)),
                None => return Err(Fault::Syntax),
            },
        }
        Ok(None)
    }

    /// Days since 2000-01-01; `None` without a complete date.
    fn days(&self) -> Result<Option<i64>, Fault> {
        if let Some(julian) = self.julian {
            return Ok(Some(julian - JULIAN_OF_2000));
        }
        let Some(year) = self.year else { return Ok(None) };
        let year = match self.before_christ {
            Some(true) if year > 0 => 1 - year,
            None if self.two_digit_year && year < 70 => year + 2000,
            None if self.two_digit_year => year + 1900,
            _ if year > 0 => year,
            _ => return Err(Fault::Range),
        };
        if let Some(day) = self.day_of_year {
            return Ok(Some(days_from_civil(year, 1, 1) + day - 1));
        }
        let (Some(month), Some(day)) = (self.month, self.day) else { return Ok(None) };
        if !(1..=12).contains(&month) || !(1..=31).contains(&day) {
            return Err(Fault::Order);
        }
        if day > days_in_month(year, month) {
            return Err(Fault::Range);
        }
        Ok(Some(days_from_civil(year, month, day)))
    }

    /// Microseconds since midnight; `None` without a time.
    fn clock(&self) -> Result<Option<i64>, Fault> {
        let Some((hour, minute, micros)) = self.clock else { return Ok(None) };
        let hour = match self.afternoon {
            Some(_) if hour > 12 => return Err(Fault::Range),
            Some(false) if hour == 12 => 0,
            Some(true) if hour < 12 => hour + 12,
            _ => hour,
        };
        Ok(Some(hour * HOUR + minute * MINUTE + micros))
    }

    /// The wall-clock time, midnight if only the date is given; `None` beyond 64 bits.
    fn local(&self) -> Result<Option<i64>, Fault> {
        let days = self.days()?.ok_or(Fault::Syntax)?;
        let clock = self.clock()?.unwrap_or(0);
        Ok(days.checked_mul(DAY).and_then(|micros| micros.checked_add(clock)).filter(|&micros| is_finite(micros)))
    }
}

fn seconds_field(text: &str) -> Result<i64, Fault> {
    let (whole, rest) = text.split_once('.').unwrap_or((text, ""));
    let whole = integer(whole)?;
    if whole > 60 {
        return Err(Fault::Range);
    }
    Ok(whole * SECOND + fraction(rest)?)
}
