//! Row policies and indexes: PostgreSQL heeds them by itself, and `basalt check` looks at them.

use std::collections::HashMap;
use std::sync::Arc;

use basalt_sql::catalog::{Index, Policy, PolicyCommand, Relation};
use basalt_sql::{Catalog, Name};

use super::rows::{IndexRow, PolicyRow};

/// Puts policies and indexes to their relations.
pub fn build(catalog: &mut Catalog, names: &HashMap<u32, Name>, policies: Vec<PolicyRow>, indexes: Vec<IndexRow>) {
    for row in policies {
        let Some(relation) = relation(catalog, names, row.relation) else { continue };
        relation.policies.push(Policy {
            name: row.name,
            permissive: row.permissive,
            command: match row.command {
                'r' => PolicyCommand::Select,
                'a' => PolicyCommand::Insert,
                'w' => PolicyCommand::Update,
                'd' => PolicyCommand::Delete,
                _ => PolicyCommand::All,
            },
            roles: row.roles.unwrap_or_default(),
            using: row.using,
            check: row.check,
        });
    }
    for IndexRow { relation: of, name, unique, keys, columns, predicate } in indexes {
        let Some(relation) = relation(catalog, names, of) else { continue };
        relation.indexes.push(Index { name, unique, keys, columns, predicate });
    }
}

/// None of a partition, for one: its parent stands for it.
fn relation<'a>(catalog: &'a mut Catalog, names: &HashMap<u32, Name>, oid: u32) -> Option<&'a mut Relation> {
    catalog.relations.get_mut(names.get(&oid)?).map(Arc::make_mut)
}
