//! BEFORE triggers: rows that are about to be written, as their functions leave them.

use std::sync::Arc;

use basalt_core::{Error, Operation, Result};
use basalt_sql::catalog::Relation;
use basalt_sql::compile::body::Who;
use basalt_sql::compile::trigger::Firing;
use basalt_sql::program::{Bind, Command, Output, Probe, Proposed, Step};
use basalt_sql::{Program, quote};
use basalt_types::Value;
use rusqlite::Connection;

use super::super::memory::Gathered;
use super::super::plpgsql::within;
use super::super::run::{self, Params};
use super::super::schema::Schema;
use super::super::session;
use super::{fire_row, firings, noted};

/// What a row meets on its way.
enum Turn {
    /// A function of the project's own.
    Runs(Arc<Firing>),
    /// `suppress_redundant_updates_trigger`.
    Suppresses,
}

/// What the rows of a command meet, in the order of the triggers' names.
fn turns(
    schema: &Schema,
    relation: &Arc<Relation>,
    operation: Operation,
    who: &Who,
    assigned: &[String],
) -> Result<Vec<Turn>> {
    let mut firings = firings(schema, relation, (true, operation), who)?.into_iter();
    let mut turns = Vec::new();
    for trigger in &relation.triggers {
        if operation == Operation::Update && trigger.is_built_in("suppress_redundant_updates_trigger") {
            turns.push(Turn::Suppresses);
        } else if trigger.runs(true, operation)
            && let Some(firing) = firings.next()
        {
            let columns = trigger.run.iter().flat_map(|run| &run.columns).collect::<Vec<_>>();
            let is_any = operation != Operation::Update || columns.is_empty();
            if is_any || columns.iter().any(|column| assigned.contains(column)) {
                turns.push(Turn::Runs(firing));
            }
        }
    }
    Ok(turns)
}

/// Has a table's BEFORE triggers change rows that are about to be written, or leave them out.
///
/// Errors: the functions' own; 54000 when the rows become more than a statement may hold.
pub(in crate::sqlite) fn propose(
    connection: &Connection,
    schema: &Schema,
    proposed: &Proposed,
    rows: Gathered,
) -> Result<Gathered> {
    let operation = match proposed.command {
        Command::Insert => Operation::Insert,
        Command::Update => Operation::Update,
        Command::Delete => Operation::Delete,
    };
    let relation = schema.catalog.relations.get(&proposed.relation);
    let Some(relation) = relation.filter(|_| !session::with(|session| session.is_quiet.get())) else { return Ok(rows) };
    let turns = turns(schema, relation, operation, &proposed.who, &proposed.assigned)?;
    let width = relation.columns.len();
    let new_at = 1;
    let old_at = if operation == Operation::Update { new_at + width } else { 1 };
    let has_new = operation != Operation::Delete;
    let kept = within(|| {
        let mut kept = Gathered::default();
        let Gathered { rows, mut held } = rows;
        'rows: for mut row in rows {
            held.take(Gathered::size(&row));
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
                match fire_row(connection, schema, firing, new, old)? {
                    None => {}
                    Some(None) => continue 'rows,
                    Some(Some(returned)) if has_new => {
                        row.splice(new_at..new_at + width, returned);
                    }
                    Some(Some(_)) => {}
                }
            }
            kept.gather(row)?;
        }
        Ok(kept)
    })?;
    if operation != Operation::Insert {
        let numbers = kept.iter().map(|row| (relation.name.clone(), row[0].as_ref().int()));
        session::with(|session| session.noted.borrow_mut().proposed.extend(numbers));
    }
    Ok(kept)
}

/// Fires the BEFORE triggers of a row that a foreign key's action has changed or deleted, as its table's owner: SQLite tells of it only
/// then. What they change is written on top.
///
/// Errors: the functions' own; 0A000 where one would keep the row.
pub(super) fn follow(
    connection: &Connection,
    schema: &Schema,
    relation: &Arc<Relation>,
    row: &mut noted::Row,
    who: &Who,
) -> Result<()> {
    let who = Who { user: relation.owner.clone(), ..who.clone() };
    let mut columns = relation.columns.iter().zip(row.new.iter().zip(&row.old));
    let changed = columns.by_ref().filter(|(_, (new, old))| new != old).map(|(column, _)| column.name.clone());
    let changed: Vec<String> = changed.collect();
    let written = row.new.clone();
    for turn in turns(schema, relation, row.operation, &who, &changed)? {
        let Turn::Runs(firing) = turn else { continue };
        match fire_row(connection, schema, &firing, row.new.clone(), row.old.clone())? {
            Some(None) => {
                let what = format!(
                    "trigger \"{}\" that keeps a row which a foreign key's action changes",
                    firing.trigger.name
                );
                return Err(Error::unsupported(what, "Return the row, or raise an exception."));
            }
            Some(Some(returned)) if row.operation == Operation::Update => row.new = returned,
            _ => {}
        }
    }
    if row.new == written {
        return Ok(());
    }
    rewrite(connection, schema, relation, row, &written)
}

/// Writes what triggers made of a row that has been written already.
fn rewrite(
    connection: &Connection,
    schema: &Schema,
    relation: &Relation,
    row: &noted::Row,
    written: &[Value],
) -> Result<()> {
    let is_changed = |at: &usize| relation.columns[*at].generated.is_none() && row.new[*at] != written[*at];
    let sets = (0..written.len()).filter(is_changed);
    let sets: Vec<String> =
        sets.map(|at| format!("{} = ?{}", quote::ident(&relation.columns[at].name), at + 1)).collect();
    if sets.is_empty() {
        return Ok(());
    }
    let width = written.len();
    let number = relation.row_number().unwrap_or("rowid");
    let table = quote::ident(&relation.name.physical());
    let sql = format!("UPDATE {table} SET {} WHERE {number} = ?{}", sets.join(", "), width + 1);
    let places: Vec<String> = (1..=width).chain(width + 2..=width * 2 + 1).map(|at| format!("?{at}")).collect();
    let binds: Vec<Bind> = (0..width * 2 + 1).map(Bind::Param).collect();
    let probe = Probe {
        relation: relation.name.clone(),
        command: Command::Update,
        sql: format!("SELECT {}", places.join(", ")),
        binds: binds.clone(),
        show_values: false,
    };
    let used = binds[..width + 1].to_vec();
    let step = Step { sql, binds: used, output: Output::Discard, probe: Some(probe), fires: None, counts: None };
    let program =
        Program { steps: vec![step], params: Vec::new(), columns: Vec::new(), writes: true, calls: false, locks: None };
    let mut values = row.new.clone();
    values.push(row.number.into());
    values.extend_from_slice(written);
    run::rows_of(connection, schema, &program, Params::Frame(&values), |_| Ok(()))?;
    // It is noted already as what it has become.
    session::with(|session| session.noted.take());
    Ok(())
}
