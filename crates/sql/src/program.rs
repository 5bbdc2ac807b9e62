//! A statement compiled for SQLite: what the engine runs, binds and reads.
//!
//! # What the engine must register
//!
//! Every [`basalt_types::Function`], operator and aggregate with Rust code under its `sqlite_name()`; one whose
//! implementation is `Typed` (and every Rust aggregate) takes a leading TEXT argument: the arguments' types as the JSON of
//! `Vec<Type>`. And these, which only compiled programs call (`type` is the JSON of `(Type, Option<Typmod>)`):
//!
//! | name | result |
//! | --- | --- |
//! | `pg_cast(from type, to type, x)` | `x` cast explicitly |
//! | `pg_assign(from type, to type, x)` | `x` as an assignment to a column converts it |
//! | `pg_require(ok, sqlstate, message [, hint [, constraint [, detail [, schema, domain]]]])` | 1 if `ok` is true, else the error. Never constant: it is asked for each row |
//! | `pg_slice(array, lower, upper, ...)` | a part of a stored array, by dimension; NULL for a NULL |
//! | `pg_flat(array)` | the elements of a stored array of several dimensions as one of one |
//! | `pg_row(shape, x...)` | one row as JSON text; `shape` is the JSON of `(jsonb: bool, Vec<(String, Type)>)` |
//! | `pg_joined_rows(jsonb, row...)` | JSON texts of rows as one row; `jsonb` is 0 or 1 |
//! | `pg_rows_agg(shape, x...)` | aggregate: the rows as a JSON array, `[]` never NULL is left to the caller (no rows: NULL) |
//! | `over_<aggregate>(types, x...)` | a Rust aggregate as a window function: `over_` before its `sqlite_name()` |
//! | `pg_nextval(name)`, `pg_currval(name)`, `pg_lastval()`, `pg_setval(name, value, is_called)` | sequences, by `schema.name` |
//! | `pg_sequence(name, part)` | `last_value` (part 0) or `is_called` (part 1) as the writer knows them; NULL elsewhere |
//! | `pg_session(name)` | a [`Session`] value where no statement binds it: in a CHECK |
//! | `pg_interpreted(callee, x...)` | a function in PL/pgSQL of one value that writes nothing; `callee` is the JSON of [`Callee`] |
//! | `pg_setting(name, missing_ok)`, `pg_set_config(name, value, is_local)` | settings of the transaction |
//! | table `pg_rows(slot)` | rows captured by an earlier step, columns `c0`, `c1`, ... |
//! | `pg_cell(slot, number, column)` | a cell of the captured row whose first cell is `number`: rows are in its order. NULL if there is none |
//! | table `pg_recordset(json, columns, row, function)` | `json_to_recordset`, or another `function` of its kind, over a `row`: `columns` is the JSON of `Vec<(String, Type, Option<Typmod>)>`; columns `c0`, ... |
//! | table `pg_call(name, types, x...)` | a [`basalt_types::SetFunction`] by `name` with arguments of `types`; columns `c0`, ... |
//! | table `pg_lockstep(array, ...)` | JSON arrays side by side: the items of each as JSON text in `c0`, `c1`, ..., NULL behind a shorter one's last |
//! | collations | [`basalt_types::Type::collation`] |

use basalt_types::{Type, Typmod};

use crate::Name;
use crate::catalog::Input;
use crate::compile::body::Who;

/// A compiled statement: steps run in order, in one transaction (or savepoint, when there are writes).
#[derive(Debug, Clone)]
pub struct Program {
    /// What to run. Exactly the last one gives the result.
    pub steps: Vec<Step>,
    /// Types of the statement's parameters `$1`, `$2`, ...: the engine converts each one's text to the stored form once.
    pub params: Vec<(Type, Option<Typmod>)>,
    /// Columns of the result.
    pub columns: Vec<OutputColumn>,
    /// Whether any step writes.
    pub writes: bool,
    /// Whether it calls functions in PL/pgSQL while SQLite runs it (`pg_interpreted`).
    pub calls: bool,
    /// The first step of a query that locks rows (`for update`), which is refused where nothing may be written.
    pub locks: Option<usize>,
}

/// What the names of columns begin with that are there for Basalt itself, and are no part of the rows' bodies.
pub const HIDDEN: &str = "basalt:";

/// The condition of ON CONFLICT DO UPDATE by which a row that is updated is told from a new one, where `xmax` can't tell: it holds always, and
/// leaves the setting that [`IS_NOT_UPDATED`] reads.
pub const NOTE_UPDATE: &str = "set_config('basalt.updated', '1', true) IS NOT NULL";

/// The expression of RETURNING that says whether its row is a new one, and takes the note of it back.
pub const IS_NOT_UPDATED: &str = "CASE WHEN current_setting('basalt.updated', true) = '1' THEN set_config('basalt.updated', '', true) IS NULL \
    ELSE true END";

/// A column of a result.
#[derive(Debug, Clone, PartialEq)]
pub struct OutputColumn {
    /// Its name.
    pub name: String,
    /// Its type.
    pub ty: Type,
}

/// One SQLite statement.
#[derive(Debug, Clone)]
pub struct Step {
    /// The statement, with parameters `?1`, `?2`, ...
    pub sql: String,
    /// What each parameter is.
    pub binds: Vec<Bind>,
    /// What becomes of its rows.
    pub output: Output,
    /// For a write: how to find out what was wrong when SQLite reports a violated constraint.
    pub probe: Option<Probe>,
    /// Where a statement ends that may have written rows of tables with AFTER triggers: these fire now.
    pub fires: Option<Box<Fires>>,
    /// The slot with the rows that a DELETE found, which are what it changed: SQLite counts none that a foreign key's action took first.
    pub counts: Option<usize>,
}

/// The end of a statement whose rows fire triggers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fires {
    /// As whom.
    pub who: Who,
    /// The columns that the statement's UPDATEs assign to, by table: what `update of` asks for.
    pub assigned: Vec<(Name, Vec<String>)>,
}

/// Rows that are about to be written. In `pg_rows` the first column is the row's number (NULL for INSERT); then come the table's columns as
/// they are to be (INSERT, UPDATE), then as they are (UPDATE, DELETE), then whatever else the statement needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proposed {
    /// The slot that keeps them.
    pub slot: usize,
    /// The table.
    pub relation: Name,
    /// What is about to happen to them.
    pub command: Command,
    /// As whom the triggers fire.
    pub who: Who,
    /// The columns that an UPDATE assigns to.
    pub assigned: Vec<String>,
}

/// A function in PL/pgSQL that runs as a step of its own, over the arguments that the step's row has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Called {
    /// The slot that keeps its rows.
    pub slot: usize,
    /// The function, as JSON of [`Callee`].
    pub callee: String,
}

/// Which function in PL/pgSQL a statement calls.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Callee {
    /// Its name.
    pub function: Name,
    /// Its inputs, which tell it apart from others of its name.
    pub inputs: Vec<Input>,
    /// What it returns: for `record` the columns that the statement says.
    pub returns: Type,
    /// Who calls it.
    pub who: Who,
}

/// What becomes of a step's rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// There are none, or nobody wants them.
    Discard,
    /// They are kept for later steps, which read them as `pg_rows(slot)`.
    Capture(usize),
    /// They are the statement's result.
    Result,
    /// They are about to be written: kept, like captured ones, as the table's BEFORE triggers leave them.
    Proposed(Box<Proposed>),
    /// They are the arguments of a function in PL/pgSQL, whose rows are kept.
    Called(Box<Called>),
}

/// What a parameter of a step is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Bind {
    /// The statement's parameter: 0 for `$1`.
    Param(usize),
    /// A column of the first row that an earlier step captured (a function's argument); NULL if it captured none.
    Captured {
        /// The slot.
        slot: usize,
        /// The column.
        column: usize,
    },
    /// Something of the session.
    Session(Session),
}

/// What a statement may ask of its session. As a parameter it is steady within the statement, and indexes serve it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Session {
    /// `auth.uid()`: the `sub` claim as uuid text, NULL without one (22P02 if it is no uuid).
    Uid,
    /// `auth.role()`: the `role` claim, NULL without a token.
    Role,
    /// `current_role`, `current_user` of the caller.
    User,
    /// `auth.email()`.
    Email,
    /// `auth.jwt()`: the claims, as jsonb.
    Jwt,
    /// `now()`, `current_timestamp`, `transaction_timestamp()`: stored timestamptz.
    Now,
    /// `pg_trigger_depth()`: how many triggers run within each other.
    TriggerDepth,
    /// `current_setting(name, true)`: NULL when unset.
    Setting(String),
}

impl Session {
    /// What `pg_session` calls it; a setting is its own name, and `pg_setting`'s.
    pub fn name(&self) -> &str {
        match self {
            Session::Uid => "uid",
            Session::Role => "role_claim",
            Session::User => "role",
            Session::Email => "email",
            Session::Jwt => "jwt",
            Session::Now => "now",
            Session::TriggerDepth => "trigger_depth",
            Session::Setting(name) => name,
        }
    }

    /// What `pg_session` calls so.
    pub fn named(name: &str) -> Option<Session> {
        use Session::{Email, Jwt, Now, Role, TriggerDepth, Uid, User};
        [Uid, Role, User, Email, Jwt, Now, TriggerDepth].into_iter().find(|s| s.name() == name)
    }
}

/// How to find the row and the constraint behind SQLite's bare message.
#[derive(Debug, Clone)]
pub struct Probe {
    /// The table written.
    pub relation: Name,
    /// The kind of write.
    pub command: Command,
    /// A query that gives the rows as they would be stored, all columns in table order (for DELETE: the rows that would go;
    /// for UPDATE: the new columns, then the old ones).
    pub sql: String,
    /// Its parameters.
    pub binds: Vec<Bind>,
    /// Whether the caller may see the values: rows show in DETAIL only where row policies don't apply and all columns may be read.
    pub show_values: bool,
}

/// Kinds of writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)] // SQL's own words
pub enum Command {
    Insert,
    Update,
    Delete,
}

impl Command {
    /// SQL's word for it.
    pub fn word(self) -> &'static str {
        match self {
            Command::Insert => "INSERT",
            Command::Update => "UPDATE",
            Command::Delete => "DELETE",
        }
    }
}
