//! One change, written for the channels that may know it: once for all that are told the same.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use basalt_core::Change;
use basalt_db::changes::{may_use, readable};
use basalt_sql::Catalog;
use indexmap::IndexMap;

use super::Subscribed;
use super::payload::{self, Sight};
use crate::protocol::{Frame, Version, push};

/// A change being told. Everything is kept by what it depends on.
pub(super) struct Telling<'a> {
    catalog: &'a Catalog,
    change: &'a Change,
    /// The ids of the wishes that it is.
    matched: &'a HashSet<i64>,
    /// The columns that each role may read.
    readable: HashMap<&'a str, Arc<[&'a str]>>,
    data: HashMap<Shown<'a>, Arc<str>>,
    frames: HashMap<(Shown<'a>, Vec<i64>, &'a str, Version), Frame>,
}

/// What a change's data depend on: who sees it, whether also the old row, and the columns that were asked for.
type Shown<'a> = (&'a str, bool, Option<&'a BTreeSet<String>>);

impl<'a> Telling<'a> {
    pub fn new(catalog: &'a Catalog, change: &'a Change, matched: &'a HashSet<i64>) -> Self {
        let (readable, data, frames) = Default::default();
        Telling { catalog, change, matched, readable, data, frames }
    }

    /// Whether a role that may know of the table may select nothing of it: then it is told so, and nothing else.
    pub fn is_refused(&mut self, role: &'a str) -> bool {
        self.readable(role).is_empty() && may_use(self.catalog, &self.change.table.schema, role)
    }

    /// Tells a channel. `sees_old`: the old row is its to see, too.
    pub fn tell(&mut self, channel: &'a Subscribed, sees_old: bool) {
        let (role, member) = (&*channel.identity.role, &*channel.member);
        let readable = self.readable(role);
        // Wishes for different columns are different messages; those for the same share one.
        let mut wishes: IndexMap<Option<&'a BTreeSet<String>>, Vec<i64>> = IndexMap::new();
        for entry in &channel.entries {
            if self.matched.contains(&entry.id) && entry.wanted.is_within(&readable) {
                let ids = wishes.entry(entry.wanted.select.as_ref()).or_default();
                if !ids.contains(&entry.id) {
                    ids.push(entry.id);
                }
            }
        }
        let Telling { catalog, change, data, frames, .. } = self;
        for (select, ids) in wishes {
            let shown = (role, sees_old, select);
            let frame = frames.entry((shown, ids.clone(), &*member.key.topic, member.version)).or_insert_with(|| {
                let data = data.entry(shown).or_insert_with(|| {
                    let sight = Sight { readable: &readable, old: sees_old, only: select };
                    payload::data(catalog, change, &sight).into()
                });
                let ids = serde_json::to_string(&ids).unwrap_or_default();
                let payload = format!("{{\"ids\":{ids},\"data\":{data}}}");
                push(member.version, None, None, &member.key.topic, "postgres_changes", &payload)
            });
            member.outbox.push(frame.clone());
        }
    }

    fn readable(&mut self, role: &'a str) -> Arc<[&'a str]> {
        let (catalog, table) = (self.catalog, &self.change.table);
        self.readable.entry(role).or_insert_with(|| readable(catalog, table, role).into()).clone()
    }
}
