//! What waits to leave, and the task that has it leave: nobody who asked waits for whom it goes to.

use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::error::{AuthError, Result};

/// Most that may wait.
const QUEUE: usize = 1024;
/// Pauses before what was not taken is tried again.
const RETRIES: [Duration; 3] = [Duration::from_secs(2), Duration::from_secs(15), Duration::from_secs(120)];

/// A way out: a mail server, or a hook.
pub(crate) trait Deliver: Send + Sync + 'static {
    /// What is delivered.
    type Item: Send + Sync + 'static;

    /// Delivers one.
    fn deliver(&self, item: &Self::Item) -> impl Future<Output = Result<(), Undelivered>> + Send;
}

/// Why something was not taken.
pub(crate) struct Undelivered {
    pub why: String,
    /// Whether it is of no use to try again.
    pub is_final: bool,
}

/// What waits, and its task.
pub(super) struct Queue<T> {
    sender: mpsc::Sender<T>,
    task: JoinHandle<()>,
}

impl<T: Send + Sync + 'static> Queue<T> {
    pub fn new(way: impl Deliver<Item = T>) -> Queue<T> {
        let (sender, waiting) = mpsc::channel(QUEUE);
        Queue { sender, task: tokio::spawn(work(way, waiting)) }
    }

    /// Has something delivered.
    ///
    /// Errors: `over_email_send_rate_limit` when too much waits.
    pub fn put(&self, item: T) -> Result<()> {
        let full = |_| AuthError::new(429, "over_email_send_rate_limit", "email rate limit exceeded");
        self.sender.try_send(item).map_err(full)
    }
}

impl<T> Drop for Queue<T> {
    /// What is on its way is finished by the task, which ends with the queue; a queue that is replaced empty waits for nothing.
    fn drop(&mut self) {
        if self.sender.capacity() == self.sender.max_capacity() {
            self.task.abort();
        }
    }
}

/// Delivers one after another until nobody has any more.
async fn work<T: Send + Sync + 'static>(way: impl Deliver<Item = T>, mut waiting: mpsc::Receiver<T>) {
    while let Some(item) = waiting.recv().await {
        let mut pauses = RETRIES.iter();
        while let Err(Undelivered { why, is_final }) = way.deliver(&item).await {
            match pauses.next().filter(|_| !is_final) {
                Some(pause) => {
                    tracing::warn!(error = why, "a mail was not taken; trying again in {pause:?}");
                    tokio::time::sleep(*pause).await;
                }
                None => {
                    tracing::error!(error = why, "a mail was not taken");
                    break;
                }
            }
        }
    }
}
