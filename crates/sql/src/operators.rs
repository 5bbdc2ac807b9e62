//! What PostgreSQL's scanner makes of operators and `sqlparser`'s does not (manual, section 4.1.3): a comment that stands right behind one is a
//! comment, and signs at the end of one are mostly the operand's.

use std::borrow::Cow;

use sqlparser::dialect::{Dialect, PostgreSqlDialect};
use sqlparser::tokenizer::{Location, Span, Token, TokenWithSpan, Tokenizer, TokenizerError};

use crate::script::Lexer;

/// Characters of which one lets an operator's name end in a sign.
const SIGNED: [char; 10] = ['~', '!', '@', '#', '%', '^', '&', '|', '`', '?'];

/// The tokens of a text, operators without the comments and signs behind them.
pub(crate) fn tokens(sql: &str) -> Result<Vec<TokenWithSpan>, TokenizerError> {
    let text = without_comments(sql);
    let mut tokens = Tokenizer::new(&PostgreSqlDialect {}, &text).tokenize_with_location()?;
    let mut at = 0;
    while at < tokens.len() {
        if let Some(parts) = parts(&tokens[at]) {
            let count = parts.len();
            tokens.splice(at..=at, parts);
            at += count;
        } else {
            at += 1;
        }
    }
    Ok(tokens)
}

/// The text with blanks for the comments that stand right behind an operator: all else keeps its place.
fn without_comments(sql: &str) -> Cow<'_, str> {
    let touches = |bytes: &[u8]| is_operator(bytes[0].into()) && matches!(&bytes[1..], b"--" | b"/*");
    if !sql.as_bytes().windows(3).any(touches) {
        return Cow::Borrowed(sql);
    }
    let mut lexer = Lexer::new(sql);
    let mut text = sql[..lexer.position()].to_owned();
    loop {
        let end = lexer.position();
        let Ok(next) = lexer.next() else { return Cow::Borrowed(sql) };
        let start = next.map_or(sql.len(), |(_, start)| start);
        let gap = &sql[end..start];
        match text.ends_with(is_operator) {
            true => text.extend(gap.chars().map(|c| if c.is_whitespace() { c } else { ' ' })),
            false => text.push_str(gap),
        }
        text.push_str(&sql[start..lexer.position()]);
        if next.is_none() {
            return Cow::Owned(text);
        }
    }
}

fn is_operator(c: char) -> bool {
    PostgreSqlDialect {}.is_custom_operator_part(c)
}

/// An operator and the signs behind it; `None` where there are none.
fn parts(token: &TokenWithSpan) -> Option<Vec<TokenWithSpan>> {
    let Token::CustomBinaryOperator(text) = &token.token else { return None };
    if text.contains(SIGNED) || !text.ends_with(['+', '-']) {
        return None;
    }
    let length = text.trim_end_matches(['+', '-']).len().max(1);
    let name = Tokenizer::new(&PostgreSqlDialect {}, &text[..length]).tokenize().ok()?;
    let signs = text[length..].chars().map(|sign| if sign == '+' { Token::Plus } else { Token::Minus });
    let Location { line, column } = token.span.start;
    let place = |at: usize| Location { line, column: column + at as u64 };
    let found =
        name.into_iter().map(|name| (name, 0, length)).chain(signs.zip(length..).map(|(sign, at)| (sign, at, at + 1)));
    Some(found.map(|(token, from, to)| TokenWithSpan::new(token, Span::new(place(from), place(to)))).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(sql: &str) -> String {
        let tokens = tokens(sql).expect(sql).into_iter().map(|token| token.token.to_string());
        tokens.filter(|token| !token.trim().is_empty()).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn signs_are_the_operands() {
        for (sql, tokens) in [
            ("a>-1", "a > - 1"),
            ("a<>-1", "a <> - 1"),
            ("a>=+1", "a >= + 1"),
            ("2-+-1", "2 - + - 1"),
            ("d->-1", "d -> - 1"),
            ("d->>-1", "d ->> - 1"),
            ("a<->b", "a <-> b"),
            ("a@>-1", "a @> - 1"),
            ("a||-1", "a ||- 1"),
        ] {
            assert_eq!(read(sql), tokens, "{sql}");
        }
        let places: Vec<u64> = tokens("é->>-1").expect("reads").iter().map(|token| token.span.start.column).collect();
        assert_eq!(places, [1, 2, 5, 6]);
    }

    #[test]
    fn a_comment_ends_an_operator() {
        for (sql, tokens) in [
            ("a>-- it's\n1", "a > 1"),
            ("a>/* it's /* nested */ */1", "a > 1"),
            ("a||/**/'>--'", "a || '>--'"),
            ("a>--", "a >"),
        ] {
            assert_eq!(read(sql), tokens, "{sql}");
        }
        let last = tokens("a>/* é */b").expect("reads").pop().expect("is there");
        assert_eq!(last.span.start, Location { line: 1, column: 10 });
    }
}
