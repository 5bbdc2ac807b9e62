//! JSON to stored values, as `json_to_recordset` reads them.

use std::borrow::Cow;

use basalt_core::{Error, Result};
use serde_json::value::RawValue;

use super::from_text;
use crate::array::stored::{Array, check_dimensions};
use crate::{Base, Context, Type, Typmod, Value, json};

/// Reads a JSON value as `json_to_recordset` does: strings through the type's text input, numbers and booleans by their
/// text, arrays into array types, anything into json and (as text) into text types; `null` is NULL.
///
/// 22P02 when the text is no value of the type, or where an array type meets an object.
pub fn from_json(ty: &Type, typmod: Option<Typmod>, json: &RawValue, context: &Context) -> Result<Value> {
    from_raw(ty, typmod, json.get().trim(), context)
}

/// [`from_json`] over text that is known to be valid JSON.
pub(crate) fn from_raw(ty: &Type, typmod: Option<Typmod>, raw: &str, context: &Context) -> Result<Value> {
    match (ty, raw.as_bytes().first()) {
        (_, Some(b'n')) => Ok(Value::Null),
        (Type::Base(Base::Json), _) => Ok(raw.into()),
        (Type::Base(Base::Jsonb), _) => json::normalize(raw).map(Value::from),
        (Type::Array(element), Some(b'[')) => array_from_raw(element, typmod, raw, context),
        (Type::Array(_), first) if first != Some(&b'"') => Err(Error::new("22P02", "expected JSON array")),
        (ty, Some(b'"')) => {
            let inner = raw.get(1..raw.len() - 1).unwrap_or_default();
            match json::unescape(inner)? {
                Cow::Borrowed(text) => from_text(ty, typmod, text, context),
                Cow::Owned(text) => from_text(ty, typmod, &text, context),
            }
        }
        (Type::Record(fields), _) => super::record::populate(fields, None, raw, context),
        (ty, _) => from_text(ty, typmod, raw, context),
    }
}

fn array_from_raw(element: &Type, typmod: Option<Typmod>, raw: &str, context: &Context) -> Result<Value> {
    let mut reader = Reader { element, typmod, context, array: Array::default(), leaf_depth: None };
    reader.level(raw, 0)?;
    if reader.array.values.is_empty() {
        reader.array.dims.clear();
    }
    Ok(reader.array.into())
}

struct Reader<'a> {
    element: &'a Type,
    typmod: Option<Typmod>,
    context: &'a Context,
    array: Array,
    /// The depth at which elements stand, once one was seen.
    leaf_depth: Option<usize>,
}

impl Reader<'_> {
    fn level(&mut self, raw: &str, depth: usize) -> Result<()> {
        check_dimensions(depth + 1)?;
        let is_first = self.array.dims.len() == depth;
        if is_first {
            self.array.dims.push(0);
        }
        let mut length = 0;
        for raw in json::raw::elements(raw) {
            length += 1;
            if raw.starts_with('[') && self.leaf_depth != Some(depth) {
                self.level(raw, depth + 1)?;
                continue;
            }
            if *self.leaf_depth.get_or_insert(depth) != depth {
                return Err(Error::new("22P02", "expected JSON array"));
            }
            self.array.values.push(from_raw(self.element, self.typmod, raw, self.context)?);
        }
        if is_first {
            self.array.dims[depth] = length;
        } else if self.array.dims[depth] != length {
            return Err(malformed("Multidimensional arrays must have sub-arrays with matching dimensions."));
        }
        Ok(())
    }
}

fn malformed(detail: &'static str) -> Error {
    Error::new("22P02", "malformed JSON array").with_detail(detail)
}
