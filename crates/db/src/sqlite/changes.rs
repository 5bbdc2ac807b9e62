//! The change log of the embedded engine: triggers of the writer's connection write it, in the transaction of the write.
//!
//! They are temporary, so that the file holds nothing that could be out of step with the catalog: whenever the catalog
//! changed they are made anew. SQLite runs them for the rows of foreign keys' actions too.

use basalt_core::{Operation, Result};
use basalt_sql::catalog::{Column, Relation};
use basalt_sql::ddl::partial_actions;
use basalt_sql::quote::{ident, literal};
use basalt_sql::{Catalog, Name};
use basalt_types::Value;
use basalt_types::codec::{JsonStyle, RowShape};
use rusqlite::functions::FunctionFlags;
use rusqlite::{Connection, OptionalExtension};

use super::error::translate;
use super::functions::{arg, gathered, with_context};
use super::session::{self, EPOCH};
use super::value::Stored;
use super::{exclusions, triggers};

/// SQLite's functions take a thousand arguments.
const MOST_VALUES: usize = 900;

/// What the triggers know of the transaction that runs.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Log {
    /// The id of the last entry that was written, kept or not.
    last: i64,
    /// The id of the transaction's first entry: the transaction's number.
    transaction: Option<i64>,
    /// Bytes of the rows of the entry that is being written.
    bytes: i64,
    /// Whether anything was logged since the last commit.
    wrote: bool,
}

impl Log {
    /// Where the log of a file ends.
    pub fn load(connection: &Connection) -> Result<Log> {
        let sql = "SELECT max(coalesce((SELECT max(id) FROM \"basalt.changes\"), 0), coalesce((SELECT trimmed FROM \"basalt.log\"), 0))";
        let is_there = "SELECT 1 FROM sqlite_schema WHERE name = 'basalt.log'";
        let load = || match connection.query_row(is_there, [], |_| Ok(())).optional()? {
            Some(()) => connection.query_row(sql, [], |row| row.get(0)),
            None => Ok(0),
        };
        Ok(Log { last: load().map_err(translate)?, ..Log::default() })
    }

    fn next(&mut self) -> i64 {
        self.last += 1;
        self.transaction.get_or_insert(self.last);
        self.wrote = true;
        self.last
    }

    /// The transaction's number. SQLite may ask for it before it asks for the id.
    fn transaction(&mut self) -> i64 {
        *self.transaction.get_or_insert(self.last + 1)
    }
}

/// The id of the last entry, kept or not.
pub(crate) fn last() -> i64 {
    change(|log| log.last)
}

/// Entries come after this id from now on.
pub(crate) fn go_on_after(id: i64) {
    change(|log| log.last = log.last.max(id));
}

/// The next entry begins another transaction.
pub(super) fn begin() {
    change(|log| (log.transaction, log.bytes) = (None, 0));
}

/// Whether anything was logged since this was last asked.
pub(super) fn committed() -> bool {
    change(|log| std::mem::take(&mut log.wrote))
}

fn change<R>(f: impl FnOnce(&mut Log) -> R) -> R {
    session::with(|session| f(&mut session.log.borrow_mut()))
}

/// Registers what the triggers call.
pub(super) fn register(connection: &Connection) -> rusqlite::Result<()> {
    let flags = FunctionFlags::SQLITE_UTF8;
    connection.create_scalar_function("basalt_change_id", 0, flags, |_| Ok(Stored(change(Log::next).into())))?;
    connection.create_scalar_function("basalt_change_transaction", 0, flags, |_| {
        Ok(Stored(change(Log::transaction).into()))
    })?;
    connection
        .create_scalar_function("basalt_change_time", 0, flags, |_| Ok(Stored((session::now() + EPOCH).into())))?;
    connection.create_scalar_function("basalt_change_role", 0, flags, |_| {
        let identity = session::with(|session| session.identity.borrow().clone());
        Ok(Stored(identity.map_or(Value::Null, |identity| (&*identity.role).into())))
    })?;
    connection.create_scalar_function("basalt_change_sub", 0, flags, |_| {
        let sub = session::with(|session| session.identity.borrow().as_ref()?.claims.sub().map(str::to_owned));
        Ok(Stored(sub.into()))
    })?;
    connection.create_scalar_function("basalt_change_bytes", 0, flags, |_| {
        Ok(Stored(change(|log| std::mem::take(&mut log.bytes)).into()))
    })
}

/// Registers `basalt_change_row(shape, values...)`, a row as JSON. Shapes are known by their numbers: what SQLite remembers of a function's
/// constant arguments it forgets whenever a trigger ends.
fn register_row(connection: &Connection, shapes: Vec<RowShape>) -> rusqlite::Result<()> {
    connection.create_scalar_function("basalt_change_row", -1, FunctionFlags::SQLITE_UTF8, move |call| {
        let shape = usize::try_from(call.get::<i64>(0)?).ok().and_then(|number| shapes.get(number));
        gathered(call, 1, |args| {
            let mut out = String::with_capacity(256);
            if let Some(shape) = shape {
                with_context(|context| shape.write_object(|i| arg(args, i), context, false, &mut out));
            }
            change(|log| log.bytes += out.len() as i64);
            Stored(out.into())
        })
    })
}

/// Makes the temporary triggers those that the catalog asks for: the log's, those that note rows for the project's own triggers, and those
/// of exclusion constraints and of foreign keys that set some of their columns.
pub(crate) fn install(connection: &Connection, catalog: &Catalog) -> Result<()> {
    uninstall(connection)?;
    triggers::install(connection, catalog)?;
    exclusions::install(connection, catalog)?;
    for relation in catalog.relations.values() {
        for trigger in partial_actions(catalog, relation)? {
            connection.execute_batch(&trigger).map_err(translate)?;
        }
    }
    if catalog.relation("basalt", "changes").is_none() {
        return Ok(());
    }
    let tables = catalog.relations.values().filter(|relation| relation.view().is_none());
    let watched: Vec<_> =
        tables.map(|table| (table, catalog.watched(&table.name))).filter(|(_, o)| !o.is_empty()).collect();
    let shape = |columns: &[Column]| {
        let columns = columns.iter().map(|column| (column.name.clone(), column.ty.clone()));
        RowShape::new(columns.collect(), JsonStyle::Json)
    };
    let (mut shapes, mut triggers) = (Vec::new(), Vec::new());
    for (table, operations) in &watched {
        let first = shapes.len();
        shapes.extend(table.columns.chunks(MOST_VALUES).map(shape));
        triggers.extend(operations.iter().filter_map(|operation| trigger(table, first, *operation)));
    }
    register_row(connection, shapes).map_err(translate)?;
    triggers.iter().try_for_each(|sql| connection.execute_batch(sql)).map_err(translate)
}

/// Takes all of them away: what changes a table's form is no change of its rows.
pub(crate) fn uninstall(connection: &Connection) -> Result<()> {
    let names = || {
        let mut statement = connection.prepare_cached("SELECT name FROM temp.sqlite_schema WHERE type = 'trigger'")?;
        statement.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<Vec<String>>>()
    };
    for name in names().map_err(translate)? {
        connection.execute_batch(&format!("DROP TRIGGER temp.{}", ident(&name))).map_err(translate)?;
    }
    Ok(())
}

/// Logs that a table was emptied, if that is watched.
pub(crate) fn truncated(connection: &Connection, catalog: &Catalog, table: &Name) -> Result<()> {
    let has_log = catalog.relation("basalt", "changes").is_some();
    if !has_log || !catalog.watched(table).contains(&Operation::Truncate) {
        return Ok(());
    }
    connection.execute_batch(&entry(table, Operation::Truncate, "NULL", "NULL")).map_err(translate)
}

/// SQLite has no trigger on emptying a table: [`truncated`] is called. `first` is the shape of the row's first part.
fn trigger(relation: &Relation, first: usize, operation: Operation) -> Option<String> {
    let row = |which| row(relation, first, which);
    let (old, new) = match operation {
        Operation::Insert => ("NULL".to_owned(), row("new")),
        Operation::Update => (row("old"), row("new")),
        Operation::Delete => (row("old"), "NULL".to_owned()),
        Operation::Truncate => return None,
    };
    let table = relation.name.physical();
    Some(format!(
        "CREATE TEMP TRIGGER {} AFTER {operation} ON main.{} BEGIN {}; END",
        ident(&format!("{operation} {table}")),
        ident(&table),
        entry(&relation.name, operation, &old, &new),
    ))
}

/// The INSERT of one entry. SQLite evaluates the values from left to right (but the id at any time): the bytes after the rows.
fn entry(table: &Name, operation: Operation, old: &str, new: &str) -> String {
    format!(
        "INSERT INTO \"basalt.changes\" (id, \"transaction\", committed_at, \"schema\", name, operation, old, new, role, sub, bytes) \
         VALUES (basalt_change_id(), basalt_change_transaction(), basalt_change_time(), {}, {}, '{operation}', {old}, {new}, \
         basalt_change_role(), basalt_change_sub(), basalt_change_bytes())",
        literal(&table.schema),
        literal(&table.name),
    )
}

/// A row as JSON, joined of several parts if it is very wide.
fn row(relation: &Relation, first: usize, which: &str) -> String {
    let part = |(number, columns): (usize, &[Column])| {
        let values = columns.iter().map(|column| format!(", {which}.{}", ident(&column.name)));
        format!("basalt_change_row({}{})", first + number, values.collect::<String>())
    };
    let parts: Vec<String> = relation.columns.chunks(MOST_VALUES).enumerate().map(part).collect();
    if let [whole] = parts.as_slice() { whole.clone() } else { format!("pg_joined_rows(0, {})", parts.join(", ")) }
}
