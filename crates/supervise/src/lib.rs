//! Tasks that go on: a panic is caught at the task's edge, logged and counted, and the work begins again after a pause.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use basalt_core::Backoff;
use futures_util::FutureExt;
use tokio::time::{Instant, sleep};

/// The pause after a first panic; each one that follows doubles it.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// The longest pause. Work that went on for longer begins with the first again.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// Does the work until it ends by itself. When it panics it is begun again.
pub async fn supervised<F: Future<Output = ()>>(task: &'static str, mut work: impl FnMut() -> F) {
    let mut pauses = Pauses::default();
    while caught(task, work()).await.is_none() {
        pauses.wait().await;
    }
}

/// What a future gives; nothing if it panics, which is logged and counted.
pub async fn caught<T>(task: &'static str, future: impl Future<Output = T>) -> Option<T> {
    match AssertUnwindSafe(future).catch_unwind().await {
        Ok(value) => Some(value),
        Err(_) => {
            tracing::error!(task, "a panic was caught");
            count();
            None
        }
    }
}

/// Counts a panic that was caught, in `basalt_panics_total`.
pub fn count() {
    metrics::counter!("basalt_panics_total").increment(1);
}

/// Pauses between attempts: from a tenth of a second to half a minute, each twice the last.
#[derive(Debug)]
pub struct Pauses {
    backoff: Backoff,
    begun: Instant,
}

impl Default for Pauses {
    fn default() -> Self {
        Pauses { backoff: Backoff::new(FIRST_PAUSE, LONGEST_PAUSE), begun: Instant::now() }
    }
}

impl Pauses {
    /// Waits before the next attempt.
    pub async fn wait(&mut self) {
        self.backoff.reset_after(self.begun.elapsed());
        sleep(self.backoff.pause()).await;
        self.begun = Instant::now();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};

    use metrics::{Counter, Gauge, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit};

    use super::*;

    /// Counts whatever is counted.
    struct Counted(Arc<AtomicU64>);

    impl Recorder for Counted {
        fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
        fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
        fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
        fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
            assert_eq!(key.name(), "basalt_panics_total");
            Counter::from_arc(self.0.clone())
        }
        fn register_gauge(&self, _: &Key, _: &Metadata<'_>) -> Gauge {
            Gauge::noop()
        }
        fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
            Histogram::noop()
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_panics_is_counted_and_begins_again_with_pauses_that_grow() {
        let count = Arc::new(AtomicU64::new(0));
        let recorder = Counted(count.clone());
        let _guard = metrics::set_default_local_recorder(&recorder);
        let mut attempts = Vec::new();
        supervised("a test", || {
            attempts.push(Instant::now());
            let is_last = attempts.len() == 12;
            async move { assert!(is_last, "not yet") }
        })
        .await;
        assert_eq!((attempts.len(), count.load(Ordering::Relaxed)), (12, 11));
        let pauses: Vec<u128> = attempts.windows(2).map(|pair| (pair[1] - pair[0]).as_millis() / 100).collect();
        assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]);
    }

    #[tokio::test(start_paused = true)]
    async fn work_that_went_on_for_a_while_is_not_kept_waiting() {
        let mut attempts = Vec::new();
        supervised("a test", || {
            attempts.push(Instant::now());
            let is_last = attempts.len() == 6;
            async move {
                sleep(Duration::from_secs(60)).await;
                assert!(is_last, "not yet");
            }
        })
        .await;
        assert!(attempts.windows(2).all(|pair| (pair[1] - pair[0]).as_millis() / 100 == 601));
    }
}
