//! A reading position in a body.

use basalt_core::{Error, Result};
use sqlparser::tokenizer::Token;

use crate::compile::parse::tokens;
use crate::ddl::cursor::syntax_error;

/// The tokens of a body, white space left out, and where to read on.
pub(crate) struct Tokens<'b> {
    /// The body.
    pub text: &'b str,
    tokens: Vec<Placed>,
    next: usize,
}

struct Placed {
    token: Token,
    start: usize,
    end: usize,
}

impl<'b> Tokens<'b> {
    /// Reads a body's tokens. 42601 for what none can be made of.
    pub fn new(text: &'b str) -> Result<Self> {
        let found = tokens(text).map_err(|error| syntax_error(text, error))?;
        let mut places = Places { text, line: 1, column: 1, at: 0 };
        let mut placed: Vec<Placed> = Vec::with_capacity(found.len());
        for token in found {
            if matches!(token.token, Token::Whitespace(_) | Token::EOF) {
                continue;
            }
            let start = places.of(token.span.start.line, token.span.start.column);
            let end = places.of(token.span.end.line, token.span.end.column);
            // `int4range '[1,2)'` comes as a cast, whose type stands behind the literal.
            let end = placed.last().map_or(end, |last| last.end.max(end));
            placed.push(Placed { token: token.token, start, end });
        }
        Ok(Tokens { text, tokens: with_ranges(placed), next: 0 })
    }

    /// The next token.
    pub fn peek(&self) -> Option<&Token> {
        self.ahead(0)
    }

    /// The token so many further.
    pub fn ahead(&self, count: usize) -> Option<&Token> {
        self.tokens.get(self.next + count).map(|placed| &placed.token)
    }

    /// Byte offset of the next token.
    pub fn at(&self) -> usize {
        self.tokens.get(self.next).map_or(self.text.len(), |placed| placed.start)
    }

    /// Byte offset behind the last token read.
    pub fn end(&self) -> usize {
        self.next.checked_sub(1).map_or(0, |last| self.tokens[last].end)
    }

    /// Reads over a token.
    pub fn skip(&mut self) {
        self.next = (self.next + 1).min(self.tokens.len());
    }

    /// The word so many tokens further, in lower case; none for a quoted name.
    pub fn word(&self, count: usize) -> Option<String> {
        match self.ahead(count)? {
            Token::Word(word) if word.quote_style.is_none() => Some(word.value.to_ascii_lowercase()),
            _ => None,
        }
    }

    /// Whether a comma comes next.
    pub fn sees_comma(&self) -> bool {
        self.peek() == Some(&Token::Comma)
    }

    /// Whether the two points of a range come next.
    pub fn sees_range(&self) -> bool {
        self.peek() == Some(&Token::Period) && self.ahead(1) == Some(&Token::Period)
    }

    /// Whether these words come next.
    pub fn sees(&self, words: &str) -> bool {
        words.split(' ').enumerate().all(|(at, word)| self.word(at).as_deref() == Some(word))
    }

    /// Reads over these words if they come next.
    pub fn accept(&mut self, words: &str) -> bool {
        let found = self.sees(words);
        if found {
            self.next += words.split(' ').count();
        }
        found
    }

    /// Reads over a token if it comes next.
    pub fn accept_token(&mut self, token: &Token) -> bool {
        let found = self.peek() == Some(token);
        if found {
            self.skip();
        }
        found
    }

    /// Reads over these words, which have to come next.
    pub fn expect(&mut self, words: &str) -> Result<()> {
        if self.accept(words) { Ok(()) } else { Err(self.unexpected()) }
    }

    /// Reads over a token, which has to come next.
    pub fn expect_token(&mut self, token: &Token) -> Result<()> {
        if self.accept_token(token) { Ok(()) } else { Err(self.unexpected()) }
    }

    /// A name, folded to lower case unless quoted.
    pub fn name(&mut self) -> Result<String> {
        let Some(Token::Word(word)) = self.peek() else { return Err(self.unexpected()) };
        let name = if word.quote_style.is_some() { word.value.clone() } else { word.value.to_ascii_lowercase() };
        self.skip();
        Ok(name)
    }

    /// A string literal, if one comes next.
    pub fn accept_string(&mut self) -> Option<String> {
        let text = match self.peek()? {
            Token::SingleQuotedString(text) | Token::EscapedStringLiteral(text) | Token::UnicodeStringLiteral(text) => {
                text.clone()
            }
            Token::DollarQuotedString(quoted) => quoted.value.clone(),
            _ => return None,
        };
        self.skip();
        Some(text)
    }

    /// The text with other words in the places of some tokens: `other` tells how many of the next ones they are for. What is shorter is
    /// filled up with blanks, so that all else stays where it is.
    ///
    /// Errors: those of `other`.
    pub fn replaced(mut self, other: impl Fn(&Self) -> Result<Option<(usize, String)>>) -> Result<String> {
        let (mut out, mut copied) = (String::with_capacity(self.text.len()), 0);
        while self.peek().is_some() {
            let Some((count, words)) = other(&self)? else {
                self.skip();
                continue;
            };
            let start = self.at();
            out.push_str(&self.text[copied..start]);
            self.next += count;
            copied = self.end();
            out.push_str(&format!("{words:width$}", width = copied - start));
        }
        out.push_str(&self.text[copied..]);
        Ok(out)
    }

    /// 42601 at the next token, in PostgreSQL's words.
    pub fn unexpected(&self) -> Error {
        let message = match self.peek() {
            Some(token) => format!("syntax error at or near \"{token}\""),
            None => "syntax error at end of input".to_owned(),
        };
        Error::new("42601", message).at(self.at())
    }

    /// Reads up to the token outside of all parentheses for which `ends` says so, which stays; tells the bytes read over.
    ///
    /// Errors: 42601 when the body ends before.
    pub fn until(&mut self, ends: impl Fn(&Self) -> bool) -> Result<(usize, usize)> {
        let (start, mut depth) = (self.at(), 0usize);
        loop {
            match self.peek() {
                None => return Err(self.unexpected()),
                Some(_) if depth == 0 && ends(self) => return Ok((start, self.end().max(start))),
                Some(Token::SemiColon) => return Err(self.unexpected()),
                Some(Token::LParen | Token::LBracket) => depth += 1,
                Some(Token::RParen | Token::RBracket) => {
                    depth = depth.checked_sub(1).ok_or_else(|| self.unexpected())?;
                }
                Some(_) => {}
            }
            self.skip();
        }
    }
}

/// `1..10`, which the tokenizer takes for the numbers `1.` and `.10`: two points between what they separate.
fn with_ranges(tokens: Vec<Placed>) -> Vec<Placed> {
    let mut split: Vec<Placed> = Vec::with_capacity(tokens.len());
    for Placed { token, start, end } in tokens {
        let follows_point = split.last().is_some_and(|last| last.token == Token::Period && last.end == start);
        match token {
            Token::Number(number, long) if number.len() > 1 && number.ends_with('.') => {
                let whole = Token::Number(number[..number.len() - 1].to_owned(), long);
                split.push(Placed { token: whole, start, end: end - 1 });
                split.push(Placed { token: Token::Period, start: end - 1, end });
            }
            Token::Number(number, long) if number.starts_with('.') && follows_point => {
                split.push(Placed { token: Token::Period, start, end: start + 1 });
                split.push(Placed { token: Token::Number(number[1..].to_owned(), long), start: start + 1, end });
            }
            token => split.push(Placed { token, start, end }),
        }
    }
    split
}

/// Lines and columns, in order, as byte offsets.
struct Places<'b> {
    text: &'b str,
    line: u64,
    column: u64,
    at: usize,
}

impl Places<'_> {
    fn of(&mut self, line: u64, column: u64) -> usize {
        if (line, column) < (self.line, self.column) {
            (self.line, self.column, self.at) = (1, 1, 0);
        }
        for c in self.text[self.at..].chars() {
            if (self.line, self.column) >= (line, column) {
                break;
            }
            self.at += c.len_utf8();
            (self.line, self.column) = if c == '\n' { (self.line + 1, 1) } else { (self.line, self.column + 1) };
        }
        self.at
    }
}
