//! Database changes for those who subscribed (contract: wire.md section 3.6).
//!
//! Each distinct wish is matched once for a change, and row policies are asked once for each distinct identity; a change's data are
//! written once for each role. A thousand subscribers with one wish and one identity cost one of each, and share their frame's bytes.

mod filter;
mod openness;
mod payload;
#[cfg(test)]
mod tests;
mod wanted;

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use basalt_core::{Change, Error, Identity, Operation, Result};
use basalt_db::Database;
use basalt_db::changes::{Batch, readable};
use basalt_sql::Catalog;
use basalt_sql::catalog::Relation;
use indexmap::IndexMap;
use serde_json::{Map, Value};

use crate::channel::Member;
use crate::protocol::{Frame, Version, push};
use filter::Row;
pub use openness::Openness;
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
    /// The columns that were asked for.
    select: Option<BTreeSet<String>>,
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
            let select = entry.get("select").and_then(Value::as_array);
            let select: Option<BTreeSet<String>> =
                select.map(|names| names.iter().filter_map(Value::as_str).map(str::to_owned).collect());
            let wanted = Wanted::read(&entry).and_then(|wanted| {
                wanted.check(catalog, role, closes, select.as_ref(), &entry)?;
                Ok(wanted)
            });
            let id = match wanted {
                Ok(wanted) => {
                    let (id, wanted) = self.inside().take_id(wanted);
                    asked.entries.push(Entry { id, wanted, select });
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
        let verdicts = || log.judge(&changes, &identities);
        let Some(verdicts) = patiently("row policies", verdicts).await else { return };
        for ((change, ids), verdict) in changes.iter().zip(&matched).zip(&verdicts) {
            let Some(table) = catalog.relation(&change.table.schema, &change.table.name) else { continue };
            let allowed = channels.iter().zip(&asked).filter(|(channel, identity)| {
                verdict.allows(**identity) && openness.closes(table, &channel.identity.role).is_none()
            });
            tell(&catalog, change, ids, allowed.map(|(channel, _)| &**channel));
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
        if let Some((known, _)) = self.ids.get_key_value(&wanted) {
            let known = known.clone();
            let Some((id, count)) = self.ids.get_mut(&known) else { return (0, known) };
            *count += 1;
            return (*id, known);
        }
        let (id, wanted) = (self.next_id(), Arc::new(wanted));
        self.ids.insert(wanted.clone(), (id, 1));
        (id, wanted)
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

/// Tells one change to the channels that may know it.
fn tell<'a>(
    catalog: &Catalog,
    change: &Change,
    matched: &HashSet<i64>,
    channels: impl Iterator<Item = &'a Subscribed>,
) {
    type Select<'a> = Option<BTreeSet<String>>;
    let mut columns: HashMap<&str, HashSet<&str>> = HashMap::new();
    let mut data: HashMap<(&str, Select<'_>), Arc<str>> = HashMap::new();
    let mut frames: HashMap<(&str, Select<'_>, Vec<i64>, &str, Version), Frame> = HashMap::new();
    for channel in channels {
        let role = &*channel.identity.role;
        let readable =
            &*columns.entry(role).or_insert_with(|| readable(catalog, &change.table, role).into_iter().collect());
        // What the role may no longer select does not tell by its conditions either.
        let told = |entry: &&Entry| matched.contains(&entry.id) && entry.wanted.compares_only(readable);
        let entries: Vec<&Entry> = channel.entries.iter().filter(told).collect();
        if entries.is_empty() {
            continue;
        }
        let mut ids: Vec<i64> = entries.iter().map(|entry| entry.id).collect();
        ids.dedup();
        let all = entries.iter().any(|entry| entry.select.is_none());
        let union = || entries.iter().filter_map(|entry| entry.select.as_ref()).flatten().cloned().collect();
        let select: Select<'_> = if all { None } else { Some(union()) };
        let member = &*channel.member;
        let key = (role, select.clone(), ids.clone(), &*member.key.topic, member.version);
        let frame = frames.entry(key).or_insert_with(|| {
            let data = data
                .entry((role, select.clone()))
                .or_insert_with(|| payload::data(catalog, change, role, select.as_ref()).into());
            let ids = serde_json::to_string(&ids).unwrap_or_default();
            let payload = format!("{{\"ids\":{ids},\"data\":{data}}}");
            push(member.version, None, None, &member.key.topic, "postgres_changes", &payload)
        });
        member.outbox.push(frame.clone());
    }
}
