//! The token at the start of a text: words, numbers, addresses, paths, markup.

use super::token::TokenKind;

/// How far (bytes) an address, a comment or a path is followed that may turn out to be none: it bounds the time that
/// contrived texts take.
const MAX_ADDRESS: usize = 320;
const MAX_COMMENT: usize = 16384;
const MAX_DOTS: usize = 64;

/// The kind and length (bytes) of the first token of a text that isn't empty.
pub(super) fn first(text: &str) -> (TokenKind, usize) {
    let found = match text.chars().next() {
        Some('<') => tag(text).map(|length| (TokenKind::Tag, length)),
        Some('&') => entity(text).map(|length| (TokenKind::Entity, length)),
        Some('~' | '/' | '.') => path(text).map(|length| (TokenKind::File, length)),
        Some('+' | '-') => signed_number(text),
        Some(c) if c.is_ascii_digit() => Some(from_digit(text)),
        Some(c) if is_letter(c) => Some(from_letter(text)),
        _ => None,
    };
    found.unwrap_or_else(|| (TokenKind::Blank, blank(text)))
}

fn from_letter(text: &str) -> (TokenKind, usize) {
    if let Some(found) = address(text).or_else(|| file(text)) {
        return found;
    }
    let letters = ascii_run(text, |b| b.is_ascii_alphabetic());
    if text[letters..].starts_with("://") && letters > 0 {
        return (TokenKind::Protocol, letters + 3);
    }
    word(text)
}

fn from_digit(text: &str) -> (TokenKind, usize) {
    if let Some(found) = address(text) {
        return found;
    }
    let (kind, length) = number(text).unwrap_or((TokenKind::Uint, 0));
    let (as_word, word_length) = word(text);
    if kind != TokenKind::SFloat && word_length > length {
        return file(text).unwrap_or((as_word, word_length));
    }
    if kind == TokenKind::Uint && text[length..].starts_with('/') {
        return file(text).unwrap_or((kind, length));
    }
    (kind, length)
}

/// Whether it continues a word: a letter, or a mark that joins the letter before it.
fn is_letter(c: char) -> bool {
    c.is_alphabetic()
}

fn is_mark(c: char) -> bool {
    matches!(c, '\u{300}'..='\u{36f}' | '\u{200b}'..='\u{200f}')
}

/// A word of letters and digits, or several with single hyphens between.
fn word(text: &str) -> (TokenKind, usize) {
    let mut length = simple_word(text);
    let first = length;
    let starts_as_number = text[..first].bytes().all(|b| b.is_ascii_digit());
    if starts_as_number {
        return (TokenKind::Uint, first);
    }
    while let Some(part) = text[length..].strip_prefix('-') {
        let part_length = simple_word(part);
        if part[..part_length].bytes().all(|b| b.is_ascii_digit()) {
            break;
        }
        length += 1 + part_length;
    }
    let kind = word_kind(&text[..length]);
    if length == first {
        return (kind, length);
    }
    let whole = match kind {
        TokenKind::AsciiWord => TokenKind::AsciiHword,
        TokenKind::Word => TokenKind::Hword,
        _ => TokenKind::NumHword,
    };
    (whole, length)
}

fn simple_word(text: &str) -> usize {
    text.find(|c: char| !(is_letter(c) || c.is_ascii_digit() || is_mark(c))).unwrap_or(text.len())
}

/// What a word is by its letters; hyphens count for none.
pub(super) fn word_kind(word: &str) -> TokenKind {
    if word.bytes().any(|b| b.is_ascii_digit()) {
        TokenKind::NumWord
    } else if word.is_ascii() {
        TokenKind::AsciiWord
    } else {
        TokenKind::Word
    }
}

/// An unsigned number: `1`, `1.5`, `1.5e-3`, or a version `1.2.3`.
fn number(text: &str) -> Option<(TokenKind, usize)> {
    let digits = |at: usize| ascii_run(&text[at..], |b| b.is_ascii_digit());
    let mut length = digits(0);
    if length == 0 {
        return None;
    }
    let mut dots = 0;
    while text[length..].starts_with('.') && digits(length + 1) > 0 {
        length += 1 + digits(length + 1);
        dots += 1;
    }
    let kind = match dots {
        0 => TokenKind::Uint,
        1 => TokenKind::Float,
        _ => return Some((TokenKind::Version, length)),
    };
    if text[length..].starts_with(['e', 'E']) {
        let sign = usize::from(text[length + 1..].starts_with(['+', '-']));
        let exponent = digits(length + 1 + sign);
        if exponent > 0 {
            return Some((TokenKind::SFloat, length + 1 + sign + exponent));
        }
    }
    Some((kind, length))
}

fn signed_number(text: &str) -> Option<(TokenKind, usize)> {
    match number(&text[1..])? {
        (TokenKind::Version, _) => None,
        (TokenKind::Uint, length) => Some((TokenKind::Int, length + 1)),
        (kind, length) => Some((kind, length + 1)),
    }
}

/// An e-mail address, a host, or a URL without its protocol.
fn address(text: &str) -> Option<(TokenKind, usize)> {
    let local = labels(text);
    if let Some(domain) = text[local..].strip_prefix('@')
        && let Some(length) = host(domain)
        && local > 0
    {
        return Some((TokenKind::Email, local + 1 + length));
    }
    let length = host_with_port(text)?;
    match url_path(&text[length..]) {
        Some(path) => Some((TokenKind::Url, length + path)),
        None => Some((TokenKind::Host, length)),
    }
}

/// Letters and digits, with single `.`, `-` and `_` between.
fn labels(text: &str) -> usize {
    let mut length = 0;
    for (at, b) in text.bytes().enumerate().take(MAX_ADDRESS) {
        match b {
            b if b.is_ascii_alphanumeric() => length = at + 1,
            b'.' | b'-' | b'_' if at > 0 && at == length => {}
            _ => break,
        }
    }
    length
}

/// A host's name: labels, of which the last is a dot and two letters or more.
fn host(text: &str) -> Option<usize> {
    let mut end = labels(text);
    loop {
        let dot = text[..end].rfind('.')?;
        let letters = ascii_run(&text[dot + 1..], |b| b.is_ascii_alphabetic());
        let top = dot + 1 + letters;
        if letters >= 2 && !text[top..].starts_with(|c: char| c.is_ascii_digit()) {
            return Some(top);
        }
        end = dot;
    }
}

/// A host, and its port if it has one.
pub(super) fn host_with_port(text: &str) -> Option<usize> {
    let length = host(text)?;
    let port = text[length..].strip_prefix(':').map_or(0, |port| ascii_run(port, |b| b.is_ascii_digit()));
    Some(if port > 0 { length + 1 + port } else { length })
}

fn url_path(text: &str) -> Option<usize> {
    let path = text.strip_prefix('/')?;
    let length = ascii_run(path, |b| b.is_ascii_graphic() && !b"\"<>\\^`{|}".contains(&b));
    (length > 0).then_some(length + 1)
}

/// A file's name: it has a dot or a slash in it.
fn file(text: &str) -> Option<(TokenKind, usize)> {
    let word = simple_word(text);
    let stem = match word_kind(&text[..word]) {
        TokenKind::NumWord => word,
        _ => ascii_run(text, |b| b.is_ascii_alphabetic()),
    };
    let length = stem + path_tail(&text[stem..], true);
    (stem > 0 && text[stem..].starts_with(['.', '/']) && length > stem).then_some((TokenKind::File, length))
}

/// A path that says where it starts: `/`, `./`, `../`, `~`.
fn path(text: &str) -> Option<usize> {
    let start = match text.as_bytes() {
        [b'~', next, ..] if is_name(*next) || *next == b'/' => 1,
        [b'.', ..] => dots(text)?,
        _ => 0,
    };
    let length = start + path_tail(&text[start..], start > 0);
    (length > start || text[..start] == *"..").then_some(length)
}

/// How a file's name goes on; `inside` it or at a slash.
fn path_tail(text: &str, inside: bool) -> usize {
    let bytes = text.as_bytes();
    let is_name_at = |at: usize| bytes.get(at).copied().is_some_and(is_name);
    // `./` counts only with what follows it.
    let (mut length, mut complete) = (0, 0);
    loop {
        match bytes.get(length) {
            Some(b'.' | b'/') if is_name_at(length + 1) => length += 1,
            Some(b'/') if bytes.get(length + 1) == Some(&b'.') => match dots(&text[length + 1..]) {
                Some(1) if length - complete < MAX_DOTS => {
                    length += 2;
                    continue;
                }
                Some(2) => length += 3,
                None if is_name_at(length + 2) => length += 1,
                _ => return complete,
            },
            Some(b'/')
                if bytes.get(length + 1) == Some(&b'~')
                    && (is_name_at(length + 2) || bytes.get(length + 2) == Some(&b'/')) =>
            {
                length += 2
            }
            Some(b'-') if inside || length > 0 => length += 1,
            Some(_) if is_name_at(length) && (inside || length > 0) => length += 1,
            _ => return complete,
        }
        complete = length;
    }
}

/// `.` before a slash, or `..` as a whole name.
fn dots(text: &str) -> Option<usize> {
    if text.starts_with("./") {
        return Some(1);
    }
    let rest = text.strip_prefix("..")?;
    (rest.is_empty() || rest.starts_with('/') || rest.starts_with(char::is_whitespace)).then_some(2)
}

fn is_name(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b == b'_'
}

/// A tag, a comment or a processing instruction of HTML or XML.
fn tag(text: &str) -> Option<usize> {
    if let Some(comment) = text.strip_prefix("<!--") {
        let start = &comment.as_bytes()[..comment.len().min(MAX_COMMENT)];
        return memchr::memmem::find(start, b"-->").map(|end| end + 7);
    }
    let is = |start: &str| text.get(..start.len()).is_some_and(|text| text.eq_ignore_ascii_case(start));
    let start = if is("</") || is("<?xml") || is("<!doctype") { 2 } else { 1 };
    let name = start + some_run(&text[start..], |b| b.is_ascii_alphabetic())?;
    let name = name + ascii_run(&text[name..], |b| b.is_ascii_alphanumeric() || b":.-_".contains(&b));
    if !text[name..].starts_with(['>', '/', ' ', '\t', '\n', '\r']) {
        return None;
    }
    if text[name..].starts_with('/') && !text[name..].starts_with("/>") {
        return None;
    }
    let mut quote = None;
    for (at, c) in text[name..].char_indices() {
        match (c, quote) {
            (c, Some(open)) if c == open => quote = None,
            (_, Some(_)) => {}
            ('"' | '\'', None) => quote = Some(c),
            ('>', None) => return Some(name + at + 1),
            ('<', None) => return None,
            _ => {}
        }
    }
    None
}

/// `&amp;`, `&#160;`, `&#xA0;`.
fn entity(text: &str) -> Option<usize> {
    let body = match text[1..].strip_prefix('#') {
        Some(code) => match code.strip_prefix(['x', 'X']) {
            Some(hex) => 3 + some_run(hex, |b| b.is_ascii_hexdigit())?,
            None => 2 + some_run(code, |b| b.is_ascii_digit())?,
        },
        None if !text[1..].starts_with(|c: char| c.is_ascii_alphabetic()) => return None,
        None => 1 + some_run(&text[1..], |b| b.is_ascii_alphanumeric() || b".-_".contains(&b))?,
    };
    text[body..].starts_with(';').then_some(body + 1)
}

/// What belongs to no token, up to what may start one.
fn blank(text: &str) -> usize {
    let mut chars = text.char_indices();
    chars.next();
    chars
        .find(|(_, c)| is_letter(*c) || c.is_ascii_digit() || matches!(c, '<' | '-' | '+' | '&' | '/'))
        .map_or(text.len(), |(at, _)| at)
}

fn ascii_run(text: &str, accepts: impl Fn(u8) -> bool) -> usize {
    text.bytes().take_while(|b| accepts(*b)).count()
}

fn some_run(text: &str, accepts: impl Fn(u8) -> bool) -> Option<usize> {
    Some(ascii_run(text, accepts)).filter(|length| *length > 0)
}
