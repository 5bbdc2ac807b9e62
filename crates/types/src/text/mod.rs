//! Text: operators, functions and aggregates, but for patterns.

mod compose;
mod function;
mod letters;
#[cfg(test)]
mod tests;
mod trigram;
mod unaccent;

pub(crate) use function::{AGGREGATES, FUNCTIONS, OPERATORS};
