//! `declare`: variables and aliases.

use basalt_core::{Error, Result};
use sqlparser::tokenizer::Token;

use super::ast::{Declared, Known, Named};
use super::parse::{Kind, Parser};
use super::tokens::Tokens;

impl Parser<'_> {
    /// Declarations up to the block's beginning, or to another DECLARE.
    pub(super) fn declarations(&mut self, declared: &mut Vec<usize>) -> Result<()> {
        while !self.tokens.sees("begin") && !self.tokens.sees("declare") {
            let at = self.tokens.at();
            let name = self.tokens.name()?;
            if declared.iter().any(|place| self.variables[*place].name == name) {
                return Err(Error::new("42601", format!("duplicate declaration at or near \"{name}\"")).at(at));
            }
            if self.kind == Kind::Trigger && (matches!(name.as_str(), "new" | "old") || name.starts_with("tg_")) {
                let what = format!("a variable named \"{name}\", which PL/pgSQL has already");
                return Err(Error::unsupported(what, "Give the variable another name.").at(at));
            }
            if self.tokens.accept("alias for") {
                let of = self.aliased()?;
                self.name(Named::Alias(name, of));
                self.tokens.expect_token(&Token::SemiColon)?;
                continue;
            }
            if self.tokens.sees("cursor") || self.tokens.sees("no scroll") {
                return Err(self.lacking("a cursor"));
            }
            let constant = self.tokens.accept("constant");
            let ends = |tokens: &Tokens<'_>| {
                matches!(tokens.peek(), Some(Token::SemiColon | Token::Assignment | Token::Eq))
                    || tokens.sees("default")
                    || tokens.sees("not null")
                    || tokens.sees("collate")
            };
            let (start, end) = self.tokens.until(ends)?;
            if start == end {
                return Err(self.tokens.unexpected());
            }
            if self.tokens.sees("collate") {
                return Err(self.lacking("a variable's collation"));
            }
            let ty = self.tokens.text[start..end].to_owned();
            let not_null = self.tokens.accept("not null");
            let gives = self.tokens.accept("default")
                || self.tokens.accept_token(&Token::Assignment)
                || self.tokens.accept_token(&Token::Eq);
            let value = if gives { Some(self.expression()?) } else { None };
            if not_null && value.is_none() {
                let message = format!("variable \"{name}\" must have a default value, since it's declared NOT NULL");
                return Err(Error::new("22004", message).at(self.tokens.at()));
            }
            self.tokens.expect_token(&Token::SemiColon)?;
            declared.push(self.variable(Declared { name, ty, not_null, constant, value, at }));
        }
        Ok(())
    }

    /// What an alias stands for: `$1`, or a variable's name.
    fn aliased(&mut self) -> Result<Known> {
        if let Some(Token::Placeholder(number)) = self.tokens.peek() {
            let own = Known::Own(number.clone());
            self.tokens.skip();
            return Ok(own);
        }
        let name = self.tokens.name()?;
        let mut next = self.known;
        while let Some(at) = next {
            match &self.names[at].what {
                Named::Variable(place) if self.variables[*place].name == name => return Ok(Known::Declared(*place)),
                Named::Alias(alias, of) if *alias == name => return Ok(of.clone()),
                _ => next = self.names[at].before,
            }
        }
        Ok(Known::Own(name))
    }
}
