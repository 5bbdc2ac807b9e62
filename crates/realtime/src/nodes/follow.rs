//! Listens to the other nodes, and answers them.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use basalt_messaging::{Event, NodeId, Subscription};
use basalt_supervise::caught;
use bytes::Bytes;
use tokio::sync::Notify;
use tokio::time::{sleep, timeout};

use super::Said;
use crate::hub::Hub;
use crate::presence::Who;
use crate::protocol::Broadcast;
use crate::service::Shared;

/// How long a node waits for all presences of another before it asks again.
const PATIENCE: Duration = Duration::from_secs(2);
/// The pause between two tellings of all presences, and between two questions.
const PAUSE: Duration = Duration::from_millis(250);

/// What is known of the other nodes.
struct Follower<'a> {
    hub: &'a Hub,
    mirrors: Mutex<HashMap<NodeId, Mirror>>,
    /// Rings when a node is not known whole.
    wondering: Notify,
    /// Rings when this node was asked for its presences.
    asked: Notify,
}

/// How a node's presences are known.
#[derive(Debug, Default)]
struct Mirror {
    /// The number of its last telling.
    telling: u64,
    /// Whether it is telling all, and nothing of that was missed.
    is_telling: bool,
    /// Whether all are known.
    is_whole: bool,
}

/// Follows the other nodes for ever.
pub(crate) async fn follow(shared: &Shared) {
    let mut heard = shared.heard.lock().await;
    let follower = Follower::new(&shared.hub);
    tokio::join!(follower.listen(&mut heard), follower.wonder(), follower.answer());
}

impl<'a> Follower<'a> {
    fn new(hub: &'a Hub) -> Self {
        Follower { hub, mirrors: Mutex::default(), wondering: Notify::new(), asked: Notify::new() }
    }

    async fn listen(&self, heard: &mut Subscription) {
        loop {
            let event = heard.next().await;
            // A message that panics is left out.
            let _ = caught("hearing another node", async { self.hear(event) }).await;
        }
    }

    fn hear(&self, event: Event) {
        match event {
            Event::Joined(node) | Event::Missed(node) => {
                let mut mirrors = self.mirrors();
                let mirror = mirrors.entry(node).or_default();
                (mirror.is_telling, mirror.is_whole) = (false, false);
                self.wondering.notify_one();
            }
            Event::Left(node) => {
                self.mirrors().remove(&node);
                self.hub.sweep(node, None);
            }
            Event::Message(node, message) => match Said::read(&message) {
                Some(said) => self.understand(node, &message, said),
                None => tracing::warn!(%node, "a node said what this version does not understand"),
            },
        }
    }

    fn understand(&self, node: NodeId, message: &Bytes, said: Said<'_>) {
        match said {
            Said::Broadcast { channel, event, json, meta, body } => {
                let body = message.slice_ref(body);
                let broadcast = Broadcast { event: event.to_owned(), json, body, meta: meta.map(str::to_owned) };
                self.hub.broadcast(&channel.into(), &broadcast);
            }
            Said::Present { channel, presences } => {
                let telling = self.mirrors().entry(node).or_default().telling;
                self.hub.mention(node, telling, channel.into(), &presences);
            }
            Said::Absent { channel, key, member } => self.hub.forget(&channel.into(), key, Who { node, member }),
            Said::Ask(asked) => {
                if NodeId::from_bytes(asked) == self.hub.nodes().this() {
                    self.asked.notify_one();
                }
            }
            Said::Begin => {
                let mut mirrors = self.mirrors();
                let mirror = mirrors.entry(node).or_default();
                mirror.telling += 1;
                mirror.is_telling = true;
            }
            Said::End => {
                let telling = {
                    let mut mirrors = self.mirrors();
                    let mirror = mirrors.entry(node).or_default();
                    mirror.is_whole |= mirror.is_telling;
                    std::mem::take(&mut mirror.is_telling).then_some(mirror.telling)
                };
                if telling.is_some() {
                    self.hub.sweep(node, telling);
                }
            }
        }
    }

    /// Asks the nodes that are not known whole, until they are.
    async fn wonder(&self) {
        loop {
            let _ = timeout(PATIENCE, self.wondering.notified()).await;
            let nodes: Vec<NodeId> = {
                let mirrors = self.mirrors();
                mirrors.iter().filter(|(_, mirror)| !mirror.is_whole).map(|(node, _)| *node).collect()
            };
            nodes.iter().for_each(|node| self.hub.nodes().say(|| Said::Ask(*node.as_bytes())));
            sleep(PAUSE).await;
        }
    }

    /// Tells all presences of this node when it was asked: one telling for all who ask meanwhile.
    async fn answer(&self) {
        let nodes = self.hub.nodes();
        loop {
            self.asked.notified().await;
            nodes.say(|| Said::Begin);
            for channel in self.hub.all() {
                for members in channel.parts() {
                    nodes.room().await;
                    channel.tell(&members);
                }
            }
            nodes.room().await;
            nodes.say(|| Said::End);
            sleep(PAUSE).await;
        }
    }

    fn mirrors(&self) -> MutexGuard<'_, HashMap<NodeId, Mirror>> {
        self.mirrors.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
