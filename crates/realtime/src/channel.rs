//! A topic and those who joined it.
//!
//! What a member is told of the others' presence is put into its queue under the channel's lock, so that a state and the differences after
//! it come in order. Broadcasts only read.

use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use indexmap::IndexMap;
use serde_json::{Map, Value, json};

use crate::outbox::Outbox;
use crate::presence::{Diff, Presence};
use crate::protocol::{Broadcast, Encoded, Frame, Version, push};

/// What names a channel: public and private ones of one topic are different.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Key {
    /// As clients say it: `realtime:<name>`.
    pub topic: Arc<str>,
    pub private: bool,
}

impl Key {
    /// The topic without its prefix.
    pub fn name(&self) -> &str {
        self.topic.strip_prefix(PREFIX).unwrap_or(&self.topic)
    }
}

/// Where topics of channels begin.
pub(crate) const PREFIX: &str = "realtime:";

/// One connection's place in a channel.
#[derive(Debug)]
pub(crate) struct Member {
    pub id: u64,
    pub key: Key,
    pub join_ref: Option<String>,
    pub version: Version,
    pub outbox: Arc<Outbox>,
    /// Whether it receives its own broadcasts.
    pub own: bool,
    /// Whether it follows presence.
    pub presence: bool,
    pub presence_key: String,
}

impl Member {
    /// Tells this member alone.
    pub fn tell(&self, event: &str, payload: &str) {
        self.outbox.push(push(self.version, self.join_ref.as_deref(), None, &self.key.topic, event, payload));
    }

    /// Tells this member how something stands.
    pub fn tell_system(&self, extension: &str, ok: bool, message: &str) {
        let status = if ok { "ok" } else { "error" };
        let name = self.key.name();
        let said = json!({"extension": extension, "status": status, "message": message, "channel": name});
        self.tell("system", &said.to_string());
    }
}

/// A channel.
#[derive(Debug)]
pub(crate) struct Channel {
    key: Key,
    inside: RwLock<Inside>,
}

#[derive(Debug, Default)]
struct Inside {
    members: IndexMap<u64, Arc<Member>>,
    presence: Presence,
}

impl Channel {
    pub fn new(key: Key) -> Channel {
        Channel { key, inside: RwLock::default() }
    }

    pub fn key(&self) -> &Key {
        &self.key
    }

    /// Takes a member in, and tells it who is present if it wants to know.
    pub fn enter(&self, member: Arc<Member>) {
        let mut inside = self.write();
        if member.presence {
            member.tell("presence_state", &inside.presence.state());
        }
        inside.members.insert(member.id, member);
    }

    /// Lets a member go, its presence included. Whether the channel is empty now.
    pub fn leave(&self, member: &Member) -> bool {
        let mut inside = self.write();
        inside.members.swap_remove(&member.id);
        if let Some(diff) = inside.presence.untrack(&member.presence_key, member.id) {
            inside.tell_diff(&self.key.topic, &diff);
        }
        inside.members.is_empty()
    }

    /// Notes what a member says of itself.
    pub fn track(&self, member: &Member, fields: Map<String, Value>) {
        let mut inside = self.write();
        // One that has left meanwhile is not present.
        if !inside.members.contains_key(&member.id) {
            return;
        }
        if let Some(diff) = inside.presence.track(&member.presence_key, member.id, fields) {
            inside.tell_diff(&self.key.topic, &diff);
        }
    }

    /// Forgets what a member said of itself.
    pub fn untrack(&self, member: &Member) {
        let mut inside = self.write();
        if let Some(diff) = inside.presence.untrack(&member.presence_key, member.id) {
            inside.tell_diff(&self.key.topic, &diff);
        }
    }

    /// Sends to all members but `except`.
    pub fn broadcast(&self, broadcast: &Broadcast, except: Option<u64>) {
        let encoded = Encoded::new(&self.key.topic, broadcast);
        for member in self.read().members.values() {
            if Some(member.id) == except {
                continue;
            }
            if let Some(frame) = encoded.frame(member.version) {
                member.outbox.push(frame.clone());
            }
        }
    }

    fn read(&self) -> RwLockReadGuard<'_, Inside> {
        self.inside.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Inside> {
        self.inside.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inside {
    /// Tells all who follow presence.
    fn tell_diff(&self, topic: &str, diff: &Diff) {
        let payload = diff.json();
        let mut frames: [Option<Frame>; 2] = [None, None];
        for member in self.members.values().filter(|member| member.presence) {
            let frame = frames[usize::from(member.version == Version::V2)]
                .get_or_insert_with(|| push(member.version, None, None, topic, "presence_diff", &payload));
            member.outbox.push(frame.clone());
        }
    }
}
