//! Exclusion constraints: temporary triggers of the writer's connection judge each row once it is written, as PostgreSQL does.

use basalt_core::{Error, Result};
use basalt_sql::Catalog;
use basalt_sql::ddl::exclusion_triggers;
use basalt_sql::program::Step;
use rusqlite::Connection;
use rusqlite::functions::FunctionFlags;
use serde::Deserialize;

use super::error::translate;
use super::session;

/// What the triggers raise.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct Conflict {
    /// The table, by its name in SQLite.
    #[serde(rename = "exclusion")]
    pub table: String,
    constraint: String,
    detail: String,
}

/// Registers what the triggers ask: `basalt_passes_over(constraint)`.
pub(super) fn register(connection: &Connection) -> rusqlite::Result<()> {
    connection.create_scalar_function("basalt_passes_over", 1, FunctionFlags::SQLITE_UTF8, |call| {
        let constraint: String = call.get(0)?;
        Ok(session::with(|session| session.passed_over.borrow().contains(&constraint)))
    })
}

/// Runs a step, which passes over the rows that it says.
pub(super) fn passing_over<T>(step: &Step, run: impl FnOnce() -> T) -> T {
    let passed_over = step.probe.as_ref().map(|probe| &probe.passed_over).filter(|names| !names.is_empty());
    let Some(passed_over) = passed_over else { return run() };
    session::with(|session| session.passed_over.replace(passed_over.clone()));
    let done = run();
    session::with(|session| session.passed_over.take());
    done
}

/// Makes the triggers of all exclusion constraints.
pub(super) fn install(connection: &Connection, catalog: &Catalog) -> Result<()> {
    for relation in catalog.relations.values() {
        for trigger in exclusion_triggers(catalog, relation)? {
            connection.execute_batch(&trigger).map_err(translate)?;
        }
    }
    Ok(())
}

impl Conflict {
    /// Reads what a trigger raised.
    pub fn of(message: &str) -> Option<Conflict> {
        serde_json::from_str(message).ok()
    }

    /// 23P01, with the keys of both rows for whoever may see them.
    pub fn error(&self, show_values: bool) -> Error {
        let message = format!("conflicting key value violates exclusion constraint \"{}\"", self.constraint);
        let detail = if show_values { self.detail.clone() } else { "Key conflicts with existing key.".to_owned() };
        Error::new("23P01", message).with_constraint(self.constraint.as_str()).with_detail(detail)
    }
}
