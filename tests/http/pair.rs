//! A server on each engine over the same tables, asked the same.

use std::collections::BTreeSet;
use std::fmt;

use basalt_core::Identity;
use basalt_db::Request;
use basalt_server::Config;
use basalt_server::config::TransactionEnd;
use basalt_server::keys::Keys;
use basalt_sql::catalog::ConstraintKind;
use basalt_tests::postgres::Cluster;
use basalt_tests::{Answer, Server, token};
use reqwest::Method;
use serde_json::json;

use super::answer::Seen;
use super::different::is_known;

/// Both servers, and what came of asking them.
pub struct Pair {
    embedded: Server,
    postgres: Server,
    /// The time before there was anything.
    start: String,
    /// Where sequences were set last.
    aligned: u32,
    pub tally: Tally,
}

/// What came of asking.
#[derive(Default)]
pub struct Tally {
    /// The requests compared.
    pub requests: BTreeSet<String>,
    /// The differences.
    pub faults: Vec<String>,
    /// Requests that differ for a reason.
    pub known: usize,
}

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Who {
    Anonymous,
    Service,
    User(String),
}

/// A request.
#[derive(Debug, Clone)]
pub struct Asked {
    pub who: Who,
    pub method: Method,
    pub path: String,
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl Tally {
    /// Takes another's in.
    pub fn add(&mut self, other: Tally) {
        self.requests.extend(other.requests);
        self.faults.extend(other.faults);
        self.known += other.known;
    }
}

impl Asked {
    /// A request without headers and body.
    pub fn new(who: Who, method: Method, path: impl Into<String>) -> Asked {
        Asked { who, method, path: path.into(), headers: Vec::new(), body: String::new() }
    }

    async fn send(&self, server: &Server) -> Answer {
        let mut ask = server.ask(self.method.clone(), &self.path);
        for (name, value) in &self.headers {
            ask = ask.header(name, value);
        }
        if !self.body.is_empty() {
            ask = ask.body(self.body.clone());
        }
        let ask = match &self.who {
            Who::Anonymous => ask,
            Who::Service => ask.token(&Keys::development().service),
            Who::User(id) => ask.token(&token(json!({"role": "authenticated", "sub": id, "email": "me@example.com"}))),
        };
        ask.send().await
    }

    /// Whether the request itself orders its rows.
    fn orders(&self) -> bool {
        self.path.contains("?order=") || self.path.contains("&order=")
    }

    fn writes(&self) -> bool {
        ![Method::GET, Method::HEAD, Method::OPTIONS].contains(&self.method)
    }

    /// The relation or function it names.
    fn target(&self) -> &str {
        self.path.trim_start_matches('/').split('?').next().unwrap_or_default()
    }
}

impl fmt::Display for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.who {
            Who::Anonymous => write!(f, "anon")?,
            Who::Service => write!(f, "service")?,
            Who::User(id) => write!(f, "{}", id.get(..1).unwrap_or_default())?,
        }
        write!(f, " {} {}", self.method, self.path)?;
        for (name, value) in &self.headers {
            write!(f, " | {name}: {value}")?;
        }
        if self.body.is_empty() { Ok(()) } else { write!(f, " | {}", self.body) }
    }
}

impl Pair {
    /// Servers over `schema`, a script.
    pub async fn new(cluster: &Cluster, schema: &str) -> Pair {
        let change = |config: &mut Config| {
            config.api.aggregates = true;
            config.api.limited_writes = true;
            config.api.transaction_end = TransactionEnd::CommitAllowOverride;
        };
        let clock = "select to_char(now() at time zone 'UTC' - interval '1 second', 'YYYY-MM-DD\"T\"HH24:MI:SS')";
        let start = cluster.connect().await.ask(clock).await.expect("the time").0.expect("the time");
        let (embedded, postgres) =
            tokio::join!(Server::start_embedded(schema, change), Server::start_on(cluster, schema, change));
        Pair { embedded, postgres, start, aligned: 10_000, tally: Tally::default() }
    }

    /// Sends a request to both and compares; after a write, the table it names too, and what else is in `watched`.
    pub async fn compare(&mut self, asked: &Asked, watched: &[&str]) {
        let status = self.compare_one(asked).await;
        if !asked.writes() {
            return;
        }
        let target = asked.target();
        if status >= 400 {
            self.align(target).await;
        }
        for table in watched.iter().copied().chain((!watched.contains(&target)).then_some(target)) {
            if let Some(path) = self.whole(table) {
                self.compare_one(&Asked::new(Who::Service, Method::GET, path)).await;
            }
        }
    }

    /// Sets every sequence of a table (or of all, for a function) to the same number on both: a write that fails may have drawn
    /// numbers on one of them only.
    async fn align(&mut self, target: &str) {
        self.aligned += 100;
        let catalog = self.embedded.database.catalog();
        let of_target = |name: &str| target.starts_with("rpc/") || name.starts_with(&format!("{target}_"));
        let public = catalog.sequences.keys().filter(|name| name.schema == "public").map(|name| &name.name);
        for name in public.filter(|name| of_target(name)) {
            let sql = format!("select setval('\"{name}\"', {})", self.aligned);
            for server in [&self.embedded, &self.postgres] {
                let request = Request::new(Identity::owner(), sql.clone(), Vec::new());
                server.database.run(request).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
            }
        }
    }

    /// Compares one request; gives PostgreSQL's status.
    async fn compare_one(&mut self, asked: &Asked) -> u16 {
        let (expected, found) = tokio::join!(asked.send(&self.postgres), asked.send(&self.embedded));
        let see = |answer: &Answer| Seen::new(answer, asked.orders(), &self.start);
        let (expected, found) = (see(&expected), see(&found));
        let label = asked.to_string();
        if expected != found && is_known(asked, &expected, &found) {
            self.tally.known += 1;
        } else if expected != found {
            self.tally.faults.push(format!("{label}\n{}", expected.difference(&found)));
        } else if matches!(expected.code().as_str(), "XX000" | "PGRSTX00") {
            self.tally.faults.push(format!("{label}\n  both answer {}", expected.code()));
        }
        self.tally.requests.insert(label);
        expected.status()
    }

    /// The path of all rows of a table, by its key.
    fn whole(&self, table: &str) -> Option<String> {
        let catalog = self.embedded.database.catalog();
        let relation = catalog.relation("public", table)?;
        let key = relation.constraints.iter().find_map(|constraint| match &constraint.kind {
            ConstraintKind::PrimaryKey(columns) => Some(columns.clone()),
            _ => None,
        })?;
        let key: Vec<String> = key.iter().map(|column| format!("\"{column}\"")).collect();
        Some(format!("/{table}?order={}", key.join(",")))
    }
}
