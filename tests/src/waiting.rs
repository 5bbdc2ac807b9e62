//! Waits for what comes by itself: looks again and again, for far longer than it takes.

use std::fmt::Debug;
use std::time::Duration;

use tokio::time::{Instant, sleep};

/// Longest wait for anything: a killed server's right to send webhooks passes to another within half a minute.
pub const PATIENCE: Duration = Duration::from_secs(90);
/// The pause between two looks.
const PAUSE: Duration = Duration::from_millis(20);

/// Looks until it is so. `what` is said where that never comes.
pub async fn until(what: &str, is_so: impl AsyncFnMut() -> bool) {
    comes_to(what, true, is_so).await;
}

/// Looks until `what` is as expected. What it was at last is said where that never comes.
pub async fn comes_to<T: PartialEq + Debug>(what: &str, expected: T, mut look: impl AsyncFnMut() -> T) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let found = look().await;
        if found == expected {
            return;
        }
        assert!(Instant::now() < deadline, "{what} never came to {expected:?}: it is {found:?}");
        sleep(PAUSE).await;
    }
}
