//! Statements on the embedded engine and on PostgreSQL: the rows, as JSON text, and the errors have to be the same.
//!
//! Hand-written cases by subject are in `cases`, generated ones come from fixed seeds. What Basalt refuses is in
//! `refused.txt`, each with its reason.

mod corpus;
mod exclusions;
mod expressions;
mod literals;
mod pair;
mod projects;
mod queries;
mod settings;
