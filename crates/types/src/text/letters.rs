//! Text as characters: case, parts, padding, trimming, searching, replacing.

use std::collections::HashMap;

use basalt_core::{Error, Result};

use crate::{Context, Value, ValueRef};

/// Bytes that a function may give; PostgreSQL's limit is a gigabyte.
pub(crate) const MOST_BYTES: usize = 256 << 20;

/// 54000: the result would be larger.
pub(crate) fn too_large() -> Error {
    Error::new("54000", "requested length too large")
}

/// A character's upper or lower case where that is one character, else the character itself, as C libraries have it.
fn single(mut mapped: impl Iterator<Item = char>, c: char) -> char {
    match (mapped.next(), mapped.next()) {
        (Some(one), None) => one,
        _ => c,
    }
}

fn upper_char(c: char) -> char {
    single(c.to_uppercase(), c)
}

pub(super) fn lower_char(c: char) -> char {
    single(c.to_lowercase(), c)
}

pub(super) fn lower(_: &Context, args: &[ValueRef<'_>]) -> Result<Value> {
    let text = args[0].text();
    Ok(if text.is_ascii() { text.to_ascii_lowercase() } else { text.chars().map(lower_char).collect() }.into())
}

pub(super) fn upper(_: &Context, args: &[ValueRef<'_>]) -> Result<Value> {
    let text = args[0].text();
    Ok(if text.is_ascii() { text.to_ascii_uppercase() } else { text.chars().map(upper_char).collect() }.into())
}

/// Each run of letters and digits with a capital first.
pub(super) fn initcap(_: &Context, args: &[ValueRef<'_>]) -> Result<Value> {
    let mut in_word = false;
    let capital = |c: char| {
        let mapped = if in_word { lower_char(c) } else { upper_char(c) };
        in_word = c.is_alphanumeric();
        mapped
    };
    Ok(args[0].text().chars().map(capital).collect::<String>().into())
}

pub(super) fn length(_: &Context, args: &[ValueRef<'_>]) -> Result<Value> {
    Ok((args[0].text().chars().count() as i64).into())
}

pub(super) fn bpchar_length(_: &Context, args: &[ValueRef<'_>]) -> Result<Value> {
    Ok((args[0].text().trim_end_matches(' ').chars().count() as i64).into())
}

pub(super) fn octet_length(_: &Context, args: &[ValueRef<'_>]) -> Result<Value> {
    Ok((args[0].text().len() as i64).into())
}

pub(super) fn bit_length(_: &Context, args: &[ValueRef<'_>]) -> Result<Value> {
    Ok((args[0].text().len() as i64 * 8).into())
}

/// The byte offset of the character at an index; the end beyond it.
fn offset(text: &str, index: i64) -> usize {
    match usize::try_from(index) {
        Ok(index) if text.is_ascii() => index.min(text.len()),
        Ok(index) => text.char_indices().nth(index).map_or(text.len(), |(offset, _)| offset),
        Err(_) => 0,
    }
}

/// From a position, from 1, that many characters. 22011 for a negative length.
pub(super) fn substring(_: &Context, args: &[ValueRef<'_>]) -> Result<Value> {
    let text = args[0].text();
    let start = args[1].int();
    let end = match args.get(2) {
        Some(length) if length.int() < 0 => return Err(Error::new("22011", "negative substring length not allowed")),
        Some(length) => start.saturating_add(length.int()),
        None => i64::MAX,
    };
    let from = offset(text, start.max(1) - 1);
    let to = offset(text, end.max(1) - 1);
    Ok(text.get(from..to).unwrap_or_default().into())
}

/// The first characters; with a negative count, all but the last.
pub(super) fn left(_: &Context, args: &[ValueRef<'_>]) -> Result<Value> {
    let text = args[0].text();
    Ok(text[..offset(text, from_start(text, args[1].int()))].into())
}

/// The last characters; with a negative count, all but the first.
pub(super) fn right(_: &Context, args: &[ValueRef<'_>]) -> Result<Value> {
    let text = args[0].text();
    let skipped = match args[1].int() {
        count if count < 0 => -count,
        count => (text.chars().count() as i64 - count).max(0),
    };
    Ok(text[offset(text, skipped)..].into())
}

fn from_start(text: &str, count: i64) -> i64 {
    if count < 0 { (text.chars().count() as i64 + count).max(0) } else { count }
}

/// What to pad with on the way to a length, or the text cut to it.
fn padding(args: &[ValueRef<'_>]) -> Result<Result<String, usize>> {
    let text = args[0].text();
    let wanted = usize::try_from(args[1].int()).unwrap_or(0);
    let fill = args.get(2).map_or(" ", |fill| fill.text());
    let length = text.chars().count();
    if wanted <= length {
        return Ok(Err(offset(text, wanted as i64)));
    }
    if fill.is_empty() {
        return Ok(Ok(String::new()));
    }
    let missing = wanted - length;
    if missing > MOST_BYTES / 4 {
        return Err(too_large());
    }
    Ok(Ok(fill.chars().cycle().take(missing).collect()))
}

pub(super) fn lpad(_: &Context, args: &[ValueRef<'_>]) -> Result<Value> {
    let text = args[0].text();
    Ok(match padding(args)? {
        Ok(padding) => padding + text,
        Err(end) => text[..end].to_owned(),
    }
    .into())
}

pub(super) fn rpad(_: &Context, args: &[ValueRef<'_>]) -> Result<Value> {
    let text = args[0].text();
    Ok(match padding(args)? {
        Ok(padding) => text.to_owned() + &padding,
        Err(end) => text[..end].to_owned(),
    }
    .into())
}

/// The characters that are trimmed: a space unless given.
fn is_trimmed<'a>(args: &[ValueRef<'a>]) -> impl Fn(char) -> bool + 'a {
    let set = args.get(1).map_or(" ", |set| set.text());
    move |c| set.contains(c)
}

pub(super) fn btrim(_: &Context, args: &[ValueRef<'_>]) -> Result<Value> {
    let is_trimmed = is_trimmed(args);
    Ok(args[0].text().trim_start_matches(&is_trimmed).trim_end_matches(&is_trimmed).into())
}

pub(super) fn ltrim(_: &Context, args: &[ValueRef<'_>]) -> Result<Value> {
    Ok(args[0].text().trim_start_matches(is_trimmed(args)).into())
}

pub(super) fn rtrim(_: &Context, args: &[ValueRef<'_>]) -> Result<Value> {
    Ok(args[0].text().trim_end_matches(is_trimmed(args)).into())
}

pub(super) fn replace(_: &Context, args: &[ValueRef<'_>]) -> Result<Value> {
    let (text, from, to) = (args[0].text(), args[1].text(), args[2].text());
    if from.is_empty() || !text.contains(from) {
        return Ok(text.into());
    }
    let count = text.matches(from).count();
    if to.len().checked_mul(count).is_none_or(|bytes| bytes > MOST_BYTES) {
        return Err(too_large());
    }
    Ok(text.replace(from, to).into())
}

/// Characters of the first set become those of the second at the same place, or nothing.
pub(super) fn translate(_: &Context, args: &[ValueRef<'_>]) -> Result<Value> {
    let mut to = args[2].text().chars();
    let mut map = HashMap::new();
    for from in args[1].text().chars() {
        let to = to.next();
        map.entry(from).or_insert(to);
    }
    let translated = args[0].text().chars().filter_map(|c| map.get(&c).copied().unwrap_or(Some(c)));
    Ok(translated.collect::<String>().into())
}

pub(super) fn repeat(_: &Context, args: &[ValueRef<'_>]) -> Result<Value> {
    let count = usize::try_from(args[1].int()).unwrap_or(0);
    match args[0].text().len().checked_mul(count) {
        Some(bytes) if bytes <= MOST_BYTES => Ok(args[0].text().repeat(count).into()),
        _ => Err(too_large()),
    }
}

pub(super) fn reverse(_: &Context, args: &[ValueRef<'_>]) -> Result<Value> {
    Ok(args[0].text().chars().rev().collect::<String>().into())
}

/// The position of the second text in the first, from 1; 0 if it is not there.
pub(super) fn position(_: &Context, args: &[ValueRef<'_>]) -> Result<Value> {
    let text = args[0].text();
    let found = text.find(args[1].text());
    Ok(found.map_or(0, |offset| text[..offset].chars().count() as i64 + 1).into())
}

/// `overlay(text placing new from start for length)`. 22011 for a start below 1.
pub(super) fn overlay(_: &Context, args: &[ValueRef<'_>]) -> Result<Value> {
    let (text, new, start) = (args[0].text(), args[1].text(), args[2].int());
    let length = args.get(3).map_or_else(|| new.chars().count() as i64, |length| length.int());
    if start <= 0 {
        return Err(Error::new("22011", "negative substring length not allowed"));
    }
    let before = &text[..offset(text, start - 1)];
    let after = &text[offset(text, start.saturating_add(length).max(1) - 1)..];
    Ok(format!("{before}{new}{after}").into())
}

/// The n-th part between delimiters, from the end if negative. 22023 for 0.
pub(super) fn split_part(_: &Context, args: &[ValueRef<'_>]) -> Result<Value> {
    let (text, delimiter) = (args[0].text(), args[1].text());
    let nth = |index: i64| usize::try_from(index - 1).unwrap_or(usize::MAX);
    let part = match args[2].int() {
        0 => return Err(Error::new("22023", "field position must not be zero")),
        1 | -1 if delimiter.is_empty() => Some(text),
        _ if delimiter.is_empty() => None,
        index if index > 0 => text.split(delimiter).nth(nth(index)),
        index => text.rsplit(delimiter).nth(nth(-index)),
    };
    Ok(part.unwrap_or_default().into())
}

pub(super) fn starts_with(_: &Context, args: &[ValueRef<'_>]) -> Result<Value> {
    Ok(args[0].text().starts_with(args[1].text()).into())
}

/// The first character's code; 0 of an empty text.
pub(super) fn ascii(_: &Context, args: &[ValueRef<'_>]) -> Result<Value> {
    Ok(args[0].text().chars().next().map_or(0, |c| i64::from(u32::from(c))).into())
}

/// The character of a code. 54000 for 0 and for what is no character, 22023 below 0.
pub(super) fn chr(_: &Context, args: &[ValueRef<'_>]) -> Result<Value> {
    let code = args[0].int();
    match u32::try_from(code) {
        Ok(0) => Err(Error::new("54000", "null character not permitted")),
        Err(_) => Err(Error::new("22023", "character number must be positive")),
        Ok(code) if code > 0x10_ffff => {
            Err(Error::new("54000", format!("requested character too large for encoding: {code}")))
        }
        Ok(code) => char::from_u32(code)
            .map(|c| c.to_string().into())
            .ok_or_else(|| Error::new("54000", format!("requested character not valid for encoding: {code}"))),
    }
}

pub(super) fn md5(_: &Context, args: &[ValueRef<'_>]) -> Result<Value> {
    use md5::{Digest, Md5};
    let mut out = String::with_capacity(32);
    crate::binary::write_hex(&Md5::digest(args[0].text().as_bytes()), &mut out);
    Ok(out.into())
}
