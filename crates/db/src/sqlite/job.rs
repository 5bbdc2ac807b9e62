//! A request on its way through a queue, and the caller that waits for it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use basalt_core::{Error, Result};
use tokio::sync::oneshot;

use super::programs::Prepared;
use crate::{Answer, Request};

/// A queued request.
pub(super) struct Job {
    /// What to run.
    pub request: Request,
    /// Its programs, if they were at hand.
    pub prepared: Option<Prepared>,
    /// Since when it waits.
    queued: Instant,
    reply: oneshot::Sender<Result<Answer>>,
    /// Whether the caller has gone.
    abandoned: Arc<AtomicBool>,
}

/// The caller's side.
pub(super) struct Waiting {
    answer: oneshot::Receiver<Result<Answer>>,
    guard: Guard,
}

/// Marks the request abandoned when the caller goes.
struct Guard(Arc<AtomicBool>);

impl Drop for Guard {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Job {
    /// A job and the way to wait for it.
    pub fn new(request: Request, prepared: Option<Prepared>) -> (Box<Job>, Waiting) {
        let (reply, answer) = oneshot::channel();
        let abandoned = Arc::new(AtomicBool::new(false));
        let guard = Guard(abandoned.clone());
        (Box::new(Job { request, prepared, queued: Instant::now(), reply, abandoned }), Waiting { answer, guard })
    }

    /// Whether nobody waits any more.
    pub fn is_abandoned(&self) -> bool {
        self.abandoned.load(Ordering::Relaxed)
    }

    /// Whether it has waited longer than `limit`.
    pub fn is_late(&self, now: Instant, limit: Duration) -> bool {
        now.saturating_duration_since(self.queued) > limit
    }

    /// The flag of [`Job::is_abandoned`].
    pub fn abandoned(&self) -> Arc<AtomicBool> {
        self.abandoned.clone()
    }

    /// Answers.
    pub fn answer(self: Box<Self>, answer: Result<Answer>) {
        // A caller that has gone doesn't miss it.
        let _ = self.reply.send(answer);
    }
}

impl Waiting {
    /// Waits for the answer.
    pub async fn answer(self) -> Result<Answer> {
        let Waiting { answer, guard } = self;
        let answer = answer.await.unwrap_or_else(|_| Err(closing()));
        drop(guard);
        answer
    }
}

/// The engine stops while a request waits.
pub(super) fn closing() -> Error {
    Error::new("57P01", "terminating connection due to administrator command")
}

/// What a caught panic answers.
pub(super) fn panicked(payload: &(dyn std::any::Any + Send)) -> Error {
    let text = payload
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| payload.downcast_ref::<String>().cloned())
        .unwrap_or_default();
    tracing::error!(panic = text, "a statement panicked");
    fault()
}

/// What the caller of a statement or script that panicked is told.
pub(super) fn fault() -> Error {
    Error::internal("a fault of Basalt ended the statement; its log says more")
}

/// 58030: the engine's threads can't be made.
pub(super) fn no_thread(error: &std::io::Error) -> Error {
    Error::new("58030", format!("could not start a thread: {error}"))
}
