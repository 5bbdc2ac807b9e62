//! The other nodes: what they say, in their order; what of it never came; who joined and who is dead. Pure.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};

use crate::bus::Event;
use crate::frame::{Content, LARGEST_MESSAGE, Message, Sealed};
use crate::node::NodeId;
use crate::seal::{Seal, Secret};

/// How far nodes' clocks may differ, and how long a frame may be under way, in milliseconds. Somebody who listens could repeat an older
/// one of a node that is forgotten.
const WINDOW: u64 = 60_000;
/// How long the last number of a node that is gone is remembered: until its frames are too old by themselves.
const REMEMBERED: Duration = Duration::from_millis(2 * WINDOW);

/// All nodes that were heard.
pub(crate) struct Peers {
    me: NodeId,
    secret: Secret,
    timeout: Duration,
    peers: HashMap<NodeId, Peer>,
}

struct Peer {
    seal: Seal,
    /// The number of its last frame.
    sequence: u64,
    heard: Instant,
    is_alive: bool,
    /// A message of which some parts came.
    partial: Option<Partial>,
}

struct Partial {
    next: u32,
    count: u32,
    bytes: BytesMut,
}

/// A message is larger than [`LARGEST_MESSAGE`].
struct TooLarge;

/// What a frame brought.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Heard {
    pub events: Vec<(Option<Bytes>, Event)>,
    /// Frames before it that never came.
    pub lost: u64,
}

/// Why a frame does not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Rejected {
    #[error("it is no frame, or of another version")]
    Malformed,
    #[error("no node of this project made it: it is forged, or another process has another `messaging.secret`")]
    Forged,
    #[error("it was sent more than a minute ago or hence: it is repeated, or the clocks differ")]
    Late,
    #[error("it came before")]
    Repeated,
}

impl Peers {
    pub fn new(me: NodeId, secret: Secret, timeout: Duration) -> Peers {
        Peers { me, secret, timeout, peers: HashMap::new() }
    }

    /// The nodes that are alive, this one aside.
    pub fn alive(&self) -> usize {
        self.peers.values().filter(|peer| peer.is_alive).count()
    }

    /// Takes a frame that came at `now`, `clock` milliseconds after the Unix epoch's begin.
    pub fn take(&mut self, frame: Bytes, now: Instant, clock: u64) -> Result<Heard, Rejected> {
        let sealed = Sealed::read(frame).ok_or(Rejected::Malformed)?;
        let node = sealed.node;
        if node == self.me {
            return Ok(Heard::default());
        }
        let known = self.peers.get(&node);
        if known.is_some_and(|peer| sealed.sequence <= peer.sequence) {
            return Err(Rejected::Repeated);
        }
        let fresh = match known {
            Some(_) => None,
            None => Some(Seal::of(&self.secret, node).ok_or(Rejected::Forged)?),
        };
        let seal = known.map(|peer| &peer.seal).or(fresh.as_ref()).ok_or(Rejected::Forged)?;
        let (time, content) = sealed.open(seal).ok_or(Rejected::Forged)?;
        if time.abs_diff(clock) > WINDOW {
            return Err(Rejected::Late);
        }
        if let Some(seal) = fresh {
            let sequence = sealed.sequence.saturating_sub(1);
            self.peers.insert(node, Peer { seal, sequence, heard: now, is_alive: false, partial: None });
        }
        let Some(peer) = self.peers.get_mut(&node) else { return Ok(Heard::default()) };
        Ok(peer.take(node, sealed.sequence, content, now))
    }

    /// The nodes that have been silent for too long.
    pub fn expire(&mut self, now: Instant) -> Vec<Event> {
        let mut dead = Vec::new();
        for (node, peer) in &mut self.peers {
            if peer.is_alive && now.saturating_duration_since(peer.heard) > self.timeout {
                peer.leave();
                dead.push(Event::Left(*node));
            }
        }
        let is_remembered = |peer: &Peer| now.saturating_duration_since(peer.heard) < REMEMBERED.max(self.timeout * 2);
        self.peers.retain(|_, peer| peer.is_alive || is_remembered(peer));
        dead
    }
}

impl Peer {
    fn take(&mut self, node: NodeId, sequence: u64, content: Content, now: Instant) -> Heard {
        let mut heard = Heard { events: Vec::new(), lost: sequence - self.sequence - 1 };
        self.sequence = sequence;
        self.heard = now;
        if content == Content::Leaving {
            if self.is_alive {
                self.leave();
                heard.events.push((None, Event::Left(node)));
            }
            return heard;
        }
        if !self.is_alive {
            // What it said while it was thought dead is known to be missed.
            self.is_alive = true;
            heard.events.push((None, Event::Joined(node)));
        } else if heard.lost > 0 {
            self.partial = None;
            heard.events.push((None, Event::Missed(node)));
        }
        let messages = match content {
            Content::Messages(messages) => {
                self.partial = None;
                messages
            }
            Content::Part { index, count, piece } => match self.put(index, count, &piece) {
                Ok(message) => message.into_iter().collect(),
                Err(TooLarge) => {
                    heard.lost += 1;
                    heard.events.push((None, Event::Missed(node)));
                    Vec::new()
                }
            },
            Content::Leaving => Vec::new(),
        };
        let events = messages.into_iter().map(|message| (Some(message.topic), Event::Message(node, message.body)));
        heard.events.extend(events);
        heard
    }

    /// Adds a part; gives the message when it was the last.
    fn put(&mut self, index: u32, count: u32, piece: &[u8]) -> Result<Option<Message>, TooLarge> {
        if index == 0 {
            self.partial = Some(Partial { next: 0, count, bytes: BytesMut::new() });
        }
        // The rest of a message whose beginning was missed is nothing.
        let Some(partial) = &mut self.partial else { return Ok(None) };
        if partial.next != index || partial.count != count {
            self.partial = None;
            return Ok(None);
        }
        if partial.bytes.len() + piece.len() > LARGEST_MESSAGE {
            self.partial = None;
            return Err(TooLarge);
        }
        partial.next += 1;
        partial.bytes.extend_from_slice(piece);
        if partial.next < count {
            return Ok(None);
        }
        Ok(self.partial.take().and_then(|whole| Message::read(whole.bytes.freeze())))
    }

    fn leave(&mut self) {
        self.is_alive = false;
        self.partial = None;
    }
}

#[cfg(test)]
mod tests;
