//! Statements that run SQL or give results: queries and writes, EXECUTE, RETURN, GET DIAGNOSTICS.

use basalt_core::{Error, Result};
use sqlparser::tokenizer::Token;

use super::ast::{Diagnostic, Query, RowName, Statement};
use super::parse::{Kind, Parser, at_semicolon};
use super::tokens::Tokens;

/// The items of GET DIAGNOSTICS: whether each is of the error that is handled, which STACKED alone tells.
const DIAGNOSTICS: [(&str, bool, Diagnostic); 12] = [
    ("row_count", false, Diagnostic::RowCount),
    ("pg_context", false, Diagnostic::Context),
    ("pg_exception_context", true, Diagnostic::Context),
    ("returned_sqlstate", true, Diagnostic::ReturnedSqlstate),
    ("message_text", true, Diagnostic::MessageText),
    ("pg_exception_detail", true, Diagnostic::Detail),
    ("pg_exception_hint", true, Diagnostic::Hint),
    ("constraint_name", true, Diagnostic::ConstraintName),
    ("column_name", true, Diagnostic::ColumnName),
    ("pg_datatype_name", true, Diagnostic::DatatypeName),
    ("schema_name", true, Diagnostic::SchemaName),
    ("table_name", true, Diagnostic::TableName),
];

impl Parser<'_> {
    pub(super) fn sql_statement(&mut self) -> Result<Statement> {
        let ((start, end), into) = self.cut()?;
        let text = &self.tokens.text[start..end];
        let Some((into, (from, to))) = into else {
            let text = text.to_owned();
            return Ok(Statement::Run(self.piece(text, start)?));
        };
        let text = format!("{}{}{}", &text[..from - start], " ".repeat(to - from), &text[to - start..]);
        Ok(Statement::Into(self.piece(text, start)?, into))
    }

    /// `execute text [into a, b] [using c, d]`, in either order.
    pub(super) fn execute(&mut self) -> Result<Statement> {
        let mut dynamic = self.dynamic(&[])?;
        let mut into = None;
        if self.tokens.sees("into") {
            into = Some(self.clause_of_into()?);
            if self.tokens.accept("using") {
                loop {
                    dynamic.using.push(self.expression_until(|tokens| at_semicolon(tokens) || tokens.sees_comma())?);
                    if !self.tokens.accept_token(&Token::Comma) {
                        break;
                    }
                }
            }
        }
        Ok(Statement::Execute(dynamic, into))
    }

    pub(super) fn returned(&mut self) -> Result<Statement> {
        self.tokens.skip();
        if self.kind == Kind::Trigger {
            if let Some(word) = ["next", "query"].into_iter().find(|word| self.tokens.sees(word)) {
                let message = format!("cannot use RETURN {} in a non-SETOF function", word.to_uppercase());
                return Err(Error::new("42804", message).at(self.tokens.at()));
            }
            return self.returned_row(&at_semicolon);
        }
        if self.tokens.accept("next") {
            let value = if at_semicolon(&self.tokens) { None } else { Some(self.expression()?) };
            return Ok(Statement::ReturnNext(value));
        }
        if self.tokens.accept("query") {
            return Ok(Statement::ReturnQuery(match self.tokens.sees("execute") {
                true => Query::Dynamic(self.dynamic(&[])?),
                false => Query::Static(self.expression()?),
            }));
        }
        if at_semicolon(&self.tokens) {
            return Ok(Statement::Return(None));
        }
        let mut value = self.expression()?;
        // The parser takes `(values (1))` for a call.
        let words: String = value.text.to_ascii_lowercase().split_whitespace().collect();
        if words.starts_with("(values(") {
            value.text = format!("(select * from {} as _values)", value.text.trim());
        }
        Ok(Statement::Return(Some(value)))
    }

    /// `return new`, `old`, `null`, `coalesce(new, old)`, a CASE over them; or any other row.
    fn returned_row(&mut self, ends: &dyn Fn(&Tokens<'_>) -> bool) -> Result<Statement> {
        if self.tokens.accept("case") {
            return self.case_over(Self::rows_of_case);
        }
        let (start, end) = self.tokens.until(ends)?;
        if start == end {
            return Err(self.tokens.unexpected());
        }
        let text: String = self.tokens.text[start..end].to_ascii_lowercase().split_whitespace().collect();
        let rows = match text.strip_prefix("coalesce(").and_then(|list| list.strip_suffix(')')) {
            Some(list) => list.split(',').map(row_name).collect(),
            None if text == "null" => Some(Vec::new()),
            None => row_name(&text).map(|row| vec![row]),
        };
        match rows {
            Some(rows) => Ok(Statement::ReturnRow(rows)),
            None => {
                let text = self.tokens.text[start..end].to_owned();
                Ok(Statement::Return(Some(self.piece(text, start)?)))
            }
        }
    }

    /// `when a then new ...` up to `end`.
    fn rows_of_case(&mut self, has_operand: bool) -> Result<Statement> {
        let ends = |tokens: &Tokens<'_>| ["when", "else", "end"].iter().any(|word| tokens.sees(word));
        let mut branches = Vec::new();
        while self.tokens.accept("when") {
            branches.push((self.condition_of_case(has_operand)?, vec![self.returned_row(&ends)?]));
        }
        let otherwise = match self.tokens.accept("else") {
            true => self.returned_row(&ends)?,
            false => Statement::ReturnRow(Vec::new()),
        };
        self.tokens.expect("end")?;
        Ok(Statement::If(branches, vec![otherwise]))
    }

    /// `get [current | stacked] diagnostics a = item, ...`.
    pub(super) fn diagnostics(&mut self) -> Result<Statement> {
        self.tokens.skip();
        let is_stacked = self.tokens.accept("stacked");
        if !is_stacked {
            self.tokens.accept("current");
        }
        self.tokens.expect("diagnostics")?;
        let mut items = Vec::new();
        loop {
            let target = self.target()?;
            if !self.tokens.accept_token(&Token::Eq) {
                self.tokens.expect_token(&Token::Assignment)?;
            }
            let at = self.tokens.at();
            let name = self.tokens.name()?;
            let unknown = || Error::new("42601", "unrecognized GET DIAGNOSTICS item").at(at);
            let (_, of_error, item) = DIAGNOSTICS.into_iter().find(|(word, ..)| *word == name).ok_or_else(unknown)?;
            if of_error != is_stacked {
                let command = if is_stacked { "STACKED" } else { "CURRENT" };
                let message =
                    format!("diagnostics item {} is not allowed in GET {command} DIAGNOSTICS", name.to_uppercase());
                return Err(Error::new("42601", message).at(at));
            }
            items.push((target, item));
            if !self.tokens.accept_token(&Token::Comma) {
                return Ok(Statement::Diagnostics(items));
            }
        }
    }
}

fn row_name(text: &str) -> Option<RowName> {
    match text {
        "new" => Some(RowName::New),
        "old" => Some(RowName::Old),
        _ => None,
    }
}
