//! JSON bodies: their rows, and each value in PostgreSQL's text form, as `json_to_recordset` converts it.

use basalt_core::Error;
use basalt_sql::catalog::Column;
use basalt_types::{Base, Type};
use indexmap::IndexMap;
use serde_json::value::RawValue;

use crate::literal::push_element;

/// An object's members in order.
pub(crate) type Object<'a> = IndexMap<String, &'a RawValue>;

/// A parameter that is a member of a body of one row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Which one: 0 for `$1`.
    pub param: usize,
    /// The member's name.
    pub member: String,
    /// The type whose text the parameter has; `None` is the member's JSON, which a domain's function reads.
    ty: Option<Type>,
}

impl Place {
    /// The place of a column's value.
    pub(crate) fn new(param: usize, column: &Column, is_json: bool) -> Place {
        Place { param, member: column.name.clone(), ty: (!is_json).then(|| column.ty.clone()) }
    }

    /// The parameter for this value of the member, NULL without one.
    ///
    /// Errors: 22P02 for a string with half a surrogate pair.
    pub fn text(&self, value: Option<&RawValue>) -> Result<Option<String>, Error> {
        match (value, &self.ty) {
            (None, _) => Ok(None),
            (Some(value), Some(ty)) => text(value, ty),
            (Some(value), None) => Ok(Some(value.get()).filter(|json| *json != "null").map(str::to_owned)),
        }
    }
}

/// The rows of a body: an array of objects, or one object. A scalar has none.
///
/// Errors: 22P02 for text that is no JSON, 22P05 for `\u0000` anywhere in it, 22023 for an array of anything but objects.
pub(crate) fn rows(json: &str) -> Result<Vec<Object<'_>>, Error> {
    let text = json.trim_ascii_start();
    let rows = match text.as_bytes().first() {
        Some(b'[') => {
            let elements: Vec<&RawValue> = parse(text)?;
            elements.into_iter().map(|element| object(element.get())).collect::<Result<_, _>>()?
        }
        Some(b'{') => vec![object(text)?],
        _ => {
            let _: &RawValue = parse(text)?;
            return Ok(Vec::new());
        }
    };
    basalt_types::json::check_escapes(text)?;
    Ok(rows)
}

/// One object.
///
/// Errors: as [`rows`].
pub(crate) fn object(json: &str) -> Result<Object<'_>, Error> {
    if !json.trim_ascii_start().starts_with('{') {
        return Err(Error::new("22023", "argument of json_to_recordset must be an array of objects"));
    }
    parse(json)
}

fn parse<'a, T: serde::Deserialize<'a>>(json: &'a str) -> Result<T, Error> {
    serde_json::from_str(json).map_err(|error| match basalt_types::json::check(json) {
        Err(error) => error,
        Ok(()) => Error::new("22P02", "invalid input syntax for type json").with_detail(format!("{error}.")),
    })
}

/// A value as the text of a parameter of type `ty`: strings by their characters, `null` as NULL, arrays and objects as array and row
/// literals where the type is one, everything else as it is written.
///
/// Errors: 22P02 for a string with half a surrogate pair; 54000 for an array of too many dimensions.
pub(crate) fn text(value: &RawValue, ty: &Type) -> Result<Option<String>, Error> {
    let raw = value.get();
    Ok(Some(match (raw.as_bytes().first(), ty) {
        (Some(b'n'), _) => return Ok(None),
        (_, Type::Base(Base::Json | Base::Jsonb)) => raw.to_owned(),
        (Some(b'"'), _) => parse(raw)?,
        (Some(b'['), Type::Array(element)) => array(raw, element, 1)?,
        (Some(b'{'), Type::Record(fields)) => row(raw, fields)?,
        _ => raw.to_owned(),
    }))
}

/// Dimensions of an array, as PostgreSQL's MAXDIM has it.
const MOST_DIMENSIONS: usize = 6;

/// `dimension`: which one of the whole array's this is, from 1.
fn array(json: &str, element: &Type, dimension: usize) -> Result<String, Error> {
    if dimension > MOST_DIMENSIONS {
        let message =
            format!("number of array dimensions ({dimension}) exceeds the maximum allowed ({MOST_DIMENSIONS})");
        return Err(Error::new("54000", message));
    }
    let elements: Vec<&RawValue> = parse(json)?;
    let is_json = matches!(element, Type::Base(Base::Json | Base::Jsonb));
    let mut literal = String::from("{");
    for (index, value) in elements.into_iter().enumerate() {
        literal.push_str(if index > 0 { "," } else { "" });
        if value.get().starts_with('[') && !is_json {
            literal.push_str(&array(value.get(), element, dimension + 1)?);
        } else {
            match text(value, element)? {
                Some(text) => push_element(&mut literal, &text),
                None => literal.push_str("NULL"),
            }
        }
    }
    literal.push('}');
    Ok(literal)
}

fn row(json: &str, fields: &[(String, Type)]) -> Result<String, Error> {
    let object: Object<'_> = parse(json)?;
    let mut literal = String::from("(");
    for (index, (name, ty)) in fields.iter().enumerate() {
        literal.push_str(if index > 0 { "," } else { "" });
        let value = object.get(name).map(|value| text(value, ty)).transpose()?;
        if let Some(text) = value.flatten() {
            push_element(&mut literal, &text);
        }
    }
    literal.push(')');
    Ok(literal)
}
