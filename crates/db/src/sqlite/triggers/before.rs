//! BEFORE triggers: rows that are about to be written, as their functions leave them.

use std::sync::Arc;

use basalt_core::{Operation, Result};
use basalt_sql::catalog::Relation;
use basalt_sql::compile::trigger::Firing;
use basalt_sql::program::{Command, Proposed};
use basalt_types::Value;
use rusqlite::Connection;

use super::super::schema::Schema;
use super::super::session;
use super::body::{Body, Row};
use super::{firings, within};

/// What a row meets on its way.
enum Turn {
    /// A function of the project's own.
    Runs(Arc<Firing>),
    /// `suppress_redundant_updates_trigger`.
    Suppresses,
}

/// What the rows of a command meet, in the order of the triggers' names.
fn turns(schema: &Schema, relation: &Arc<Relation>, operation: Operation, proposed: &Proposed) -> Result<Vec<Turn>> {
    let mut firings = firings(schema, relation, (true, operation), &proposed.who)?.into_iter();
    let mut turns = Vec::new();
    for trigger in &relation.triggers {
        if operation == Operation::Update && trigger.is_built_in("suppress_redundant_updates_trigger") {
            turns.push(Turn::Suppresses);
        } else if trigger.runs(true, operation)
            && let Some(firing) = firings.next()
        {
            let columns = trigger.run.iter().flat_map(|run| &run.columns).collect::<Vec<_>>();
            let is_any = operation != Operation::Update || columns.is_empty();
            if is_any || columns.iter().any(|column| proposed.assigned.contains(column)) {
                turns.push(Turn::Runs(firing));
            }
        }
    }
    Ok(turns)
}

/// Has a table's BEFORE triggers change rows that are about to be written, or leave them out.
///
/// Errors: the functions' own.
pub(in crate::sqlite) fn propose(
    connection: &Connection,
    schema: &Schema,
    proposed: &Proposed,
    rows: Vec<Vec<Value>>,
) -> Result<Vec<Vec<Value>>> {
    let operation = match proposed.command {
        Command::Insert => Operation::Insert,
        Command::Update => Operation::Update,
        Command::Delete => Operation::Delete,
    };
    let relation = schema.catalog.relations.get(&proposed.relation);
    let Some(relation) = relation.filter(|_| !session::with(|session| session.is_quiet.get())) else { return Ok(rows) };
    let turns = turns(schema, relation, operation, proposed)?;
    let width = relation.columns.len();
    let new_at = 1;
    let old_at = if operation == Operation::Update { new_at + width } else { 1 };
    let has_new = operation != Operation::Delete;
    within(|| {
        let mut kept = Vec::with_capacity(rows.len());
        'rows: for mut row in rows {
            for turn in &turns {
                session::check_time()?;
                let Turn::Runs(firing) = turn else {
                    // Generated columns are computed when the row is written.
                    let mut stored = (0..width).filter(|&column| relation.columns[column].generated.is_none());
                    if stored.all(|column| row[new_at + column] == row[old_at + column]) {
                        continue 'rows;
                    }
                    continue;
                };
                let new = if has_new { row[new_at..new_at + width].to_vec() } else { Vec::new() };
                let old =
                    if operation == Operation::Insert { Vec::new() } else { row[old_at..old_at + width].to_vec() };
                match Body::new(connection, schema, firing, Row { new, old }).run()? {
                    None => {}
                    Some(None) => continue 'rows,
                    Some(Some(returned)) if has_new => {
                        row.splice(new_at..new_at + width, returned);
                    }
                    Some(Some(_)) => {}
                }
            }
            kept.push(row);
        }
        Ok(kept)
    })
}
