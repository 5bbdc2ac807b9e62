//! What waits to be written to a connection: bounded, and closed with a reason when a client does not read.

use std::collections::VecDeque;
use std::mem;
use std::sync::{Mutex, PoisonError};

use tokio::sync::Notify;

use crate::protocol::Frame;

/// Why the server ends a connection (RFC 6455, section 7.4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Close {
    /// The close code.
    pub code: u16,
    /// A short text.
    pub reason: &'static str,
}

impl Close {
    /// The client does not read what waits for it.
    pub const SLOW: Close = Close { code: 1008, reason: "Too many messages wait to be read" };
    /// Nothing came for too long.
    pub const IDLE: Close = Close { code: 1000, reason: "Nothing was heard for too long" };
    /// Too much came.
    pub const FLOOD: Close = Close { code: 1008, reason: "Too many messages per second" };
    /// A message is larger than clients may send.
    pub const LARGE: Close = Close { code: 1009, reason: "A message has at most 5 MiB" };
    /// A text is not in UTF-8.
    pub const TEXT: Close = Close { code: 1007, reason: "A text is not in UTF-8" };
    /// What came is no WebSocket frame.
    pub const PROTOCOL: Close = Close { code: 1002, reason: "What came is no WebSocket frame" };
    /// The server stops.
    pub const STOPPING: Close = Close { code: 1012, reason: "The server is restarting" };
}

/// The queue of one connection.
#[derive(Debug)]
pub(crate) struct Outbox {
    waiting: Mutex<Waiting>,
    filled: Notify,
    closed: Notify,
    most: usize,
    most_bytes: usize,
}

#[derive(Debug, Default)]
struct Waiting {
    frames: VecDeque<Frame>,
    bytes: usize,
    close: Option<Close>,
    stopping: bool,
}

impl Outbox {
    /// A queue for `most` frames and `most_bytes` bytes; one more closes it. One frame of any size finds room where none waits.
    pub fn new(most: usize, most_bytes: usize) -> Outbox {
        Outbox { waiting: Mutex::default(), filled: Notify::new(), closed: Notify::new(), most, most_bytes }
    }

    /// Adds a frame; nothing once the queue is closed.
    pub fn push(&self, frame: Frame) {
        let mut waiting = self.lock();
        if waiting.close.is_some() {
            return;
        }
        waiting.bytes += frame.len();
        waiting.frames.push_back(frame);
        let is_large = waiting.frames.len() > 1 && waiting.bytes > self.most_bytes;
        if waiting.frames.len() > self.most || is_large {
            drop(waiting);
            self.close(Close::SLOW);
        } else if waiting.frames.len() == 1 {
            drop(waiting);
            self.filled.notify_one();
        }
    }

    /// Ends the connection. The first reason stands. A slow client's frames are given up; otherwise they are written first.
    pub fn close(&self, close: Close) {
        let mut waiting = self.lock();
        if waiting.close.is_some() {
            // Whoever is still being told of another end has to hurry.
            waiting.stopping |= close == Close::STOPPING;
            drop(waiting);
            self.closed.notify_one();
            return;
        }
        waiting.close = Some(close);
        if close == Close::SLOW {
            waiting.frames = VecDeque::new();
        }
        drop(waiting);
        self.filled.notify_one();
        self.closed.notify_one();
    }

    /// All that waits, once something does; or the reason of the end.
    pub async fn take(&self) -> Result<VecDeque<Frame>, Close> {
        loop {
            {
                let mut waiting = self.lock();
                if !waiting.frames.is_empty() {
                    waiting.bytes = 0;
                    return Ok(mem::take(&mut waiting.frames));
                }
                if let Some(close) = waiting.close {
                    return Err(close);
                }
            }
            self.filled.notified().await;
        }
    }

    /// Completes once the queue is closed.
    pub async fn until_closed(&self) -> Close {
        loop {
            if let Some(close) = self.lock().close {
                return close;
            }
            self.closed.notified().await;
        }
    }

    /// Completes when the server stops while the client is being told of another end.
    pub async fn until_stopping(&self) {
        while !self.lock().stopping {
            self.closed.notified().await;
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Waiting> {
        // Nothing that holds it can leave it half done.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn frame(size: usize) -> Frame {
        Frame::Text(Bytes::from(vec![b'x'; size]))
    }

    #[tokio::test]
    async fn frames_come_in_their_order_and_together() {
        let outbox = Outbox::new(8, 100);
        outbox.push(frame(1));
        outbox.push(frame(2));
        let sizes: Vec<usize> = outbox.take().await.unwrap().iter().map(Frame::len).collect();
        assert_eq!(sizes, [1, 2]);
        outbox.push(frame(3));
        outbox.close(Close::STOPPING);
        assert_eq!(outbox.take().await.unwrap().len(), 1);
        assert_eq!(outbox.take().await, Err(Close::STOPPING));
    }

    #[tokio::test]
    async fn one_more_than_fits_closes_it() {
        for (most, most_bytes) in [(2, 1000), (100, 25)] {
            let outbox = Outbox::new(most, most_bytes);
            (0..3).for_each(|_| outbox.push(frame(10)));
            assert_eq!(outbox.take().await, Err(Close::SLOW));
            outbox.push(frame(10));
            assert_eq!(outbox.until_closed().await, Close::SLOW);
            assert!(outbox.lock().frames.is_empty());
        }
        let outbox = Outbox::new(100, 25);
        outbox.push(frame(100));
        assert_eq!(outbox.take().await.unwrap().len(), 1);
    }
}
