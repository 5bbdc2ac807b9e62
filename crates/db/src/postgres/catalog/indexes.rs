//! Indexes: PostgreSQL uses them by itself, and `basalt check` looks for those behind policies.

use std::collections::HashMap;
use std::sync::Arc;

use basalt_sql::catalog::Index;
use basalt_sql::{Catalog, Name};

use super::rows::IndexRow;

/// Puts indexes to their relations.
pub fn build(catalog: &mut Catalog, names: &HashMap<u32, Name>, indexes: Vec<IndexRow>) {
    for IndexRow { relation, name, unique, keys, columns, predicate } in indexes {
        // None of a partition, for one: its parent stands for it.
        let Some(relation) = names.get(&relation).and_then(|of| catalog.relations.get_mut(of)) else { continue };
        Arc::make_mut(relation).indexes.push(Index { name, unique, keys, columns, predicate });
    }
}
