//! Arrays: literals, the stored form, operators and functions.

mod find;
mod function;
pub(crate) mod literal;
mod percentile;
mod shape;
pub(crate) mod stored;
#[cfg(test)]
mod tests;

pub(crate) use function::{AGGREGATES, FUNCTIONS, OPERATORS, SET_FUNCTIONS};
