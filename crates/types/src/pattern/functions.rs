//! The functions over regular expressions.

use basalt_core::{Error, Result};

use super::like::escape_character;
use super::regex::{Groups, compile, find, find_all, is_match, span};
use super::syntax::Options;
use crate::array::stored::Array;
use crate::text::letters::{MOST_BYTES, too_large};
use crate::{Context, Type, Value, ValueRef};

fn options(args: &[ValueRef<'_>], index: usize) -> Result<Options> {
    args.get(index).map_or(Ok(Options::default()), |letters| Options::read(letters.text()))
}

/// The options of a function that takes no `g`. 22023.
fn options_without_global(args: &[ValueRef<'_>], index: usize, name: &str, instead: &str) -> Result<Options> {
    let options = options(args, index)?;
    if !options.global {
        return Ok(options);
    }
    let error = Error::new("22023", format!("{name}() does not support the \"global\" option"));
    Err(if instead.is_empty() { error } else { error.with_hint(format!("Use the {instead} function instead.")) })
}

/// The byte offset of a start given in characters from 1; `None` beyond the end. 22023 below 1.
fn start(args: &[ValueRef<'_>], index: usize, text: &str) -> Result<Option<usize>> {
    let number = parameter(args, index, "start", 1, 1)?;
    let mut offsets = text.char_indices().map(|(offset, _)| offset).chain([text.len()]);
    Ok(offsets.nth(number - 1))
}

/// A whole number that must not be below `least`. 22023.
fn parameter(args: &[ValueRef<'_>], index: usize, name: &str, default: i64, least: i64) -> Result<usize> {
    let number = args.get(index).map_or(default, |number| number.int());
    if number < least {
        return Err(Error::new("22023", format!("invalid value for parameter \"{name}\": {number}")));
    }
    Ok(usize::try_from(number).unwrap_or(usize::MAX))
}

pub(super) fn like(_: &Context, args: &[ValueRef<'_>]) -> Result<Value> {
    super::like::like(args[0].text(), args[1].text()).map(Value::from)
}

pub(super) fn like_bytes(_: &Context, args: &[ValueRef<'_>]) -> Result<Value> {
    super::like::like_bytes(bytes(args[0]), bytes(args[1]), |_| 1).map(Value::from)
}

pub(super) fn not_like_bytes(_: &Context, args: &[ValueRef<'_>]) -> Result<Value> {
    super::like::like_bytes(bytes(args[0]), bytes(args[1]), |_| 1).map(|found| (!found).into())
}

fn bytes(value: ValueRef<'_>) -> &[u8] {
    match value {
        ValueRef::Blob(bytes) => bytes,
        _ => &[],
    }
}

pub(super) fn not_like(_: &Context, args: &[ValueRef<'_>]) -> Result<Value> {
    super::like::like(args[0].text(), args[1].text()).map(|found| (!found).into())
}

pub(super) fn ilike(_: &Context, args: &[ValueRef<'_>]) -> Result<Value> {
    super::like::ilike(args[0].text(), args[1].text()).map(Value::from)
}

pub(super) fn not_ilike(_: &Context, args: &[ValueRef<'_>]) -> Result<Value> {
    super::like::ilike(args[0].text(), args[1].text()).map(|found| (!found).into())
}

pub(super) fn like_escape(_: &Context, args: &[ValueRef<'_>]) -> Result<Value> {
    super::like::with_backslash(args[0].text(), args[1].text()).map(Value::from)
}

const IGNORE_CASE: Options = Options {
    ignore_case: true,
    newline_stops: false,
    newline_anchors: false,
    expanded: false,
    literal: false,
    global: false,
};

/// `text ~ pattern`, or `~*` (2201B for a bad pattern).
pub fn regex_matches(text: &str, pattern: &str, ignore_case: bool) -> Result<bool> {
    is_match(text, pattern, if ignore_case { IGNORE_CASE } else { Options::default() })
}

pub(super) fn matches(_: &Context, args: &[ValueRef<'_>]) -> Result<Value> {
    is_match(args[0].text(), args[1].text(), Options::default()).map(Value::from)
}

pub(super) fn matches_not(_: &Context, args: &[ValueRef<'_>]) -> Result<Value> {
    is_match(args[0].text(), args[1].text(), Options::default()).map(|found| (!found).into())
}

pub(super) fn imatches(_: &Context, args: &[ValueRef<'_>]) -> Result<Value> {
    is_match(args[0].text(), args[1].text(), IGNORE_CASE).map(Value::from)
}

pub(super) fn imatches_not(_: &Context, args: &[ValueRef<'_>]) -> Result<Value> {
    is_match(args[0].text(), args[1].text(), IGNORE_CASE).map(|found| (!found).into())
}

pub(super) fn regexp_like(_: &Context, args: &[ValueRef<'_>]) -> Result<Value> {
    let options = options_without_global(args, 2, "regexp_like", "")?;
    is_match(args[0].text(), args[1].text(), options).map(Value::from)
}

/// The captured groups, or the whole match where none captures.
fn captured(text: &str, groups: &Groups) -> Value {
    let shown = if groups.len() > 1 { &groups[1..] } else { groups };
    Array::of(shown.iter().map(|group| group.map(|(start, end)| &text[start..end]).into()).collect()).into()
}

pub(super) fn regexp_match(_: &Context, args: &[ValueRef<'_>]) -> Result<Value> {
    let options = options_without_global(args, 2, "regexp_match", "regexp_matches")?;
    let (text, regex) = (args[0].text(), compile(args[1].text(), options)?);
    Ok(find(&regex, text, 0)?.map_or(Value::Null, |groups| captured(text, &groups)))
}

pub(super) fn regexp_matches(_: &Context, _: &[Type], args: &[ValueRef<'_>]) -> Result<Vec<Vec<Value>>> {
    if args.iter().any(|arg| arg.is_null()) {
        return Ok(Vec::new());
    }
    let options = options(args, 2)?;
    let (text, regex) = (args[0].text(), compile(args[1].text(), options)?);
    let found = match options.global {
        true => find_all(&regex, text, 0)?,
        false => find(&regex, text, 0)?.into_iter().collect(),
    };
    Ok(found.iter().map(|groups| vec![captured(text, groups)]).collect())
}

pub(super) fn regexp_count(_: &Context, args: &[ValueRef<'_>]) -> Result<Value> {
    let start = start(args, 2, args[0].text())?;
    let regex = compile(args[1].text(), options_without_global(args, 3, "regexp_count", "")?)?;
    let count = start.map_or(Ok(0), |start| find_all(&regex, args[0].text(), start).map(|all| all.len() as i64))?;
    Ok(count.into())
}

/// The n-th match from a start: text, pattern, start, n.
fn nth_match(args: &[ValueRef<'_>], options: Options) -> Result<Option<Groups>> {
    let start = start(args, 2, args[0].text())?;
    let number = parameter(args, 3, "n", 1, 1)?;
    let regex = compile(args[1].text(), options)?;
    let Some(start) = start else { return Ok(None) };
    if number == 1 {
        return find(&regex, args[0].text(), start);
    }
    Ok(find_all(&regex, args[0].text(), start)?.into_iter().nth(number - 1))
}

pub(super) fn regexp_substr(_: &Context, args: &[ValueRef<'_>]) -> Result<Value> {
    let options = options_without_global(args, 4, "regexp_substr", "")?;
    let group = parameter(args, 5, "subexpr", 0, 0)?;
    let found = nth_match(args, options)?.and_then(|groups| groups.get(group).copied().flatten());
    Ok(found.map(|(start, end)| &args[0].text()[start..end]).into())
}

pub(super) fn regexp_instr(_: &Context, args: &[ValueRef<'_>]) -> Result<Value> {
    let at_end = parameter(args, 4, "endoption", 0, 0)?;
    if at_end > 1 {
        return Err(Error::new("22023", format!("invalid value for parameter \"endoption\": {at_end}")));
    }
    let options = options_without_global(args, 5, "regexp_instr", "")?;
    let group = parameter(args, 6, "subexpr", 0, 0)?;
    let found = nth_match(args, options)?.and_then(|groups| groups.get(group).copied().flatten());
    let position = found.map(|(start, end)| if at_end == 1 { end } else { start });
    Ok(position.map_or(0, |offset| args[0].text()[..offset].chars().count() as i64 + 1).into())
}

pub(super) fn replace_first(_: &Context, args: &[ValueRef<'_>]) -> Result<Value> {
    let letters = args.get(3).map_or("", |letters| letters.text());
    if letters.starts_with(|c: char| c.is_ascii_digit()) {
        let digit = &letters[..1];
        return Err(Error::new("22023", format!("invalid regular expression option: \"{digit}\"")).with_hint(
            "If you meant to use regexp_replace() with a start parameter, cast the fourth argument to integer explicitly.",
        ));
    }
    let options = Options::read(letters)?;
    replace(args, options, 0, usize::from(!options.global))
}

/// `regexp_replace(text, pattern, replacement, start, n, flags)`; n of 0 replaces all.
pub(super) fn replace_from(_: &Context, args: &[ValueRef<'_>]) -> Result<Value> {
    let start = start(args, 3, args[0].text())?;
    let options = options(args, 5)?;
    let number = match args.len() {
        4 if options.global => 0,
        _ => parameter(args, 4, "n", 1, 0)?,
    };
    match start {
        Some(start) => replace(args, options, start, number),
        None => Ok(args[0].to_owned()),
    }
}

/// Replaces the n-th match, or all with 0.
fn replace(args: &[ValueRef<'_>], options: Options, start: usize, number: usize) -> Result<Value> {
    let (text, replacement) = (args[0].text(), args[2].text());
    let regex = compile(args[1].text(), options)?;
    let found = match number {
        1 => find(&regex, text, start)?.into_iter().collect(),
        0 => find_all(&regex, text, start)?,
        number => find_all(&regex, text, start)?.into_iter().skip(number - 1).take(1).collect(),
    };
    let mut out = String::with_capacity(text.len());
    let mut copied = 0;
    for groups in &found {
        let (start, end) = span(groups);
        out.push_str(&text[copied..start]);
        push_replacement(replacement, text, groups, &mut out);
        if out.len() > MOST_BYTES {
            return Err(too_large());
        }
        copied = end;
    }
    out.push_str(&text[copied..]);
    Ok(out.into())
}

/// `\1` to `\9` are groups, `\&` the match, `\\` a backslash.
fn push_replacement(replacement: &str, text: &str, groups: &Groups, out: &mut String) {
    let mut chars = replacement.chars().peekable();
    while let Some(c) = chars.next() {
        let group = match (c, chars.peek()) {
            ('\\', Some('&')) => 0,
            ('\\', Some(digit @ '1'..='9')) => *digit as usize - '0' as usize,
            ('\\', Some('\\')) => {
                chars.next();
                out.push('\\');
                continue;
            }
            (c, _) => {
                out.push(c);
                continue;
            }
        };
        chars.next();
        if let Some((start, end)) = groups.get(group).copied().flatten() {
            out.push_str(&text[start..end]);
        }
    }
}

/// What lies between the matches; an empty match at an end or right after another does not split.
fn split<'a>(text: &'a str, pattern: &str, options: Options) -> Result<Vec<&'a str>> {
    let mut parts = Vec::new();
    let mut from = 0;
    for groups in find_all(&*compile(pattern, options)?, text, 0)? {
        let (start, end) = span(&groups);
        if start < text.len() && end > from {
            parts.push(&text[from..start]);
            from = end;
        }
    }
    parts.push(&text[from..]);
    Ok(parts)
}

pub(super) fn split_to_array(_: &Context, args: &[ValueRef<'_>]) -> Result<Value> {
    let options = options_without_global(args, 2, "regexp_split_to_array", "")?;
    let parts = split(args[0].text(), args[1].text(), options)?;
    Ok(Array::of(parts.into_iter().map(Value::from).collect()).into())
}

pub(super) fn split_to_rows(_: &Context, _: &[Type], args: &[ValueRef<'_>]) -> Result<Vec<Vec<Value>>> {
    if args.iter().any(|arg| arg.is_null()) {
        return Ok(Vec::new());
    }
    let options = options_without_global(args, 2, "regexp_split_to_table", "")?;
    let parts = split(args[0].text(), args[1].text(), options)?;
    Ok(parts.into_iter().map(|part| vec![part.into()]).collect())
}

/// `substring(text from pattern)`: the first group, or the whole match where none captures.
pub(super) fn substring(_: &Context, args: &[ValueRef<'_>]) -> Result<Value> {
    first_group(args[0].text(), args[1].text())
}

fn first_group(text: &str, pattern: &str) -> Result<Value> {
    let found = find(&*compile(pattern, Options::default())?, text, 0)?;
    let group = found.and_then(|groups| groups[usize::from(groups.len() > 1)]);
    Ok(group.map(|(start, end)| &text[start..end]).into())
}

/// `substring(text similar pattern escape e)`. The pattern is judged even where the text is NULL.
pub(super) fn substring_similar(_: &Context, args: &[ValueRef<'_>]) -> Result<Value> {
    if args[1].is_null() || args[2].is_null() {
        return Ok(Value::Null);
    }
    let pattern = similar(args[1].text(), escape_character(args[2].text())?)?;
    if args[0].is_null() { Ok(Value::Null) } else { first_group(args[0].text(), &pattern) }
}

pub(super) fn similar_to_escape(_: &Context, args: &[ValueRef<'_>]) -> Result<Value> {
    let escape = match args.get(1) {
        Some(escape) => escape_character(escape.text())?,
        None => Some('\\'),
    };
    similar(args[0].text(), escape).map(Value::from)
}

/// A SIMILAR TO pattern as an advanced regular expression. 2200C for more than two separators.
fn similar(pattern: &str, escape: Option<char>) -> Result<String> {
    let mut out = String::from("^(?:");
    let (mut escaped, mut in_bracket, mut separators) = (false, false, 0);
    for c in pattern.chars() {
        match c {
            '"' if escaped && !in_bracket => {
                separators += 1;
                out.push_str(match separators {
                    1 => "){1,1}?(",
                    2 => "){1,1}(?:",
                    _ => {
                        let message =
                            "SQL regular expression may not contain more than two escape-double-quote separators";
                        return Err(Error::new("2200C", message));
                    }
                });
                escaped = false;
            }
            c if escaped => {
                out.extend(['\\', c]);
                escaped = false;
            }
            c if Some(c) == escape => escaped = true,
            c if in_bracket => {
                if c == '\\' {
                    out.push('\\');
                }
                out.push(c);
                in_bracket = c != ']';
            }
            '[' => {
                out.push('[');
                in_bracket = true;
            }
            '%' => out.push_str(".*"),
            '_' => out.push('.'),
            '(' => out.push_str("(?:"),
            '\\' | '.' | '^' | '$' => out.extend(['\\', c]),
            c => out.push(c),
        }
    }
    out.push_str(")$");
    Ok(out)
}
