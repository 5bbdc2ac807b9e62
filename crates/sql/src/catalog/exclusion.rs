//! Exclusion constraints (PostgreSQL manual, `create table`, EXCLUDE).

use serde::{Deserialize, Serialize};

/// EXCLUDE: no two rows of which the operators of all elements hold.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Exclusion {
    /// What is compared, and how.
    pub elements: Vec<ExclusionElement>,
    /// WHERE, as PostgreSQL source: other rows exclude none, and are not excluded.
    pub predicate: Option<String>,
}

/// An element of an exclusion constraint.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ExclusionElement {
    /// A column or an expression, as PostgreSQL source.
    pub key: String,
    /// The operator: `=`, `&&`.
    pub operator: String,
}

impl Exclusion {
    /// Its expressions.
    pub fn sources(&self) -> impl Iterator<Item = &String> {
        self.elements.iter().map(|element| &element.key).chain(&self.predicate)
    }

    /// Its expressions, to be rewritten.
    pub fn sources_mut(&mut self) -> impl Iterator<Item = &mut String> {
        self.elements.iter_mut().map(|element| &mut element.key).chain(&mut self.predicate)
    }
}
