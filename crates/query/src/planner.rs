//! The planner: built once per catalog, asked once per request.

use std::sync::Arc;

use basalt_core::nearest;
use basalt_sql::catalog::Relation;
use basalt_sql::{Catalog, Name};

use crate::ask::{Call, Level, Write};
use crate::plan::{Aliases, Builder, Source};
use crate::relationship::Relationships;
use crate::render;
use crate::{CallStatement, PlanError, Settings, Statement};

/// Turns what is asked into statements over one version of the catalog.
pub struct Planner {
    catalog: Arc<Catalog>,
    settings: Settings,
    relationships: Relationships,
}

/// Schemas with more relations get no suggestions: comparing all of them takes too long.
const MOST_COMPARED: usize = 500;

/// The least similarity of a suggested relation.
const SIMILAR: f64 = 0.75;

impl Planner {
    /// A planner over `catalog`: finds the relationships once.
    pub fn new(catalog: Arc<Catalog>, settings: Settings) -> Planner {
        let relationships = Relationships::new(&catalog, &settings);
        Planner { catalog, settings, relationships }
    }

    /// The catalog it plans over.
    pub fn catalog(&self) -> &Arc<Catalog> {
        &self.catalog
    }

    /// The API's choices.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// How the catalog's relations are joined.
    pub fn relationships(&self) -> &Relationships {
        &self.relationships
    }

    /// The relation of that name.
    ///
    /// Errors: [`PlanError::UnknownRelation`].
    pub fn relation(&self, name: &Name) -> Result<&Arc<Relation>, PlanError> {
        self.catalog.relations.get(name).ok_or_else(|| {
            let known: Vec<_> = self.catalog.relations.keys().filter(|known| known.schema == name.schema).collect();
            let compared = if known.len() < MOST_COMPARED { known } else { Vec::new() };
            let near = nearest(&name.name, compared.into_iter().map(|known| known.name.as_str()), SIMILAR);
            PlanError::UnknownRelation {
                schema: name.schema.clone(),
                name: name.name.clone(),
                suggestion: near.map(str::to_owned),
            }
        })
    }

    /// A read of a relation. With `count`, also the statement that counts its rows.
    pub fn prepare_read(&self, relation: &Name, level: &Level, count: bool) -> Result<Statement, PlanError> {
        let relation = self.relation(relation)?;
        let alias = relation.name.name.as_str();
        let mut builder =
            Builder { planner: self, schema: &relation.name.schema, aliases: Aliases::new(alias), capped: true };
        let root = builder.root(Source::Relation(relation), alias, level)?;
        Ok(render::read(self, &root, builder.aliases, count))
    }

    /// A write. Its result has one row per row written, whatever is given back.
    pub fn prepare_write(&self, write: &Write) -> Result<Statement, PlanError> {
        render::write(self, write)
    }

    /// A function call. With `count`, also the number of rows that it returns.
    pub fn prepare_call(&self, call: &Call, count: bool) -> Result<CallStatement, PlanError> {
        render::call(self, call, count)
    }
}
