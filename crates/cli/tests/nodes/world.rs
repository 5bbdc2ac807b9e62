//! A database, a project, and the nodes that serve it; clients that watch a channel.

use std::collections::{BTreeMap, BTreeSet};

use basalt_server::keys::{Keys, sign};
use basalt_tests::postgres::{Cluster, Session};
use basalt_tests::receiver::Receiver;
use basalt_tests::socket::{Socket, url_at};
use basalt_tests::waiting::{comes_to, until};
use serde_json::{Value, json};

use crate::support::{Project, Server};

const SECRET: &str = "a-secret-of-its-own-for-the-tests-0123456789";
pub const TOPIC: &str = "realtime:room";

const TABLES: &str = "
create table notes (id integer primary key, body text);
alter table notes enable row level security;
create policy all_read on notes for select to anon using (true);
alter publication supabase_realtime add table notes;
";

pub struct World {
    pub cluster: Cluster,
    pub session: Session,
    pub project: Project,
    pub receiver: Receiver,
    nats: Option<String>,
}

/// A process.
pub struct Node {
    pub server: Server,
}

impl World {
    /// A fresh database. Nodes talk over NATS if one is named, else over the database.
    pub async fn start(nats: Option<String>) -> World {
        let cluster = Cluster::start();
        let session = cluster.create("project").await;
        let receiver = Receiver::start().await;
        let config = format!(
            // The clients send no heartbeats.
            "[realtime]\nidle_timeout = \"1h\"\n[messaging]\nheartbeat = \"200ms\"\ntimeout = \"12s\"\n[outbound]\nallow = [\"{}\"]\n\
             [[webhooks]]\nname = \"notes\"\ntable = \"notes\"\nurl = \"{}\"\n",
            receiver.address,
            receiver.url("/notes")
        );
        let project = Project::new(&[("basalt.toml", &config), ("migrations/0001_notes.sql", TABLES)]);
        World { cluster, session, project, receiver, nats }
    }

    pub fn database(&self) -> String {
        format!("{} dbname=project", self.cluster.url())
    }

    /// One more node.
    pub fn node(&self) -> Node {
        self.node_with(&[])
    }

    pub fn node_with(&self, more: &[(&str, &str)]) -> Node {
        let database = self.database();
        let mut environment = vec![("BASALT_AUTH__JWT_SECRET", SECRET), ("BASALT_DATABASE__URL", &database)];
        environment.extend(self.nats.as_deref().map(|nats| ("BASALT_MESSAGING__NATS", nats)));
        environment.extend(more);
        Node { server: self.project.start(&["serve", ".", "--migrate"], &environment) }
    }

    /// Nodes that start at the same moment.
    pub fn nodes<const N: usize>(&self) -> [Node; N] {
        std::thread::scope(|scope| {
            let starting = [(); N].map(|()| scope.spawn(|| self.node()));
            starting.map(|node| node.join().expect("a node"))
        })
    }

    /// Writes a note as an outsider does.
    pub async fn write(&self, id: usize) {
        self.session.script(&format!("insert into notes values ({id}, 'x')")).await;
    }

    /// Waits until a statement gives a value.
    pub async fn comes_to(&self, sql: &str, expected: &str) {
        let found = async || self.session.ask(sql).await.expect("an answer").0;
        comes_to(sql, Some(expected.to_owned()), found).await;
    }

    /// Waits until webhooks told of all these notes.
    pub async fn told(&self, ids: impl IntoIterator<Item = usize>) {
        let wanted: BTreeSet<usize> = ids.into_iter().collect();
        comes_to("notes of which webhooks did not tell", BTreeSet::new(), async || {
            let all = self.receiver.all();
            let came: BTreeSet<usize> =
                all.iter().filter_map(|one| one.json()["record"]["id"].as_u64()).map(|id| id as usize).collect();
            &wanted - &came
        })
        .await;
    }
}

/// The key of anonymous callers.
fn anon() -> String {
    sign(SECRET, &json!({"role": "anon", "exp": 4_102_444_800_u64}))
}

impl Node {
    /// A value of `/metrics`.
    pub fn metric(&self, name: &str) -> u64 {
        let text = self.server.get("/metrics").1;
        let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.parse().ok());
        value.unwrap_or_else(|| panic!("no metric {name} in {text}"))
    }

    /// Waits until a metric has a value.
    pub async fn comes_to(&self, name: &str, wanted: impl Fn(u64) -> bool) {
        until(name, async || wanted(self.metric(name))).await;
    }

    /// Waits until it hears so many others.
    pub async fn hears(&self, others: u64) {
        self.comes_to("basalt_nodes_others", |count| count == others).await;
    }

    /// Broadcasts to the public channel over HTTP.
    pub fn post(&self, event: &str, payload: Value) {
        let body = json!({"messages": [{"topic": "room", "event": event, "payload": payload}]}).to_string();
        let apikey = format!("apikey: {}", anon());
        let headers = ["content-type: application/json", &apikey];
        assert_eq!(self.server.request("POST", "/realtime/v1/api/broadcast", &headers, &body).0, 202);
    }

    /// Waits until it serves a path to the service role.
    pub async fn serves(&self, path: &str) {
        let service = format!("apikey: {}", Keys::issue(SECRET, 10).service);
        comes_to(path, 200, async || self.server.request("GET", path, &[&service], "").0).await;
    }
}

/// A client in the channel `room`, who follows everything there.
pub struct Client {
    socket: Socket,
    /// References by key.
    present: BTreeMap<String, BTreeSet<String>>,
}

impl Client {
    /// Joins on a node, and is present by a name.
    pub async fn join(node: &Node, name: &str) -> Client {
        let mut socket = Socket::open(&url_at(&node.server.url, &anon(), "2.0.0")).await.expect("a WebSocket");
        let config = json!({
            "presence": {"key": name, "enabled": true},
            "postgres_changes": [{"event": "*", "schema": "public", "table": "notes"}],
        });
        socket.join("room", config).await;
        assert_eq!(socket.system().await, "Subscribed to PostgreSQL");
        let track = json!({"type": "presence", "event": "track", "payload": {"name": name}});
        assert_eq!(socket.ask(TOPIC, "presence", track).await["status"], "ok");
        Client { socket, present: BTreeMap::new() }
    }

    /// Sends to the channel.
    pub async fn send(&mut self, event: &str, payload: Value) {
        let said = json!({"type": "broadcast", "event": event, "payload": payload});
        self.socket.send(TOPIC, "broadcast", said).await;
    }

    /// Waits until exactly these are present.
    pub async fn sees(&mut self, names: &[&str]) {
        while !self.present.keys().map(String::as_str).eq(names.iter().copied()) {
            let frame = self.socket.until(|frame| frame[3] == "presence_state" || frame[3] == "presence_diff").await;
            let refs = |side: &Value| -> Vec<(String, String)> {
                let keys = side.as_object().expect("an object").iter();
                let of_key = |(key, presence): (&String, &Value)| {
                    let metas = presence["metas"].as_array().expect("metas").iter();
                    metas.map(|meta| (key.clone(), meta["phx_ref"].as_str().expect("a reference").to_owned())).collect()
                };
                keys.flat_map(|pair| -> Vec<_> { of_key(pair) }).collect()
            };
            let (joins, leaves) = match frame[3] == "presence_state" {
                true => (refs(&frame[4]), Vec::new()),
                false => (refs(&frame[4]["joins"]), refs(&frame[4]["leaves"])),
            };
            for (key, reference) in joins {
                assert!(self.present.entry(key).or_default().insert(reference), "joined twice: {frame}");
            }
            for (key, reference) in leaves {
                let metas = self.present.get_mut(&key).expect("one who is present");
                assert!(metas.remove(&reference), "left twice: {frame}");
                if metas.is_empty() {
                    self.present.remove(&key);
                }
            }
        }
    }

    /// The payloads of all broadcasts until one with the event `end`.
    pub async fn until_end(&mut self) -> Vec<Value> {
        let mut payloads = Vec::new();
        loop {
            let frame = self.socket.until(|frame| frame[3] == "broadcast").await;
            let mut broadcast = frame[4].clone();
            if broadcast["event"] == "end" {
                return payloads;
            }
            // Messages from SQL are given an id.
            broadcast["payload"].as_object_mut().expect("an object").remove("id");
            payloads.push(broadcast["payload"].take());
        }
    }

    /// The ids of the notes of whose writing it is told, up to this one.
    pub async fn notes_until(&mut self, last: usize) -> Vec<usize> {
        let mut ids = Vec::new();
        while ids.last() != Some(&last) {
            let change = self.socket.event("postgres_changes").await;
            ids.push(change["data"]["record"]["id"].as_u64().expect("an id") as usize);
        }
        ids
    }

    /// Waits until the connection is gone.
    pub async fn is_cut(&mut self) {
        use futures_util::StreamExt;
        while let Some(Ok(_)) = self.socket.stream.next().await {}
    }
}
