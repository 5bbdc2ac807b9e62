//! One entry of the change log: what a write did to one row, as everything that reacts to data reads it.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// What was done to a row; TRUNCATE is of a whole table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
#[allow(missing_docs)] // SQL's own words
pub enum Operation {
    #[serde(alias = "insert")]
    Insert,
    #[serde(alias = "update")]
    Update,
    #[serde(alias = "delete")]
    Delete,
    #[serde(alias = "truncate")]
    Truncate,
}

impl Operation {
    /// All of them.
    pub const ALL: [Operation; 4] = [Operation::Insert, Operation::Update, Operation::Delete, Operation::Truncate];

    /// SQL's word in upper case.
    pub fn name(self) -> &'static str {
        match self {
            Operation::Insert => "INSERT",
            Operation::Update => "UPDATE",
            Operation::Delete => "DELETE",
            Operation::Truncate => "TRUNCATE",
        }
    }

    /// The operation of that name, in any case.
    pub fn by_name(name: &str) -> Option<Operation> {
        Operation::ALL.into_iter().find(|operation| operation.name().eq_ignore_ascii_case(name))
    }
}

impl std::fmt::Display for Operation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// What a table gives to those who replicate it of an old row (`alter table ... replica identity`).
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum ReplicaIdentity {
    /// The primary key.
    #[default]
    Default,
    /// Every column.
    Full,
    /// Nothing.
    Nothing,
    /// The columns of the unique index of that name.
    Index(String),
}

/// An entry of the change log.
#[derive(Debug, Clone)]
pub struct Change {
    /// Its place in the log: grows with every write, and is never used twice. Gaps mean nothing.
    pub id: u64,
    /// The transaction that it belongs to; entries of one share it.
    pub transaction: u64,
    /// When it was written, in microseconds of the Unix epoch.
    pub committed_at: i64,
    /// What was done.
    pub operation: Operation,
    /// The table.
    pub table: Arc<ChangedTable>,
    /// The row after INSERT and UPDATE: a JSON object of all columns, as PostgreSQL's `row_to_json` gives it in UTC.
    pub new: Option<Box<RawValue>>,
    /// The row before UPDATE and DELETE: all columns, whatever the replica identity.
    pub old: Option<Box<RawValue>>,
    /// The database role that wrote it.
    pub role: String,
    /// The `sub` claim of whoever wrote it.
    pub sub: Option<String>,
}

/// What a reader of changes has to know of their table, as the catalog tells when the change is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangedTable {
    /// Its schema.
    pub schema: String,
    /// Its name.
    pub name: String,
    /// Its columns in order. Empty if the table is gone.
    pub columns: Vec<ChangedColumn>,
    /// The columns of its primary key; empty without one.
    pub key: Vec<String>,
    /// What of old rows is public.
    pub replica_identity: ReplicaIdentity,
    /// The columns that `replica_identity` means.
    pub identity: Vec<String>,
    /// Whether row security is on.
    pub row_security: bool,
}

/// A column of a [`ChangedTable`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ChangedColumn {
    /// Its name.
    pub name: String,
    /// The name that `pg_type.typname` has for its type: `int8`, `_text`.
    #[serde(rename = "type")]
    pub ty: String,
}

impl Change {
    /// The row that row policies judge: the new one, or for DELETE the old one.
    pub fn judged(&self) -> Option<&RawValue> {
        self.new.as_deref().or(self.old.as_deref())
    }
}
