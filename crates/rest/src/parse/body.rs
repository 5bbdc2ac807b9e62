//! Bodies: JSON, CSV and forms become JSON rows; function calls take an object or the raw text (contract: section 12.1).

use std::collections::HashSet;

use basalt_query::ask::{Arguments, Body};
use indexmap::IndexMap;
use percent_encoding::percent_decode_str;
use serde_json::value::RawValue;

use super::media::Media;
use crate::error::{RestError, RestResult};

type Object<'a> = IndexMap<String, &'a RawValue>;

/// Reads the rows of a write. `columns` is the parameter of that name.
pub(crate) fn rows(media: &Media, bytes: &[u8], columns: Option<&[String]>, missing_default: bool) -> RestResult<Body> {
    let json = match media {
        Media::Json => text(bytes)?.to_owned(),
        Media::Csv => csv_rows(bytes)?,
        Media::Form => form_object(bytes)?,
        other => return Err(unacceptable(other)),
    };
    let columns = match columns {
        Some(columns) => columns.to_vec(),
        None => keys(&json)?,
    };
    Ok(Body { json, columns, missing_default })
}

/// Reads the arguments of a POST to a function.
pub(crate) fn arguments(media: &Media, bytes: &[u8], columns: Option<&[String]>) -> RestResult<Arguments> {
    match media {
        Media::Form => Ok(Arguments::Named(named(form_pairs(bytes)?))),
        Media::Json | Media::Csv => {
            let json = match media {
                _ if bytes.iter().all(u8::is_ascii_whitespace) => "{}".to_owned(),
                Media::Csv => csv_rows(bytes)?,
                _ => text(bytes)?.to_owned(),
            };
            let parsed: &RawValue = serde_json::from_str(&json).map_err(|_| invalid())?;
            let first = first_object(parsed)?;
            let keys = columns.map_or_else(|| first.keys().cloned().collect(), <[String]>::to_vec);
            Ok(Arguments::Json { json, keys })
        }
        Media::Text => raw(bytes, "text"),
        Media::Xml => raw(bytes, "xml"),
        Media::OctetStream => raw_bytes(bytes),
        other => Err(unacceptable(other)),
    }
}

/// Pairs as named arguments: a repeated name collects its values, of which a variadic parameter takes all and others the last.
pub(crate) fn named(pairs: Vec<(String, String)>) -> Vec<(String, Vec<String>)> {
    let mut named: IndexMap<String, Vec<String>> = IndexMap::new();
    for (name, value) in pairs {
        named.entry(name).or_default().push(value);
    }
    named.into_iter().collect()
}

fn raw(bytes: &[u8], takes: &'static str) -> RestResult<Arguments> {
    Ok(Arguments::Raw { body: text(bytes)?.to_owned(), takes })
}

fn raw_bytes(bytes: &[u8]) -> RestResult<Arguments> {
    let mut body = String::with_capacity(2 + bytes.len() * 2);
    body.push_str("\\x");
    for byte in bytes {
        body.push(char::from_digit(u32::from(byte >> 4), 16).unwrap_or('0'));
        body.push(char::from_digit(u32::from(byte & 15), 16).unwrap_or('0'));
    }
    Ok(Arguments::Raw { body, takes: "bytea" })
}

fn text(bytes: &[u8]) -> RestResult<&str> {
    std::str::from_utf8(bytes).map_err(|_| invalid())
}

fn invalid() -> RestError {
    RestError::body("Empty or invalid json")
}

fn unacceptable(media: &Media) -> RestError {
    RestError::body(format!("Content-Type not acceptable: {}", media.name()))
}

/// The columns of a JSON body: the keys of its objects, which must agree. A scalar counts as no rows.
fn keys(json: &str) -> RestResult<Vec<String>> {
    match json.trim_start().as_bytes().first() {
        Some(b'{') => {
            let object: Object<'_> = serde_json::from_str(json).map_err(|_| invalid())?;
            Ok(object.into_keys().collect())
        }
        Some(b'[') => {
            let values: Vec<&RawValue> = serde_json::from_str(json).map_err(|_| invalid())?;
            let mut objects = values.into_iter().map(|v| serde_json::from_str::<Object<'_>>(v.get()));
            let Some(first) = objects.next() else { return Ok(Vec::new()) };
            let mismatch = || RestError::body("All object keys must match");
            let first: Vec<String> = first.map_err(|_| mismatch())?.into_keys().collect();
            let set: HashSet<&str> = first.iter().map(String::as_str).collect();
            for object in objects {
                let object = object.map_err(|_| mismatch())?;
                if object.len() != set.len() || !object.keys().all(|key| set.contains(key.as_str())) {
                    return Err(mismatch());
                }
            }
            Ok(first)
        }
        _ => {
            serde_json::from_str::<&RawValue>(json).map_err(|_| invalid())?;
            Ok(Vec::new())
        }
    }
}

fn first_object(value: &RawValue) -> RestResult<Object<'_>> {
    let json = value.get();
    let object = match json.as_bytes().first() {
        Some(b'{') => json,
        Some(b'[') => {
            let values: Vec<&RawValue> = serde_json::from_str(json).map_err(|_| invalid())?;
            match values.first().map(|first| first.get()) {
                Some(first) if first.starts_with('{') => {
                    return serde_json::from_str(values[0].get()).map_err(|_| invalid());
                }
                _ => return Ok(Object::new()),
            }
        }
        _ => return Ok(Object::new()),
    };
    serde_json::from_str(object).map_err(|_| invalid())
}

/// CSV with a header becomes a JSON array of objects of strings; a cell `NULL` is null.
fn csv_rows(bytes: &[u8]) -> RestResult<String> {
    // The reader takes a field that is never closed to end with the text.
    if bytes.iter().filter(|byte| **byte == b'"').count() % 2 == 1 {
        return Err(RestError::body("A quoted field is not closed"));
    }
    let mut reader = csv::ReaderBuilder::new().flexible(false).from_reader(bytes);
    let uneven = |error: csv::Error| match error.kind() {
        csv::ErrorKind::Utf8 { .. } => RestError::body("The CSV is not valid UTF-8"),
        _ => RestError::body("All lines must have same number of fields"),
    };
    let headers = reader.headers().map_err(uneven)?.clone();
    if headers.is_empty() {
        return Err(RestError::body("The CSV has no header line"));
    }
    let mut rows = Vec::new();
    for record in reader.records() {
        let record = record.map_err(uneven)?;
        let cell = |text: &str| if text == "NULL" { serde_json::Value::Null } else { text.into() };
        let row: serde_json::Map<_, _> = headers.iter().map(str::to_owned).zip(record.iter().map(cell)).collect();
        rows.push(serde_json::Value::Object(row));
    }
    Ok(serde_json::Value::Array(rows).to_string())
}

fn form_pairs(bytes: &[u8]) -> RestResult<Vec<(String, String)>> {
    let decode = |text: &str| {
        let spaced = text.replace('+', " ");
        percent_decode_str(&spaced).decode_utf8().map(|t| t.into_owned()).map_err(|_| invalid())
    };
    text(bytes)?
        .split('&')
        .filter(|part| !part.is_empty())
        .map(|part| part.split_once('=').unwrap_or((part, "")))
        .map(|(key, value)| Ok((decode(key)?, decode(value)?)))
        .collect()
}

fn form_object(bytes: &[u8]) -> RestResult<String> {
    let object: serde_json::Map<_, _> =
        form_pairs(bytes)?.into_iter().map(|(key, value)| (key, value.into())).collect();
    Ok(serde_json::Value::Object(object).to_string())
}
