//! What a function may know of the statement that calls it.

use std::cell::RefCell;
use std::collections::BTreeMap;

use jiff::tz::TimeZone;

/// The session that a statement runs in, as functions see it.
#[derive(Debug)]
pub struct Context {
    /// The session's time zone (`Prefer: timezone`); UTC unless set.
    pub time_zone: TimeZone,
    /// Start of the transaction, microseconds since 2000-01-01 UTC: `now()`.
    pub now: i64,
    /// Transaction-local settings, by name: `request.headers`, `response.status`, ...
    /// `set_config` writes, `current_setting` reads.
    pub settings: RefCell<BTreeMap<String, String>>,
}

impl Default for Context {
    fn default() -> Self {
        Context { time_zone: TimeZone::UTC, now: 0, settings: RefCell::default() }
    }
}
