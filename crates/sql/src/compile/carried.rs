//! Forms that the parser doesn't know, most of them around rows: each goes through it in the form of another.

use sqlparser::ast::{AccessExpr, Expr};
use sqlparser::keywords::Keyword;
use sqlparser::tokenizer::{Token, TokenWithSpan};

use super::{carried_groups, collation, search_cycle};

/// What `rows from (...)` goes through as: a function of that name.
pub(super) const ROWS_FROM: &str = "rows from";

/// The name of an entry of FROM that has a column definition list and no name.
const NAMELESS: &str = "?record";

/// The column that a star goes through as.
pub(super) const STAR: &str = "*";

/// The column that a whole row goes through as; `*` might be one of its own.
pub(crate) const WHOLE: &str = "?whole row";

/// What qualifies the name of a join among the columns of its USING.
pub(super) const JOIN_NAME: &str = "?join";

/// Carries all of them.
pub(super) fn carry(tokens: &mut Vec<TokenWithSpan>) {
    let mut at = 0;
    while at < tokens.len() {
        match &tokens[at].token {
            Token::Placeholder(_) => carry_parameter(tokens, at),
            Token::Mul => carry_star(tokens, at),
            Token::Word(word) if word.keyword == Keyword::VALUES => carry_value_stars(tokens, at),
            Token::Word(word) if word.keyword == Keyword::ROWS => carry_rows_from(tokens, at),
            Token::Word(word) if word.keyword == Keyword::AS => carry_definitions(tokens, at),
            Token::Word(word) if word.keyword == Keyword::FETCH => carry_fetch(tokens, at),
            Token::Word(word) if word.keyword == Keyword::USING => carry_join_name(tokens, at),
            Token::Word(word) if word.keyword == Keyword::GROUP => carried_groups::carry_quantifier(tokens, at),
            Token::Word(word) if matches!(word.keyword, Keyword::ROLLUP | Keyword::CUBE | Keyword::GROUPING) => {
                carried_groups::carry_sets(tokens, at);
            }
            Token::Word(word) if matches!(word.keyword, Keyword::ANY | Keyword::SOME | Keyword::ALL) => {
                carry_values(tokens, at);
            }
            Token::Word(word) if matches!(word.keyword, Keyword::SEARCH | Keyword::CYCLE) => {
                search_cycle::carry(tokens, at);
            }
            Token::DoubleColon => collation::carry(tokens, at),
            _ => {}
        }
        at += 1;
    }
}

/// `$1.a` and `$1.*`, which go on as `($1).a` and `($1).*`.
fn carry_parameter(tokens: &mut Vec<TokenWithSpan>, at: usize) {
    if after(tokens, at).next().is_some_and(|(_, next)| *next == Token::Period) {
        let parameter = tokens[at].clone();
        let around = |token: Token| TokenWithSpan::new(token, parameter.span);
        tokens.splice(at..=at, [around(Token::LParen), parameter.clone(), around(Token::RParen)]);
    }
}

/// `(row).*`, which goes on as a field, and `t.*` as an operand, which goes on as a column.
fn carry_star(tokens: &mut [TokenWithSpan], at: usize) {
    let mut before = before(tokens, at);
    let name = match (before.next(), before.next()) {
        (Some(Token::Period), Some(Token::RParen)) => STAR,
        (Some(Token::Period), Some(Token::Word(_)))
            if after(tokens, at).next().is_some_and(|(_, next)| takes_row(next)) =>
        {
            WHOLE
        }
        _ => return,
    };
    drop(before);
    tokens[at].token = Token::make_word(name, Some('"'));
}

/// Whether it is an operator over the row before it.
fn takes_row(token: &Token) -> bool {
    let words = [Keyword::IS, Keyword::IN, Keyword::NOT, Keyword::BETWEEN];
    match token {
        Token::DoubleColon | Token::Eq | Token::Neq | Token::Lt | Token::LtEq | Token::Gt | Token::GtEq => true,
        token => words.iter().any(|word| is_word(token, *word)),
    }
}

/// `fetch first (2) rows`, as PostgreSQL writes it, which goes on without the parentheses.
fn carry_fetch(tokens: &mut Vec<TokenWithSpan>, at: usize) {
    let next: Vec<(usize, &Token)> = after(tokens, at).take(4).collect();
    let [(_, first), (open, Token::LParen), _, (close, Token::RParen)] = next.as_slice() else { return };
    if is_word(first, Keyword::FIRST) || is_word(first, Keyword::NEXT) {
        let (open, close) = (*open, *close);
        tokens.remove(close);
        tokens.remove(open);
    }
}

/// `values (t.*, 1), (t.*, 2)`: each star of their own goes on as a column of that name.
fn carry_value_stars(tokens: &mut [TokenWithSpan], at: usize) {
    let (mut depth, mut last, mut is_column) = (0, None, false);
    for token in &mut tokens[at + 1..] {
        match &token.token {
            Token::Whitespace(_) => continue,
            Token::LParen => depth += 1,
            Token::RParen => depth -= 1,
            // Between two rows.
            Token::Comma if depth == 0 => {}
            _ if depth == 0 => return,
            Token::Mul if depth == 1 && is_column => token.token = Token::make_word(STAR, Some('"')),
            _ => {}
        }
        if depth < 0 {
            return;
        }
        is_column = token.token == Token::Period && matches!(last, Some(Token::Word(_)));
        last = Some(token.token.clone());
    }
}

/// The row before `.*`.
pub(super) fn starred(expr: &Expr) -> Option<Expr> {
    let Expr::CompoundFieldAccess { root, access_chain } = expr else { return None };
    match access_chain.as_slice() {
        [chain @ .., AccessExpr::Dot(Expr::Identifier(last))] if last.value == STAR => Some(match chain {
            [] => (**root).clone(),
            chain => Expr::CompoundFieldAccess { root: root.clone(), access_chain: chain.to_vec() },
        }),
        _ => None,
    }
}

/// `any (values (1), (2))`, which goes on as a SELECT over them.
fn carry_values(tokens: &mut Vec<TokenWithSpan>, at: usize) {
    let mut after = after(tokens, at);
    let (open, values) = (after.next(), after.next());
    let (Some((open, Token::LParen)), Some((first, values))) = (open, values) else { return };
    let is_values = is_word(values, Keyword::VALUES);
    drop(after);
    if let Some(close) = carried_groups::closing(tokens, open).filter(|_| is_values) {
        let span = tokens[at].span;
        let around = |token: Token| TokenWithSpan::new(token, span);
        let name = Token::make_word("?values", Some('"'));
        tokens.splice(close..close, [Token::RParen, Token::make_keyword("AS"), name].map(around));
        let select = [Token::make_keyword("SELECT"), Token::Mul, Token::make_keyword("FROM"), Token::LParen];
        tokens.splice(first..first, select.map(around));
    }
}

/// `rows from (f(), g())`, which goes on as a call.
fn carry_rows_from(tokens: &mut Vec<TokenWithSpan>, at: usize) {
    let mut after = after(tokens, at);
    let (from, open, first) = (after.next(), after.next(), after.next());
    let is_from = from.is_some_and(|(_, token)| is_word(token, Keyword::FROM));
    let is_open = open.is_some_and(|(_, token)| *token == Token::LParen);
    let is_query = first.is_none_or(|(_, token)| begins_query(token));
    let end = from.map(|(end, _)| end);
    drop(after);
    if let (true, true, false, Some(end)) = (is_from, is_open, is_query, end) {
        let name = TokenWithSpan::new(Token::make_word(ROWS_FROM, Some('"')), tokens[at].span);
        tokens.splice(at..=end, [name]);
    }
}

/// `f() as (a int, b text)`, which gets a name.
fn carry_definitions(tokens: &mut Vec<TokenWithSpan>, at: usize) {
    let is_call = before(tokens, at).next() == Some(&Token::RParen);
    let mut after = after(tokens, at);
    let (open, first, second) = (after.next(), after.next(), after.next());
    let is_open = open.is_some_and(|(_, token)| *token == Token::LParen);
    let is_column = |token: &Token| matches!(token, Token::Word(_)) && !begins_query(token);
    let are_columns = first.is_some_and(|(_, token)| is_column(token))
        && second.is_some_and(|(_, token)| matches!(token, Token::Word(_)));
    drop(after);
    if is_call && is_open && are_columns {
        let name = TokenWithSpan::new(Token::make_word(NAMELESS, Some('"')), tokens[at].span);
        tokens.insert(at + 1, name);
    }
}

/// `using (a, b) as j`, whose name goes on as a last, qualified column.
fn carry_join_name(tokens: &mut Vec<TokenWithSpan>, at: usize) {
    let mut after = after(tokens, at);
    if after.next().is_none_or(|(_, open)| *open != Token::LParen) {
        return;
    }
    let (mut close, mut first) = (None, true);
    for (at, token) in after.by_ref() {
        match token {
            Token::RParen => {
                close = Some(at);
                break;
            }
            Token::Word(_) if first && begins_query(token) => return,
            Token::Word(_) | Token::Comma => first = false,
            _ => return,
        }
    }
    let (as_word, name) = (after.next(), after.next());
    let (Some(close), Some((_, as_word)), Some((end, name @ Token::Word(_)))) = (close, as_word, name) else { return };
    if !is_word(as_word, Keyword::AS) {
        return;
    }
    let (name, span) = (name.clone(), tokens[close].span);
    drop(after);
    let carried = [Token::Comma, Token::make_word(JOIN_NAME, Some('"')), Token::Period, name, Token::RParen];
    tokens.splice(close..=end, carried.map(|token| TokenWithSpan::new(token, span)));
}

fn begins_query(token: &Token) -> bool {
    let words = [
        Keyword::SELECT,
        Keyword::WITH,
        Keyword::VALUES,
        Keyword::TABLE,
        Keyword::INSERT,
        Keyword::UPDATE,
        Keyword::DELETE,
    ];
    *token == Token::LParen || words.iter().any(|word| is_word(token, *word))
}

pub(super) fn is_word(token: &Token, keyword: Keyword) -> bool {
    matches!(token, Token::Word(word) if word.keyword == keyword && word.quote_style.is_none())
}

fn before(tokens: &[TokenWithSpan], at: usize) -> impl Iterator<Item = &Token> {
    tokens[..at].iter().rev().map(|token| &token.token).filter(|token| !matches!(token, Token::Whitespace(_)))
}

pub(super) fn after(tokens: &[TokenWithSpan], at: usize) -> impl Iterator<Item = (usize, &Token)> {
    let places = tokens.iter().enumerate().skip(at + 1).map(|(at, token)| (at, &token.token));
    places.filter(|(_, token)| !matches!(token, Token::Whitespace(_)))
}
