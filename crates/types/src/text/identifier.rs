//! `parse_ident`: a dotted name of SQL taken apart.

use basalt_core::{Error, Result};

use crate::array::stored::Array;
use crate::{Context, Value, ValueRef};

/// The parts of a name, unquoted ones in lower case. 22023 for what is no name, and unless `strict` is false for what follows it.
pub(super) fn parse_ident(_: &Context, args: &[ValueRef<'_>]) -> Result<Value> {
    let source = args[0].text();
    let is_strict = args.get(1).is_none_or(|strict| strict.int() != 0);
    let invalid = |detail: Option<String>| {
        let error = Error::new("22023", format!("string is not a valid identifier: \"{source}\""));
        match detail {
            Some(detail) => error.with_detail(detail),
            None => error,
        }
    };
    let mut parts = Vec::new();
    let mut rest = source.trim_start();
    loop {
        if let Some(quoted) = rest.strip_prefix('"') {
            let end =
                closing_quote(quoted).ok_or_else(|| invalid(Some("String has unclosed double quotes.".into())))?;
            if end == 0 {
                return Err(invalid(Some("Quoted identifier must not be empty.".into())));
            }
            parts.push(Value::Text(quoted[..end].replace("\"\"", "\"")));
            rest = &quoted[end + 1..];
        } else {
            let length = rest.find(|c: char| !is_part(c)).unwrap_or(rest.len());
            let name = &rest[..length];
            if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit() || c == '$') {
                let detail = match (rest.starts_with('.'), parts.is_empty()) {
                    (true, _) => Some("No valid identifier before \".\".".into()),
                    (false, false) => Some("No valid identifier after \".\".".into()),
                    (false, true) => None,
                };
                return Err(invalid(detail));
            }
            parts.push(Value::Text(name.to_ascii_lowercase()));
            rest = &rest[length..];
        }
        let after = rest.trim_start();
        match after.strip_prefix('.') {
            Some(next) => rest = next.trim_start(),
            None if after.is_empty() || !is_strict => return Ok(Array::of(parts).into()),
            None => return Err(invalid(None)),
        }
    }
}

/// Where a quoted name ends; a doubled quote does not end it.
fn closing_quote(quoted: &str) -> Option<usize> {
    let mut from = 0;
    loop {
        let at = from + quoted[from..].find('"')?;
        if !quoted[at + 1..].starts_with('"') {
            return Some(at);
        }
        from = at + 2;
    }
}

fn is_part(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_' || c == '$' || !c.is_ascii()
}
