//! Triggers of the project's own: their functions run here, row by row, as PostgreSQL would run them.
//!
//! An AFTER trigger's rows are noted while SQLite writes them, by temporary triggers of the writer's connection (those of foreign
//! keys' actions too), and fire when the statement has ended ([`after`]). A BEFORE trigger's are at hand before they are written
//! ([`before`]): the compiler has them computed first where a table has such triggers.

mod after;
mod before;
mod body;
mod noted;
mod raise;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use basalt_core::{Error, Operation, Result};
use basalt_sql::Name;
use basalt_sql::catalog::Relation;
use basalt_sql::compile::trigger::{Firing, Who};

use super::schema::Schema;
use super::session;
pub(super) use after::fire;
pub(super) use before::propose;
pub(super) use noted::{Noted, install, register};

/// Triggers that fire each other: more are a recursion that does not end.
const MAX_NESTING: usize = 64;

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

/// Runs what triggers run: other statements, whose captured rows and noted ones are their own.
///
/// Errors: 54001 when triggers fire each other without end; 57014 when the statement has run too long.
fn within<T>(f: impl FnOnce() -> Result<T>) -> Result<T> {
    let (slots, noted) = session::with(|session| {
        if session.nesting.get() >= MAX_NESTING {
            return Err(
                Error::new("54001", "stack depth limit exceeded").with_hint("Triggers fire each other without end.")
            );
        }
        session.nesting.set(session.nesting.get() + 1);
        Ok((session.slots.take(), session.noted.take()))
    })?;
    let result = f();
    session::with(|session| {
        session.nesting.set(session.nesting.get() - 1);
        session.slots.replace(slots);
        session.noted.replace(noted);
    });
    result
}
