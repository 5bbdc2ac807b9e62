//! The orders that SQLite can't give by itself, as collations over stored text.

use std::cmp::Ordering;

use crate::Type;

/// Compares two stored TEXT values of `ty` as PostgreSQL's btree order does.
pub fn compare(_ty: &Type, _a: &str, _b: &str) -> Ordering {
    unimplemented!()
}

/// The types whose collations every connection registers, beside those of the schema's enums and their arrays.
pub fn builtin() -> Vec<Type> {
    Vec::new()
}
