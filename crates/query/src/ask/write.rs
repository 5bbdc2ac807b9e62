//! What is asked to be written or called.

use basalt_sql::Name;

use super::Level;

/// A write.
#[derive(Debug, Clone, PartialEq)]
pub struct Write {
    /// The relation.
    pub relation: Name,
    /// What is done to it.
    pub kind: WriteKind,
    /// What of the written rows to give back, if anything: items, embedded resources, order. For UPDATE and DELETE the level's
    /// conditions say which rows are written.
    pub level: Level,
    /// Whether rows are given back.
    pub returning: bool,
    /// Give the primary key of the first row (for `Location`), in hidden columns.
    pub returning_key: bool,
}

/// Kinds of writes.
#[derive(Debug, Clone, PartialEq)]
pub enum WriteKind {
    /// INSERT of the body's rows.
    Insert {
        /// The body.
        body: Body,
        /// ON CONFLICT.
        conflict: Option<Conflict>,
    },
    /// UPDATE of the rows that the level's conditions choose.
    Update {
        /// The body: its first object.
        body: Body,
    },
    /// DELETE likewise.
    Delete,
    /// PUT: insert the one row, or update it; the level's conditions name its key.
    Put {
        /// The body.
        body: Body,
    },
}

/// Rows to write, as JSON: an array of objects.
#[derive(Debug, Clone, PartialEq)]
pub struct Body {
    /// The JSON array (or object), as text; bound as one parameter.
    pub json: String,
    /// The columns that take part, in order.
    pub columns: Vec<String>,
    /// A listed column that an object lacks takes its default rather than NULL.
    pub missing_default: bool,
}

/// ON CONFLICT.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conflict {
    /// The columns of the unique key; the primary key if none are given.
    pub columns: Option<Vec<String>>,
    /// DO UPDATE (merge) rather than DO NOTHING.
    pub merge: bool,
}

/// A function call.
#[derive(Debug, Clone, PartialEq)]
pub struct Call {
    /// The function.
    pub function: Name,
    /// Its arguments.
    pub arguments: Arguments,
    /// What of its result to give.
    pub level: Level,
}

/// A call's arguments.
#[derive(Debug, Clone, PartialEq)]
pub enum Arguments {
    /// By name, each a literal (or several, for a variadic parameter).
    Named(Vec<(String, Vec<String>)>),
    /// By name, as one JSON object. `keys` are its members' names.
    Json {
        /// The object, as text.
        json: String,
        /// Its keys.
        keys: Vec<String>,
    },
    /// The whole body for a single unnamed parameter.
    Raw {
        /// The body.
        body: String,
        /// The type that takes it: `text`, `xml` or `bytea`.
        takes: &'static str,
    },
}
