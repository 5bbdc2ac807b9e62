//! The bus: what a service says to the same service on all other nodes, and what it hears from there.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use basalt_core::{Backoff, unix_time};
use bytes::Bytes;
use tokio::sync::{mpsc, watch};
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};

use crate::counters::{Counters, Standing};
use crate::frame::Writer;
use crate::line::{Carrier, Line, LineError};
use crate::node::NodeId;
use crate::outgoing::Outgoing;
use crate::peers::Peers;
use crate::seal::{Seal, Secret};
use crate::settings::Settings;

/// The pauses after a lost line.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// Bytes of messages that leave in one turn.
const TURN: usize = 256 << 10;
/// Events that wait for a subscriber. When it is full nothing more is taken from the line, which then loses frames.
const WAITING: usize = 64;
/// How long the last messages of a node that stops may take.
const FAREWELL: Duration = Duration::from_secs(2);

/// The way to the other nodes. Cloning is a reference count.
#[derive(Clone)]
pub struct Bus(Arc<Shared>);

/// What a subscriber hears.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A node is there, for the first time or again. What it said before is not known.
    Joined(NodeId),
    /// A node stopped or died, or can't be heard.
    Left(NodeId),
    /// Something that a node said was lost.
    Missed(NodeId),
    /// A node's message.
    Message(NodeId, Bytes),
}

/// What comes for one topic, in order.
pub struct Subscription(mpsc::Receiver<Event>);

struct Shared {
    node: NodeId,
    others: Option<Others>,
    outgoing: Outgoing,
    counters: Counters,
    subscribers: Mutex<Vec<(&'static str, mpsc::Sender<Event>)>>,
    /// Whether the first line was made, or could not be.
    attempted: watch::Sender<bool>,
    leaving: watch::Sender<bool>,
}

/// What it takes to talk to others.
struct Others {
    carrier: Box<dyn Carrier>,
    heartbeat: Duration,
    timeout: Duration,
    writer: Mutex<Writer>,
    peers: Mutex<Peers>,
}

impl Bus {
    /// The bus of a node that has no others: nothing is sent, nothing comes.
    pub fn alone() -> Bus {
        Bus::over(NodeId::random(), None, &Settings::default())
    }

    /// A bus over a carrier, for [`Bus::run`].
    pub fn new(carrier: Box<dyn Carrier>, secret: &Secret, settings: &Settings) -> Bus {
        let node = NodeId::random();
        let others = Seal::of(secret, node).map(|seal| Others {
            carrier,
            heartbeat: settings.heartbeat,
            timeout: settings.timeout,
            writer: Mutex::new(Writer::new(node, seal)),
            peers: Mutex::new(Peers::new(node, secret.clone(), settings.timeout)),
        });
        Bus::over(node, others, settings)
    }

    fn over(node: NodeId, others: Option<Others>, settings: &Settings) -> Bus {
        Bus(Arc::new(Shared {
            node,
            attempted: watch::Sender::new(others.is_none()),
            others,
            outgoing: Outgoing::new(settings.queue, settings.queue_bytes.as_u64() as usize),
            counters: Counters::default(),
            subscribers: Mutex::default(),
            leaving: watch::Sender::new(false),
        }))
    }

    /// This node.
    pub fn node(&self) -> NodeId {
        self.0.node
    }

    /// Says something to the topic's subscribers on all other nodes. Never waits: what finds no room is dropped and counted.
    pub fn publish(&self, topic: &'static str, message: impl FnOnce() -> Bytes) {
        if self.0.counters.others.load(Ordering::Acquire) > 0 && !self.0.outgoing.push(topic, message()) {
            self.0.counters.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Completes when the queue has room for much.
    pub async fn room(&self) {
        self.0.outgoing.room().await;
    }

    /// What other nodes say to a topic from now on. A subscriber that is slow makes all of them wait.
    pub fn subscribe(&self, topic: &'static str) -> Subscription {
        let (sender, receiver) = mpsc::channel(WAITING);
        lock(&self.0.subscribers).push((topic, sender));
        Subscription(receiver)
    }

    /// Completes once this node and the others have heard of each other, or can't for now.
    pub async fn attempted(&self) {
        // The sender is in this very value.
        let _ = self.0.attempted.subscribe().wait_for(|attempted| *attempted).await;
    }

    /// How it stands. `None`: this node is alone by configuration.
    pub fn standing(&self) -> Option<Standing> {
        self.0.others.as_ref().map(|others| self.0.counters.standing(others.carrier.name()))
    }

    /// Has [`Bus::run`] send what waits, say goodbye, and return.
    pub fn leave(&self) {
        self.0.leaving.send_replace(true);
    }

    /// Carries messages until [`Bus::leave`].
    pub async fn run(&self) {
        let Some(others) = &self.0.others else { return };
        tokio::select! {
            () = self.0.talk(others) => {}
            () = self.0.watch(others) => {}
        }
        self.0.counters.connected.store(false, Ordering::Relaxed);
    }
}

impl Subscription {
    /// The next event. For ever, on a node that has no others.
    pub async fn next(&mut self) -> Event {
        match self.0.recv().await {
            Some(event) => event,
            None => std::future::pending().await,
        }
    }
}

impl Shared {
    /// Tells of nodes that are silent for too long.
    async fn watch(&self, others: &Others) {
        let mut look = interval(others.heartbeat / 2);
        loop {
            look.tick().await;
            let dead = {
                let mut peers = lock(&others.peers);
                let dead = peers.expire(Instant::now());
                self.counters.others.store(peers.alive(), Ordering::Release);
                dead
            };
            for event in dead {
                tracing::warn!(timeout = ?others.timeout, "a node was silent for too long: it died, or can't be heard");
                self.tell(None, &event).await;
            }
        }
    }

    /// Makes a line again and again, and talks over it, until the node leaves.
    async fn talk(&self, others: &Others) {
        let carrier = others.carrier.name();
        let mut backoff = Backoff::new(FIRST_PAUSE, LONGEST_PAUSE);
        let mut leaving = self.leaving.subscribe();
        loop {
            let connected = tokio::select! {
                connected = timeout(others.timeout, others.carrier.connect()) => connected,
                _ = leaving.wait_for(|leaving| *leaving) => return,
            };
            let began = Instant::now();
            let ended = match connected.unwrap_or_else(|_| Err(LineError("no connection came about in time".into()))) {
                Ok(line) => {
                    self.counters.connected.store(true, Ordering::Relaxed);
                    tracing::info!(node = %self.node, carrier, "talking to other nodes");
                    let ended = tokio::select! {
                        ended = self.send(others, &*line) => ended,
                        Err(error) = self.receive(others, &*line) => Err(error),
                    };
                    self.counters.connected.store(false, Ordering::Relaxed);
                    ended
                }
                Err(error) => Err(error),
            };
            let Err(error) = ended else { return };
            self.attempted.send_replace(true);
            backoff.reset_after(began.elapsed());
            let pause = backoff.pause();
            tracing::warn!(%error, carrier, "no line to other nodes; trying again in {pause:?}");
            tokio::select! {
                () = sleep(pause) => {}
                _ = leaving.wait_for(|leaving| *leaving) => return,
            }
            self.counters.reconnected.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Sends what is published, and signs of life, until the node has left.
    async fn send(&self, others: &Others, line: &dyn Line) -> Result<(), LineError> {
        let mut leaving = self.leaving.subscribe();
        let mut heartbeat = interval(others.heartbeat);
        heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let (mut is_due, is_leaving) = tokio::select! {
                _ = leaving.wait_for(|leaving| *leaving) => (false, true),
                _ = heartbeat.tick() => (true, false),
                () = self.outgoing.filled() => (false, false),
            };
            while is_due || !self.outgoing.is_empty() {
                let frames = self.turn(others, line.largest(), is_due);
                is_due = false;
                if frames.is_empty() {
                    continue;
                }
                if let Err(error) = within(others.timeout, line.send(frames)).await {
                    self.outgoing.note_gap();
                    return Err(error);
                }
            }
            if is_leaving {
                let last = lock(&others.writer).leaving(clock());
                return within(FAREWELL, line.send(last.into_iter().collect())).await;
            }
        }
    }

    /// The next frames.
    fn turn(&self, others: &Others, largest: usize, is_due: bool) -> Vec<Vec<u8>> {
        let taken = self.outgoing.take(TURN, others.timeout);
        self.counters.dropped.fetch_add(taken.stale, Ordering::Relaxed);
        self.counters.sent.fetch_add(taken.messages.len() as u64, Ordering::Relaxed);
        let mut writer = lock(&others.writer);
        if taken.gap {
            writer.skip();
        }
        if taken.messages.is_empty() && !is_due {
            return Vec::new();
        }
        let messages = taken.messages.iter().map(|message| (message.topic, &message.body[..]));
        writer.messages(messages, clock(), largest)
    }

    /// Takes what others say, until the line is lost.
    async fn receive(&self, others: &Others, line: &dyn Line) -> Result<(), LineError> {
        loop {
            // A node hears itself too: silence means that the line is dead.
            let frame = within(others.timeout, line.next()).await?;
            let heard = {
                let mut peers = lock(&others.peers);
                let heard = peers.take(frame, Instant::now(), clock());
                self.counters.others.store(peers.alive(), Ordering::Release);
                heard
            };
            self.attempted.send_replace(true);
            match heard {
                Ok(heard) => {
                    self.counters.lost.fetch_add(heard.lost, Ordering::Relaxed);
                    for (topic, event) in heard.events {
                        self.tell(topic.as_deref(), &event).await;
                    }
                }
                Err(why) => {
                    let count = self.counters.rejected.fetch_add(1, Ordering::Relaxed) + 1;
                    // Whoever forges many can't fill the log.
                    if count.is_power_of_two() {
                        tracing::warn!(%why, count, "a message of another node does not count");
                    }
                }
            }
        }
    }

    /// Hands an event to the subscribers of a topic, or to all.
    async fn tell(&self, topic: Option<&[u8]>, event: &Event) {
        match event {
            Event::Message(..) => _ = self.counters.received.fetch_add(1, Ordering::Relaxed),
            Event::Joined(node) => tracing::info!(%node, "a node is there"),
            Event::Left(node) => tracing::info!(%node, "a node is gone"),
            // It is counted; under load there may be many.
            Event::Missed(node) => tracing::debug!(%node, "something that a node said was lost"),
        }
        let senders: Vec<mpsc::Sender<Event>> = lock(&self.subscribers)
            .iter()
            .filter(|(of, _)| topic.is_none_or(|topic| topic == of.as_bytes()))
            .map(|(_, sender)| sender.clone())
            .collect();
        for sender in senders {
            // A subscriber that is gone is not told.
            let _ = sender.send(event.clone()).await;
        }
    }
}

async fn within<T>(time: Duration, what: impl Future<Output = Result<T, LineError>>) -> Result<T, LineError> {
    timeout(time, what).await.unwrap_or_else(|_| Err(LineError(format!("nothing happened for {time:?}"))))
}

/// Milliseconds of the Unix epoch.
fn clock() -> u64 {
    unix_time().as_millis() as u64
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
