//! JSON's string escapes, as PostgreSQL writes and reads them.

use std::borrow::Cow;

use basalt_core::{Error, Result};

use super::parse::syntax;

/// Writes a JSON string with its quotes: short escapes where there are, `\u00XX` for other control characters, all else
/// as it is.
pub fn write_string(text: &str, out: &mut String) {
    out.reserve(text.len() + 2);
    out.push('"');
    let mut written = 0;
    for (at, byte) in text.bytes().enumerate() {
        if byte >= 0x20 && byte != b'"' && byte != b'\\' {
            continue;
        }
        out.push_str(&text[written..at]);
        written = at + 1;
        match byte {
            b'"' => out.push_str("\\\""),
            b'\\' => out.push_str("\\\\"),
            b'\n' => out.push_str("\\n"),
            b'\r' => out.push_str("\\r"),
            b'\t' => out.push_str("\\t"),
            0x08 => out.push_str("\\b"),
            0x0c => out.push_str("\\f"),
            control => {
                const DIGITS: &[u8; 16] = b"0123456789abcdef";
                out.push_str("\\u00");
                out.push(char::from(DIGITS[usize::from(control >> 4)]));
                out.push(char::from(DIGITS[usize::from(control & 15)]));
            }
        }
    }
    out.push_str(&text[written..]);
    out.push('"');
}

/// Reads what stands between the quotes of a JSON string. 22P02 for a broken surrogate pair, 22P05 for `\u0000`.
pub(crate) fn unescape(raw: &str) -> Result<Cow<'_, str>> {
    let Some(first) = raw.find('\\') else { return Ok(Cow::Borrowed(raw)) };
    let mut out = String::with_capacity(raw.len());
    out.push_str(&raw[..first]);
    let mut rest = &raw[first..];
    while let Some(at) = rest.find('\\') {
        out.push_str(&rest[..at]);
        let escaped = rest.as_bytes().get(at + 1).copied().unwrap_or(b'\\');
        rest = rest.get(at + 2..).unwrap_or_default();
        out.push(match escaped {
            b'b' => '\x08',
            b'f' => '\x0c',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => unicode(&mut rest)?,
            other => char::from(other),
        });
    }
    out.push_str(rest);
    Ok(Cow::Owned(out))
}

/// Judges the escapes of valid JSON as what takes it apart in PostgreSQL does, names and values that nobody asks for included.
///
/// 22P05 for `\u0000`, 22P02 for half of a surrogate pair.
pub fn check_escapes(json: &str) -> Result<()> {
    let mut rest = json;
    while let Some(at) = rest.find('\\') {
        let is_unicode = rest.as_bytes().get(at + 1) == Some(&b'u');
        rest = rest.get(at + 2..).unwrap_or_default();
        if is_unicode {
            unicode(&mut rest)?;
        }
    }
    Ok(())
}

/// Reads the four digits after `\u`, and those of the low surrogate that must follow a high one.
fn unicode(rest: &mut &str) -> Result<char> {
    let mut digits = || {
        let unit = rest.get(..4).and_then(|digits| u16::from_str_radix(digits, 16).ok());
        *rest = rest.get(4..).unwrap_or_default();
        unit.ok_or_else(|| syntax("\"\\u\" must be followed by four hexadecimal digits.".to_owned()))
    };
    let first = digits()?;
    if first == 0 {
        return Err(Error::new("22P05", "unsupported Unicode escape sequence")
            .with_detail("\\u0000 cannot be converted to text."));
    }
    if (0xdc00..0xe000).contains(&first) {
        return Err(broken_pair());
    }
    if !(0xd800..0xdc00).contains(&first) {
        return char::from_u32(first.into()).ok_or_else(broken_pair);
    }
    *rest = rest.strip_prefix("\\u").ok_or_else(broken_pair)?;
    let second = rest.get(..4).and_then(|digits| u16::from_str_radix(digits, 16).ok()).ok_or_else(broken_pair)?;
    *rest = &rest[4..];
    if (0xd800..0xdc00).contains(&second) {
        return Err(syntax("Unicode high surrogate must not follow a high surrogate.".to_owned()));
    }
    char::decode_utf16([first, second]).next().and_then(Result::ok).ok_or_else(broken_pair)
}

fn broken_pair() -> Error {
    syntax("Unicode low surrogate must follow a high surrogate.".to_owned())
}
