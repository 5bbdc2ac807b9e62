//! What a body runs in: a schema that stays as it is, or a script that may change it.

use std::sync::Arc;

use basalt_core::Result;
use basalt_sql::{Catalog, refused_in_function};

use super::super::schema::Schema;

/// A script that runs a block.
pub(crate) trait Defining {
    /// The schema as it is now.
    fn schema(&self) -> Result<Arc<Schema>>;
    /// Runs a definition.
    fn define(&self, sql: &str) -> Result<()>;
    /// The catalog, to come back to.
    fn catalog(&self) -> Catalog;
    /// Takes a catalog again, when SQLite has undone what came after it.
    fn restore(&self, catalog: Catalog) -> Result<()>;
}

/// What a body runs in.
pub(in crate::sqlite) enum Host<'b> {
    Schema(&'b Schema),
    Script(&'b dyn Defining),
}

impl Host<'_> {
    /// Calls `f` with the schema.
    pub fn with<T>(&self, f: impl FnOnce(&Schema) -> Result<T>) -> Result<T> {
        match self {
            Host::Schema(schema) => f(schema),
            Host::Script(script) => f(&*script.schema()?),
        }
    }

    /// Runs a definition. 0A000 where there is no script.
    pub fn define(&self, sql: &str) -> Result<()> {
        match self {
            Host::Script(script) => script.define(sql),
            Host::Schema(_) => Err(refused_in_function(sql)),
        }
    }

    /// What to come back to when a block fails.
    pub fn mark(&self) -> Option<Catalog> {
        match self {
            Host::Schema(_) => None,
            Host::Script(script) => Some(script.catalog()),
        }
    }

    /// Comes back to it; tells whether anything may be otherwise now.
    pub fn undo(&self, mark: Option<Catalog>) -> Result<bool> {
        match (self, mark) {
            (Host::Script(script), Some(catalog)) => script.restore(catalog).map(|()| true),
            _ => Ok(false),
        }
    }
}
