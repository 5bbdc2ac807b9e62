//! A topic and those who joined it.
//!
//! What a member is told of the others' presence is put into its queue under the channel's lock, so that a state and the differences after
//! it come in order, and so is what other nodes are told. Broadcasts only read.

use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use basalt_messaging::NodeId;
use indexmap::IndexMap;
use serde_json::{Map, Value, json};

use crate::nodes::{Nodes, Said};
use crate::outbox::Outbox;
use crate::presence::{Diff, Presence, Present, Who};
use crate::protocol::{Broadcast, Encoded, Frame, Version, push};
use crate::rights::{Held, Rights};
use crate::room::{Full, Room};

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

/// Presences of one message to other nodes, and their bytes, about: one of any size is a message.
const TOGETHER: usize = 64;
const TOGETHER_BYTES: usize = 1 << 20;

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
    /// What it may receive.
    pub reads: Held,
    pub presence_key: String,
}

impl Member {
    /// Whether it is told who is present.
    fn sees_presence(&self) -> bool {
        self.presence && self.reads.get().presence
    }

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

/// A channel: its members on this node, and who is present on all nodes.
pub(crate) struct Channel {
    key: Key,
    nodes: Nodes,
    inside: RwLock<Inside>,
}

struct Inside {
    members: IndexMap<u64, Arc<Member>>,
    presence: Presence,
}

impl Channel {
    pub fn new(key: Key, nodes: Nodes, room: Arc<Room>) -> Channel {
        let inside = Inside { members: IndexMap::new(), presence: Presence::new(nodes.this(), room) };
        Channel { key, nodes, inside: RwLock::new(inside) }
    }

    pub fn key(&self) -> &Key {
        &self.key
    }

    /// Takes a member in, and tells it who is present if it wants to know.
    pub fn enter(&self, member: Arc<Member>) {
        let mut inside = self.write();
        if member.sees_presence() {
            member.tell("presence_state", &inside.presence.state());
        }
        inside.members.insert(member.id, member);
    }

    /// Lets a member receive other things from now on. Who did not see presence, and does now, is told who is present.
    pub fn allow(&self, member: &Member, reads: Rights) {
        let inside = self.write();
        let saw = member.sees_presence();
        member.reads.set(reads);
        if !saw && member.sees_presence() {
            member.tell("presence_state", &inside.presence.state());
        }
    }

    /// Lets a member go, its presence included. Whether the channel is empty now.
    pub fn leave(&self, member: &Member) -> bool {
        let mut inside = self.write();
        inside.members.swap_remove(&member.id);
        self.absent(&mut inside, member);
        inside.is_empty()
    }

    /// Notes what a member says of itself.
    ///
    /// Errors: there is no room for one more.
    pub fn track(&self, member: &Member, fields: Map<String, Value>) -> Result<(), Full> {
        let mut inside = self.write();
        // One that has left meanwhile is not present.
        if !inside.members.contains_key(&member.id) {
            return Ok(());
        }
        if let Some(diff) = inside.presence.track(&member.presence_key, member.id, fields)? {
            inside.tell_diff(&self.key.topic, &diff);
            self.tell_nodes(&inside, &[(&member.presence_key, member.id)]);
        }
        Ok(())
    }

    /// Forgets what a member said of itself.
    pub fn untrack(&self, member: &Member) {
        self.absent(&mut self.write(), member);
    }

    fn absent(&self, inside: &mut Inside, member: &Member) {
        let who = Who { node: self.nodes.this(), member: member.id };
        if let Some(diff) = inside.presence.forget(&member.presence_key, who) {
            inside.tell_diff(&self.key.topic, &diff);
            self.nodes.say(|| Said::Absent {
                channel: (&self.key).into(),
                key: &member.presence_key,
                member: member.id,
            });
        }
    }

    /// Notes what another node tells of its members. Whether there was room for all, and whether the channel is empty now.
    pub fn mention(&self, node: NodeId, telling: u64, presences: &[Present<'_>]) -> (bool, bool) {
        let mut inside = self.write();
        let (diff, fits) = inside.presence.mention(node, telling, presences);
        inside.tell_diff(&self.key.topic, &diff);
        (fits, inside.is_empty())
    }

    /// Forgets a member of another node. Whether the channel is empty now.
    pub fn forget(&self, key: &str, who: Who) -> bool {
        let mut inside = self.write();
        if let Some(diff) = inside.presence.forget(key, who) {
            inside.tell_diff(&self.key.topic, &diff);
        }
        inside.is_empty()
    }

    /// Forgets the members of another node that it did not mention in a telling, or all of them. Whether the channel is empty now.
    pub fn sweep(&self, node: NodeId, telling: Option<u64>) -> bool {
        let mut inside = self.write();
        let diff = inside.presence.sweep(node, telling);
        inside.tell_diff(&self.key.topic, &diff);
        inside.is_empty()
    }

    /// Whether a member of this node is present.
    pub fn knows(&self, node: NodeId) -> bool {
        self.read().presence.members(node).next().is_some()
    }

    /// The keys and members of this node that are present, in parts of which each fits into a message.
    pub fn parts(&self) -> Vec<Vec<(String, u64)>> {
        let inside = self.read();
        let (mut parts, mut bytes) = (Vec::<Vec<_>>::new(), 0);
        for (key, member) in inside.presence.members(self.nodes.this()) {
            let size = inside.presence.present(key, member).map_or(0, |present| key.len() + present.meta.len());
            bytes += size;
            match parts.last_mut() {
                Some(part) if part.len() < TOGETHER && bytes <= TOGETHER_BYTES => part.push((key.to_owned(), member)),
                _ => {
                    bytes = size;
                    parts.push(vec![(key.to_owned(), member)]);
                }
            }
        }
        parts
    }

    /// Tells other nodes of these members of this one, as far as they are still present.
    pub fn tell(&self, members: &[(String, u64)]) {
        let members: Vec<(&str, u64)> = members.iter().map(|(key, member)| (key.as_str(), *member)).collect();
        // Under the lock: what they are told later is newer.
        self.tell_nodes(&self.read(), &members);
    }

    fn tell_nodes(&self, inside: &Inside, members: &[(&str, u64)]) {
        let presences = || members.iter().filter_map(|(key, member)| inside.presence.present(key, *member)).collect();
        self.nodes.say(|| Said::Present { channel: (&self.key).into(), presences: presences() });
    }

    /// Sends to all members on this node but `except`.
    pub fn broadcast(&self, broadcast: &Broadcast, except: Option<u64>) {
        let encoded = Encoded::new(&self.key.topic, broadcast);
        for member in self.read().members.values() {
            if Some(member.id) == except || !member.reads.get().broadcast {
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
    fn is_empty(&self) -> bool {
        self.members.is_empty() && self.presence.is_empty()
    }

    /// Tells all who follow presence, if there is something to tell.
    fn tell_diff(&self, topic: &str, diff: &Diff) {
        if diff.is_empty() {
            return;
        }
        let payload = diff.json();
        let mut frames: [Option<Frame>; 2] = [None, None];
        for member in self.members.values().filter(|member| member.sees_presence()) {
            let frame = frames[usize::from(member.version == Version::V2)]
                .get_or_insert_with(|| push(member.version, None, None, topic, "presence_diff", &payload));
            member.outbox.push(frame.clone());
        }
    }
}
