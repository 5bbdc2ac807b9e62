//! `into` of a query or write: cut out of its text.

use basalt_core::Result;
use sqlparser::tokenizer::Token;

use super::ast::{Into, Target};
use super::parse::Parser;
use super::tokens::Tokens;

/// A statement's bytes; its INTO, and the bytes of that.
pub(super) type Cut = ((usize, usize), Option<(Into, (usize, usize))>);

impl Parser<'_> {
    /// Reads a statement up to its semicolon, or to the word `loop` of the loop over its rows. INTO of `insert into` is another one.
    pub(super) fn cut(&mut self) -> Result<Cut> {
        let start = self.tokens.at();
        let mut into = None;
        loop {
            let ends = |tokens: &Tokens<'_>| {
                tokens.peek() == Some(&Token::SemiColon)
                    || tokens.word(0).as_deref() == Some("into")
                    || tokens.sees("insert into")
                    || tokens.sees("merge into")
            };
            self.tokens.until(ends)?;
            if self.tokens.peek() == Some(&Token::SemiColon) {
                return Ok(((start, self.tokens.end().max(start)), into));
            }
            if self.tokens.accept("insert into") || self.tokens.accept("merge into") {
                continue;
            }
            if into.is_some() {
                return Err(self.tokens.unexpected());
            }
            let from = self.tokens.at();
            let clause = self.clause_of_into()?;
            into = Some((clause, (from, self.tokens.end())));
        }
    }

    /// `into [strict] a, b`.
    pub(super) fn clause_of_into(&mut self) -> Result<Into> {
        self.tokens.expect("into")?;
        let strict = self.tokens.accept("strict");
        Ok(Into { targets: self.targets()?, strict })
    }

    /// `a, b`.
    pub(super) fn targets(&mut self) -> Result<Vec<Target>> {
        let mut targets = vec![self.target()?];
        while self.tokens.accept_token(&Token::Comma) {
            targets.push(self.target()?);
        }
        Ok(targets)
    }

    /// `a` or `new.a`.
    pub(super) fn target(&mut self) -> Result<Target> {
        let (at, scope) = (self.tokens.at(), self.scope());
        let name = self.tokens.name()?;
        if !self.tokens.accept_token(&Token::Period) {
            return Ok(Target { row: None, name, at, scope });
        }
        Ok(Target { row: Some(name), name: self.tokens.name()?, at, scope })
    }
}
