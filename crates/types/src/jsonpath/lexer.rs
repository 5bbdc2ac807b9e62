//! A path's text to tokens.

use basalt_core::{Error, Result};

/// A token with the text that it was read from.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Token<'a> {
    pub kind: Kind,
    pub text: &'a str,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Kind {
    /// A bare word, escapes read; a keyword or a key.
    Word(String),
    String(String),
    Variable(String),
    Integer,
    Number,
    /// `&&`, `==`, `**`, `$`, and any other sign.
    Sign,
    End,
}

/// What ends a bare word.
const SPECIAL: &str = "?%$.[]{}()|&!=<>@#,*:-+/";

/// 42601 in PostgreSQL's words.
pub(super) fn syntax(what: &str, near: &str) -> Error {
    match near {
        "" => Error::new("42601", format!("{what} at end of jsonpath input")),
        near => Error::new("42601", format!("{what} at or near \"{near}\" of jsonpath input")),
    }
}

/// All tokens, [`Kind::End`] last.
pub(super) fn tokens(text: &str) -> Result<Vec<Token<'_>>> {
    let mut tokens = Vec::new();
    let mut at = 0;
    loop {
        at = after_space(text, at)?;
        let Some(first) = text[at..].chars().next() else { break };
        let rest = &text[at..];
        let (kind, length) = match first {
            '"' => quoted(rest).map(|(value, length)| (Kind::String(value), length))?,
            '$' => variable(rest)?,
            '0'..='9' => number(rest)?,
            '.' if rest[1..].starts_with(|c: char| c.is_ascii_digit()) => number(rest)?,
            special if SPECIAL.contains(special) => (Kind::Sign, sign(rest)),
            _ => word(rest).map(|(value, length)| (Kind::Word(value), length))?,
        };
        tokens.push(Token { kind, text: &rest[..length] });
        at += length;
    }
    tokens.push(Token { kind: Kind::End, text: "" });
    Ok(tokens)
}

/// Where the next token begins, behind white space and comments.
fn after_space(text: &str, mut at: usize) -> Result<usize> {
    loop {
        let rest = &text[at..];
        let spaces = rest.bytes().take_while(|b| matches!(b, b' ' | b'\t' | b'\n' | b'\r' | 0x0c)).count();
        at += spaces;
        match text[at..].strip_prefix("/*") {
            Some(comment) => match comment.find("*/") {
                Some(end) => at += end + 4,
                None => return Err(syntax("unexpected end of comment", "")),
            },
            None => return Ok(at),
        }
    }
}

fn sign(rest: &str) -> usize {
    let doubled = ["&&", "||", "**", "==", "!=", "<>", "<=", ">="];
    if doubled.iter().any(|sign| rest.starts_with(sign)) { 2 } else { 1 }
}

fn variable(rest: &str) -> Result<(Kind, usize)> {
    let name = &rest[1..];
    if name.starts_with('"') {
        return quoted(name).map(|(value, length)| (Kind::Variable(value), length + 1));
    }
    let length = name.find(|c: char| ends_word(c) || c == '\\').unwrap_or(name.len());
    Ok(match length {
        0 => (Kind::Sign, 1),
        length => (Kind::Variable(name[..length].to_owned()), length + 1),
    })
}

fn ends_word(c: char) -> bool {
    SPECIAL.contains(c) || c == '"' || matches!(c, ' ' | '\t' | '\n' | '\r' | '\x0c')
}

fn number(rest: &str) -> Result<(Kind, usize)> {
    let bytes = rest.as_bytes();
    let digits = |from: usize| bytes[from..].iter().take_while(|b| b.is_ascii_digit()).count();
    let whole = match bytes[0] {
        b'0' => 1,
        b'.' => 0,
        _ => digits(0),
    };
    let mut end = whole;
    let mut kind = Kind::Integer;
    if bytes.get(end) == Some(&b'.') {
        (end, kind) = (end + 1 + digits(end + 1), Kind::Number);
    }
    if matches!(bytes.get(end), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(bytes.get(end + 1), Some(b'+' | b'-')));
        match digits(end + 1 + sign) {
            0 if sign > 0 => return Err(syntax("invalid numeric literal", &rest[..end + 2])),
            0 => {}
            exponent => (end, kind) = (end + 1 + sign + exponent, Kind::Number),
        }
    }
    match rest[end..].chars().next() {
        Some(junk) if !ends_word(junk) => {
            Err(syntax("trailing junk after numeric literal", &rest[..end + junk.len_utf8()]))
        }
        _ => Ok((kind, end)),
    }
}

/// A bare word: its value and its length.
fn word(rest: &str) -> Result<(String, usize)> {
    let mut value = String::new();
    let mut at = 0;
    while let Some(c) = rest[at..].chars().next().filter(|c| !ends_word(*c)) {
        match c {
            '\\' => at += escape(&rest[at..], &mut value)?,
            c => {
                value.push(c);
                at += c.len_utf8();
            }
        }
    }
    Ok((value, at))
}

/// A string in quotes: its value and its length, quotes included.
fn quoted(rest: &str) -> Result<(String, usize)> {
    let mut value = String::new();
    let mut at = 1;
    loop {
        match rest[at..].chars().next() {
            None => return Err(syntax("unterminated quoted string", "")),
            Some('"') => return Ok((value, at + 1)),
            Some('\\') => at += escape(&rest[at..], &mut value)?,
            Some(c) => {
                value.push(c);
                at += c.len_utf8();
            }
        }
    }
}

/// Reads the escape that the text begins with; gives its length.
fn escape(rest: &str, value: &mut String) -> Result<usize> {
    let Some(escaped) = rest[1..].chars().next() else {
        return Err(syntax("unexpected end after backslash", ""));
    };
    let plain = match escaped {
        'b' => '\x08',
        'f' => '\x0c',
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        'v' => '\x0b',
        'x' => {
            let code = hex(rest.get(2..4)).ok_or_else(|| syntax("invalid hex character sequence", &rest[..2]))?;
            push(code, value)?;
            return Ok(4);
        }
        'u' => return unicode(rest, value),
        other => other,
    };
    value.push(plain);
    Ok(1 + escaped.len_utf8())
}

/// `\uXXXX`, `\u{X...}`, and two that are a surrogate pair.
fn unicode(rest: &str, value: &mut String) -> Result<usize> {
    let invalid = || syntax("invalid unicode sequence", rest.get(..2).unwrap_or(rest));
    let one = |rest: &str| match rest.strip_prefix("\\u{") {
        Some(digits) => {
            let end = digits.find('}').filter(|end| (1..=6).contains(end))?;
            Some((hex(digits.get(..end))?, end + 4))
        }
        None => Some((hex(rest.strip_prefix("\\u")?.get(..4))?, 6)),
    };
    let surrogate = || {
        Error::new("22P02", "invalid input syntax for type jsonpath")
            .with_detail("Unicode low surrogate must follow a high surrogate.")
    };
    let (code, length) = one(rest).ok_or_else(invalid)?;
    match code {
        0xd800..=0xdbff => match rest.get(length..).and_then(one) {
            Some((low @ 0xdc00..=0xdfff, more)) => {
                push(0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00), value)?;
                Ok(length + more)
            }
            _ => Err(surrogate()),
        },
        0xdc00..=0xdfff => Err(surrogate()),
        code => push(code, value).map(|()| length),
    }
}

fn push(code: u32, value: &mut String) -> Result<()> {
    if code == 0 {
        return Err(Error::new("22P05", "unsupported Unicode escape sequence")
            .with_detail("\\u0000 cannot be converted to text."));
    }
    value.push(char::from_u32(code).ok_or_else(|| Error::new("42601", "invalid Unicode code point"))?);
    Ok(())
}

fn hex(digits: Option<&str>) -> Option<u32> {
    let digits = digits.filter(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()))?;
    u32::from_str_radix(digits, 16).ok()
}
