//! A place in a text, and the errors of the dialect's parsers in the form that PostgREST gives them (`PGRST100`).

/// A parser's position. Columns count characters from 1.
#[derive(Clone)]
pub(super) struct Cursor<'a> {
    text: &'a str,
    at: usize,
}

/// What stood where something else was expected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SyntaxError {
    /// Column, from 1.
    pub column: usize,
    /// `unexpected "x" expecting y`.
    pub details: String,
}

pub(super) type Parsed<T> = Result<T, SyntaxError>;

impl<'a> Cursor<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Cursor { text, at: 0 }
    }

    pub(super) fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    pub(super) fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    pub(super) fn at_end(&self) -> bool {
        self.at == self.text.len()
    }

    /// Byte offset, to measure what was read.
    pub(super) fn offset(&self) -> usize {
        self.at
    }

    pub(super) fn since(&self, offset: usize) -> &'a str {
        &self.text[offset..self.at]
    }

    pub(super) fn next(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.at += c.len_utf8();
        Some(c)
    }

    /// Takes `word` if it stands here.
    pub(super) fn take(&mut self, word: &str) -> bool {
        let found = self.rest().starts_with(word);
        if found {
            self.at += word.len();
        }
        found
    }

    /// Takes an ASCII word in letters of any case if it stands here.
    pub(super) fn take_any_case(&mut self, word: &str) -> bool {
        let found = self.rest().get(..word.len()).is_some_and(|text| text.eq_ignore_ascii_case(word));
        if found {
            self.at += word.len();
        }
        found
    }

    pub(super) fn take_while(&mut self, accept: impl Fn(char) -> bool) -> &'a str {
        let start = self.at;
        let length = self.rest().find(|c| !accept(c)).unwrap_or(self.rest().len());
        self.at += length;
        self.since(start)
    }

    pub(super) fn take_rest(&mut self) -> &'a str {
        let rest = self.rest();
        self.at = self.text.len();
        rest
    }

    pub(super) fn skip_spaces(&mut self) {
        self.take_while(|c| c == ' ' || c == '\t');
    }

    pub(super) fn expect(&mut self, word: &str) -> Parsed<()> {
        if self.take(word) { Ok(()) } else { Err(self.unexpected(&format!("\"{word}\""))) }
    }

    pub(super) fn unexpected(&self, expecting: &str) -> SyntaxError {
        self.unexpected_beyond("", expecting)
    }

    /// The error of a text that may begin like `word` but is none: placed at its beginning, it names the first character that differs.
    pub(super) fn unexpected_beyond(&self, word: &str, expecting: &str) -> SyntaxError {
        let common = self.rest().bytes().zip(word.bytes()).take_while(|(a, b)| a == b).count();
        let found = match self.rest().get(common..).and_then(|rest| rest.chars().next()) {
            Some(c) => format!("\"{}\"", c.escape_debug()),
            None => "end of input".to_owned(),
        };
        SyntaxError {
            column: self.text[..self.at].chars().count() + 1,
            details: format!("unexpected {found} expecting {expecting}"),
        }
    }

    /// Runs `parse` on a copy and keeps its progress only if it succeeds.
    pub(super) fn attempt<T>(&mut self, parse: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        let mut copy = self.clone();
        let value = parse(&mut copy)?;
        *self = copy;
        Ok(value)
    }

    /// `item (separator item)*`, spaces around separators ignored.
    pub(super) fn list<T>(&mut self, separator: &str, mut item: impl FnMut(&mut Self) -> Parsed<T>) -> Parsed<Vec<T>> {
        let mut items = vec![item(self)?];
        loop {
            self.skip_spaces();
            if !self.take(separator) {
                return Ok(items);
            }
            self.skip_spaces();
            items.push(item(self)?);
        }
    }
}
