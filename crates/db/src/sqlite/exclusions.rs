//! Exclusion constraints: temporary triggers of the writer's connection judge each row once it is written, as PostgreSQL does.

use basalt_core::{Error, Result};
use basalt_sql::Catalog;
use basalt_sql::ddl::exclusion_triggers;
use rusqlite::Connection;
use serde::Deserialize;

use super::error::translate;

/// What the triggers raise.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct Conflict {
    /// The table, by its name in SQLite.
    #[serde(rename = "exclusion")]
    pub table: String,
    constraint: String,
    detail: String,
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
