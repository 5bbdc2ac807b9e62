//! `into` of a query or write: cut out of its text.

use basalt_core::Result;
use sqlparser::tokenizer::Token;

use super::ast::{Strict, Target};
use super::tokens::Tokens;

/// Where a statement says that its row goes.
pub(super) struct Into {
    /// What is assigned to.
    pub targets: Vec<Target>,
    /// Whether there must be exactly one row.
    pub strict: Strict,
    /// The bytes of the clause.
    pub clause: (usize, usize),
}

/// Reads a statement up to its semicolon: its bytes, and its INTO. That of `insert into` is another one.
pub(super) fn statement(tokens: &mut Tokens<'_>) -> Result<((usize, usize), Option<Into>)> {
    let start = tokens.at();
    let mut into = None;
    loop {
        let ends = |tokens: &Tokens<'_>| {
            tokens.peek() == Some(&Token::SemiColon)
                || tokens.word(0).as_deref() == Some("into")
                || tokens.sees("insert into")
                || tokens.sees("merge into")
        };
        tokens.until(ends)?;
        if tokens.peek() == Some(&Token::SemiColon) {
            return Ok(((start, tokens.end().max(start)), into));
        }
        if tokens.accept("insert into") || tokens.accept("merge into") {
            continue;
        }
        if into.is_some() {
            return Err(tokens.unexpected());
        }
        into = Some(clause(tokens)?);
    }
}

fn clause(tokens: &mut Tokens<'_>) -> Result<Into> {
    let start = tokens.at();
    tokens.expect("into")?;
    let strict = if tokens.accept("strict") { Strict::Yes } else { Strict::No };
    let mut targets = vec![target(tokens)?];
    while tokens.accept_token(&Token::Comma) {
        targets.push(target(tokens)?);
    }
    Ok(Into { targets, strict, clause: (start, tokens.end()) })
}

/// `a` or `new.a`.
pub(super) fn target(tokens: &mut Tokens<'_>) -> Result<Target> {
    let at = tokens.at();
    let name = tokens.name()?;
    if !tokens.accept_token(&Token::Period) {
        return Ok(Target { row: None, name, at });
    }
    Ok(Target { row: Some(name), name: tokens.name()?, at })
}
