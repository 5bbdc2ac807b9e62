//! Text and JSON in and out, by type: the one place that dispatches on a type to read or write a value.

use basalt_core::Result;

use crate::{Context, Type, Typmod, Value, ValueRef};

/// How JSON is spaced and ordered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JsonStyle {
    /// As PostgreSQL's `json`: compact, in the given order, numbers as they stand.
    Json,
    /// As PostgreSQL's `jsonb`: `": "` and `", "`, keys by length then bytes, the last of equal keys.
    Jsonb,
}

/// Reads PostgreSQL's text form of a value, applying the type modifier as an assignment does
/// (22001 when a text is too long, numeric is rounded to its scale, 22003 when it overflows).
pub fn from_text(_ty: &Type, _typmod: Option<Typmod>, _text: &str, _context: &Context) -> Result<Value> {
    unimplemented!()
}

/// Writes PostgreSQL's text form of a stored value. NULL writes nothing.
pub fn to_text(_ty: &Type, _value: ValueRef<'_>, _context: &Context, _out: &mut String) {
    unimplemented!()
}

/// Reads a JSON value as `json_to_recordset` does: strings through the type's text input, numbers and booleans by their
/// text, arrays into array types, anything into json and (as text) into text types; `null` is NULL.
pub fn from_json(_ty: &Type, _typmod: Option<Typmod>, _json: &serde_json::value::RawValue, _context: &Context) -> Result<Value> {
    unimplemented!()
}

/// Writes a stored value as JSON, as `to_json` (or `to_jsonb`) shows it.
pub fn to_json(_ty: &Type, _value: ValueRef<'_>, _context: &Context, _style: JsonStyle, _out: &mut String) {
    unimplemented!()
}

/// Converts a stored value of one type into another as `cast(x as t)` does. Assumes that the cast exists ([`castable`]).
pub fn cast(_from: &Type, _to: &Type, _typmod: Option<Typmod>, _value: ValueRef<'_>, _context: &Context) -> Result<Value> {
    unimplemented!()
}

/// In which contexts a cast from one type to another exists (PostgreSQL's `pg_cast.castcontext`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum CastContext {
    /// Anywhere: `int4` to `int8`.
    Implicit,
    /// When assigned to a column: `int8` to `int4`.
    Assignment,
    /// Only when written: `text` to `int4`.
    Explicit,
}

/// The weakest context in which the cast exists, or `None`.
pub fn castable(_from: &Type, _to: &Type) -> Option<CastContext> {
    unimplemented!()
}
