//! `[limits]` and `[changes]`: what a request may cost, and how large the change log may grow.

use std::time::Duration;

use bytesize::ByteSize;
use serde::{Deserialize, Serialize};

/// The fewest bytes of headers that can be the limit: the server reads so many at once.
pub(crate) const LEAST_HEADERS: ByteSize = ByteSize::kib(8);

/// `[limits]`
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Largest request body (413).
    pub body: ByteSize,
    /// Largest answer (54000).
    pub response: ByteSize,
    /// Largest sum of request headers and request line (431 or 414).
    pub headers: ByteSize,
    /// Requests under way at once (503).
    pub requests: usize,
    /// Most requests of a batch (413).
    pub batch: usize,
}

/// `[changes]`: how large the change log may grow.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Changes {
    /// How long entries stay that every durable reader has passed.
    #[serde(with = "humantime_serde")]
    pub keep: Duration,
    /// Most entries, about.
    pub entries: u64,
    /// Most bytes of rows, about.
    pub bytes: ByteSize,
    /// The oldest entry.
    #[serde(with = "humantime_serde")]
    pub age: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            body: ByteSize::mib(10),
            response: ByteSize::mib(256),
            headers: ByteSize::kib(64),
            requests: 4096,
            batch: 100,
        }
    }
}

impl Default for Changes {
    fn default() -> Self {
        let basalt_db::changes::Limits { keep, entries, bytes, age } = basalt_db::changes::Limits::default();
        Changes { keep, entries, bytes: ByteSize::b(bytes), age }
    }
}

impl Changes {
    /// The same, as the database takes it.
    pub fn limits(&self) -> basalt_db::changes::Limits {
        let Changes { keep, entries, bytes, age } = self.clone();
        basalt_db::changes::Limits { keep, entries, bytes: bytes.as_u64(), age }
    }
}
