//! The channels that somebody is in, and the connections.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use tokio::sync::watch;

use crate::channel::{Channel, Key, Member};
use crate::outbox::{Close, Outbox};
use crate::protocol::Broadcast;

/// Shared by all connections of a server.
#[derive(Debug, Default)]
pub(crate) struct Hub {
    channels: Mutex<HashMap<Key, Arc<Channel>>>,
    connections: watch::Sender<usize>,
    outboxes: Mutex<HashMap<u64, Weak<Outbox>>>,
    ids: AtomicU64,
}

/// A place among the connections; given back when dropped.
#[derive(Debug)]
pub(crate) struct Place {
    hub: Arc<Hub>,
    id: u64,
}

impl Hub {
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
        let channel = channels.entry(member.key.clone()).or_insert_with_key(|key| Arc::new(Channel::new(key.clone())));
        channel.enter(member);
        channel.clone()
    }

    /// Lets a member go.
    pub fn leave(&self, channel: &Channel, member: &Member) {
        // Under the registry's lock, so that nobody enters a channel that is being forgotten.
        let mut channels = self.channels();
        if channel.leave(member) {
            channels.remove(channel.key());
        }
    }

    /// Sends to a topic, whoever is there.
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
