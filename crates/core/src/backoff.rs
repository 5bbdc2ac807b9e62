//! Pauses after failures in a row: each twice as long as the one before, up to a longest. Pure.

use std::time::Duration;

/// The pauses of somebody who tries again.
#[derive(Debug, Clone, Copy)]
pub struct Backoff {
    first: Duration,
    longest: Duration,
    next: Duration,
}

impl Backoff {
    /// Pauses from `first` up to `longest`.
    pub const fn new(first: Duration, longest: Duration) -> Backoff {
        Backoff { first, longest, next: first }
    }

    /// How long to wait after one more failure.
    pub fn pause(&mut self) -> Duration {
        let pause = self.next;
        self.next = (pause * 2).min(self.longest);
        pause
    }

    /// It went well: the next pause is the first one again.
    pub fn reset(&mut self) {
        self.next = self.first;
    }

    /// The same after an attempt that went on for so long: one that outlived the longest pause was no failure in a row.
    pub fn reset_after(&mut self, went_on: Duration) {
        if went_on > self.longest {
            self.reset();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_longest_until_it_goes_well() {
        let seconds = |count: u64| Duration::from_secs(count);
        let mut backoff = Backoff::new(seconds(1), seconds(5));
        let pauses: Vec<Duration> = (0..5).map(|_| backoff.pause()).collect();
        assert_eq!(pauses, [1, 2, 4, 5, 5].map(seconds));
        backoff.reset_after(seconds(5));
        assert_eq!(backoff.pause(), seconds(5));
        backoff.reset_after(seconds(6));
        assert_eq!([backoff.pause(), backoff.pause()], [1, 2].map(seconds));
    }
}
