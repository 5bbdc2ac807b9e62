//! Conditions on rows.

use super::Field;

/// A condition on rows.
#[derive(Debug, Clone, PartialEq)]
pub enum Condition {
    /// One comparison.
    Filter(Filter),
    /// All must hold.
    And {
        /// `not.and`.
        negated: bool,
        /// Its members.
        of: Vec<Condition>,
    },
    /// One must hold.
    Or {
        /// `not.or`.
        negated: bool,
        /// Its members.
        of: Vec<Condition>,
    },
}

/// `column operator value`. A field that names an embedded resource, with `Is(Null)`, asks whether that is empty.
#[derive(Debug, Clone, PartialEq)]
pub struct Filter {
    /// The left side.
    pub field: Field,
    /// `not.`.
    pub negated: bool,
    /// The comparison with its value.
    pub test: Test,
}

/// A comparison and its right side. Values are PostgreSQL literals of the left side's type.
#[derive(Debug, Clone, PartialEq)]
pub enum Test {
    /// An operator with one value, or with `any`/`all` of an array literal.
    Compare {
        /// The operator.
        operator: Operator,
        /// `any` or `all`.
        quantifier: Option<Quantifier>,
        /// The value (for a quantifier, an array literal).
        value: String,
    },
    /// `in`: equal to one of these.
    In(Vec<String>),
    /// `is`.
    Is(Is),
    /// `isdistinct`.
    IsDistinct(String),
    /// Full text.
    Search {
        /// How the value is read.
        parser: SearchParser,
        /// The configuration.
        language: Option<String>,
        /// The query.
        value: String,
    },
}

/// Comparison operators.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)] // named after PostgREST's words
pub enum Operator {
    Equal,
    NotEqual,
    Greater,
    GreaterEqual,
    Less,
    LessEqual,
    /// LIKE; the door has already turned `*` into `%`.
    Like,
    /// ILIKE, likewise.
    ILike,
    /// `~`.
    Match,
    /// `~*`.
    IMatch,
    /// `@>`.
    Contains,
    /// `<@`.
    ContainedIn,
    /// `&&`.
    Overlap,
    /// `<<`.
    StrictlyLeft,
    /// `>>`.
    StrictlyRight,
    /// `&<`.
    NotExtendRight,
    /// `&>`.
    NotExtendLeft,
    /// `-|-`.
    Adjacent,
}

/// `any` or `all`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Quantifier {
    Any,
    All,
}

/// What `is` compares with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Is {
    Null,
    NotNull,
    True,
    False,
    Unknown,
}

/// How a full-text query is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SearchParser {
    /// `to_tsquery`.
    Query,
    /// `plainto_tsquery`.
    Plain,
    /// `phraseto_tsquery`.
    Phrase,
    /// `websearch_to_tsquery`.
    Web,
}
