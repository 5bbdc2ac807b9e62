//! What is in a JSON value: members, elements, types, containment.

use std::borrow::Cow;

use basalt_core::{Error, Result};

use super::{compare, parse_json, parse_jsonb, raw};
use crate::array::stored::{MOST_ELEMENTS, check_elements};
use crate::{Context, Type, Value, ValueRef};

/// Whether keys are unique, so that the first one found is the one.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Json,
    Jsonb,
}

/// The text of a value that is to be taken apart: PostgreSQL reads all of a `json` then, escapes without a character included.
///
/// 22P05 for `\u0000`, 22P02 for half of a surrogate pair.
fn readable<'a>(form: Form, value: ValueRef<'a>) -> Result<&'a str> {
    let text = value.text();
    if form == Form::Json && text.contains("\\u") {
        parse_json(text)?;
    }
    Ok(text)
}

fn member<'a>(form: Form, text: &'a str, key: &str) -> Option<&'a str> {
    let mut found = raw::members(text).filter(|(candidate, _)| raw::is_key(candidate, key)).map(|(_, value)| value);
    match form {
        Form::Jsonb => found.next(),
        Form::Json => found.last(),
    }
}

/// The element at a position, from the end if negative.
fn element(text: &str, index: i64) -> Option<&str> {
    if index >= 0 {
        return raw::elements(text).nth(usize::try_from(index).ok()?);
    }
    let count = raw::elements(text).count() as i64;
    raw::elements(text).nth(usize::try_from(count.checked_add(index)?).ok()?)
}

fn follow<'a>(form: Form, text: &'a str, path: &str) -> Option<&'a str> {
    let mut at = text;
    for step in raw::elements(path) {
        let step = raw::string(step)?;
        at = match raw::type_name(at) {
            "object" => member(form, at, &step)?,
            "array" => element(at, step.trim_start().parse::<i32>().ok()?.into())?,
            _ => return None,
        };
    }
    Some(at.trim())
}

/// A string's content, another value's JSON, NULL for `null`: what `->>` gives.
pub(super) fn as_text(raw: &str) -> Result<Option<Cow<'_, str>>> {
    match raw.as_bytes().first() {
        Some(b'n') => Ok(None),
        Some(b'"') => super::unescape(raw.get(1..raw.len() - 1).unwrap_or_default()).map(Some),
        _ => Ok(Some(Cow::Borrowed(raw))),
    }
}

fn text_value(raw: Option<&str>) -> Result<Value> {
    let text = raw.map(as_text).transpose()?.flatten();
    Ok(text.map(Cow::into_owned).into())
}

macro_rules! accessors {
    ($form:expr, $member:ident, $member_text:ident, $path:ident, $path_text:ident,
     $variadic_path:ident, $variadic_path_text:ident) => {
        pub(super) fn $member(_: &Context, args: &[ValueRef<'_>]) -> Result<Value> {
            Ok(member($form, readable($form, args[0])?, args[1].text()).into())
        }
        pub(super) fn $member_text(_: &Context, args: &[ValueRef<'_>]) -> Result<Value> {
            text_value(member($form, readable($form, args[0])?, args[1].text()))
        }
        pub(super) fn $path(_: &Context, args: &[ValueRef<'_>]) -> Result<Value> {
            Ok(follow($form, readable($form, args[0])?, args[1].text()).into())
        }
        pub(super) fn $path_text(_: &Context, args: &[ValueRef<'_>]) -> Result<Value> {
            text_value(follow($form, readable($form, args[0])?, args[1].text()))
        }
        pub(super) fn $variadic_path(_: &Context, args: &[ValueRef<'_>]) -> Result<Value> {
            Ok(follow($form, readable($form, args[0])?, &path_of(&args[1..])).into())
        }
        pub(super) fn $variadic_path_text(_: &Context, args: &[ValueRef<'_>]) -> Result<Value> {
            text_value(follow($form, readable($form, args[0])?, &path_of(&args[1..])))
        }
    };
}
accessors!(Form::Json, json_member, json_member_text, json_path, json_path_text, json_extract, json_extract_text);
accessors!(
    Form::Jsonb,
    jsonb_member,
    jsonb_member_text,
    jsonb_path,
    jsonb_path_text,
    jsonb_extract,
    jsonb_extract_text
);

pub(super) fn element_at(_: &Context, args: &[ValueRef<'_>]) -> Result<Value> {
    Ok(element(readable(Form::Json, args[0])?, args[1].int()).into())
}

/// A jsonb that is no array nor object counts as an array of itself here, as in PostgreSQL.
pub(super) fn jsonb_element_at(_: &Context, args: &[ValueRef<'_>]) -> Result<Value> {
    Ok(jsonb_element(args[0].text(), args[1].int()).into())
}

pub(super) fn jsonb_element_text_at(_: &Context, args: &[ValueRef<'_>]) -> Result<Value> {
    text_value(jsonb_element(args[0].text(), args[1].int()))
}

fn jsonb_element(text: &str, index: i64) -> Option<&str> {
    match raw::type_name(text) {
        "array" | "object" => element(text, index),
        _ => matches!(index, 0 | -1).then_some(text),
    }
}

pub(super) fn element_text_at(_: &Context, args: &[ValueRef<'_>]) -> Result<Value> {
    text_value(element(readable(Form::Json, args[0])?, args[1].int()))
}

fn path_of(steps: &[ValueRef<'_>]) -> String {
    let steps = steps.iter().map(|step| ValueRef::to_owned(*step)).collect();
    crate::array::stored::Array::of(steps).write()
}

pub(super) fn type_of(_: &Context, args: &[ValueRef<'_>]) -> Result<Value> {
    Ok(raw::type_name(args[0].text()).into())
}

/// 22023 of what is no array.
pub(super) fn array_length(_: &Context, args: &[ValueRef<'_>]) -> Result<Value> {
    match raw::type_name(args[0].text()) {
        "array" => Ok((raw::elements(args[0].text()).count() as i64).into()),
        "object" => Err(Error::new("22023", "cannot get array length of a non-array")),
        _ => Err(Error::new("22023", "cannot get array length of a scalar")),
    }
}

pub(super) fn contains(_: &Context, args: &[ValueRef<'_>]) -> Result<Value> {
    Ok(compare::contains(&parse_jsonb(args[0].text())?, &parse_jsonb(args[1].text())?).into())
}

pub(super) fn contained(context: &Context, args: &[ValueRef<'_>]) -> Result<Value> {
    contains(context, &[args[1], args[0]])
}

/// Whether a text is a key of an object, an element of an array, or the string itself.
fn exists(text: &str, key: &str) -> bool {
    match raw::type_name(text) {
        "object" => member(Form::Jsonb, text, key).is_some(),
        "array" => raw::elements(text).any(|e| e.starts_with('"') && raw::is_key(e, key)),
        "string" => raw::is_key(text.trim(), key),
        _ => false,
    }
}

pub(super) fn has_key(_: &Context, args: &[ValueRef<'_>]) -> Result<Value> {
    Ok(exists(args[0].text(), args[1].text()).into())
}

pub(super) fn has_any(_: &Context, args: &[ValueRef<'_>]) -> Result<Value> {
    let mut keys = raw::elements(args[1].text()).filter_map(raw::string);
    Ok(keys.any(|key| exists(args[0].text(), &key)).into())
}

pub(super) fn has_all(_: &Context, args: &[ValueRef<'_>]) -> Result<Value> {
    let mut keys = raw::elements(args[1].text()).filter_map(raw::string);
    Ok(keys.all(|key| exists(args[0].text(), &key)).into())
}

type Rows = Result<Vec<Vec<Value>>>;

/// The elements of `json_array_elements` and its kin; `name` is the function's, for 22023.
fn expand_array<'a>(name: &str, argument: ValueRef<'a>) -> Result<raw::Elements<'a>> {
    let text = match argument {
        ValueRef::Null => "[]",
        other => other.text(),
    };
    let is_jsonb = name.starts_with("jsonb");
    match raw::type_name(text) {
        "array" => {
            // A shorter text can't have too many.
            if text.len() > 2 * MOST_ELEMENTS {
                check_elements(raw::elements(text).count())?;
            }
            Ok(raw::elements(text))
        }
        "object" if is_jsonb => Err(Error::new("22023", "cannot extract elements from an object")),
        "object" => Err(Error::new("22023", format!("cannot call {name} on a non-array"))),
        _ if is_jsonb => Err(Error::new("22023", "cannot extract elements from a scalar")),
        _ => Err(Error::new("22023", format!("cannot call {name} on a scalar"))),
    }
}

const JSON_EACH: &str = "cannot deconstruct {kind}";

fn expand_object<'a>(message: &str, argument: ValueRef<'a>) -> Result<raw::Members<'a>> {
    let text = match argument {
        ValueRef::Null => "{}",
        other => readable(Form::Json, other)?,
    };
    match raw::type_name(text) {
        "object" => Ok(raw::members(text)),
        kind => {
            let message = match (message, kind) {
                (JSON_EACH, "array") => "cannot deconstruct an array as an object".to_owned(),
                (_, "array") => message.replace("{kind}", "an array"),
                _ => message.replace("{kind}", "a scalar"),
            };
            Err(Error::new("22023", message))
        }
    }
}

fn key_value(key: &str) -> Value {
    raw::string(key).map(Cow::into_owned).into()
}

macro_rules! expansions {
    ($elements:ident, $elements_text:ident, $each:ident, $each_text:ident, $keys:ident, $prefix:literal, $each_message:expr) => {
        pub(super) fn $elements(_: &Context, _: &[Type], args: &[ValueRef<'_>]) -> Rows {
            Ok(expand_array(concat!($prefix, "_array_elements"), args[0])?.map(|e| vec![e.into()]).collect())
        }
        pub(super) fn $elements_text(_: &Context, _: &[Type], args: &[ValueRef<'_>]) -> Rows {
            let elements = expand_array(concat!($prefix, "_array_elements_text"), args[0])?;
            elements.map(|e| Ok(vec![text_value(Some(e))?])).collect()
        }
        pub(super) fn $each(_: &Context, _: &[Type], args: &[ValueRef<'_>]) -> Rows {
            let members = expand_object($each_message("_each"), args[0])?;
            Ok(members.map(|(key, value)| vec![key_value(key), value.into()]).collect())
        }
        pub(super) fn $each_text(_: &Context, _: &[Type], args: &[ValueRef<'_>]) -> Rows {
            let members = expand_object($each_message("_each_text"), args[0])?;
            members.map(|(key, value)| Ok(vec![key_value(key), text_value(Some(value))?])).collect()
        }
        pub(super) fn $keys(_: &Context, _: &[Type], args: &[ValueRef<'_>]) -> Rows {
            let members = expand_object(concat!("cannot call ", $prefix, "_object_keys on {kind}"), args[0])?;
            Ok(members.map(|(key, _)| vec![key_value(key)]).collect())
        }
    };
}
expansions!(jsonb_elements, jsonb_elements_text, jsonb_each, jsonb_each_text, jsonb_keys, "jsonb", |suffix| if suffix
    == "_each"
{
    "cannot call jsonb_each on a non-object"
} else {
    "cannot call jsonb_each_text on a non-object"
});
expansions!(json_elements, json_elements_text, json_each, json_each_text, json_keys, "json", |_| JSON_EACH);
