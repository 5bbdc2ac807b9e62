//! Rows: stored as an array's elements are, in the order of their fields, so that their names are their type's alone; as text
//! PostgreSQL's composite form (manual, section 8.16); as JSON an object.

use basalt_core::{Error, Result};

use super::json_in::from_raw;
use super::row::{in_order_of_keys, write_csv_cell};
use super::{JsonStyle, from_text, to_json};
use crate::array::stored::{read_leaf, with_leaf, write_leaf};
use crate::{Context, Type, Value, ValueRef, json};

type Fields = [(String, Type)];

/// The stored form of a row of these stored values.
pub fn record_of<'v>(values: impl IntoIterator<Item = ValueRef<'v>>) -> Value {
    let mut out = String::from("[");
    for (index, value) in values.into_iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        write_leaf(value, &mut out);
    }
    out.push(']');
    out.into()
}

/// The stored values of a stored row.
pub fn values_of(fields: &Fields, text: &str) -> Vec<Value> {
    fields.iter().zip(json::raw::elements(text)).map(|((_, ty), raw)| read_leaf(ty, raw)).collect()
}

/// Reads the composite form: `(1,"a b",)`. 22P02 `malformed record literal`; 0A000 for a row of no known fields.
pub(super) fn parse(fields: &Fields, text: &str, context: &Context) -> Result<Value> {
    if fields.is_empty() {
        return Err(anonymous());
    }
    let cells = cells(text)
        .and_then(|cells| match cells.len().cmp(&fields.len()) {
            std::cmp::Ordering::Equal => Ok(cells),
            std::cmp::Ordering::Less => Err("Too few columns."),
            std::cmp::Ordering::Greater => Err("Too many columns."),
        })
        .map_err(|detail| Error::new("22P02", format!("malformed record literal: \"{text}\"")).with_detail(detail))?;
    let mut cells = cells.into_iter();
    store(fields, |(_, ty)| match cells.next().flatten() {
        Some(cell) => from_text(ty, None, &cell, context),
        None => Ok(Value::Null),
    })
}

/// 0A000 for text that is to be a row of which no fields are known.
pub fn anonymous() -> Error {
    Error::new("0A000", "input of anonymous composite types is not implemented")
}

/// Reads a JSON object's members as the fields; one that is missing is that of `base` (a stored row), or NULL. 22023 of what is no object.
pub fn populate(fields: &Fields, base: Option<&str>, raw: &str, context: &Context) -> Result<Value> {
    match json::raw::type_name(raw) {
        "object" => {
            let mut kept = base.map(json::raw::elements);
            store(fields, |(name, ty)| {
                let kept = kept.as_mut().and_then(Iterator::next).filter(|kept| *kept != "null");
                match (member(raw, name), ty, kept) {
                    (Some(value), Type::Record(inner), Some(kept)) if value.starts_with('{') => {
                        with_leaf(ty, kept, |kept| populate(inner, Some(kept.text()), value, context))
                    }
                    (Some(value), ..) => from_raw(ty, None, value, context).map_err(|error| in_key(error, name)),
                    (None, _, Some(kept)) => Ok(read_leaf(ty, kept)),
                    (None, _, None) => Ok(Value::Null),
                }
            })
        }
        "array" => Err(Error::new("22023", "cannot call populate_composite on an array")),
        _ => Err(Error::new("22023", "cannot call populate_composite on a scalar")),
    }
}

/// Where an array was expected, PostgreSQL says in which key.
pub fn in_key(error: Error, key: &str) -> Error {
    match error.message() {
        "expected JSON array" => error.with_hint(format!("See the value of key \"{key}\".")),
        _ => error,
    }
}

/// Writes the composite form of a stored row.
pub(super) fn write(fields: &Fields, text: &str, context: &Context, out: &mut String) {
    out.push('(');
    for (index, ((_, ty), raw)) in fields.iter().zip(json::raw::elements(text)).enumerate() {
        if index > 0 {
            out.push(',');
        }
        with_leaf(ty, raw, |value| write_csv_cell(ty, value, context, out));
    }
    out.push(')');
}

/// Writes a stored row as a JSON object.
pub(super) fn write_json(fields: &Fields, text: &str, context: &Context, style: JsonStyle, out: &mut String) {
    let mut members: Vec<_> = fields.iter().zip(json::raw::elements(text)).collect();
    let (comma, colon) = match style {
        JsonStyle::Json => (",", ":"),
        JsonStyle::Jsonb => {
            in_order_of_keys(&mut members, |((name, _), _)| name);
            (", ", ": ")
        }
    };
    out.push('{');
    for (index, ((name, ty), raw)) in members.into_iter().enumerate() {
        out.push_str(if index > 0 { comma } else { "" });
        json::write_string(name, out);
        out.push_str(colon);
        with_leaf(ty, raw, |value| to_json(ty, value, context, style, out));
    }
    out.push('}');
}

fn member<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    json::raw::members(text).filter(|(key, _)| json::raw::is_key(key, name)).map(|(_, value)| value).last()
}

fn store(fields: &Fields, value: impl FnMut(&(String, Type)) -> Result<Value>) -> Result<Value> {
    let values = fields.iter().map(value).collect::<Result<Vec<_>>>()?;
    Ok(record_of(values.iter().map(Value::as_ref)))
}

/// The cells of a composite literal, `None` for an empty one; or why it is malformed.
fn cells(text: &str) -> Result<Vec<Option<String>>, &'static str> {
    const ENDED: &str = "Unexpected end of input.";
    let inner = text.trim_start().strip_prefix('(').ok_or("Missing left parenthesis.")?;
    let mut chars = inner.chars().peekable();
    let mut cells = Vec::new();
    let mut cell: Option<String> = None;
    let mut quoted = false;
    loop {
        let c = chars.next().ok_or(ENDED)?;
        match c {
            ',' | ')' if !quoted => {
                cells.push(cell.take());
                if c == ')' {
                    break;
                }
            }
            '"' if quoted && chars.next_if_eq(&'"').is_some() => cell.get_or_insert_default().push('"'),
            '"' => {
                quoted = !quoted;
                cell.get_or_insert_default();
            }
            '\\' => cell.get_or_insert_default().push(chars.next().ok_or(ENDED)?),
            c => cell.get_or_insert_default().push(c),
        }
    }
    if chars.any(|c| !c.is_whitespace()) { Err("Junk after right parenthesis.") } else { Ok(cells) }
}
