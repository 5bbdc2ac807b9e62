//! Assignments: to variables, to columns of rows, to elements of arrays.

use basalt_core::Result;
use sqlparser::tokenizer::Token;

use super::ast::{Sql, Target};
use super::parse::{Parser, at_semicolon};
use crate::quote;

/// What of an assignment is not understood.
const PART: &str = "an assignment to a part of a value other than one element of an array or a jsonb";

impl Parser<'_> {
    /// What an assignment begins with, up to its sign, if the next statement is one: its target, and the index in brackets behind it.
    pub(super) fn assigned(&mut self) -> Result<Option<(Target, Option<String>)>> {
        let is_sign = |token: Option<&Token>| matches!(token, Some(Token::Assignment | Token::Eq));
        let is_word = |token: Option<&Token>| matches!(token, Some(Token::Word(_)));
        if !is_word(self.tokens.peek()) {
            return Ok(None);
        }
        let is_field = self.tokens.ahead(1) == Some(&Token::Period) && is_word(self.tokens.ahead(2));
        let sign = if is_field { 3 } else { 1 };
        if !is_sign(self.tokens.ahead(sign)) {
            return match self.tokens.ahead(sign) {
                Some(Token::LBracket) => self.element().map(Some),
                Some(Token::Period) => Err(self.lacking(PART)),
                _ => Ok(None),
            };
        }
        let target = self.target()?;
        self.tokens.skip();
        Ok(Some((target, None)))
    }

    /// `a[i] :=`.
    fn element(&mut self) -> Result<(Target, Option<String>)> {
        let (at, target) = (self.tokens.at(), self.target()?);
        self.tokens.skip();
        let (start, end) = self.tokens.until(|tokens| tokens.peek() == Some(&Token::RBracket))?;
        let subscript = self.tokens.text[start..end].to_owned();
        self.tokens.skip();
        let is_one = matches!(self.tokens.peek(), Some(Token::Assignment | Token::Eq));
        if !is_one || subscript.contains(':') {
            return Err(self.lacking(PART).elsewhere(Some(at)));
        }
        self.tokens.skip();
        Ok((target, Some(subscript)))
    }

    /// The array that an assignment to its element makes.
    pub(super) fn with_element(&mut self, target: &Target, subscript: &str) -> Result<Sql> {
        let (start, end) = self.tokens.until(at_semicolon)?;
        if start == end {
            return Err(self.tokens.unexpected());
        }
        let names: Vec<String> = target.row.iter().chain([&target.name]).map(|name| quote::ident(name)).collect();
        let value = &self.tokens.text[start..end];
        self.piece(format!("basalt_with_element({}, ({subscript}), ({value}))", names.join(".")), start)
    }
}
