//! A SELECT that ends with its list before ON CONFLICT, where the parser would take `on` for an alias: it goes through in parentheses.

use sqlparser::keywords::Keyword;
use sqlparser::tokenizer::{Token, TokenWithSpan};

use super::index_predicate::{is_word, next};

/// What may follow a SELECT's list.
const CLAUSES: [Keyword; 10] = [
    Keyword::FROM,
    Keyword::WHERE,
    Keyword::GROUP,
    Keyword::HAVING,
    Keyword::WINDOW,
    Keyword::ORDER,
    Keyword::LIMIT,
    Keyword::OFFSET,
    Keyword::FETCH,
    Keyword::FOR,
];

/// `insert into t select 1 on conflict do nothing`, which goes on as `insert into t (select 1) on conflict do nothing`.
pub(super) fn carry(tokens: &mut Vec<TokenWithSpan>) {
    let mut at = 0;
    while at < tokens.len() {
        let is_clause = is_word(&tokens[at], Keyword::ON)
            && next(tokens, at).is_some_and(|next| is_word(&tokens[next], Keyword::CONFLICT));
        if is_clause && let Some(select) = bare_select(&tokens[..at]) {
            let parenthesis = |token: Token, place: &TokenWithSpan| TokenWithSpan::new(token, place.span);
            tokens.insert(at, parenthesis(Token::RParen, &tokens[at]));
            tokens.insert(select, parenthesis(Token::LParen, &tokens[select]));
            at += 2;
        }
        at += 1;
    }
}

/// Where the SELECT begins that the tokens end with, if it has no more than its list.
fn bare_select(tokens: &[TokenWithSpan]) -> Option<usize> {
    let mut depth = 0usize;
    for (at, token) in tokens.iter().enumerate().rev() {
        match &token.token {
            Token::RParen => depth += 1,
            Token::LParen => depth = depth.checked_sub(1)?,
            Token::Word(word) if depth == 0 && word.quote_style.is_none() => match word.keyword {
                Keyword::SELECT => return Some(at),
                Keyword::INSERT => return None,
                keyword if CLAUSES.contains(&keyword) => return None,
                _ => {}
            },
            _ => {}
        }
    }
    None
}
