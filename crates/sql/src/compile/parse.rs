//! PostgreSQL source text to AST, with PostgreSQL's errors.

use basalt_core::{Error, Result};
use sqlparser::ast;
use sqlparser::dialect::PostgreSqlDialect;
use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::{Location, Token};

/// Deeper nesting than this is refused with 54001.
const RECURSION_LIMIT: usize = 80;

/// Parses exactly one statement; a closing semicolon may follow.
///
/// Errors: 42601 `syntax error at or near "x"` with its place; 54001 for nesting that is too deep.
pub(crate) fn parse_statement(sql: &str) -> Result<ast::Statement> {
    let mut statements = parse_statements(sql)?;
    match (statements.pop(), statements.is_empty()) {
        (Some(statement), true) => Ok(statement),
        (None, _) => Err(Error::new("42601", "syntax error at end of input")),
        _ => Err(Error::new("42601", "cannot insert multiple commands into a prepared statement")),
    }
}

/// Parses statements separated by semicolons.
pub(crate) fn parse_statements(sql: &str) -> Result<Vec<ast::Statement>> {
    run(sql, |parser| parser.parse_statements())
}

/// Parses an expression that stands alone.
pub(crate) fn parse_expr(sql: &str) -> Result<ast::Expr> {
    run(sql, |parser| {
        let expr = parser.parse_expr()?;
        match &parser.peek_token().token {
            Token::EOF => Ok(expr),
            other => Err(ParserError::ParserError(format!(
                "Expected: end of expression, found: {other}{}",
                parser.peek_token().span.start
            ))),
        }
    })
}

fn run<T>(sql: &str, parse: impl FnOnce(&mut Parser<'_>) -> Result<T, ParserError>) -> Result<T> {
    let dialect = PostgreSqlDialect {};
    let parser = Parser::new(&dialect).with_recursion_limit(RECURSION_LIMIT);
    let mut parser = parser.try_with_sql(sql).map_err(|error| syntax_error(sql, error))?;
    parse(&mut parser).map_err(|error| syntax_error(sql, error))
}

/// The parser's message, "Expected: x, found: y at Line: 1, Column: 2", in PostgreSQL's words.
fn syntax_error(sql: &str, error: ParserError) -> Error {
    let message = match error {
        ParserError::RecursionLimitExceeded => return Error::new("54001", "stack depth limit exceeded"),
        ParserError::TokenizerError(message) | ParserError::ParserError(message) => message,
    };
    let (text, place) = match message.rsplit_once(" at Line: ") {
        Some((text, place)) => (text, place.split_once(", Column: ")),
        None => (message.as_str(), None),
    };
    let location = place.and_then(|(line, column)| {
        Some(Location { line: line.parse().ok()?, column: column.trim().parse().ok()? })
    });
    let (expected, found) = match text.split_once(", found: ") {
        Some((expected, found)) => (expected, Some(found)),
        None => (text, None),
    };
    let error = match found {
        Some("EOF") => Error::new("42601", "syntax error at end of input"),
        Some(found) => Error::new("42601", format!("syntax error at or near \"{found}\"")),
        None => Error::new("42601", format!("syntax error: {text}")),
    };
    let error = match expected.strip_prefix("Expected: ") {
        Some(expected) => error.with_hint(format!("Expected {expected}.")),
        None => error,
    };
    match location.and_then(|location| offset(sql, location)) {
        Some(offset) => error.at(offset),
        None => error,
    }
}

/// The byte offset of a line and column (from 1, in characters) in a text.
pub(crate) fn offset(text: &str, location: Location) -> Option<usize> {
    if location.line == 0 || location.column == 0 {
        return None;
    }
    let mut start = 0;
    for _ in 1..location.line {
        start += text[start..].find('\n')? + 1;
    }
    let line = &text[start..];
    let column = usize::try_from(location.column).ok()? - 1;
    Some(start + line.char_indices().nth(column).map_or(line.len(), |(at, _)| at))
}
