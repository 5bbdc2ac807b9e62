//! Triggers of the project's own: their functions run here, row by row, as PostgreSQL would run them.
//!
//! An AFTER trigger's rows are noted while SQLite writes them, by temporary triggers of the writer's connection (those of foreign
//! keys' actions too), and fire when the statement has ended ([`after`]). A BEFORE trigger's are at hand before they are written
//! ([`before`]): the compiler has them computed first where a table has such triggers.

mod after;
mod before;
mod noted;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use basalt_core::{Operation, Result};
use basalt_sql::Name;
use basalt_sql::catalog::Relation;
use basalt_sql::compile::body::Who;
use basalt_sql::compile::trigger::Firing;

use basalt_sql::plpgsql::ast::RowName;
use basalt_types::Value;
use rusqlite::Connection;

use super::plpgsql::Body;
use super::schema::Schema;
pub(super) use after::fire;
pub(super) use before::propose;
pub(super) use noted::{Noted, install, register};

/// The functions of a schema's triggers as they run, with their compiled pieces.
#[derive(Default)]
pub(super) struct Firings(Mutex<HashMap<Key, Arc<Firing>>>);

#[derive(PartialEq, Eq, Hash)]
struct Key {
    relation: Name,
    trigger: String,
    operation: Operation,
    who: Who,
}

impl Firings {
    fn get(
        &self,
        schema: &Schema,
        relation: &Arc<Relation>,
        at: usize,
        operation: Operation,
        who: &Who,
    ) -> Result<Arc<Firing>> {
        let trigger = &relation.triggers[at];
        let key = Key { relation: relation.name.clone(), trigger: trigger.name.clone(), operation, who: who.clone() };
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(firing) = known.get(&key) {
            return Ok(firing.clone());
        }
        let firing = Arc::new(Firing::new(&schema.catalog, relation, trigger, operation, who)?);
        known.insert(key, firing.clone());
        Ok(firing)
    }
}

/// What an operation on a table's rows runs, in the order of the triggers' names.
fn firings(
    schema: &Schema,
    relation: &Arc<Relation>,
    (before, operation): (bool, Operation),
    who: &Who,
) -> Result<Vec<Arc<Firing>>> {
    let running = relation.triggers.iter().enumerate().filter(|(_, trigger)| trigger.runs(before, operation));
    running.map(|(at, _)| schema.firings.get(schema, relation, at, operation, who)).collect()
}

/// Runs a trigger's function for a row, as it is to be or has become, and as it was; either may be empty. What it returns, if its condition
/// holds.
fn fire_row(
    connection: &Connection,
    schema: &Schema,
    firing: &Firing,
    new: Vec<Value>,
    old: Vec<Value>,
) -> Result<Option<Option<Vec<Value>>>> {
    let (has_new, has_old) = (!new.is_empty(), !old.is_empty());
    Body::of_trigger(connection, schema, firing, (new, old)).fire(|row| match row {
        RowName::New => has_new,
        RowName::Old => has_old,
    })
}
