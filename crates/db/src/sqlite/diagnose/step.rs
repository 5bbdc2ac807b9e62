//! Why a step of a program failed.

use basalt_core::Error;
use basalt_sql::program::{Probe, Step};
use rusqlite::Connection;

use super::super::memory::Gathered;
use super::super::run::{Failure, Params, all, bind};
use super::super::schema::Schema;
use super::super::{error, session};
use super::{Violation, explain, forget_raised};

/// Says in PostgreSQL's words why a step failed.
pub(in crate::sqlite) fn step(
    connection: &Connection,
    schema: &Schema,
    step: &Step,
    params: Params<'_>,
    failure: rusqlite::Error,
) -> Error {
    let Some(probe) = &step.probe else { return error::translate(failure) };
    let violation = Violation::of(&failure).or_else(|| Violation::missing_key(probe));
    let Some(violation) = violation else { return error::translate(failure) };
    if connection.is_autocommit() {
        return error::translate(failure);
    }
    let advanced = session::with(|s| s.sequences.borrow_mut().as_mut().map(|sequences| sequences.rewind()));
    let rows = probe_rows(connection, probe, params);
    session::with(|session| {
        if let (Some(sequences), Some(advanced)) = (session.sequences.borrow_mut().as_mut(), advanced) {
            sequences.restore(advanced);
        }
    });
    let explained = explain(connection, schema, probe, &rows.unwrap_or_default(), violation);
    forget_raised();
    explained.unwrap_or_else(|| error::translate(failure))
}

/// The rows that a failed write would have stored.
fn probe_rows(connection: &Connection, probe: &Probe, params: Params<'_>) -> Result<Gathered, Failure> {
    let mut statement = connection.prepare(&probe.sql)?;
    bind(&mut statement, &probe.binds, params)?;
    let columns = statement.column_count();
    Ok(all(&mut statement.raw_query(), columns)?)
}
