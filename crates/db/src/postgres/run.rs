//! One request as one transaction: identity, statement and commit go out together, so that they cost one round trip.

use std::pin::Pin;

use basalt_core::{Error, Result};
use bytes::Bytes;
use futures_util::TryStreamExt;
use futures_util::future::join_all;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::mpsc::{Receiver, Sender};
use tokio_postgres::types::{FromSql, Type};
use tokio_postgres::{Client, Row, Statement};

use super::connection::{Connection, unexpected};
use super::error::translate;
use super::pool::Pooled;
use super::settings::Settings;
use super::text::Text;
use super::wrap::{FIXED, Wrapped, expectation};
use crate::{Answer, Count, CountKind, Format, Request, TransactionEnd};

/// A connection while a request has it. Given up in the middle of a statement (the client hung up), what it does is cancelled, and it is
/// closed: nobody knows in which state it is. Given up between the statements of a transaction, that is undone, and it goes back.
pub(super) struct Lease {
    connection: Option<Pooled>,
    given_up: GivenUp,
    /// Whether a transaction is open, and no statement under way.
    is_between: bool,
}

/// Where connections go that are given up.
#[derive(Clone)]
pub(super) struct GivenUp {
    /// What they do is cancelled.
    pub cancels: Sender<Connection>,
    /// Their transaction is undone.
    pub undone: Sender<Pooled>,
}

impl Lease {
    pub fn new(connection: Pooled, given_up: GivenUp) -> Lease {
        Lease { connection: Some(connection), given_up, is_between: false }
    }

    /// Runs a request.
    pub async fn run(
        mut self,
        request: &Request,
        settings: &Settings,
        wrapped: &Wrapped,
        terms: &Terms,
    ) -> Result<Answer> {
        let Some(connection) = self.connection.as_deref_mut() else { return Err(unexpected()) };
        let bounds = Bounds::transaction(request, settings);
        let answer = run(connection, request, settings, wrapped, terms, &bounds).await;
        // Back into the pool, in a known state.
        drop(self.connection.take());
        answer
    }

    /// Begins a transaction for several requests. `limit`: how long it may be idle, in milliseconds.
    /// `more` follows the command that begins.
    pub async fn begin(&mut self, limit: u64, more: &str) -> Result<()> {
        let Some(connection) = self.connection.as_deref_mut() else { return Err(unexpected()) };
        let begin = format!("begin{more}; set local idle_in_transaction_session_timeout = {limit}");
        connection.client.batch_execute(&begin).await.map_err(translate)?;
        self.is_between = true;
        Ok(())
    }

    /// Runs one of them, in a savepoint.
    pub async fn step(
        &mut self,
        request: &Request,
        settings: &Settings,
        wrapped: &Wrapped,
        terms: &Terms,
    ) -> Result<Answer> {
        let Some(connection) = self.connection.as_deref_mut() else { return Err(unexpected()) };
        self.is_between = false;
        let answer = run(connection, request, settings, wrapped, terms, &Bounds::savepoint(request)).await;
        self.is_between = !connection.client.is_closed();
        answer
    }

    /// Ends the transaction with a command.
    pub async fn end(mut self, command: &str) -> Result<()> {
        let Some(connection) = self.connection.as_deref_mut() else { return Err(unexpected()) };
        self.is_between = false;
        let ended = connection.client.batch_execute(command).await.map_err(translate);
        if ended.is_err() && !connection.client.is_closed() {
            rollback(connection, "rollback").await?;
        }
        drop(self.connection.take());
        ended
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let Some(connection) = self.connection.take() else { return };
        // With too many on their way, closing has to do: the server notices at its next answer.
        if self.is_between {
            if let Err(TrySendError::Full(connection) | TrySendError::Closed(connection)) =
                self.given_up.undone.try_send(connection)
            {
                drop(Pooled::take(connection));
            }
        } else {
            let _ = self.given_up.cancels.try_send(Pooled::take(connection));
        }
    }
}

/// Cancels what clients that hung up had asked for.
pub(super) async fn cancel_all(mut connections: Receiver<Connection>) {
    while let Some(connection) = connections.recv().await {
        connection.cancel().await;
    }
}

/// Undoes transactions that were given up between two statements.
pub(super) async fn undo_all(mut connections: Receiver<Pooled>) {
    while let Some(connection) = connections.recv().await {
        if connection.client.batch_execute("rollback").await.is_err() {
            drop(Pooled::take(connection));
        }
    }
}

/// How the part of a transaction that a request is begins and ends.
struct Bounds {
    begin: String,
    end: &'static str,
    undo: &'static str,
}

impl Bounds {
    fn transaction(request: &Request, settings: &Settings) -> Bounds {
        let end = match request.end {
            TransactionEnd::Commit => "commit",
            TransactionEnd::Rollback => "set constraints all immediate; rollback",
        };
        Bounds { begin: settings.begin.clone(), end, undo: "rollback" }
    }

    /// What a savepoint sets, its end unsets only where it is undone; a read has nothing to keep.
    fn savepoint(request: &Request) -> Bounds {
        let undo = "rollback to savepoint one; release savepoint one";
        let (begin, end) = match request.read_only {
            true => ("savepoint one; set local transaction_read_only = on", undo),
            false => ("savepoint one", "release savepoint one"),
        };
        Bounds { begin: begin.into(), end, undo }
    }

    /// Whether the end ends what failed, too: a commit does, and a savepoint's end that undoes it anyway. Another's first command
    /// fails after a failure, and the others never run.
    fn ends_failures(&self) -> bool {
        self.end == "commit" || self.end == self.undo
    }
}

/// What holds for every request of an engine.
pub(super) struct Terms {
    /// The catalog's version: statements are prepared for one.
    pub version: u64,
    /// Whether statements are prepared. A pooler that hands out connections by transaction forbids it.
    pub prepares: bool,
    /// Largest body in bytes.
    pub max_body: usize,
}

/// A statement that is ready to be sent.
enum Ready {
    Prepared(Statement),
    /// Parsed anew each time.
    Inline(String),
}

/// What a statement gave.
#[derive(Default)]
struct Outcome {
    rows: Vec<Row>,
    /// Rows that it wrote or gave.
    affected: u64,
}

type Sent<'a> = Pin<Box<dyn Future<Output = Result<Outcome>> + Send + 'a>>;

async fn run(
    connection: &mut Connection,
    request: &Request,
    settings: &Settings,
    wrapped: &Wrapped,
    terms: &Terms,
    bounds: &Bounds,
) -> Result<Answer> {
    let answer = attempt(connection, request, settings, wrapped, terms, bounds).await;
    if !answer.as_ref().is_err_and(is_stale) {
        return answer;
    }
    // What was prepared no longer fits the tables. Nothing was written, so it can be asked again.
    connection.forget();
    attempt(connection, request, settings, wrapped, terms, bounds).await
}

async fn attempt(
    connection: &mut Connection,
    request: &Request,
    settings: &Settings,
    wrapped: &Wrapped,
    terms: &Terms,
    bounds: &Bounds,
) -> Result<Answer> {
    let values: Vec<Option<String>> = settings.values.iter().map(|(_, value)| Some(value.clone())).collect();
    let key = |sql: &str| format!("{}\0{}\0{sql}", terms.version, request.identity.role);
    let set = ready(connection, terms, "set", &settings.sql()).await?;
    let expected = request.count.as_ref().and_then(expectation);
    let pre_request = request.pre_request.as_deref().map(call);

    // Names are looked up as the caller sees them, so a statement that is new here is prepared within its transaction.
    let all: Vec<&str> =
        pre_request.iter().chain(&expected).map(String::as_str).chain([wrapped.sql.as_str()]).collect();
    let known = !terms.prepares || all.iter().all(|sql| connection.prepared(&key(sql)).is_some());
    if !known {
        let opening = [command(&connection.client, &bounds.begin), set.send(&connection.client, &values)];
        first_error(join_all(opening).await, connection, bounds).await?;
        for sql in &all {
            if let Err(error) = ready(connection, terms, &key(sql), sql).await {
                rollback(connection, bounds.undo).await?;
                return Err(error);
            }
        }
    }
    let mut statements = Vec::with_capacity(all.len());
    for sql in &all {
        statements.push(match connection.prepared(&key(sql)).filter(|_| terms.prepares) {
            Some(statement) => Ready::Prepared(statement),
            None => Ready::Inline((*sql).to_owned()),
        });
    }
    let client = &connection.client;
    let mut begun: Vec<Sent<'_>> = Vec::new();
    if known {
        begun.push(command(client, &bounds.begin));
        begun.push(set.send(client, &values));
    }
    let counted = request.count.as_ref().map_or(0, |count| count.params).min(request.params.len());
    for (index, statement) in statements.iter().enumerate() {
        let is_pre_request = index == 0 && pre_request.is_some();
        let is_main = index + 1 == statements.len();
        let params = match (is_pre_request, is_main) {
            (true, _) => &[][..],
            (_, true) => &request.params[..],
            _ => &request.params[..counted],
        };
        begun.push(statement.send(client, params));
    }
    // Whether a write stays may depend on its answer; of a read nothing does.
    let waits = !request.read_only && (request.check.is_some() || request.format != Format::None);
    if !waits {
        begun.push(command(client, bounds.end));
    }
    let outcomes = join_all(begun).await;
    let mut results = match waits {
        true => first_error(outcomes, connection, bounds).await?,
        false if bounds.ends_failures() => outcomes.into_iter().collect::<Result<Vec<_>>>()?,
        false => first_error(outcomes, connection, bounds).await?,
    };
    if !waits {
        results.pop();
    }
    let outcome = results.pop().unwrap_or_default();
    let plan = expected.and_then(|_| results.pop());
    let judged = answer(request, wrapped, &outcome, plan.as_ref(), terms.max_body)
        .and_then(|answer| request.check.as_ref().map_or(Ok(()), |check| check(&answer)).map(|()| answer));
    if waits {
        match &judged {
            Ok(_) => drop(first_error(vec![command(&connection.client, bounds.end).await], connection, bounds).await?),
            Err(_) => rollback(connection, bounds.undo).await?,
        }
    }
    judged
}

/// The results, or the first error, after which the transaction is rolled back.
async fn first_error(outcomes: Vec<Result<Outcome>>, connection: &Connection, bounds: &Bounds) -> Result<Vec<Outcome>> {
    let results: Result<Vec<_>> = outcomes.into_iter().collect();
    if results.is_err() && !connection.client.is_closed() {
        rollback(connection, bounds.undo).await?;
    }
    results
}

async fn rollback(connection: &Connection, undo: &str) -> Result<()> {
    connection.client.batch_execute(undo).await.map_err(translate)
}

/// A statement under a key, prepared if that is allowed.
async fn ready(connection: &mut Connection, terms: &Terms, key: &str, sql: &str) -> Result<Ready> {
    if !terms.prepares {
        return Ok(Ready::Inline(sql.to_owned()));
    }
    // Settings differ in number only, and their statement's text is short.
    let key = if key == "set" { format!("set\0{sql}") } else { key.to_owned() };
    match connection.prepared(&key) {
        Some(statement) => Ok(Ready::Prepared(statement)),
        None => Ok(Ready::Prepared(connection.prepare(key, sql).await?)),
    }
}

fn command<'a>(client: &'a Client, sql: &'a str) -> Sent<'a> {
    Box::pin(async move { client.batch_execute(sql).await.map(|()| Outcome::default()).map_err(translate) })
}

impl Ready {
    fn send<'a>(&'a self, client: &'a Client, params: &'a [Option<String>]) -> Sent<'a> {
        Box::pin(async move {
            let texts = params.iter().map(|value| Text(value.as_deref()));
            let stream = match self {
                Ready::Prepared(statement) => client.query_raw(statement, texts).await,
                Ready::Inline(sql) => client.query_typed_raw(sql, texts.map(|text| (text, Type::UNKNOWN))).await,
            };
            let mut stream = std::pin::pin!(stream.map_err(translate)?);
            let mut rows = Vec::new();
            while let Some(row) = stream.try_next().await.map_err(translate)? {
                rows.push(row);
            }
            Ok(Outcome { rows, affected: stream.rows_affected().unwrap_or_default() })
        })
    }
}

/// `select "s"."f"()`.
pub(super) fn call(function: &str) -> String {
    let parts: Vec<String> = function.split('.').map(basalt_sql::quote::ident).collect();
    format!("select {}()", parts.join("."))
}

/// A prepared statement whose result would have other columns now, or that the server no longer has.
fn is_stale(error: &Error) -> bool {
    error.code() == "26000" || (error.code() == "0A000" && error.message().starts_with("cached plan"))
}

fn answer(
    request: &Request,
    wrapped: &Wrapped,
    outcome: &Outcome,
    plan: Option<&Outcome>,
    max_body: usize,
) -> Result<Answer> {
    let mut answer = Answer::default();
    if !wrapped.one_row {
        if let Format::Plan(_) = request.format {
            let lines = outcome.rows.iter().map(|row| row.try_get::<_, Raw<'_>>(0).map(|raw| raw.0));
            let lines = lines.collect::<Result<Vec<_>, _>>().map_err(translate)?;
            answer.body = Bytes::from(lines.iter().fold(String::new(), |body, line| body + line + "\n"));
        }
        answer.rows = outcome.affected;
        return Ok(answer);
    }
    let row = outcome.rows.first().ok_or_else(unexpected)?;
    let text = |index: usize| row.try_get::<_, Option<&str>>(index).map_err(translate);
    let number = |index: usize| row.try_get::<_, Option<i64>>(index).map_err(translate);
    let body = text(0)?.unwrap_or_default();
    if body.len() > max_body {
        let message = format!("the result is larger than {max_body} bytes");
        return Err(Error::new("54000", message).with_hint("Ask for fewer rows or columns."));
    }
    let is_bytes: bool = row.try_get(1).map_err(translate)?;
    answer.body = if is_bytes { bytes(body)? } else { Bytes::copy_from_slice(body.as_bytes()) };
    answer.rows = number(2)?.unwrap_or_default() as u64;
    answer.inserted = number(3)?.unwrap_or_default() as u64;
    answer.total = total(request.count.as_ref(), number(4)?, plan)?;
    for (index, name) in [(5, "response.status"), (6, "response.headers")] {
        answer.response_settings.extend(text(index)?.map(|value| (name.to_owned(), value.to_owned())));
    }
    for (index, name) in wrapped.hidden.iter().enumerate() {
        answer.first_row.push((name.clone(), text(FIXED + index)?.map(str::to_owned)));
    }
    Ok(answer)
}

/// The total from what was counted and what the planner expects.
fn total(count: Option<&Count>, counted: Option<i64>, plan: Option<&Outcome>) -> Result<Option<u64>> {
    let Some(count) = count else { return Ok(None) };
    let counted = counted.unwrap_or_default() as u64;
    let Some(row) = plan.and_then(|plan| plan.rows.first()) else { return Ok(Some(counted)) };
    let raw: Raw<'_> = row.try_get(0).map_err(translate)?;
    let plan: serde_json::Value =
        serde_json::from_str(raw.0).map_err(|error| Error::internal(format!("a plan can't be read: {error}")))?;
    let expected = plan[0]["Plan"]["Plan Rows"].as_f64().unwrap_or_default() as u64;
    Ok(Some(match count.kind {
        CountKind::Planned => expected,
        CountKind::Estimated(Some(most)) if counted <= most => counted,
        _ => counted.max(expected),
    }))
}

/// `\x...` as its bytes.
fn bytes(text: &str) -> Result<Bytes> {
    let digits = text.strip_prefix("\\x").unwrap_or_default().as_bytes();
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    let bytes: Option<Vec<u8>> = digits.chunks(2).map(byte).collect();
    bytes.map(Bytes::from).ok_or_else(unexpected)
}

/// A value as the text that came, whatever its type: for `json`, whose binary form is its text.
struct Raw<'a>(&'a str);

impl<'a> FromSql<'a> for Raw<'a> {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn std::error::Error + Sync + Send>> {
        Ok(Raw(std::str::from_utf8(raw)?))
    }

    fn accepts(ty: &Type) -> bool {
        matches!(*ty, Type::JSON | Type::TEXT)
    }
}
