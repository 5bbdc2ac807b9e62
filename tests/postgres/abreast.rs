//! Rows that are written right after somebody took a right away are told to nobody who lost it, whether or not anybody says that something changed.

use basalt_server::config::Pooler;
use basalt_tests::postgres::{Cluster, Session};
use basalt_tests::socket::Socket;
use basalt_tests::{Server, token};
use serde_json::{Value, json};

const SCHEMA: &str = "
    create table notes (id integer primary key, body text, secret text);
    alter table notes enable row level security;
    create policy everyone on notes for select using (true);
    create table marks (id integer primary key generated always as identity);
    alter table marks enable row level security;
    create policy everyone on marks for select using (true);
    alter publication supabase_realtime add table notes, marks;
    create role club; grant select on notes to club;";

/// Somebody who is told of both tables, by a server whom nobody tells of changes to the catalog.
struct Listener {
    server: Server,
    psql: Session,
    socket: Socket,
}

impl Listener {
    async fn start(cluster: &Cluster) -> Listener {
        let pooled = |config: &mut basalt_server::Config| config.database.pooler = Pooler::Transaction;
        let server = Server::start_on(cluster, SCHEMA, pooled).await;
        let psql = cluster.connect_to(server.database_name()).await;
        let mut socket = Socket::connect(&server, &token(json!({"role": "anon"}))).await;
        let all = |table: &str| json!({"event": "*", "schema": "public", "table": table});
        socket.join("all", json!({"postgres_changes": [all("notes"), all("marks")]})).await;
        // It is told of what it may know.
        let mut listener = Listener { server, psql, socket };
        let told = listener.told("insert into notes values (0, 'first', 's')").await;
        assert_eq!(told, [json!({"record": {"id": 0, "body": "first", "secret": "s"}})]);
        listener
    }

    /// What it is told of a script, which begins with a change of rights and ends with rows: the record, or what it is told in its place.
    async fn told(&mut self, script: &str) -> Vec<Value> {
        self.psql.script(script).await;
        self.psql.script("insert into marks default values").await;
        let mut told = Vec::new();
        loop {
            let mut data = self.socket.event("postgres_changes").await["data"].take();
            if data["table"] == "marks" {
                return told;
            }
            let errors = data["errors"].take();
            told.push(if errors.is_null() { json!({"record": data["record"]}) } else { json!({ "errors": errors }) });
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_right_that_was_taken_away_before_a_row_was_written_counts() {
    let cluster = Cluster::start();
    let refused = json!({"errors": ["Error 401: Unauthorized"]});
    let cases = [
        ("revoke select on notes from anon", vec![refused.clone()]),
        (
            "revoke select on notes from anon; grant select (id, body) on notes to anon",
            vec![json!({"record": {"id": 1, "body": "late"}})],
        ),
        ("alter publication supabase_realtime drop table notes", vec![]),
        ("drop policy everyone on notes", vec![]),
        ("alter policy everyone on notes using (id > 5)", vec![]),
        ("revoke usage on schema public from anon, public", vec![]),
        // By way of a role.
        (
            "revoke select on notes from anon; grant club to anon",
            vec![json!({"record": {"id": 1, "body": "late", "secret": "s"}})],
        ),
        ("revoke club from anon", vec![refused.clone()]),
    ];
    let mut listener = Listener::start(&cluster).await;
    let mut told = Vec::new();
    for (n, (change, expected)) in cases.iter().enumerate() {
        // The last two are one after the other; the others begin anew.
        if n < 7 && n > 0 {
            drop(listener);
            listener = Listener::start(&cluster).await;
        }
        let id = if *change == "revoke club from anon" { 2 } else { 1 };
        told.push((
            change,
            listener.told(&format!("{change}; insert into notes values ({id}, 'late', 's')")).await,
            expected,
        ));
    }
    for (change, told, expected) in &told {
        assert_eq!(&told, expected, "{change}");
    }
    listener.server.stop().await;
}
