//! Connections for requests: a bounded number, a bounded queue, and a pause after a failed attempt to connect.

use std::fmt;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use basalt_core::{Backoff, Error, Result};
use deadpool::Runtime;
use deadpool::managed::{self, Metrics, PoolError, RecycleResult, TimeoutType, Timeouts};
use tokio::sync::mpsc::Sender;
use tokio::time::sleep;

use super::connection::{Connection, Target};
use super::error::FULL;
use crate::request::{too_busy, waited};

/// The pause after the first failed attempt; each further one doubles it.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);
/// How long who finds PostgreSQL full waits before looking for a connection again.
const FULL_PAUSE: Duration = Duration::from_millis(10);
/// How often it does so while there is no connection at all. Of several first ones that come at once PostgreSQL may refuse all, each for
/// the others' sake; one of them is taken when they come one by one.
const TRIES_ALONE: usize = 20;

/// Sizes of a pool.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sizes {
    /// Connections.
    pub connections: usize,
    /// Requests that may wait for one.
    pub queue: usize,
    /// How long one may wait.
    pub wait: Duration,
    /// How old a connection may become; zero: any age.
    pub lifetime: Duration,
    /// Statements that a connection keeps prepared.
    pub statements: usize,
}

/// A pool of connections to one target.
pub(crate) struct Pool {
    pool: managed::Pool<Manager>,
    sizes: Sizes,
    waiting: AtomicUsize,
    /// Requests that waited in vain.
    timeouts: AtomicU64,
    /// Requests that found no place to wait.
    refused: AtomicU64,
}

/// How a pool stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PoolState {
    /// Connections that it may have.
    pub most: usize,
    /// Connections that it has.
    pub open: usize,
    /// Those that nobody uses.
    pub idle: usize,
    /// Requests that wait for one.
    pub waiting: usize,
    /// Requests that waited in vain (PGRST003).
    pub timeouts: u64,
    /// Requests that found no place to wait (53300).
    pub refused: u64,
}

/// A connection of the pool, back in it when dropped.
pub(crate) type Pooled = managed::Object<Manager>;

pub(crate) struct Manager {
    target: Target,
    statements: usize,
    lifetime: Duration,
    /// Connections from before it are closed.
    oldest: Mutex<Option<Instant>>,
    pause: Mutex<Option<Pause>>,
}

/// While it lasts, everybody gets the last attempt's error at once.
struct Pause {
    until: Instant,
    backoff: Backoff,
    missed: Missed,
}

/// Why there is no connection.
#[derive(Debug, Clone)]
pub(crate) struct Missed {
    /// Whether PostgreSQL takes no more.
    is_full: bool,
    error: Error,
}

impl Missed {
    /// Why PostgreSQL can't be connected to. That it takes no more is told to nobody as 53300, which is our own queue's.
    fn from_outside(error: Error) -> Missed {
        if error.code() != FULL {
            return error.into();
        }
        let detail = error.detail().unwrap_or_default().to_owned();
        Missed { is_full: true, error: Error::of_connection("08001", error.message().to_owned()).with_detail(detail) }
    }
}

impl fmt::Display for Missed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl From<Error> for Missed {
    fn from(error: Error) -> Self {
        Missed { is_full: false, error }
    }
}

impl Pool {
    /// A pool that connects when it is first asked.
    pub fn new(target: Target, sizes: Sizes) -> Result<Pool> {
        let manager = Manager {
            target,
            statements: sizes.statements,
            lifetime: sizes.lifetime,
            oldest: Mutex::default(),
            pause: Mutex::default(),
        };
        let pool = managed::Pool::builder(manager)
            .max_size(sizes.connections.max(1))
            .wait_timeout(Some(sizes.wait))
            .runtime(Runtime::Tokio1)
            .build()
            .map_err(|error| Error::internal(format!("the connection pool: {error}")))?;
        Ok(Pool { pool, sizes, waiting: AtomicUsize::new(0), timeouts: AtomicU64::new(0), refused: AtomicU64::new(0) })
    }

    /// A connection.
    ///
    /// Errors: 53300 when too many wait; PGRST003 after the longest wait; 08001 when PostgreSQL can't be reached.
    pub async fn get(&self) -> Result<Pooled> {
        match self.free_or_new().await {
            // What there is will do, when it is free.
            Err(Missed { is_full: true, .. }) => Box::pin(self.wait_for_others()).await,
            got => got.map_err(|missed| missed.error),
        }
    }

    /// Waits until one of the connections is free, as PostgreSQL takes no more of them, or takes the first one.
    async fn wait_for_others(&self) -> Result<Pooled> {
        let (_place, since) = (self.queue()?, Instant::now());
        let mut alone = 0;
        loop {
            sleep(FULL_PAUSE).await;
            match self.free_or_new().await {
                Err(Missed { is_full: true, error }) => {
                    alone = if self.pool.status().size > 0 { 0 } else { alone + 1 };
                    if alone == TRIES_ALONE {
                        return Err(error);
                    }
                    if since.elapsed() >= self.sizes.wait {
                        return Err(if alone > 0 { error } else { self.waited_in_vain() });
                    }
                }
                got => return got.map_err(|missed| missed.error),
            }
        }
    }

    async fn free_or_new(&self) -> Result<Pooled, Missed> {
        let at_once = Timeouts { wait: Some(Duration::ZERO), ..self.pool.timeouts() };
        let connection = match self.pool.timeout_get(&at_once).await {
            Err(PoolError::Timeout(TimeoutType::Wait)) => {
                let _place = self.queue()?;
                self.pool.get().await
            }
            got => got,
        };
        connection.map_err(|error| match error {
            PoolError::Backend(missed) => missed,
            PoolError::Timeout(_) => self.waited_in_vain().into(),
            other => Error::of_connection("08001", other.to_string()).into(),
        })
    }

    fn waited_in_vain(&self) -> Error {
        self.timeouts.fetch_add(1, Ordering::Relaxed);
        waited(self.sizes.wait, "connection", "Try again shortly, or raise `database.pool`.")
    }

    /// How it stands.
    pub fn state(&self) -> PoolState {
        let status = self.pool.status();
        PoolState {
            most: status.max_size,
            open: status.size,
            idle: status.available,
            waiting: self.waiting.load(Ordering::Relaxed).min(self.sizes.queue),
            timeouts: self.timeouts.load(Ordering::Relaxed),
            refused: self.refused.load(Ordering::Relaxed),
        }
    }

    /// Ends the pause after failed attempts to connect.
    pub fn resume(&self) {
        self.pool.manager().pause.lock().unwrap_or_else(PoisonError::into_inner).take();
    }

    /// Closes connections that nobody has used for so long.
    pub fn close_idle(&self, longest: Duration) {
        self.pool.retain(|_, metrics| metrics.last_used() < longest);
    }

    /// Has whoever asks from now on get a connection that is made from now on.
    pub fn renew(&self) {
        let manager = self.pool.manager();
        *manager.oldest.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }

    /// Takes no more requests, and closes what is free.
    pub fn close(&self) {
        self.pool.close();
    }

    fn queue(&self) -> Result<Place<'_>> {
        let place = Place(&self.waiting);
        if self.waiting.fetch_add(1, Ordering::Relaxed) >= self.sizes.queue {
            self.refused.fetch_add(1, Ordering::Relaxed);
            return Err(too_busy());
        }
        Ok(place)
    }
}

/// A connection in the middle of something: whoever is dropped before the end leaves it in a state that nobody knows, and it is closed
/// rather than given to the next.
pub(super) struct Unfinished {
    connection: Option<Pooled>,
    /// Where it goes to have its statement cancelled first.
    cancelled: Option<Sender<Connection>>,
}

impl Unfinished {
    pub fn new(connection: Pooled) -> Unfinished {
        Unfinished { connection: Some(connection), cancelled: None }
    }

    /// The same; what is under way when it is dropped ends.
    pub fn cancelled_by(connection: Pooled, cancelled: Sender<Connection>) -> Unfinished {
        Unfinished { connection: Some(connection), cancelled: Some(cancelled) }
    }

    /// The connection, while it is in use.
    pub fn get(&self) -> Result<&Connection> {
        self.connection.as_deref().ok_or_else(|| Error::internal("the connection was given back"))
    }

    /// The same, to change what is known of it.
    pub fn get_mut(&mut self) -> Result<&mut Connection> {
        self.connection.as_deref_mut().ok_or_else(|| Error::internal("the connection was given back"))
    }

    /// All is well: the connection goes back to the pool.
    pub fn finish(mut self) {
        self.connection = None;
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        let Some(connection) = self.connection.take().map(Pooled::take) else { return };
        if let Some(cancelled) = &self.cancelled {
            // With too many on their way, closing has to do.
            let _ = cancelled.try_send(connection);
        }
    }
}

/// A place in the queue.
struct Place<'a>(&'a AtomicUsize);

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl managed::Manager for Manager {
    type Type = Connection;
    type Error = Missed;

    async fn create(&self) -> Result<Connection, Missed> {
        self.judge_pause()?;
        let connected = self.target.connect(self.statements).await.map_err(Missed::from_outside);
        let mut pause = self.pause.lock().unwrap_or_else(PoisonError::into_inner);
        match &connected {
            Ok(_) => *pause = None,
            Err(missed) => {
                let first = Backoff::new(FIRST_PAUSE, LONGEST_PAUSE);
                let mut backoff = pause.as_ref().map_or(first, |pause| pause.backoff);
                let until = Instant::now() + backoff.pause();
                *pause = Some(Pause { until, backoff, missed: missed.clone() });
            }
        }
        connected
    }

    async fn recycle(&self, connection: &mut Connection, metrics: &Metrics) -> RecycleResult<Missed> {
        let oldest = *self.oldest.lock().unwrap_or_else(PoisonError::into_inner);
        let is_old = oldest.is_some_and(|oldest| metrics.created < oldest)
            || !self.lifetime.is_zero() && metrics.created.elapsed() > self.lifetime;
        match connection.client.is_closed() || is_old {
            true => Err(managed::RecycleError::message("closed")),
            false => Ok(()),
        }
    }
}

impl Manager {
    fn judge_pause(&self) -> Result<(), Missed> {
        let (mut pause, now) = (self.pause.lock().unwrap_or_else(PoisonError::into_inner), Instant::now());
        match &mut *pause {
            Some(pause) if now < pause.until => return Err(pause.missed.clone()),
            // One tries for all.
            Some(pause) if pause.missed.is_full => pause.until = now + FIRST_PAUSE,
            _ => {}
        }
        Ok(())
    }
}
