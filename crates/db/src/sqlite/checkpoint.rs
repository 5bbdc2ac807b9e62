//! Moves the write-ahead log into the file, off the writer's path.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use basalt_core::Result;
use flume::{Receiver, Sender};
use rusqlite::Connection;

use super::connection::File;
use super::job::no_thread;
use super::stats::Stats;
use super::{Shared, error};

/// Pages in the log at which the checkpoint thread is woken.
const SOFT: usize = 2000;
/// Pages at which the writer itself stops for a checkpoint: a log that never empties would grow without bound.
const HARD: usize = 32_000;

/// What the writer tells of the write-ahead log.
pub(super) struct Wal {
    pages: AtomicUsize,
    wake: Mutex<Option<Sender<()>>>,
}

impl Wal {
    /// The writer's side and the checkpoint thread's.
    pub fn new() -> (Wal, Receiver<()>) {
        let (wake, woken) = flume::bounded(1);
        (Wal { pages: AtomicUsize::new(0), wake: Mutex::new(Some(wake)) }, woken)
    }

    fn wake(&self) {
        if let Ok(wake) = self.wake.lock()
            && let Some(wake) = &*wake
        {
            // Full means that the thread is already awake.
            let _ = wake.try_send(());
        }
    }

    /// Ends the checkpoint thread.
    pub fn close(&self) {
        if let Ok(mut wake) = self.wake.lock() {
            *wake = None;
        }
    }
}

/// Has a connection tell how long the log is after each commit.
pub(super) fn watch(connection: &mut Connection, shared: &Arc<Shared>) -> Result<()> {
    let shared = Arc::downgrade(shared);
    connection
        .wal_hook(Some(move |_: &mut rusqlite::hooks::Wal, pages: i32| {
            if let Some(shared) = shared.upgrade() {
                let pages = usize::try_from(pages).unwrap_or(0);
                shared.wal.pages.store(pages, Ordering::Relaxed);
                if pages >= SOFT {
                    shared.wal.wake();
                }
            }
            Ok(())
        }))
        .map_err(error::translate)
}

/// Starts the checkpoint thread. It ends with [`Wal::close`].
pub(super) fn start(file: File, woken: Receiver<()>, stats: Arc<Stats>) -> Result<JoinHandle<()>> {
    let connection = file.bare().map_err(error::translate)?;
    std::thread::Builder::new()
        .name("basalt-checkpoint".to_owned())
        .spawn(move || {
            while woken.recv().is_ok() {
                match checkpoint(&connection) {
                    Ok(()) => _ = stats.checkpoints.fetch_add(1, Ordering::Relaxed),
                    Err(error) => tracing::warn!(%error, "a checkpoint failed; the next one tries again"),
                }
            }
        })
        .map_err(|error| no_thread(&error))
}

/// Stops the writer for a checkpoint if the log has grown too long.
pub(super) fn bound(connection: &Connection, shared: &Shared) {
    if shared.wal.pages.load(Ordering::Relaxed) < HARD {
        return;
    }
    match checkpoint(connection) {
        Ok(()) => {
            // The next commit tells the true length.
            shared.wal.pages.store(0, Ordering::Relaxed);
            shared.stats.checkpoints.fetch_add(1, Ordering::Relaxed);
        }
        Err(error) => tracing::warn!(%error, "a checkpoint failed; the next one tries again"),
    }
}

/// Moves what no reader needs any more; neither readers nor the writer wait for it.
fn checkpoint(connection: &Connection) -> rusqlite::Result<()> {
    connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()))
}
