//! Changed copies of a `jsonb` value: set, insert, delete, concatenate, strip.

use std::borrow::Cow;

use basalt_core::{Error, Result};

use super::parse::sort_members;
use super::{Json, parse_json, parse_jsonb, raw};
use crate::array::stored::check_elements;
use crate::codec::JsonStyle;
use crate::{Context, Value, ValueRef};

/// What to do where a path ends.
enum Change<'a> {
    /// Puts the value in place of the old one, or, if allowed, where there is none.
    Set { value: Json<'a>, create: bool },
    /// Puts the value beside the old one.
    Insert { value: Json<'a>, after: bool },
    /// Takes the old value away.
    Delete,
}

impl Change<'_> {
    fn creates(&self) -> bool {
        matches!(self, Change::Set { create: true, .. } | Change::Insert { .. })
    }
}

/// A path's steps; `None` for NULL ones.
type Path<'a> = Vec<Option<Cow<'a, str>>>;

/// The texts of an array of one dimension; 2202E for more.
fn read_texts(array: &str) -> Result<Path<'_>> {
    if raw::elements(array).any(|element| element.trim_start().starts_with('[')) {
        return Err(Error::new("2202E", "wrong number of array subscripts"));
    }
    Ok(raw::elements(array).map(raw::string).collect())
}

/// Changes the value at a path. 22023 for a scalar, 22P02 for an array's step that is no integer, 22004 for a NULL step.
fn change_at<'a>(json: &mut Json<'a>, path: &Path<'a>, change: Change<'a>) -> Result<()> {
    if !matches!(json, Json::Array(_) | Json::Object(_)) {
        let verb = if let Change::Delete = change { "delete" } else { "set" };
        return Err(Error::new("22023", format!("cannot {verb} path in scalar")));
    }
    let is_empty = matches!(json, Json::Array(elements) if elements.is_empty());
    // Where there is nothing, nothing is looked for.
    if path.is_empty() || (is_empty && !change.creates()) { Ok(()) } else { descend(json, path, 0, change) }
}

fn descend<'a>(json: &mut Json<'a>, path: &Path<'a>, level: usize, change: Change<'a>) -> Result<()> {
    let Some(step) = &path[level] else {
        return Err(Error::new("22004", format!("path element at position {} is null", level + 1)));
    };
    let is_last = level + 1 == path.len();
    match json {
        Json::Object(members) => match members.iter().position(|(key, _)| key == step) {
            Some(at) if is_last => change_member(members, at, change)?,
            Some(at) => descend(&mut members[at].1, path, level + 1, change)?,
            None => {
                if is_last
                    && change.creates()
                    && let Change::Set { value, .. } | Change::Insert { value, .. } = change
                {
                    members.push((step.clone(), value));
                    sort_members(members);
                }
            }
        },
        Json::Array(elements) => match position(elements.len(), index_of(step, level)?) {
            Ok(at) if is_last => change_element(elements, at, change),
            Ok(at) => descend(&mut elements[at], path, level + 1, change)?,
            Err(end) => {
                if is_last
                    && change.creates()
                    && let Change::Set { value, .. } | Change::Insert { value, .. } = change
                {
                    elements.insert(end, value);
                }
            }
        },
        _ => {}
    }
    Ok(())
}

/// The index that a path's step says. 22P02 for what is no integer.
fn index_of(step: &str, level: usize) -> Result<i64> {
    let index: Result<i32, _> = step.trim_start().parse();
    index.map(i64::from).map_err(|_| {
        let message = format!("path element at position {} is not an integer: \"{step}\"", level + 1);
        Error::new("22P02", message)
    })
}

/// The position of an index that counts from the end if negative; beyond the ends, the end that is nearer.
fn position(length: usize, index: i64) -> Result<usize, usize> {
    let index = if index < 0 { index + length as i64 } else { index };
    match usize::try_from(index) {
        Ok(at) if at < length => Ok(at),
        Ok(_) => Err(length),
        Err(_) => Err(0),
    }
}

fn change_member<'a>(members: &mut Vec<(Cow<'a, str>, Json<'a>)>, at: usize, change: Change<'a>) -> Result<()> {
    match change {
        Change::Set { value, .. } => members[at].1 = value,
        Change::Delete => drop(members.remove(at)),
        Change::Insert { .. } => {
            return Err(Error::new("22023", "cannot replace existing key")
                .with_hint("Try using the function jsonb_set to replace key value."));
        }
    }
    Ok(())
}

fn change_element<'a>(elements: &mut Vec<Json<'a>>, at: usize, change: Change<'a>) {
    match change {
        Change::Set { value, .. } => elements[at] = value,
        Change::Insert { value, after } => elements.insert(at + usize::from(after), value),
        Change::Delete => drop(elements.remove(at)),
    }
}

fn changed(args: &[ValueRef<'_>], change: Change<'_>) -> Result<Value> {
    let path = read_texts(args[1].text())?;
    let mut json = parse_jsonb(args[0].text())?;
    change_at(&mut json, &path, change)?;
    Ok(json.to_jsonb().into())
}

fn flag(args: &[ValueRef<'_>], index: usize, default: bool) -> bool {
    args.get(index).map_or(default, |flag| flag.int() != 0)
}

pub(super) fn set(_: &Context, args: &[ValueRef<'_>]) -> Result<Value> {
    changed(args, Change::Set { value: parse_jsonb(args[2].text())?, create: flag(args, 3, true) })
}

/// `jsonb_set` that says what a NULL value does: 22023 for another treatment, 22004 where it is to raise.
pub(super) fn set_lax(context: &Context, args: &[ValueRef<'_>]) -> Result<Value> {
    let treatment = args.get(4).map_or("use_json_null", |treatment| treatment.text());
    if args[0].is_null() || args[1].is_null() || args.get(3).is_some_and(|flag| flag.is_null()) {
        return Ok(Value::Null);
    }
    let rest = &args[3.min(args.len())..args.len().min(4)];
    let with = |value| [&[args[0], args[1], value], rest].concat();
    // With a value, all that matters of the treatment is that it is not NULL.
    let is_treated = args.get(4).is_none_or(|treatment| !treatment.is_null());
    match treatment {
        _ if !args[2].is_null() && is_treated => set(context, &with(args[2])),
        "use_json_null" => set(context, &with(ValueRef::Text("null"))),
        "delete_key" => delete_path(context, args),
        "return_target" => Ok(args[0].to_owned()),
        "raise_exception" => Err(Error::new("22004", "JSON value must not be null")
            .with_detail("Exception was raised because null_value_treatment is \"raise_exception\".")
            .with_hint(
                "To avoid, either change the null_value_treatment argument or ensure that an SQL NULL is not passed.",
            )),
        _ => Err(Error::new(
            "22023",
            "null_value_treatment must be \"delete_key\", \"return_target\", \"use_json_null\", or \"raise_exception\"",
        )),
    }
}

/// `j[key] := value` of PL/pgSQL: the fourth argument says whether NULL becomes an array; one grows, with nulls between.
///
/// Errors: 22004 for no key; 22023 for a scalar and for a place before an array's first; 22P02 for an array's key that is no integer;
/// 54000 for an array too long.
pub(super) fn with_member(_: &Context, args: &[ValueRef<'_>]) -> Result<Value> {
    if args[1].is_null() {
        return Err(Error::new("22004", "jsonb subscript in assignment must not be null"));
    }
    let key = args[1].text();
    let mut json = match args[0] {
        ValueRef::Null if flag(args, 3, false) => Json::Array(Vec::new()),
        ValueRef::Null => Json::Object(Vec::new()),
        given => parse_jsonb(given.text())?,
    };
    let value = if args[2].is_null() { Json::Null } else { parse_jsonb(args[2].text())? };
    match &mut json {
        Json::Object(members) => match members.iter().position(|(known, _)| known == key) {
            Some(at) => members[at].1 = value,
            None => {
                members.push((key.into(), value));
                sort_members(members);
            }
        },
        Json::Array(elements) => {
            let index = index_of(key, 0)?;
            let at = if index < 0 { index + elements.len() as i64 } else { index };
            let out_of_range = |_| Error::new("22023", format!("path element at position 1 is out of range: {index}"));
            let at = usize::try_from(at).map_err(out_of_range)?;
            check_elements(at + 1)?;
            match at.checked_sub(elements.len()) {
                None => elements[at] = value,
                Some(gap) => return Ok(grown(&json, gap, &value).into()),
            }
        }
        _ => {
            return Err(Error::new("22023", "cannot replace existing key")
                .with_detail("The path assumes key is a composite object, but it is a scalar value."));
        }
    }
    Ok(json.to_jsonb().into())
}

/// An array's text with a value behind it, so many nulls between. As values the nulls would take many times as much.
fn grown(array: &Json<'_>, gap: usize, value: &Json<'_>) -> String {
    let (mut text, value) = (array.to_jsonb(), value.to_jsonb());
    text.pop();
    for element in std::iter::repeat_n("null", gap).chain([value.as_str()]) {
        if text.len() > 1 {
            text.push_str(", ");
        }
        text.push_str(element);
    }
    text.push(']');
    text
}

pub(super) fn insert(_: &Context, args: &[ValueRef<'_>]) -> Result<Value> {
    changed(args, Change::Insert { value: parse_jsonb(args[2].text())?, after: flag(args, 3, false) })
}

pub(super) fn delete_path(_: &Context, args: &[ValueRef<'_>]) -> Result<Value> {
    changed(args, Change::Delete)
}

/// 22023 of a scalar.
fn without_keys(text: &str, is_key: impl Fn(&str) -> bool) -> Result<Value> {
    let mut json = parse_jsonb(text)?;
    match &mut json {
        Json::Object(members) => members.retain(|(key, _)| !is_key(key)),
        Json::Array(elements) => elements.retain(|e| !matches!(e, Json::String(text) if is_key(text))),
        _ => return Err(Error::new("22023", "cannot delete from scalar")),
    }
    Ok(json.to_jsonb().into())
}

pub(super) fn delete_key(_: &Context, args: &[ValueRef<'_>]) -> Result<Value> {
    without_keys(args[0].text(), |key| key == args[1].text())
}

pub(super) fn delete_keys(_: &Context, args: &[ValueRef<'_>]) -> Result<Value> {
    let keys = read_texts(args[1].text())?;
    without_keys(args[0].text(), |key| keys.iter().flatten().any(|k| k == key))
}

/// 22023 of what is no array.
pub(super) fn delete_index(_: &Context, args: &[ValueRef<'_>]) -> Result<Value> {
    let mut json = parse_jsonb(args[0].text())?;
    match &mut json {
        Json::Array(elements) => {
            if let Ok(at) = position(elements.len(), args[1].int()) {
                elements.remove(at);
            }
        }
        Json::Object(_) => return Err(Error::new("22023", "cannot delete from object using integer index")),
        _ => return Err(Error::new("22023", "cannot delete from scalar")),
    }
    Ok(json.to_jsonb().into())
}

/// Two objects merge, the right one winning; anything else becomes one array.
pub(super) fn concat(_: &Context, args: &[ValueRef<'_>]) -> Result<Value> {
    let json = match (parse_jsonb(args[0].text())?, parse_jsonb(args[1].text())?) {
        (Json::Object(mut left), Json::Object(right)) => {
            left.extend(right);
            sort_members(&mut left);
            Json::Object(left)
        }
        (left, right) => {
            let mut elements = into_elements(left);
            elements.extend(into_elements(right));
            Json::Array(elements)
        }
    };
    Ok(json.to_jsonb().into())
}

fn into_elements(json: Json<'_>) -> Vec<Json<'_>> {
    match json {
        Json::Array(elements) => elements,
        other => vec![other],
    }
}

pub(super) fn strip_json(_: &Context, args: &[ValueRef<'_>]) -> Result<Value> {
    let mut json = parse_json(args[0].text())?;
    json.strip_nulls();
    let mut out = String::new();
    json.write(JsonStyle::Json, &mut out);
    Ok(out.into())
}

pub(super) fn strip_jsonb(_: &Context, args: &[ValueRef<'_>]) -> Result<Value> {
    let mut json = parse_jsonb(args[0].text())?;
    json.strip_nulls();
    Ok(json.to_jsonb().into())
}

pub(super) fn pretty(_: &Context, args: &[ValueRef<'_>]) -> Result<Value> {
    let mut out = String::new();
    parse_jsonb(args[0].text())?.write_pretty(0, &mut out);
    Ok(out.into())
}
