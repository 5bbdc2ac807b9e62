//! Which writes fire triggers whose functions run.

use std::collections::HashSet;

use super::{Catalog, Name, Relation};

impl Catalog {
    /// Whether writing to a table may run a trigger's function: one of its own, or of a table whose rows follow its rows by the actions
    /// of foreign keys.
    pub fn fires(&self, table: &Relation) -> bool {
        let runs = |relation: &Relation| relation.triggers.iter().any(|trigger| trigger.run.is_some());
        if runs(table) {
            return true;
        }
        if !self.relations.values().any(|relation| runs(relation)) {
            return false;
        }
        let (mut seen, mut next) = (HashSet::from([&table.name]), vec![&table.name]);
        while let Some(name) = next.pop() {
            for relation in self.relations.values().filter(|relation| follows(relation, name)) {
                if runs(relation) {
                    return true;
                }
                if seen.insert(&relation.name) {
                    next.push(&relation.name);
                }
            }
        }
        false
    }
}

/// Whether a table's rows change with those of another.
fn follows(relation: &Relation, target: &Name) -> bool {
    relation.foreign_keys().any(|(_, key)| key.target == *target && (key.on_delete.acts() || key.on_update.acts()))
}
