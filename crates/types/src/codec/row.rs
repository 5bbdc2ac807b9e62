//! Whole rows: JSON objects and CSV cells.

use basalt_core::Result;

use super::{JsonStyle, to_json, to_text};
use crate::{Base, Context, Type, ValueRef, json};

/// How the rows of one answer become JSON objects: made once, used for each row.
#[derive(Debug, Clone)]
pub struct RowShape {
    columns: Vec<Column>,
    style: JsonStyle,
}

#[derive(Debug, Clone)]
struct Column {
    /// Position in the row.
    index: usize,
    /// The escaped key with its colon.
    key: String,
    ty: Type,
}

impl RowShape {
    /// Takes the columns' names and types in order. In [`JsonStyle::Jsonb`] they are sorted by key length, then bytes, and
    /// of equal keys the last stays.
    pub fn new(columns: Vec<(String, Type)>, style: JsonStyle) -> RowShape {
        let mut columns: Vec<(usize, String, Type)> =
            columns.into_iter().enumerate().map(|(index, (name, ty))| (index, name, ty)).collect();
        if style == JsonStyle::Jsonb {
            in_order_of_keys(&mut columns, |(_, name, _)| name);
        }
        let key = |name: &str| {
            let mut key = String::new();
            json::write_string(name, &mut key);
            key.push_str(if style == JsonStyle::Json { ":" } else { ": " });
            key
        };
        let columns = columns.into_iter().map(|(index, name, ty)| Column { index, key: key(&name), ty }).collect();
        RowShape { columns, style }
    }

    /// What [`Self::write_object`] wrote, one row or more. Errors as of [`json::made_jsonb`].
    pub fn finish(&self, text: String) -> Result<String> {
        match self.style {
            JsonStyle::Json => Ok(text),
            JsonStyle::Jsonb => json::made_jsonb(text),
        }
    }

    /// Appends one row, whose stored values `value` gives by position. With `strip_nulls`, null members are left out at every
    /// depth of objects, as `json_strip_nulls` does.
    pub fn write_object<'a>(
        &self,
        value: impl Fn(usize) -> ValueRef<'a>,
        context: &Context,
        strip_nulls: bool,
        out: &mut String,
    ) {
        let comma = if self.style == JsonStyle::Json { "," } else { ", " };
        out.push('{');
        let mut is_first = true;
        for column in &self.columns {
            let value = value(column.index);
            if strip_nulls && (value.is_null() || is_null_document(&column.ty, value)) {
                continue;
            }
            if !is_first {
                out.push_str(comma);
            }
            is_first = false;
            out.push_str(&column.key);
            match value {
                ValueRef::Text(text) if strip_nulls && is_document(&column.ty) => {
                    json::strip_nulls(text, self.style, out);
                }
                value if strip_nulls && may_hold_objects(&column.ty) => {
                    let mut text = String::new();
                    to_json(&column.ty, value, context, self.style, &mut text);
                    json::strip_nulls(&text, self.style, out);
                }
                value => to_json(&column.ty, value, context, self.style, out),
            }
        }
        out.push('}');
    }
}

/// Members in the order of `jsonb`: by the length of their keys, then bytes; of equal keys the last stays.
pub(super) fn in_order_of_keys<T>(members: &mut Vec<T>, key: impl Fn(&T) -> &String) {
    members.reverse();
    members.sort_by(|a, b| key(a).len().cmp(&key(b).len()).then_with(|| key(a).cmp(key(b))));
    members.dedup_by(|a, b| key(a) == key(b));
}

fn is_document(ty: &Type) -> bool {
    matches!(ty, Type::Base(Base::Json | Base::Jsonb))
}

fn may_hold_objects(ty: &Type) -> bool {
    match ty {
        Type::Array(element) => may_hold_objects(element),
        ty => is_document(ty) || matches!(ty, Type::Record(_)),
    }
}

fn is_null_document(ty: &Type, value: ValueRef<'_>) -> bool {
    is_document(ty) && value.text().trim() == "null"
}

/// Writes one cell of a CSV answer: a field of PostgreSQL's composite text. NULL writes nothing.
pub fn write_csv_cell(ty: &Type, value: ValueRef<'_>, context: &Context, out: &mut String) {
    if value.is_null() {
        return;
    }
    let start = out.len();
    to_text(ty, value, context, out);
    let text = &out[start..];
    let special = |b: u8| matches!(b, b'"' | b'\\' | b'(' | b')' | b',' | b' ' | b'\t'..=b'\r');
    if !text.is_empty() && !text.bytes().any(special) {
        return;
    }
    let text = text.to_owned();
    out.truncate(start);
    out.push('"');
    for c in text.chars() {
        if matches!(c, '"' | '\\') {
            out.push(c);
        }
        out.push(c);
    }
    out.push('"');
}
