//! What the engine counts, for metrics.

use std::sync::atomic::{AtomicU64, Ordering};

/// Counters since the database was opened.
#[derive(Debug, Default)]
pub struct Stats {
    /// Commits of the writer.
    pub commits: AtomicU64,
    /// The largest group.
    pub largest_group: AtomicU64,
    /// Requests refused because the queue was full.
    pub refused: AtomicU64,
    /// Requests that waited in vain (PGRST003).
    pub timeouts: AtomicU64,
    /// Panics of statements, caught.
    pub panics: AtomicU64,
    /// Checkpoints that moved the write-ahead log into the file.
    pub checkpoints: AtomicU64,
}

impl Stats {
    /// Notes a committed group.
    pub(super) fn group(&self, size: usize) {
        self.commits.fetch_add(1, Ordering::Relaxed);
        self.largest_group.fetch_max(size as u64, Ordering::Relaxed);
    }
}
