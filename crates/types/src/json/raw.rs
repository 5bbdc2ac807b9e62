//! Walks through JSON text that is known to be valid, without building anything: values are slices of the text.

use std::borrow::Cow;

use super::escape::unescape;

/// The type of a value as `jsonb_typeof` names it.
pub(crate) fn type_name(text: &str) -> &'static str {
    match text.trim_start().as_bytes().first() {
        Some(b'{') => "object",
        Some(b'[') => "array",
        Some(b'"') => "string",
        Some(b't' | b'f') => "boolean",
        Some(b'n') => "null",
        _ => "number",
    }
}

/// The elements of an array; none of anything else.
pub(crate) fn elements(text: &str) -> Elements<'_> {
    Elements(text.trim_start().strip_prefix('[').unwrap_or_default())
}

/// The members of an object in their order, keys with quotes; none of anything else.
pub(crate) fn members(text: &str) -> Members<'_> {
    Members(text.trim_start().strip_prefix('{').unwrap_or_default())
}

/// A string's content, if the value is a string. An escape that has no character gives `None`.
pub(crate) fn string(raw: &str) -> Option<Cow<'_, str>> {
    let inner = raw.trim().strip_prefix('"')?.strip_suffix('"')?;
    unescape(inner).ok()
}

/// Whether a raw key, with quotes, is `key`.
pub(crate) fn is_key(raw: &str, key: &str) -> bool {
    match raw.get(1..raw.len().wrapping_sub(1)) {
        Some(inner) if inner.contains('\\') => unescape(inner).is_ok_and(|inner| inner == key),
        Some(inner) => inner == key,
        None => false,
    }
}

/// Iterator of [`elements`].
#[derive(Clone)]
pub(crate) struct Elements<'a>(&'a str);

impl<'a> Iterator for Elements<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        let rest = self.0.trim_start();
        let rest = rest.strip_prefix(',').unwrap_or(rest).trim_start();
        let (value, rest) = split_value(rest)?;
        self.0 = rest;
        Some(value)
    }
}

/// Iterator of [`members`].
pub(crate) struct Members<'a>(&'a str);

impl<'a> Iterator for Members<'a> {
    type Item = (&'a str, &'a str);

    fn next(&mut self) -> Option<(&'a str, &'a str)> {
        let rest = self.0.trim_start();
        let rest = rest.strip_prefix(',').unwrap_or(rest).trim_start();
        let (key, rest) = split_value(rest)?;
        let rest = rest.trim_start().strip_prefix(':')?.trim_start();
        let (value, rest) = split_value(rest)?;
        self.0 = rest;
        Some((key, value))
    }
}

/// Splits the value at the start from what follows it; `None` where no value starts.
fn split_value(text: &str) -> Option<(&str, &str)> {
    let bytes = text.as_bytes();
    let end = match bytes.first()? {
        b'"' => string_end(bytes, 0)?,
        b'{' | b'[' => container_end(bytes)?,
        b'}' | b']' | b',' | b':' => return None,
        _ => bytes
            .iter()
            .position(|b| matches!(b, b',' | b']' | b'}' | b' ' | b'\t' | b'\n' | b'\r'))
            .unwrap_or(bytes.len()),
    };
    text.split_at_checked(end)
}

/// One past the closing quote of the string that opens at `open`.
fn string_end(bytes: &[u8], open: usize) -> Option<usize> {
    let mut at = open + 1;
    loop {
        match bytes.get(at)? {
            b'"' => return Some(at + 1),
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
}

fn container_end(bytes: &[u8]) -> Option<usize> {
    let (mut at, mut depth) = (0, 0);
    loop {
        match bytes.get(at)? {
            b'"' => {
                at = string_end(bytes, at)?;
                continue;
            }
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth -= 1,
            _ => {}
        }
        at += 1;
        if depth == 0 {
            return Some(at);
        }
    }
}
