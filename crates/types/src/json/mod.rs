//! `json` and `jsonb`: text in and out, order, operators and functions.
//!
//! `json` is stored as it was given, `jsonb` in PostgreSQL's normal form, so reading a member is a walk through the text.

mod access;
mod build;
mod compare;
mod edit;
mod escape;
mod function;
mod parse;
pub(crate) mod raw;
#[cfg(test)]
mod tests;
mod write;

pub use compare::compare;
pub(crate) use escape::unescape;
pub use escape::{check_escapes, write_string};
pub(crate) use function::{AGGREGATES, FUNCTIONS, OPERATORS, SET_FUNCTIONS};
pub use parse::check;
pub(crate) use parse::{Json, key_order, parse_json, parse_jsonb, validate};
pub use write::{made_jsonb, normalize, strip_nulls};
