//! Migrations that no transaction may hold: `create index concurrently` and its like. What one of them made goes again when it fails.

use basalt_core::{Error, Result};
use basalt_sql::quote::ident;
use basalt_sql::script::Piece;
use tokio_postgres::Client;
use tokio_postgres::types::Type;

use super::error::translate;
use super::migrating::{LOCK_TIMEOUT, failed, is_transaction_word, words};
use crate::migrate::ScriptError;

/// The indexes of a table as an array of numbers.
const INDEXES: &str =
    "select coalesce(array_agg(indexrelid), '{}') from pg_catalog.pg_index where indrelid = to_regclass($1)";
/// Those that are not among the known ones.
const NEW: &str = "select n.nspname::text, c.relname::text from pg_catalog.pg_index i
  join pg_catalog.pg_class c on c.oid = i.indexrelid join pg_catalog.pg_namespace n on n.oid = c.relnamespace
  where i.indrelid = to_regclass($1) and i.indexrelid <> all ($2)";

/// Whether PostgreSQL refuses the statement in a transaction.
pub(super) fn is_outside(sql: &str) -> bool {
    let words = words(sql);
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["vacuum", ..] | ["alter", "system", ..] | ["create" | "drop", "database" | "tablespace", ..] => true,
        ["create" | "drop" | "reindex", rest @ ..] => {
            (rest.first().is_some_and(|word| matches!(*word, "index" | "unique")) || words[0] == "reindex")
                && rest.contains(&"concurrently")
        }
        _ => false,
    }
}

/// Runs a migration's statements, each by itself. Behind a pooler that hands out connections by transaction there is no session to set
/// anything in for them.
///
/// Errors: the first statement's that fails; the indexes that were made are dropped by then, the one included that failed half-way.
pub(super) async fn run(client: &Client, pieces: &[Piece<'_>], is_pooled: bool) -> Result<(), ScriptError> {
    let statements = pieces.iter().filter_map(|piece| match piece {
        Piece::Statement { sql, offset } => Some((*sql, *offset)),
        Piece::Copy { sql, offset, .. } => Some((*sql, *offset)),
        Piece::Meta { .. } => None,
    });
    for (sql, offset) in statements.clone() {
        if !is_outside(sql) && !is_transaction_word(sql) {
            let error = Error::unsupported(
                "a statement that can't run in a transaction stands beside others in one migration",
                "Put `create index concurrently` and its like into a migration of their own.",
            );
            return Err(failed(error, sql, offset));
        }
    }
    if !is_pooled {
        let set = format!(
            "set search_path = public, extensions; set statement_timeout = 0; set lock_timeout = {}",
            LOCK_TIMEOUT.as_millis()
        );
        client.batch_execute(&set).await.map_err(translate)?;
    }
    let mut made = Vec::new();
    for (sql, offset) in statements.filter(|(sql, _)| is_outside(sql)) {
        let table = indexed(sql);
        let before = match table {
            Some(table) => known(client, table).await?,
            None => Vec::new(),
        };
        let done = client.batch_execute(sql).await.map_err(translate);
        if let Some(table) = table.filter(|_| !client.is_closed()) {
            made.extend(new(client, table, &before).await?);
        }
        if let Err(error) = done {
            return Err(failed(undone(client, &made, error).await, sql, offset));
        }
    }
    Ok(())
}

/// The table of a `create index concurrently`, as it is written.
fn indexed(sql: &str) -> Option<&str> {
    if words(sql).first().map(String::as_str) != Some("create") {
        return None;
    }
    let mut parts = spans(sql);
    parts.find(|part| part.eq_ignore_ascii_case("on"))?;
    let first = parts.next()?;
    if first.eq_ignore_ascii_case("only") { parts.next() } else { Some(first) }
}

/// A statement cut at spaces and parentheses outside of quoted names.
fn spans(sql: &str) -> impl Iterator<Item = &str> {
    let mut quoted = false;
    let ends = move |c: char| {
        quoted ^= c == '"';
        !quoted && (c.is_whitespace() || c == '(')
    };
    sql.split(ends).filter(|part| !part.is_empty())
}

async fn known(client: &Client, table: &str) -> Result<Vec<u32>> {
    Ok(client.query_typed_one(INDEXES, &[(&table, Type::TEXT)]).await.map_err(translate)?.get(0))
}

/// The quoted names of the table's indexes that were not known.
async fn new(client: &Client, table: &str, known: &[u32]) -> Result<Vec<String>> {
    let rows = client.query_typed(NEW, &[(&table, Type::TEXT), (&known, Type::OID_ARRAY)]).await.map_err(translate)?;
    Ok(rows.iter().map(|row| format!("{}.{}", ident(row.get(0)), ident(row.get(1)))).collect())
}

/// Drops the indexes that were made before an error. What can't be dropped is named in its hint.
async fn undone(client: &Client, made: &[String], error: Error) -> Error {
    let mut left = Vec::new();
    for index in made.iter().rev() {
        let drop = format!("drop index concurrently if exists {index}");
        if client.batch_execute(&drop).await.is_err() {
            left.push(drop);
        }
    }
    match left.is_empty() {
        true => error,
        false => error.with_hint(format!("What it made is still there; before it is run again: {};", left.join("; "))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_of_an_index_is_found() {
        for (sql, table) in [
            ("create index concurrently on notes (body)", "notes"),
            ("CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS i ON public.notes(body)", "public.notes"),
            ("create index concurrently \"on it\" on only \"My Notes\" using btree (body)", "\"My Notes\""),
            ("create index concurrently i\n  on\n notes\n (body)", "notes"),
        ] {
            assert_eq!(indexed(sql), Some(table), "{sql}");
        }
        assert_eq!(indexed("drop index concurrently i"), None);
        assert_eq!(indexed("reindex table concurrently notes"), None);
    }
}
