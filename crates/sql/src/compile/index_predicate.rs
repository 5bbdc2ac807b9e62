//! The predicate of the partial index that ON CONFLICT means, which the parser doesn't know: it goes through as the last of the columns.

use basalt_core::{Error, Result};
use sqlparser::ast::{Expr, Ident};
use sqlparser::keywords::Keyword;
use sqlparser::tokenizer::{Token, TokenWithSpan};

use super::parse::{offset, parse_expr};

/// What the name begins with that the predicate goes through as.
const PREDICATE: &str = "$where ";

/// `on conflict (a) where b do nothing`, which goes on as `on conflict (a, "$where b") do nothing`.
pub(super) fn carry(sql: &str, tokens: &mut Vec<TokenWithSpan>) {
    let mut at = 0;
    while at < tokens.len() {
        if is_word(&tokens[at], Keyword::CONFLICT) {
            carry_one(sql, tokens, at);
        }
        at += 1;
    }
}

fn carry_one(sql: &str, tokens: &mut Vec<TokenWithSpan>, at: usize) -> Option<()> {
    let open = next(tokens, at).filter(|open| tokens[*open].token == Token::LParen)?;
    let close = (open..tokens.len()).find(|at| tokens[*at].token == Token::RParen)?;
    let clause = next(tokens, close).filter(|clause| is_word(&tokens[*clause], Keyword::WHERE))?;
    let first = next(tokens, clause)?;
    let end = (first..tokens.len()).find(|at| is_word(&tokens[*at], Keyword::DO))?;
    let text = sql.get(offset(sql, tokens[first].span.start)?..offset(sql, tokens[end].span.start)?)?;
    let name = Token::make_word(&format!("{PREDICATE}{text}"), Some('"'));
    let span = tokens[first].span;
    let carried = [Token::Comma, name, Token::RParen].map(|token| TokenWithSpan::new(token, span));
    tokens.splice(close..end, carried);
    Some(())
}

/// The columns, and the predicate behind them, whose places are the statement's.
///
/// Errors: 42601.
pub(super) fn of(columns: &[Ident]) -> Result<(&[Ident], Option<Expr>)> {
    let [before @ .., last] = columns else { return Ok((columns, None)) };
    let Some(text) = last.value.strip_prefix(PREDICATE) else { return Ok((columns, None)) };
    let start = last.span.start;
    let shift = |count: u64, with: &str| with.repeat(usize::try_from(count.saturating_sub(1)).unwrap_or_default());
    let placed = format!("{}{}{text}", shift(start.line, "\n"), shift(start.column, " "));
    let parsed = parse_expr(&placed).map_err(|error| Error::new("42601", error.message().to_owned()))?;
    Ok((before, Some(parsed)))
}

pub(super) fn is_word(token: &TokenWithSpan, keyword: Keyword) -> bool {
    matches!(&token.token, Token::Word(word) if word.keyword == keyword && word.quote_style.is_none())
}

/// The next token that is no white space.
pub(super) fn next(tokens: &[TokenWithSpan], at: usize) -> Option<usize> {
    (at + 1..tokens.len()).find(|at| !matches!(tokens[*at].token, Token::Whitespace(_)))
}
