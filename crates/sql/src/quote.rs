//! The one place that quotes identifiers and literals into SQL text.

/// An identifier in double quotes, for both PostgreSQL and SQLite.
pub fn ident(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// Appends an identifier in double quotes.
pub fn push_ident(out: &mut String, name: &str) {
    out.push('"');
    push_doubled(out, name, '"');
    out.push('"');
}

/// Appends a string literal in single quotes.
pub fn push_literal(out: &mut String, text: &str) {
    out.push('\'');
    push_doubled(out, text, '\'');
    out.push('\'');
}

/// Appends `text` with every `quote` in it written twice.
pub fn push_doubled(out: &mut String, text: &str, quote: char) {
    let mut rest = text;
    while let Some(at) = rest.find(quote) {
        let end = at + quote.len_utf8();
        out.push_str(&rest[..end]);
        out.push(quote);
        rest = &rest[end..];
    }
    out.push_str(rest);
}

/// A string literal in single quotes (standard-conforming: backslashes stand for themselves).
pub fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}
