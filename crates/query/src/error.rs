//! Why a request can't be planned. A door gives each its own code and text.

use basalt_core::Error;
use basalt_sql::Name;

/// Why a request can't be planned. The sections are those of the REST contract that say what a door answers.
#[derive(Debug, Clone, PartialEq)]
pub enum PlanError {
    /// There is no such relation (`PGRST205`).
    UnknownRelation {
        /// The schema asked.
        schema: String,
        /// The name asked for.
        name: String,
        /// A relation of the schema with a similar name.
        suggestion: Option<String>,
    },
    /// A path or related order names no embedded resource of the request (`PGRST108`).
    NotEmbedded {
        /// The name as written.
        name: String,
        /// The alias under which the resource of that name is embedded, if it is.
        alias: Option<String>,
    },
    /// No relationship matches (`PGRST200`).
    NoRelationship {
        /// The embedding relation.
        origin: String,
        /// The target as written.
        target: String,
        /// The hint as written.
        hint: Option<String>,
        /// The schema of the request.
        schema: String,
        /// What was probably meant.
        suggestion: Option<Box<Suggestion>>,
    },
    /// More than one relationship matches (`PGRST201`).
    AmbiguousRelationship {
        /// The embedding relation.
        origin: String,
        /// The target as written.
        target: String,
        /// The relationships: one-to-many, many-to-one, one-to-one, many-to-many, each kind by name.
        candidates: Vec<RelationshipCandidate>,
    },
    /// Order by a column of an embedded resource that is to-many (`PGRST118`).
    RelatedOrderNotPossible {
        /// The ordered relation.
        origin: String,
        /// The embedded resource as named in the order.
        target: String,
    },
    /// Aggregates are switched off (`PGRST123`).
    AggregatesDisabled,
    /// An aggregate in a to-many spread (`PGRST127`).
    AggregateInToManySpread,
    /// Resources are embedded deeper than [`crate::Settings::max_depth`].
    TooDeep {
        /// The most levels.
        limit: usize,
    },
    /// A column of a body is no column of the relation (`PGRST204`).
    UnknownColumn {
        /// The column.
        column: String,
        /// The relation.
        relation: String,
    },
    /// PUT whose filters are not exactly the primary key by `eq` (`PGRST105`).
    PutFilters,
    /// A limited write of a relation whose rows nothing tells apart.
    NoRowKey {
        /// The relation.
        relation: Name,
    },
    /// No function matches (`PGRST202`).
    UnknownFunction {
        /// The schema asked.
        schema: String,
        /// The name asked for.
        name: String,
        /// The names of the arguments, sorted. Empty also for a raw body.
        arguments: Box<[String]>,
        /// What else would have matched.
        unnamed: UnnamedParameter,
        /// What was probably meant.
        suggestion: Option<FunctionSuggestion>,
    },
    /// Several functions match (`PGRST203`): their signatures, `s.f(a => integer, b => text)`.
    AmbiguousFunction(Vec<String>),
    /// What the database would refuse, found while planning.
    Database(Error),
}

/// `Perhaps you meant '<near>' instead of '<given>'.`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suggestion {
    /// A known name.
    pub near: String,
    /// The name that was given: the origin's or the target's.
    pub given: String,
}

/// One of several matching relationships.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RelationshipCandidate {
    /// `one-to-many`, `many-to-one`, `one-to-one` or `many-to-many`.
    pub cardinality: &'static str,
    /// `orders with addresses`.
    pub embedding: String,
    /// `billing using orders(billing_address_id) and addresses(id)`.
    pub relationship: String,
    /// The hint that chooses it: `addresses!billing`.
    pub hint: String,
}

/// A single unnamed parameter that a request's body could have filled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnnamedParameter {
    /// None: arguments came by name only.
    None,
    /// `json/jsonb`, beside arguments by name.
    Json,
    /// Only it: the body is raw. The type's name, `text`, `xml` or `bytea`.
    Raw(&'static str),
}

/// A function that was probably meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FunctionSuggestion {
    /// Another function of the schema.
    Name(String),
    /// The same function with these parameters, sorted.
    Parameters(Vec<String>),
}

impl PlanError {
    /// Whether a write is refused by its plan (`PGRST105`, `PGRST204`), before the database would see it.
    pub fn is_of_planning(&self) -> bool {
        matches!(self, PlanError::PutFilters | PlanError::UnknownColumn { .. })
    }
}

impl From<Error> for PlanError {
    fn from(error: Error) -> Self {
        PlanError::Database(error)
    }
}
