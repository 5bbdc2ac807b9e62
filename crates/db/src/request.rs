//! The [`Request`] that a database takes and the [`Answer`] that it gives.

use std::sync::Arc;
use std::time::Duration;

use basalt_core::{Error, Identity};
use basalt_sql::{Name, quote};
use bytes::Bytes;

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
    /// The names of its columns, where some are hidden: those whose name begins with [`HIDDEN`](basalt_sql::program::HIDDEN), which stand last. Empty if all show.
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
    /// The first row as a JSON object (`null` without a row).
    Object,
    /// The same without null members.
    ObjectStripped,
    /// The first column of the first row as a JSON value; `null` without a row.
    Scalar,
    /// The same without null members, at every depth of objects.
    ScalarStripped,
    /// The first column of each row in a JSON array.
    Scalars,
    /// The same without null members, at every depth of objects.
    ScalarsStripped,
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
    /// else those whose name begins with [`HIDDEN`](basalt_sql::program::HIDDEN), which are given here only, as a cast to text has them, and
    /// never in the body.
    pub first_row: Vec<(String, Option<String>)>,
    /// Rows for which the hidden boolean column `basalt:inserted` was true (upserts).
    pub inserted: u64,
    /// `response.status` and `response.headers`, where the statement set them.
    pub response_settings: Vec<(String, String)>,
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

/// How a transaction is kept apart from others: PostgreSQL's levels, the strictest last.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Isolation {
    /// Each statement sees what was committed before it.
    #[default]
    ReadCommitted,
    /// All statements see what was committed before the first.
    RepeatableRead,
    /// As if one came after the other; where that can't be, one fails (40001).
    Serializable,
}

impl Isolation {
    /// The setting of roles and functions that asks for one.
    pub const SETTING: &str = "default_transaction_isolation";

    /// The one that a setting's value asks for; PostgreSQL's `read uncommitted` is the weakest.
    pub fn of(value: &str) -> Isolation {
        match value.to_ascii_lowercase().as_str() {
            "serializable" => Isolation::Serializable,
            "repeatable read" => Isolation::RepeatableRead,
            _ => Isolation::ReadCommitted,
        }
    }

    /// PostgreSQL's words for it.
    pub(crate) fn words(self) -> &'static str {
        match self {
            Isolation::ReadCommitted => "read committed",
            Isolation::RepeatableRead => "repeatable read",
            Isolation::Serializable => "serializable",
        }
    }
}

/// The statement that calls a function without arguments, by `schema.name`. What stands behind the first dot is the name.
pub(crate) fn call(function: &str) -> String {
    let parts: Vec<String> = function.splitn(2, '.').map(quote::ident).collect();
    format!("select {}()", parts.join("."))
}

/// 53300: as many requests wait as may.
pub(crate) fn too_busy() -> Error {
    Error::new("53300", "sorry, too many clients already").with_hint("Try again in a moment.")
}

/// PGRST003: no `what` became free in time.
pub(crate) fn waited(limit: Duration, what: &str, hint: &'static str) -> Error {
    Error::new("PGRST003", "Timed out acquiring connection from connection pool.")
        .with_detail(format!("No {what} became free within {limit:?}."))
        .with_hint(hint)
}

/// 54000: the body of an answer is larger than `limit` bytes.
pub(crate) fn too_large(limit: usize) -> Error {
    Error::new("54000", format!("the result is larger than {limit} bytes")).with_hint("Ask for fewer rows or columns.")
}
