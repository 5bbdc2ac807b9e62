//! The driver's errors in PostgreSQL's terms.

use basalt_core::Error;
use tokio_postgres::error::ErrorPosition;

/// The code of a connection more than PostgreSQL takes.
pub(super) const FULL: &str = "53300";

/// How PostgreSQL names what it no longer finds by its number.
pub(super) const LOOKUP_FAILED: &str = "cache lookup failed for ";

/// A server's error with its fields, or 08006 for a connection that failed.
pub(crate) fn translate(error: tokio_postgres::Error) -> Error {
    let Some(db) = error.as_db_error() else { return lost().with_detail(cause(&error)) };
    let mut out = Error::new(code(db.code().code(), db.message()).to_owned(), db.message().to_owned());
    if let Some(detail) = db.detail() {
        out = out.with_detail(detail.to_owned());
    }
    if let Some(hint) = db.hint() {
        out = out.with_hint(hint.to_owned());
    }
    if let Some(constraint) = db.constraint() {
        out = out.with_constraint(constraint);
    }
    if let Some(ErrorPosition::Original(position)) = db.position() {
        // Counted in characters from 1; the caller that knows the text makes it a byte offset.
        out = out.at(*position as usize - 1);
    }
    out
}

/// The SQLSTATE. A text search that nests too deep is an internal error to PostgreSQL, and so is what is dropped between the
/// analysis and the planning of a statement; to whoever asked the one is too complex, the other not there.
fn code<'a>(code: &'a str, message: &str) -> &'a str {
    match (code, message.strip_prefix(LOOKUP_FAILED).and_then(|what| what.split(' ').next())) {
        ("XX000", Some("function")) => "42883",
        ("XX000", Some("relation")) => "42P01",
        ("XX000", Some("type")) => "42704",
        ("XX000", None) if message == "tsquery stack too small" => "54001",
        _ => code,
    }
}

/// 08006: the connection broke, or what came over it can't be read.
pub(super) fn lost() -> Error {
    Error::of_connection("08006", "the connection to PostgreSQL was lost")
}

/// No connection could be made: [`FULL`] where PostgreSQL takes no more, else 08001.
pub(super) fn unreachable(error: &tokio_postgres::Error) -> Error {
    // A server that answers by refusing (3D000, 28P01, 57P03, 53300) says why.
    match error.as_db_error() {
        Some(db) => {
            let code = if db.code().code() == FULL { FULL } else { "08001" };
            Error::of_connection(code, "PostgreSQL refuses the connection").with_detail(db.message().to_owned())
        }
        None => Error::of_connection("08001", "PostgreSQL can't be reached").with_detail(cause(error)),
    }
}

/// The innermost reason, which says more than the driver's own words.
fn cause(error: &tokio_postgres::Error) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(inner) = source {
        text = inner.to_string();
        source = inner.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_dropped_meanwhile_is_not_there() {
        for (was, message, is) in [
            ("XX000", "cache lookup failed for function 16385", "42883"),
            ("XX000", "cache lookup failed for relation 16385", "42P01"),
            ("XX000", "cache lookup failed for type 16385", "42704"),
            ("XX000", "cache lookup failed for index 16385", "XX000"),
            ("XX000", "unexpected chunk number 1", "XX000"),
            ("XX000", "tsquery stack too small", "54001"),
            ("P0001", "cache lookup failed for function 16385", "P0001"),
        ] {
            assert_eq!(code(was, message), is, "{message}");
        }
    }
}
