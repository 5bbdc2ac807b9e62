//! The limit: the smallest program that does the same work. axum in front of rusqlite, fixed reader threads behind a channel, prepared
//! statements, the policy written into each query by hand, and a writer thread that groups its commits (or, with `--single`, commits
//! each insert by itself).
//!
//! `bare DATABASE [--single]`: makes the database if it is not there, listens on a free port and prints it.

use std::collections::HashMap;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::{get, post};
use axum::{Json, Router};
use basalt_bench::{COMMENTS, NOTES, OWNERS, owner};
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OptionalExtension, params};
use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;

const GROUP: usize = 256;

/// Work for a reader thread.
enum Read {
    One { id: i64 },
    List { limit: i64 },
    Embed { limit: i64 },
}

struct Job {
    read: Read,
    owner: Arc<str>,
    reply: oneshot::Sender<String>,
}

struct Insert {
    owner: Arc<str>,
    kind: String,
    amount: i64,
    reply: oneshot::Sender<bool>,
}

#[derive(Clone)]
struct App {
    reads: flume::Sender<Job>,
    writes: flume::Sender<Insert>,
    /// Tokens that were verified before, and whose they are.
    tokens: Arc<HashMap<String, Arc<str>>>,
}

#[derive(Serialize)]
struct Note {
    id: i64,
    owner: String,
    title: String,
    body: Option<String>,
    stars: i64,
    created_at: String,
}

#[derive(Deserialize)]
struct Event {
    kind: String,
    amount: i64,
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    let mut args = std::env::args().skip(1);
    let path = args.next().expect("usage: bare DATABASE [--single]");
    let group = if args.next().as_deref() == Some("--single") { 1 } else { GROUP };
    prepare(&path);

    let (reads, read_queue) = flume::bounded::<Job>(1024);
    for _ in 0..2 {
        let (queue, path) = (read_queue.clone(), path.clone());
        std::thread::spawn(move || reader(&open(&path), &queue));
    }
    let (writes, write_queue) = flume::bounded::<Insert>(1024);
    std::thread::spawn(move || writer(&open(&path), &write_queue, group));

    let tokens = (0..OWNERS).map(|i| (format!("Bearer token-{i}"), Arc::from(owner(i)))).collect();
    let app = App { reads, writes, tokens: Arc::new(tokens) };
    let router = Router::new()
        .route("/one", get(one))
        .route("/list", get(list))
        .route("/embed", get(embed))
        .route("/events", post(insert))
        .with_state(app);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    #[allow(clippy::print_stdout)] // the port is this program's output
    {
        println!("{}", listener.local_addr().expect("an address").port());
    }
    axum::serve(listener, router).await.expect("serving");
}

fn open(path: &str) -> Connection {
    let db = Connection::open(path).expect("the database");
    db.execute_batch(
        "pragma journal_mode = wal; pragma synchronous = full; pragma cache_size = -16000; pragma mmap_size = 268435456;
         pragma busy_timeout = 5000;",
    )
    .expect("pragmas");
    // Without this SQLite prepares a cached statement anew whenever its parameters are bound.
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true).expect("a setting");
    db.set_prepared_statement_cache_capacity(64);
    db
}

fn prepare(path: &str) {
    if Path::new(path).exists() {
        return;
    }
    let mut db = open(path);
    let made = db.transaction().expect("a transaction");
    made.execute_batch(
        "create table notes (id integer primary key, owner text not null, title text not null, body text,
           stars integer not null, created_at text not null);
         create index notes_owner on notes (owner);
         create table comments (id integer primary key, note_id integer not null references notes (id), body text not null);
         create index comments_note on comments (note_id);
         create table events (id integer primary key, owner text not null, kind text not null, amount integer not null);",
    )
    .expect("tables");
    for id in 1..=NOTES {
        made.execute(
            "insert into notes values (?1, ?2, ?3, ?4, ?5, '2026-01-01T00:00:00+00:00')",
            params![
                id,
                owner(id % OWNERS),
                format!("Note number {id}"),
                format!("The text of note {id}, long enough to look like one."),
                id % 7
            ],
        )
        .expect("a note");
    }
    for id in 1..=NOTES * COMMENTS {
        made.execute(
            "insert into comments values (?1, ?2, ?3)",
            params![id, (id - 1) / COMMENTS + 1, format!("Comment {id}")],
        )
        .expect("a comment");
    }
    made.commit().expect("a commit");
}

fn reader(db: &Connection, queue: &flume::Receiver<Job>) {
    while let Ok(job) = queue.recv() {
        let body = match job.read {
            Read::One { id } => read_one(db, id, &job.owner),
            Read::List { limit } => read_list(db, limit, &job.owner),
            Read::Embed { limit } => read_embed(db, limit, &job.owner),
        };
        let _ = job.reply.send(body.expect("a read"));
    }
}

fn note(row: &rusqlite::Row<'_>) -> rusqlite::Result<Note> {
    Ok(Note {
        id: row.get(0)?,
        owner: row.get(1)?,
        title: row.get(2)?,
        body: row.get(3)?,
        stars: row.get(4)?,
        created_at: row.get(5)?,
    })
}

fn read_one(db: &Connection, id: i64, owner: &str) -> rusqlite::Result<String> {
    let mut statement =
        db.prepare_cached("select id, owner, title, body, stars, created_at from notes where id = ?1 and owner = ?2")?;
    let found = statement.query_row(params![id, owner], note).optional()?;
    Ok(serde_json::to_string(&found.into_iter().collect::<Vec<_>>()).unwrap_or_default())
}

fn read_list(db: &Connection, limit: i64, owner: &str) -> rusqlite::Result<String> {
    let mut statement = db.prepare_cached(
        "select id, owner, title, body, stars, created_at from notes where owner = ?1 order by id limit ?2",
    )?;
    let rows: Vec<Note> = statement.query_map(params![owner, limit], note)?.collect::<Result<_, _>>()?;
    Ok(serde_json::to_string(&rows).unwrap_or_default())
}

/// The best of several hand-written forms: one statement for the notes, and another, run once a note, for its comments.
fn read_embed(db: &Connection, limit: i64, owner: &str) -> rusqlite::Result<String> {
    let mut notes = db.prepare_cached("select id, title from notes where owner = ?1 order by id limit ?2")?;
    let mut comments = db.prepare_cached("select id, body from comments where note_id = ?1")?;
    let mut body = Vec::from(b"[");
    let mut notes = notes.query(params![owner, limit])?;
    while let Some(note) = notes.next()? {
        let separator = if body.len() > 1 { "," } else { "" };
        let id: i64 = note.get(0)?;
        let _ = write!(body, "{separator}{{\"id\":{id},\"title\":");
        let _ = serde_json::to_writer(&mut body, note.get_ref(1)?.as_str()?);
        body.extend_from_slice(b",\"comments\":[");
        let mut separator = "";
        let mut comments = comments.query([id])?;
        while let Some(comment) = comments.next()? {
            let _ = write!(body, "{separator}{{\"id\":{},\"body\":", comment.get::<_, i64>(0)?);
            let _ = serde_json::to_writer(&mut body, comment.get_ref(1)?.as_str()?);
            body.push(b'}');
            separator = ",";
        }
        body.extend_from_slice(b"]}");
    }
    body.push(b']');
    Ok(String::from_utf8(body).unwrap_or_default())
}

fn writer(db: &Connection, queue: &flume::Receiver<Insert>, group: usize) {
    while let Ok(first) = queue.recv() {
        let jobs: Vec<Insert> = std::iter::once(first).chain(queue.try_iter().take(group - 1)).collect();
        db.execute_batch("begin immediate").expect("begin");
        for job in &jobs {
            db.prepare_cached("insert into events (owner, kind, amount) values (?1, ?2, ?3)")
                .and_then(|mut s| s.execute(params![&*job.owner, job.kind, job.amount]))
                .expect("an insert");
        }
        db.execute_batch("commit").expect("commit");
        for job in jobs {
            let _ = job.reply.send(true);
        }
    }
}

impl App {
    fn owner(&self, headers: &HeaderMap) -> Result<Arc<str>, StatusCode> {
        let token = headers.get(header::AUTHORIZATION).and_then(|v| v.to_str().ok()).ok_or(StatusCode::UNAUTHORIZED)?;
        self.tokens.get(token).cloned().ok_or(StatusCode::UNAUTHORIZED)
    }

    async fn read(&self, headers: &HeaderMap, read: Read) -> Result<impl IntoResponse + use<>, StatusCode> {
        let (reply, answer) = oneshot::channel();
        let job = Job { read, owner: self.owner(headers)?, reply };
        self.reads.send_async(job).await.map_err(|_| StatusCode::SERVICE_UNAVAILABLE)?;
        let body = answer.await.map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)?;
        Ok(([(header::CONTENT_TYPE, "application/json; charset=utf-8")], body))
    }
}

fn number(query: &HashMap<String, String>, key: &str) -> Result<i64, StatusCode> {
    query.get(key).and_then(|text| text.parse().ok()).ok_or(StatusCode::BAD_REQUEST)
}

async fn one(
    State(app): State<App>,
    headers: HeaderMap,
    Query(query): Query<HashMap<String, String>>,
) -> Result<impl IntoResponse, StatusCode> {
    app.read(&headers, Read::One { id: number(&query, "id")? }).await
}

async fn list(
    State(app): State<App>,
    headers: HeaderMap,
    Query(query): Query<HashMap<String, String>>,
) -> Result<impl IntoResponse, StatusCode> {
    app.read(&headers, Read::List { limit: number(&query, "limit")? }).await
}

async fn embed(
    State(app): State<App>,
    headers: HeaderMap,
    Query(query): Query<HashMap<String, String>>,
) -> Result<impl IntoResponse, StatusCode> {
    app.read(&headers, Read::Embed { limit: number(&query, "limit")? }).await
}

async fn insert(
    State(app): State<App>,
    headers: HeaderMap,
    Json(event): Json<Event>,
) -> Result<StatusCode, StatusCode> {
    let (reply, done) = oneshot::channel();
    let job = Insert { owner: app.owner(&headers)?, kind: event.kind, amount: event.amount, reply };
    app.writes.send_async(job).await.map_err(|_| StatusCode::SERVICE_UNAVAILABLE)?;
    done.await.map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)?;
    Ok(StatusCode::CREATED)
}
