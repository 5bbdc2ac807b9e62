//! COLLATE: text has the order of its bytes, and no other collation is there.

use std::ops::RangeInclusive;

use basalt_core::{Error, Result};
use sqlparser::ast::{Expr, ObjectName};
use sqlparser::keywords::Keyword;
use sqlparser::tokenizer::{Token, TokenWithSpan};

use super::carried::{after, is_word};
use super::compiler::Compiler;
use super::scope::Scope;
use super::typed::Typed;

/// Whether a collation, named without its schema, is the order of bytes.
pub(crate) fn is_byte_order(name: &str) -> bool {
    matches!(name, "C" | "POSIX" | "default" | "ucs_basic" | "C.UTF-8" | "C.utf8")
}

/// The name of a collation without its schema.
pub(crate) fn name_of(collation: &ObjectName) -> &str {
    collation.0.last().and_then(|part| part.as_ident()).map_or("", |ident| &ident.value)
}

impl Compiler<'_> {
    pub(super) fn bind_collate(&mut self, scope: &Scope<'_>, expr: &Expr, collation: &ObjectName) -> Result<Typed> {
        match name_of(collation) {
            name if is_byte_order(name) => {
                let value = self.bind_expr(scope, expr, None)?;
                let ty = value.ty.element().unwrap_or(&value.ty);
                match ty.is_textual() || value.is_unknown() {
                    true => Ok(value),
                    false => {
                        Err(Error::new("42804", format!("collations are not supported by type {}", ty.sql_name())))
                    }
                }
            }
            name => Err(Error::unsupported(
                format!("collation \"{name}\" is not supported on the embedded engine"),
                "Text is ordered by its bytes, as under COLLATE \"C\".",
            )),
        }
    }
}

/// `x::text collate "C"`, of which the collation goes without saying: the parser takes none behind the cast that begins here.
pub(super) fn carry(tokens: &mut Vec<TokenWithSpan>, cast: usize) {
    if let Some(clause) = clause_behind(tokens, cast) {
        tokens.drain(clause);
    }
}

/// The places of COLLATE and the name of a byte order behind the type of a cast.
fn clause_behind(tokens: &[TokenWithSpan], cast: usize) -> Option<RangeInclusive<usize>> {
    let mut depth = 0;
    for (at, token) in after(tokens, cast) {
        match token {
            collate if depth == 0 && is_word(collate, Keyword::COLLATE) => {
                let is_qualified = after(tokens, at).nth(1).is_some_and(|(_, token)| *token == Token::Period);
                let (end, name) = after(tokens, at).nth(if is_qualified { 2 } else { 0 })?;
                return matches!(name, Token::Word(word) if is_byte_order(&word.value)).then_some(at..=end);
            }
            Token::Word(_) | Token::Period | Token::Number(..) | Token::LBracket | Token::RBracket => {}
            Token::LParen => depth += 1,
            Token::RParen if depth > 0 => depth -= 1,
            Token::Comma if depth > 0 => {}
            _ => return None,
        }
    }
    None
}
