//! Publications (PostgreSQL manual, `create publication`): of which tables, rows and columns the changes are told.

use std::collections::{BTreeMap, BTreeSet};

use basalt_core::Operation;
use serde::{Deserialize, Serialize};

use super::{Catalog, Name};

/// A set of tables whose changes are published.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Publication {
    /// `for all tables`.
    pub all_tables: bool,
    /// `for tables in schema`.
    pub schemas: BTreeSet<String>,
    /// `for table`.
    pub tables: BTreeSet<Name>,
    /// What of a named table is published, if not all of it. PostgreSQL alone has such parts.
    #[serde(skip)]
    pub parts: BTreeMap<Name, Part>,
    /// What is published of them.
    pub operations: BTreeSet<Operation>,
}

/// Part of a table.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Part {
    /// The columns. `None`: all.
    pub columns: Option<BTreeSet<String>>,
    /// The condition of its rows, in PostgreSQL's SQL over the table's columns. `None`: all.
    pub rows: Option<String>,
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
            parts: BTreeMap::new(),
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

    /// What of a table that belongs to it is published, if not all of it.
    pub fn part(&self, table: &Name) -> Option<&Part> {
        let whole = self.all_tables || self.schemas.contains(&table.schema);
        self.parts.get(table).filter(|_| !whole)
    }
}

impl Part {
    /// Whether a column belongs to it.
    pub fn has(&self, column: &str) -> bool {
        self.columns.as_ref().is_none_or(|columns| columns.contains(column))
    }
}

impl Catalog {
    /// What is written down of the table's changes: what `supabase_realtime` and Basalt's own publications publish of it, and what its triggers tell.
    pub fn watched(&self, table: &Name) -> BTreeSet<Operation> {
        let published = self.watching(table).flat_map(|publication| publication.operations.iter());
        let triggers = self.relations.get(table).into_iter().flat_map(|relation| &relation.triggers);
        let tell = triggers.filter(|trigger| !trigger.disabled);
        published.chain(tell.flat_map(|trigger| &trigger.after)).copied().collect()
    }

    /// The condition of the rows that are watched, in PostgreSQL's SQL. `None`: all are.
    pub fn watched_rows(&self, table: &Name) -> Option<String> {
        let conditions: Option<Vec<&str>> =
            self.watching(table).map(|publication| publication.part(table)?.rows.as_deref()).collect();
        conditions.filter(|all| !all.is_empty()).map(|all| all.join(" or "))
    }

    /// The publications by which a table is watched.
    fn watching<'c>(&'c self, table: &Name) -> impl Iterator<Item = &'c Publication> {
        let counts = |name: &str| name == REALTIME || name.starts_with(SERVICE_PUBLICATION);
        let all = self.publications.iter().filter(move |(name, _)| counts(name));
        all.map(|(_, publication)| publication).filter(|publication| publication.has(table))
    }
}
