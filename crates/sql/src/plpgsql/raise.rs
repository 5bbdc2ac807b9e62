//! `raise`.

use basalt_core::{Error, Result};
use sqlparser::tokenizer::Token;

use super::ast::{Raise, RaiseOption, Sql, Statement};
use super::conditions::{code, is_code};
use super::parse::{Parser, at_semicolon};

impl Parser<'_> {
    /// `raise [level] ['format', args | condition | sqlstate '...'] [using option = value, ...]`.
    pub(super) fn raise(&mut self) -> Result<Statement> {
        self.tokens.skip();
        let mut raise = exception();
        if self.tokens.peek() == Some(&Token::SemiColon) {
            return Ok(Statement::Raise(Raise { again: true, ..raise }));
        }
        let levels = ["debug", "log", "info", "notice", "warning"];
        raise.is_exception = !levels.iter().any(|level| self.tokens.accept(level));
        if raise.is_exception {
            self.tokens.accept("exception");
        }
        let at = self.tokens.at();
        if let Some(format) = self.tokens.accept_string() {
            while self.tokens.accept_token(&Token::Comma) {
                raise.args.push(self.expression_until(|tokens| {
                    at_semicolon(tokens) || tokens.peek() == Some(&Token::Comma) || tokens.sees("using")
                })?);
            }
            let wanted = places(&format);
            if wanted != raise.args.len() {
                let many = if raise.args.len() > wanted { "many" } else { "few" };
                return Err(Error::new("42601", format!("too {many} parameters specified for RAISE")).at(at));
            }
            raise.format = Some(format);
        } else if self.tokens.accept("sqlstate") {
            let at = self.tokens.at();
            let code = self.tokens.accept_string().filter(|code| is_code(code));
            raise.code = Some(code.ok_or_else(|| Error::new("42601", "invalid SQLSTATE code").at(at))?);
        } else if !self.tokens.sees("using") && self.tokens.peek() != Some(&Token::SemiColon) {
            let name = self.tokens.name()?;
            condition(&name, at)?;
            raise.code = Some(name);
        }
        if self.tokens.accept("using") {
            loop {
                raise.options.push(self.raise_option()?);
                if !self.tokens.accept_token(&Token::Comma) {
                    break;
                }
            }
        }
        Ok(Statement::Raise(raise))
    }

    fn raise_option(&mut self) -> Result<(RaiseOption, Sql)> {
        let at = self.tokens.at();
        let name = self.tokens.name()?;
        let unknown = || Error::new("42601", "unrecognized RAISE statement option").at(at);
        let option = RaiseOption::ALL.into_iter().find(|option| option.word() == name).ok_or_else(unknown)?;
        if !self.tokens.accept_token(&Token::Eq) {
            self.tokens.expect_token(&Token::Assignment)?;
        }
        let value = self.expression_until(|tokens| at_semicolon(tokens) || tokens.peek() == Some(&Token::Comma))?;
        Ok((option, value))
    }
}

impl RaiseOption {
    const ALL: [RaiseOption; 9] = [
        RaiseOption::Message,
        RaiseOption::Detail,
        RaiseOption::Hint,
        RaiseOption::Errcode,
        RaiseOption::Constraint,
        RaiseOption::Column,
        RaiseOption::Datatype,
        RaiseOption::Schema,
        RaiseOption::Table,
    ];

    /// Its word, in lower case.
    pub fn word(self) -> &'static str {
        match self {
            RaiseOption::Message => "message",
            RaiseOption::Detail => "detail",
            RaiseOption::Hint => "hint",
            RaiseOption::Errcode => "errcode",
            RaiseOption::Constraint => "constraint",
            RaiseOption::Column => "column",
            RaiseOption::Datatype => "datatype",
            RaiseOption::Schema => "schema",
            RaiseOption::Table => "table",
        }
    }
}

/// `raise exception` of nothing yet.
pub(super) fn exception() -> Raise {
    Raise { is_exception: true, code: None, format: None, args: Vec::new(), options: Vec::new(), again: false }
}

/// The SQLSTATE of a condition's name. 42704 if there is none.
pub(super) fn condition(name: &str, at: usize) -> Result<String> {
    let missing = || Error::new("42704", format!("unrecognized exception condition \"{name}\"")).at(at);
    code(name).map(str::to_owned).ok_or_else(missing)
}

/// How many arguments a format has places for.
fn places(format: &str) -> usize {
    format.replace("%%", "").matches('%').count()
}
