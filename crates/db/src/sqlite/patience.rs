//! Refuses what has waited too long for a reader or the writer (PGRST003), while they are busy.
//!
//! They refuse by themselves whatever they come to too late. This thread looks after queues that nobody has taken from for a while, so that requests wait
//! without timers of their own, and what is refused is out of the queue: it never runs.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use basalt_core::Result;
use flume::{Receiver, RecvTimeoutError, Sender, TrySendError};

use super::job::{Job, no_thread};
use super::writer::Work;
use super::{For, Shared};

/// The shortest time that a request waits, and the shortest pause between two looks.
pub(super) const SHORTEST: Duration = Duration::from_millis(10);

/// A queue from both ends.
pub(super) struct Line<T> {
    pub sender: Sender<T>,
    pub receiver: Receiver<T>,
    /// What was taken out to be looked at, and found no room to go back yet.
    pub kept: VecDeque<T>,
}

impl<T> Line<T> {
    /// Takes out what is late, if nobody took anything since the last look.
    fn take_late(&mut self, was_taken: &AtomicBool, is_late: impl Fn(&T) -> bool) -> VecDeque<T> {
        if was_taken.swap(false, Ordering::Relaxed) && self.kept.is_empty() {
            return VecDeque::new();
        }
        self.kept.extend(self.receiver.drain());
        let (late, kept) = self.kept.drain(..).partition(is_late);
        self.kept = kept;
        while let Some(item) = self.kept.pop_front() {
            if let Err(TrySendError::Full(item)) = self.sender.try_send(item) {
                self.kept.push_front(item);
                break;
            }
        }
        late
    }
}

/// Starts the thread. It ends with the sender of `stop`.
///
/// Errors: 58030 when the thread can't be made.
pub(super) fn start(
    shared: &Arc<Shared>,
    mut reads: Line<Box<Job>>,
    mut writes: Line<Work>,
    stop: Receiver<()>,
) -> Result<JoinHandle<()>> {
    let shared = shared.clone();
    let pause = (shared.options.wait / 8).clamp(SHORTEST, Duration::from_secs(1));
    std::thread::Builder::new()
        .name("basalt-queue".to_owned())
        .spawn(move || {
            while stop.recv_timeout(pause) == Err(RecvTimeoutError::Timeout) {
                let (now, wait) = (Instant::now(), shared.options.wait);
                let mut late = reads.take_late(&shared.reads_taken, |job| job.is_late(now, wait));
                late.extend(shared.places.take_late(|job| job.is_late(now, wait)));
                late.into_iter().for_each(|job| job.answer(Err(shared.late(For::Reader))));
                let is_late = |work: &Work| matches!(work, Work::Statement(job) if job.is_late(now, wait));
                for work in writes.take_late(&shared.writes_taken, is_late) {
                    if let Work::Statement(job) = work {
                        job.answer(Err(shared.late(For::Writer)));
                    }
                }
            }
        })
        .map_err(|error| no_thread(&error))
}
