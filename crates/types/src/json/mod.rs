//! `json` and `jsonb`: text in and out, order, operators and functions.
//!
//! `json` is stored as it was given, `jsonb` in PostgreSQL's normal form, so reading a member is a walk through the text.

mod compare;
mod escape;
mod parse;
pub(crate) mod raw;
mod write;

pub use compare::compare;
pub(crate) use escape::unescape;
pub use escape::write_string;
pub(crate) use parse::{Json, parse_json, parse_jsonb, validate};
pub use write::{normalize, strip_nulls};

use crate::*;
pub(crate) const FUNCTIONS: &[Function] = &[];
pub(crate) const OPERATORS: &[Operator] = &[];
pub(crate) const AGGREGATES: &[Aggregate] = &[];
pub(crate) const SET_FUNCTIONS: &[SetFunction] = &[];
