//! Database changes for those who subscribed.
//!
//! Each distinct wish is matched once for a change, and row policies are asked once for each distinct identity; a change's data are
//! written once for each role. A thousand subscribers with one wish and one identity cost one of each, and share their frame's bytes.

mod filter;
mod openness;
mod payload;
mod telling;
#[cfg(test)]
mod tests;
mod wanted;

use std::collections::HashSet;
use std::collections::hash_map::{self, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use basalt_core::{Change, Error, Identity, Operation, Result};
use basalt_db::Database;
use basalt_db::changes::Batch;
use basalt_sql::Catalog;
use basalt_sql::catalog::Relation;
use indexmap::IndexMap;
use serde_json::{Map, Value};

use crate::channel::Member;
use filter::Row;
pub use openness::Openness;
use telling::Telling;
use wanted::Wanted;

/// All subscriptions.
#[derive(Debug, Default)]
pub(crate) struct Subscriptions {
    inside: Mutex<Inside>,
}

#[derive(Debug, Default)]
struct Inside {
    channels: IndexMap<u64, Arc<Subscribed>>,
    /// The ids of wishes, and how many have them.
    ids: HashMap<Arc<Wanted>, (i64, usize)>,
    last_id: i64,
}

/// One channel's subscriptions.
#[derive(Debug, Clone)]
struct Subscribed {
    member: Arc<Member>,
    identity: Identity,
    entries: Vec<Entry>,
}

#[derive(Debug, Clone)]
struct Entry {
    id: i64,
    wanted: Arc<Wanted>,
}

/// What a join asked for, with its ids, before it counts.
#[derive(Debug, Default)]
pub(crate) struct Asked {
    entries: Vec<Entry>,
    /// What the client is told of entries that can't be had.
    pub faults: Vec<String>,
    /// The entries as they came, with their ids.
    pub shown: Vec<Value>,
}

/// Tries to ask for verdicts, and the pause between.
const TRIES: u32 = 5;
const PAUSE: Duration = Duration::from_millis(200);

impl Subscriptions {
    /// Gives each entry its id.
    pub fn ask(&self, catalog: &Catalog, openness: &Openness, role: &str, entries: Vec<Map<String, Value>>) -> Asked {
        let mut asked = Asked::default();
        for mut entry in entries {
            let closes = |table: &Relation| openness.closes(table, role);
            let wanted = Wanted::read(&entry);
            let wanted = wanted.and_then(|wanted| wanted.check(catalog, role, closes, &entry).map(|()| wanted));
            let id = match wanted {
                Ok(wanted) => {
                    let (id, wanted) = self.inside().take_id(wanted);
                    asked.entries.push(Entry { id, wanted });
                    id
                }
                Err(fault) => {
                    asked.faults.push(fault);
                    self.inside().next_id()
                }
            };
            entry.insert("id".into(), id.into());
            asked.shown.push(Value::Object(entry));
        }
        asked
    }

    /// From now on the member is told.
    pub fn subscribe(&self, member: &Arc<Member>, identity: &Identity, asked: Asked) {
        if asked.entries.is_empty() {
            return;
        }
        let subscribed = Subscribed { member: member.clone(), identity: identity.clone(), entries: asked.entries };
        self.inside().channels.insert(member.id, Arc::new(subscribed));
    }

    /// The member speaks for another identity.
    pub fn renew(&self, member: u64, identity: &Identity) {
        if let Some(subscribed) = self.inside().channels.get_mut(&member) {
            Arc::make_mut(subscribed).identity = identity.clone();
        }
    }

    /// The member is told no more.
    pub fn forget(&self, member: u64) {
        let mut inside = self.inside();
        let Some(subscribed) = inside.channels.swap_remove(&member) else { return };
        subscribed.entries.iter().for_each(|entry| inside.give_back(&entry.wanted));
    }

    /// Tells everybody who follows changes that some will never come. Of which tables they were is not known any more.
    pub fn tell_lost(&self, lost: u64) {
        let message = format!(
            "Changes were missed: about {lost} were dropped from the change log before they could be told. Read what you follow anew"
        );
        let channels: Vec<Arc<Subscribed>> = self.inside().channels.values().cloned().collect();
        channels.iter().for_each(|channel| channel.member.tell_system("postgres_changes", false, &message));
    }

    /// Tells a batch of changes.
    pub async fn deliver(&self, database: &Database, openness: &Openness, batch: &Batch) {
        let (channels, wishes) = {
            let inside = self.inside();
            let wishes: Vec<_> = inside.ids.iter().map(|(wanted, (id, _))| (*id, wanted.clone())).collect();
            (inside.channels.values().cloned().collect::<Vec<_>>(), wishes)
        };
        if channels.is_empty() {
            return;
        }
        let catalog = database.catalog();
        let log = database.changes();
        let published = || log.published(&batch.changes);
        let Some(published) = patiently("publications", published).await else { return };
        let (changes, matched): (Vec<Arc<Change>>, Vec<HashSet<i64>>) = published
            .into_iter()
            .map(|change| {
                let ids = matching(&catalog, &change, &wishes);
                (change, ids)
            })
            .filter(|(_, ids)| !ids.is_empty())
            .unzip();
        let is_told =
            |channel: &Subscribed| channel.entries.iter().any(|one| matched.iter().any(|ids| ids.contains(&one.id)));
        let channels: Vec<Arc<Subscribed>> = channels.into_iter().filter(|channel| is_told(channel)).collect();
        // Who comes twice is asked for once.
        let mut identities: IndexMap<(&str, &str), &Identity> = IndexMap::new();
        let asked: Vec<usize> = channels
            .iter()
            .map(|channel| {
                let identity = &channel.identity;
                identities.insert_full((&identity.role, identity.claims.json()), identity).0
            })
            .collect();
        let identities: Vec<Identity> = identities.into_values().cloned().collect();
        // Old rows that say more than the new ones are judged with them.
        let mut judged = changes.clone();
        let olds: Vec<Option<usize>> = changes
            .iter()
            .map(|change| {
                judged.push(Arc::new(payload::revealing(change)?));
                Some(judged.len() - 1)
            })
            .collect();
        let verdicts = || log.judge(&judged, &identities);
        let Some(verdicts) = patiently("row policies", verdicts).await else { return };
        for (place, (change, ids)) in changes.iter().zip(&matched).enumerate() {
            let Some(table) = catalog.relation(&change.table.schema, &change.table.name) else { continue };
            let mut telling = Telling::new(&catalog, change, ids);
            for (channel, identity) in channels.iter().zip(&asked) {
                let sees = |place: usize| verdicts[place].allows(*identity);
                let role = &channel.identity.role;
                if openness.closes(table, role).is_none() && (sees(place) || telling.is_refused(role)) {
                    telling.tell(channel, olds[place].is_none_or(sees));
                }
            }
        }
    }

    fn inside(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inside {
    fn next_id(&mut self) -> i64 {
        self.last_id += 1;
        self.last_id
    }

    /// The wish's id, which all who want the same share.
    fn take_id(&mut self, wanted: Wanted) -> (i64, Arc<Wanted>) {
        match self.ids.entry(Arc::new(wanted)) {
            hash_map::Entry::Occupied(mut known) => {
                known.get_mut().1 += 1;
                (known.get().0, known.key().clone())
            }
            hash_map::Entry::Vacant(new) => {
                self.last_id += 1;
                let wanted = new.key().clone();
                new.insert((self.last_id, 1));
                (self.last_id, wanted)
            }
        }
    }

    fn give_back(&mut self, wanted: &Arc<Wanted>) {
        if let Some((_, count)) = self.ids.get_mut(wanted) {
            *count -= 1;
            if *count == 0 {
                self.ids.remove(wanted);
            }
        }
    }
}

/// The ids of the wishes that a change is.
fn matching(catalog: &Catalog, change: &Change, wishes: &[(i64, Arc<Wanted>)]) -> HashSet<i64> {
    let relation = catalog.relation(&change.table.schema, &change.table.name);
    let Some(relation) = relation.filter(|_| change.operation != Operation::Truncate) else { return HashSet::new() };
    let row: Row<'_> = change.judged().and_then(|row| serde_json::from_str(row.get()).ok()).unwrap_or_default();
    wishes.iter().filter(|(_, wanted)| wanted.matches(change, relation, &row)).map(|(id, _)| *id).collect()
}

/// Asks the database; again, if it is away for a moment.
async fn patiently<T, F: Future<Output = Result<T>>>(what: &str, ask: impl Fn() -> F) -> Option<T> {
    let mut last: Option<Error> = None;
    for _ in 0..TRIES {
        match ask().await {
            Ok(answer) => return Some(answer),
            Err(error) => last = Some(error),
        }
        tokio::time::sleep(PAUSE).await;
    }
    if let Some(error) = last {
        tracing::error!(%error, what, "changes were not told, since the database could not be asked");
    }
    None
}
