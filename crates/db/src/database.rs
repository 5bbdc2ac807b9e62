//! What every engine does: [`Database`].

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Arc, Weak};
use std::time::Duration;

use basalt_core::{Error, Result};
use basalt_sql::Catalog;
use basalt_sql::catalog::AUTHENTICATOR;

use crate::changes::{Changes, Hub};
use crate::migrate::{Applied, Keys, Progress, ScriptError, Service};
use crate::postgres::{Postgres, PostgresOptions};
use crate::request::{Answer, Isolation, Request};
use crate::sqlite::Sqlite;
use crate::transaction::Transaction;

/// A database, whichever engine runs it. Cloning is a reference count.
#[derive(Clone)]
pub struct Database {
    pub(crate) engine: Engine,
}

/// What runs it.
#[derive(Clone)]
pub(crate) enum Engine {
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
    /// Threads beside them for reads that run long.
    pub long_readers: usize,
    /// Requests that may wait for a thread; one more is refused with 53300 (503).
    pub queue: usize,
    /// How long one may wait (PGRST003).
    pub wait: Duration,
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

    /// Whether a statement planned over this version of the catalog may have failed with this SQLSTATE because there is another by now. If so, it
    /// may be planned again: what failed has done nothing. On PostgreSQL this waits until it is known, 5 seconds at most.
    pub async fn is_outdated(&self, version: u64, code: &str) -> bool {
        match &self.engine {
            Engine::Sqlite(engine) => code.starts_with("42") && engine.catalog_version() != version,
            Engine::Postgres(engine) => engine.is_outdated(version, code).await,
        }
    }

    /// Opens a transaction for several statements, at least as strictly kept apart as `isolation` says: the embedded engine's are serializable.
    ///
    /// Errors: as [`Database::run`] where the engine is busy or away.
    pub async fn begin(&self, isolation: Isolation) -> Result<Transaction> {
        match &self.engine {
            Engine::Sqlite(engine) => engine.begin().await.map(Transaction::sqlite),
            Engine::Postgres(engine) => Box::pin(engine.begin(isolation)).await.map(Transaction::postgres),
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

    /// Applies a migration and records it. Gives what it would make and services have made, which is passed over.
    ///
    /// Errors: the first statement's that fails, with its place; then nothing of the migration stands. 23505 when the version
    /// is recorded already.
    pub async fn apply_migration(
        &self,
        version: &str,
        name: &str,
        source: &str,
    ) -> Result<BTreeSet<String>, ScriptError> {
        self.migrate(version, name, source, Keys::Judged).await
    }

    async fn migrate(
        &self,
        version: &str,
        name: &str,
        source: &str,
        keys: Keys,
    ) -> Result<BTreeSet<String>, ScriptError> {
        let applied = match &self.engine {
            Engine::Sqlite(engine) => engine.apply_migration(version, name, source, keys).await,
            Engine::Postgres(engine) => engine.apply_migration(version, name, source, keys).await,
        };
        applied.map_err(|failed| self.helped(failed))
    }

    /// A script's failure with what to do about it, where a service's table is why.
    fn helped(&self, failed: ScriptError) -> ScriptError {
        let provided = match &self.engine {
            Engine::Sqlite(engine) => engine.provided(),
            Engine::Postgres(engine) => engine.provided(),
        };
        let error = provided.helped(failed.error, &failed.statement, &self.catalog());
        ScriptError { error, ..failed }
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
    ) -> Result<BTreeSet<String>, ScriptError> {
        self.migrate(version, name, source, Keys::PassedOver).await
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
        let run = match &self.engine {
            Engine::Sqlite(engine) => engine.run_script(source, progress).await,
            Engine::Postgres(engine) => engine.run_script(source, progress).await,
        };
        run.map_err(|failed| self.helped(failed))
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
        let readers = std::thread::available_parallelism().map_or(2, |n| n.get().max(2));
        Options {
            data_dir: PathBuf::from(".basalt"),
            readers,
            long_readers: 2 * readers,
            queue: 1024,
            wait: Duration::from_secs(10),
            statement_timeout: Duration::from_secs(8),
            durable: true,
            max_body: 256 << 20,
            max_size: 0,
            group: 256,
            services: Vec::new(),
        }
    }
}
