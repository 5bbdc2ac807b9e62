//! What a client may cost.

use std::time::Duration;

use bytesize::ByteSize;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

/// `[realtime]` in `basalt.toml`. Rates are averaged over ten seconds, so that a burst passes.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Connections at once.
    pub connections: usize,
    /// Channels of one connection.
    pub channels: usize,
    /// Joins a second of one connection.
    pub joins: u32,
    /// Largest message that joins a channel: what stands in it is kept, and matched with every change, as long as the channel is joined.
    pub join_bytes: ByteSize,
    /// Messages a second of one connection.
    pub events: u32,
    /// Bytes a second of one connection.
    pub bytes: ByteSize,
    /// Presence messages a second of one client in one channel.
    pub presence_events: u32,
    /// Presence calls of one client in one channel within `presence_window`.
    pub presence_calls: u32,
    /// The time over which presence calls are counted.
    #[serde(with = "humantime_serde")]
    pub presence_window: Duration,
    /// Presences of one channel, on all nodes together.
    pub presences: usize,
    /// Memory for the presences of all channels that this node knows of, its own and other nodes', about.
    pub presence_bytes: ByteSize,
    /// Broadcasts a second through the HTTP endpoints, all callers together.
    pub api_events: u32,
    /// Largest payload of a broadcast or presence.
    pub payload: ByteSize,
    /// Messages that may wait for a client that does not read; one more ends its connection.
    pub queue: usize,
    /// Bytes that may wait for a client that does not read.
    pub queue_bytes: ByteSize,
    /// How long a connection may be silent; clients send a heartbeat every 25 seconds.
    #[serde(with = "humantime_serde")]
    pub idle_timeout: Duration,
    /// How long a client that is disconnected for reading too little or sending too much may take to read why.
    #[serde(with = "humantime_serde")]
    pub close_timeout: Duration,
    /// Whether only private channels may be joined.
    pub private_only: bool,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            connections: 10_000,
            channels: 100,
            joins: 100,
            join_bytes: ByteSize::kib(64),
            events: 100,
            bytes: ByteSize::kb(100),
            presence_events: 1000,
            presence_calls: 5,
            presence_window: Duration::from_secs(30),
            presences: 10_000,
            presence_bytes: ByteSize::mib(64),
            api_events: 1000,
            payload: ByteSize::kb(3000),
            queue: 1024,
            queue_bytes: ByteSize::mib(8),
            idle_timeout: Duration::from_secs(60),
            close_timeout: Duration::from_secs(10),
            private_only: false,
        }
    }
}

impl Limits {
    /// Bytes that the presences of one channel may take as they are shown: who joins is told of all at once, beside other messages.
    pub(crate) fn state_bytes(&self) -> usize {
        (self.queue_bytes.as_u64() / 4 * 3) as usize
    }

    /// Whether a payload of so many bytes is too large.
    pub(crate) fn is_too_large(&self, size: usize) -> bool {
        size as u64 > self.payload.as_u64()
    }
}

/// Burst that a rate allows, in seconds' worth.
const BURST: f64 = 10.0;

/// A token bucket. A large piece may be taken on credit: what comes next waits until it is paid.
#[derive(Debug)]
pub(crate) struct Bucket {
    level: f64,
    filled: Instant,
}

/// How a bucket fills.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rate {
    per_second: f64,
    capacity: f64,
}

impl Rate {
    /// So many a second, averaged over ten seconds.
    pub fn per_second(count: u64) -> Rate {
        let per_second = count as f64;
        Rate { per_second, capacity: per_second * BURST }
    }

    /// So many within a time, at once or spread.
    pub fn within(count: u32, window: Duration) -> Rate {
        let capacity = f64::from(count);
        Rate { per_second: capacity / window.as_secs_f64().max(0.001), capacity }
    }
}

impl Bucket {
    /// A full bucket.
    pub fn new(rate: Rate) -> Bucket {
        Bucket { level: rate.capacity, filled: Instant::now() }
    }

    /// Takes `amount` if anything is left.
    pub fn take(&mut self, rate: Rate, amount: u64) -> bool {
        self.take_at(Instant::now(), rate, amount)
    }

    fn take_at(&mut self, now: Instant, rate: Rate, amount: u64) -> bool {
        let gained = now.duration_since(self.filled).as_secs_f64() * rate.per_second;
        self.level = (self.level + gained).min(rate.capacity);
        self.filled = now;
        let enough = self.level >= 1.0;
        if enough {
            self.level -= amount as f64;
        }
        enough
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_empties_and_fills() {
        let rate = Rate::within(3, Duration::from_secs(30));
        let mut bucket = Bucket::new(rate);
        let now = bucket.filled;
        assert!((0..3).all(|_| bucket.take_at(now, rate, 1)));
        assert!(!bucket.take_at(now, rate, 1));
        let later = now + Duration::from_secs(11);
        assert!(bucket.take_at(later, rate, 1) && !bucket.take_at(later, rate, 1));
    }

    #[test]
    fn a_large_piece_is_paid_afterwards() {
        let rate = Rate::per_second(100);
        let mut bucket = Bucket::new(rate);
        let now = bucket.filled;
        assert!(bucket.take_at(now, rate, 3000) && !bucket.take_at(now, rate, 1));
        assert!(!bucket.take_at(now + Duration::from_secs(19), rate, 1));
        assert!(bucket.take_at(now + Duration::from_secs(21), rate, 1));
    }
}
