//! AFTER triggers: the rows that a statement wrote fire them when it has ended.

use std::sync::Arc;

use basalt_core::{Error, Operation, Result};
use basalt_sql::catalog::Relation;
use basalt_sql::compile::trigger::Firing;
use basalt_sql::program::Fires;
use rusqlite::Connection;

use super::super::plpgsql::within;
use super::super::schema::Schema;
use super::super::session;
use super::before::follow;
use super::noted::{self, Noted};
use super::{fire_row, firings};

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
    let mut noted: Noted = session::with(|session| session.noted.take());
    if noted.rows.is_empty() || session::with(|session| session.is_quiet.get()) {
        return Ok(());
    }
    within(|| {
        let mut known: Vec<Waiting> = Vec::new();
        let mut waiting = Vec::with_capacity(noted.rows.len());
        for row in &mut noted.rows {
            let found = known.iter().position(|one| one.table == row.table && one.operation == row.operation);
            let at = match found {
                Some(at) => at,
                None => {
                    known.push(Waiting::of(schema, fires, row)?);
                    known.len() - 1
                }
            };
            waiting.push(at);
            let relation = &known[at].relation;
            let is_asked = row.operation != Operation::Insert && relation.runs(true, row.operation);
            if is_asked && !noted.proposed.contains(&(relation.name.clone(), row.old_number)) {
                // They run within the key's own, as PostgreSQL counts.
                let depth = session::with(|session| session.trigger_depth.replace(session.trigger_depth.get() + 1));
                let followed = follow(connection, schema, relation, row, &fires.who);
                session::with(|session| session.trigger_depth.set(depth));
                followed?;
            }
        }
        for (row, at) in noted.rows.iter().zip(waiting) {
            let Waiting { relation, firings, .. } = &known[at];
            for firing in firings.iter().filter(|firing| is_asked(firing, relation, fires, row)) {
                session::check_time()?;
                fire_row(connection, schema, firing, row.new.clone(), row.old.clone())?;
            }
        }
        Ok(())
    })
}

impl Waiting {
    fn of(schema: &Schema, fires: &Fires, row: &noted::Row) -> Result<Waiting> {
        let name = session::with(|session| session.noting.borrow().get(row.table).cloned());
        let relation = name.and_then(|name| schema.catalog.relations.get(&name));
        let relation = relation.ok_or_else(|| Error::internal("a table with triggers went missing"))?;
        let firings = firings(schema, relation, (false, row.operation), &fires.who)?;
        Ok(Waiting { table: row.table, operation: row.operation, relation: relation.clone(), firings })
    }
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
