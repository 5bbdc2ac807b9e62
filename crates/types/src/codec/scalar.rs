//! Text input of the types that have no module of their own: boolean, uuid, text.

use basalt_core::{Error, Result};

/// Reads any unique prefix of `true`, `false`, `yes`, `no`, `on`, `off`, or `1`, `0`. 22P02.
pub(super) fn parse_bool(text: &str) -> Result<bool> {
    let word = text.trim_matches(|c: char| c.is_ascii_whitespace() || c == '\x0b');
    let is = |full: &str, least: usize| {
        word.len() >= least && full.get(..word.len()).is_some_and(|prefix| prefix.eq_ignore_ascii_case(word))
    };
    if is("true", 1) || is("yes", 1) || is("on", 2) || is("1", 1) {
        Ok(true)
    } else if is("false", 1) || is("no", 1) || is("off", 2) || is("0", 1) {
        Ok(false)
    } else {
        Err(Error::invalid_text("boolean", text))
    }
}

/// Reads 32 hexadecimal digits, with an optional hyphen after each four, in optional braces; gives the canonical form. 22P02.
pub(super) fn parse_uuid(text: &str) -> Result<String> {
    if is_canonical_uuid(text) {
        return Ok(text.to_owned());
    }
    let invalid = || Error::invalid_text("uuid", text);
    let inner = match text.strip_prefix('{') {
        Some(rest) => rest.strip_suffix('}').ok_or_else(invalid)?,
        None => text,
    };
    let mut out = String::with_capacity(36);
    let (mut digits, mut after_hyphen) = (0, true);
    for byte in inner.bytes() {
        match byte {
            b'-' if !after_hyphen && digits % 4 == 0 && digits < 32 => after_hyphen = true,
            byte if byte.is_ascii_hexdigit() && digits < 32 => {
                if matches!(digits, 8 | 12 | 16 | 20) {
                    out.push('-');
                }
                out.push(char::from(byte.to_ascii_lowercase()));
                digits += 1;
                after_hyphen = false;
            }
            _ => return Err(invalid()),
        }
    }
    if digits == 32 { Ok(out) } else { Err(invalid()) }
}

fn is_canonical_uuid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => matches!(byte, b'0'..=b'9' | b'a'..=b'f'),
        })
}

/// 22021 for a zero byte, which no text may hold.
pub(super) fn check_text(text: &str) -> Result<()> {
    if text.as_bytes().contains(&0) {
        return Err(Error::new("22021", "invalid byte sequence for encoding \"UTF8\": 0x00"));
    }
    Ok(())
}
