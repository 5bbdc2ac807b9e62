//! Closed unless opened: what is not served to `anon` and `authenticated` because it reaches a table on which row security is off.
//!
//! That is the table itself, views over it, and functions that read or write it with their caller's rights, whether they are called
//! by name or used as computed fields and relationships.

use std::collections::HashMap;
use std::sync::Arc;

use basalt_query::{CallStatement, Statement};
use basalt_sql::catalog::Routine;
use basalt_sql::{Catalog, Name, tables_of_relation, tables_of_routine, unprotected};

use crate::door::{Exchange, Options};
use crate::error::{RestError, RestResult};

/// What is closed in one version of the catalog, each with the table that closes it.
#[derive(Default)]
pub(crate) struct Exposure {
    relations: HashMap<Name, Name>,
    routines: Vec<(Arc<Routine>, Name)>,
}

impl Exposure {
    pub(crate) fn new(catalog: &Catalog, options: &Options) -> Exposure {
        let planning = &options.planning;
        let is_closed = |name: &Name| {
            planning.schemas.contains(&name.schema)
                && catalog.relations.get(name).is_some_and(|relation| options.unprotected.closes(relation))
        };
        // Most schemas have nothing closed; then there is nothing to parse.
        if !catalog.relations.keys().any(is_closed) {
            return Exposure::default();
        }
        let path = |schema: &String| -> Vec<String> {
            std::iter::once(schema).chain(&planning.extra_search_path).cloned().collect()
        };
        let relations = catalog.relations.keys().filter_map(|name| {
            let tables = tables_of_relation(catalog, name, &path(&name.schema));
            Some((name.clone(), tables.into_iter().find(is_closed)?))
        });
        let routines = catalog.functions.values().flatten().filter_map(|routine| {
            // A function of rows is called along the path of the rows' schema.
            let row = routine.inputs().next().and_then(|param| param.relation.as_ref());
            let schema = row.map_or(&routine.name.schema, |relation| &relation.schema);
            let tables = tables_of_routine(catalog, routine, &path(schema));
            Some((routine.clone(), tables.into_iter().find(is_closed)?))
        });
        Exposure { relations: relations.collect(), routines: routines.collect() }
    }

    /// Refuses a relation that is closed to the caller.
    pub(crate) fn judge_relation(&self, exchange: &Exchange<'_>, relation: &Name) -> RestResult<()> {
        self.refuse(exchange, || self.relations.get(relation))
    }

    /// The same for the embedded resources and the computed fields of a statement.
    pub(crate) fn judge_statement(&self, exchange: &Exchange<'_>, statement: &Statement) -> RestResult<()> {
        self.refuse(exchange, || {
            let embedded = statement.embedded.iter().find_map(|name| self.relations.get(name));
            embedded.or_else(|| statement.computed.iter().find_map(|(relation, name)| self.function_of(relation, name)))
        })
    }

    /// The same for a call: the function, and the statement around it.
    pub(crate) fn judge_call(&self, exchange: &Exchange<'_>, call: &CallStatement) -> RestResult<()> {
        self.judge_routine(exchange, &call.routine)?;
        self.judge_statement(exchange, &call.statement)
    }

    /// Refuses a function that is closed to the caller.
    pub(crate) fn judge_routine(&self, exchange: &Exchange<'_>, routine: &Arc<Routine>) -> RestResult<()> {
        self.refuse(exchange, || {
            let known = self.routines.iter().find(|(known, _)| Arc::ptr_eq(known, routine));
            known.map(|(_, table)| table)
        })
    }

    fn function_of(&self, relation: &Name, name: &str) -> Option<&Name> {
        let of_row = |routine: &Routine| routine.inputs().next().is_some_and(|p| p.relation.as_ref() == Some(relation));
        let known = self.routines.iter().find(|(routine, _)| routine.name.name == name && of_row(routine));
        known.map(|(_, table)| table)
    }

    fn refuse<'a>(&self, exchange: &Exchange<'_>, closed: impl FnOnce() -> Option<&'a Name>) -> RestResult<()> {
        let incoming = &exchange.incoming;
        let from_outside = incoming.anonymous || unprotected::is_outside(&incoming.identity.role);
        if self.relations.is_empty() || !from_outside {
            return Ok(());
        }
        let Some(table) = closed() else { return Ok(()) };
        let (details, hint) = unprotected::closed(table);
        Err(RestError::new(403, "42501", format!("permission denied for table {}", table.name))
            .details(details)
            .hint(hint))
    }
}
