//! Names, JSON paths and quoted strings: what select, filters and order have in common.

use basalt_query::ask::{Field, PathKey, PathStep};

use super::cursor::{Cursor, Parsed};

/// Longer JSON paths are refused: each step nests an expression in the one before.
const MAX_STEPS: usize = 100;

const NAME: &str = "field name (* or [a..z0..9_$])";

/// `name = quoted | ident ("-" ident)*`, where a `-` directly before `>` ends it.
pub(super) fn name(cursor: &mut Cursor<'_>) -> Parsed<String> {
    if cursor.peek() == Some('"') {
        return quoted(cursor);
    }
    let start = cursor.offset();
    loop {
        if cursor.take_while(is_ident).is_empty() {
            return Err(cursor.unexpected(NAME));
        }
        let dash = cursor.rest().starts_with('-') && cursor.rest()[1..].starts_with(is_ident);
        if !dash {
            break;
        }
        cursor.take("-");
    }
    let text = cursor.since(start).trim();
    if text.is_empty() { Err(cursor.unexpected(NAME)) } else { Ok(text.to_owned()) }
}

fn is_ident(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | ' ' | '$')
}

/// `"..."` with `\` before any character that stands for itself.
pub(super) fn quoted(cursor: &mut Cursor<'_>) -> Parsed<String> {
    cursor.expect("\"")?;
    let mut text = String::new();
    loop {
        match cursor.next() {
            Some('"') => return Ok(text),
            Some('\\') => text.extend(cursor.next()),
            Some(c) => text.push(c),
            None => return Err(cursor.unexpected("any character or \"\\\"\"")),
        }
    }
}

/// A column and its JSON path.
pub(super) fn field(cursor: &mut Cursor<'_>) -> Parsed<Field> {
    cursor.skip_spaces();
    let name = name(cursor)?;
    let path = json_path(cursor)?;
    cursor.skip_spaces();
    Ok(Field { name, path })
}

/// `(("->>" | "->") (index | key))*`.
pub(super) fn json_path(cursor: &mut Cursor<'_>) -> Parsed<Vec<PathStep>> {
    let mut steps = Vec::new();
    loop {
        let as_text = if cursor.take("->>") {
            true
        } else if cursor.take("->") {
            false
        } else {
            return Ok(steps);
        };
        if steps.len() == MAX_STEPS {
            return Err(cursor.unexpected("a shorter JSON path"));
        }
        let key = match cursor.attempt(index) {
            Ok(index) => PathKey::Index(index),
            Err(_) => PathKey::Key(key(cursor)?),
        };
        steps.push(PathStep { as_text, key });
    }
}

/// Digits count as an index only where the step ends after them.
fn index(cursor: &mut Cursor<'_>) -> Parsed<i32> {
    let start = cursor.offset();
    cursor.take("-");
    cursor.take_while(|c| c.is_ascii_digit());
    let ends = cursor.at_end() || ["->", "::", ".", ","].iter().any(|end| cursor.rest().starts_with(end));
    let number = cursor.since(start).parse();
    match number {
        Ok(number) if ends => Ok(number),
        _ => Err(cursor.unexpected("digit")),
    }
}

fn key(cursor: &mut Cursor<'_>) -> Parsed<String> {
    if cursor.peek() == Some('"') {
        return quoted(cursor);
    }
    let start = cursor.offset();
    loop {
        if cursor.take_while(is_key).is_empty() {
            return Err(cursor.unexpected("any non reserved character different from: .,>()"));
        }
        let dash = cursor.rest().starts_with('-') && cursor.rest()[1..].starts_with(is_key);
        if !dash {
            return Ok(cursor.since(start).trim().to_owned());
        }
        cursor.take("-");
    }
}

fn is_key(c: char) -> bool {
    !matches!(c, '(' | '-' | ':' | '.' | ',' | '>' | ')')
}

/// `name ("." name)* jsonpath`: an embed path, and the column at its end. What follows is not looked at.
pub(super) fn tree_path(cursor: &mut Cursor<'_>) -> Parsed<(Vec<String>, Field)> {
    let mut names = vec![name(cursor)?];
    while cursor.take(".") {
        names.push(name(cursor)?);
    }
    let path = json_path(cursor)?;
    let name = names.pop().unwrap_or_default();
    Ok((names, Field { name, path }))
}
