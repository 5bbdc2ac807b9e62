//! What waits to leave, and the task that has it leave: nobody who asked waits for whom it goes to.

use std::time::Duration;

use basalt_supervise::caught;
use tokio::sync::mpsc;
use tokio::time::Instant;

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

/// What waits. Its task ends once this is dropped and everything was tried.
pub(super) struct Queue<T> {
    sender: mpsc::Sender<T>,
}

/// What is to be delivered, and when.
struct Attempt<T> {
    item: T,
    /// How often it was tried.
    tried: usize,
    due: Instant,
}

impl<T: Send + Sync + 'static> Queue<T> {
    pub fn new(way: impl Deliver<Item = T>) -> Queue<T> {
        let (sender, waiting) = mpsc::channel(QUEUE);
        tokio::spawn(work(way, waiting));
        Queue { sender }
    }

    /// Has something delivered.
    ///
    /// Errors: `over_email_send_rate_limit` when too much waits.
    pub fn put(&self, item: T) -> Result<()> {
        let full =
            |_| AuthError::new(429, "over_email_send_rate_limit", "email rate limit exceeded").retry_after(RETRIES[0]);
        self.sender.try_send(item).map_err(full)
    }
}

/// Delivers one after another until nobody has any more. What was not taken waits aside, and holds up nothing; when too much waits there,
/// nothing new is begun.
async fn work<T: Send + Sync + 'static>(way: impl Deliver<Item = T>, mut waiting: mpsc::Receiver<T>) {
    let (mut aside, mut is_open) = (Vec::<Attempt<T>>::new(), true);
    loop {
        let next = (0..aside.len()).min_by_key(|at| aside[*at].due);
        if next.is_none() && !is_open {
            return;
        }
        let due = next.map_or_else(Instant::now, |at| aside[at].due);
        let attempt = tokio::select! {
            biased;
            () = tokio::time::sleep_until(due), if next.is_some() => next.map(|at| aside.swap_remove(at)),
            item = waiting.recv(), if is_open && aside.len() < QUEUE => {
                is_open = item.is_some();
                item.map(|item| Attempt { item, tried: 0, due: Instant::now() })
            }
        };
        let Some(mut attempt) = attempt else { continue };
        // What panics over one is tried again as well, and holds up none of the others.
        let panicked = || Err(Undelivered { why: "a panic".to_owned(), is_final: false });
        let delivered = caught("the mail queue", way.deliver(&attempt.item)).await.unwrap_or_else(panicked);
        let Err(Undelivered { why, is_final }) = delivered else { continue };
        match RETRIES.get(attempt.tried).filter(|_| !is_final) {
            Some(pause) => {
                tracing::warn!(error = why, "a mail was not taken; trying again in {pause:?}");
                attempt.tried += 1;
                attempt.due = Instant::now() + *pause;
                aside.push(attempt);
            }
            None => tracing::error!(error = why, "a mail was not taken"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Panics over nothing, and passes on all else.
    struct Touchy(mpsc::UnboundedSender<u32>);

    impl Deliver for Touchy {
        type Item = u32;

        async fn deliver(&self, item: &u32) -> Result<(), Undelivered> {
            assert_ne!(*item, 0, "nothing can't be delivered");
            let _ = self.0.send(*item);
            Ok(())
        }
    }

    #[tokio::test]
    async fn what_panics_holds_up_nothing() {
        let (sender, mut delivered) = mpsc::unbounded_channel();
        let queue = Queue::new(Touchy(sender));
        for item in [1, 0, 2, 0, 3] {
            queue.put(item).expect("there is room");
        }
        for item in [1, 2, 3] {
            assert_eq!(delivered.recv().await, Some(item));
        }
    }
}
