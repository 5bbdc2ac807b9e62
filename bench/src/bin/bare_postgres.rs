//! The limit on PostgreSQL: axum in front of tokio-postgres. Each request takes one of ten connections and sends, in one pipeline,
//! the transaction that Basalt's engine sends: BEGIN, the caller's role and claims, one prepared statement, COMMIT.
//!
//! `bare_postgres CONNECTION`: expects Basalt's tables there, listens on a free port and prints it.

use std::collections::HashMap;
use std::io::Write;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use basalt_bench::{OWNERS, owner};
use serde::Deserialize;
use tokio_postgres::{Client, NoTls, Statement};

const CONNECTIONS: usize = 10;

const IDENTITY: &str = "select set_config('search_path', $1, true), set_config('statement_timeout', $2, true), set_config('role', $3, true), \
    set_config('request.jwt.claims', $4, true), set_config('request.method', $5, true), set_config('request.path', $6, true), \
    set_config('request.headers', $7, true), set_config('request.cookies', $8, true)";
const ONE: &str = "select coalesce(json_agg(s), '[]')::text, count(*) from (select id, owner, title, body, stars, created_at from notes \
    where id = $1) s";
const EMBED: &str = "select coalesce(json_agg(s), '[]')::text, count(*) from (select id, title, (select coalesce(jsonb_agg(c), '[]') from \
    (select id, body from comments where note_id = notes.id) c) as comments from notes order by id limit $1) s";

/// A connection with its statements.
struct Connection {
    client: Client,
    identity: Statement,
    one: Statement,
    embed: Statement,
}

#[derive(Clone)]
struct App {
    free: flume::Receiver<Connection>,
    back: flume::Sender<Connection>,
    /// Tokens that were verified before, and the claims in them.
    tokens: Arc<HashMap<String, String>>,
}

#[derive(Deserialize)]
struct Asked {
    number: i64,
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    let target = std::env::args().nth(1).expect("usage: bare_postgres CONNECTION");
    let (back, free) = flume::bounded(CONNECTIONS);
    for _ in 0..CONNECTIONS {
        back.send(connect(&target).await).expect("a place");
    }
    let claims = |i| format!("{{\"role\":\"authenticated\",\"sub\":\"{}\",\"exp\":4102444800}}", owner(i));
    let tokens = (0..OWNERS).map(|i| (format!("token-{i}"), claims(i))).collect();
    let app = App { free, back, tokens: Arc::new(tokens) };
    let router = Router::new()
        .route("/one", get(|app, headers, asked| answer(app, headers, asked, |c| &c.one)))
        .route("/embed", get(|app, headers, asked| answer(app, headers, asked, |c| &c.embed)))
        .with_state(app);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let mut out = std::io::stdout();
    writeln!(out, "{}", listener.local_addr().expect("an address").port()).expect("a reader");
    out.flush().expect("a reader");
    axum::serve(listener, router).await.expect("serves");
}

async fn connect(target: &str) -> Connection {
    let (client, driver) = tokio_postgres::connect(target, NoTls).await.expect("PostgreSQL");
    tokio::spawn(driver);
    client.batch_execute("set session authorization authenticator").await.expect("a role");
    // Names are looked up as the caller sees them.
    client.batch_execute("begin; set local role authenticated").await.expect("a role");
    let (identity, one, embed) =
        (client.prepare(IDENTITY).await, client.prepare(ONE).await, client.prepare(EMBED).await);
    client.batch_execute("commit").await.expect("ends");
    Connection {
        identity: identity.expect("prepares"),
        one: one.expect("prepares"),
        embed: embed.expect("prepares"),
        client,
    }
}

async fn answer(
    State(app): State<App>,
    headers: HeaderMap,
    Query(asked): Query<Asked>,
    statement: fn(&Connection) -> &Statement,
) -> impl IntoResponse {
    let token = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
    let Some(claims) = token.and_then(|token| app.tokens.get(token)) else {
        return (StatusCode::UNAUTHORIZED, [(header::CONTENT_TYPE, "text/plain")], String::new());
    };
    let connection = app.free.recv_async().await.expect("a connection");
    let client = &connection.client;
    let settings: [&(dyn tokio_postgres::types::ToSql + Sync); 8] =
        [&"\"public\"", &"8000", &"authenticated", claims, &"GET", &"/notes", &"{}", &"{}"];
    let (begin, identity, rows, commit) = futures_util::future::join4(
        client.batch_execute("begin isolation level read committed read only"),
        client.query(&connection.identity, &settings),
        client.query_one(statement(&connection), &[&asked.number]),
        client.batch_execute("commit"),
    )
    .await;
    let body: Result<String, _> = rows.map(|row| row.get(0));
    app.back.send(connection).expect("a place");
    match (begin, identity, body, commit) {
        (Ok(()), Ok(_), Ok(body), Ok(())) => (StatusCode::OK, [(header::CONTENT_TYPE, "application/json")], body),
        _ => (StatusCode::INTERNAL_SERVER_ERROR, [(header::CONTENT_TYPE, "text/plain")], String::new()),
    }
}
