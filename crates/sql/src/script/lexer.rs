//! Just enough of PostgreSQL's lexical structure (manual, section 4.1) to tell what is quoted and what is not.

use basalt_core::{Error, Result};

/// What stands in a script, comments and white space aside.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Token<'a> {
    /// A word: key word, name or number.
    Word(&'a str),
    /// `;`
    Semicolon,
    /// `\`
    Backslash,
    /// `:`, alone.
    Colon,
    /// A string, a quoted name, or any other character.
    Other,
}

/// A reading position in a script.
pub(crate) struct Lexer<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Lexer<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        // A byte order mark is white space.
        Lexer { text, at: if text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 } }
    }

    /// The first byte that was not read yet.
    pub(crate) fn position(&self) -> usize {
        self.at
    }

    /// The length of the script.
    pub(super) fn end(&self) -> usize {
        self.text.len()
    }

    pub(super) fn slice(&self, from: usize, to: usize) -> &'a str {
        &self.text[from..to]
    }

    /// The next token and its offset.
    pub(crate) fn next(&mut self) -> Result<Option<(Token<'a>, usize)>> {
        self.skip_blank()?;
        let start = self.at;
        let Some(c) = self.rest().chars().next() else { return Ok(None) };
        let token = match c {
            ';' => self.take(c, Token::Semicolon),
            '\\' => self.take(c, Token::Backslash),
            ':' if self.rest().starts_with("::") => {
                self.at += 1;
                self.take(c, Token::Other)
            }
            ':' => self.take(c, Token::Colon),
            '\'' => self.quoted('\'', false)?,
            '"' => self.quoted('"', false)?,
            'e' | 'E' if self.rest()[1..].starts_with('\'') => {
                self.at += 1;
                self.quoted('\'', true)?
            }
            '$' => match self.dollar_tag() {
                Some(tag) => self.dollar_quoted(tag)?,
                None => self.take(c, Token::Other),
            },
            c if is_word_char(c) => {
                let word = self.rest();
                // A dollar sign within a word begins no quote.
                let length = word.find(|c: char| !is_word_char(c) && c != '$').unwrap_or(word.len());
                self.at += length;
                Token::Word(&word[..length])
            }
            c => self.take(c, Token::Other),
        };
        Ok(Some((token, start)))
    }

    /// The line that begins at `start`, without its end.
    pub(super) fn line(&self, start: usize) -> &'a str {
        self.text[start..].split('\n').next().unwrap_or_default().trim_end()
    }

    /// The same; reads over it.
    pub(super) fn rest_of_line(&mut self, start: usize) -> &'a str {
        let line = self.line(start);
        self.at = start + line.len();
        line
    }

    /// The lines after this one up to `\.`; reads over them.
    pub(super) fn copy_data(&mut self) -> &'a str {
        let first_line = self.rest().find('\n').map_or(self.rest().len(), |newline| newline + 1);
        self.at += first_line;
        let start = self.at;
        for line in self.text[start..].split_inclusive('\n') {
            let end = self.at;
            self.at += line.len();
            if line.trim_end_matches(['\r', '\n']) == "\\." {
                return &self.text[start..end];
            }
        }
        &self.text[start..]
    }

    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn take(&mut self, c: char, token: Token<'a>) -> Token<'a> {
        self.at += c.len_utf8();
        token
    }

    fn skip_blank(&mut self) -> Result<()> {
        loop {
            let rest = self.rest();
            if rest.starts_with("--") {
                self.at += rest.find('\n').unwrap_or(rest.len());
            } else if rest.starts_with("/*") {
                self.block_comment()?;
            } else if let Some(c) = rest.chars().next().filter(|c| c.is_whitespace()) {
                self.at += c.len_utf8();
            } else {
                return Ok(());
            }
        }
    }

    fn block_comment(&mut self) -> Result<()> {
        let start = self.at;
        let mut depth = 0usize;
        loop {
            let rest = self.rest();
            if rest.starts_with("/*") {
                depth += 1;
                self.at += 2;
            } else if rest.starts_with("*/") {
                depth -= 1;
                self.at += 2;
                if depth == 0 {
                    return Ok(());
                }
            } else if let Some(c) = rest.chars().next() {
                self.at += c.len_utf8();
            } else {
                return Err(self.unterminated("/* comment", start));
            }
        }
    }

    /// A string or name up to its closing quote; a doubled quote stands for itself.
    fn quoted(&mut self, quote: char, backslash_escapes: bool) -> Result<Token<'a>> {
        let start = self.at;
        self.at += 1;
        let mut chars = self.rest().char_indices().peekable();
        while let Some((i, c)) = chars.next() {
            if c == '\\' && backslash_escapes {
                chars.next();
            } else if c == quote && chars.next_if(|(_, next)| *next == quote).is_none() {
                self.at += i + 1;
                return Ok(Token::Other);
            }
        }
        self.at = self.text.len();
        let what = if quote == '"' { "quoted identifier" } else { "quoted string" };
        Err(self.unterminated(what, start))
    }

    /// The opening `$tag$` here, if it is one.
    fn dollar_tag(&self) -> Option<&'a str> {
        let rest = self.rest();
        let length = rest[1..].find('$')? + 2;
        let tag = &rest[1..length - 1];
        let starts_well = !tag.starts_with(|c: char| c.is_ascii_digit());
        (starts_well && tag.chars().all(is_word_char)).then_some(&rest[..length])
    }

    fn dollar_quoted(&mut self, tag: &str) -> Result<Token<'a>> {
        let start = self.at;
        let body = self.at + tag.len();
        match self.text[body..].find(tag) {
            Some(length) => {
                self.at = body + length + tag.len();
                Ok(Token::Other)
            }
            None => Err(self.unterminated("dollar-quoted string", start)),
        }
    }

    fn unterminated(&self, what: &str, start: usize) -> Error {
        let shown: String = self.text[start..].chars().take(40).collect();
        Error::new("42601", format!("unterminated {what} at or near \"{shown}\"")).at(start)
    }
}

fn is_word_char(c: char) -> bool {
    c.is_alphanumeric() || c == '_' || !c.is_ascii()
}
