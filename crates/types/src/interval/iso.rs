//! Intervals in ISO 8601's forms: `P1Y2M3W4DT5H6M7.5S`, `P0001-02-03T04:05:06`, `P00010203T040506`.

use crate::datetime::{HOUR, MINUTE, SECOND};

use super::parse::{Fault, Number, Sum, Unit};

const DAYS: Unit = Unit::Days(1);

pub(super) fn iso(text: &str) -> Result<Sum, Fault> {
    let mut reader = Reader { rest: text.strip_prefix('P').ok_or(Fault::Syntax)?, sum: Sum::default() };
    if reader.rest.is_empty() {
        return Err(Fault::Syntax);
    }
    let (mut in_time, mut designated) = (false, false);
    while !reader.rest.is_empty() {
        if reader.eat('T') {
            (in_time, designated) = (true, false);
            continue;
        }
        let before = reader.rest;
        let count = reader.number()?;
        let unit = match (in_time, reader.rest.chars().next()) {
            (false, Some('Y')) => Unit::Years(1),
            (false, Some('M')) => Unit::Months,
            (false, Some('W')) => Unit::Days(7),
            (false, Some('D')) => DAYS,
            (true, Some('H')) => Unit::Micros(HOUR),
            (true, Some('M')) => Unit::Micros(MINUTE),
            (true, Some('S')) => Unit::Micros(SECOND),
            (false, None | Some('T' | '-')) if !designated => {
                reader.date(before, count)?;
                continue;
            }
            (true, None | Some(':')) if !designated => {
                reader.time(before, count)?;
                continue;
            }
            _ => return Err(Fault::Syntax),
        };
        reader.rest = &reader.rest[1..];
        reader.sum.add(count, unit)?;
        designated = true;
    }
    Ok(reader.sum)
}

struct Reader<'a> {
    rest: &'a str,
    sum: Sum,
}

impl Reader<'_> {
    fn eat(&mut self, letter: char) -> bool {
        let rest = self.rest.strip_prefix(letter);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    /// `12`, `-1.5`, `.5`, `1e3`
    fn number(&mut self) -> Result<Number, Fault> {
        let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
        let mut end = usize::from(self.rest.starts_with('-'));
        let mut places = digits(&self.rest[end..]);
        end += places;
        if self.rest[end..].starts_with('.') {
            let fraction = digits(&self.rest[end + 1..]);
            places += fraction;
            end += 1 + fraction;
        }
        if places == 0 {
            return Err(Fault::Syntax);
        }
        if let Some(exponent) = self.rest[end..].strip_prefix(['e', 'E']) {
            let sign = usize::from(exponent.starts_with(['+', '-']));
            let power = digits(&exponent[sign..]);
            end += if power > 0 { 1 + sign + power } else { 0 };
        }
        let (number, rest) = self.rest.split_at(end);
        self.rest = rest;
        let number: f64 = number.parse().map_err(|_| Fault::Syntax)?;
        if number.abs() > 1e15 {
            return Err(Fault::Range);
        }
        Ok(Number { whole: number.trunc() as i64, fraction: number.fract() })
    }

    /// A date's fields, of which the first is read: `2024-02-29`, `20240229`, `2024`.
    fn date(&mut self, text: &str, first: Number) -> Result<(), Fault> {
        if !self.rest.starts_with('-') && width(text) == 8 {
            self.sum.add(whole(first.whole / 10_000), Unit::Years(1))?;
            self.sum.add(whole(first.whole / 100 % 100), Unit::Months)?;
            return self.sum.add(Number { whole: first.whole % 100, fraction: first.fraction }, DAYS);
        }
        self.sum.add(first, Unit::Years(1))?;
        for unit in [Unit::Months, DAYS] {
            if !self.eat('-') {
                break;
            }
            let count = self.number()?;
            self.sum.add(count, unit)?;
        }
        if self.rest.is_empty() || self.rest.starts_with('T') { Ok(()) } else { Err(Fault::Syntax) }
    }

    /// A time's fields, of which the first is read: `04:05:06`, `040506`, `04`.
    fn time(&mut self, text: &str, first: Number) -> Result<(), Fault> {
        if self.rest.is_empty() && width(text) == 6 {
            for (count, unit) in
                [(first.whole / 10_000, HOUR), (first.whole / 100 % 100, MINUTE), (first.whole % 100, SECOND)]
            {
                self.sum.add(whole(count), Unit::Micros(unit))?;
            }
            return self.sum.add_fraction(first.fraction, 1);
        }
        self.sum.add(first, Unit::Micros(HOUR))?;
        for unit in [MINUTE, SECOND] {
            if !self.eat(':') {
                break;
            }
            let count = self.number()?;
            self.sum.add(count, Unit::Micros(unit))?;
        }
        if self.rest.is_empty() { Ok(()) } else { Err(Fault::Syntax) }
    }
}

fn whole(whole: i64) -> Number {
    Number { whole, fraction: 0.0 }
}

/// How many digits a text begins with, after a sign.
fn width(text: &str) -> usize {
    text.trim_start_matches('-').bytes().take_while(u8::is_ascii_digit).count()
}
