//! `to_char` and `to_number` of numbers.

use basalt_core::{Error, Result};

use crate::numeric;
use crate::{Typmod, Value};

use super::number_template::{Item, Sign, Template};
use super::template::{Case, ordinal_ending};

/// A number as digits.
struct Digits {
    negative: bool,
    integer: String,
    has_point: bool,
    fraction: String,
}

/// Digits behind the point that scientific notation shows at most.
const MOST_PLACES: usize = 1000;

/// `to_char` of a canonical numeric.
pub(super) fn from_numeric(value: &str, template: &str) -> Result<Value> {
    let template = Template::parse(template)?;
    if template.scientific {
        return Ok(scientific(value, template.after.min(MOST_PLACES))?.into());
    }
    let shifted = match template.shifted {
        0 => value.to_owned(),
        places => numeric::mul(value, &format!("1{}", "0".repeat(places)))?,
    };
    let rounded = numeric::round(&shifted, template.after as i64)?;
    Ok(template.fill_in(Digits::split(&rounded)).into())
}

/// `to_char` of an integer.
pub(super) fn from_integer(value: i64, template: &str) -> Result<Value> {
    from_numeric(&value.to_string(), template)
}

/// `to_char` of a floating-point number, which has so many significant digits.
pub(super) fn from_float(value: f64, significant: usize, template: &str) -> Result<Value> {
    let parsed = Template::parse(template)?;
    if !value.is_finite() {
        return from_numeric(&numeric::from_f64(value), template);
    }
    if parsed.scientific {
        let text = format!("{value:.*e}", parsed.after.min(MOST_PLACES));
        let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        return Ok(with_exponent(mantissa, exponent.parse().unwrap_or(0)).into());
    }
    let value = value * 10_f64.powi(parsed.shifted as i32);
    let whole = format!("{:.0}", value.abs()).len();
    let after = parsed.after.min(significant.saturating_sub(whole));
    Ok(parsed.fill_in(Digits::split(&format!("{value:.after$}"))).into())
}

/// ` 1.23e+04`
fn scientific(value: &str, after: usize) -> Result<String> {
    if !value.ends_with(|c: char| c.is_ascii_digit()) {
        let fraction = if after > 0 { format!(".{}", "#".repeat(after)) } else { String::new() };
        return Ok(format!(" #{fraction}{}", "#".repeat(4)));
    }
    let leading = |value: &str| {
        let magnitude = value.trim_start_matches('-');
        let (integer, fraction) = magnitude.split_once('.').unwrap_or((magnitude, ""));
        match (integer, fraction.find(|c| c != '0')) {
            ("0", Some(zeros)) => -1 - zeros as i64,
            ("0", None) => 0,
            (integer, _) => integer.len() as i64 - 1,
        }
    };
    let rounded = numeric::round(value, after as i64 - leading(value))?;
    let exponent = leading(&rounded);
    let digits: String = rounded.chars().filter(char::is_ascii_digit).collect();
    let significant = digits.trim_start_matches('0');
    let significant = if significant.is_empty() { "0" } else { significant };
    let padded = format!("{significant:0<width$}", width = after + 1);
    let sign = if rounded.starts_with('-') { "-" } else { "" };
    let point = if after > 0 { "." } else { "" };
    Ok(with_exponent(&format!("{sign}{}{point}{}", &padded[..1], &padded[1..=after]), exponent))
}

fn with_exponent(mantissa: &str, exponent: i64) -> String {
    let space = if mantissa.starts_with('-') { "" } else { " " };
    format!("{space}{mantissa}e{}{:02}", if exponent < 0 { '-' } else { '+' }, exponent.abs())
}

impl Digits {
    fn split(text: &str) -> Digits {
        let magnitude = text.strip_prefix('-').unwrap_or(text);
        let (integer, fraction) = magnitude.split_once('.').unwrap_or((magnitude, ""));
        let has_point = !fraction.is_empty();
        let negative = magnitude.len() < text.len();
        Digits { negative, integer: integer.to_owned(), has_point, fraction: fraction.to_owned() }
    }
}

impl Template {
    fn fill_in(&self, number: Digits) -> String {
        if let Some(case) = self.roman {
            return self.roman(&number, case);
        }
        let mut number = number;
        let overflows = number.integer.len() > self.before;
        if overflows {
            // A floating-point number has no digits to show beyond its precision.
            let is_number = number.integer.starts_with(|c: char| c.is_ascii_digit());
            let after = if is_number { number.fraction.len() } else { self.after };
            number.integer = "#".repeat(self.before);
            number.fraction = "#".repeat(after);
            number.has_point = true;
        }
        Filling::new(self, &number).run(overflows)
    }

    fn roman(&self, number: &Digits, case: Case) -> String {
        const VALUES: [(&str, i64); 13] = [
            ("M", 1000),
            ("CM", 900),
            ("D", 500),
            ("CD", 400),
            ("C", 100),
            ("XC", 90),
            ("L", 50),
            ("XL", 40),
            ("X", 10),
            ("IX", 9),
            ("V", 5),
            ("IV", 4),
            ("I", 1),
        ];
        let mut rest: i64 = number.integer.parse().unwrap_or(0);
        if number.negative || !(1..4000).contains(&rest) {
            return "#".repeat(15);
        }
        let mut roman = String::new();
        for (letters, value) in VALUES {
            while rest >= value {
                roman.push_str(letters);
                rest -= value;
            }
        }
        if case == Case::Lower {
            roman.make_ascii_lowercase();
        }
        if self.fill { roman } else { format!("{roman:>15}") }
    }
}

/// A number on its way into a template.
struct Filling<'a> {
    template: &'a Template,
    number: &'a Digits,
    out: String,
    /// Cells before the point that the number leaves free.
    free: usize,
    /// Digits behind the point to show: all, or in fill mode those up to the last that is not zero.
    shown: usize,
    signed: bool,
    /// Whether the last cell showed a digit, so that a group separator belongs behind it.
    in_number: bool,
}

impl<'a> Filling<'a> {
    fn new(template: &'a Template, number: &'a Digits) -> Filling<'a> {
        let significant = number.fraction.trim_end_matches('0').len();
        let shown = if template.fill && template.has_point { significant.max(template.kept) } else { usize::MAX };
        let separate_sign = template.has_minus || template.has_plus;
        let signed = if separate_sign {
            template.has_minus || !template.has_plus
        } else {
            !number.negative && template.fill && matches!(template.sign, Sign::Plain | Sign::Bracket)
        };
        let free = template.before - number.integer.len().min(template.before);
        Filling { template, number, out: String::new(), free, shown, signed, in_number: false }
    }

    fn run(mut self, overflows: bool) -> String {
        let last_cell = self.template.items.iter().rposition(|item| matches!(item, Item::Digit { .. } | Item::Point));
        let (mut cell, mut behind_point) = (0, 0);
        for (at, item) in self.template.items.iter().enumerate() {
            match *item {
                Item::Digit { .. } if cell < self.template.before => {
                    self.integer_digit(cell);
                    cell += 1;
                }
                Item::Digit { .. } => {
                    let digit = self.number.fraction.as_bytes().get(behind_point).filter(|_| behind_point < self.shown);
                    if let Some(&digit) = digit {
                        self.write_sign();
                        self.out.push(char::from(digit));
                    }
                    self.in_number = digit.is_some();
                    behind_point += 1;
                }
                Item::Point => {
                    if self.number.has_point {
                        self.write_sign();
                        self.out.push('.');
                    }
                    self.in_number = false;
                    cell = self.template.before;
                }
                Item::Group if self.in_number => self.out.push(','),
                Item::Group if self.template.fill => {}
                Item::Group | Item::Currency => self.out.push(' '),
                Item::Minus if self.number.negative => self.out.push('-'),
                Item::Plus if !self.number.negative => self.out.push('+'),
                Item::Minus | Item::Plus if self.template.fill => {}
                Item::Minus | Item::Plus => self.out.push(' '),
                Item::Either => self.out.push(if self.number.negative { '-' } else { '+' }),
                Item::Ordinal(case) => {
                    if !overflows && !self.number.negative && !self.template.has_point {
                        self.out.push_str(ordinal_ending(&self.number.integer, case));
                    }
                }
                Item::Text(c) => self.out.push(c),
            }
            if Some(at) == last_cell {
                self.close_sign();
            }
        }
        self.out
    }

    fn integer_digit(&mut self, cell: usize) {
        let zero_started = self.template.first_zero.is_some_and(|first| first <= cell);
        self.in_number = true;
        if cell < self.free && zero_started {
            self.write_sign();
            self.out.push('0');
        } else if cell < self.free {
            self.blank();
        } else if self.number.integer == "0" && self.template.after > 0 && self.template.first_zero.is_none() {
            // `9.9` shows no zero before the point, unless nothing at all would follow it.
            if self.template.fill && self.shown == 0 {
                self.write_sign();
                self.out.push('0');
            } else {
                self.blank();
            }
        } else {
            self.write_sign();
            self.out.push(char::from(self.number.integer.as_bytes()[cell - self.free]));
        }
    }

    fn blank(&mut self) {
        self.in_number = false;
        if !self.template.fill {
            self.out.push(' ');
        }
    }

    /// Writes the sign, once, where the first digit will stand.
    fn write_sign(&mut self) {
        if std::mem::replace(&mut self.signed, true) {
            return;
        }
        match (self.template.sign, self.number.negative) {
            (Sign::Leading, false) => self.out.push('+'),
            (Sign::Leading | Sign::Plain, true) => self.out.push('-'),
            (Sign::Bracket, true) => self.out.push('<'),
            (Sign::Plain | Sign::Bracket, false) if !self.template.fill => self.out.push(' '),
            _ => {}
        }
    }

    fn close_sign(&mut self) {
        match (self.template.sign, self.number.negative) {
            (Sign::Bracket, true) => self.out.push('>'),
            (Sign::Bracket, false) if !self.template.fill => self.out.push(' '),
            (Sign::Trailing, negative) => self.out.push(if negative { '-' } else { '+' }),
            _ => {}
        }
    }
}

/// `to_number`: the digits that stand where the template has them. 22P02 without any; NULL by an empty template.
pub(super) fn to_number(text: &str, template: &str) -> Result<Value> {
    if template.is_empty() {
        return Ok(Value::Null);
    }
    let template = Template::parse(template)?;
    if template.scientific {
        return Err(Error::new("0A000", "\"EEEE\" not supported for input"));
    }
    let mut source = Source { rest: text, digits: String::new(), places: None, negative: false };
    for item in &template.items {
        if source.rest.is_empty() {
            break;
        }
        match item {
            Item::Digit { .. } | Item::Point => source.take_cell(&template),
            Item::Group => source.rest = source.rest.strip_prefix(',').unwrap_or(source.rest),
            Item::Minus | Item::Plus | Item::Either => source.take_sign(),
            Item::Currency | Item::Text(_) => source.skip(),
            Item::Ordinal(_) => (0..2).for_each(|_| source.skip()),
        }
    }
    if template.sign == Sign::Trailing {
        source.take_sign();
    }
    let sign = if source.negative { "-" } else { "" };
    if !source.digits.bytes().any(|b| b.is_ascii_digit()) {
        return Err(Error::invalid_text("numeric", " "));
    }
    let digits = format!("{sign}{}", source.digits);
    Ok(match template.shifted {
        0 => {
            let places = source.places.unwrap_or(0);
            let precision = Typmod::Precision((template.before + places) as u32, places as i32);
            numeric::parse(&digits, Some(precision))?
        }
        places => numeric::mul(&numeric::parse(&digits, None)?, &numeric::power("10", &format!("-{places}"))?)?,
    }
    .into())
}

/// A text on its way to a number.
struct Source<'a> {
    rest: &'a str,
    digits: String,
    /// Digits taken behind the point, once it has been seen.
    places: Option<usize>,
    negative: bool,
}

impl Source<'_> {
    fn skip(&mut self) {
        let mut characters = self.rest.chars();
        characters.next();
        self.rest = characters.as_str();
    }

    fn take_sign(&mut self) {
        if self.rest.starts_with(['-', '<']) {
            self.negative = true;
            self.skip();
        } else if self.rest.starts_with('+') {
            self.skip();
        }
    }

    /// Takes one character for a cell of the template, be it a digit or not; a space and a sign before it are free.
    fn take_cell(&mut self, template: &Template) {
        if self.rest.starts_with(' ') {
            self.skip();
        }
        if self.digits.is_empty() {
            self.take_sign();
        }
        match self.rest.chars().next() {
            Some(digit) if digit.is_ascii_digit() => match &mut self.places {
                Some(places) if *places == template.after => return,
                places => {
                    *places = places.map(|places| places + 1);
                    self.digits.push(digit);
                }
            },
            Some('.') if self.places.is_none() && template.has_point => {
                self.places = Some(0);
                self.digits.push('.');
            }
            _ => {}
        }
        self.skip();
    }
}
