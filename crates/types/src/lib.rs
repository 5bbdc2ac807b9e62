//! PostgreSQL's data types: what a value is, how it is read, written, compared and computed with.
//!
//! Everything here is pure: bytes and numbers in, bytes and numbers out. The embedded engine registers
//! [`functions`], [`aggregates`] and [`collation`]s with SQLite, and the SQL compiler reads their signatures
//! from the same tables, so a function's PostgreSQL signature and its code stand in one place.
//!
//! # How a value is stored in SQLite
//!
//! | PostgreSQL | SQLite | form | collation |
//! | --- | --- | --- | --- |
//! | boolean | INTEGER | 0, 1 | |
//! | smallint, integer, bigint | INTEGER | | |
//! | real, double precision | REAL | `NaN` as the text `NaN` (it sorts last, as in PostgreSQL) | |
//! | numeric | TEXT | PostgreSQL's text: exact, with its scale (`1.50`) | `pg_numeric` |
//! | text, varchar, name | TEXT | ordered by bytes (collation `C`) | |
//! | char(n) | TEXT | padded | `pg_bpchar` |
//! | uuid | TEXT | 36 characters, lower case | |
//! | date | INTEGER | days since 2000-01-01 | |
//! | time | INTEGER | microseconds since midnight | |
//! | timestamp, timestamptz | INTEGER | microseconds since 2000-01-01 (UTC); `i64::MIN`, `i64::MAX` are the infinities | |
//! | interval | TEXT | PostgreSQL's text (`1 day 02:00:00`) | `pg_interval` |
//! | json | TEXT | as given | |
//! | jsonb | TEXT | PostgreSQL's normal form: keys by length then bytes, `": "` and `", "` | `pg_jsonb` |
//! | bytea | BLOB | | |
//! | enum | TEXT | the label | `pg_enum_<schema>.<name>` |
//! | array | TEXT | JSON array of stored values, compact (bytea elements as hex) | `pg_array_<element>` |
//! | composite | TEXT | as an array of its fields, each as a text where it is an array or row itself | `pg_rows:<types>` |
//! | tsvector, tsquery, jsonpath | TEXT | PostgreSQL's text | |
//! | ranges | TEXT | stored bounds between brackets: `[8766,8797)`, `empty` (`range`) | `pg_<type>` |
//! | vector | BLOB | four bytes a number, ordered as numbers are (`vector`) | |
//!
//! A value so stored compares with SQLite's own operators, under its collation, exactly as PostgreSQL compares it,
//! so indexes serve it.

pub mod any;
pub mod array;
pub mod binary;
pub mod codec;
pub mod collation;
pub mod context;
pub mod datetime;
pub mod format;
pub mod fts;
pub mod function;
pub mod interval;
pub mod json;
mod jsonpath;
pub mod math;
pub mod numeric;
pub mod pattern;
pub mod range;
#[cfg(test)]
mod testing;
pub mod text;
pub mod types;
pub mod value;
pub mod vector;

pub use context::Context;
pub use function::{Accumulator, Aggregate, Function, Implementation, Kind, Operator, SetFunction, Volatility};
pub use types::{Base, EnumType, OtherType, Type, Typmod};
pub use value::{Value, ValueRef};

/// Every built-in scalar function.
pub fn functions() -> impl Iterator<Item = &'static Function> {
    [
        any::FUNCTIONS,
        array::FUNCTIONS,
        binary::FUNCTIONS,
        datetime::FUNCTIONS,
        format::FUNCTIONS,
        fts::FUNCTIONS,
        interval::FUNCTIONS,
        json::FUNCTIONS,
        jsonpath::FUNCTIONS,
        math::FUNCTIONS,
        numeric::FUNCTIONS,
        pattern::FUNCTIONS,
        range::FUNCTIONS,
        text::FUNCTIONS,
        vector::FUNCTIONS,
    ]
    .into_iter()
    .flatten()
}

/// Every built-in operator but the six comparisons, which hold for all types alike.
pub fn operators() -> impl Iterator<Item = &'static Operator> {
    [
        array::OPERATORS,
        binary::OPERATORS,
        datetime::OPERATORS,
        fts::OPERATORS,
        interval::OPERATORS,
        json::OPERATORS,
        jsonpath::OPERATORS,
        math::OPERATORS,
        numeric::OPERATORS,
        pattern::OPERATORS,
        range::OPERATORS,
        text::OPERATORS,
        vector::OPERATORS,
    ]
    .into_iter()
    .flatten()
}

/// Every built-in aggregate.
pub fn aggregates() -> impl Iterator<Item = &'static Aggregate> {
    [
        array::AGGREGATES,
        interval::AGGREGATES,
        json::AGGREGATES,
        math::AGGREGATES,
        numeric::AGGREGATES,
        range::AGGREGATES,
        text::AGGREGATES,
        vector::AGGREGATES,
    ]
    .into_iter()
    .flatten()
}

/// Every built-in function that returns a set of rows.
pub fn set_functions() -> impl Iterator<Item = &'static SetFunction> {
    [
        array::SET_FUNCTIONS,
        datetime::SET_FUNCTIONS,
        json::SET_FUNCTIONS,
        jsonpath::SET_FUNCTIONS,
        math::SET_FUNCTIONS,
        pattern::SET_FUNCTIONS,
    ]
    .into_iter()
    .flatten()
}
