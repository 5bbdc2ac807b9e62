//! What is counted of the nodes' messages, for operators.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

/// Counts of this process.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub connected: AtomicBool,
    pub others: AtomicUsize,
    pub sent: AtomicU64,
    pub received: AtomicU64,
    pub dropped: AtomicU64,
    pub lost: AtomicU64,
    pub rejected: AtomicU64,
    pub reconnected: AtomicU64,
}

/// How messaging stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// What carries messages.
    pub carrier: &'static str,
    /// Whether messages come and go now.
    pub connected: bool,
    /// Other nodes that are alive.
    pub others: usize,
    /// Messages that left.
    pub sent: u64,
    /// Messages that came.
    pub received: u64,
    /// Messages that found the queue full, or waited in it for too long.
    pub dropped: u64,
    /// Frames of other nodes that never came.
    pub lost: u64,
    /// Frames that were forged, too old, or came before.
    pub rejected: u64,
    /// Connections that were made again.
    pub reconnected: u64,
}

impl Counters {
    pub fn standing(&self, carrier: &'static str) -> Standing {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Standing {
            carrier,
            connected: self.connected.load(Ordering::Relaxed),
            others: self.others.load(Ordering::Relaxed),
            sent: count(&self.sent),
            received: count(&self.received),
            dropped: count(&self.dropped),
            lost: count(&self.lost),
            rejected: count(&self.rejected),
            reconnected: count(&self.reconnected),
        }
    }
}
