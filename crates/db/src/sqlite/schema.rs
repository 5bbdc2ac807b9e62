//! The catalog as one version, with what follows from it, and the table that keeps it.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use arc_swap::{ArcSwap, Guard};
use basalt_core::{Error, Result};
use basalt_sql::catalog::Relation;
use basalt_sql::{Catalog, Name};
use rusqlite::{Connection, OptionalExtension};

use super::plpgsql::Functions;
use super::triggers::Firings;

/// The table that keeps the catalog: one row, one JSON document.
pub(super) const TABLE: &str =
    "CREATE TABLE IF NOT EXISTS basalt_catalog (id INTEGER PRIMARY KEY CHECK (id = 1), document TEXT NOT NULL)";

/// The schemas of Basalt's own tables. Their statements write out the constants that their partial indexes are for, and no request
/// reaches them otherwise: an index of theirs must not have every statement of the project compiled anew at each run.
const OWN: [&str; 3] = ["auth", "realtime", "basalt"];

/// One version of the catalog.
pub(crate) struct Schema {
    /// The catalog.
    pub catalog: Arc<Catalog>,
    /// Whether a parameter's value can decide which index serves: where a partial index is for rows that compare with a constant.
    pub plans_depend_on_values: bool,
    /// What triggers run.
    pub(super) firings: Firings,
    /// The functions in PL/pgSQL that were called.
    pub(super) functions: Functions,
    /// Tables that a deferred foreign key can reach.
    deferred: HashSet<Name>,
}

impl Schema {
    /// Takes a catalog.
    pub fn new(mut catalog: Catalog) -> Schema {
        catalog.derive_view_keys();
        let theirs = catalog.relations.values().filter(|relation| !OWN.contains(&relation.name.schema.as_str()));
        let indexes = theirs.flat_map(|relation| &relation.indexes);
        let mut predicates = indexes.filter_map(|index| index.predicate.as_deref());
        Schema {
            plans_depend_on_values: predicates.any(|predicate| predicate.contains(['=', '<', '>'])),
            firings: Firings::default(),
            functions: Functions::default(),
            deferred: deferred_tables(&catalog),
            catalog: Arc::new(catalog),
        }
    }

    /// The catalog's version.
    pub fn version(&self) -> u64 {
        self.catalog.version
    }

    /// Whether a write to the table may leave a deferred foreign key violated until its commit.
    pub fn has_deferred_keys(&self, table: &Name) -> bool {
        self.deferred.contains(table)
    }

    /// The tables of which [`Schema::has_deferred_keys`] holds.
    pub fn deferred(&self) -> impl Iterator<Item = &Arc<Relation>> {
        self.deferred.iter().filter_map(|name| self.catalog.relations.get(name))
    }
}

/// Every table that foreign keys connect with one that has a deferred key: cascades travel along them.
fn deferred_tables(catalog: &Catalog) -> HashSet<Name> {
    let mut found: HashSet<Name> = HashSet::new();
    for relation in catalog.relations.values() {
        if relation.constraints.iter().any(|constraint| constraint.initially_deferred) {
            found.insert(relation.name.clone());
        }
    }
    loop {
        let mut new = Vec::new();
        for relation in catalog.relations.values() {
            for (_, key) in relation.foreign_keys() {
                match (found.contains(&relation.name), found.contains(&key.target)) {
                    (true, false) => new.push(key.target.clone()),
                    (false, true) => new.push(relation.name.clone()),
                    _ => {}
                }
            }
        }
        if new.is_empty() {
            return found;
        }
        found.extend(new);
    }
}

/// Reads the catalog that the file keeps, if there is one.
///
/// Errors: XX001 when it can't be read.
pub(super) fn load(connection: &Connection) -> Result<Option<Catalog>> {
    let document: Option<String> = connection
        .query_row("SELECT document FROM basalt_catalog WHERE id = 1", [], |row| row.get(0))
        .optional()
        .map_err(super::error::translate)?;
    let Some(document) = document else { return Ok(None) };
    let catalog = serde_json::from_str(&document)
        .map_err(|e| Error::new("XX001", format!("the catalog in the database can't be read: {e}")))?;
    Ok(Some(catalog))
}

/// Writes the catalog into the open transaction.
pub(super) fn save(connection: &Connection, catalog: &Catalog) -> Result<()> {
    let document = serde_json::to_string(catalog).map_err(|e| Error::internal(e.to_string()))?;
    connection
        .execute("INSERT OR REPLACE INTO basalt_catalog (id, document) VALUES (1, ?1)", [document])
        .map_err(super::error::translate)?;
    Ok(())
}

/// The current schema, shared by all threads.
///
/// A migration's commit and the change of the catalog are two moments. The generation is odd between them, so that a reader can
/// tell whether its snapshot and its catalog belong together: it reads the generation, runs, and compares.
pub(super) struct Current {
    schema: ArcSwap<Schema>,
    generation: AtomicU64,
}

impl Current {
    /// Starts with a schema.
    pub fn new(schema: Schema) -> Current {
        Current { schema: ArcSwap::from_pointee(schema), generation: AtomicU64::new(0) }
    }

    /// The schema as it is now.
    pub fn load(&self) -> Arc<Schema> {
        self.schema.load_full()
    }

    /// The schema as it is now, for a look: nothing is counted, so it must not be kept.
    pub fn peek(&self) -> Guard<Arc<Schema>> {
        self.schema.load()
    }

    /// The schema and the generation to compare after a snapshot was taken. Waits while a migration commits.
    pub fn steady(&self) -> (Arc<Schema>, u64) {
        loop {
            let generation = self.generation.load(Ordering::SeqCst);
            if generation.is_multiple_of(2) {
                return (self.load(), generation);
            }
            std::thread::sleep(Duration::from_micros(200));
        }
    }

    /// Whether the catalog was the same all the time since [`Current::steady`] gave `generation`.
    pub fn is_still(&self, generation: u64) -> bool {
        self.generation.load(Ordering::SeqCst) == generation
    }

    /// Commits a migration by `commit`, then shows its schema to everyone.
    pub fn change(&self, schema: Schema, commit: impl FnOnce() -> Result<()>) -> Result<()> {
        self.generation.fetch_add(1, Ordering::SeqCst);
        let result = commit();
        if result.is_ok() {
            self.schema.store(Arc::new(schema));
        }
        self.generation.fetch_add(1, Ordering::SeqCst);
        result
    }
}
