//! JSON text to a tree, with PostgreSQL's error messages.

use std::borrow::Cow;
use std::cmp::Ordering;

use basalt_core::{Error, Result};

use super::escape::unescape;
use crate::numeric;

/// Nested deeper, a value is refused (PostgreSQL refuses where its stack ends).
const MAX_DEPTH: usize = 1000;

/// A JSON value that borrows from its text where it can.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Json<'a> {
    Null,
    Bool(bool),
    /// The number's text; in `jsonb` form that of a `numeric`.
    Number(Cow<'a, str>),
    String(Cow<'a, str>),
    Array(Vec<Json<'a>>),
    /// In `jsonb` form sorted by key length, then bytes, without duplicates.
    Object(Vec<(Cow<'a, str>, Json<'a>)>),
}

/// What a text is read for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Purpose {
    /// Its syntax alone: escapes stay as they stand.
    Validate,
    /// `json`: everything in order.
    Keep,
    /// `jsonb`: numbers and objects in normal form.
    Normalize,
}

/// Checks the syntax. 22P02.
pub(crate) fn validate(text: &str) -> Result<()> {
    parse_for(text, Purpose::Validate).map(drop)
}

/// Whether `json` can be read, escapes included. 22P02, as PostgreSQL words it.
pub fn check(text: &str) -> Result<()> {
    parse_json(text).map(drop)
}

/// Reads `json`, keeping numbers, order and duplicates. 22P02.
pub(crate) fn parse_json(text: &str) -> Result<Json<'_>> {
    parse_for(text, Purpose::Keep)
}

/// Reads `jsonb` into its normal form. 22P02, 22P05 for `\u0000`.
pub(crate) fn parse_jsonb(text: &str) -> Result<Json<'_>> {
    parse_for(text, Purpose::Normalize)
}

fn parse_for(text: &str, purpose: Purpose) -> Result<Json<'_>> {
    let mut parser = Parser { text, at: 0, depth: 0, purpose };
    let value = parser.value()?;
    match parser.peek() {
        None => Ok(value),
        Some(_) => Err(parser.unexpected("end of input")),
    }
}

/// The order of an object's keys in `jsonb`: by length, then by bytes.
pub(crate) fn key_order(a: &str, b: &str) -> Ordering {
    a.len().cmp(&b.len()).then_with(|| a.cmp(b))
}

/// Sorts members as `jsonb` does; of equal keys the last stays.
pub(crate) fn sort_members(members: &mut Vec<(Cow<'_, str>, Json<'_>)>) {
    if members.windows(2).all(|pair| key_order(&pair[0].0, &pair[1].0).is_lt()) {
        return;
    }
    members.reverse();
    members.sort_by(|a, b| key_order(&a.0, &b.0));
    members.dedup_by(|a, b| a.0 == b.0);
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
    purpose: Purpose,
}

impl<'a> Parser<'a> {
    /// The next byte that is not white space.
    fn peek(&mut self) -> Option<u8> {
        let rest = &self.text.as_bytes()[self.at..];
        self.at += rest.iter().take_while(|b| matches!(b, b' ' | b'\t' | b'\n' | b'\r')).count();
        self.text.as_bytes().get(self.at).copied()
    }

    fn value(&mut self) -> Result<Json<'a>> {
        match self.peek() {
            Some(b'{') => self.nested(Self::object),
            Some(b'[') => self.nested(Self::array),
            Some(b'"') => self.string().map(Json::String),
            Some(b'-' | b'0'..=b'9') => self.number().map(Json::Number),
            _ => match self.word() {
                "null" => self.advance(4, Json::Null),
                "true" => self.advance(4, Json::Bool(true)),
                "false" => self.advance(5, Json::Bool(false)),
                _ => Err(self.unexpected("JSON value")),
            },
        }
    }

    fn advance(&mut self, bytes: usize, value: Json<'a>) -> Result<Json<'a>> {
        self.at += bytes;
        Ok(value)
    }

    fn nested(&mut self, read: impl FnOnce(&mut Self) -> Result<Json<'a>>) -> Result<Json<'a>> {
        self.at += 1;
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(Error::new("54001", "stack depth limit exceeded"));
        }
        let value = read(self)?;
        self.depth -= 1;
        Ok(value)
    }

    fn array(&mut self) -> Result<Json<'a>> {
        let mut elements = Vec::new();
        if self.peek() == Some(b']') {
            return self.advance(1, Json::Array(elements));
        }
        loop {
            elements.push(self.value()?);
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b']') => return self.advance(1, Json::Array(elements)),
                _ => return Err(self.unexpected("\",\" or \"]\"")),
            }
        }
    }

    fn object(&mut self) -> Result<Json<'a>> {
        let mut members = Vec::new();
        if self.peek() == Some(b'}') {
            return self.advance(1, Json::Object(members));
        }
        let mut expected = "string or \"}\"";
        loop {
            if self.peek() != Some(b'"') {
                return Err(self.unexpected(expected));
            }
            expected = "string";
            let key = self.string()?;
            if self.peek() != Some(b':') {
                return Err(self.unexpected("\":\""));
            }
            self.at += 1;
            members.push((key, self.value()?));
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b'}') => break,
                _ => return Err(self.unexpected("\",\" or \"}\"")),
            }
        }
        if self.purpose == Purpose::Normalize {
            sort_members(&mut members);
        }
        self.advance(1, Json::Object(members))
    }

    fn string(&mut self) -> Result<Cow<'a, str>> {
        let end = self.string_end()?;
        let raw = &self.text[self.at + 1..end];
        self.at = end + 1;
        match self.purpose {
            Purpose::Validate => Ok(Cow::Borrowed(raw)),
            _ => unescape(raw),
        }
    }

    /// Where the closing quote stands.
    fn string_end(&self) -> Result<usize> {
        let bytes = self.text.as_bytes();
        let mut at = self.at + 1;
        loop {
            match bytes.get(at) {
                None => return Err(self.unclosed()),
                Some(b'"') => return Ok(at),
                Some(b'\\') => at = self.escape_end(at)?,
                Some(&control) if control < 0x20 => {
                    return Err(syntax(format!("Character with value 0x{control:02x} must be escaped.")));
                }
                Some(_) => at += 1,
            }
        }
    }

    /// A string that goes on to the end of the text.
    fn unclosed(&self) -> Error {
        syntax(format!("Token \"{}\" is invalid.", &self.text[self.at..]))
    }

    fn escape_end(&self, at: usize) -> Result<usize> {
        match self.text.as_bytes().get(at + 1) {
            None => Err(self.unclosed()),
            Some(b'u') => match self.text.as_bytes().get(at + 2..at + 6) {
                Some(digits) if digits.iter().all(u8::is_ascii_hexdigit) => Ok(at + 6),
                None if self.text.as_bytes()[at + 2..].iter().all(u8::is_ascii_hexdigit) => Err(self.unclosed()),
                _ => Err(syntax("\"\\u\" must be followed by four hexadecimal digits.".to_owned())),
            },
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => Ok(at + 2),
            Some(_) => {
                let escaped = self.text[at + 1..].chars().next().unwrap_or_default();
                Err(syntax(format!("Escape sequence \"\\{escaped}\" is invalid.")))
            }
        }
    }

    fn number(&mut self) -> Result<Cow<'a, str>> {
        let start = self.at;
        let end = self.number_end().filter(|&end| !self.text.as_bytes().get(end).is_some_and(|&b| is_word(b)));
        let Some(end) = end else { return Err(self.invalid_token()) };
        self.at = end;
        let text = &self.text[start..end];
        let negative_zero = text.starts_with('-') && !text.bytes().any(|b| (b'1'..=b'9').contains(&b));
        if self.purpose != Purpose::Normalize || (!text.contains(['e', 'E']) && !negative_zero && text.len() < 1000) {
            return Ok(Cow::Borrowed(text));
        }
        numeric::parse(text, None).map(Cow::Owned)
    }

    fn number_end(&self) -> Option<usize> {
        let bytes = self.text.as_bytes();
        let digits = |at: usize| {
            let count = bytes[at..].iter().take_while(|b| b.is_ascii_digit()).count();
            (count > 0).then_some(at + count)
        };
        let mut at = self.at + usize::from(bytes[self.at] == b'-');
        at = if bytes.get(at) == Some(&b'0') { at + 1 } else { digits(at)? };
        if bytes.get(at) == Some(&b'.') {
            at = digits(at + 1)?;
        }
        if matches!(bytes.get(at), Some(b'e' | b'E')) {
            let sign = usize::from(matches!(bytes.get(at + 1), Some(b'+' | b'-')));
            at = digits(at + 1 + sign)?;
        }
        Some(at)
    }

    /// The run of letters, digits and the like at the current place.
    fn word(&self) -> &'a str {
        let rest = &self.text[self.at..];
        &rest[..rest.bytes().take_while(|&b| is_word(b)).count()]
    }

    /// The error of a token that has no place here.
    fn unexpected(&mut self, expected: &str) -> Error {
        let start = self.at;
        let found = match self.peek() {
            None => return ended(),
            Some(b'{' | b'}' | b'[' | b']' | b',' | b':') => &self.text[self.at..=self.at],
            Some(b'"') => match self.string_end() {
                Ok(end) => &self.text[self.at..=end],
                Err(error) => return error,
            },
            Some(b'-' | b'0'..=b'9') => match self.number() {
                Ok(_) => &self.text[start..self.at],
                Err(error) => return error,
            },
            _ => match self.word() {
                word @ ("null" | "true" | "false") => word,
                _ => return self.invalid_token(),
            },
        };
        syntax(format!("Expected {expected}, but found \"{}\".", found.trim_start()))
    }

    fn invalid_token(&self) -> Error {
        let rest = &self.text[self.at..];
        let token = |b: u8| is_word(b) || (matches!(b, b'-' | b'+' | b'.') && rest.starts_with(['-', '0', '1']));
        let length = rest.bytes().take_while(|&b| token(b)).count();
        let first = rest.chars().next().map_or(0, char::len_utf8);
        syntax(format!("Token \"{}\" is invalid.", &rest[..length.max(first)]))
    }
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80
}

fn ended() -> Error {
    syntax("The input string ended unexpectedly.".to_owned())
}

pub(super) fn syntax(detail: String) -> Error {
    Error::new("22P02", "invalid input syntax for type json").with_detail(detail)
}
