//! The type `tsvector`: sorted lexemes, each with its places in the document and their weights.

use std::collections::BTreeMap;

use basalt_core::{Error, Result};

use super::lexeme::{self, Fault, Place};

/// The highest place that is told apart.
pub(super) const MAX_POSITION: u16 = 16383;
/// How many places of one lexeme are kept.
const MAX_POSITIONS: usize = 256;

/// A word's place in a document, from 1, and its weight: 0 (`D`) to 3 (`A`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Position {
    pub at: u16,
    pub weight: u8,
}

/// A `tsvector` that is being built.
#[derive(Debug, Default)]
pub(super) struct Vector(pub BTreeMap<String, Vec<Position>>);

impl Vector {
    /// Adds a lexeme where it stands in the document.
    pub fn add(&mut self, lexeme: String, at: usize) {
        let at = at.min(usize::from(MAX_POSITION)) as u16;
        let positions = self.0.entry(lexeme).or_default();
        if positions.len() < MAX_POSITIONS && positions.last().is_none_or(|last| last.at < at) {
            positions.push(Position { at, weight: 0 });
        }
    }

    /// Adds places to a lexeme's, which are put in order by [`Vector::settle`].
    fn add_all(&mut self, lexeme: String, positions: impl IntoIterator<Item = Position>) {
        self.0.entry(lexeme).or_default().extend(positions);
    }

    /// Sorts each lexeme's places; of two at one place, the heavier stays.
    fn settle(mut self) -> Self {
        for positions in self.0.values_mut() {
            positions.sort_unstable_by_key(|p| (p.at, std::cmp::Reverse(p.weight)));
            positions.dedup_by_key(|p| p.at);
            positions.truncate(MAX_POSITIONS);
        }
        self
    }

    /// PostgreSQL's text, which is also the stored form.
    pub fn write(&self) -> String {
        let mut out = String::with_capacity(self.0.len() * 12);
        for (text, positions) in &self.0 {
            if !out.is_empty() {
                out.push(' ');
            }
            lexeme::write(text, &mut out);
            for (i, position) in positions.iter().enumerate() {
                out.push(if i == 0 { ':' } else { ',' });
                out.push_str(itoa::Buffer::new().format(position.at));
                if position.weight > 0 {
                    out.push(weight_letter(position.weight));
                }
            }
        }
        out
    }

    /// From the stored form.
    pub fn read(stored: &str) -> Vector {
        Vector(
            entries(stored).map(|e| (lexeme::unescape(e.raw).into_owned(), positions(e.positions).collect())).collect(),
        )
    }

    /// The words of `left` followed by those of `right`, whose places move on behind the left ones.
    pub fn concat(left: &str, right: &str) -> Vector {
        let mut vector = Vector::read(left);
        let last = vector.0.values().flatten().map(|p| p.at).max().unwrap_or(0);
        for entry in entries(right) {
            let moved =
                positions(entry.positions).map(|p| Position { at: p.at.saturating_add(last).min(MAX_POSITION), ..p });
            vector.add_all(lexeme::unescape(entry.raw).into_owned(), moved);
        }
        vector.settle()
    }
}

/// One lexeme of a stored vector, as it is written there.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry<'a> {
    /// Between the quotes, escapes and all.
    pub raw: &'a str,
    /// Behind the colon; empty without places.
    pub positions: &'a str,
}

/// The lexemes of a stored vector.
pub(super) fn entries(stored: &str) -> impl Iterator<Item = Entry<'_>> {
    let mut rest = stored;
    std::iter::from_fn(move || {
        let quoted = rest.trim_start_matches(' ').strip_prefix('\'')?;
        let raw = &quoted[..closing_quote(quoted)?];
        let positions = positions_after(&quoted[raw.len() + 1..]);
        rest = &quoted[raw.len() + 1 + positions.len()..];
        let positions = positions.trim_start_matches(':');
        Some(Entry { raw, positions })
    })
}

/// Where the quote stands that ends a lexeme.
pub(super) fn closing_quote(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut at = memchr::memchr(b'\'', bytes)?;
    while bytes.get(at + 1) == Some(&b'\'') {
        at += 2 + memchr::memchr(b'\'', &bytes[at + 2..])?;
    }
    Some(at)
}

/// The places behind a lexeme's closing quote, colon included; empty if it has none.
pub(super) fn positions_after(text: &str) -> &str {
    if !text.starts_with(':') {
        return "";
    }
    &text[..memchr::memchr(b' ', text.as_bytes()).unwrap_or(text.len())]
}

/// The places of a stored lexeme.
pub(super) fn positions(list: &str) -> impl Iterator<Item = Position> {
    list.split(',').filter(|item| !item.is_empty()).map(|item| {
        let digits = item.trim_end_matches(|c: char| c.is_ascii_alphabetic());
        let weight = item[digits.len()..].chars().next().and_then(weight_of).unwrap_or(0);
        Position { at: digits.parse().unwrap_or(MAX_POSITION), weight }
    })
}

/// Reads what a user wrote (42601).
pub(super) fn parse(text: &str) -> Result<Vector> {
    let mut vector = Vector::default();
    let mut rest = text;
    while let Some((lexeme, following)) = lexeme::read(rest, Place::Vector).map_err(|fault| fault_of(fault, text))? {
        let mut found = Vec::new();
        rest = match following.strip_prefix(':') {
            Some(list) => parse_positions(list, text, &mut found)?,
            None => following,
        };
        vector.add_all(lexeme, found);
    }
    Ok(vector.settle())
}

fn parse_positions<'a>(list: &'a str, text: &str, found: &mut Vec<Position>) -> Result<&'a str> {
    let mut rest = list;
    loop {
        let digits = &rest[..rest.bytes().take_while(u8::is_ascii_digit).count()];
        if digits.is_empty() {
            return Err(syntax_error(text));
        }
        let at = digits.parse::<u64>().unwrap_or(u64::MAX).min(MAX_POSITION.into()) as u16;
        if at == 0 {
            return Err(Error::new("42601", format!("wrong position info in tsvector: \"{text}\"")));
        }
        rest = &rest[digits.len()..];
        let weight = match rest.chars().next() {
            Some('*') => Some(3),
            Some(c) => weight_of(c),
            None => None,
        };
        if weight.is_some() {
            rest = &rest[1..];
        }
        found.push(Position { at, weight: weight.unwrap_or(0) });
        match rest.chars().next() {
            Some(',') => rest = &rest[1..],
            Some(c) if !lexeme::is_space(c) => return Err(syntax_error(text)),
            _ => return Ok(rest),
        }
    }
}

/// The number of a weight's letter.
pub(super) fn weight_of(letter: char) -> Option<u8> {
    match letter.to_ascii_uppercase() {
        'A' => Some(3),
        'B' => Some(2),
        'C' => Some(1),
        'D' => Some(0),
        _ => None,
    }
}

/// The letter of a weight.
pub(super) fn weight_letter(weight: u8) -> char {
    char::from(b'D' - weight)
}

fn fault_of(fault: Fault, text: &str) -> Error {
    match fault {
        Fault::Syntax => syntax_error(text),
        Fault::Escape => Error::new("42601", format!("there is no escaped character: \"{text}\"")),
    }
}

fn syntax_error(text: &str) -> Error {
    Error::new("42601", format!("syntax error in tsvector: \"{text}\""))
}
