//! `Server-Timing`: how long each stage of a request took (contract: section 11).

use std::fmt::Write;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The stages, in the order in which the header names them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Judging the token.
    Jwt,
    /// Reading the request.
    Parse,
    /// Finding out what it means.
    Plan,
    /// The database.
    Transaction,
    /// Putting the answer together.
    Response,
}

const NAMES: [&str; 5] = ["jwt", "parse", "plan", "transaction", "response"];

/// A stopwatch over the stages of one request; one that is off costs nothing.
#[derive(Debug)]
pub struct Timing(Option<Mutex<Spans>>);

#[derive(Debug)]
struct Spans {
    last: Instant,
    spans: [Duration; NAMES.len()],
}

impl Timing {
    /// A running stopwatch, or one that is off.
    pub fn start(on: bool) -> Timing {
        Timing(on.then(|| Mutex::new(Spans { last: Instant::now(), spans: Default::default() })))
    }

    /// Counts the time since the last mark as the stage's.
    pub fn mark(&self, stage: Stage) {
        self.lap(|spans, elapsed| spans[stage as usize] += elapsed);
    }

    /// Counts the time since the last mark as nobody's: waiting for the client.
    pub fn skip(&self) {
        self.lap(|_, _| ());
    }

    fn lap(&self, count: impl FnOnce(&mut [Duration; NAMES.len()], Duration)) {
        let Some(spans) = &self.0 else { return };
        let mut held = spans.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        let elapsed = now - held.last;
        count(&mut held.spans, elapsed);
        held.last = now;
    }

    /// The header's value, in milliseconds; `None` if the stopwatch is off.
    pub(crate) fn header(&self) -> Option<String> {
        let held = self.0.as_ref()?.lock().unwrap_or_else(PoisonError::into_inner);
        let mut value = String::new();
        for (name, span) in NAMES.iter().zip(held.spans) {
            let separator = if value.is_empty() { "" } else { ", " };
            let _ = write!(value, "{separator}{name};dur={:.1}", span.as_secs_f64() * 1000.0);
        }
        Some(value)
    }
}
