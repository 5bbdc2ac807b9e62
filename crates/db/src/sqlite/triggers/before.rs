//! BEFORE triggers: rows that are about to be written, as their functions leave them.

use basalt_core::{Operation, Result};
use basalt_sql::program::{Command, Proposed};
use basalt_types::Value;
use rusqlite::Connection;

use super::super::schema::Schema;
use super::super::session;
use super::body::{Body, Row};
use super::{firings, within};

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
    let mut firings = firings(schema, relation, (true, operation), &proposed.who)?;
    firings.retain(|firing| {
        let columns = firing.trigger.run.iter().flat_map(|run| &run.columns);
        let mut columns = columns.peekable();
        operation != Operation::Update || columns.peek().is_none() || columns.any(|c| proposed.assigned.contains(c))
    });
    let width = relation.columns.len();
    let new_at = 1;
    let old_at = if operation == Operation::Update { new_at + width } else { 1 };
    let has_new = operation != Operation::Delete;
    within(|| {
        let mut kept = Vec::with_capacity(rows.len());
        'rows: for mut row in rows {
            for firing in &firings {
                session::check_time()?;
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
