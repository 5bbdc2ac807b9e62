//! Values between SQLite and `basalt_types`.

use basalt_core::Error;
use basalt_types::{Value, ValueRef};
use rusqlite::ToSql;
use rusqlite::types::{ToSqlOutput, ValueRef as SqliteRef};

use super::session;

/// Borrows what SQLite holds. Every text in the database was written by this engine, as UTF-8.
pub(super) fn stored(value: SqliteRef<'_>) -> rusqlite::Result<ValueRef<'_>> {
    Ok(match value {
        SqliteRef::Null => ValueRef::Null,
        SqliteRef::Integer(i) => ValueRef::Int(i),
        SqliteRef::Real(r) => ValueRef::Real(r),
        SqliteRef::Text(t) => ValueRef::Text(std::str::from_utf8(t).map_err(|_| not_utf8())?),
        SqliteRef::Blob(b) => ValueRef::Blob(b),
    })
}

fn not_utf8() -> rusqlite::Error {
    session::raise(Error::new("22021", "invalid byte sequence for encoding \"UTF8\""))
}

/// A stored value on its way into SQLite.
pub(super) struct Stored(pub Value);

/// A borrowed stored value on its way into SQLite.
pub(super) struct StoredRef<'a>(pub ValueRef<'a>);

impl ToSql for Stored {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(sqlite(self.0.as_ref())))
    }
}

impl ToSql for StoredRef<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(sqlite(self.0)))
    }
}

fn sqlite(value: ValueRef<'_>) -> SqliteRef<'_> {
    match value {
        ValueRef::Null => SqliteRef::Null,
        ValueRef::Int(i) => SqliteRef::Integer(i),
        ValueRef::Real(r) => SqliteRef::Real(r),
        ValueRef::Text(t) => SqliteRef::Text(t.as_bytes()),
        ValueRef::Blob(b) => SqliteRef::Blob(b),
    }
}
