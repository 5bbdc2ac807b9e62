//! What PostgreSQL's scanner makes of string literals and `sqlparser`'s does not (manual, section 4.1.2): parts on several lines that
//! are one literal, and `U&'...' uescape '!'`.

use sqlparser::parser::ParserError;
use sqlparser::tokenizer::{Token, TokenWithSpan, Whitespace};

use crate::compile::offset;
use crate::operators;

/// The tokens of a text, each string literal in one of them.
///
/// Errors: two string literals on one line; a bad escape.
pub(crate) fn tokens(sql: &str) -> Result<Vec<TokenWithSpan>, ParserError> {
    let mut tokens = operators::tokens(sql)?;
    let mut at = 0;
    while at < tokens.len() {
        if matches!(tokens[at].token, Token::UnicodeStringLiteral(_)) {
            take_escape(sql, &mut tokens, at)?;
        }
        while let Some(next) = next_part(&tokens, at)? {
            join(&mut tokens, at, next)?;
        }
        at += 1;
    }
    Ok(tokens)
}

/// The string literal that follows the one at `at`, with nothing between them but white space. Its quotes are plain.
fn next_part(tokens: &[TokenWithSpan], at: usize) -> Result<Option<usize>, ParserError> {
    if text(&tokens[at].token).is_none() {
        return Ok(None);
    }
    let (mut is_later_line, mut is_commented) = (false, false);
    for (next, token) in tokens.iter().enumerate().skip(at + 1) {
        match &token.token {
            Token::Whitespace(Whitespace::Newline | Whitespace::SingleLineComment { .. }) => is_later_line = true,
            Token::Whitespace(Whitespace::MultiLineComment(_)) => is_commented = true,
            Token::Whitespace(_) => {}
            Token::SingleQuotedString(_) if is_later_line && !is_commented => return Ok(Some(next)),
            Token::SingleQuotedString(_) => return Err(unexpected(token)),
            _ => return Ok(None),
        }
    }
    Ok(None)
}

/// Appends the literal at `next` to the one at `at`.
fn join(tokens: &mut Vec<TokenWithSpan>, at: usize, next: usize) -> Result<(), ParserError> {
    let (Some(first), Some(more)) = (text(&tokens[at].token), text(&tokens[next].token)) else { return Ok(()) };
    // The escapes of the first part hold for the others, which were read without any.
    if !matches!(tokens[at].token, Token::SingleQuotedString(_)) && more.contains('\\') {
        return Err(unexpected(&tokens[next]));
    }
    let joined = format!("{first}{more}");
    if let Token::SingleQuotedString(text) | Token::EscapedStringLiteral(text) | Token::UnicodeStringLiteral(text) =
        &mut tokens[at].token
    {
        *text = joined;
    }
    tokens[at].span.end = tokens[next].span.end;
    tokens.drain(at + 1..=next);
    Ok(())
}

fn text(token: &Token) -> Option<&str> {
    match token {
        Token::SingleQuotedString(text) | Token::EscapedStringLiteral(text) | Token::UnicodeStringLiteral(text) => {
            Some(text)
        }
        _ => None,
    }
}

/// Reads the literal at `at` by the escape character that UESCAPE gives after it.
fn take_escape(sql: &str, tokens: &mut Vec<TokenWithSpan>, at: usize) -> Result<(), ParserError> {
    let next = |from: usize| {
        let found = tokens.get(from..)?.iter().position(|token| !matches!(token.token, Token::Whitespace(_)))?;
        Some(from + found)
    };
    let is_uescape = |token: &Token| matches!(token, Token::Word(word) if word.quote_style.is_none() && word.value.eq_ignore_ascii_case("uescape"));
    let Some(word) = next(at + 1).filter(|word| is_uescape(&tokens[*word].token)) else { return Ok(()) };
    let Some(given) = next(word + 1) else { return Ok(()) };
    let escape = match &tokens[given].token {
        Token::SingleQuotedString(text) => single(text).filter(|c| is_escape(*c)),
        _ => return Err(unexpected(&tokens[given])),
    };
    let escape = escape.ok_or_else(|| at_token("invalid Unicode escape character", &tokens[given]))?;
    let span = tokens[at].span;
    let raw = match (offset(sql, span.start), offset(sql, span.end)) {
        (Some(start), Some(end)) => sql[start..end].trim_end(),
        _ => "",
    };
    let body = raw.get(3..raw.len().saturating_sub(1)).unwrap_or_default().replace("''", "'");
    let read = unescape(&body, escape).ok_or_else(|| at_token("invalid Unicode escape", &tokens[at]))?;
    tokens[at].token = Token::SingleQuotedString(read);
    tokens.drain(at + 1..=given);
    Ok(())
}

fn single(text: &str) -> Option<char> {
    let mut chars = text.chars();
    chars.next().filter(|_| chars.next().is_none())
}

fn is_escape(c: char) -> bool {
    !c.is_ascii_hexdigit() && !c.is_whitespace() && !matches!(c, '+' | '\'' | '"')
}

/// `!XXXX`, `!+XXXXXX` and `!!`, where `!` is the escape character; `None` for anything else behind it.
fn unescape(text: &str, escape: char) -> Option<String> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(escape) {
        out.push_str(&rest[..at]);
        rest = &rest[at + escape.len_utf8()..];
        if let Some(after) = rest.strip_prefix(escape) {
            out.push(escape);
            rest = after;
            continue;
        }
        let (digits, length) = match rest.strip_prefix('+') {
            Some(digits) => (digits, 6),
            None => (rest, 4),
        };
        let number = digits.get(..length).filter(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()))?;
        let code = u32::from_str_radix(number, 16).ok().filter(|code| *code != 0)?;
        out.push(char::from_u32(code)?);
        rest = &digits[length..];
    }
    out.push_str(rest);
    Some(out)
}

fn unexpected(token: &TokenWithSpan) -> ParserError {
    ParserError::ParserError(format!("Expected: no second string, found: {}{}", token.token, token.span.start))
}

fn at_token(message: &str, token: &TokenWithSpan) -> ParserError {
    ParserError::ParserError(format!("{message}{}", token.span.start))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The text's tokens without white space.
    fn read(sql: &str) -> Result<Vec<String>, String> {
        let tokens = tokens(sql).map_err(|error| error.to_string())?;
        let shown = tokens.iter().filter(|token| !matches!(token.token, Token::Whitespace(_)));
        Ok(shown.map(|token| text(&token.token).map_or_else(|| token.token.to_string(), str::to_owned)).collect())
    }

    #[test]
    fn parts_on_several_lines_are_one() {
        assert_eq!(read("'a'\n'b' -- c\n  'it''s', 'd'"), Ok(vec!["abit's".into(), ",".into(), "d".into()]));
        assert_eq!(read("e'\\t'\n'b'"), Ok(vec!["\tb".into()]));
        for sql in ["'a' 'b'", "'a' /* c */ 'b'", "'a' /* c */\n'b'", "e'a'\n'\\n'"] {
            let error = read(sql).expect_err(sql);
            assert!(error.contains("Expected: no second string"), "{error}");
        }
    }

    #[test]
    fn uescape_names_the_escape_character() {
        assert_eq!(read("u&'d!0061t!+000062!!''' UESCAPE '!' x"), Ok(vec!["datb!'".into(), "x".into()]));
        assert_eq!(read("'é', U&'d!0061' uescape '!'"), Ok(vec!["é".into(), ",".into(), "da".into()]));
        for (sql, message) in [
            ("U&'!00' uescape '!'", "invalid Unicode escape"),
            ("U&'!0000' uescape '!'", "invalid Unicode escape"),
            ("U&'a' uescape '+'", "invalid Unicode escape character"),
            ("U&'a' uescape '!!'", "invalid Unicode escape character"),
        ] {
            assert!(read(sql).expect_err(sql).contains(message), "{sql}");
        }
    }
}
