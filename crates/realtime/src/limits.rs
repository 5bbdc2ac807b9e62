//! What a client may cost (contract: wire.md section 3.8).

use std::time::Duration;

use tokio::time::Instant;

/// The limits of the service.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Connections at once.
    pub connections: usize,
    /// Channels of one connection.
    pub channels: usize,
    /// Joins a second of one connection.
    pub joins: u32,
    /// Messages a second of one connection, averaged over ten seconds.
    pub events: u32,
    /// Bytes a second of one connection, averaged over ten seconds.
    pub bytes: u64,
    /// Presence messages a second of one channel, averaged over ten seconds.
    pub presence_events: u32,
    /// Presence calls of one client in one channel within `presence_window`.
    pub presence_calls: u32,
    /// The time over which presence calls are counted.
    pub presence_window: Duration,
    /// Largest payload of a broadcast or presence, in bytes.
    pub payload: usize,
    /// Messages that may wait for a connection that does not read.
    pub queue: usize,
    /// Bytes that may wait for a connection that does not read.
    pub queue_bytes: usize,
    /// How long a connection may be silent; clients send a heartbeat every 25 seconds.
    pub idle: Duration,
    /// Whether only private channels may be joined.
    pub private_only: bool,
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
        let now = Instant::now();
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

    #[tokio::test(start_paused = true)]
    async fn a_bucket_empties_and_fills() {
        let rate = Rate::within(3, Duration::from_secs(30));
        let mut bucket = Bucket::new(rate);
        assert!((0..3).all(|_| bucket.take(rate, 1)));
        assert!(!bucket.take(rate, 1));
        tokio::time::advance(Duration::from_secs(11)).await;
        assert!(bucket.take(rate, 1) && !bucket.take(rate, 1));
    }

    #[tokio::test(start_paused = true)]
    async fn a_large_piece_is_paid_afterwards() {
        let rate = Rate::per_second(100);
        let mut bucket = Bucket::new(rate);
        assert!(bucket.take(rate, 3000) && !bucket.take(rate, 1));
        tokio::time::advance(Duration::from_secs(19)).await;
        assert!(!bucket.take(rate, 1));
        tokio::time::advance(Duration::from_secs(2)).await;
        assert!(bucket.take(rate, 1));
    }
}
