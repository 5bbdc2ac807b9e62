//! A reading position in a definition statement: words, names and literals are read here, expressions and queries by `sqlparser`.

use basalt_core::{Error, Result};
use sqlparser::ast::{Expr, Query};
use sqlparser::dialect::PostgreSqlDialect;
use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::{Location, Token};

use crate::compile::parse::{VARIADIC, carried_tokens};
use crate::unread::{useless_word, with_advice};

use super::keywords::{names_columns, names_functions};

/// Binds as tightly as PostgreSQL's `b_expr`, which a DEFAULT takes: no AND, OR, NOT or IS without parentheses.
const DEFAULT_PRECEDENCE: u8 = 40;

/// A name that may be qualified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RawName {
    /// The schema, if written.
    pub(super) schema: Option<String>,
    /// The name.
    pub(super) name: String,
    /// Where it stands.
    pub(super) at: usize,
}

impl RawName {
    /// As SQL.
    pub(super) fn quoted(&self) -> String {
        let parts = self.schema.iter().chain([&self.name]).map(|part| crate::quote::ident(part));
        parts.collect::<Vec<_>>().join(".")
    }

    /// As it was written.
    pub(super) fn text(&self) -> String {
        match &self.schema {
            Some(schema) => format!("{schema}.{}", self.name),
            None => self.name.clone(),
        }
    }
}

/// A reading position in one statement.
pub(super) struct Cursor<'a> {
    sql: &'a str,
    parser: Parser<'static>,
}

impl<'a> Cursor<'a> {
    /// Begins to read a statement.
    pub(super) fn new(sql: &'a str) -> Result<Self> {
        let tokens = carried_tokens(sql).map_err(|e| syntax_error(sql, e))?;
        Ok(Cursor { sql, parser: Parser::new(&PostgreSqlDialect {}).with_tokens_with_locations(tokens) })
    }

    /// The statement's text.
    pub(super) fn sql(&self) -> &'a str {
        self.sql
    }

    /// Byte offset of the next token.
    pub(super) fn offset(&self) -> usize {
        let token = self.parser.peek_token_ref();
        if token.token == Token::EOF { self.sql.len() } else { offset_of(self.sql, token.span.start) }
    }

    /// Byte offset behind the last token read.
    pub(super) fn end_offset(&self) -> usize {
        offset_of(self.sql, self.parser.get_current_token().span.end)
    }

    /// Whether these unquoted words come next.
    pub(super) fn peek(&self, words: &str) -> bool {
        words.split(' ').enumerate().all(|(i, word)| {
            matches!(&self.parser.peek_nth_token_ref(i).token,
                Token::Word(w) if w.quote_style.is_none() && w.value.eq_ignore_ascii_case(word))
        })
    }

    /// Reads over these words if they come next.
    pub(super) fn accept(&mut self, words: &str) -> bool {
        let found = self.peek(words);
        if found {
            words.split(' ').for_each(|_| self.parser.advance_token());
        }
        found
    }

    /// Reads over `variadic` if it comes next.
    pub(super) fn accept_variadic(&mut self) -> bool {
        self.accept_token(&Token::make_word(VARIADIC, Some('"'))) && self.accept_token(&Token::Comma)
    }

    /// Reads over the one of these words that comes next, and tells which.
    pub(super) fn accept_any<'w>(&mut self, choices: &[&'w str]) -> Option<&'w str> {
        choices.iter().find(|words| self.accept(words)).copied()
    }

    /// Reads over these words, which have to come next.
    pub(super) fn expect(&mut self, words: &str) -> Result<()> {
        for word in words.split(' ') {
            if !self.accept(word) {
                return Err(self.unexpected());
            }
        }
        Ok(())
    }

    /// Reads over a token if it comes next.
    pub(super) fn accept_token(&mut self, token: &Token) -> bool {
        let found = self.peek_token(token);
        if found {
            self.parser.advance_token();
        }
        found
    }

    /// Whether this token comes next.
    pub(super) fn peek_token(&self, token: &Token) -> bool {
        self.parser.peek_token_ref().token == *token
    }

    /// Reads over a token, which has to come next.
    pub(super) fn expect_token(&mut self, token: &Token) -> Result<()> {
        if self.accept_token(token) { Ok(()) } else { Err(self.unexpected()) }
    }

    /// Whether the statement ends here.
    pub(super) fn at_end(&self) -> bool {
        self.peek_token(&Token::EOF) || self.peek_token(&Token::SemiColon)
    }

    /// Checks that the statement ends here.
    pub(super) fn finish(&mut self) -> Result<()> {
        self.accept_token(&Token::SemiColon);
        if self.peek_token(&Token::EOF) { Ok(()) } else { Err(self.unexpected()) }
    }

    /// Reads over one token, whatever it is; tells its text.
    pub(super) fn skip(&mut self) -> String {
        self.parser.next_token().token.to_string()
    }

    /// Reads on until some of these words were read, and tells which; or to the end.
    pub(super) fn skip_to<'w>(&mut self, choices: &[&'w str]) -> Option<&'w str> {
        while !self.at_end() {
            match self.accept_any(choices) {
                None => self.parser.advance_token(),
                found => return found,
            }
        }
        None
    }

    /// Reads over the rest of the statement, which says nothing that matters here.
    pub(super) fn skip_all(&mut self) {
        while !self.peek_token(&Token::EOF) {
            self.parser.advance_token();
        }
    }

    /// A name: folded to lower case unless quoted.
    pub(super) fn ident(&mut self) -> Result<String> {
        self.ident_unless(|word| !names_columns(word))
    }

    /// The name of a function's parameter.
    pub(super) fn parameter_name(&mut self) -> Result<String> {
        self.ident_unless(|word| !names_functions(word))
    }

    /// A word, be it reserved.
    pub(super) fn label(&mut self) -> Result<String> {
        self.ident_unless(|_| false)
    }

    fn ident_unless(&mut self, is_taken: impl Fn(&str) -> bool) -> Result<String> {
        match &self.parser.peek_token_ref().token {
            Token::Word(word) if word.quote_style.is_none() && is_taken(&word.value.to_ascii_lowercase()) => {
                Err(self.unexpected())
            }
            Token::Word(word) => {
                let name =
                    if word.quote_style.is_some() { word.value.clone() } else { word.value.to_ascii_lowercase() };
                if name.is_empty() {
                    return Err(Error::new("42601", "zero-length delimited identifier").at(self.offset()));
                }
                self.parser.advance_token();
                Ok(name)
            }
            _ => Err(self.unexpected()),
        }
    }

    /// The name that comes next, not read over.
    pub(super) fn ident_ahead(&self) -> Option<String> {
        self.word_at(0)
    }

    /// The name so many tokens ahead, not read over.
    pub(super) fn word_at(&self, ahead: usize) -> Option<String> {
        match &self.parser.peek_nth_token_ref(ahead).token {
            Token::Word(word) if word.quote_style.is_some() => Some(word.value.clone()),
            Token::Word(word) => Some(word.value.to_ascii_lowercase()),
            _ => None,
        }
    }

    /// The token so many further.
    pub(super) fn token_at(&self, ahead: usize) -> &Token {
        &self.parser.peek_nth_token_ref(ahead).token
    }

    /// `name`, `schema.name`, or `database.schema.name`.
    pub(super) fn name(&mut self) -> Result<RawName> {
        let at = self.offset();
        let mut parts = self.dotted()?;
        let name = parts.pop().unwrap_or_default();
        Ok(RawName { schema: parts.pop(), name, at })
    }

    /// The name of a function, as [`Cursor::name`] reads others'.
    pub(super) fn function_name(&mut self) -> Result<RawName> {
        let at = self.offset();
        let is_qualified = self.parser.peek_nth_token_ref(1).token == Token::Period;
        let first = if is_qualified { self.ident()? } else { self.parameter_name()? };
        let mut parts = self.after_dots(first)?;
        let name = parts.pop().unwrap_or_default();
        Ok(RawName { schema: parts.pop(), name, at })
    }

    /// Names with dots between them.
    pub(super) fn dotted(&mut self) -> Result<Vec<String>> {
        let first = self.ident()?;
        self.after_dots(first)
    }

    /// The name of a setting, or `all`.
    pub(super) fn setting_name(&mut self) -> Result<String> {
        let first = self.label()?;
        Ok(self.after_dots(first)?.join("."))
    }

    /// After a dot any word is a name.
    fn after_dots(&mut self, first: String) -> Result<Vec<String>> {
        let mut parts = vec![first];
        while self.accept_token(&Token::Period) {
            parts.push(self.label()?);
        }
        Ok(parts)
    }

    /// One or more of something, with commas between.
    pub(super) fn list<T>(&mut self, mut item: impl FnMut(&mut Self) -> Result<T>) -> Result<Vec<T>> {
        let mut items = vec![item(self)?];
        while self.accept_token(&Token::Comma) {
            items.push(item(self)?);
        }
        Ok(items)
    }

    /// Names in parentheses.
    pub(super) fn column_list(&mut self) -> Result<Vec<String>> {
        self.expect_token(&Token::LParen)?;
        let names = self.list(Self::ident)?;
        self.expect_token(&Token::RParen)?;
        Ok(names)
    }

    /// What is left, cut at its commas outside of parentheses and brackets; each item has its comma, and is to be read over up to
    /// [`Cursor::end_item`].
    pub(super) fn items(&mut self) -> Vec<Cursor<'a>> {
        let (mut items, mut depth) = (vec![Vec::new()], 0usize);
        while let Some(token) = self.parser.next_token_no_skip().cloned() {
            match token.token {
                Token::LParen | Token::LBracket => depth += 1,
                Token::RParen | Token::RBracket => depth = depth.saturating_sub(1),
                _ => {}
            }
            let ends = depth == 0 && token.token == Token::Comma;
            if let Some(item) = items.last_mut() {
                item.push(token);
            }
            if ends {
                items.push(Vec::new());
            }
        }
        let parser = |tokens| Parser::new(&PostgreSqlDialect {}).with_tokens_with_locations(tokens);
        items.into_iter().map(|tokens| Cursor { sql: self.sql, parser: parser(tokens) }).collect()
    }

    /// Checks that one of [`Cursor::items`] ends here.
    pub(super) fn end_item(&mut self) -> Result<()> {
        self.accept_token(&Token::Comma);
        self.finish()
    }

    /// A string literal of any kind.
    pub(super) fn string(&mut self) -> Result<String> {
        match self.accept_string() {
            Some(text) => Ok(text),
            None => Err(self.unexpected()),
        }
    }

    /// A string literal, if one comes next.
    pub(super) fn accept_string(&mut self) -> Option<String> {
        let text = match &self.parser.peek_token_ref().token {
            Token::SingleQuotedString(text)
            | Token::EscapedStringLiteral(text)
            | Token::NationalStringLiteral(text)
            | Token::UnicodeStringLiteral(text) => text.clone(),
            Token::DollarQuotedString(quoted) => quoted.value.clone(),
            _ => return None,
        };
        self.parser.advance_token();
        Some(text)
    }

    /// An integer with an optional sign.
    pub(super) fn integer(&mut self) -> Result<i64> {
        let at = self.offset();
        let negative = self.accept_token(&Token::Minus);
        if !negative {
            self.accept_token(&Token::Plus);
        }
        let Token::Number(digits, _) = &self.parser.peek_token_ref().token else { return Err(self.unexpected()) };
        let text = if negative { format!("-{digits}") } else { digits.clone() };
        self.parser.advance_token();
        text.parse().map_err(|_| Error::out_of_range("bigint", &text).at(at))
    }

    /// An expression.
    pub(super) fn expr(&mut self) -> Result<Expr> {
        self.parser.parse_expr().map_err(|e| syntax_error(self.sql, e))
    }

    /// An expression in parentheses.
    pub(super) fn parenthesized(&mut self) -> Result<Expr> {
        self.expect_token(&Token::LParen)?;
        let expr = self.expr()?;
        self.expect_token(&Token::RParen)?;
        Ok(expr)
    }

    /// The text between parentheses, whatever it is.
    pub(super) fn in_parentheses(&mut self) -> Result<&'a str> {
        self.expect_token(&Token::LParen)?;
        let (start, mut depth) = (self.offset(), 0usize);
        loop {
            let end = self.offset();
            match &self.parser.peek_token_ref().token {
                Token::EOF => return Err(self.unexpected()),
                Token::RParen if depth == 0 => {
                    self.parser.advance_token();
                    return Ok(&self.sql[start..end]);
                }
                Token::RParen => depth -= 1,
                Token::LParen => depth += 1,
                _ => {}
            }
            self.parser.advance_token();
        }
    }

    /// The expression of a DEFAULT.
    pub(super) fn default_expr(&mut self) -> Result<Expr> {
        self.parser.parse_subexpr(DEFAULT_PRECEDENCE).map_err(|e| syntax_error(self.sql, e))
    }

    /// A query.
    pub(super) fn query(&mut self) -> Result<Query> {
        self.parser.parse_query().map(|query| *query).map_err(|e| syntax_error(self.sql, e))
    }

    /// 42601 at the next token, in PostgreSQL's words.
    pub(super) fn unexpected(&self) -> Error {
        let token = &self.parser.peek_token_ref().token;
        let message = match token {
            Token::EOF => "syntax error at end of input".to_owned(),
            token => format!("syntax error at or near \"{token}\""),
        };
        Error::new("42601", message).at(self.offset())
    }
}

/// `sqlparser`'s error as PostgreSQL's 42601, with its place as a byte offset.
pub(crate) fn syntax_error(sql: &str, error: ParserError) -> Error {
    let text = match error {
        ParserError::TokenizerError(text) | ParserError::ParserError(text) => text,
        ParserError::RecursionLimitExceeded => return Error::new("54001", "stack depth limit exceeded"),
    };
    let number = |label: &str| {
        let digits = text.rsplit_once(label)?.1;
        digits.chars().take_while(char::is_ascii_digit).collect::<String>().parse().ok()
    };
    let location = number("Line: ").zip(number("Column: ")).map(|(line, column)| Location { line, column });
    let at = location.map(|location| offset_of(sql, location));
    let found = text.rsplit_once("found: ").map(|(_, rest)| rest.split(" at Line: ").next().unwrap_or(rest));
    let found = found.or_else(|| useless_word(&text, sql, at?));
    let message = match found {
        Some("EOF") => "syntax error at end of input".to_owned(),
        Some(token) => format!("syntax error at or near \"{token}\""),
        None => format!("syntax error: {text}"),
    };
    let error = Error::new("42601", message);
    match at {
        Some(at) => with_advice(error.at(at), sql, at, found.unwrap_or_default()),
        None => error.at(if found == Some("EOF") { sql.len() } else { 0 }),
    }
}

/// Byte offset of a line and column, both from 1, columns in characters.
fn offset_of(sql: &str, location: Location) -> usize {
    let lines = sql.split_inclusive('\n');
    let skipped = usize::try_from(location.line).unwrap_or(usize::MAX).saturating_sub(1);
    let start: usize = lines.take(skipped).map(str::len).sum();
    let column = usize::try_from(location.column).unwrap_or(usize::MAX).saturating_sub(1);
    sql[start..].char_indices().nth(column).map_or(sql.len(), |(i, _)| start + i)
}
