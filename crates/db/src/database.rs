//! What every engine does: [`Database`], the [`Request`] it takes and the [`Answer`] it gives.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Weak};
use std::time::Duration;

use basalt_core::{Error, Identity, Result};
use basalt_sql::catalog::AUTHENTICATOR;
use basalt_sql::{Catalog, Name};
use bytes::Bytes;

use crate::changes::{Changes, Hub};
use crate::migrate::{Applied, Keys, Progress, ScriptError, Service};
use crate::postgres::{Postgres, PostgresOptions};
use crate::sqlite::Sqlite;
use crate::transaction::Transaction;

/// A database, whichever engine runs it. Cloning is a reference count.
#[derive(Clone)]
pub struct Database {
    engine: Engine,
}

#[derive(Clone)]
enum Engine {
    Sqlite(Arc<Sqlite>),
    Postgres(Arc<Postgres>),
}

/// A database that somebody else keeps open.
#[derive(Clone)]
pub(crate) enum WeakDatabase {
    Sqlite(Weak<Sqlite>),
    Postgres(Weak<Postgres>),
}

/// How to open a database.
#[derive(Debug, Clone)]
pub struct Options {
    /// The data folder; the embedded engine keeps `basalt.db` in it.
    pub data_dir: PathBuf,
    /// Threads that read. Default: the machine's cores, at least 2.
    pub readers: usize,
    /// Requests that may wait for a thread; one more is refused with 53300 (503).
    pub queue: usize,
    /// Longest time a statement may run (57014).
    pub statement_timeout: Duration,
    /// Whether a commit is synced to the disk before it is acknowledged. Off only for tests and throwaway data.
    pub durable: bool,
    /// Largest body of an answer, in bytes (54000).
    pub max_body: usize,
    /// Most bytes of the database file; a write that needs more answers 53100. 0 is no limit but the disk's.
    pub max_size: u64,
    /// Writes that one commit may group.
    pub group: usize,
    /// The services whose schemas are kept beside the project's.
    pub services: Vec<Service>,
}

/// A statement to run, and everything that decides how.
pub struct Request {
    /// Who asks.
    pub identity: Identity,
    /// Whether it is Basalt itself that asks, as the schema's owner, rather than a caller.
    pub as_owner: bool,
    /// Schemas for unqualified names, first to last.
    pub search_path: Arc<[String]>,
    /// The statement, in PostgreSQL's SQL.
    pub sql: Arc<str>,
    /// Bytes of the WITH clause that the statement begins with, the space after it included. (A WITH that writes has to stay
    /// outermost.)
    pub with: usize,
    /// The names of its columns, where some are hidden: those whose name begins with `$`, which stand last. Empty if all show.
    pub columns: Arc<[String]>,
    /// Its parameters in PostgreSQL's text form; `None` is NULL.
    pub params: Vec<Option<String>>,
    /// Whether writing is refused (25006).
    pub read_only: bool,
    /// The form of the rows.
    pub format: Format,
    /// What the database itself makes the body by, in place of `format`. The embedded engine has no such functions.
    pub body_by: Option<BodyBy>,
    /// The total number of rows, if it is asked for.
    pub count: Option<Count>,
    /// Transaction-local settings: `request.method`, `request.headers`, `timezone`, ...
    pub settings: Vec<(String, String)>,
    /// Settings of the function that the statement calls (`set name = value`) that are to be in force before it is called.
    pub hoisted: Vec<(String, String)>,
    /// A function called before the statement, by `schema.name` (PostgREST's `db-pre-request`).
    pub pre_request: Option<String>,
    /// Judges the result inside the transaction; an error rolls it back.
    pub check: Option<RowCheck>,
    /// How the transaction ends when all went well.
    pub end: TransactionEnd,
}

/// A function of the database that makes a body of rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BodyBy {
    /// An aggregate over them.
    Aggregate {
        /// The aggregate.
        function: Name,
        /// The relation whose rows it takes; `None` takes any.
        relation: Option<Name>,
        /// Whether it gives bytes rather than text.
        bytes: bool,
    },
    /// A GeoJSON FeatureCollection, each row a feature by this function (PostGIS's `st_asgeojson`).
    GeoJson(Name),
}

/// How many rows there are without limits.
#[derive(Debug, Clone)]
pub struct Count {
    /// A statement `SELECT count(*) FROM ...`.
    pub sql: Arc<str>,
    /// How many of the request's parameters it has, from the first.
    pub params: usize,
    /// How exactly.
    pub kind: CountKind,
}

/// How exactly rows are counted. The embedded engine counts them exactly whatever is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CountKind {
    /// All of them, in the statement's own snapshot.
    Exact,
    /// What the database's planner expects.
    Planned,
    /// Exactly up to this many (without it: all), else the larger of what was counted and what the planner expects.
    Estimated(Option<u64>),
}

/// Judges a result before commit.
///
/// It may be asked twice: a statement whose transaction was lost through no fault of its own runs again.
pub type RowCheck = Box<dyn Fn(&Answer) -> Result<(), Error> + Send + Sync>;

/// The form in which rows come back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// No body: rows are only counted.
    None,
    /// A JSON array of objects, as `json_agg` gives it.
    Json,
    /// The same without null members.
    JsonStripped,
    /// The first row as a JSON object (nothing if there is no row).
    Object,
    /// The same without null members.
    ObjectStripped,
    /// The first column of the first row as a JSON value; `null` without a row.
    Scalar,
    /// The first column of each row in a JSON array.
    Scalars,
    /// CSV with a header line, as PostgREST gives it.
    Csv,
    /// The first column of the first row: bytea as its bytes, everything else as text.
    Raw,
    /// How the engine would run the statement, as text or JSON (`explain`).
    Plan(Explain),
}

/// How a plan is shown (PostgreSQL manual, `EXPLAIN`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Explain {
    /// JSON rather than text.
    pub json: bool,
    /// Really run it. The embedded engine heeds only this and `json`.
    pub analyze: bool,
    /// With the columns of each step.
    pub verbose: bool,
    /// With the settings that differ from their defaults.
    pub settings: bool,
    /// With the pages used.
    pub buffers: bool,
    /// With the log written.
    pub wal: bool,
}

/// How a transaction ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TransactionEnd {
    /// Keep the changes.
    #[default]
    Commit,
    /// Check deferred constraints, answer as if committed, and undo.
    Rollback,
}

/// What a statement answered.
#[derive(Debug, Clone, Default)]
pub struct Answer {
    /// The rows in the form asked for.
    pub body: Bytes,
    /// Rows of the result; of a write without RETURNING, the rows that it changed.
    pub rows: u64,
    /// The value of [`Request::count`].
    pub total: Option<u64>,
    /// The first row in PostgreSQL's text form by column name, for `Location` and status: all columns with [`Format::None`],
    /// else those whose name begins with `$`, which are given here only and never in the body.
    pub first_row: Vec<(String, Option<String>)>,
    /// Rows for which the hidden boolean column `$inserted` was true (upserts).
    pub inserted: u64,
    /// `response.status` and `response.headers`, where the statement set them.
    pub response_settings: Vec<(String, String)>,
}

impl Database {
    /// Opens (or makes) the embedded database of a data folder.
    ///
    /// Errors: 58030 when the folder or file can't be used, with the path.
    pub fn open(options: Options) -> Result<Database> {
        Ok(Database { engine: Engine::Sqlite(Arc::new(Sqlite::open(options)?)) })
    }

    /// Connects to PostgreSQL, or runs a private one.
    ///
    /// Errors: those of [`Postgres::open`].
    pub async fn connect(options: PostgresOptions) -> Result<Database> {
        Ok(Database { engine: Engine::Postgres(Arc::new(Postgres::open(options).await?)) })
    }

    /// The catalog as it is now. Steady for whoever holds it; a migration makes a new one.
    pub fn catalog(&self) -> Arc<Catalog> {
        match &self.engine {
            Engine::Sqlite(engine) => engine.catalog(),
            Engine::Postgres(engine) => engine.catalog(),
        }
    }

    /// The version of the catalog as it is now.
    pub fn catalog_version(&self) -> u64 {
        match &self.engine {
            Engine::Sqlite(engine) => engine.catalog_version(),
            Engine::Postgres(engine) => engine.catalog_version(),
        }
    }

    /// Whether the catalog has been read at all. Until it has, statements have nothing to run on.
    pub fn is_loaded(&self) -> bool {
        match &self.engine {
            Engine::Sqlite(_) => true,
            Engine::Postgres(engine) => engine.is_loaded(),
        }
    }

    /// Whether the engine answers: the embedded one does as long as it is open.
    pub async fn answers(&self) -> bool {
        match &self.engine {
            Engine::Sqlite(_) => true,
            Engine::Postgres(engine) => engine.answers().await,
        }
    }

    /// The values of the settings `pgrst.<name>` that the database keeps for the API (`alter role authenticator set`), after
    /// `pre_config` (`schema.function`) has run.
    ///
    /// Errors: 08001 when PostgreSQL can't be reached; the function's; 0A000 for a function on the embedded engine.
    pub async fn stored_settings(&self, names: &[&str], pre_config: Option<&str>) -> Result<BTreeMap<String, String>> {
        match &self.engine {
            Engine::Sqlite(_) if pre_config.is_some() => Err(Error::unsupported(
                "pgrst.db_pre_config",
                "Set each setting: alter role authenticator set pgrst.db_max_rows = '100'.",
            )),
            Engine::Sqlite(engine) => {
                let catalog = engine.catalog();
                let role = catalog.roles.get(AUTHENTICATOR);
                let setting = |name: &str| role?.settings.get(&format!("pgrst.{name}")).cloned();
                let set = names.iter().filter_map(|name| Some(((*name).to_owned(), setting(name)?)));
                Ok(set.filter(|(_, value)| !value.is_empty()).collect())
            }
            Engine::Postgres(engine) => engine.stored_settings(names, pre_config, Some(AUTHENTICATOR)).await,
        }
    }

    /// Runs a statement and waits for its answer; a write is on the disk when this returns.
    pub async fn run(&self, request: Request) -> Result<Answer> {
        match &self.engine {
            Engine::Sqlite(engine) => engine.run(request).await,
            // Its future is large; apart, it does not burden those of the embedded engine's callers.
            Engine::Postgres(engine) => Box::pin(engine.run(request)).await,
        }
    }

    /// Opens a transaction for several statements.
    ///
    /// Errors: as [`Database::run`] where the engine is busy or away.
    pub async fn begin(&self) -> Result<Transaction> {
        match &self.engine {
            Engine::Sqlite(engine) => engine.begin().await.map(Transaction::sqlite),
            Engine::Postgres(engine) => Box::pin(engine.begin()).await.map(Transaction::postgres),
        }
    }

    /// Opens a transaction for several statements of the owner's ([`Request::as_owner`]).
    ///
    /// Errors: as [`Database::begin`].
    pub async fn begin_as_owner(&self) -> Result<Transaction> {
        match &self.engine {
            Engine::Sqlite(engine) => engine.begin().await.map(Transaction::sqlite),
            Engine::Postgres(engine) => engine.begin_as_owner().await.map(Transaction::postgres),
        }
    }

    /// What is written to watched tables.
    pub fn changes(&self) -> Changes {
        Changes::of(self)
    }

    pub(crate) fn hub(&self) -> &Arc<Hub> {
        match &self.engine {
            Engine::Sqlite(engine) => engine.hub(),
            Engine::Postgres(engine) => engine.hub(),
        }
    }

    /// How often the change log is to be looked at though no bell rang.
    pub(crate) fn poll_interval(&self) -> Duration {
        match &self.engine {
            // Every write is this process's own, and rings.
            Engine::Sqlite(_) => Duration::from_secs(1),
            Engine::Postgres(engine) => engine.poll_interval(),
        }
    }

    pub(crate) fn downgrade(&self) -> WeakDatabase {
        match &self.engine {
            Engine::Sqlite(engine) => WeakDatabase::Sqlite(Arc::downgrade(engine)),
            Engine::Postgres(engine) => WeakDatabase::Postgres(Arc::downgrade(engine)),
        }
    }

    /// Applies a migration and records it.
    ///
    /// Errors: the first statement's that fails, with its place; then nothing of the migration stands. 23505 when the version
    /// is recorded already.
    pub async fn apply_migration(&self, version: &str, name: &str, source: &str) -> Result<(), ScriptError> {
        match &self.engine {
            Engine::Sqlite(engine) => engine.apply_migration(version, name, source, Keys::Judged).await,
            Engine::Postgres(engine) => engine.apply_migration(version, name, source, Keys::Judged).await,
        }
    }

    /// Applies a migration to a database whose rows are about to be replaced ([`Database::copy_rows`]): what the migration writes may
    /// refer to rows that only the copy brings, so foreign keys are passed over. On PostgreSQL only a superuser may do so.
    ///
    /// Errors: as [`Database::apply_migration`].
    pub async fn apply_migration_before_copy(
        &self,
        version: &str,
        name: &str,
        source: &str,
    ) -> Result<(), ScriptError> {
        match &self.engine {
            Engine::Sqlite(engine) => engine.apply_migration(version, name, source, Keys::PassedOver).await,
            Engine::Postgres(engine) => engine.apply_migration(version, name, source, Keys::PassedOver).await,
        }
    }

    /// The applied migrations, by version.
    pub async fn applied(&self) -> Result<Vec<Applied>> {
        match &self.engine {
            Engine::Sqlite(engine) => engine.applied().await,
            Engine::Postgres(engine) => engine.applied().await,
        }
    }

    /// Runs a seed or an import in one transaction; `progress` is called after each statement and each batch of copied rows.
    ///
    /// Errors: as [`Database::apply_migration`].
    pub async fn run_script(
        &self,
        source: &str,
        progress: impl FnMut(Progress) + Send + 'static,
    ) -> Result<Progress, ScriptError> {
        match &self.engine {
            Engine::Sqlite(engine) => engine.run_script(source, progress).await,
            Engine::Postgres(engine) => engine.run_script(source, progress).await,
        }
    }

    /// Drops everything, the record of migrations included: the database is as a new one.
    pub async fn reset(&self) -> Result<()> {
        match &self.engine {
            Engine::Sqlite(engine) => engine.reset().await,
            Engine::Postgres(engine) => engine.reset().await,
        }
    }

    /// The embedded engine, for what only it has: queues and counters.
    pub fn embedded(&self) -> Option<&Sqlite> {
        match &self.engine {
            Engine::Sqlite(engine) => Some(engine),
            Engine::Postgres(_) => None,
        }
    }

    /// The PostgreSQL engine, for what only it has: its connections.
    pub fn postgres(&self) -> Option<&Postgres> {
        match &self.engine {
            Engine::Sqlite(_) => None,
            Engine::Postgres(engine) => Some(engine),
        }
    }

    /// Closes the database when nobody else holds it, off the async workers: what is queued is answered, a private PostgreSQL stops.
    pub async fn close(self) {
        // The task can only end by itself: dropping does not panic.
        let _ = tokio::task::spawn_blocking(move || drop(self)).await;
    }
}

impl WeakDatabase {
    /// The database, if it is still open.
    pub fn upgrade(&self) -> Option<Database> {
        let engine = match self {
            WeakDatabase::Sqlite(engine) => Engine::Sqlite(engine.upgrade()?),
            WeakDatabase::Postgres(engine) => Engine::Postgres(engine.upgrade()?),
        };
        Some(Database { engine })
    }
}

impl Default for Options {
    fn default() -> Self {
        Options {
            data_dir: PathBuf::from(".basalt"),
            readers: std::thread::available_parallelism().map_or(2, |n| n.get().max(2)),
            queue: 1024,
            statement_timeout: Duration::from_secs(8),
            durable: true,
            max_body: 256 << 20,
            max_size: 0,
            group: 256,
            services: Vec::new(),
        }
    }
}

impl Request {
    /// A statement as `identity` over schema `public`, with every choice at its default.
    pub fn new(identity: Identity, sql: impl Into<Arc<str>>, params: Vec<Option<String>>) -> Self {
        Request {
            as_owner: &*identity.role == Identity::OWNER,
            identity,
            search_path: Arc::new(["public".to_owned()]),
            sql: sql.into(),
            with: 0,
            columns: Arc::default(),
            params,
            read_only: false,
            format: Format::Json,
            body_by: None,
            count: None,
            settings: Vec::new(),
            hoisted: Vec::new(),
            pre_request: None,
            check: None,
            end: TransactionEnd::Commit,
        }
    }
}
