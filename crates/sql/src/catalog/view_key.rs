//! The keys of views, which follow from those of the tables behind them.

use std::sync::Arc;

use super::{Catalog, Name, Relation, RelationKind};

impl Catalog {
    /// Gives each view the primary keys of the tables that it shows whole keys of, by the first name of each column. To be called
    /// when relations have changed.
    pub fn derive_view_keys(&mut self) {
        let keys: Vec<(usize, Vec<String>)> = self
            .relations
            .values()
            .enumerate()
            .filter_map(|(index, relation)| {
                let view = relation.view()?;
                let key = self.view_key(relation);
                (key != view.key).then_some((index, key))
            })
            .collect();
        for (index, key) in keys {
            if let Some((_, relation)) = self.relations.get_index_mut(index)
                && let RelationKind::View(view) = &mut Arc::make_mut(relation).kind
            {
                view.key = key;
            }
        }
    }

    fn view_key(&self, relation: &Relation) -> Vec<String> {
        let Some(view) = relation.view() else { return Vec::new() };
        let mut bases: Vec<&Name> = view.sources.iter().flatten().map(|(base, _)| base).collect();
        bases.sort();
        bases.dedup();
        let shown = |base: &Name, column: &String| {
            let mut columns = relation.columns.iter().zip(&view.sources);
            let shows = columns.find(|(_, source)| matches!(source, Some((b, c)) if b == base && c == column));
            shows.map(|(of_view, _)| of_view.name.clone())
        };
        let of_base = |base: &Name| {
            let key = self.relations.get(base)?.primary_key()?;
            key.iter().map(|column| shown(base, column)).collect::<Option<Vec<String>>>()
        };
        bases.into_iter().filter_map(of_base).flatten().collect()
    }
}
