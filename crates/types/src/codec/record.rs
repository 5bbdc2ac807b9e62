//! Rows: stored as a JSON object of their fields in order; as text PostgreSQL's composite form (manual, section 8.16).

use basalt_core::{Error, Result};

use super::json_in::from_raw;
use super::row::write_csv_cell;
use super::{JsonStyle, from_text, to_json};
use crate::{Context, Type, Value, json};

type Fields = [(String, Type)];

/// Reads the composite form: `(1,"a b",)`. 22P02 `malformed record literal`.
pub(super) fn parse(fields: &Fields, text: &str, context: &Context) -> Result<Value> {
    let cells = cells(text)
        .and_then(|cells| match cells.len().cmp(&fields.len()) {
            std::cmp::Ordering::Equal => Ok(cells),
            std::cmp::Ordering::Less => Err("Too few columns."),
            std::cmp::Ordering::Greater => Err("Too many columns."),
        })
        .map_err(|detail| Error::new("22P02", format!("malformed record literal: \"{text}\"")).with_detail(detail))?;
    store(fields, context, |index, _| match &cells[index] {
        Some(cell) => from_text(&fields[index].1, None, cell, context),
        None => Ok(Value::Null),
    })
}

/// Reads a JSON object's members as the fields; one that is missing is NULL. 22023 of what is no object.
pub(super) fn parse_json(fields: &Fields, raw: &str, context: &Context) -> Result<Value> {
    match json::raw::type_name(raw) {
        "object" if fields.is_empty() => Ok(raw.into()),
        "object" => store(fields, context, |index, name| match member(raw, name) {
            Some(value) => from_raw(&fields[index].1, None, value, context),
            None => Ok(Value::Null),
        }),
        "array" => Err(Error::new("22023", "cannot call populate_composite on an array")),
        _ => Err(Error::new("22023", "cannot call populate_composite on a scalar")),
    }
}

/// Writes the composite form of a stored row.
pub(super) fn write(fields: &Fields, text: &str, context: &Context, out: &mut String) {
    if fields.is_empty() {
        return out.push_str(text);
    }
    out.push('(');
    for (index, (name, ty)) in fields.iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        // What is stored was written from values of these types.
        let value = member(text, name).and_then(|raw| from_raw(ty, None, raw, context).ok()).unwrap_or_default();
        write_csv_cell(ty, value.as_ref(), context, out);
    }
    out.push(')');
}

fn member<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    json::raw::members(text).filter(|(key, _)| json::raw::is_key(key, name)).map(|(_, value)| value).last()
}

fn store(fields: &Fields, context: &Context, mut value: impl FnMut(usize, &str) -> Result<Value>) -> Result<Value> {
    let mut out = String::from("{");
    for (index, (name, ty)) in fields.iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        json::write_string(name, &mut out);
        out.push(':');
        let value: Value = value(index, name)?;
        to_json(ty, value.as_ref(), context, JsonStyle::Json, &mut out);
    }
    out.push('}');
    Ok(out.into())
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
