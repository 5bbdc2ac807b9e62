//! Whether a trigger could run, as far as that can be told when it is made.

use std::sync::Arc;

use basalt_core::{Error, Result};

use super::{Firing, Piece, Who, routine};
use crate::Catalog;
use crate::catalog::{Relation, Trigger};

/// Compiles everything that a trigger would run. A body may name what later migrations make, as PostgreSQL leaves open too.
///
/// Errors: 0A000 for what the embedded engine lacks, and PostgreSQL's own for what could not run whatever comes. The message of one
/// in the function's body says in which line of it.
pub fn check(catalog: &Catalog, relation: &Arc<Relation>, trigger: &Trigger) -> Result<()> {
    let owner = &relation.owner;
    let search_path = vec!["public".to_owned(), "extensions".to_owned()];
    let who = Who { caller: owner.clone(), user: owner.clone(), search_path };
    for operation in trigger.run.iter().flat_map(|run| &run.operations) {
        let firing = match Firing::new(catalog, relation, trigger, *operation, &who) {
            Err(error) if may_come(&error) => continue,
            firing => firing?,
        };
        firing.condition(catalog)?;
        for Piece { sql, .. } in &firing.pieces {
            match firing.program(catalog, sql) {
                Err(error) if !may_come(&error) => {
                    let body = &routine(catalog, &trigger.function)?.body;
                    return Err(placed(error, &trigger.function.name, body, sql.at));
                }
                _ => {}
            }
        }
    }
    Ok(())
}

/// Whether the error is that something is not there yet or may not be read yet, or is of a value, which may never be reached.
fn may_come(error: &Error) -> bool {
    matches!(error.code(), "42P01" | "42703" | "3F000" | "42704" | "42501") || error.code().starts_with("22")
}

/// An error with the function's line in its message.
fn placed(error: Error, function: &str, body: &str, at: usize) -> Error {
    let line = body[..body.floor_char_boundary(at)].matches('\n').count() + 1;
    let message = format!("{} (line {line} of the body of {function})", error.message());
    let mut placed = Error::new(error.code().to_owned(), message);
    if let Some(detail) = error.detail() {
        placed = placed.with_detail(detail.to_owned());
    }
    if let Some(hint) = error.hint() {
        placed = placed.with_hint(hint.to_owned());
    }
    placed
}
