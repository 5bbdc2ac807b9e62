//! The plan as PostgreSQL's SQL: one pass over the tree into one string, every value a parameter.
//!
//! No LATERAL, so that SQLite can run it: an embedded resource is a correlated scalar subquery, a to-one spread a left join.

mod call;
mod condition;
mod embed;
mod limited;
mod order;
mod output;
mod select;
mod values;
mod write;
mod writer;

pub(crate) use call::call;
pub(crate) use select::read;
pub(crate) use write::write;
