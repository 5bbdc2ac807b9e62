//! Stored values to JSON: what every answer of the server is made of.

use super::record;
use crate::array::stored::{Brackets, rewrite, with_leaf};
use crate::{Base, Context, Type, ValueRef, binary, datetime, json, math, numeric, range, vector};

/// How JSON is spaced and ordered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JsonStyle {
    /// As PostgreSQL's `json`: compact, in the given order, numbers as they stand.
    Json,
    /// As PostgreSQL's `jsonb`: `": "` and `", "`, keys by length then bytes, the last of equal keys.
    Jsonb,
}

/// Writes a stored value as JSON, as `to_json` (or `to_jsonb`) shows it.
pub fn to_json(ty: &Type, value: ValueRef<'_>, context: &Context, style: JsonStyle, out: &mut String) {
    match (ty, value) {
        (_, ValueRef::Null) => out.push_str("null"),
        (Type::Base(base), value) => base_to_json(*base, value, context, style, out),
        (Type::Enum(_) | Type::Other(_), value) => json::write_string(value.text(), out),
        (Type::Array(element), ValueRef::Text(text)) => array_to_json(element, text, context, style, out),
        (Type::Record(fields), value) => record::write_json(fields, value.text(), context, style, out),
        (Type::Array(_), value) => document_to_json(value.text(), style, out),
    }
}

fn base_to_json(base: Base, value: ValueRef<'_>, context: &Context, style: JsonStyle, out: &mut String) {
    match (base, value) {
        (Base::Bool, value) => out.push_str(if value.int() != 0 { "true" } else { "false" }),
        (Base::Float4 | Base::Float8, value) => float_to_json(base, value.float(), style, out),
        (Base::Date, ValueRef::Int(days)) => quoted(out, |out| datetime::write_date(days, context, true, out)),
        (Base::Time, ValueRef::Int(micros)) => quoted(out, |out| datetime::write_time(micros, context, true, out)),
        (Base::Timestamp, ValueRef::Int(micros)) => {
            quoted(out, |out| datetime::write_timestamp(micros, context, true, out));
        }
        (Base::Timestamptz, ValueRef::Int(micros)) => {
            quoted(out, |out| datetime::write_timestamptz(micros, context, true, out));
        }
        (_, ValueRef::Int(i)) => out.push_str(itoa::Buffer::new().format(i)),
        (Base::Numeric, ValueRef::Text(text)) if !text.ends_with(['N', 'y']) => out.push_str(text),
        (Base::Jsonb, ValueRef::Text(text)) => out.push_str(text),
        (Base::Json, ValueRef::Text(text)) => document_to_json(text, style, out),
        (base, ValueRef::Text(text)) if base.subtype().is_some() => {
            let mut written = String::new();
            range::write(base, text, context, &mut written);
            json::write_string(&written, out);
        }
        (_, ValueRef::Text(text)) => json::write_string(text, out),
        (Base::Vector, ValueRef::Blob(stored)) => quoted(out, |out| vector::write(stored, out)),
        (_, ValueRef::Blob(bytes)) => quoted(out, |out| {
            out.push('\\');
            binary::write_bytea(bytes, out);
        }),
        (_, ValueRef::Real(r)) => float_to_json(Base::Float8, r, style, out),
        (_, ValueRef::Null) => out.push_str("null"),
    }
}

fn quoted(out: &mut String, write: impl FnOnce(&mut String)) {
    out.push('"');
    write(out);
    out.push('"');
}

/// A number where JSON has one; the infinities and NaN as strings.
fn float_to_json(base: Base, value: f64, style: JsonStyle, out: &mut String) {
    if !value.is_finite() {
        return quoted(out, |out| math::float_to_text(base, value, out));
    }
    let start = out.len();
    math::float_to_text(base, value, out);
    if style == JsonStyle::Jsonb
        && (out[start..].contains('e') || value == 0.0)
        && let Ok(number) = numeric::parse(&out[start..], None)
    {
        out.truncate(start);
        out.push_str(&number);
    }
}

/// `json` as it stands, or in `jsonb` form.
fn document_to_json(text: &str, style: JsonStyle, out: &mut String) {
    match style {
        JsonStyle::Json => out.push_str(text),
        // What is stored is valid, but for `\u0000`, which `jsonb` does not know.
        JsonStyle::Jsonb => out.push_str(&json::normalize(text).unwrap_or_else(|_| text.to_owned())),
    }
}

fn array_to_json(element: &Type, text: &str, context: &Context, style: JsonStyle, out: &mut String) {
    if style == JsonStyle::Json && is_stored_as_json(element) {
        return out.push_str(text);
    }
    let comma = match style {
        JsonStyle::Json => ",",
        JsonStyle::Jsonb => ", ",
    };
    let mut leaf = |raw: &str, out: &mut String| {
        with_leaf(element, raw, |value| to_json(element, value, context, style, out));
    };
    rewrite(text, &Brackets { open: '[', comma, close: ']' }, &mut leaf, out);
}

/// Whether an array's stored form is its JSON.
fn is_stored_as_json(element: &Type) -> bool {
    use Base::{Bpchar, Int2, Int4, Int8, Interval, Name, Text, Uuid, Varchar};
    match element {
        Type::Base(base) => matches!(base, Int2 | Int4 | Int8 | Text | Varchar | Bpchar | Name | Uuid | Interval),
        Type::Enum(_) => true,
        _ => false,
    }
}
