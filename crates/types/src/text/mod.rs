//! Text: operators, functions and aggregates, but for patterns.

mod compose;
mod function;
mod identifier;
pub(crate) mod letters;
#[cfg(test)]
mod tests;
mod trigram;
mod unaccent;
mod unicode;

pub use compose::quoted_ident;
pub(crate) use function::{AGGREGATES, FUNCTIONS, OPERATORS};
