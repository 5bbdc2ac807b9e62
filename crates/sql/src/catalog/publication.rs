//! Publications: which tables' changes are written down.

use std::collections::{BTreeMap, BTreeSet};

use basalt_core::Operation;
use serde::{Deserialize, Serialize};

use super::Name;

/// A set of tables whose changes are published (PostgreSQL manual, `create publication`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Publication {
    /// `for all tables`.
    pub all_tables: bool,
    /// `for tables in schema`.
    pub schemas: BTreeSet<String>,
    /// `for table`.
    pub tables: BTreeSet<Name>,
    /// What is published of them.
    pub operations: BTreeSet<Operation>,
}

/// The publication that realtime clients subscribe to.
pub const REALTIME: &str = "supabase_realtime";
/// What the names of the publications begin with by which Basalt's own services watch tables.
pub const SERVICE_PUBLICATION: &str = "basalt_";

/// What every database has: one that a project adds its tables to.
pub(crate) fn publications() -> BTreeMap<String, Publication> {
    BTreeMap::from([(REALTIME.to_owned(), Publication::default())])
}

impl Default for Publication {
    /// Of no table, everything.
    fn default() -> Self {
        Publication {
            all_tables: false,
            schemas: BTreeSet::new(),
            tables: BTreeSet::new(),
            operations: Operation::ALL.into(),
        }
    }
}

impl Publication {
    /// Whether a table belongs to it. Tables of Basalt's own schema never do.
    pub fn has(&self, table: &Name) -> bool {
        let named = self.all_tables || self.schemas.contains(&table.schema) || self.tables.contains(table);
        named && !matches!(table.schema.as_str(), "basalt" | "supabase_migrations")
    }
}
