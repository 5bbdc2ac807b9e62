//! Unicode: normal forms, and escapes written as `\0041` (PostgreSQL manual, section 9.4).

use basalt_core::{Error, Result};
use unicode_normalization::UnicodeNormalization;

use crate::{Context, Value, ValueRef};

/// `normalize(text [, form])`; the form is NFC where none is given.
pub(super) fn normalize(_: &Context, args: &[ValueRef<'_>]) -> Result<Value> {
    Ok(in_form(args)?.into())
}

/// `text is [form] normalized`.
pub(super) fn is_normalized(_: &Context, args: &[ValueRef<'_>]) -> Result<Value> {
    Ok((in_form(args)? == args[0].text()).into())
}

fn in_form(args: &[ValueRef<'_>]) -> Result<String> {
    let text = args[0].text();
    let form = args.get(1).map_or("NFC", |form| form.text());
    Ok(match form.to_ascii_uppercase().as_str() {
        "NFC" => text.nfc().collect(),
        "NFD" => text.nfd().collect(),
        "NFKC" => text.nfkc().collect(),
        "NFKD" => text.nfkd().collect(),
        _ => return Err(Error::new("22023", format!("invalid normalization form: {form}"))),
    })
}

/// `unistr`: `\XXXX`, `\+XXXXXX`, `\uXXXX` and `\UXXXXXXXX` become their characters, a double backslash one.
pub(super) fn unistr(_: &Context, args: &[ValueRef<'_>]) -> Result<Value> {
    let mut units = Vec::new();
    let mut rest = args[0].text();
    while let Some(character) = rest.chars().next() {
        let escape = rest.strip_prefix('\\');
        let (unit, length) = match escape {
            None => (u32::from(character), character.len_utf8()),
            Some(escape) if escape.starts_with('\\') => (u32::from('\\'), 2),
            Some(escape) => {
                let (prefix, digits) = match escape.as_bytes().first() {
                    Some(b'+') => (1, 6),
                    Some(b'u') => (1, 4),
                    Some(b'U') => (1, 8),
                    _ => (0, 4),
                };
                let hex = escape.get(prefix..prefix + digits).filter(|hex| hex.bytes().all(|b| b.is_ascii_hexdigit()));
                let unit = hex.and_then(|hex| u32::from_str_radix(hex, 16).ok()).ok_or_else(|| {
                    Error::new("42601", "invalid Unicode escape")
                        .with_hint("Unicode escapes must be \\XXXX, \\+XXXXXX, \\uXXXX, or \\UXXXXXXXX.")
                })?;
                (unit, 1 + prefix + digits)
            }
        };
        units.push(unit);
        rest = &rest[length..];
    }
    text_of(&units).map(Value::Text)
}

/// Code points as text, surrogates in their pairs.
fn text_of(units: &[u32]) -> Result<String> {
    let mut text = String::with_capacity(units.len());
    let mut units = units.iter().copied();
    while let Some(unit) = units.next() {
        let point = match unit {
            0xd800..0xdc00 => match units.next() {
                Some(low @ 0xdc00..0xe000) => 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00),
                _ => return Err(Error::new("42601", "invalid Unicode surrogate pair")),
            },
            0xdc00..0xe000 => return Err(Error::new("42601", "invalid Unicode surrogate pair")),
            0 => return Err(invalid_point(0)),
            unit => unit,
        };
        text.push(char::from_u32(point).ok_or_else(|| invalid_point(point))?);
    }
    Ok(text)
}

fn invalid_point(point: u32) -> Error {
    Error::new("22023", format!("invalid Unicode code point: {point:04X}"))
}
