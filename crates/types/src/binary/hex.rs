//! `bytea` as text: the hexadecimal and the escape format (PostgreSQL manual, section 8.4).

use basalt_core::{Error, Result};

/// Reads either format. 22023 for bad hexadecimal digits, 22P02 for a bad escape.
pub(crate) fn parse_bytea(text: &str) -> Result<Vec<u8>> {
    match text.strip_prefix("\\x") {
        Some(digits) => read_hex(digits),
        None => read_escape(text).ok_or_else(|| Error::new("22P02", "invalid input syntax for type bytea")),
    }
}

/// Writes the hexadecimal format with its prefix.
pub(crate) fn write_bytea(bytes: &[u8], out: &mut String) {
    out.push_str("\\x");
    write_hex(bytes, out);
}

/// Reads hexadecimal digits; white space may stand between bytes. 22023.
pub(crate) fn read_hex(digits: &str) -> Result<Vec<u8>> {
    let mut out = Vec::with_capacity(digits.len() / 2);
    let mut chars = digits.chars();
    let digit = |c: char| {
        let invalid = || Error::new("22023", format!("invalid hexadecimal digit: \"{c}\""));
        c.to_digit(16).map(|digit| digit as u8).ok_or_else(invalid)
    };
    while let Some(high) = chars.next() {
        if matches!(high, ' ' | '\n' | '\t' | '\r') {
            continue;
        }
        let high = digit(high)?;
        let low = chars.next().ok_or_else(|| Error::new("22023", "invalid hexadecimal data: odd number of digits"))?;
        out.push(high << 4 | digit(low)?);
    }
    Ok(out)
}

/// Writes two lower-case digits a byte.
pub(crate) fn write_hex(bytes: &[u8], out: &mut String) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    out.reserve(bytes.len() * 2);
    for byte in bytes {
        out.push(char::from(DIGITS[usize::from(byte >> 4)]));
        out.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
}

/// Reads the escape format: `\\` and `\nnn` in octal; `None` for any other backslash.
pub(crate) fn read_escape(text: &str) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        rest = match (byte, after) {
            (b'\\', [b'\\', after @ ..]) => {
                out.push(b'\\');
                after
            }
            (b'\\', [a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', after @ ..]) => {
                out.push((a - b'0') << 6 | (b - b'0') << 3 | (c - b'0'));
                after
            }
            (b'\\', _) => return None,
            (other, after) => {
                out.push(other);
                after
            }
        };
    }
    Some(out)
}
