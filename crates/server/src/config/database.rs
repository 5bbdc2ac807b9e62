//! `[database]`: the engine, and how it is reached and used.

use std::path::PathBuf;
use std::time::Duration;

use bytesize::ByteSize;
use serde::{Deserialize, Serialize};

/// `[database]`
#[derive(Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Database {
    /// `sqlite`: embedded; `postgres`: PostgreSQL, a private one unless `url` names another.
    pub engine: Engine,
    /// A connection string: PostgreSQL, whatever `engine` says.
    pub url: String,
    /// The password with which requests log in as `authenticator`, where `url` names another role; empty: they use `url`'s login if they have to.
    pub authenticator_password: String,
    /// Connections to PostgreSQL for requests.
    pub pool: usize,
    /// How long a request may wait for a connection, or for a thread of the embedded engine.
    #[serde(with = "humantime_serde")]
    pub pool_timeout: Duration,
    /// How long a connection may be idle before it is closed; 0: for ever.
    #[serde(with = "humantime_serde")]
    pub pool_idle: Duration,
    /// How old a connection may become; 0: any age.
    #[serde(with = "humantime_serde")]
    pub pool_lifetime: Duration,
    /// What is between Basalt and PostgreSQL.
    pub pooler: Pooler,
    /// Statements that each connection keeps prepared; 0: none.
    pub prepared_statements: usize,
    /// Whether the start fails while PostgreSQL can't be reached. If not, requests are answered with PGRST002 until it can.
    pub required: bool,
    /// Whether the roles, schemas and functions that projects rely on are made in PostgreSQL where they are missing.
    pub bootstrap: bool,
    /// The channel on which PostgreSQL asks for reloads (`notify pgrst, 'reload schema'`); empty: nobody listens.
    pub channel: String,
    /// The data folder, relative to the project.
    pub data_dir: PathBuf,
    /// Threads that read; 0 means one a core.
    pub readers: usize,
    /// Threads more for reads that run long; 0 means two for each reader.
    pub long_readers: usize,
    /// Statements that may wait for a thread.
    pub queue: usize,
    /// Writes that one commit may group.
    pub group: usize,
    /// Largest file of the embedded engine; 0: as large as the disk lets it.
    pub max_size: ByteSize,
    /// Longest time a statement may run.
    #[serde(with = "humantime_serde")]
    pub statement_timeout: Duration,
}

/// Engines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Engine {
    /// Embedded SQLite.
    #[default]
    Sqlite,
    /// PostgreSQL.
    Postgres,
}

/// What hands out connections to PostgreSQL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Pooler {
    /// Nothing, or a pooler that gives each of our connections one of its own.
    #[default]
    Session,
    /// A pooler that gives a connection for one transaction: nothing is prepared, and reloads are not heard of.
    Transaction,
}

impl Database {
    /// The engine that runs: a connection string means PostgreSQL.
    pub fn engine(&self) -> Engine {
        if self.url.is_empty() { self.engine } else { Engine::Postgres }
    }
}

impl Default for Database {
    fn default() -> Self {
        Database {
            engine: Engine::Sqlite,
            url: String::new(),
            authenticator_password: String::new(),
            pool: 10,
            pool_timeout: Duration::from_secs(10),
            pool_idle: Duration::from_secs(10 * 60),
            pool_lifetime: Duration::from_secs(30 * 60),
            pooler: Pooler::Session,
            prepared_statements: 200,
            required: true,
            bootstrap: true,
            channel: "pgrst".into(),
            data_dir: ".basalt".into(),
            readers: 0,
            long_readers: 0,
            queue: 1024,
            group: 256,
            max_size: ByteSize::b(0),
            statement_timeout: Duration::from_secs(8),
        }
    }
}
