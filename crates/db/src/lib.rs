//! The engines behind one [`Database`]: run a statement as an identity, keep the catalog, apply migrations.
//!
//! A caller writes PostgreSQL's SQL with parameters in text form; the engine runs it with the rights of the caller's
//! [`Identity`], and gives the rows back already in the form that the caller asked for.

mod database;
pub mod migrate;
pub mod sqlite;

pub use database::{Answer, Database, Format, Options, Request, RowCheck, TransactionEnd};
