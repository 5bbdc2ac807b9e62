//! The live tail: one task reads the log as it grows and hands each batch to everyone in the process who subscribed.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use basalt_core::{Backoff, Change, Result};
use basalt_supervise::supervised;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{broadcast, watch};

use super::{Batch, Changes};
use crate::database::WeakDatabase;

/// Batches that wait for a slow subscriber; one that is further behind reads the log.
const WAITING: usize = 16;
/// Entries of a batch, at most.
const BATCH: usize = 256;
/// The pauses after a failed read.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// What all subscribers of a database share.
pub(crate) struct Hub {
    /// The tail, while it runs.
    tail: Mutex<Option<broadcast::Sender<Arc<Batch>>>>,
    /// Rings when something was logged.
    rung: watch::Sender<()>,
    /// Questions that row policies were asked.
    pub(super) asked: AtomicU64,
}

impl Default for Hub {
    fn default() -> Self {
        Hub { tail: Mutex::default(), rung: watch::Sender::new(()), asked: AtomicU64::new(0) }
    }
}

impl Hub {
    /// Something was logged, or may have been.
    pub(crate) fn ring(&self) {
        self.rung.send_replace(());
    }
}

/// A reader of what is written from its beginning on. It holds no part of the database.
pub struct Subscription {
    database: WeakDatabase,
    batches: broadcast::Receiver<Arc<Batch>>,
    /// The last id that it saw.
    position: u64,
    /// Whether it reads the log, because it was too slow for the tail.
    is_behind: bool,
}

impl Changes {
    /// Everything that is logged from now on. A subscriber that is slow costs no memory: it is given what it missed from the log.
    ///
    /// Errors: as [`crate::Database::run`]; 0A000 where the database has no log.
    pub async fn subscribe(&self) -> Result<Subscription> {
        let hub = self.database.hub();
        let joined = hub.tail.lock().unwrap_or_else(PoisonError::into_inner).as_ref().map(broadcast::Sender::subscribe);
        // Who listens first, and then looks how far the log is, misses nothing.
        let position = self.end().await?;
        let batches = match joined {
            Some(batches) => batches,
            None => self.start(position),
        };
        Ok(Subscription { database: self.database.downgrade(), batches, position, is_behind: false })
    }

    /// Starts the tail, unless somebody else just did.
    fn start(&self, position: u64) -> broadcast::Receiver<Arc<Batch>> {
        let hub = self.database.hub();
        let mut tail = hub.tail.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(tail) = tail.as_ref() {
            return tail.subscribe();
        }
        let (sender, batches) = broadcast::channel(WAITING);
        *tail = Some(sender);
        let (database, rung, hub) = (self.database.downgrade(), hub.rung.subscribe(), hub.clone());
        let position = Arc::new(AtomicU64::new(position));
        let work = move || follow(database.clone(), hub.clone(), rung.clone(), position.clone());
        tokio::spawn(supervised("the tail of the change log", work));
        batches
    }
}

/// Reads the log as it grows, until nobody listens. Whoever goes on after it does so from its position.
async fn follow(database: WeakDatabase, hub: Arc<Hub>, mut rung: watch::Receiver<()>, position: Arc<AtomicU64>) {
    let mut backoff = Backoff::new(FIRST_PAUSE, LONGEST_PAUSE);
    loop {
        let Some(interval) = database.upgrade().map(|database| database.poll_interval()) else { return hub.end() };
        let read = match database.upgrade() {
            Some(database) => Changes::of(&database).read(position.load(Ordering::Relaxed), BATCH).await,
            None => return hub.end(),
        };
        match read {
            Ok(batch) if batch.is_empty() => {
                backoff.reset();
                if hub.is_deserted() {
                    return;
                }
                // Without a bell, or where others write too, the log is looked at now and then.
                let _ = tokio::time::timeout(interval, rung.changed()).await;
            }
            Ok(batch) => {
                backoff.reset();
                position.fetch_max(batch.last(), Ordering::Relaxed);
                hub.send(batch);
                if hub.is_deserted() {
                    return;
                }
            }
            Err(error) => {
                let pause = backoff.pause();
                tracing::warn!(%error, "the change log could not be read; trying again in {pause:?}");
                tokio::time::sleep(pause).await;
                if hub.is_deserted() {
                    return;
                }
            }
        }
    }
}

impl Hub {
    fn send(&self, batch: Batch) {
        if let Some(tail) = self.tail.lock().unwrap_or_else(PoisonError::into_inner).as_ref() {
            // Without a subscriber there is nobody to tell.
            let _ = tail.send(Arc::new(batch));
        }
    }

    /// Ends the tail if nobody listens. Whether it did.
    fn is_deserted(&self) -> bool {
        let mut tail = self.tail.lock().unwrap_or_else(PoisonError::into_inner);
        let deserted = tail.as_ref().is_none_or(|tail| tail.receiver_count() == 0);
        if deserted {
            *tail = None;
        }
        deserted
    }

    fn end(&self) {
        *self.tail.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

impl Subscription {
    /// The id of the last change that it gave, or where it began.
    pub fn position(&self) -> u64 {
        self.position
    }

    /// The next changes, in the order of their ids; `None` when the database is closed.
    pub async fn next(&mut self) -> Option<Batch> {
        loop {
            if self.is_behind {
                let database = self.database.upgrade()?;
                match Changes::of(&database).read(self.position, BATCH).await {
                    Ok(batch) if batch.is_empty() => self.is_behind = false,
                    Ok(batch) => {
                        self.position = batch.last().max(self.position);
                        return Some(batch);
                    }
                    Err(error) => {
                        tracing::warn!(%error, "a slow subscriber could not read the change log");
                        drop(database);
                        tokio::time::sleep(LONGEST_PAUSE).await;
                    }
                }
                continue;
            }
            match self.batches.recv().await {
                Ok(batch) => {
                    if let Some(batch) = self.unseen(&batch) {
                        return Some(batch);
                    }
                }
                Err(RecvError::Lagged(_)) => self.is_behind = true,
                Err(RecvError::Closed) => return None,
            }
        }
    }

    /// What of a batch it has not seen yet.
    fn unseen(&mut self, batch: &Batch) -> Option<Batch> {
        let changes: Vec<Arc<Change>> =
            batch.changes.iter().filter(|change| change.id > self.position).cloned().collect();
        let lost = if batch.last() > self.position { batch.lost } else { 0 };
        let unseen = Batch { changes, lost, lost_up_to: batch.lost_up_to };
        self.position = unseen.last().max(self.position);
        (!unseen.is_empty()).then_some(unseen)
    }
}
