//! What of the changes is for realtime clients: the operations and rows that the publication `supabase_realtime` publishes.
//!
//! The log may hold more, since services watch tables too. As in PostgreSQL's replication, an update that brings a row into the
//! published ones is an insert, and one that takes it out is a delete.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use basalt_core::{Change, Identity, Operation, Result};
use basalt_sql::Name;
use basalt_sql::catalog::REALTIME;

use super::{Changes, judge};

impl Changes {
    /// The changes as they are published; what is not, is left out.
    ///
    /// Errors: where the database can't be asked (classes 08, 53, 57, 58).
    pub async fn published(&self, changes: &[Arc<Change>]) -> Result<Vec<Arc<Change>>> {
        let catalog = self.database.catalog();
        let Some(publication) = catalog.publications.get(REALTIME) else { return Ok(Vec::new()) };
        let name = |change: &Change| Name::new(change.table.schema.as_str(), change.table.name.as_str());
        let is_told = |change: &&Arc<Change>| {
            publication.operations.contains(&change.operation) && publication.has(&name(change))
        };
        let told: Vec<&Arc<Change>> = changes.iter().filter(is_told).collect();
        let mut partly: BTreeMap<Name, Vec<usize>> = BTreeMap::new();
        for (place, change) in told.iter().enumerate() {
            let name = name(change);
            if publication.part(&name).is_some_and(|part| part.rows.is_some()) {
                partly.entry(name).or_default().push(place);
            }
        }
        // Of the change at `n`, the old row is asked for as `2n`, the new one as `2n + 1`.
        let mut asked: HashSet<usize> = HashSet::new();
        let mut holds: HashSet<usize> = HashSet::new();
        for (name, places) in &partly {
            let condition = publication.part(name).and_then(|part| part.rows.as_deref());
            let (Some(condition), Some(relation)) = (condition, catalog.relations.get(name)) else { continue };
            let sql = judge::statement(relation, condition);
            let rows = places.iter().flat_map(|place| {
                let change = told[*place];
                let (old, new) = (change.old.as_deref(), change.new.as_deref());
                [(2 * place, old), (2 * place + 1, new)].into_iter().filter_map(|(at, row)| Some((at, row?.get())))
            });
            let rows: Vec<(usize, &str)> = rows.collect();
            holds.extend(self.ask(&sql, name, &rows, &Identity::owner(), &[]).await?);
            asked.extend(places);
        }
        let published = told.into_iter().enumerate().filter_map(|(place, change)| match asked.contains(&place) {
            true => part_of(change, holds.contains(&(2 * place)), holds.contains(&(2 * place + 1))),
            false => Some(change.clone()),
        });
        Ok(published.collect())
    }
}

/// A change of a table of which some rows are published, by whether the old and the new row are.
fn part_of(change: &Arc<Change>, old: bool, new: bool) -> Option<Arc<Change>> {
    match (change.operation, old, new) {
        (Operation::Truncate, _, _) | (Operation::Update, true, true) => Some(change.clone()),
        (_, false, false) => None,
        (Operation::Update, true, false) => {
            Some(Arc::new(Change { operation: Operation::Delete, new: None, ..Change::clone(change) }))
        }
        (Operation::Update, false, true) => {
            Some(Arc::new(Change { operation: Operation::Insert, old: None, ..Change::clone(change) }))
        }
        _ => Some(change.clone()),
    }
}
