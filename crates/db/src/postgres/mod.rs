//! The PostgreSQL engine: each request one transaction as its role, native row security, the catalog read from the database.

mod abreast;
mod adopting;
mod answer;
mod bootstrap;
mod cancelling;
mod catalog;
mod changes;
mod cluster;
mod configuration;
mod connection;
mod doubt;
mod error;
mod extensions;
mod grants;
mod installing;
mod lease;
mod listen;
mod loading;
mod migrating;
mod notify;
mod opening;
mod outside;
mod passfile;
mod pool;
mod programs;
mod pulse;
mod run;
mod settings;
mod supervising;
mod text;
mod tls;
mod turn;
mod url;
mod views;
mod work;
mod wrap;

use std::path::PathBuf;
use std::sync::{Arc, Weak};
use std::time::Duration;

use arc_swap::ArcSwap;
use basalt_core::{Error, Identity, Result};
use basalt_sql::Catalog;
use basalt_sql::catalog::AUTHENTICATOR;
use basalt_supervise::supervised;
use tokio::sync::{Mutex, Notify};
use tokio::task::JoinHandle;

use crate::changes::Hub;
use crate::migrate::Service;
use crate::{Answer, Isolation, Request};
use cluster::Cluster;
use connection::{Connection, Target};
use doubt::Doubts;
pub(crate) use error::translate;
use lease::{GivenBack, Lease, Returns};
pub use loading::Loads;
use loading::{Counted, Current};
pub use notify::{LARGEST_NOTIFICATION, NotifyLine};
use opening::{Login, first_look, load_at_last};
pub use pool::PoolState;
use pool::{Pool, Sizes};
use pulse::Pulse;
/// Connections for migrations, the catalog and Basalt's own services.
const OWNER_CONNECTIONS: usize = 4;

/// How to reach and use PostgreSQL.
#[derive(Clone)]
pub struct PostgresOptions {
    /// A connection string; without one, a private cluster runs in `data_dir`.
    pub url: Option<String>,
    /// The password with which requests log in as `authenticator`, where the connection string is another role's.
    pub authenticator_password: Option<String>,
    /// Where a private cluster lives.
    pub data_dir: PathBuf,
    /// Whether a private cluster syncs commits to the disk. Off only for tests and throwaway data.
    pub durable: bool,
    /// Connections for requests.
    pub connections: usize,
    /// Requests that may wait for a connection; one more is refused with 53300 (503).
    pub queue: usize,
    /// How long a request may wait for a connection (PGRST003).
    pub wait: Duration,
    /// How long a connection may be idle before it is closed; zero: for ever.
    pub idle: Duration,
    /// How old a connection may become; zero: any age.
    pub lifetime: Duration,
    /// Statements that a connection keeps prepared.
    pub statements: usize,
    /// Longest time a statement may run where neither role nor function says so (57014); zero leaves it to the server.
    pub statement_timeout: Duration,
    /// Largest body of an answer, in bytes (54000).
    pub max_body: usize,
    /// Whether connections pass through a pooler that hands them out by transaction: nothing of a session is relied on.
    pub transaction_pooler: bool,
    /// Whether what projects rely on (roles, schemas, `auth.uid()`) is made where it is missing.
    pub bootstrap: bool,
    /// Whether opening fails while PostgreSQL can't be reached. If not, and nothing is to be bootstrapped, the catalog is read as
    /// soon as it can be; until then there is none ([`Postgres::is_loaded`]).
    pub required: bool,
    /// The channel on which the database asks for reloads; empty: nobody listens.
    pub channel: String,
    /// The services whose schemas are kept beside the project's, where `bootstrap` is set.
    pub services: Vec<Service>,
}

/// The longest `statement_timeout` that PostgreSQL takes.
const LONGEST_TIMEOUT: Duration = Duration::from_millis(i32::MAX as u64);

impl Default for PostgresOptions {
    fn default() -> Self {
        PostgresOptions {
            url: None,
            authenticator_password: None,
            data_dir: PathBuf::from(".basalt"),
            durable: true,
            connections: 10,
            queue: 1024,
            wait: Duration::from_secs(10),
            idle: Duration::from_secs(10 * 60),
            lifetime: Duration::from_secs(30 * 60),
            statements: 200,
            statement_timeout: Duration::from_secs(8),
            max_body: 256 << 20,
            transaction_pooler: false,
            bootstrap: true,
            required: true,
            channel: "pgrst".into(),
            services: Vec::new(),
        }
    }
}

/// An open PostgreSQL database.
pub struct Postgres {
    engine: Arc<Engine>,
    tasks: Vec<JoinHandle<()>>,
    /// Ours, if it is.
    cluster: Option<Arc<Cluster>>,
}

/// What all tasks share.
struct Engine {
    requests: Pool,
    owner: Pool,
    owner_target: Target,
    requests_target: Target,
    current: ArcSwap<Current>,
    loads: Counted,
    /// One reload at a time.
    reloading: Mutex<()>,
    /// Rings when the configuration kept in the database is to be read again.
    asked: Notify,
    doubts: Doubts,
    /// The role of requests' sessions, where that is not the owner's.
    login: Option<String>,
    /// What makes a transaction of a request's no superuser's, where a connection can't be made so.
    step_down: &'static str,
    given_back: GivenBack,
    hub: Arc<Hub>,
    fence: Mutex<changes::Fence>,
    pulse: Mutex<Pulse>,
    options: PostgresOptions,
}

impl Postgres {
    /// Connects, or starts a private cluster; makes what is missing; reads the catalog.
    ///
    /// Errors: 08001 when PostgreSQL can't be reached; 58030 when it can't be run; 42501 for a grant that is missing.
    pub async fn open(mut options: PostgresOptions) -> Result<Postgres> {
        options.statement_timeout = options.statement_timeout.min(LONGEST_TIMEOUT);
        let (cluster, owner_target) = match &options.url {
            Some(url) => (None, url::target(url)?),
            None => {
                let (folder, durable) = (options.data_dir.clone(), options.durable);
                let start = tokio::task::spawn_blocking(move || Cluster::start(&folder, durable));
                let cluster = start.await.map_err(|error| Error::internal(error.to_string()))??;
                let target = cluster.target(Identity::OWNER);
                (Some(Arc::new(cluster)), target)
            }
        };
        let trusted = cluster.as_ref().map(|cluster| cluster.target(AUTHENTICATOR));
        let (current, login) = match first_look(&owner_target, trusted, &options).await {
            Err(error) if !options.required && !options.bootstrap => {
                tracing::warn!(%error, "PostgreSQL is not there yet");
                (Current::default(), Login::unasked(&owner_target, &options))
            }
            looked => looked?,
        };
        let sizes = |connections| Sizes {
            connections,
            queue: options.queue,
            wait: options.wait,
            lifetime: options.lifetime,
            statements: options.statements,
        };
        let (given_back, returns) = GivenBack::new();
        let engine = Arc::new(Engine {
            requests: Pool::new(login.target.clone(), sizes(options.connections))?,
            owner: Pool::new(owner_target.clone(), sizes(OWNER_CONNECTIONS))?,
            owner_target,
            requests_target: login.target,
            loads: Counted::after(&current),
            current: ArcSwap::from_pointee(current),
            reloading: Mutex::new(()),
            asked: Notify::new(),
            doubts: Doubts::default(),
            login: login.role,
            step_down: login.step_down,
            given_back,
            hub: Arc::default(),
            fence: Mutex::default(),
            pulse: Mutex::default(),
            options,
        });
        let tasks = tasks(&engine, &returns, cluster.as_ref());
        Ok(Postgres { engine, tasks, cluster })
    }

    /// Whether the catalog has been read.
    pub fn is_loaded(&self) -> bool {
        self.engine.is_loaded()
    }

    /// The catalog as it was last read.
    pub fn catalog(&self) -> Arc<Catalog> {
        self.engine.current.load().catalog.clone()
    }

    /// The version of the catalog as it is now.
    pub fn catalog_version(&self) -> u64 {
        self.engine.current.load().catalog.version
    }

    /// Runs a statement.
    ///
    /// Errors: the statement's; 53300 and PGRST003 when connections are short; 08001 and 08006 when PostgreSQL is away.
    pub async fn run(&self, request: Request) -> Result<Answer> {
        let pool = if request.as_owner { &self.engine.owner } else { &self.engine.requests };
        let lease = Lease::new(pool.get().await?, self.engine.clone());
        let answer = lease.run(&request).await;
        if answer.is_ok() && !request.read_only {
            self.engine.hub.ring();
        }
        answer
    }

    /// Whether a statement planned over this version of the catalog may have failed with this SQLSTATE because the database has another by
    /// now, which has been read. For a plan that proves old the caller may make another; a failed statement has done nothing.
    pub async fn is_outdated(&self, version: u64, code: &str) -> bool {
        self.engine.is_outdated(version, code).await
    }

    /// Opens a transaction of several requests.
    pub(crate) async fn begin(&self, isolation: Isolation) -> Result<Open> {
        self.begin_on(&self.engine.requests, isolation, self.engine.step_down).await
    }

    /// Opens a transaction of several requests of the owner's.
    pub(crate) async fn begin_as_owner(&self) -> Result<Open> {
        self.begin_on(&self.engine.owner, Isolation::default(), "").await
    }

    async fn begin_on(&self, pool: &Pool, isolation: Isolation, step_down: &str) -> Result<Open> {
        let mut lease = Lease::new(pool.get().await?, self.engine.clone());
        lease.begin(isolation, step_down).await?;
        Ok(Open { engine: self.engine.clone(), lease })
    }

    /// Reads the catalog again. Requests go on with the old one meanwhile.
    pub async fn reload(&self) -> Result<()> {
        self.engine.reload().await
    }

    /// How often the catalog was read, and how long that took.
    pub fn loads(&self) -> Loads {
        self.engine.loads()
    }

    /// How the connections for requests stand.
    pub fn connections(&self) -> PoolState {
        self.engine.requests.state()
    }

    /// A connection as the owner.
    pub(crate) async fn owner(&self) -> Result<pool::Pooled> {
        self.engine.owner.get().await
    }

    /// A connection as the owner that is nobody else's later: for settings that stay.
    pub(crate) async fn single(&self) -> Result<Connection> {
        self.engine.owner_target.connect(1).await
    }
}

/// A transaction of several requests. Dropped, it is undone.
pub(crate) struct Open {
    engine: Arc<Engine>,
    lease: Lease,
}

impl Open {
    pub async fn run(&mut self, request: Request) -> Result<Answer> {
        self.lease.step(&request).await
    }

    pub async fn commit(self) -> Result<()> {
        self.lease.end("commit").await?;
        self.engine.hub.ring();
        Ok(())
    }

    pub async fn rollback(self) -> Result<()> {
        self.lease.end("set constraints all immediate; rollback").await
    }
}

impl Engine {
    fn is_loaded(&self) -> bool {
        self.current.load().catalog.version > 0
    }
}

/// What goes on beside requests, until it is aborted. A panic ends none of it.
fn tasks(engine: &Arc<Engine>, returns: &Returns, cluster: Option<&Arc<Cluster>>) -> Vec<JoinHandle<()>> {
    let options = &engine.options;
    let (one, other) = (returns.clone(), returns.clone());
    let mut tasks = vec![
        tokio::spawn(supervised("cancelling statements", move || lease::cancel_all(one.clone()))),
        tokio::spawn(supervised("tidying connections", move || lease::tidy_all(other.clone()))),
    ];
    let doubting = engine.clone();
    tasks.push(tokio::spawn(supervised("doubts of the catalog", move || doubt::look_into_doubts(doubting.clone()))));
    let (weak, idle) = (Arc::downgrade(engine), options.idle);
    if !idle.is_zero() {
        tasks.push(tokio::spawn(supervised("closing idle connections", move || close_idle(weak.clone(), idle))));
    }
    let weak = Arc::downgrade(engine);
    if !engine.is_loaded() {
        tasks.push(tokio::spawn(supervised("reading the catalog", move || load_at_last(weak.clone()))));
    }
    // A pooler that hands out connections by transaction loses notifications.
    let (weak, channel) = (Arc::downgrade(engine), options.channel.clone());
    if !channel.is_empty() && !options.transaction_pooler {
        let listen = move || listen::listen(weak.clone(), channel.clone());
        tasks.push(tokio::spawn(supervised("listening to PostgreSQL", listen)));
    }
    if let Some(cluster) = cluster.cloned() {
        let watch = move || supervising::supervise(cluster.clone(), cluster.target(Identity::OWNER));
        tasks.push(tokio::spawn(supervised("watching PostgreSQL", watch)));
    }
    tasks
}

/// Closes connections that nobody has used for so long.
async fn close_idle(engine: Weak<Engine>, longest: Duration) {
    loop {
        tokio::time::sleep(longest / 2).await;
        let Some(engine) = engine.upgrade() else { return };
        engine.requests.close_idle(longest);
        engine.owner.close_idle(longest);
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
        self.engine.requests.close();
        self.engine.owner.close();
        if let Some(cluster) = &self.cluster {
            cluster.end();
        }
    }
}
