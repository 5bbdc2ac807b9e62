//! The one place that quotes identifiers and literals into SQL text.

/// An identifier in double quotes, for both PostgreSQL and SQLite.
pub fn ident(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A string literal in single quotes (standard-conforming: backslashes stand for themselves).
pub fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}
