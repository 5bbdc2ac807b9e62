//! What planning gives: a statement to run, and what a door needs to know about it.

use std::sync::Arc;

use basalt_sql::Name;
use basalt_sql::catalog::Routine;

use crate::body::Place;

/// Choices of an API that bear on planning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The exposed schemas.
    pub schemas: Vec<String>,
    /// Schemas beside the exposed ones in which computed fields and views count.
    pub extra_search_path: Vec<String>,
    /// Most rows of each level of a read or call.
    pub max_rows: Option<u64>,
    /// Most levels of embedded resources below the root.
    pub max_depth: usize,
    /// Whether aggregates may be used.
    pub aggregates: bool,
    /// Whether an embedded resource with an alias is also known by its target
    /// (see [`crate::ask::Level::descend`], which the door calls).
    pub legacy_target_names: bool,
}

/// One SQL statement with bound parameters.
///
/// Columns whose name begins with [`HIDDEN`](basalt_sql::program::HIDDEN) are hidden: they are no part of the rows' bodies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// PostgreSQL's SQL.
    pub sql: Arc<str>,
    /// Bytes of the WITH clause, with the space after it, that `sql` begins with. One that writes may stand nowhere deeper.
    pub with: usize,
    /// Parameters `$1`, `$2`, ... in text form; `None` is NULL.
    pub params: Vec<Option<String>>,
    /// A statement whose only value is the number of rows without limits, if it was asked for.
    pub count_sql: Option<Arc<str>>,
    /// How many of the parameters, from the first, [`Statement::count_sql`] has.
    pub count_params: usize,
    /// The relation that is read or written, or whose rows a function returns.
    pub relation: Option<Name>,
    /// The relations of embedded resources, junctions included: what else the answer shows.
    pub embedded: Vec<Name>,
    /// Computed fields and relationships: the relation, and the name of the function of its rows that is called.
    pub computed: Vec<(Name, String)>,
    /// The hidden columns.
    pub hidden: Hidden,
    /// The names of all columns, where some are hidden; the hidden ones stand last.
    pub columns: Arc<[String]>,
    /// Where the members of a body of one row went. With other values of the same members the statement would be the same but for
    /// these parameters.
    pub places: Vec<Place>,
}

/// Hidden columns of a result.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Hidden {
    /// `basalt:inserted`: whether the row of an upsert is new.
    pub inserted: bool,
    /// `basalt:key:<column>` for each of these columns, the primary key's.
    pub key: Vec<String>,
    /// `basalt:total`: the number of rows without limits (a volatile function is not called twice to count them).
    pub total: bool,
}

/// A statement that calls a function.
#[derive(Debug, Clone)]
pub struct CallStatement {
    /// The statement.
    pub statement: Statement,
    /// The function chosen.
    pub routine: Arc<Routine>,
    /// What it gives.
    pub shape: ResultShape,
    /// Whether it promises not to write (STABLE or IMMUTABLE), so that even a POST of it is read-only.
    pub read_only: bool,
}

/// What a function gives. A single value is the statement's first column, `value`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResultShape {
    /// Nothing.
    Void,
    /// A value.
    Scalar,
    /// Any number of values.
    SetOfScalar,
    /// A row with known columns.
    Composite,
    /// Any number of such rows.
    SetOfComposite,
    /// A row whose columns only the call tells, as one JSON value.
    Record,
    /// Any number of such rows.
    SetOfRecord,
}

impl Default for Settings {
    /// PostgREST's defaults.
    fn default() -> Self {
        Settings {
            schemas: vec!["public".to_owned()],
            extra_search_path: vec!["public".to_owned()],
            max_rows: None,
            max_depth: 8,
            aggregates: false,
            legacy_target_names: true,
        }
    }
}

impl Hidden {
    /// The names of these columns, in the order in which they stand.
    pub(crate) fn names(&self) -> Vec<String> {
        let inserted = self.inserted.then(|| "basalt:inserted".to_owned());
        let key = self.key.iter().map(|column| format!("basalt:key:{column}"));
        inserted.into_iter().chain(key).chain(self.total.then(|| "basalt:total".to_owned())).collect()
    }
}

impl ResultShape {
    /// Whether there may be any number of rows.
    pub fn is_set(self) -> bool {
        matches!(self, ResultShape::SetOfScalar | ResultShape::SetOfComposite | ResultShape::SetOfRecord)
    }

    /// Whether rows have columns that can be selected, filtered and ordered.
    pub fn has_columns(self) -> bool {
        matches!(self, ResultShape::Composite | ResultShape::SetOfComposite)
    }
}
