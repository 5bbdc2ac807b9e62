//! The heart: what is asked, in no dialect, and how it becomes one SQL statement.
//!
//! - [`ask`]: what a front door understood: names unresolved, nothing judged.
//! - [`relationship`]: how relations are joined, read off the catalog.
//! - `plan`: names resolved against the catalog, everything refused that can be refused.
//! - `render`: the plan as PostgreSQL's SQL with bound parameters.
//!
//! A front door keeps one [`Planner`] per catalog, calls its `prepare_read`, `prepare_write` or `prepare_call` and hands the
//! statement to the database. Nothing here does I/O.

pub mod ask;
mod body;
mod error;
mod literal;
mod plan;
mod planner;
pub mod relationship;
mod render;
mod resolve;
mod routine;
mod statement;

pub use body::Place;
pub use error::{FunctionSuggestion, PlanError, RelationshipCandidate, Suggestion, UnnamedParameter};
pub use planner::Planner;
pub use statement::{CallStatement, Hidden, ResultShape, Settings, Statement};

#[cfg(test)]
mod tests;
