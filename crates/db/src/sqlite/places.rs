//! Places at the readers' queue, and the threads that take them.
//!
//! A fixed number of places is always served, each by one thread. A statement that runs long gives its thread's place away, with whatever the
//! thread had taken besides, so that short ones don't wait for it. So many may run beside the places, and no more: what is known to run long waits for its
//! turn in a line of its own.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use basalt_core::Result;

use super::job::Job;

/// How long a thread beyond those of the places waits for work before it ends, with its connection.
const IDLE: Duration = Duration::from_secs(30);

/// Requests that a thread has taken from the queue.
pub(super) type Batch = VecDeque<Box<Job>>;

/// The places.
pub(super) struct Places {
    /// How many there are.
    count: usize,
    /// Statements that may run long beside them.
    most_long: usize,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// Places that nobody serves, each with what was left of its thread's batch.
    free: VecDeque<Batch>,
    /// What is known to run long and waits for its turn.
    waiting: Batch,
    /// Statements that run long.
    long: usize,
    /// Threads.
    threads: usize,
    /// Those of them that have nothing to do.
    idle: usize,
    is_closed: bool,
    handles: Vec<JoinHandle<()>>,
}

/// What a thread does next.
pub(super) enum Turn {
    /// It serves a place, beginning with this batch.
    Place(Batch),
    /// It runs a statement that is known to run long.
    Long(Box<Job>),
    /// It ends.
    End,
}

impl State {
    /// Places and statements that want a thread.
    fn due(&self, most_long: usize) -> usize {
        self.free.len() + self.waiting.len().min(most_long.saturating_sub(self.long))
    }
}

impl Places {
    /// Places of which none is served yet.
    pub fn new(count: usize, most_long: usize) -> Places {
        let (count, most_long) = (count.max(1), most_long.max(1));
        let state = State { free: std::iter::repeat_with(Batch::new).take(count).collect(), ..State::default() };
        Places { count, most_long, state: Mutex::new(state), changed: Condvar::new() }
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.count
    }

    /// Statements that run long, and those that wait for their turn to.
    pub fn long(&self) -> (usize, usize) {
        let state = self.lock();
        (state.long, state.waiting.len())
    }

    /// Waits for something to do. The thread counts as idle until then.
    pub fn turn(&self) -> Turn {
        let until = Instant::now() + IDLE;
        let mut state = self.lock();
        loop {
            if let Some(batch) = state.free.pop_front() {
                state.idle -= 1;
                return Turn::Place(batch);
            }
            if state.long < self.most_long
                && let Some(job) = state.waiting.pop_front()
            {
                state.idle -= 1;
                state.long += 1;
                return Turn::Long(job);
            }
            let left = until.saturating_duration_since(Instant::now());
            if state.is_closed || (left.is_zero() && state.threads > self.count) {
                state.idle -= 1;
                state.threads -= 1;
                return Turn::End;
            }
            // A thread that is needed for the places stays, and looks again now and then.
            let left = if left.is_zero() { IDLE } else { left };
            state = self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// A thread has done what its turn was.
    pub fn done(&self, was_long: bool) {
        let mut state = self.lock();
        state.idle += 1;
        state.long -= usize::from(was_long);
    }

    /// Gives the place of a thread whose statement runs long away, unless too many do. Gives the batch back then.
    pub fn give(&self, batch: Batch) -> Result<(), Batch> {
        let mut state = self.lock();
        if state.long >= self.most_long {
            return Err(batch);
        }
        state.long += 1;
        state.free.push_back(batch);
        self.changed.notify_one();
        Ok(())
    }

    /// Has a statement that is known to run long wait for its turn. Gives it back when `most` wait already.
    pub fn defer(&self, job: Box<Job>, most: usize) -> Result<(), Box<Job>> {
        let mut state = self.lock();
        if state.waiting.len() >= most {
            return Err(job);
        }
        state.waiting.push_back(job);
        self.changed.notify_one();
        Ok(())
    }

    /// Takes out of the line of what is known to run long whatever has waited in vain.
    pub fn take_late(&self, is_late: impl Fn(&Job) -> bool) -> Batch {
        let mut state = self.lock();
        let (late, waiting): (Batch, Batch) = state.waiting.drain(..).partition(|job| is_late(job));
        state.waiting = waiting;
        late
    }

    /// Makes threads while there is more to do than idle ones can: `start` makes one.
    ///
    /// Errors: that of `start`; then what there is to do waits for the threads that there are.
    pub fn staff(&self, mut start: impl FnMut(usize) -> Result<JoinHandle<()>>) -> Result<()> {
        loop {
            let number = {
                let mut state = self.lock();
                let enough = state.due(self.most_long) <= state.idle;
                if enough || state.is_closed || state.threads >= self.count + self.most_long {
                    return Ok(());
                }
                // It is idle until its first turn.
                state.idle += 1;
                state.threads += 1;
                state.threads
            };
            let started = start(number);
            let mut state = self.lock();
            match started {
                Ok(handle) => {
                    state.handles.retain(|handle| !handle.is_finished());
                    state.handles.push(handle);
                }
                Err(error) => {
                    state.idle -= 1;
                    state.threads -= 1;
                    return Err(error);
                }
            }
        }
    }

    /// The queue has ended: threads end when nothing is left to do.
    pub fn close(&self) {
        self.lock().is_closed = true;
        self.changed.notify_all();
    }

    /// Waits for the threads' end.
    pub fn join(&self) {
        loop {
            let Some(thread) = self.lock().handles.pop() else { return };
            let _ = thread.join();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
