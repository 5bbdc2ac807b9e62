//! One request as one transaction: identity, statement and commit go out together, so that they cost one round trip.

use std::pin::Pin;

use basalt_core::{Error, Result};
use futures_util::TryStreamExt;
use futures_util::future::join_all;
use tokio_postgres::types::Type;
use tokio_postgres::{Client, Row, Statement};

use super::Engine;
use super::answer::answer;
use super::connection::Connection;
use super::error::{LOOKUP_FAILED, translate};
use super::text::Text;
use super::work::{Bounds, Terms, Work};
use super::wrap::expectation;
use crate::request::call;
use crate::{Answer, Format, Request};

/// A statement that is ready to be sent.
enum Ready {
    Prepared(Statement),
    /// Parsed anew each time.
    Inline(String),
}

/// A request's statements before they are sent.
struct Prepared {
    /// Sets who it is.
    set: Ready,
    /// What is called before, the count, and the request's own.
    statements: Vec<Ready>,
    /// Whether the transaction has begun, and it is set who it is.
    has_begun: bool,
}

/// What a statement gave.
#[derive(Default)]
pub(super) struct Outcome {
    pub rows: Vec<Row>,
    /// Rows that it wrote or gave.
    pub affected: u64,
}

type Sent<'a> = Pin<Box<dyn Future<Output = Result<Outcome>> + Send + 'a>>;

/// Runs a request.
pub(super) async fn run(
    engine: &Engine,
    connection: &mut Connection,
    request: &Request,
    work: &Work<'_>,
) -> Result<Answer> {
    let answer = attempt(connection, request, work).await;
    if !answer.as_ref().is_err_and(is_stale) {
        return answer;
    }
    // What was prepared no longer fits the tables. Nothing was written, so it can be asked again.
    connection.forget();
    engine.doubts.raise();
    attempt(connection, request, work).await
}

async fn attempt(connection: &mut Connection, request: &Request, work: &Work<'_>) -> Result<Answer> {
    let Work { wrapped, terms, bounds, .. } = work;
    let pre_request = request.pre_request.as_deref().map(call);
    let expected = request.count.as_ref().and_then(expectation);
    let asked = pre_request.iter().chain(&expected).map(String::as_str).chain([wrapped.sql.as_str()]);
    let prepared = prepare(connection, request, work, &asked.collect::<Vec<_>>()).await?;
    // Whether a write stays may depend on its answer; of a read nothing does.
    let waits = !request.read_only && (request.check.is_some() || request.format != Format::None);
    let mut results = send(connection, request, work, &prepared, waits).await?;
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

/// Has statements ready. Names are looked up as the caller sees them, so what is new to the connection is prepared within the request's transaction.
async fn prepare(connection: &mut Connection, request: &Request, work: &Work<'_>, asked: &[&str]) -> Result<Prepared> {
    let Work { settings, terms, bounds, .. } = work;
    // Settings differ in number only, and their statement's text is short.
    let setting = settings.sql();
    let set = ready(connection, terms, &format!("set\0{setting}"), &setting).await?;
    let key = |sql: &str| format!("{}\0{}\0{sql}", terms.version, request.identity.role);
    let keys: Vec<String> = asked.iter().map(|sql| key(sql)).collect();
    let known: Option<Vec<Ready>> =
        asked.iter().zip(&keys).map(|(sql, key)| known(connection, terms, key, sql)).collect();
    if let Some(statements) = known {
        return Ok(Prepared { set, statements, has_begun: false });
    }
    let opening = [command(&connection.client, &bounds.begin), set.send(&connection.client, settings.values())];
    first_error(join_all(opening).await, connection, bounds).await?;
    let mut statements = Vec::with_capacity(asked.len());
    for (sql, key) in asked.iter().zip(&keys) {
        match ready(connection, terms, key, sql).await {
            Ok(statement) => statements.push(statement),
            Err(error) => {
                rollback(connection, bounds.undo).await?;
                let gate = statements.first().filter(|_| request.pre_request.is_some());
                return Err(match gate {
                    Some(gate) => refusal(connection, work, &set, gate).await?.unwrap_or(error),
                    None => error,
                });
            }
        }
    }
    Ok(Prepared { set, statements, has_begun: true })
}

/// Why the function that is called before lets a request not pass whose statement can't be prepared: what is wrong with that is for those whom it
/// lets pass.
async fn refusal(connection: &Connection, work: &Work<'_>, set: &Ready, gate: &Ready) -> Result<Option<Error>> {
    let Work { settings, bounds, .. } = work;
    let client = &connection.client;
    let head = [command(client, &bounds.begin), set.send(client, settings.values()), gate.send(client, [].into_iter())];
    let refused = join_all(head).await.into_iter().find_map(Result::err);
    rollback(connection, bounds.undo).await?;
    Ok(refused)
}

/// Sends a request's statements in one go, with the transaction's end unless that waits. The last result is the request's own; before it is the count's, if
/// that was asked for.
async fn send(
    connection: &Connection,
    request: &Request,
    work: &Work<'_>,
    prepared: &Prepared,
    waits: bool,
) -> Result<Vec<Outcome>> {
    let Work { settings, bounds, .. } = work;
    let Prepared { set, statements, has_begun } = prepared;
    let client = &connection.client;
    let mut sent: Vec<Sent<'_>> = Vec::with_capacity(statements.len() + 3);
    if !has_begun {
        sent.push(command(client, &bounds.begin));
        sent.push(set.send(client, settings.values()));
    }
    let counted = request.count.as_ref().map_or(0, |count| count.params).min(request.params.len());
    for (index, statement) in statements.iter().enumerate() {
        let is_pre_request = index == 0 && request.pre_request.is_some();
        let is_main = index + 1 == statements.len();
        let params = match (is_pre_request, is_main) {
            (true, _) => &[][..],
            (_, true) => &request.params[..],
            _ => &request.params[..counted],
        };
        sent.push(statement.send(client, params.iter().map(Option::as_deref)));
    }
    if !waits {
        sent.push(command(client, bounds.end));
    }
    let outcomes = join_all(sent).await;
    let mut results = match !waits && bounds.ends_failures() {
        true => outcomes.into_iter().collect::<Result<Vec<_>>>()?,
        false => first_error(outcomes, connection, bounds).await?,
    };
    if !waits {
        results.pop();
    }
    Ok(results)
}

/// The results, or the first error, after which the transaction is rolled back.
async fn first_error(outcomes: Vec<Result<Outcome>>, connection: &Connection, bounds: &Bounds) -> Result<Vec<Outcome>> {
    let results: Result<Vec<_>> = outcomes.into_iter().collect();
    if results.is_err() && !connection.client.is_closed() {
        rollback(connection, bounds.undo).await?;
    }
    results
}

/// Undoes what failed.
pub(super) async fn rollback(connection: &Connection, undo: &str) -> Result<()> {
    connection.client.batch_execute(undo).await.map_err(translate)
}

/// A statement that can be sent at once: under its key it was prepared before, or it need not be.
fn known(connection: &Connection, terms: &Terms, key: &str, sql: &str) -> Option<Ready> {
    match terms.prepares {
        true => connection.prepared(key).map(Ready::Prepared),
        false => Some(Ready::Inline(sql.to_owned())),
    }
}

/// The same, prepared where it has to be.
async fn ready(connection: &mut Connection, terms: &Terms, key: &str, sql: &str) -> Result<Ready> {
    match known(connection, terms, key, sql) {
        Some(statement) => Ok(statement),
        None => Ok(Ready::Prepared(connection.prepare(key.to_owned(), sql).await?)),
    }
}

fn command<'a>(client: &'a Client, sql: &'a str) -> Sent<'a> {
    Box::pin(async move { client.batch_execute(sql).await.map(|()| Outcome::default()).map_err(translate) })
}

impl Ready {
    fn send<'a, I>(&'a self, client: &'a Client, params: I) -> Sent<'a>
    where
        I: ExactSizeIterator<Item = Option<&'a str>> + Send + 'a,
    {
        Box::pin(async move {
            let texts = params.map(Text);
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

/// A prepared statement whose result or parameters would have other types now, or that the server no longer has.
fn is_stale(error: &Error) -> bool {
    let message = error.message();
    match error.code() {
        "26000" => true,
        "0A000" => message.starts_with("cached plan"),
        "42704" => message.starts_with(LOOKUP_FAILED),
        _ => false,
    }
}
