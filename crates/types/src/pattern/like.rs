//! LIKE and ILIKE (PostgreSQL manual, section 9.7.1), without allocation.

use basalt_core::{Error, Result};

/// Whether the whole text matches: `%` is any characters, `_` any one, a backslash makes the next literal.
///
/// 22025 where the match reaches a backslash at the pattern's end.
pub fn like(text: &str, pattern: &str) -> Result<bool> {
    like_bytes(text.as_bytes(), pattern.as_bytes(), char_len)
}

/// [`like`] over bytes; `width` tells how many `_` takes, by the first.
pub(super) fn like_bytes(text: &[u8], pattern: &[u8], width: fn(u8) -> usize) -> Result<bool> {
    matches(text, pattern, width, |text, pattern| (text[0] == pattern[0]).then_some((1, 1)))
}

/// [`like`] without regard to case.
pub fn ilike(text: &str, pattern: &str) -> Result<bool> {
    matches(text.as_bytes(), pattern.as_bytes(), char_len, |text, pattern| {
        if text[0].is_ascii() && pattern[0].is_ascii() {
            return text[0].eq_ignore_ascii_case(&pattern[0]).then_some((1, 1));
        }
        let (a, b) = (first_char(text)?, first_char(pattern)?);
        (a == b || lower(a) == lower(b)).then_some((a.len_utf8(), b.len_utf8()))
    })
}

/// Greedy matching that on a mismatch goes back to the last `%` alone, which suffices.
///
/// `literal` compares the characters at the start of both and tells how many bytes each takes; for whole characters that
/// agree byte by byte, one byte at a time will do.
fn matches(
    text: &[u8],
    pattern: &[u8],
    width: fn(u8) -> usize,
    literal: impl Fn(&[u8], &[u8]) -> Option<(usize, usize)>,
) -> Result<bool> {
    let (mut t, mut p) = (0, 0);
    let mut last_percent: Option<(usize, usize)> = None;
    loop {
        let step = match pattern.get(p) {
            Some(b'%') => {
                p += 1;
                if p == pattern.len() {
                    return Ok(true);
                }
                last_percent = Some((t, p));
                if pattern[p..] == *b"\\" {
                    return Err(ends_with_escape());
                }
                continue;
            }
            Some(b'_') => (t < text.len()).then(|| (width(text[t]), 1)),
            Some(b'\\') => match t < text.len() {
                true if p + 1 == pattern.len() => return Err(ends_with_escape()),
                true => literal(&text[t..], &pattern[p + 1..]).map(|(taken, read)| (taken, read + 1)),
                false => None,
            },
            Some(_) => match t < text.len() {
                true => literal(&text[t..], &pattern[p..]),
                false => None,
            },
            None if t == text.len() => return Ok(true),
            None => None,
        };
        match (step, last_percent) {
            (Some((taken, read)), _) => {
                t += taken;
                p += read;
            }
            (None, Some((from, after))) if from < text.len() => {
                t = from + char_len(text[from]);
                p = after;
                last_percent = Some((t, p));
            }
            _ => return Ok(false),
        }
    }
}

fn ends_with_escape() -> Error {
    Error::new("22025", "LIKE pattern must not end with escape character")
}

/// Bytes of the UTF-8 character that starts with this byte.
fn char_len(first: u8) -> usize {
    match first {
        0xf0.. => 4,
        0xe0.. => 3,
        0xc0.. => 2,
        _ => 1,
    }
}

fn first_char(bytes: &[u8]) -> Option<char> {
    let bytes = bytes.get(..char_len(*bytes.first()?))?;
    std::str::from_utf8(bytes).ok()?.chars().next()
}

/// The lower-case form where it is one character.
fn lower(c: char) -> char {
    let mut lower = c.to_lowercase();
    match (lower.next(), lower.next()) {
        (Some(one), None) => one,
        _ => c,
    }
}

/// A pattern with another escape character as one with the backslash. 22025 for more than one character.
pub(super) fn with_backslash(pattern: &str, escape: &str) -> Result<String> {
    let escape = escape_character(escape)?;
    let mut out = String::with_capacity(pattern.len());
    let mut chars = pattern.chars();
    while let Some(c) = chars.next() {
        if Some(c) == escape {
            out.push('\\');
            out.extend(chars.next());
        } else if c == '\\' {
            out.push_str("\\\\");
        } else {
            out.push(c);
        }
    }
    Ok(out)
}

/// The one character of an ESCAPE clause, if any. 22025.
pub(super) fn escape_character(escape: &str) -> Result<Option<char>> {
    let mut chars = escape.chars();
    match (chars.next(), chars.next()) {
        (first, None) => Ok(first),
        _ => {
            Err(Error::new("22025", "invalid escape string").with_hint("Escape string must be empty or one character."))
        }
    }
}
