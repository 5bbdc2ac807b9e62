//! The engines behind one [`Database`]: run a statement as an identity, keep the catalog, apply migrations.
//!
//! A caller writes PostgreSQL's SQL with parameters in text form; the engine runs it with the rights of the caller's
//! [`Identity`], and gives the rows back already in the form that the caller asked for.

pub mod changes;
mod copy;
mod database;
mod lock;
pub mod migrate;
pub mod postgres;
mod request;
pub mod sqlite;
mod transaction;

pub use changes::Changes;
pub use copy::Copied;
pub use database::{Database, Options};
pub use postgres::{LARGEST_NOTIFICATION, Loads, NotifyLine, PoolState, PostgresOptions};
pub use request::{Answer, BodyBy, Count, CountKind, Explain, Format, Isolation, Request, RowCheck, TransactionEnd};
pub use transaction::Transaction;
