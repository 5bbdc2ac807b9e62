//! Forms of GROUP BY that the parser doesn't know: each goes through it in the form of another.

use sqlparser::ast::{Expr, GroupByExpr};
use sqlparser::keywords::Keyword;
use sqlparser::tokenizer::{Token, TokenWithSpan};

use super::carried::{after, is_word};

/// The first key of `group by distinct ...`.
const DISTINCT: &str = "$distinct";

/// `group by distinct a`, which goes on with a key of its own, and `group by all a`, which is `group by a`.
pub(super) fn carry_quantifier(tokens: &mut Vec<TokenWithSpan>, at: usize) {
    let mut after = after(tokens, at);
    let (by, quantifier) = (after.next(), after.next());
    let is_by = by.is_some_and(|(_, token)| is_word(token, Keyword::BY));
    let Some((place, quantifier)) = quantifier.filter(|_| is_by) else { return };
    let carried = match quantifier {
        all if is_word(all, Keyword::ALL) => vec![],
        distinct if is_word(distinct, Keyword::DISTINCT) => {
            vec![Token::make_word(DISTINCT, Some('"')), Token::Comma]
        }
        _ => return,
    };
    drop(after);
    let span = tokens[place].span;
    tokens.splice(place..=place, carried.into_iter().map(|token| TokenWithSpan::new(token, span)));
}

/// The elements of `rollup (...)`, `cube (...)` or `grouping sets (...)`: one that begins with a bracket and is no list in brackets gets
/// brackets around it, and grouping sets within grouping sets go on as those around them.
pub(super) fn carry_sets(tokens: &mut Vec<TokenWithSpan>, at: usize) {
    let Some(open) = opens(tokens, at) else { return };
    let is_nesting = is_word(&tokens[at].token, Keyword::GROUPING);
    let mut place = open;
    loop {
        // At a bracket or comma before an element.
        let Some(first) = after(tokens, place).next().map(|(first, _)| first) else { return };
        if is_nesting
            && is_word(&tokens[first].token, Keyword::GROUPING)
            && let Some(inner) = opens(tokens, first)
        {
            let Some(close) = closing(tokens, inner) else { return };
            tokens.remove(close);
            tokens.drain(first..=inner);
            continue;
        }
        let Some(mut end) = end_of(tokens, first) else { return };
        let is_list = tokens[first].token == Token::LParen
            && closing(tokens, first).is_some_and(|close| after(tokens, close).next().is_some_and(|(at, _)| at == end));
        if tokens[first].token == Token::LParen && !is_list {
            let around = |token| TokenWithSpan::new(token, tokens[first].span);
            let (opening, ending) = (around(Token::LParen), around(Token::RParen));
            tokens.insert(end, ending);
            tokens.insert(first, opening);
            end += 2;
        }
        if tokens[end].token == Token::RParen {
            return;
        }
        place = end;
    }
}

/// The bracket behind ROLLUP, CUBE or GROUPING SETS.
fn opens(tokens: &[TokenWithSpan], at: usize) -> Option<usize> {
    let mut next = after(tokens, at);
    if is_word(&tokens[at].token, Keyword::GROUPING) {
        next.next().filter(|(_, token)| is_word(token, Keyword::SETS))?;
    }
    next.next().filter(|(_, token)| **token == Token::LParen).map(|(open, _)| open)
}

/// The bracket that closes this one.
pub(super) fn closing(tokens: &[TokenWithSpan], open: usize) -> Option<usize> {
    let mut end = end_of(tokens, open + 1)?;
    while tokens[end].token == Token::Comma {
        end = end_of(tokens, end + 1)?;
    }
    Some(end)
}

/// The comma or bracket that ends the element which begins here.
fn end_of(tokens: &[TokenWithSpan], first: usize) -> Option<usize> {
    let mut depth = 0_usize;
    for (at, token) in tokens.iter().enumerate().skip(first) {
        match token.token {
            Token::LParen | Token::LBracket => depth += 1,
            Token::Comma | Token::RParen if depth == 0 => return Some(at),
            Token::RParen | Token::RBracket => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    None
}

/// The elements of a GROUP BY, and whether it is `group by distinct`; `None` for what is no list of them.
pub(super) fn elements(group_by: &GroupByExpr) -> Option<(&[Expr], bool)> {
    match group_by {
        GroupByExpr::Expressions(elements, modifiers) if modifiers.is_empty() => Some(match elements.as_slice() {
            [Expr::Identifier(mark), elements @ ..] if mark.value == DISTINCT && mark.quote_style.is_some() => {
                (elements, true)
            }
            elements => (elements, false),
        }),
        _ => None,
    }
}
