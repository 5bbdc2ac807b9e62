//! Lexemes as text: how they are quoted, and how one is read from what a user wrote.

use std::borrow::Cow;

/// Where a lexeme stands, which decides what ends it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// In a `tsvector`.
    Vector,
    /// In a `tsquery`: operators end it.
    Query,
    /// In a web search: operators and double quotes end it, and nothing escapes.
    Web,
}

/// Why no lexeme could be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// Misplaced or missing character.
    Syntax,
    /// A backslash at the end.
    Escape,
}

/// Reads the lexeme at the start of a text, and gives what follows it. `None` at the end of the text.
pub(super) fn read(source: &str, place: Place) -> Result<Option<(String, &str)>, Fault> {
    let source = source.trim_start();
    match source.chars().next() {
        None => Ok(None),
        Some('\'') if place != Place::Web => read_quoted(&source[1..]).map(Some),
        Some(c) if place != Place::Vector && is_operator(c) => Err(Fault::Syntax),
        Some(_) => read_bare(source, place).map(Some),
    }
}

fn read_quoted(source: &str) -> Result<(String, &str), Fault> {
    let mut lexeme = String::new();
    let mut chars = source.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' => lexeme.push(chars.next().ok_or(Fault::Escape)?.1),
            '\'' if source[at + 1..].starts_with('\'') => {
                chars.next();
                lexeme.push('\'');
            }
            '\'' if lexeme.is_empty() => return Err(Fault::Syntax),
            '\'' => return Ok((lexeme, &source[at + 1..])),
            c => lexeme.push(c),
        }
    }
    Err(Fault::Syntax)
}

fn read_bare(source: &str, place: Place) -> Result<(String, &str), Fault> {
    let mut lexeme = String::new();
    let mut chars = source.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' if place != Place::Web => lexeme.push(chars.next().ok_or(Fault::Escape)?.1),
            ':' if at > 0 => return Ok((lexeme, &source[at..])),
            '"' if place == Place::Web => return Ok((lexeme, &source[at..])),
            c if is_space(c) || place != Place::Vector && is_operator(c) => return Ok((lexeme, &source[at..])),
            c => lexeme.push(c),
        }
    }
    Ok((lexeme, ""))
}

/// White space as the C library sees it.
pub(super) fn is_space(c: char) -> bool {
    c.is_whitespace()
}

/// What a query takes for an operator within its text.
pub(super) fn is_operator(c: char) -> bool {
    matches!(c, '!' | '&' | '|' | '(' | ')' | '<')
}

/// Appends a lexeme as PostgreSQL writes it: in quotes, with quotes and backslashes doubled.
pub(super) fn write(lexeme: &str, out: &mut String) {
    out.push('\'');
    for c in lexeme.chars() {
        if matches!(c, '\'' | '\\') {
            out.push(c);
        }
        out.push(c);
    }
    out.push('\'');
}

/// The lexeme behind the text between its quotes.
pub(super) fn unescape(raw: &str) -> Cow<'_, str> {
    if raw.contains(['\'', '\\']) {
        Cow::Owned(raw.replace("''", "'").replace("\\\\", "\\"))
    } else {
        Cow::Borrowed(raw)
    }
}
