//! What every engine does: [`Database`], the [`Request`] it takes and the [`Answer`] it gives.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use basalt_core::{Error, Identity, Result};
use basalt_sql::Catalog;
use bytes::Bytes;

use crate::sqlite::Sqlite;

/// A database, whichever engine runs it. Cloning is a reference count.
#[derive(Clone)]
pub struct Database {
    engine: Arc<Sqlite>,
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
}

/// A statement to run, and everything that decides how.
pub struct Request {
    /// Who asks.
    pub identity: Identity,
    /// Schemas for unqualified names, first to last.
    pub search_path: Arc<[String]>,
    /// The statement, in PostgreSQL's SQL.
    pub sql: Arc<str>,
    /// Its parameters in PostgreSQL's text form; `None` is NULL.
    pub params: Vec<Option<String>>,
    /// Whether writing is refused (25006).
    pub read_only: bool,
    /// The form of the rows.
    pub format: Format,
    /// A statement with the same parameters whose only value is the total number of rows, run in the same snapshot.
    pub count: Option<Arc<str>>,
    /// Transaction-local settings: `request.method`, `request.headers`, `timezone`, ...
    pub settings: Vec<(String, String)>,
    /// A function called before the statement, by `schema.name` (PostgREST's `db-pre-request`).
    pub pre_request: Option<String>,
    /// Judges the result inside the transaction; an error rolls it back.
    pub check: Option<RowCheck>,
    /// How the transaction ends when all went well.
    pub end: TransactionEnd,
}

/// Judges a result before commit.
///
/// It may be asked twice: a statement whose transaction was lost through no fault of its own runs again.
pub type RowCheck = Box<dyn Fn(&Answer) -> Result<(), Error> + Send>;

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
    Plan {
        /// JSON rather than text.
        json: bool,
        /// Really run it.
        analyze: bool,
    },
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
        Ok(Database { engine: Arc::new(Sqlite::open(options)?) })
    }

    /// The catalog as it is now. Steady for whoever holds it; a migration makes a new one.
    pub fn catalog(&self) -> Arc<Catalog> {
        self.engine.catalog()
    }

    /// Runs a statement and waits for its answer; a write is on the disk when this returns.
    pub async fn run(&self, request: Request) -> Result<Answer> {
        self.engine.run(request).await
    }

    /// The embedded engine, for migrations and imports.
    pub fn engine(&self) -> &Sqlite {
        &self.engine
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
        }
    }
}

impl Request {
    /// A statement as `identity` over schema `public`, with every choice at its default.
    pub fn new(identity: Identity, sql: impl Into<Arc<str>>, params: Vec<Option<String>>) -> Self {
        Request {
            identity,
            search_path: Arc::new(["public".to_owned()]),
            sql: sql.into(),
            params,
            read_only: false,
            format: Format::Json,
            count: None,
            settings: Vec::new(),
            pre_request: None,
            check: None,
            end: TransactionEnd::Commit,
        }
    }
}
