//! How often a request waits for PostgreSQL: between server and cluster stands a gate that lets nothing come back before the
//! transaction's end was sent. What needs an answer earlier never ends.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use basalt_tests::postgres::Cluster;
use basalt_tests::{Answer, Ask, Server};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::watch;

const SOCKET: &str = ".s.PGSQL.5432";
/// How often it is tried, while the catalog changes.
const ATTEMPTS: i32 = 5;
const ANN: &str = "a0000000-0000-4000-8000-00000000000a";

/// A socket in the cluster's place.
struct Gate {
    folder: TempDir,
    /// How often it was shut and opened: it is shut while this is odd.
    turn: Arc<AtomicU64>,
}

impl Gate {
    fn before(cluster: &Path) -> Gate {
        let folder = tempfile::tempdir().expect("a folder");
        let listener = UnixListener::bind(folder.path().join(SOCKET)).expect("a socket");
        let (server, turn) = (cluster.join(SOCKET), Arc::new(AtomicU64::new(0)));
        let of_all = turn.clone();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let server = UnixStream::connect(&server).await.expect("PostgreSQL");
                tokio::spawn(pass(client, server, of_all.clone()));
            }
        });
        Gate { folder, turn }
    }

    /// Sends a request while the gate is shut; nothing if it waits for an answer.
    async fn shut_for(&self, ask: Ask) -> Option<Answer> {
        self.turn.fetch_add(1, Ordering::SeqCst);
        let answer = tokio::time::timeout(Duration::from_secs(20), ask.send()).await;
        self.turn.fetch_add(1, Ordering::SeqCst);
        answer.ok()
    }
}

/// Passes on what both say, and, while the gate is shut, nothing of the server's before the client has sent a `commit`.
async fn pass(client: UnixStream, server: UnixStream, turn: Arc<AtomicU64>) {
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let (committed, mut commits) = watch::channel(0);
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
                committed.send_replace(turn.load(Ordering::SeqCst));
            }
        }
    };
    let answering = async {
        let mut buffer = vec![0; 1 << 16];
        loop {
            let length = from_server.read(&mut buffer).await.unwrap_or_default();
            loop {
                let now = turn.load(Ordering::SeqCst);
                if now.is_multiple_of(2) || *commits.borrow_and_update() == now {
                    break;
                }
                // The gate may open meanwhile.
                let _ = tokio::time::timeout(Duration::from_millis(50), commits.changed()).await;
            }
            if length == 0 || to_client.write_all(&buffer[..length]).await.is_err() {
                return;
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
        create function mine() returns boolean language sql stable as $$ select count(*) > 0 from notes $$;";
    let server = Server::start_on(&cluster, schema, |config| {
        let folder = cluster.folder().display().to_string();
        config.database.url = config.database.url.replace(&folder, &gate.folder.path().display().to_string());
        config.database.pool = 1;
    })
    .await;
    for turn in 1..=ATTEMPTS {
        let version = server.database.catalog().version;
        // The first of each kind is prepared within its transaction.
        for (ask, status, body) in requests(&server, 2 * turn) {
            let answer = ask.send().await;
            assert_eq!((answer.status, answer.json()), (status, body));
        }
        let mut number = 0;
        for (ask, status, body) in requests(&server, 2 * turn + 1) {
            let Some(answer) = gate.shut_for(ask).await else { break };
            assert_eq!((answer.status, answer.json()), (status, body), "request {number}");
            number += 1;
        }
        if number == requests(&server, 0).len() {
            return;
        }
        // A catalog that was read again, as at the start of a service, has statements prepared again.
        assert_ne!(server.database.catalog().version, version, "request {number} takes more than one round trip");
    }
    panic!("the catalog changes all the time");
}

/// A request of each kind, with its answer. A write that gives rows back waits to see them before it commits.
fn requests(server: &Server, id: i32) -> Vec<(Ask, u16, Value)> {
    let new = json!({"id": id, "owner": ANN, "body": "n"});
    let row = format!("/notes?id=eq.{id}");
    let asks = [
        (server.post("/notes", &new), 201, Value::Null),
        (server.get(&format!("{row}&select=body")), 200, json!([{"body": "n"}])),
        (server.get(&format!("{row}&select=id")).prefer("count=exact"), 200, json!([{"id": id}])),
        (server.patch(&row, &json!({"body": "m"})), 204, Value::Null),
        (server.get("/rpc/mine"), 200, json!(true)),
        (server.delete("/notes?id=eq.0"), 204, Value::Null),
    ];
    asks.into_iter().map(|(ask, status, body)| (ask.user(ANN), status, body)).collect()
}
