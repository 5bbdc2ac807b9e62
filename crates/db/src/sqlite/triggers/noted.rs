//! Rows that triggers wait for: noted by temporary triggers while SQLite writes them.

use std::collections::HashSet;

use basalt_core::{Operation, Result};
use basalt_sql::catalog::Relation;
use basalt_sql::quote::ident;
use basalt_sql::{Catalog, Name};
use basalt_types::{Value, ValueRef};
use rusqlite::Connection;
use rusqlite::functions::FunctionFlags;

use super::super::error::translate;
use super::super::functions::gathered;
use super::super::memory::{Gathered, Held};
use super::super::session;

/// The rows that a statement has written so far, of tables that somebody waits for.
#[derive(Default)]
pub(crate) struct Noted {
    /// In the order in which they were written.
    pub rows: Vec<Row>,
    /// The old row of an UPDATE whose new one comes next.
    old: (i64, Vec<Value>),
    /// What the rows hold.
    held: Held,
    /// The rows, by table and number, whose BEFORE triggers have fired: all others were changed by the actions of foreign keys.
    pub proposed: HashSet<(Name, i64)>,
}

/// A row that was written.
pub(crate) struct Row {
    /// Its table's place among those that are installed.
    pub table: usize,
    /// What happened to it.
    pub operation: Operation,
    /// The number by which SQLite knows it now, and the one by which it did before.
    pub number: i64,
    pub old_number: i64,
    /// Its columns now; none after DELETE.
    pub new: Vec<Value>,
    /// Its columns before; none after INSERT.
    pub old: Vec<Value>,
}

/// What the temporary triggers say of a row.
const INSERTED: i64 = 0;
const UPDATED_FROM: i64 = 1;
const UPDATED_TO: i64 = 2;
const DELETED: i64 = 3;

/// Registers what the temporary triggers call: `basalt_note(table, what, number, columns...)`.
pub(crate) fn register(connection: &Connection) -> rusqlite::Result<()> {
    connection.create_scalar_function("basalt_note", -1, FunctionFlags::SQLITE_UTF8, |call| {
        let table = usize::try_from(call.get::<i64>(0)?).unwrap_or(usize::MAX);
        let (what, number): (i64, i64) = (call.get(1)?, call.get(2)?);
        let columns: Vec<Value> =
            gathered(call, 3, |args| args.iter().map(|value| ValueRef::to_owned(*value)).collect())?;
        session::with(|session| {
            let mut noted = session.noted.borrow_mut();
            noted.held.add(size_of::<Row>() + Gathered::size(&columns))?;
            let row = |operation, old_number, new, old| Row { table, operation, number, old_number, new, old };
            let row = match what {
                UPDATED_FROM => {
                    noted.old = (number, columns);
                    return Ok(());
                }
                UPDATED_TO => {
                    let (old_number, old) = std::mem::take(&mut noted.old);
                    row(Operation::Update, old_number, columns, old)
                }
                DELETED => row(Operation::Delete, number, Vec::new(), columns),
                _ => row(Operation::Insert, number, columns, Vec::new()),
            };
            noted.rows.push(row);
            Ok(())
        })
        .map_err(session::raise)?;
        Ok(rusqlite::types::Null)
    })
}

/// Makes the temporary triggers for every table with AFTER triggers, or with BEFORE triggers of rows that change with others.
pub(crate) fn install(connection: &Connection, catalog: &Catalog) -> Result<()> {
    let mut tables: Vec<Name> = Vec::new();
    for relation in catalog.relations.values().filter(|relation| !relation.triggers.is_empty()) {
        for operation in [Operation::Insert, Operation::Update, Operation::Delete] {
            let follows = operation != Operation::Insert && relation.follows_others() && relation.runs(true, operation);
            if !follows && !relation.runs(false, operation) {
                continue;
            }
            if tables.last() != Some(&relation.name) {
                tables.push(relation.name.clone());
            }
            connection.execute_batch(&trigger(relation, tables.len() - 1, operation)).map_err(translate)?;
        }
    }
    session::with(|session| session.noting.replace(tables.into()));
    Ok(())
}

fn trigger(relation: &Relation, table: usize, operation: Operation) -> String {
    let number = relation.row_number().unwrap_or("rowid");
    let note = |what: i64, row: &str| {
        let columns = relation.columns.iter().map(|column| format!(", {row}.{}", ident(&column.name)));
        format!("SELECT basalt_note({table}, {what}, {row}.{number}{});", columns.collect::<String>())
    };
    let notes = match operation {
        Operation::Update => format!("{} {}", note(UPDATED_FROM, "old"), note(UPDATED_TO, "new")),
        Operation::Delete => note(DELETED, "old"),
        _ => note(INSERTED, "new"),
    };
    let physical = relation.name.physical();
    format!(
        "CREATE TEMP TRIGGER {} AFTER {operation} ON main.{} BEGIN {notes} END",
        ident(&format!("note {operation} {physical}")),
        ident(&physical),
    )
}
