//! The room that presences may take: other nodes' count as this one's do.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

use crate::limits::Limits;

/// How many presences this node holds, its own and others', and may hold.
#[derive(Debug)]
pub(crate) struct Room {
    bytes: AtomicU64,
    most_bytes: AtomicU64,
    most_in_channel: AtomicUsize,
    most_bytes_in_channel: AtomicUsize,
    /// Whether it was said that there is no room.
    was_full: AtomicBool,
}

/// There is no room for a presence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Full {
    /// The channel has as many as it may have.
    Channel,
    /// All channels together have.
    Server,
}

impl Room {
    pub fn new(limits: &Limits) -> Room {
        let room = Room {
            bytes: AtomicU64::new(0),
            most_bytes: AtomicU64::new(0),
            most_in_channel: AtomicUsize::new(0),
            most_bytes_in_channel: AtomicUsize::new(0),
            was_full: AtomicBool::new(false),
        };
        room.limit(limits);
        room
    }

    /// Judges by these limits from now on.
    pub fn limit(&self, limits: &Limits) {
        self.most_bytes.store(limits.presence_bytes.as_u64(), Ordering::Relaxed);
        self.most_in_channel.store(limits.presences, Ordering::Relaxed);
        self.most_bytes_in_channel.store(limits.state_bytes(), Ordering::Relaxed);
    }

    /// Whether a channel may have so many presences, of so many bytes as they are shown.
    pub fn fits_channel(&self, presences: usize, bytes: usize) -> bool {
        presences <= self.most_in_channel.load(Ordering::Relaxed)
            && bytes <= self.most_bytes_in_channel.load(Ordering::Relaxed)
    }

    /// Bytes that are taken.
    #[cfg(test)]
    pub fn held(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Notes that another node's presences are left out. Whether that is news.
    pub fn is_news(&self) -> bool {
        !self.was_full.swap(true, Ordering::Relaxed)
    }

    /// Takes room for a presence of so many bytes.
    ///
    /// Errors: there is none.
    pub fn take(&self, bytes: u64) -> Result<(), Full> {
        let most = self.most_bytes.load(Ordering::Relaxed);
        let taken = self.bytes.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |held| {
            held.checked_add(bytes).filter(|held| *held <= most)
        });
        taken.map(drop).map_err(|_| Full::Server)
    }

    /// Gives room back.
    pub fn give_back(&self, bytes: u64) {
        if bytes > 0 {
            self.bytes.fetch_sub(bytes, Ordering::Relaxed);
            self.was_full.store(false, Ordering::Relaxed);
        }
    }
}

impl Full {
    /// What a client is told.
    pub fn reason(self) -> &'static str {
        match self {
            Full::Channel => "Too many presences in this Channel",
            Full::Server => "Too many presences on this server",
        }
    }
}
