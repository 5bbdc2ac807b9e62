//! PostgreSQL's SQL as a language: parse, check, translate to SQLite; the table and policy model.
//!
//! - [`catalog`]: what a database contains: relations, types, functions, policies, privileges.
//! - [`telling`]: trigger functions in PL/pgSQL that only tell their row to channels.
//! - [`script`]: a file of SQL cut into statements, psql lines and `copy` blocks included.
//! - [`ddl`]: a definition statement becomes a changed catalog and the SQLite statements that follow it.
//! - [`plpgsql`]: bodies of trigger functions, read.
//! - [`lint`]: what is worth a second look in a schema.
//! - [`unprotected`]: which tables are closed because nobody has said who may see which rows.
//! - [`Reach`]: what a relation or a function reaches as its caller.
//! - [`compile`]: a query or write, and who runs it, become a [`Program`] for SQLite, privileges and row policies included.
//! - [`program`]: the form of that result, and the functions that it expects of the engine.
//!
//! Nothing here does I/O. A PostgreSQL engine needs only [`catalog`] and [`script`].

pub mod catalog;
pub mod compile;
pub mod ddl;
pub mod lint;
mod operators;
pub mod plpgsql;
pub mod program;
pub mod quote;
mod reach;
mod rows;
pub mod script;
mod strings;
pub mod telling;
pub mod unprotected;
mod unread;
mod unrun;
mod visit;

/// Where owners' SQL (migrations, policies, seeds) looks up unqualified names.
pub const DEFAULT_PATH: [&str; 2] = ["public", "extensions"];

/// Where names are looked up in what a schema defines (policies, views, defaults, functions without a path of their own): there first.
pub fn definition_path(schema: &str) -> Vec<String> {
    let others = DEFAULT_PATH.into_iter().filter(|other| *other != schema);
    std::iter::once(schema).chain(others).map(str::to_owned).collect()
}

pub use catalog::{Catalog, Name};
pub use program::Program;
pub use reach::Reach;
pub use rows::over_rows;
pub use unrun::refused_in_function;
