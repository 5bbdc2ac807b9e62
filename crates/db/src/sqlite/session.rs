//! What SQL functions know of the statement that calls them.
//!
//! Every connection lives on one thread for all its life, so the session is the thread's: functions reach it without a lock.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use basalt_core::{Claims, Error, Identity, Result, unix_time};
use basalt_sql::Name;
use basalt_types::Context;
use basalt_types::interval::Interval;
use jiff::tz::{Offset, TimeZone};

use super::changes::Log;
use super::job::Job;
use super::memory::Gathered;
use super::sequences::Sequences;
use super::triggers::Noted;
use crate::Answer;

/// Rows that a step captured, or that a table function gives.
pub(super) type Rows = Rc<Gathered>;

/// 2000-01-01 UTC in microseconds of the Unix epoch: where stored timestamps count from.
pub(super) const EPOCH: i64 = 946_684_800_000_000;

/// Bytes after which functions look at the clock.
const LARGE: usize = 4 << 20;

thread_local! {
    static SESSION: Session = Session::default();
}

/// The state of the statement that this thread runs.
#[derive(Default)]
pub(super) struct Session {
    /// What the built-in functions may know.
    pub context: RefCell<Context>,
    /// Who asks.
    pub identity: RefCell<Option<Identity>>,
    /// Captured rows by slot.
    pub slots: RefCell<Vec<Rows>>,
    /// Rows that wait for AFTER triggers.
    pub noted: RefCell<Noted>,
    /// The tables whose rows are noted, by the numbers under which the temporary triggers know them.
    pub noting: RefCell<Rc<[Name]>>,
    /// How many functions and triggers run within each other.
    pub nesting: Cell<usize>,
    /// How many triggers' functions run within each other.
    pub trigger_depth: Cell<u32>,
    /// How many of them SQLite called while it runs a statement.
    pub running: Cell<usize>,
    /// Whether no trigger's function runs: what is written is no change by anybody.
    pub is_quiet: Cell<bool>,
    /// The writer's sequences; `None` on a reader.
    pub sequences: RefCell<Option<Sequences>>,
    /// Where the change log ends. The writer's.
    pub log: RefCell<Log>,
    /// Whether the statement may not write.
    pub read_only: Cell<bool>,
    /// Bytes that functions have handled since one looked at the clock.
    handled: Cell<usize>,
    /// Bytes that whatever of the statement is counted holds.
    pub memory: Cell<usize>,
    /// Most of them.
    pub most_memory: Cell<usize>,
    /// What a function raised, in full: SQLite passes only its text on.
    raised: RefCell<Option<Error>>,
    /// When and why to stop.
    watch: RefCell<Watch>,
    /// What this thread does while a statement runs long; asked with the time that it has run.
    pub on_long: RefCell<Option<OnLong>>,
    /// Answers that wait to go out together.
    held: RefCell<Vec<(Box<Job>, Result<Answer>)>>,
}

/// Says what becomes of a statement that has run so long.
pub(super) type OnLong = Rc<dyn Fn(Duration) -> Long>;

/// When to interrupt the running statement.
#[derive(Default)]
struct Watch {
    began: Option<Instant>,
    deadline: Option<Instant>,
    /// When to ask what is to be done of a statement that runs long.
    long: Option<Instant>,
    abandoned: Option<Arc<AtomicBool>>,
    stopped: Option<Stop>,
}

/// Why a statement was interrupted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stop {
    /// It ran too long.
    Timeout,
    /// Nobody waits for its answer.
    Abandoned,
    /// It is to be begun again when there is room for it.
    Displaced,
}

/// What becomes of a statement that runs long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Long {
    /// It runs on.
    Runs,
    /// It runs on; ask again after so long.
    Asks(Duration),
    /// It makes room.
    Displaced,
}

/// Calls `f` with this thread's session.
pub(super) fn with<R>(f: impl FnOnce(&Session) -> R) -> R {
    SESSION.with(f)
}

/// The statement holds so many bytes less. A thread that ends has no statement any more.
pub(super) fn give_back(bytes: usize) {
    let _ = SESSION.try_with(|session| session.memory.set(session.memory.get().saturating_sub(bytes)));
}

/// Keeps an error for the caller of the statement, and gives the one that SQLite takes.
pub(super) fn raise(error: Error) -> rusqlite::Error {
    let text = error.message().to_owned();
    with(|session| *session.raised.borrow_mut() = Some(error));
    rusqlite::Error::UserFunctionError(text.into())
}

/// 57014 if the statement has to stop, asked once for each few megabytes that functions handle: SQLite asks by its own instructions only.
pub(super) fn check_time_over(bytes: usize) -> Result<()> {
    let handled = with(|session| session.handled.replace(session.handled.get() + bytes));
    if handled + bytes < LARGE {
        return Ok(());
    }
    with(|session| session.handled.set(0));
    check_time()
}

/// 57014 if the statement has to stop: where what runs is too short for SQLite to ask.
pub(super) fn check_time() -> Result<()> {
    match with(Session::must_stop) {
        true => Err(Error::new("57014", "canceling statement due to statement timeout")),
        false => Ok(()),
    }
}

impl Session {
    /// Starts a transaction's session.
    ///
    /// Errors: 22023 for an unknown time zone.
    pub fn start(&self, identity: &Identity, settings: Vec<(String, String)>, read_only: bool) -> Result<()> {
        self.raised.take();
        self.slots.borrow_mut().clear();
        self.noted.take();
        self.memory.set(0);
        self.nesting.set(0);
        self.trigger_depth.set(0);
        self.running.set(0);
        self.is_quiet.set(false);
        self.read_only.set(read_only);
        self.identity.replace(Some(identity.clone()));
        if let Some(sequences) = self.sequences.borrow_mut().as_mut() {
            sequences.start_transaction();
        }
        let mut context = self.context.borrow_mut();
        context.now = now();
        if context.time_zone != TimeZone::UTC {
            context.time_zone = TimeZone::UTC;
        }
        let known = context.settings.get_mut();
        known.clear();
        let mut zone = None;
        for (name, value) in settings {
            if name.eq_ignore_ascii_case("timezone") {
                zone = Some(time_zone(&value)?);
            }
            known.insert(name, value);
        }
        if let Some(zone) = zone {
            context.time_zone = zone;
        }
        Ok(())
    }

    /// Has the running statement interrupted after `timeout`, or when `abandoned` turns true; after `long`, [`Session::on_long`] is asked.
    pub fn watch(&self, timeout: Duration, long: Option<Duration>, abandoned: Option<Arc<AtomicBool>>) {
        let now = Instant::now();
        let deadline = (!timeout.is_zero()).then(|| now + timeout);
        let long = long.map(|long| now + long);
        *self.watch.borrow_mut() = Watch { began: Some(now), deadline, long, abandoned, stopped: None };
    }

    /// Lets whatever runs next run as long as it takes. Tells why the statement before it was interrupted.
    pub fn unwatch(&self) -> Option<Stop> {
        // Its rows would be kept until the next one.
        self.slots.borrow_mut().clear();
        self.watch.take().stopped
    }

    /// Keeps an answer until [`Session::release`].
    pub fn hold(&self, job: Box<Job>, answer: Result<Answer>) {
        self.held.borrow_mut().push((job, answer));
    }

    /// Sends the answers that were kept.
    pub fn release(&self) {
        self.held.borrow_mut().drain(..).for_each(|(job, answer)| job.answer(answer));
    }

    /// Whether the running statement has to stop: asked by SQLite every few thousand instructions.
    pub fn must_stop(&self) -> bool {
        self.release();
        let now = Instant::now();
        self.mind_length(now);
        let mut watch = self.watch.borrow_mut();
        if watch.deadline.is_some_and(|deadline| now >= deadline) {
            watch.stopped = Some(Stop::Timeout);
        } else if watch.abandoned.as_ref().is_some_and(|flag| flag.load(Ordering::Relaxed)) {
            watch.stopped = Some(Stop::Abandoned);
        }
        watch.stopped.is_some()
    }

    /// Asks what is to be done of a statement that runs long, if it is time to.
    fn mind_length(&self, now: Instant) {
        let ran = match &mut *self.watch.borrow_mut() {
            Watch { long, began: Some(began), .. } if long.is_some_and(|long| now >= long) => {
                *long = None;
                now - *began
            }
            _ => return,
        };
        // Nothing is borrowed here: whoever is asked may open a connection, which asks SQLite things.
        let asked = self.on_long.borrow().clone();
        match asked.map_or(Long::Runs, |ask| ask(ran)) {
            Long::Runs => {}
            Long::Asks(after) => self.watch.borrow_mut().long = Some(now + after),
            Long::Displaced => self.watch.borrow_mut().stopped = Some(Stop::Displaced),
        }
    }

    /// Why the statement was interrupted.
    pub fn stopped(&self) -> Option<Stop> {
        self.watch.borrow().stopped
    }

    /// Takes what a function raised.
    pub fn raised(&self) -> Option<Error> {
        self.raised.take()
    }

    /// The column that a raised not-null error (23502) names.
    pub fn missing_column(&self) -> Option<String> {
        let raised = self.raised.borrow();
        let error = raised.as_ref().filter(|error| error.code() == "23502")?;
        let named = error.message().strip_prefix("null value in column \"")?;
        named.split_once("\" of relation ").map(|(column, _)| column.to_owned())
    }

    /// The value of a setting, or `None` if it isn't set.
    pub fn setting(&self, name: &str) -> Option<String> {
        let context = self.context.borrow();
        let settings = context.settings.borrow();
        let found = settings.get(name).or_else(|| settings.get(&name.to_ascii_lowercase()));
        found.cloned().or_else(|| self.implied_setting(name, &context))
    }

    /// Settings that follow from the identity, and PostgreSQL's own that clients read.
    fn implied_setting(&self, name: &str, context: &Context) -> Option<String> {
        let identity = self.identity.borrow();
        let identity = identity.as_ref()?;
        let claims = &identity.claims;
        match name.to_ascii_lowercase().as_str() {
            // No request, no claims.
            "request.jwt.claims" if &*identity.role == Identity::OWNER && claims.role().is_none() => None,
            "request.jwt.claims" => Some(claims.json().to_owned()),
            "role" => Some(identity.role.to_string()),
            "timezone" => Some(context.time_zone.iana_name().unwrap_or("UTC").to_owned()),
            "server_version" => Some("15.0".to_owned()),
            "server_version_num" => Some("150000".to_owned()),
            "transaction_read_only" => Some(if self.read_only.get() { "on" } else { "off" }.to_owned()),
            "transaction_isolation" => Some("serializable".to_owned()),
            "datestyle" => Some("ISO, MDY".to_owned()),
            "intervalstyle" => Some("postgres".to_owned()),
            _ => None,
        }
    }

    /// A script may say for whom it writes. Who asks in a request is its token's to say.
    fn claim(&self, claims: &str) {
        if let Some(identity) =
            self.identity.borrow_mut().as_mut().filter(|identity| &*identity.role == Identity::OWNER)
            && let Ok(claims) = serde_json::from_str(claims)
        {
            identity.claims = Arc::new(Claims::new(&claims));
        }
    }

    /// `set_config`: changes a setting for the rest of the transaction.
    pub fn set(&self, name: &str, value: &str) -> Result<()> {
        let mut context = self.context.borrow_mut();
        if name.eq_ignore_ascii_case("timezone") {
            context.time_zone = time_zone(value)?;
        }
        let name = name.to_ascii_lowercase();
        if name == "request.jwt.claims" {
            self.claim(value);
        }
        context.settings.get_mut().insert(name, value.to_owned());
        Ok(())
    }
}

/// The current time as a stored timestamptz.
pub(super) fn now() -> i64 {
    i64::try_from(unix_time().as_micros()).unwrap_or(i64::MAX) - EPOCH
}

/// A zone by name, POSIX rule, or offset: a number is hours east of UTC, as an `interval '...'` is; other offsets count west, as
/// POSIX has it.
pub(super) fn time_zone(name: &str) -> Result<TimeZone> {
    if name.eq_ignore_ascii_case("utc") {
        return Ok(TimeZone::UTC);
    }
    let unknown = || Error::new("22023", format!("invalid value for parameter \"TimeZone\": \"{name}\""));
    let east = |seconds: f64| {
        let offset = Some(seconds).filter(|s| s.is_finite()).and_then(|s| Offset::from_seconds(s as i32).ok());
        offset.map(TimeZone::fixed).ok_or_else(|| unknown().with_detail("UTC timezone offset is out of range."))
    };
    if let Some((_, quoted)) = name.split_at_checked(8).filter(|(word, _)| word.eq_ignore_ascii_case("interval")) {
        let text = quoted.trim().strip_prefix('\'').and_then(|text| text.strip_suffix('\'')).ok_or_else(unknown)?;
        return match Interval::parse(text)? {
            Interval { months: 0, days: 0, micros } => east(micros as f64 / 1e6),
            Interval { months: 0, .. } => Err(unknown().with_detail("Cannot specify days in time zone interval.")),
            _ => Err(unknown().with_detail("Cannot specify months in time zone interval.")),
        };
    }
    if !name.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '+' | '-' | '.')) {
        return TimeZone::get(name).or_else(|_| TimeZone::posix(name)).map_err(|_| unknown());
    }
    match name.parse::<f64>() {
        Ok(hours) => east(hours * 3600.0),
        Err(_) => TimeZone::posix(&format!("UTC{name}")).map_err(|_| unknown()),
    }
}
