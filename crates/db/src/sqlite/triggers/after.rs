//! AFTER triggers: the rows that a statement wrote fire them when it has ended.

use std::sync::Arc;

use basalt_core::{Operation, Result};
use basalt_sql::catalog::Relation;
use basalt_sql::compile::trigger::Firing;
use basalt_sql::program::Fires;
use rusqlite::Connection;

use super::super::schema::Schema;
use super::super::session;
use super::body::{Body, Row};
use super::noted;
use super::{firings, within};

/// What the rows of one table and operation fire.
struct Waiting {
    table: usize,
    operation: Operation,
    relation: Arc<Relation>,
    firings: Vec<Arc<Firing>>,
}

/// Fires the triggers of the rows that were noted since the statement began: row by row, in the order in which they were written,
/// and for each row in the order of the triggers' names.
///
/// Errors: the functions' own.
pub(in crate::sqlite) fn fire(connection: &Connection, schema: &Schema, fires: &Fires) -> Result<()> {
    let rows = session::with(|session| std::mem::take(&mut session.noted.borrow_mut().rows));
    if rows.is_empty() {
        return Ok(());
    }
    within(|| {
        let mut known: Vec<Waiting> = Vec::new();
        for row in rows {
            let found = known.iter().position(|one| one.table == row.table && one.operation == row.operation);
            let at = match found {
                Some(at) => at,
                None => {
                    let Some(waiting) = waiting(schema, fires, &row)? else { continue };
                    known.push(waiting);
                    known.len() - 1
                }
            };
            let Waiting { relation, firings, .. } = &known[at];
            for firing in firings {
                if is_asked(firing, relation, fires, &row) {
                    session::check_time()?;
                    let row = Row { new: row.new.clone(), old: row.old.clone() };
                    Body::new(connection, schema, firing, row).run()?;
                }
            }
        }
        Ok(())
    })
}

fn waiting(schema: &Schema, fires: &Fires, row: &noted::Row) -> Result<Option<Waiting>> {
    let name = session::with(|session| session.noting.borrow().get(row.table).cloned());
    let Some(relation) = name.and_then(|name| schema.catalog.relations.get(&name)) else { return Ok(None) };
    let firings = firings(schema, relation, (false, row.operation), &fires.who)?;
    Ok(Some(Waiting { table: row.table, operation: row.operation, relation: relation.clone(), firings }))
}

/// Whether `update of` is met: by what the statement assigns to; for a row that a foreign key's action changed, by what is different.
fn is_asked(firing: &Firing, relation: &Relation, fires: &Fires, row: &noted::Row) -> bool {
    let Some(run) = &firing.trigger.run else { return false };
    if run.columns.is_empty() || row.operation != Operation::Update {
        return true;
    }
    let mut assigned = fires.assigned.iter().filter(|(table, _)| *table == relation.name).peekable();
    if assigned.peek().is_some() {
        return assigned.any(|(_, columns)| columns.iter().any(|column| run.columns.contains(column)));
    }
    let mut columns = relation.columns.iter().zip(row.new.iter().zip(&row.old));
    columns.any(|(column, (new, old))| run.columns.contains(&column.name) && new != old)
}
