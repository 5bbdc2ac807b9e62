//! Arrays: literals, the stored form, operators and functions.

mod collect;
mod find;
mod function;
pub(crate) mod literal;
mod part;
mod percentile;
mod shape;
mod slice;
pub(crate) mod stored;
#[cfg(test)]
mod tests;

pub use slice::{flat, slice};
pub use stored::elements;

pub(crate) use function::{AGGREGATES, FUNCTIONS, OPERATORS, SET_FUNCTIONS};
