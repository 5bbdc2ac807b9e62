//! One WebSocket: what it says is read and answered in order, while what waits for it is written.

pub(crate) mod channels;
mod joining;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use basalt_supervise::caught;
use futures_util::{Sink, SinkExt, Stream, StreamExt};
use serde_json::Value;
use tokio::time::{Instant, sleep_until};

use crate::hub::Place;
use crate::join::token;
use crate::limits::{Bucket, Rate};
use crate::outbox::{Close, Outbox};
use crate::protocol::{Frame, Message, Version, decode, push, reply};
use crate::service::{Settings, Shared};
use crate::session::Session;

use channels::Joined;

/// What comes from a socket.
#[derive(Debug)]
pub enum Incoming {
    /// A message.
    Frame(Frame),
    /// A sign of life.
    Alive,
    /// What can't be read, nor anything after it: the connection is to be closed so.
    Unreadable(Close),
}

/// What goes to a socket.
#[derive(Debug)]
pub enum Outgoing {
    /// A message.
    Frame(Frame),
    /// The end.
    Close(Close),
}

/// How long a client that is not there any more, or has to go now, is told of the end.
const FAREWELL: Duration = Duration::from_secs(2);

/// A connection that was let in.
pub struct Connection {
    shared: Arc<Shared>,
    version: Version,
    /// Who the connection's own key speaks for.
    session: Session,
    outbox: Arc<Outbox>,
    joined: HashMap<Arc<str>, Joined>,
    joins: Bucket,
    events: Bucket,
    bytes: Bucket,
    /// Gives the place back at the end.
    _place: Place,
}

impl Connection {
    pub(crate) fn new(
        shared: Arc<Shared>,
        settings: &Settings,
        version: Version,
        session: Session,
        place: Place,
    ) -> Self {
        let limits = &settings.limits;
        let outbox = Arc::new(Outbox::new(limits.queue, limits.queue_bytes.as_u64() as usize));
        place.register(&outbox);
        Connection {
            shared,
            version,
            session,
            outbox,
            joined: HashMap::new(),
            joins: Bucket::new(Rate::per_second(limits.joins.into())),
            events: Bucket::new(Rate::per_second(limits.events.into())),
            bytes: Bucket::new(Rate::per_second(limits.bytes.as_u64())),
            _place: place,
        }
    }

    /// Serves the connection until either side ends it. Gives why, if it was this one.
    pub async fn run<R, W>(mut self, mut reader: R, mut writer: W) -> Option<Close>
    where
        R: Stream<Item = Incoming> + Unpin,
        W: Sink<Outgoing> + Unpin,
    {
        let outbox = self.outbox.clone();
        let close_timeout = self.shared.settings().limits.close_timeout;
        let close = tokio::select! {
            () = self.listen(&mut reader) => return None,
            close = write(&outbox, &mut writer, close_timeout) => close,
        };
        if let Some(close) = close {
            // Others don't see it any more, while it is told why.
            self.joined.drain().for_each(|(_, joined)| self.shared.forget(&joined));
            tokio::select! {
                () = farewell(close, reader, writer) => {}
                () = tokio::time::sleep(patience(close, close_timeout)) => {}
                () = outbox.until_stopping() => {}
            }
        }
        close
    }

    /// Answers what comes. Ends when the client is gone; a connection that is too silent or too loud is closed, and goes on until that is written.
    async fn listen(&mut self, reader: &mut (impl Stream<Item = Incoming> + Unpin)) {
        let mut idle = Instant::now();
        loop {
            let settings = self.shared.settings();
            let silent = idle + settings.limits.idle_timeout;
            let look = self.joined.values().filter_map(|joined| joined.look_again).min();
            tokio::select! {
                incoming = reader.next() => match incoming {
                    Some(Incoming::Frame(frame)) => {
                        idle = Instant::now();
                        self.handle(&settings, frame).await;
                    }
                    Some(Incoming::Alive) => {
                        idle = Instant::now();
                        if !self.events.take(Rate::per_second(settings.limits.events.into()), 1) {
                            self.outbox.close(Close::FLOOD);
                        }
                    }
                    Some(Incoming::Unreadable(close)) => {
                        self.outbox.close(close);
                        return std::future::pending().await;
                    }
                    None => return,
                },
                () = sleep_until(look.map_or(silent, |look| look.min(silent))) => {
                    if Instant::now() >= silent {
                        self.outbox.close(Close::IDLE);
                        return std::future::pending().await;
                    }
                    self.close_expired();
                }
            }
        }
    }

    async fn handle(&mut self, settings: &Settings, frame: Frame) {
        let limits = &settings.limits;
        let message = decode(self.version, &frame);
        let is_join = message.as_ref().is_some_and(|message| message.event == *"phx_join");
        // A join within its own rate is no event: where both rates are the same, nobody would ever be told that there are too many joins.
        let may_join = is_join && self.joins.take(Rate::per_second(limits.joins.into()), 1);
        let calm = (may_join || self.events.take(Rate::per_second(limits.events.into()), 1))
            & self.bytes.take(Rate::per_second(limits.bytes.as_u64()), frame.len() as u64);
        let Some(message) = message else {
            return if !calm {
                self.outbox.close(Close::FLOOD)
            };
        };
        if !calm {
            return match self.joined.contains_key(&*message.topic) {
                true => self.end(&message.topic, Close::FLOOD.reason),
                false => self.outbox.close(Close::FLOOD),
            };
        }
        if is_join && !may_join {
            return self.refuse(&message, "ClientJoinRateLimitReached: Too many joins per second");
        }
        if is_join && frame.len() as u64 > limits.join_bytes.as_u64() {
            return self.refuse(&message, &format!("JoinTooLarge: A join has at most {}", limits.join_bytes));
        }
        // What fails in one channel is no matter of the others.
        let (topic, join_ref) = (message.topic.clone(), message.join_ref.clone());
        if caught("a channel", self.dispatch(settings, message)).await.is_none() {
            self.crash(&topic, join_ref.as_deref());
        }
    }

    async fn dispatch(&mut self, settings: &Settings, message: Message) {
        match (&*message.topic, &*message.event) {
            ("phoenix", "heartbeat") => self.answer(&message, true, "{}"),
            // The futures of the rarer ones are large, and every idle connection would hold their space.
            (_, "phx_join") => Box::pin(self.join(settings, message)).await,
            (_, "phx_leave") => self.leave(&message),
            (topic, _) if !self.joined.contains_key(topic) => {
                self.answer(&message, false, "{\"reason\":\"unmatched topic\"}");
            }
            (_, "access_token") => {
                let token = message.payload.read::<Value>().as_ref().and_then(token);
                if let Some(token) = token {
                    Box::pin(self.renew(settings, &message.topic, token)).await;
                }
            }
            (_, "broadcast") => Box::pin(self.broadcast(settings, message)).await,
            (_, "presence") => Box::pin(self.presence(settings, message)).await,
            _ => {}
        }
    }

    /// Ends a channel in which something panicked. Its client joins anew.
    fn crash(&mut self, topic: &str, join_ref: Option<&str>) {
        tracing::error!(topic, "a channel panicked: it ends, and the connection goes on");
        let joined = self.joined.remove(topic);
        if let Some(joined) = &joined {
            self.shared.forget(joined);
        }
        let join_ref = joined.as_ref().map_or(join_ref, |joined| joined.member.join_ref.as_deref());
        self.outbox.push(push(self.version, join_ref, join_ref, topic, "phx_error", "{}"));
    }

    /// Replies to a message.
    fn answer(&self, message: &Message, ok: bool, response: &str) {
        let (join_ref, reference) = (message.join_ref.as_deref(), message.reference.as_deref());
        let join_ref = join_ref.filter(|_| message.topic != "phoenix");
        self.outbox.push(reply(self.version, join_ref, reference, &message.topic, ok, response));
    }

    /// Refuses with a reason.
    fn refuse(&self, message: &Message, reason: &str) {
        self.answer(message, false, &format!("{{\"reason\":{}}}", Value::from(reason)));
    }
}

impl Drop for Connection {
    /// However it ends, others don't see it any more.
    fn drop(&mut self) {
        self.joined.values().for_each(|joined| self.shared.forget(joined));
    }
}

/// Writes what waits, all that there is at once, until the connection is to be closed. `None`: the client is gone.
async fn write<W: Sink<Outgoing> + Unpin>(outbox: &Outbox, writer: &mut W, close_timeout: Duration) -> Option<Close> {
    let writing = async {
        loop {
            let frames = match outbox.take().await {
                Ok(frames) => frames,
                Err(close) => return Some(close),
            };
            for frame in frames {
                writer.feed(Outgoing::Frame(frame)).await.ok()?;
            }
            writer.flush().await.ok()?;
        }
    };
    tokio::select! {
        ended = writing => ended,
        // One who does not read would never let the writing end.
        close = until_slow(outbox, close_timeout) => Some(close),
    }
}

/// Completes when the client is too slow; another end waits for what is being written, but not for long.
async fn until_slow(outbox: &Outbox, close_timeout: Duration) -> Close {
    let close = outbox.until_closed().await;
    if close != Close::SLOW {
        tokio::time::sleep(patience(close, close_timeout)).await;
    }
    close
}

/// How long a client may take to be told why it is disconnected. One that sends too much, or reads too late, is there and may read yet.
fn patience(close: Close, close_timeout: Duration) -> Duration {
    match close {
        Close::SLOW | Close::FLOOD => close_timeout,
        _ => FAREWELL.min(close_timeout),
    }
}

/// Tells the client why it is disconnected, after what it was being sent, and waits for its answer: a connection that is given up while something of
/// its client's lies unread is reset, and what the client had not read yet is lost.
async fn farewell(
    close: Close,
    mut reader: impl Stream<Item = Incoming> + Unpin,
    mut writer: impl Sink<Outgoing> + Unpin,
) {
    let said = writer.send(Outgoing::Close(close));
    let heard = async { while reader.next().await.is_some() {} };
    let _ = tokio::join!(said, heard);
}
