//! Ranges as text: PostgreSQL's literals in, and what it writes out (manual, section 8.17.5).

use std::str::Chars;

use basalt_core::{Error, Result};

use super::{Bound, EMPTY, element, ends, make, value};
use crate::{Base, Context, Type, codec};

/// Reads a literal, `[a,b)` and its kin, into the stored form.
///
/// 22P02 `malformed range literal`, or what reading a bound answers; the errors of [`make`].
pub(crate) fn parse(range: Base, text: &str, context: &Context) -> Result<String> {
    let subtype = range.subtype().unwrap_or(Base::Unknown);
    let literal = split(text)
        .map_err(|detail| Error::new("22P02", format!("malformed range literal: \"{text}\"")).with_detail(detail))?;
    let Some([lower, upper]) = literal else { return Ok(EMPTY.to_owned()) };
    let read = |bound: Bound<'_>| -> Result<Bound<'static>> {
        let value = match &bound.value {
            Some(text) => Some(codec::from_text(&Type::Base(subtype), None, text, context)?),
            None => None,
        };
        let value = value.map(|value| element(value.as_ref()).into_owned().into());
        Ok(Bound { value, inclusive: bound.inclusive })
    };
    make(subtype, read(lower)?, read(upper)?)
}

/// Writes a stored range as PostgreSQL does.
pub(crate) fn write(range: Base, stored: &str, context: &Context, out: &mut String) {
    let subtype = range.subtype().unwrap_or(Base::Unknown);
    let Some(ends) = ends(stored) else { return out.push_str(EMPTY) };
    out.push_str(&stored[..1]);
    write_bound(subtype, &ends.lower, context, out);
    out.push(',');
    write_bound(subtype, &ends.upper, context, out);
    out.push_str(&stored[stored.len() - 1..]);
}

/// Only a bound with a space needs quotes: none of the types writes a comma, a bracket, a quote or a backslash.
fn write_bound(subtype: Base, bound: &Bound<'_>, context: &Context, out: &mut String) {
    let Some(stored) = &bound.value else { return };
    let mut text = String::new();
    codec::to_text(&Type::Base(subtype), value(subtype, stored).as_ref(), context, &mut text);
    let quote = if text.contains(' ') { "\"" } else { "" };
    out.push_str(quote);
    out.push_str(&text);
    out.push_str(quote);
}

/// The bounds of a literal as they are written, `None` of `empty`; or why it is malformed.
fn split(text: &str) -> Result<Option<[Bound<'_>; 2]>, &'static str> {
    let start = text.trim_start_matches(is_space);
    if start.get(..EMPTY.len()).is_some_and(|word| word.eq_ignore_ascii_case(EMPTY)) {
        let is_junk = !start[EMPTY.len()..].trim_start_matches(is_space).is_empty();
        return if is_junk { Err("Junk after \"empty\" key word.") } else { Ok(None) };
    }
    let mut chars = start.chars();
    let lower_inclusive = match chars.next() {
        Some('[') => true,
        Some('(') => false,
        _ => return Err("Missing left parenthesis or bracket."),
    };
    let lower = bound(&mut chars, &[','])?;
    if chars.next() != Some(',') {
        return Err("Missing comma after lower bound.");
    }
    let upper = bound(&mut chars, &[')', ']'])?;
    let upper_inclusive = match chars.next() {
        Some(']') => true,
        Some(')') => false,
        _ => return Err("Too many commas."),
    };
    if !chars.as_str().trim_start_matches(is_space).is_empty() {
        return Err("Junk after right parenthesis or bracket.");
    }
    let bound = |value: Option<String>, inclusive| Bound { value: value.map(Into::into), inclusive };
    Ok(Some([bound(lower, lower_inclusive), bound(upper, upper_inclusive)]))
}

/// A bound's text up to a comma or bracket, its quotes and backslashes resolved; `None` of an infinite one, which is nothing
/// before one of `ends`.
fn bound(chars: &mut Chars<'_>, ends: &[char]) -> Result<Option<String>, &'static str> {
    if chars.as_str().starts_with(ends) {
        return Ok(None);
    }
    let (mut text, mut quoted) = (String::new(), false);
    while quoted || !chars.as_str().starts_with([',', ')', ']']) {
        match chars.next().ok_or("Unexpected end of input.")? {
            '\\' => text.push(chars.next().ok_or("Unexpected end of input.")?),
            '"' if quoted && chars.as_str().starts_with('"') => text.extend(chars.next()),
            '"' => quoted = !quoted,
            c => text.push(c),
        }
    }
    Ok(Some(text))
}

fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t'..='\r')
}
