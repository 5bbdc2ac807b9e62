//! Closed unless opened: what is not served to `anon` and `authenticated` because nobody has said who may see which rows.
//!
//! That is a table on which row security is off and the like ([`unprotected`]), views over it, and functions that read or write it with
//! their caller's rights, whether they are called by name or used as computed fields and relationships.

use std::collections::HashMap;
use std::sync::Arc;

use basalt_query::{CallStatement, Statement};
use basalt_sql::catalog::{Privilege, Relation, Routine};
use basalt_sql::unprotected::{self, Closed};
use basalt_sql::{Catalog, Name, Reach};

use crate::door::{Exchange, Options};
use crate::error::{RestError, RestResult};

/// What is closed in one version of the catalog.
#[derive(Default)]
pub(crate) struct Exposure {
    /// Tables and views, each with what closes it: itself, or what it shows.
    relations: HashMap<Name, Closed>,
    routines: Vec<(Arc<Routine>, Reached)>,
}

/// What closes a function.
enum Reached {
    /// It reads or writes a relation that is closed.
    Relation(Closed),
    /// It runs SQL that nobody has read: it is closed to those who may use a relation that is.
    Anything,
}

impl Exposure {
    pub(crate) fn new(catalog: &Catalog, options: &Options) -> Exposure {
        let (planning, unprotected) = (&options.planning, &options.unprotected);
        let closes = |relation: &Arc<Relation>| {
            let is_exposed = planning.schemas.contains(&relation.name.schema);
            let table = is_exposed.then(|| unprotected.closes(relation)).flatten();
            Some((relation.name.clone(), table.or_else(|| unprotected.closes_view(catalog, relation))?))
        };
        let closed: HashMap<Name, Closed> = catalog.relations.values().filter_map(closes).collect();
        // Most schemas have nothing closed; then there is nothing to parse.
        if closed.is_empty() {
            return Exposure::default();
        }
        let path = |schema: &String| -> Vec<String> {
            std::iter::once(schema).chain(&planning.extra_search_path).cloned().collect()
        };
        let found = |reach: &Reach| reach.relations.iter().find_map(|name| closed.get(name)).cloned();
        let relations = catalog.relations.keys().filter(|name| !unprotected.holds(name)).filter_map(|name| {
            let itself = closed.get(name).cloned();
            Some((name.clone(), itself.or_else(|| found(&Reach::of_relation(catalog, name, &path(&name.schema))))?))
        });
        let routines = catalog.functions.values().flatten().filter_map(|routine| {
            // A function of rows is called along the path of the rows' schema.
            let row = routine.inputs().next().and_then(|param| param.relation.as_ref());
            let schema = row.map_or(&routine.name.schema, |relation| &relation.schema);
            let reach = Reach::of_routine(catalog, routine, &path(schema));
            let reached = found(&reach).map(Reached::Relation);
            Some((routine.clone(), reached.or_else(|| reach.anything.then_some(Reached::Anything))?))
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
            let computed = || statement.computed.iter().find_map(|(of, name)| self.function_of(exchange, of, name));
            embedded.or_else(computed)
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
            known.and_then(|(_, reached)| self.reached(exchange, reached))
        })
    }

    fn function_of(&self, exchange: &Exchange<'_>, relation: &Name, name: &str) -> Option<&Closed> {
        let of_row = |routine: &Routine| routine.inputs().next().is_some_and(|p| p.relation.as_ref() == Some(relation));
        let known = self.routines.iter().find(|(routine, _)| routine.name.name == name && of_row(routine));
        known.and_then(|(_, reached)| self.reached(exchange, reached))
    }

    fn reached<'a>(&'a self, exchange: &Exchange<'_>, reached: &'a Reached) -> Option<&'a Closed> {
        let (catalog, role) = (exchange.current.planner.catalog(), &*exchange.incoming.identity.role);
        match reached {
            Reached::Relation(closed) => Some(closed),
            Reached::Anything => self
                .relations
                .values()
                .filter(|closed| is_usable(catalog, role, &closed.name))
                .min_by_key(|closed| &closed.name),
        }
    }

    fn refuse<'a>(&self, exchange: &Exchange<'_>, closed: impl FnOnce() -> Option<&'a Closed>) -> RestResult<()> {
        let incoming = &exchange.incoming;
        let from_outside = incoming.anonymous || unprotected::is_outside(&incoming.identity.role);
        if self.relations.is_empty() || !from_outside {
            return Ok(());
        }
        let Some(closed) = closed() else { return Ok(()) };
        Err(RestError::new(403, "42501", format!("permission denied for table {}", closed.name.name))
            .details(closed.detail())
            .hint(closed.hint()))
    }
}

/// Whether a role has a privilege on a relation or any column of it.
fn is_usable(catalog: &Catalog, role: &str, name: &Name) -> bool {
    let Some(relation) = catalog.relations.get(name) else { return false };
    [Privilege::Select, Privilege::Insert, Privilege::Update, Privilege::Delete]
        .into_iter()
        .any(|privilege| catalog.allows_any(role, relation, privilege))
}
