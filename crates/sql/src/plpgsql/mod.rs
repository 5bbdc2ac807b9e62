//! PL/pgSQL, as far as the embedded engine speaks it (PostgreSQL manual, chapter 43).
//!
//! [`parse`] reads a function's body into [`ast`]; the SQL within stays text, which `compile::body` compiles where it runs.
//! What is not understood is refused with its place.

mod assign;
pub mod ast;
mod block;
pub mod conditions;
mod declare;
mod flow;
mod into;
mod parse;
mod raise;
mod settings;
mod statements;
pub(crate) mod tokens;
mod walk;

#[cfg(test)]
mod tests;

pub use block::{Anonymous, anonymous};
pub use parse::{Kind, parse};
