//! Statements that run SQL or give results: queries and writes, EXECUTE, RETURN, GET DIAGNOSTICS.

use basalt_core::{Error, Result};
use sqlparser::tokenizer::Token;

use super::ast::{Diagnostic, Query, RowName, Statement};
use super::parse::{Kind, Parser, at_semicolon};

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
            return self.returned_row();
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

    /// `return new`, `old`, `null`, or `coalesce(new, old)`.
    fn returned_row(&mut self) -> Result<Statement> {
        let at = self.tokens.at();
        let (start, end) = self.tokens.until(at_semicolon)?;
        if start == end {
            return Err(self.tokens.unexpected());
        }
        let text: String = self.tokens.text[start..end].to_ascii_lowercase().split_whitespace().collect();
        let rows = match text.strip_prefix("coalesce(").and_then(|list| list.strip_suffix(')')) {
            Some(list) => list.split(',').map(row_name).collect(),
            None if text == "null" => Some(Vec::new()),
            None => row_name(&text).map(|row| vec![row]),
        };
        let what = "a trigger function that returns another row than new, old, null or coalesce(new, old)";
        let refused = || Error::unsupported(what, "Assign to the columns of new, and return new.").at(at);
        rows.map(Statement::ReturnRow).ok_or_else(refused)
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
            let item = match (is_stacked, name.as_str()) {
                (false, "row_count") => Diagnostic::RowCount,
                (false, "pg_context") | (true, "pg_exception_context") => Diagnostic::Context,
                (true, "returned_sqlstate") => Diagnostic::ReturnedSqlstate,
                (true, "message_text") => Diagnostic::MessageText,
                (true, "pg_exception_detail") => Diagnostic::Detail,
                (true, "pg_exception_hint") => Diagnostic::Hint,
                (true, "constraint_name") => Diagnostic::ConstraintName,
                (true, "column_name") => Diagnostic::ColumnName,
                (true, "pg_datatype_name") => Diagnostic::DatatypeName,
                (true, "schema_name") => Diagnostic::SchemaName,
                (true, "table_name") => Diagnostic::TableName,
                (
                    _,
                    "row_count"
                    | "returned_sqlstate"
                    | "message_text"
                    | "pg_exception_detail"
                    | "pg_exception_hint"
                    | "constraint_name"
                    | "column_name"
                    | "table_name"
                    | "schema_name"
                    | "pg_datatype_name"
                    | "pg_exception_context"
                    | "pg_context",
                ) => {
                    let command = if is_stacked { "STACKED" } else { "CURRENT" };
                    let message =
                        format!("diagnostics item {} is not allowed in GET {command} DIAGNOSTICS", name.to_uppercase());
                    return Err(Error::new("42601", message).at(at));
                }
                _ => return Err(Error::new("42601", "unrecognized GET DIAGNOSTICS item").at(at)),
            };
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
