//! SQLite's errors in PostgreSQL's terms. Violated constraints are named by [`super::diagnose`].

use basalt_core::Error;
use rusqlite::ErrorCode;

use super::exclusions::Conflict;
use super::session::{self, Stop};

/// What locks rows, as it is named where nothing may be written.
pub(super) const LOCKING: &str = "SELECT FOR UPDATE";

/// 25006: what writes or locks in a transaction that only reads.
pub(super) fn read_only(what: &str) -> Error {
    Error::new("25006", format!("cannot execute {what} in a read-only transaction"))
}

/// What an error of SQLite means for whoever asked.
pub(crate) fn translate(error: rusqlite::Error) -> Error {
    if let Some(raised) = session::with(|session| session.raised()) {
        return raised;
    }
    let Some(code) = error.sqlite_error_code() else { return internal(error) };
    match code {
        ErrorCode::OperationInterrupted => match session::with(|session| session.stopped()) {
            Some(Stop::Timeout) => Error::new("57014", "canceling statement due to statement timeout"),
            _ => Error::new("57014", "canceling statement due to user request"),
        },
        ErrorCode::DiskFull => Error::new("53100", "could not extend the database: no space left on device")
            .with_hint("Check free disk space, and `database.max_size` where it is set."),
        ErrorCode::OutOfMemory => Error::new("53200", "out of memory"),
        ErrorCode::TooBig => Error::new("54000", "a value or statement is larger than the engine allows"),
        ErrorCode::SystemIoFailure | ErrorCode::CannotOpen | ErrorCode::PermissionDenied => {
            tracing::error!(%error, "the database file can't be read or written");
            Error::new("58030", "could not read or write the database file")
        }
        ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase => {
            tracing::error!(%error, "the database file is damaged");
            Error::new("XX001", "the database file is damaged")
        }
        ErrorCode::ReadOnly => Error::new("25006", "cannot write in a read-only transaction"),
        ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => {
            Error::new("55P03", "the database is locked by another process")
        }
        ErrorCode::TypeMismatch => Error::new("42804", "a stored value does not fit its column"),
        _ => excluded(&error).unwrap_or_else(|| internal(error)),
    }
}

/// A row that an exclusion constraint refused, where nobody knows whether the caller may see its values.
fn excluded(error: &rusqlite::Error) -> Option<Error> {
    match error {
        rusqlite::Error::SqliteFailure(_, Some(text)) => Conflict::of(text).map(|conflict| conflict.error(false)),
        _ => None,
    }
}

/// A statement beyond what SQLite can hold, by the words in SQLite's message (sqlite.org/limits.html). What PostgreSQL limits too has its code and words.
fn beyond_a_limit(message: &str) -> Option<Error> {
    let has = |words: &[&str]| words.iter().any(|words| message.contains(words));
    let error = if has(&["too many columns in result set"]) {
        Error::new("54011", "target lists can have at most 1664 entries")
    } else if has(&["too many columns"]) {
        Error::new("54011", "too many columns")
    } else if has(&["too many arguments"]) {
        Error::new("54023", "too many arguments for a function")
    } else if has(&["Expression tree is too large", "nested too deep", "Recursion limit", "stack overflow"]) {
        Error::new("54001", "stack depth limit exceeded").with_hint("Ask with fewer conditions, or nest them less.")
    } else if has(&["tables in a join", "too many FROM clause terms", "too many references to", "too many RIGHT JOINs"])
    {
        Error::new("54000", "too many tables in a statement")
            .with_hint("Ask for fewer related resources in one request.")
    } else if has(&["too many terms in ORDER", "too many terms in GROUP"]) {
        Error::new("54000", "too many columns to order or group by").with_hint("Ask for fewer of them.")
    } else if has(&["too many terms in compound SELECT"]) {
        Error::new("54000", "too many queries in a union")
    } else if has(&["too many SQL variables", "variable number must be between"]) {
        Error::new("54000", "too many parameters in a statement").with_hint("Ask with fewer values.")
    } else if has(&["pattern too complex"]) {
        Error::new("54000", "a pattern is too long")
    } else {
        return None;
    };
    Some(error)
}

/// A value that SQLite itself refuses while a statement runs.
fn of_a_value(message: &str) -> Option<Error> {
    Some(match message {
        "integer overflow" => Error::new("22003", "bigint out of range"),
        "frame starting offset must be a non-negative integer" => {
            Error::new("22013", "frame starting offset must not be negative")
        }
        "frame ending offset must be a non-negative integer" => {
            Error::new("22013", "frame ending offset must not be negative")
        }
        "argument of ntile must be a positive integer" => {
            Error::new("22014", "argument of ntile must be greater than zero")
        }
        "second argument to nth_value must be a positive integer" => {
            Error::new("22016", "argument of nth_value must be greater than zero")
        }
        _ => return None,
    })
}

/// A fault of the engine or the compiler: logged in full, told in short.
fn internal(error: rusqlite::Error) -> Error {
    if let rusqlite::Error::SqlInputError { msg: text, .. } | rusqlite::Error::SqliteFailure(_, Some(text)) = &error
        && let Some(error) = beyond_a_limit(text)
    {
        return error;
    }
    if let rusqlite::Error::SqliteFailure(_, Some(text)) = &error
        && let Some(error) = of_a_value(text)
    {
        return error;
    }
    tracing::error!(%error, "SQLite refused a statement");
    // The statement itself may show row policies, which are not for everyone.
    match error {
        rusqlite::Error::SqlInputError { msg, .. } => Error::internal(format!("the engine refused a statement: {msg}")),
        other => Error::internal(format!("the engine refused a statement: {other}")),
    }
}

/// Whether the fault is of the disk or memory, so that whatever else the transaction holds fails with it.
pub(super) fn is_fatal(error: &Error) -> bool {
    matches!(error.code(), "53100" | "53200" | "58030" | "XX001")
}
