//! Full-text search: `tsvector`, `tsquery`, and what is done with them (manual, chapter 12).

mod cache;
mod config;
mod cover;
mod edit;
mod function;
mod headline;
mod headline_options;
mod lexeme;
mod matching;
mod query;
mod query_text;
mod rank;
mod recognise;
mod search;
#[cfg(test)]
mod tests;
mod token;
mod vector;
mod websearch;

use basalt_core::Result;

pub(crate) use function::{FUNCTIONS, OPERATORS};

/// Reads a `tsvector` into its stored form (42601).
pub(crate) fn normalize_vector(text: &str) -> Result<String> {
    Ok(vector::parse(text)?.write())
}

/// Reads a `tsquery` into its stored form (42601, 22023, 54001).
pub(crate) fn normalize_query(text: &str) -> Result<String> {
    Ok(query_text::parse(text)?.map(|query| query.write()).unwrap_or_default())
}
