//! How often a request waits for PostgreSQL: between server and cluster stands a gate that lets nothing come back before the
//! transaction's end was sent. What needs an answer earlier never ends.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use basalt_tests::postgres::Cluster;
use basalt_tests::{Ask, Server};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::watch;

const SOCKET: &str = ".s.PGSQL.5432";
const ANN: &str = "a0000000-0000-4000-8000-00000000000a";

/// A socket in the cluster's place.
struct Gate {
    folder: TempDir,
    is_shut: Arc<AtomicBool>,
}

impl Gate {
    fn before(cluster: &Path) -> Gate {
        let folder = tempfile::tempdir().expect("a folder");
        let listener = UnixListener::bind(folder.path().join(SOCKET)).expect("a socket");
        let (server, is_shut) = (cluster.join(SOCKET), Arc::new(AtomicBool::new(false)));
        let shut = is_shut.clone();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let server = UnixStream::connect(&server).await.expect("PostgreSQL");
                tokio::spawn(pass(client, server, shut.clone()));
            }
        });
        Gate { folder, is_shut }
    }

    /// Sends a request while the gate is shut.
    async fn shut_for(&self, ask: Ask) -> basalt_tests::Answer {
        self.is_shut.store(true, Ordering::SeqCst);
        let answer = tokio::time::timeout(Duration::from_secs(20), ask.send()).await;
        self.is_shut.store(false, Ordering::SeqCst);
        answer.expect("one round trip is enough")
    }
}

/// Passes on what both say, and, while the gate is shut, nothing of the server's before the client has sent a `commit`.
async fn pass(client: UnixStream, server: UnixStream, is_shut: Arc<AtomicBool>) {
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let (committed, mut commits) = watch::channel(false);
    let asking = async {
        let (mut buffer, mut sent) = (vec![0; 1 << 16], Vec::new());
        loop {
            let length = from_client.read(&mut buffer).await.unwrap_or_default();
            if length == 0 || to_server.write_all(&buffer[..length]).await.is_err() {
                return;
            }
            sent.extend_from_slice(&buffer[..length]);
            if sent.windows(7).any(|window| window == b"commit\0") {
                sent.clear();
                committed.send_replace(true);
            }
        }
    };
    let answering = async {
        let mut buffer = vec![0; 1 << 16];
        loop {
            let length = from_server.read(&mut buffer).await.unwrap_or_default();
            while is_shut.load(Ordering::SeqCst) && !*commits.borrow_and_update() {
                // The gate may open meanwhile.
                let _ = tokio::time::timeout(Duration::from_millis(50), commits.changed()).await;
            }
            if length == 0 || to_client.write_all(&buffer[..length]).await.is_err() {
                return;
            }
            if !is_shut.load(Ordering::SeqCst) {
                committed.send_replace(false);
            }
        }
    };
    tokio::select! {
        () = asking => {}
        () = answering => {}
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn identity_statement_and_commit_are_one_round_trip() {
    let cluster = Cluster::start();
    let gate = Gate::before(cluster.folder());
    let schema = "create table notes (id integer primary key, owner uuid, body text); alter table notes enable row level security;
        create policy own on notes using (owner = auth.uid()) with check (owner = auth.uid());
        create function mine() returns bigint language sql stable as $$ select count(*) from notes $$;";
    let server = Server::start_on(&cluster, schema, |config| {
        let folder = cluster.folder().display().to_string();
        config.database.url = config.database.url.replace(&folder, &gate.folder.path().display().to_string());
        config.database.pool = 1;
    })
    .await;
    // The first of each kind is prepared within its transaction.
    for turn in 1..=2 {
        let new = json!({"id": turn, "owner": ANN, "body": "n"});
        let requests = [
            (server.post("/notes", &new), 201, Value::Null),
            (server.get(&format!("/notes?id=eq.{turn}&select=body")), 200, json!([{"body": "n"}])),
            (server.get(&format!("/notes?id=eq.{turn}&select=id")).prefer("count=exact"), 200, json!([{"id": turn}])),
            (server.patch(&format!("/notes?id=eq.{turn}"), &json!({"body": "m"})), 204, Value::Null),
            (server.get("/rpc/mine"), 200, json!(turn)),
            (server.delete("/notes?id=eq.7"), 204, Value::Null),
        ];
        for (number, (ask, status, body)) in requests.into_iter().enumerate() {
            let ask = ask.user(ANN);
            let answer = if turn == 1 { ask.send().await } else { gate.shut_for(ask).await };
            assert_eq!((answer.status, answer.json()), (status, body), "request {number} of turn {turn}");
        }
    }
}
