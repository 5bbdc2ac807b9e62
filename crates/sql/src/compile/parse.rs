//! PostgreSQL source text to AST, with PostgreSQL's errors.

use basalt_core::{Error, Result};
use basalt_types::Base;
use sqlparser::ast;
use sqlparser::dialect::PostgreSqlDialect;
use sqlparser::keywords::Keyword;
use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::{Location, Token, TokenWithSpan};

use super::{lock, search_cycle};
use crate::strings;
use crate::unread::{useless_word, with_advice};

/// Longest name in bytes (`NAMEDATALEN - 1`).
pub(crate) const LONGEST_NAME: usize = 63;

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

/// The name of the argument that stands for the word `variadic` before the one that follows.
pub(crate) const VARIADIC: &str = "$variadic";

/// Words of PostgreSQL that the parser doesn't know.
const UNKNOWN_WORDS: [&str; 6] = ["overriding", "variadic", "isnull", "symmetric", "table", "for"];

fn run<T>(sql: &str, parse: impl FnOnce(&mut Parser<'_>) -> Result<T, ParserError>) -> Result<T> {
    let dialect = PostgreSqlDialect {};
    let mut tokens = carried_tokens(sql).map_err(|error| syntax_error(sql, error))?;
    if let Some(empty) = tokens.iter().find(|token| is_nameless(token)) {
        let error = Error::new("42601", "zero-length delimited identifier at or near \"\"\"\"");
        return Err(error.at(offset(sql, empty.span.start).unwrap_or_default()));
    }
    if contains_ignoring_case(sql, "insert") {
        super::insert_source::carry(&mut tokens);
    }
    if contains_ignoring_case(sql, "conflict") {
        super::bare_select::carry(&mut tokens);
        super::index_predicate::carry(sql, &mut tokens);
    }
    let parser = Parser::new(&dialect).with_recursion_limit(RECURSION_LIMIT);
    let mut parser = parser.with_tokens_with_locations(tokens);
    parse(&mut parser).map_err(|error| syntax_error(sql, error))
}

/// The tokens of a text as they go through the parser: what it doesn't know in the form of something else.
pub(crate) fn carried_tokens(sql: &str) -> Result<Vec<TokenWithSpan>, ParserError> {
    let mut tokens = tokens(sql)?;
    if UNKNOWN_WORDS.iter().any(|word| contains_ignoring_case(sql, word)) {
        carry_overriding(&mut tokens);
        carry_predicates(sql, &mut tokens);
        carry_table(&mut tokens);
        lock::carry_locks(&mut tokens);
        carry_variadic(&mut tokens);
    }
    super::carried::carry(&mut tokens);
    Ok(tokens)
}

/// Whether it is `""`.
fn is_nameless(token: &TokenWithSpan) -> bool {
    matches!(&token.token, Token::Word(word) if word.quote_style.is_some() && word.value.is_empty())
}

/// The tokens of a text, each string literal in one of them; names are cut as PostgreSQL cuts them.
pub(crate) fn tokens(sql: &str) -> Result<Vec<TokenWithSpan>, ParserError> {
    let mut tokens = strings::tokens(sql)?;
    join_operators(&mut tokens);
    carry_range_literals(&mut tokens);
    if contains_ignoring_case(sql, "trim") {
        carry_trim(&mut tokens);
    }
    if contains_ignoring_case(sql, "substring") {
        carry_substring(&mut tokens);
    }
    if contains_ignoring_case(sql, "only") {
        carry_only(&mut tokens);
    }
    for token in &mut tokens {
        if let Token::Word(word) = &mut token.token
            && word.value.len() > LONGEST_NAME
            && !word.value.starts_with(search_cycle::MARK)
        {
            word.value.truncate(word.value.floor_char_boundary(LONGEST_NAME));
        }
    }
    Ok(tokens)
}

/// `<+>`, which the tokenizer takes for three operators.
fn join_operators(tokens: &mut Vec<TokenWithSpan>) {
    let mut at = 0;
    while at + 2 < tokens.len() {
        if let [Token::Lt, Token::Plus, Token::Gt] = [0, 1, 2].map(|next| &tokens[at + next].token) {
            let span = tokens[at].span.union(&tokens[at + 2].span);
            let joined = TokenWithSpan::new(Token::CustomBinaryOperator("<+>".to_owned()), span);
            tokens.splice(at..at + 3, [joined]);
        }
        at += 1;
    }
}

/// `int4range '[1,5)'`, which goes on as `cast('[1,5)' as int4range)`: the parser takes few names of types before a literal.
fn carry_range_literals(tokens: &mut Vec<TokenWithSpan>) {
    let mut at = 0;
    while at < tokens.len() {
        let is_range = word(&tokens[at]).and_then(|word| Base::by_name(&word)).and_then(Base::subtype).is_some();
        let next = tokens[at + 1..].iter().position(|token| !matches!(token.token, Token::Whitespace(_)));
        if is_range
            && let Some(next) = next.map(|next| at + 1 + next)
            && matches!(tokens[next].token, Token::SingleQuotedString(_) | Token::EscapedStringLiteral(_))
        {
            let (ty, literal) = (tokens[at].clone(), tokens[next].clone());
            let around = |token: Token| TokenWithSpan::new(token, ty.span);
            let cast = [around(Token::make_keyword("CAST")), around(Token::LParen), literal];
            let (is, close) = (around(Token::make_keyword("AS")), around(Token::RParen));
            tokens.splice(at..=next, cast.into_iter().chain([is, ty.clone(), close]));
        }
        at += 1;
    }
}

/// What OVERRIDING of an INSERT says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Overriding {
    /// Given values stand, in identity columns too.
    System,
    /// Given values of identity columns are passed over.
    User,
}

/// `overriding system value` or `overriding user value` of an INSERT.
pub(crate) fn overriding(insert: &ast::Insert) -> Option<Overriding> {
    match insert.partitioned.as_deref()? {
        [ast::Expr::Identifier(ident)] if ident.value == "overriding system value" => Some(Overriding::System),
        [ast::Expr::Identifier(ident)] if ident.value == "overriding user value" => Some(Overriding::User),
        _ => None,
    }
}

/// The parser doesn't know `overriding ... value`; it goes through in the place of another dialect's PARTITION clause.
fn carry_overriding(tokens: &mut Vec<TokenWithSpan>) {
    let mut start = 0;
    while start < tokens.len() {
        let words =
            tokens[start..].iter().enumerate().filter(|(_, t)| !matches!(t.token, Token::Whitespace(_))).take(3);
        let words: Vec<(usize, Option<String>)> = words.map(|(at, token)| (start + at, word(token))).collect();
        if let [(first, Some(a)), (_, Some(b)), (last, Some(c))] = words.as_slice()
            && a == "overriding"
            && (b == "system" || b == "user")
            && c == "value"
        {
            let span = tokens[*first].span;
            let clause = Token::make_word(&format!("overriding {b} value"), Some('"'));
            let mut carried = table_as_alias(&tokens[..*first]);
            carried.extend([Token::make_keyword("PARTITION"), Token::LParen, clause, Token::RParen]);
            tokens.splice(*first..=*last, carried.into_iter().map(|token| TokenWithSpan::new(token, span)));
        }
        start += 1;
    }
}

/// An unquoted word, in lower case.
pub(super) fn word(token: &TokenWithSpan) -> Option<String> {
    match &token.token {
        Token::Word(word) if word.quote_style.is_none() => Some(word.value.to_lowercase()),
        _ => None,
    }
}

/// `as t` where `insert into t` ends: without a column list or an alias, the parser would take PARTITION for the alias.
fn table_as_alias(before: &[TokenWithSpan]) -> Vec<Token> {
    let mut before =
        before.iter().rev().map(|token| &token.token).filter(|token| !matches!(token, Token::Whitespace(_)));
    match (before.next(), before.next()) {
        (Some(table @ Token::Word(_)), Some(Token::Period)) => vec![Token::make_keyword("AS"), table.clone()],
        (Some(table @ Token::Word(_)), Some(Token::Word(into))) if into.value.eq_ignore_ascii_case("into") => {
            vec![Token::make_keyword("AS"), table.clone()]
        }
        _ => Vec::new(),
    }
}

/// `x isnull`, and `between symmetric a and b`, which goes on as `between !! a and b` ([`asymmetric`]).
fn carry_predicates(sql: &str, tokens: &mut Vec<TokenWithSpan>) {
    if !["isnull", "symmetric"].iter().any(|word| contains_ignoring_case(sql, word)) {
        return;
    }
    let mut between = false;
    let mut at = 0;
    while at < tokens.len() {
        let (span, is_space) = (tokens[at].span, matches!(tokens[at].token, Token::Whitespace(_)));
        let Some(word) = word(&tokens[at]) else {
            between &= is_space;
            at += 1;
            continue;
        };
        let carried = match word.as_str() {
            "isnull" => vec![Token::make_keyword("IS"), Token::make_keyword("NULL")],
            "symmetric" if between => vec![Token::DoubleExclamationMark],
            "asymmetric" if between => vec![],
            _ => vec![tokens[at].token.clone()],
        };
        between = word == "between";
        let count = carried.len();
        tokens.splice(at..=at, carried.into_iter().map(|token| TokenWithSpan::new(token, span)));
        at += count;
    }
}

/// `trim(leading from x)` and `trim(from x)`, which go on as `trim(leading ' ' from x)` and `trim(' ' from x)`.
fn carry_trim(tokens: &mut Vec<TokenWithSpan>) {
    let mut before = [None, None];
    let mut at = 0;
    while at < tokens.len() {
        let found = match &tokens[at].token {
            Token::Whitespace(_) => {
                at += 1;
                continue;
            }
            Token::LParen => Some("(".to_owned()),
            _ => word(&tokens[at]),
        };
        let begins = match before.each_ref().map(Option::as_deref) {
            [Some("("), Some(side)] => matches!(side, "leading" | "trailing" | "both"),
            other => other == [Some("trim"), Some("(")],
        };
        if begins && found.as_deref() == Some("from") {
            let space = TokenWithSpan::new(Token::SingleQuotedString(" ".to_owned()), tokens[at].span);
            tokens.insert(at, space);
            at += 1;
        }
        before = [before[1].take(), found];
        at += 1;
    }
}

/// `update only t`, `from only t`, where no table has tables that inherit from it: the word is left out.
fn carry_only(tokens: &mut Vec<TokenWithSpan>) {
    let mut comes_table = false;
    tokens.retain(|token| {
        let found = word(token);
        if matches!(token.token, Token::Whitespace(_)) {
            return true;
        }
        let is_only = comes_table && found.as_deref() == Some("only");
        let before = matches!(found.as_deref(), Some("update" | "from" | "join" | "using"));
        comes_table = before || token.token == Token::Comma;
        !is_only
    });
}

/// `substring(x similar pattern escape e)`, which goes on as `substring(x, pattern, e)`.
fn carry_substring(tokens: &mut [TokenWithSpan]) {
    // The parentheses that are open, each with whether it is a substring's, and one that has SIMILAR.
    let mut open: Vec<(bool, bool)> = Vec::new();
    let mut before = None;
    for at in 0..tokens.len() {
        let found = word(&tokens[at]);
        match (&tokens[at].token, open.last_mut()) {
            (Token::Whitespace(_), _) => continue,
            (Token::LParen, _) => open.push((before.as_deref() == Some("substring"), false)),
            (Token::RParen, _) => drop(open.pop()),
            (_, Some((true, is_similar))) => {
                let next = tokens[at + 1..].iter().find(|token| !matches!(token.token, Token::Whitespace(_)));
                let is_test = next.and_then(word).is_some_and(|next| next == "to");
                let carried = match found.as_deref() {
                    Some("similar") => !is_test,
                    Some("escape") => *is_similar,
                    _ => false,
                };
                if carried {
                    *is_similar = true;
                    tokens[at].token = Token::Comma;
                }
            }
            _ => {}
        }
        before = found;
    }
}

/// A statement `table t`, which goes on as `select * from t`.
fn carry_table(tokens: &mut Vec<TokenWithSpan>) {
    let first = tokens.iter().position(|token| !matches!(token.token, Token::Whitespace(_)));
    if let Some(first) = first.filter(|first| word(&tokens[*first]).is_some_and(|word| word == "table")) {
        let span = tokens[first].span;
        let carried = [Token::make_keyword("SELECT"), Token::Mul, Token::make_keyword("FROM")];
        tokens.splice(first..=first, carried.map(|token| TokenWithSpan::new(token, span)));
    }
}

/// `variadic`, which the parser does not know, as an argument before the array.
fn carry_variadic(tokens: &mut Vec<TokenWithSpan>) {
    let mut at = 0;
    while at < tokens.len() {
        if is_variadic(&tokens[at]) {
            let span = tokens[at].span;
            let mark = [Token::make_word(VARIADIC, Some('"')), Token::Comma];
            tokens.splice(at..=at, mark.map(|token| TokenWithSpan::new(token, span)));
        }
        at += 1;
    }
}

/// The lower bound of `between symmetric`, without its mark; `None` where there is none.
pub(crate) fn asymmetric(low: &ast::Expr) -> Option<ast::Expr> {
    let mut low = low.clone();
    let mut leftmost = &mut low;
    loop {
        leftmost = match leftmost {
            ast::Expr::UnaryOp { op: ast::UnaryOperator::PGPrefixFactorial, expr } => {
                let bound = (**expr).clone();
                *leftmost = bound;
                return Some(low);
            }
            ast::Expr::BinaryOp { left, .. } => left,
            ast::Expr::Cast { expr, .. } => expr,
            _ => return None,
        };
    }
}

/// `variadic` before an argument, which the parser doesn't know either: an array in a variadic parameter's place is taken so anyway.
fn is_variadic(token: &TokenWithSpan) -> bool {
    matches!(&token.token, Token::Word(word) if word.quote_style.is_none() && word.keyword == Keyword::VARIADIC)
}

pub(super) fn contains_ignoring_case(text: &str, word: &str) -> bool {
    text.as_bytes().windows(word.len()).any(|window| window.eq_ignore_ascii_case(word.as_bytes()))
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
    let location = place
        .and_then(|(line, column)| Some(Location { line: line.parse().ok()?, column: column.trim().parse().ok()? }));
    let at = location.and_then(|location| offset(sql, location));
    let (expected, found) = match text.split_once(", found: ") {
        Some((expected, found)) => (expected, Some(found)),
        None => (text, at.and_then(|at| useless_word(text, sql, at))),
    };
    let error = match found {
        Some("EOF") => Error::new("42601", "syntax error at end of input").at(sql.len()),
        Some(found) => Error::new("42601", format!("syntax error at or near \"{found}\"")),
        None => Error::new("42601", format!("syntax error: {text}")),
    };
    let error = match expected.strip_prefix("Expected: ") {
        Some(expected) => error.with_hint(format!("Expected {expected}.")),
        None => error,
    };
    match at {
        Some(at) => with_advice(error.at(at), sql, at, found.unwrap_or_default()),
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
