//! What a body tells its session: SET and RESET, NOTIFY. Each is a query of the function that does the same.

use basalt_core::Result;
use sqlparser::tokenizer::Token;

use super::ast::Statement;
use super::parse::{Kind, Parser};
use crate::quote::literal;

impl Parser<'_> {
    /// Whether SET or RESET is of a value that functions can read: in a script's block those with a point in their name, since the script reads the rest.
    pub(super) fn sets_value(&self) -> bool {
        let scope = usize::from(matches!(self.tokens.word(1).as_deref(), Some("local" | "session")));
        let is_other =
            matches!(self.tokens.word(1 + scope).as_deref(), Some("constraints" | "transaction" | "characteristics"));
        let is_custom = self.tokens.ahead(2 + scope) == Some(&Token::Period);
        !is_other && (is_custom || self.kind != Kind::Block)
    }

    /// `set [local | session] name = value`, `reset name`: for the rest of the transaction, which a request does not outlive.
    pub(super) fn setting(&mut self) -> Result<Statement> {
        let (at, resets) = (self.tokens.at(), self.tokens.accept("reset"));
        if !resets {
            self.tokens.expect("set")?;
            let _ = self.tokens.accept("local") || self.tokens.accept("session");
        }
        let is_zone = self.tokens.accept("time zone");
        let mut name = if is_zone { "timezone".to_owned() } else { self.tokens.name()? };
        while self.tokens.accept_token(&Token::Period) {
            name = format!("{name}.{}", self.tokens.name()?);
        }
        let value = if resets { String::new() } else { self.set_to(is_zone)? };
        let text = format!("select set_config({}, {}, true)", literal(&name), literal(&value));
        Ok(Statement::Set(self.piece(text, at)?))
    }

    fn set_to(&mut self, is_zone: bool) -> Result<String> {
        if !is_zone && !self.tokens.accept_token(&Token::Eq) {
            self.tokens.expect("to")?;
        }
        if self.tokens.accept("default") {
            return Ok(String::new());
        }
        let mut values = Vec::new();
        loop {
            values.push(match self.tokens.accept_string() {
                Some(text) => text,
                None => {
                    let minus = if self.tokens.accept_token(&Token::Minus) { "-" } else { "" };
                    match self.tokens.peek() {
                        Some(Token::Number(number, _)) => {
                            let number = format!("{minus}{number}");
                            self.tokens.skip();
                            number
                        }
                        _ => self.tokens.name()?,
                    }
                }
            });
            if !self.tokens.accept_token(&Token::Comma) {
                return Ok(values.join(", "));
            }
        }
    }

    /// `notify channel [, 'text']`.
    pub(super) fn notification(&mut self) -> Result<Statement> {
        let at = self.tokens.at();
        self.tokens.expect("notify")?;
        let channel = self.tokens.name()?;
        let payload = match self.tokens.accept_token(&Token::Comma) {
            true => self.tokens.accept_string().ok_or_else(|| self.tokens.unexpected())?,
            false => String::new(),
        };
        let text = format!("select pg_notify({}, {})", literal(&channel), literal(&payload));
        Ok(Statement::Set(self.piece(text, at)?))
    }
}
