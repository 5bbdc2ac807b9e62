//! Text to intervals, as PostgreSQL's `DecodeInterval` and `DecodeISO8601Interval` read it.

use basalt_core::{Error, Result};

use crate::datetime::{DAY, HOUR, MINUTE, SECOND};

use super::Interval;

/// Why a text can't be read.
enum Fault {
    Syntax,
    Range,
    /// Each field is in range, but not their sum.
    Sum,
}

impl Interval {
    /// Reads any text that PostgreSQL accepts. 22007 for what is no interval, 22015 beyond the range.
    pub fn parse(text: &str) -> Result<Interval> {
        let trimmed = text.trim();
        let read = trimmed.strip_prefix('P').map_or_else(|| verbose(trimmed), iso);
        read.map_err(|fault| match fault {
            Fault::Syntax => Error::new("22007", format!("invalid input syntax for type interval: \"{text}\"")),
            Fault::Range => Error::new("22015", format!("interval field value out of range: \"{text}\"")),
            Fault::Sum => super::out_of_range(),
        })
    }
}

/// What a number counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unit {
    /// So many months.
    Months(i32),
    /// So many days.
    Days(i32),
    /// So many microseconds.
    Micros(i64),
}

const YEAR: Unit = Unit::Months(12);
const MONTH: Unit = Unit::Months(1);
const WEEK: Unit = Unit::Days(7);

fn unit_by_name(name: &str) -> Option<Unit> {
    let singular = name.strip_suffix('s').filter(|rest| rest.len() > 1).unwrap_or(name);
    Some(match singular {
        "us" | "usec" | "microsecond" => Unit::Micros(1),
        "ms" | "msec" | "millisecond" => Unit::Micros(1000),
        "s" | "sec" | "second" => Unit::Micros(SECOND),
        "m" | "min" | "minute" => Unit::Micros(MINUTE),
        "h" | "hr" | "hour" => Unit::Micros(HOUR),
        "d" | "day" => Unit::Days(1),
        "w" | "week" => WEEK,
        "mon" | "month" => MONTH,
        "y" | "yr" | "year" => YEAR,
        "dec" | "decade" => Unit::Months(120),
        "c" | "cent" | "century" | "centurie" => Unit::Months(1200),
        "mil" | "millennium" | "millennia" => Unit::Months(12_000),
        _ => return None,
    })
}

/// A signed decimal, whole and fraction apart so that large counts stay exact.
#[derive(Debug, Clone, Copy)]
struct Number {
    whole: i64,
    fraction: f64,
}

/// Splits off a sign, and the white space behind it.
fn signed(text: &str) -> (bool, &str) {
    match text.as_bytes().first() {
        Some(b'-') => (true, text[1..].trim_start()),
        Some(b'+') => (false, text[1..].trim_start()),
        _ => (false, text),
    }
}

fn number(text: &str) -> Result<Number, Fault> {
    let (negative, magnitude) = signed(text);
    let (whole, rest) = magnitude.split_once('.').unwrap_or((magnitude, ""));
    let is_number =
        !(whole.is_empty() && rest.is_empty()) && whole.bytes().chain(rest.bytes()).all(|b| b.is_ascii_digit());
    if !is_number {
        return Err(Fault::Syntax);
    }
    let whole: i64 = if whole.is_empty() { 0 } else { whole.parse().map_err(|_| Fault::Range)? };
    let fraction: f64 = format!("0.{rest}0").parse().map_err(|_| Fault::Syntax)?;
    Ok(if negative { Number { whole: -whole, fraction: -fraction } } else { Number { whole, fraction } })
}

impl Interval {
    fn add_count(&mut self, count: Number, unit: Unit) -> Result<(), Fault> {
        match unit {
            Unit::Micros(size) => {
                self.add_micros(count.whole.checked_mul(size).ok_or(Fault::Range)?)?;
                self.add_micros((count.fraction * size as f64).round_ties_even() as i64)
            }
            Unit::Days(size) => {
                self.add_days(count.whole.checked_mul(size.into()).ok_or(Fault::Range)?)?;
                self.add_fractional_days(count.fraction * f64::from(size))
            }
            Unit::Months(_) if i32::try_from(count.whole).is_err() => Err(Fault::Range),
            Unit::Months(1) => {
                self.add_months(count.whole)?;
                self.add_fractional_days(count.fraction * 30.0)
            }
            Unit::Months(size) => {
                self.add_months(count.whole * i64::from(size))?;
                self.add_months((count.fraction * f64::from(size)).round_ties_even() as i64)
            }
        }
    }

    fn add_fractional_days(&mut self, days: f64) -> Result<(), Fault> {
        self.add_days(days.trunc() as i64)?;
        self.add_micros((days.fract() * DAY as f64).round_ties_even() as i64)
    }

    fn add_months(&mut self, months: i64) -> Result<(), Fault> {
        let sum = i64::from(self.months).checked_add(months).ok_or(Fault::Range)?;
        self.months = i32::try_from(sum).map_err(|_| Fault::Sum)?;
        Ok(())
    }

    fn add_days(&mut self, days: i64) -> Result<(), Fault> {
        let sum = i64::from(self.days).checked_add(days).ok_or(Fault::Range)?;
        self.days = i32::try_from(sum).map_err(|_| Fault::Range)?;
        Ok(())
    }

    fn add_micros(&mut self, micros: i64) -> Result<(), Fault> {
        self.micros = self.micros.checked_add(micros).ok_or(Fault::Range)?;
        Ok(())
    }

    fn negated(self) -> Result<Interval, Fault> {
        Ok(Interval {
            months: self.months.checked_neg().ok_or(Fault::Range)?,
            days: self.days.checked_neg().ok_or(Fault::Range)?,
            micros: self.micros.checked_neg().ok_or(Fault::Range)?,
        })
    }
}

/// `1 year 2 mons -3 days +04:05:06.7`, `@ 1 hour ago`, `1-2`, `3 4:05:06`, `1d2h`, `90`
fn verbose(text: &str) -> Result<Interval, Fault> {
    let tokens = tokens(text)?;
    let mut interval = Interval::default();
    let mut seen = Vec::new();
    let mut rest = tokens.as_slice();
    let mut once = |unit: Unit| {
        if seen.contains(&unit) {
            return Err(Fault::Syntax);
        }
        seen.push(unit);
        Ok(())
    };
    let mut ago = false;
    while let Some((token, following)) = rest.split_first() {
        rest = following;
        match *token {
            Token::Time(text) => {
                for size in [HOUR, MINUTE, SECOND, 1000, 1] {
                    once(Unit::Micros(size))?;
                }
                interval.add_micros(clock(text)?)?;
            }
            Token::YearMonth(text) => {
                once(YEAR)?;
                once(MONTH)?;
                interval.add_months(year_month(text)?)?;
            }
            Token::Number(text) => {
                let unit = match rest.first() {
                    Some(Token::Word(word)) if !word.eq_ignore_ascii_case("ago") => {
                        rest = &rest[1..];
                        unit_by_name(&word.to_ascii_lowercase()).ok_or(Fault::Syntax)?
                    }
                    // A number before a time counts days, one at the end seconds.
                    Some(Token::Time(_)) => Unit::Days(1),
                    None | Some(Token::Word(_)) => Unit::Micros(SECOND),
                    Some(_) => return Err(Fault::Syntax),
                };
                once(unit)?;
                interval.add_count(number(text)?, unit)?;
            }
            Token::Word(word) if word.eq_ignore_ascii_case("ago") && rest.is_empty() => ago = true,
            Token::Word(_) => return Err(Fault::Syntax),
        }
    }
    if seen.is_empty() {
        return Err(Fault::Syntax);
    }
    if ago { interval.negated() } else { Ok(interval) }
}

#[derive(Debug, Clone, Copy)]
enum Token<'a> {
    Number(&'a str),
    Time(&'a str),
    YearMonth(&'a str),
    Word(&'a str),
}

fn tokens(text: &str) -> Result<Vec<Token<'_>>, Fault> {
    let bytes = text.as_bytes();
    let run = |from: usize, accept: fn(u8) -> bool| {
        from + bytes[from..].iter().position(|&b| !accept(b)).unwrap_or(bytes.len() - from)
    };
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let start = at;
        match byte {
            b if b.is_ascii_whitespace() => at += 1,
            b if b.is_ascii_alphabetic() => {
                at = run(at, |b| b.is_ascii_alphabetic());
                tokens.push(Token::Word(&text[start..at]));
            }
            b if b.is_ascii_digit() || matches!(b, b'+' | b'-' | b'.') => {
                let signed = if b.is_ascii_digit() { at } else { run(at + 1, |b| b.is_ascii_whitespace()) };
                at = run(signed, |b| b.is_ascii_digit() || b == b'.');
                match bytes.get(at) {
                    Some(b':') => {
                        at = run(at, |b| b.is_ascii_digit() || b == b':' || b == b'.');
                        tokens.push(Token::Time(&text[start..at]));
                    }
                    Some(b'-') if at > signed => {
                        at = run(at + 1, |b| b.is_ascii_digit());
                        tokens.push(Token::YearMonth(&text[start..at]));
                    }
                    _ => tokens.push(Token::Number(&text[start..at])),
                }
            }
            b if b.is_ascii_punctuation() => at += 1,
            _ => return Err(Fault::Syntax),
        }
    }
    Ok(tokens)
}

/// Microseconds of `-12:34:56.7`. Two fields are hours and minutes, or, with a fraction, minutes and seconds.
fn clock(text: &str) -> Result<i64, Fault> {
    let (negative, magnitude) = signed(text);
    let fields: Vec<&str> = magnitude.split(':').collect();
    let (hours, minutes, seconds) = match fields[..] {
        [minutes, seconds] if seconds.contains('.') => ("0", minutes, seconds),
        [hours, minutes] => (hours, minutes, "0"),
        [hours, minutes, seconds] => (hours, minutes, seconds),
        _ => return Err(Fault::Syntax),
    };
    let (hours, minutes, seconds) = (number(hours)?, number(minutes)?, number(seconds)?);
    if minutes.whole > 59 || seconds.whole > 60 {
        return Err(Fault::Range);
    }
    let mut interval = Interval::default();
    for (count, unit) in [(hours, HOUR), (minutes, MINUTE), (seconds, SECOND)] {
        interval.add_count(count, Unit::Micros(unit))?;
    }
    Ok(if negative { -interval.micros } else { interval.micros })
}

/// Months of `1-2`, `-1-2`.
fn year_month(text: &str) -> Result<i64, Fault> {
    let (negative, magnitude) = signed(text);
    let (years, months) = magnitude.split_once('-').ok_or(Fault::Syntax)?;
    let months = if months.is_empty() { 0 } else { months.parse::<i64>().map_err(|_| Fault::Syntax)? };
    let years: i64 = years.parse().map_err(|_| Fault::Syntax)?;
    if months > 11 {
        return Err(Fault::Range);
    }
    let total = years.checked_mul(12).and_then(|total| total.checked_add(months)).ok_or(Fault::Range)?;
    Ok(if negative { -total } else { total })
}

/// `1Y2M3W4DT5H6M7.5S`, or `0001-02-03T04:05:06`, after the `P`.
fn iso(text: &str) -> Result<Interval, Fault> {
    let mut interval = Interval::default();
    let (date, time) = match text.find(['T', 't']) {
        Some(at) => (&text[..at], Some(&text[at + 1..])),
        None => (text, None),
    };
    if date.is_empty() && time.is_none_or(str::is_empty) {
        return Err(Fault::Syntax);
    }
    let is_alternative = |part: &str, delimiter| {
        part.len() > 1 && part[1..].contains(delimiter) && part.ends_with(|c: char| c.is_ascii_digit())
    };
    if is_alternative(date, '-') {
        for (field, unit) in date.splitn(3, '-').zip([YEAR, MONTH, Unit::Days(1)]) {
            interval.add_count(number(field)?, unit)?;
        }
    } else {
        designated(date, &mut interval, |letter| match letter {
            'Y' => Some(YEAR),
            'M' => Some(MONTH),
            'W' => Some(WEEK),
            'D' => Some(Unit::Days(1)),
            _ => None,
        })?;
    }
    let Some(time) = time else { return Ok(interval) };
    if is_alternative(time, ':') {
        interval.add_micros(clock(time)?)?;
    } else {
        designated(time, &mut interval, |letter| match letter {
            'H' => Some(Unit::Micros(HOUR)),
            'M' => Some(Unit::Micros(MINUTE)),
            'S' => Some(Unit::Micros(SECOND)),
            _ => None,
        })?;
    }
    Ok(interval)
}

fn designated(text: &str, interval: &mut Interval, unit: fn(char) -> Option<Unit>) -> Result<(), Fault> {
    let mut rest = text;
    while let Some(at) = rest.find(|c: char| c.is_ascii_alphabetic()) {
        let unit = unit(char::from(rest.as_bytes()[at]).to_ascii_uppercase()).ok_or(Fault::Syntax)?;
        interval.add_count(number(&rest[..at])?, unit)?;
        rest = &rest[at + 1..];
    }
    if rest.is_empty() { Ok(()) } else { Err(Fault::Syntax) }
}
