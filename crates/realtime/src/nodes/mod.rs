//! The other nodes that serve the same project: what is broadcast here goes there, and all know who is present on each.
//!
//! Presences are merged without asking anybody. Each belongs to the node of its member, which alone changes it, and tells so in order. Who
//! missed something of a node, or meets it, asks for all of its presences ([`Said::Ask`]); between [`Said::Begin`] and [`Said::End`]
//! it mentions each, and what it does not mention is gone. Of a node that is dead, all are gone.
//!
//! A broadcast that is lost is lost, as one is whose receiver is away. Messages from SQL and changes of tables are not told: each node
//! reads them in the change log.

mod follow;
mod said;

use basalt_messaging::{Bus, NodeId};

use crate::channel::Key;
use crate::protocol::Broadcast;

pub(crate) use follow::follow;
pub(crate) use said::Said;

/// What realtime's messages are known by among nodes.
pub(crate) const TOPIC: &str = "realtime";

/// The way to the other nodes.
#[derive(Clone)]
pub(crate) struct Nodes(Bus);

impl Nodes {
    pub fn new(bus: Bus) -> Nodes {
        Nodes(bus)
    }

    /// This node.
    pub fn this(&self) -> NodeId {
        self.0.node()
    }

    /// Tells all others, if there are any.
    pub fn say<'a>(&self, said: impl FnOnce() -> Said<'a>) {
        self.0.publish(TOPIC, || said().write());
    }

    /// Sends to a topic, whoever is there on other nodes.
    pub fn broadcast(&self, key: &Key, broadcast: &Broadcast) {
        self.say(|| Said::Broadcast {
            channel: key.into(),
            event: &broadcast.event,
            json: broadcast.json,
            meta: broadcast.meta.as_deref(),
            body: &broadcast.body,
        });
    }

    /// Completes when much can be said.
    pub async fn room(&self) {
        self.0.room().await;
    }

    /// Completes once the nodes have heard of each other, or can't for now.
    pub async fn attempted(&self) {
        self.0.attempted().await;
    }
}
