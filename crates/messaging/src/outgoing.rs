//! Messages that wait to leave: bounded in number, bytes and age.

use std::collections::VecDeque;
use std::mem;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::sync::Notify;

/// A message and when it was given.
#[derive(Debug, Clone)]
pub(crate) struct Queued {
    pub topic: &'static str,
    pub body: Bytes,
    at: Instant,
    /// Whether messages are missing before it.
    after_gap: bool,
}

/// The queue.
#[derive(Debug)]
pub(crate) struct Outgoing {
    waiting: Mutex<Waiting>,
    filled: Notify,
    drained: Notify,
    most: usize,
    most_bytes: usize,
}

#[derive(Debug, Default)]
struct Waiting {
    messages: VecDeque<Queued>,
    bytes: usize,
    /// Whether one was dropped after the last of them.
    gap: bool,
}

/// What was taken.
#[derive(Debug, Default)]
pub(crate) struct Taken {
    pub messages: Vec<Queued>,
    /// Whether messages are missing before these.
    pub gap: bool,
    /// How many were dropped because of their age.
    pub stale: u64,
}

impl Outgoing {
    pub fn new(most: usize, most_bytes: usize) -> Outgoing {
        Outgoing { waiting: Mutex::default(), filled: Notify::new(), drained: Notify::new(), most, most_bytes }
    }

    /// Adds a message. False: there is no room, and it is dropped.
    pub fn push(&self, topic: &'static str, body: Bytes) -> bool {
        let mut waiting = self.lock();
        let fits = waiting.messages.len() < self.most && waiting.bytes + body.len() <= self.most_bytes;
        if fits {
            waiting.bytes += body.len();
            let after_gap = mem::take(&mut waiting.gap);
            waiting.messages.push_back(Queued { topic, body, at: Instant::now(), after_gap });
        } else {
            waiting.gap = true;
        }
        drop(waiting);
        self.filled.notify_one();
        fits
    }

    /// What was taken failed to leave: what waits is told to come after a gap.
    pub fn note_gap(&self) {
        let waiting = &mut *self.lock();
        *waiting.messages.front_mut().map_or(&mut waiting.gap, |first| &mut first.after_gap) = true;
    }

    /// Takes messages of about so many bytes, one at least, up to the next gap. Those that are older than `age` are dropped.
    pub fn take(&self, bytes: usize, age: Duration) -> Taken {
        let mut waiting = self.lock();
        let mut taken = Taken::default();
        let mut size = 0;
        while let Some(message) = waiting.messages.front() {
            let is_stale = message.at.elapsed() > age;
            if (is_stale || message.after_gap) && !taken.messages.is_empty() {
                break;
            }
            if !is_stale && size > 0 && size + message.body.len() > bytes {
                break;
            }
            let Some(message) = waiting.messages.pop_front() else { break };
            waiting.bytes -= message.body.len();
            taken.gap |= message.after_gap || is_stale;
            if is_stale {
                taken.stale += 1;
            } else {
                size += message.body.len().max(1);
                taken.messages.push(message);
            }
        }
        if taken.messages.is_empty() {
            taken.gap |= mem::take(&mut waiting.gap);
        }
        drop(waiting);
        self.drained.notify_waiters();
        taken
    }

    /// Completes when something was added since the last time.
    pub async fn filled(&self) {
        self.filled.notified().await;
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.lock().messages.is_empty()
    }

    /// Completes when the queue is at most half full.
    pub async fn room(&self) {
        loop {
            let drained = self.drained.notified();
            let mut drained = std::pin::pin!(drained);
            drained.as_mut().enable();
            {
                let waiting = self.lock();
                if waiting.messages.len() <= self.most / 2 && waiting.bytes <= self.most_bytes / 2 {
                    return;
                }
            }
            drained.await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(3600);

    fn sizes(taken: &Taken) -> Vec<usize> {
        taken.messages.iter().map(|message| message.body.len()).collect()
    }

    #[test]
    fn messages_leave_in_their_order_in_turns() {
        let queue = Outgoing::new(10, 1000);
        for size in [10, 20, 30, 400] {
            assert!(queue.push("t", vec![0; size].into()));
        }
        assert_eq!(sizes(&queue.take(35, LONG)), [10, 20]);
        assert_eq!(sizes(&queue.take(35, LONG)), [30]);
        assert_eq!(sizes(&queue.take(35, LONG)), [400]);
        assert!(queue.is_empty());
    }

    #[test]
    fn what_does_not_fit_leaves_a_gap() {
        for (most, most_bytes) in [(2, 1000), (100, 25)] {
            let queue = Outgoing::new(most, most_bytes);
            let fitted: Vec<bool> = (0..3).map(|_| queue.push("t", vec![0; 10].into())).collect();
            assert_eq!(fitted, [true, true, false]);
            let taken = queue.take(10, LONG);
            assert_eq!((taken.messages.len(), taken.gap), (1, false));
            assert!(queue.push("t", vec![0; 11].into()) && queue.push("t", vec![0; 2].into()) == (most > 2));
            // The gap is where the message is missing, not before what waited already.
            let turns = [queue.take(1000, LONG), queue.take(1000, LONG)];
            assert_eq!(turns.each_ref().map(|taken| (sizes(taken)[0], taken.gap)), [(10, false), (11, true)]);
        }
    }

    #[test]
    fn a_gap_is_told_once() {
        let queue = Outgoing::new(1, 1000);
        assert!(queue.push("t", vec![0; 10].into()) && !queue.push("t", vec![0; 10].into()));
        assert!(!queue.take(1000, LONG).gap);
        assert!(queue.take(1000, LONG).gap, "though nothing follows it");
        queue.push("t", vec![0; 10].into());
        queue.note_gap();
        for gap in [true, false] {
            assert_eq!(queue.take(1000, LONG).gap, gap);
        }
    }

    #[test]
    fn old_messages_are_dropped() {
        let queue = Outgoing::new(10, 1000);
        queue.push("t", vec![0; 10].into());
        let taken = queue.take(1000, Duration::ZERO);
        assert_eq!((taken.messages.len(), taken.stale, taken.gap), (0, 1, true));
        assert!(queue.push("t", vec![0; 990].into()));
    }

    #[tokio::test]
    async fn room_is_waited_for() {
        let queue = Outgoing::new(4, 1000);
        (0..4).for_each(|_| _ = queue.push("t", vec![0; 10].into()));
        let ((), taken) = tokio::join!(queue.room(), async { queue.take(1000, LONG) });
        assert_eq!(taken.messages.len(), 4);
    }
}
