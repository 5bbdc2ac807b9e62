//! The planner: built once per catalog, asked once per request.

use std::sync::Arc;

use basalt_sql::catalog::Relation;
use basalt_sql::{Catalog, Name};

use crate::ask;
use crate::{CallStatement, PlanError, Settings, Statement};

/// Turns what is asked into statements over one version of the catalog.
pub struct Planner {
    catalog: Arc<Catalog>,
    settings: Settings,
}

impl Planner {
    /// A planner over `catalog`: finds the relationships once.
    pub fn new(catalog: Arc<Catalog>, settings: Settings) -> Planner {
        Planner { catalog, settings }
    }

    /// The catalog it plans over.
    pub fn catalog(&self) -> &Arc<Catalog> {
        &self.catalog
    }

    /// The API's choices.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The relation of that name, or [`PlanError::UnknownRelation`].
    pub fn relation(&self, name: &Name) -> Result<&Arc<Relation>, PlanError> {
        self.catalog.relations.get(name).ok_or_else(|| todo!())
    }

    /// A read of a relation. With `count`, also the statement that counts its rows.
    pub fn prepare_read(&self, _relation: &Name, _level: &ask::Level, _count: bool) -> Result<Statement, PlanError> {
        todo!()
    }

    /// A write. Its result has one row per row written, whatever is given back.
    pub fn prepare_write(&self, _write: &ask::Write) -> Result<Statement, PlanError> {
        todo!()
    }

    /// A function call. With `count`, also the number of rows that it returns.
    pub fn prepare_call(&self, _call: &ask::Call, _count: bool) -> Result<CallStatement, PlanError> {
        todo!()
    }
}
