//! Reading a `tsquery`: lexemes under `!`, `<->`, `<N>`, `&` and `|`, in the order in which they bind.

use basalt_core::{Error, Result};

use super::lexeme::{self, Fault, Place};
use super::query::{Operand, Part, Query, check_distance};
use super::vector::weight_of;

/// Parentheses and negations one within another.
const MAX_DEPTH: u32 = 200;

/// What a lexeme's text, weights and prefix mark become.
pub(super) type Build<'a> = &'a dyn Fn(String, u8, bool) -> Part;

/// Reads the type's own text: each operand is a lexeme as it stands (42601, 22023, 54001).
pub(super) fn parse(text: &str) -> Result<Option<Query>> {
    parse_with(text, &|lexeme, weights, prefix| Query::Operand(Operand::new(lexeme, weights, prefix)).into())
}

/// Reads a query whose operands the caller makes.
pub(super) fn parse_with(text: &str, build: Build<'_>) -> Result<Option<Query>> {
    if text.trim_start().is_empty() {
        return Ok(None);
    }
    let mut parser = Parser { text, rest: text, depth: 0, build };
    let part = parser.any()?;
    if !parser.rest.trim_start().is_empty() {
        return Err(parser.syntax_error());
    }
    Ok(part.query)
}

struct Parser<'a> {
    text: &'a str,
    rest: &'a str,
    depth: u32,
    build: Build<'a>,
}

impl Parser<'_> {
    fn any(&mut self) -> Result<Part> {
        let mut part = self.all()?;
        while self.take('|') {
            part = part.or(self.all()?);
        }
        Ok(part)
    }

    fn all(&mut self) -> Result<Part> {
        let mut part = self.phrase()?;
        while self.take('&') {
            part = part.and(self.phrase()?);
        }
        Ok(part)
    }

    fn phrase(&mut self) -> Result<Part> {
        let mut part = self.negated()?;
        while let Some(distance) = self.distance()? {
            part = part.followed_by(distance, self.negated()?);
        }
        Ok(part)
    }

    fn negated(&mut self) -> Result<Part> {
        if self.take('!') {
            return self.nested(|parser| Ok(parser.negated()?.not()));
        }
        if self.take('(') {
            let part = self.nested(Self::any)?;
            return if self.take(')') { Ok(part) } else { Err(self.syntax_error()) };
        }
        self.operand()
    }

    fn nested(&mut self, read: impl FnOnce(&mut Self) -> Result<Part>) -> Result<Part> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(Error::new("54001", "stack depth limit exceeded"));
        }
        let part = read(self)?;
        self.depth -= 1;
        Ok(part)
    }

    fn operand(&mut self) -> Result<Part> {
        if self.rest.trim_start().starts_with(':') {
            return Err(self.syntax_error());
        }
        let (lexeme, rest) = match lexeme::read(self.rest, Place::Query) {
            Ok(Some(found)) => found,
            Ok(None) => return Err(Error::new("42601", format!("no operand in tsquery: \"{}\"", self.text))),
            Err(Fault::Syntax) => return Err(self.syntax_error()),
            Err(Fault::Escape) => {
                return Err(Error::new("42601", format!("there is no escaped character: \"{}\"", self.text)));
            }
        };
        self.rest = rest;
        let (mut weights, mut prefix) = (0, false);
        if let Some(marks) = rest.strip_prefix(':') {
            self.rest = marks.trim_start_matches(|mark| match (mark, weight_of(mark)) {
                ('*', _) => {
                    prefix = true;
                    true
                }
                (_, Some(weight)) => {
                    weights |= 1 << weight;
                    true
                }
                _ => false,
            });
        }
        Ok((self.build)(lexeme, weights, prefix))
    }

    fn take(&mut self, symbol: char) -> bool {
        match self.rest.trim_start().strip_prefix(symbol) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    /// `<->` or `<N>`.
    fn distance(&mut self) -> Result<Option<u32>> {
        let Some(operator) = self.rest.trim_start().strip_prefix('<') else { return Ok(None) };
        let (distance, rest) = match operator.strip_prefix('-') {
            Some(rest) => (1, rest),
            None => {
                let digits = &operator[..operator.bytes().take_while(u8::is_ascii_digit).count()];
                if digits.is_empty() {
                    return Err(self.syntax_error());
                }
                (check_distance(digits.parse().unwrap_or(i64::MAX))?, &operator[digits.len()..])
            }
        };
        // Nothing behind the operator is another error than a missing operand, as in PostgreSQL.
        self.rest = rest.strip_prefix('>').filter(|rest| !rest.is_empty()).ok_or_else(|| self.syntax_error())?;
        Ok(Some(distance))
    }

    fn syntax_error(&self) -> Error {
        Error::new("42601", format!("syntax error in tsquery: \"{}\"", self.text))
    }
}
