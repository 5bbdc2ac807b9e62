//! Pattern matching: LIKE, SIMILAR TO and regular expressions.
//!
//! Regular expressions are PostgreSQL's in syntax. Of several matches at one place the first alternative's is taken, as in
//! Perl, where PostgreSQL takes the longest: this shows in what a group captures, never in whether a text matches.

mod functions;
mod like;
mod regex;
mod signatures;
mod syntax;
#[cfg(test)]
mod tests;

pub use functions::regex_matches;
pub use like::{ilike, like};
pub(crate) use regex::Expression;
pub(crate) use signatures::{FUNCTIONS, OPERATORS, SET_FUNCTIONS};
