//! The channels that somebody is in, on this node or, by their presence, on others; and the connections.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use basalt_messaging::NodeId;
use tokio::sync::watch;

use crate::channel::{Channel, Key, Member};
use crate::limits::Limits;
use crate::nodes::Nodes;
use crate::outbox::{Close, Outbox};
use crate::presence::{Present, Who};
use crate::protocol::Broadcast;
use crate::room::Room;

/// Shared by all connections of a server.
pub(crate) struct Hub {
    nodes: Nodes,
    room: Arc<Room>,
    channels: Mutex<HashMap<Key, Arc<Channel>>>,
    connections: watch::Sender<usize>,
    outboxes: Mutex<HashMap<u64, Weak<Outbox>>>,
    ids: AtomicU64,
}

/// A place among the connections; given back when dropped.
pub(crate) struct Place {
    hub: Arc<Hub>,
    id: u64,
}

impl Hub {
    /// No channels and no connections yet.
    pub fn new(nodes: Nodes, limits: &Limits) -> Hub {
        Hub {
            nodes,
            room: Arc::new(Room::new(limits)),
            channels: Mutex::default(),
            connections: watch::Sender::new(0),
            outboxes: Mutex::default(),
            ids: AtomicU64::new(0),
        }
    }

    /// The room for presences.
    pub fn room(&self) -> &Room {
        &self.room
    }

    /// The other nodes.
    pub fn nodes(&self) -> &Nodes {
        &self.nodes
    }

    /// An id that nothing else of this server has.
    pub fn next_id(&self) -> u64 {
        self.ids.fetch_add(1, Ordering::Relaxed)
    }

    /// A place for one more connection, if there is one.
    pub fn place(self: &Arc<Self>, most: usize) -> Option<Place> {
        let placed = self.connections.send_if_modified(|count| {
            let free = *count < most;
            *count += usize::from(free);
            free
        });
        placed.then(|| Place { hub: self.clone(), id: self.next_id() })
    }

    /// How many connections there are, to be waited for.
    pub fn connections(&self) -> watch::Receiver<usize> {
        self.connections.subscribe()
    }

    /// Takes a member into its channel.
    pub fn join(&self, member: Arc<Member>) -> Arc<Channel> {
        let mut channels = self.channels();
        let channel = self.channel(&mut channels, member.key.clone());
        channel.enter(member);
        channel.clone()
    }

    fn channel<'a>(&self, channels: &'a mut HashMap<Key, Arc<Channel>>, key: Key) -> &'a Arc<Channel> {
        let make = |key: &Key| Arc::new(Channel::new(key.clone(), self.nodes.clone(), self.room.clone()));
        channels.entry(key).or_insert_with_key(make)
    }

    /// Lets a member go.
    pub fn leave(&self, channel: &Channel, member: &Member) {
        // Under the registry's lock, so that nobody enters a channel that is being forgotten.
        let mut channels = self.channels();
        if channel.leave(member) {
            channels.remove(channel.key());
        }
    }

    /// Notes what another node tells of its members in a channel.
    pub fn mention(&self, node: NodeId, telling: u64, key: Key, presences: &[Present<'_>]) {
        if presences.is_empty() {
            return;
        }
        let mut channels = self.channels();
        let channel = self.channel(&mut channels, key).clone();
        let (fits, is_empty) = channel.mention(node, telling, presences);
        if is_empty {
            channels.remove(channel.key());
        }
        if !fits && self.room.is_news() {
            tracing::warn!(topic = %channel.key().topic, "presences of other nodes are left out: realtime.presences or realtime.presence_bytes is reached");
        }
    }

    /// Forgets a member of another node.
    pub fn forget(&self, channel: &Key, key: &str, who: Who) {
        let mut channels = self.channels();
        if channels.get(channel).is_some_and(|channel| channel.forget(key, who)) {
            channels.remove(channel);
        }
    }

    /// Forgets the members of another node that it did not mention in a telling, or all of them.
    pub fn sweep(&self, node: NodeId, telling: Option<u64>) {
        for channel in self.all() {
            if !channel.knows(node) {
                continue;
            }
            let mut channels = self.channels();
            let is_there = channels.get(channel.key()).is_some_and(|there| Arc::ptr_eq(there, &channel));
            if channel.sweep(node, telling) && is_there {
                channels.remove(channel.key());
            }
        }
    }

    /// All channels as they are now.
    pub fn all(&self) -> Vec<Arc<Channel>> {
        self.channels().values().cloned().collect()
    }

    /// Sends to a topic, whoever is there on this node.
    pub fn broadcast(&self, key: &Key, broadcast: &Broadcast) {
        let channel = self.channels().get(key).cloned();
        if let Some(channel) = channel {
            channel.broadcast(broadcast, None);
        }
    }

    /// Ends all connections.
    pub fn close(&self, close: Close) {
        let outboxes: Vec<Weak<Outbox>> = self.outboxes().values().cloned().collect();
        outboxes.iter().filter_map(Weak::upgrade).for_each(|outbox| outbox.close(close));
    }

    fn channels(&self) -> MutexGuard<'_, HashMap<Key, Arc<Channel>>> {
        self.channels.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn outboxes(&self) -> MutexGuard<'_, HashMap<u64, Weak<Outbox>>> {
        self.outboxes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place {
    /// Says which queue is this connection's.
    pub fn register(&self, outbox: &Arc<Outbox>) {
        self.hub.outboxes().insert(self.id, Arc::downgrade(outbox));
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.hub.outboxes().remove(&self.id);
        self.hub.connections.send_modify(|count| *count -= 1);
    }
}
