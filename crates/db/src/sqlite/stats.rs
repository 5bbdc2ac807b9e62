//! What the engine counts, for metrics.

use std::sync::atomic::{AtomicU64, Ordering};

/// Counters since the database was opened.
#[derive(Debug, Default)]
pub struct Stats {
    /// Requests that the readers answered.
    pub reads: AtomicU64,
    /// Requests that the writer answered.
    pub writes: AtomicU64,
    /// Commits of the writer: `writes / commits` is the mean size of a group.
    pub commits: AtomicU64,
    /// The largest group.
    pub largest_group: AtomicU64,
    /// Statements compiled: what the cache did not have.
    pub compiled: AtomicU64,
    /// Requests refused because the queue was full.
    pub refused: AtomicU64,
    /// Panics caught.
    pub panics: AtomicU64,
    /// Checkpoints that moved the write-ahead log into the file.
    pub checkpoints: AtomicU64,
}

impl Stats {
    /// Notes a committed group.
    pub(super) fn group(&self, size: usize) {
        let size = size as u64;
        self.writes.fetch_add(size, Ordering::Relaxed);
        self.commits.fetch_add(1, Ordering::Relaxed);
        self.largest_group.fetch_max(size, Ordering::Relaxed);
    }
}
