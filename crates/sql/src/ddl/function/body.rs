//! Bodies of functions.

use basalt_core::{Error, Result};
use sqlparser::tokenizer::Token;

use super::super::policy::moved;
use super::super::{Change, source};
use crate::catalog::{Catalog, Routine};
use crate::compile;

/// A function's body as written, and where it stands.
pub(super) struct Body {
    pub(super) text: String,
    pub(super) at: usize,
    /// Parsed when the function is made, so names in it mean what they mean now.
    pub(super) parsed: bool,
}

impl Change<'_> {
    /// The statements up to the closing `end`.
    pub(super) fn atomic_body(&mut self) -> Result<Body> {
        let at = self.cursor.offset();
        let mut depth = 0usize;
        loop {
            if self.cursor.peek_token(&Token::EOF) {
                return Err(self.cursor.unexpected());
            }
            if self.cursor.peek("end") && depth == 0 {
                let text = self.cursor.sql()[at..self.cursor.offset()].to_owned();
                self.cursor.expect("end")?;
                return Ok(Body { text, at, parsed: true });
            }
            match self.cursor.ident_ahead().as_deref() {
                Some("case") => depth += 1,
                Some("end") => depth -= 1,
                _ => {}
            }
            self.cursor.skip();
        }
    }

    /// The statements of a parsed body, their names qualified.
    pub(super) fn qualified_statements(&self, body: &Body) -> Result<String> {
        let parsed = source::parse_statements(&body.text);
        let mut statements = parsed.map_err(|e| body.error(e, self.cursor.sql()))?;
        for statement in &mut statements {
            source::qualify(statement, &self.catalog, &self.session.search_path);
        }
        Ok(source::joined(&statements))
    }
}

impl Body {
    /// An error of a parsed body, placed where the body as it was written has the same.
    pub(super) fn parsed_error(&self, error: Error, catalog: &Catalog, routine: &Routine, sql: &str) -> Error {
        let written = Routine { body: self.text.clone(), ..routine.clone() };
        match compile::check_routine(catalog, &written) {
            Err(placed) if placed.message() == error.message() => self.error(placed, sql),
            _ => moved(error, self.at),
        }
    }

    /// An error within the body, as one of the statement.
    pub(super) fn error(&self, error: Error, sql: &str) -> Error {
        // Unquoted, between dollar quotes, or between quotes without one inside the text stands as it is.
        let literal = &sql[self.at..];
        let opening = match literal.strip_prefix('$').and_then(|rest| rest.find('$')) {
            Some(length) => length + 2,
            None => usize::from(literal.starts_with('\'')),
        };
        let verbatim = sql[self.at + opening..].starts_with(&self.text);
        let offset = error.position().filter(|at| verbatim && *at <= self.text.len()).map_or(0, |at| opening + at);
        moved(error, self.at + offset)
    }
}
