//! The query of an INSERT in parentheses that begins with WITH, VALUES or TABLE, which the parser takes for a list of columns: it goes
//! through without them.

use sqlparser::keywords::Keyword;
use sqlparser::tokenizer::{Token, TokenWithSpan};

use super::index_predicate::{is_word, next};

/// `insert into t (with a as (...) select ...) returning *`, which goes on as `insert into t with a as (...) select ... returning *`.
pub(super) fn carry(tokens: &mut Vec<TokenWithSpan>) {
    for at in (0..tokens.len()).rev() {
        if is_word(&tokens[at], Keyword::INSERT) {
            while carry_one(tokens, at).is_some() {}
        }
    }
}

/// What the query of an INSERT may begin with.
const QUERIES: [Keyword; 5] = [Keyword::SELECT, Keyword::VALUES, Keyword::WITH, Keyword::TABLE, Keyword::DEFAULT];

/// What a query goes on with behind one in parentheses.
const GOES_ON: [Keyword; 7] = [
    Keyword::UNION,
    Keyword::EXCEPT,
    Keyword::INTERSECT,
    Keyword::ORDER,
    Keyword::LIMIT,
    Keyword::OFFSET,
    Keyword::FETCH,
];

/// Takes the parentheses away from the query of the INSERT that stands there.
fn carry_one(tokens: &mut Vec<TokenWithSpan>, insert: usize) -> Option<()> {
    let mut open = next(tokens, insert)?;
    while matches!(tokens[open].token, Token::Word(_) | Token::Period) {
        if QUERIES.iter().any(|keyword| is_word(&tokens[open], *keyword)) {
            return None;
        }
        open = next(tokens, open)?;
    }
    if tokens[open].token != Token::LParen || !begins_query(tokens, open)? {
        return None;
    }
    let mut depth = 0usize;
    let close = (open..tokens.len()).find(|at| {
        match tokens[*at].token {
            Token::LParen => depth += 1,
            Token::RParen => depth -= 1,
            _ => {}
        }
        depth == 0
    })?;
    let after = next(tokens, close);
    let is_alone = after.is_none_or(|after| match &tokens[after].token {
        Token::RParen | Token::SemiColon | Token::EOF => true,
        _ => is_word(&tokens[after], Keyword::ON) || is_word(&tokens[after], Keyword::RETURNING),
    });
    if !is_alone {
        // Of several queries set beside each other the parentheses say which is which: they stay, behind a WITH that nobody reads.
        after.filter(|after| GOES_ON.iter().any(|keyword| is_word(&tokens[*after], *keyword)))?;
        let span = tokens[open].span;
        let (with, query) = (Token::make_keyword("WITH"), Token::make_word("?unread", Some('"')));
        let (select, one) = (Token::make_keyword("SELECT"), Token::Number("1".to_owned(), false));
        let carried = [with, query, Token::make_keyword("AS"), Token::LParen, select, one, Token::RParen];
        tokens.splice(open..open, carried.map(|token| TokenWithSpan::new(token, span)));
        return Some(());
    }
    tokens.remove(close);
    tokens.remove(open);
    // `table t` is read at the beginning of a statement alone.
    let first = next(tokens, open - 1).filter(|first| is_word(&tokens[*first], Keyword::TABLE));
    if let Some(first) = first {
        let span = tokens[first].span;
        let carried = [Token::make_keyword("SELECT"), Token::Mul, Token::make_keyword("FROM")];
        tokens.splice(first..=first, carried.map(|token| TokenWithSpan::new(token, span)));
    }
    Some(())
}

/// Whether the parenthesis holds such a query, itself in parentheses or not.
fn begins_query(tokens: &[TokenWithSpan], open: usize) -> Option<bool> {
    let first = next(tokens, open)?;
    if tokens[first].token == Token::LParen {
        return begins_query(tokens, first);
    }
    // VALUES may be a column's name.
    let is_list = || next(tokens, first).is_some_and(|list| tokens[list].token == Token::LParen);
    let is = |keyword| is_word(&tokens[first], keyword);
    Some(is(Keyword::WITH) || is(Keyword::TABLE) || is(Keyword::VALUES) && is_list())
}
