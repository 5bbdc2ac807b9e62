//! A connection while a request or a transaction has it, and how it goes back.
//!
//! Given up in the middle of a statement (the client hung up), what it does is cancelled, and it is closed: nobody knows in which state it
//! is. Given up between the statements of a transaction, that is undone. What functions may have left on it is done away with before
//! it lies idle, locks of the session above all; where somebody waits for it, by the message that begins the next transaction.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use basalt_core::Result;
use futures_util::StreamExt;
use futures_util::stream::poll_fn;
use tokio::sync::Mutex;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::time::timeout;

use super::Engine;
use super::connection::{Connection, unexpected};
use super::error::{lost, translate};
use super::pool::{Pooled, Unfinished};
use super::run::{rollback, run};
use super::settings::{CLEAN, UNLOCK};
use super::work::Work;
use crate::{Answer, Isolation, Request};

/// Connections that wait to be cancelled or tidied, at most, and how many of them are so at once.
const WAITING: usize = 64;
const AT_ONCE: usize = 16;
/// How long either may take; then the connection is closed, whether or not the server has heard of it.
const LONGEST: Duration = Duration::from_secs(5);

/// How much longer than its time limits allow a request waits for a process of PostgreSQL's that hangs.
const GRACE: Duration = Duration::from_secs(5);

/// A connection while a request has it.
pub(super) struct Lease {
    connection: Option<Pooled>,
    engine: Arc<Engine>,
    /// Whether a transaction is open, and no statement under way.
    is_between: bool,
    /// What was set for the requests of the transaction so far.
    set: BTreeSet<String>,
}

/// Where connections go that can't go back as they are.
pub(super) struct GivenBack {
    cancelled: Sender<Connection>,
    untidy: Sender<Untidy>,
}

/// The other end, which [`cancel_all`] and [`tidy_all`] empty. Whoever does so again after a panic goes on with the same.
#[derive(Clone)]
pub(super) struct Returns {
    cancelled: Arc<Mutex<Receiver<Connection>>>,
    untidy: Arc<Mutex<Receiver<Untidy>>>,
}

/// A connection that is nobody's before it is as a new one.
struct Untidy {
    connection: Unfinished,
    /// Whether a transaction is open.
    is_open: bool,
    /// The version of the catalog that says what functions leave.
    version: u64,
}

impl GivenBack {
    pub fn new() -> (GivenBack, Returns) {
        let ((cancelled, to_cancel), (untidy, to_tidy)) = (channel(WAITING), channel(WAITING));
        let returns = Returns { cancelled: Arc::new(Mutex::new(to_cancel)), untidy: Arc::new(Mutex::new(to_tidy)) };
        (GivenBack { cancelled, untidy }, returns)
    }

    /// Where connections go whose statements are to be cancelled.
    pub fn to_cancel(&self) -> Sender<Connection> {
        self.cancelled.clone()
    }
}

impl Lease {
    pub fn new(connection: Pooled, engine: Arc<Engine>) -> Lease {
        Lease { connection: Some(connection), engine, is_between: false, set: BTreeSet::new() }
    }

    /// Runs a request in a transaction of its own.
    pub async fn run(mut self, request: &Request) -> Result<Answer> {
        let Some(connection) = self.connection.as_deref_mut() else { return Err(unexpected()) };
        let cleans = self.engine.cleans(connection);
        connection.is_littered |= self.engine.is_littered();
        let work = Work::transaction(&self.engine, request, cleans);
        tracing::trace!(target: "basalt_db::queries", role = %request.identity.role, sql = %work.wrapped.sql);
        // One that hangs is given up with the lease.
        let answer = answered(&self.engine, connection, request, &work).await?;
        self.give_back();
        answer
    }

    /// Begins a transaction for several requests. `step_down` follows the command that begins.
    pub async fn begin(&mut self, isolation: Isolation, step_down: &str) -> Result<()> {
        let Some(connection) = self.connection.as_deref_mut() else { return Err(unexpected()) };
        let clean = match self.engine.cleans(connection) {
            true => format!("{CLEAN}; select {UNLOCK}"),
            false => String::new(),
        };
        connection.is_littered |= self.engine.is_littered();
        let limit = self.engine.options.statement_timeout.as_millis();
        let level = isolation.words();
        let begin = format!(
            "begin isolation level {level} read write{clean}{step_down}; set local idle_in_transaction_session_timeout = {limit}"
        );
        connection.client.batch_execute(&begin).await.map_err(translate)?;
        self.is_between = true;
        Ok(())
    }

    /// Runs one of them, in a savepoint.
    pub async fn step(&mut self, request: &Request) -> Result<Answer> {
        let Some(connection) = self.connection.as_deref_mut() else { return Err(unexpected()) };
        self.is_between = false;
        let work = Work::step(&self.engine, request, &mut self.set);
        let answer = answered(&self.engine, connection, request, &work).await;
        match &answer {
            Ok(_) => self.is_between = !connection.client.is_closed(),
            Err(_) => self.give_up(),
        }
        answer?
    }

    /// Ends the transaction with a command.
    pub async fn end(mut self, command: &str) -> Result<()> {
        let Some(connection) = self.connection.as_deref_mut() else { return Err(unexpected()) };
        self.is_between = false;
        let ended = connection.client.batch_execute(command).await.map_err(translate);
        if ended.is_err() && !connection.client.is_closed() {
            rollback(connection, "rollback").await?;
        }
        self.give_back();
        ended
    }

    /// Back into the pool, in a known state.
    fn give_back(&mut self) {
        let Some(connection) = self.connection.take() else { return };
        let is_wanted = || Pooled::pool(&connection).is_some_and(|pool| pool.status().waiting > 0);
        if connection.is_littered && !connection.client.is_closed() && !is_wanted() {
            self.tidy(connection, false);
        }
    }

    /// Has what it does cancelled, and closes it.
    fn give_up(&mut self) {
        if let Some(connection) = self.connection.take() {
            // With too many on their way, closing has to do: the server notices at its next answer.
            let _ = self.engine.given_back.cancelled.try_send(Pooled::take(connection));
        }
    }

    fn tidy(&self, connection: Pooled, is_open: bool) {
        let version = self.engine.current.load().catalog.version;
        let untidy = Untidy { connection: Unfinished::new(connection), is_open, version };
        match self.engine.given_back.untidy.try_send(untidy) {
            // With too many on their way, the next transaction has to do it, or closing.
            Err(TrySendError::Full(untidy)) if !untidy.is_open => untidy.connection.finish(),
            _ => {}
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        match self.connection.take_if(|_| self.is_between) {
            Some(connection) => self.tidy(connection, true),
            None => self.give_up(),
        }
    }
}

/// How long a request may go without an answer: preparing, running and committing it have its time limit each. `None` where nothing limits it,
/// or what runs before it may have changed the limit.
fn longest(request: &Request, work: &Work<'_>) -> Option<Duration> {
    let limit = work.settings.time_limit().filter(|_| request.pre_request.is_none())?;
    Some(limit.saturating_mul(3).saturating_add(GRACE))
}

/// Runs a request, and waits for its answer no longer than its time limits allow.
///
/// Errors: 08006 for a process of PostgreSQL's that says nothing for so long.
async fn answered(
    engine: &Engine,
    connection: &mut Connection,
    request: &Request,
    work: &Work<'_>,
) -> Result<Result<Answer>> {
    let answer = run(engine, connection, request, work);
    let Some(longest) = longest(request, work) else { return Ok(answer.await) };
    let hung = |_| lost().with_detail(format!("PostgreSQL did not answer within {longest:?}."));
    timeout(longest, answer).await.map_err(hung)
}

/// Cancels what clients that hung up had asked for.
pub(super) async fn cancel_all(returns: Returns) {
    let mut connections = returns.cancelled.lock().await;
    let each = poll_fn(|context| connections.poll_recv(context));
    each.for_each_concurrent(AT_ONCE, async |connection| _ = timeout(LONGEST, connection.cancel()).await).await;
}

/// Undoes transactions that were given up between two statements, and does away with what functions left.
pub(super) async fn tidy_all(returns: Returns) {
    let mut connections = returns.untidy.lock().await;
    let each = poll_fn(|context| connections.poll_recv(context));
    each.for_each_concurrent(AT_ONCE, Untidy::tidy).await;
}

impl Untidy {
    async fn tidy(mut self) {
        let Ok(connection) = self.connection.get_mut() else { return };
        let undo = if self.is_open { "rollback" } else { "" };
        let sql = match connection.is_littered {
            true => format!("{undo}{CLEAN}; select {UNLOCK}"),
            false => undo.to_owned(),
        };
        match timeout(LONGEST, connection.client.batch_execute(&sql)).await {
            Ok(Ok(())) => {
                connection.is_littered = false;
                connection.clean_at = self.version;
                self.connection.finish();
            }
            ended => tracing::debug!(?ended, "a connection could not be made as new, and is closed"),
        }
    }
}

impl Engine {
    /// Whether functions of the database may leave something on their connection, to be done away with once it is given back. A pooler
    /// hands it to others at the transaction's end.
    fn is_littered(&self) -> bool {
        !self.options.transaction_pooler && self.current.load().litters
    }

    /// Whether a transaction begins with doing away with what earlier ones left on its connection: they may have, or ran before it was known
    /// that functions do.
    fn cleans(&self, connection: &Connection) -> bool {
        let current = self.current.load();
        // A pooler's connection may have run anybody's transaction before.
        let is_unknown = self.options.transaction_pooler || connection.clean_at != current.catalog.version;
        connection.is_littered || (current.litters && is_unknown)
    }
}
