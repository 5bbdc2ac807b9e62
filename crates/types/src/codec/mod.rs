//! Text and JSON in and out, by type: the one place that dispatches on a type to read or write a value.

use basalt_core::{Error, Result};

use crate::array::{literal, stored::Array};
use crate::text::quoted_ident;
use crate::{
    Base, Context, EnumType, Type, Typmod, Value, ValueRef, binary, datetime, fts, interval, json, jsonpath, math,
    numeric, range, vector,
};

mod cast;
mod json_in;
mod json_out;
mod record;
mod row;
mod scalar;
#[cfg(test)]
mod tests;

pub use cast::{CastContext, apply_typmod, cast, cast_to_text, castable};
pub use json_in::from_json;
pub use json_out::{JsonStyle, to_json};
pub use record::{anonymous, in_key, populate, record_of, values_of};
pub use row::{RowShape, write_csv_cell};

/// Reads PostgreSQL's text form of a value, applying the type modifier as an assignment does
/// (22001 when a text is too long, numeric is rounded to its scale, 22003 when it overflows).
pub fn from_text(ty: &Type, typmod: Option<Typmod>, text: &str, context: &Context) -> Result<Value> {
    match ty {
        Type::Base(base) => base_from_text(*base, typmod, text, context),
        Type::Enum(e) => label_from_text(e, text),
        Type::Array(element) => {
            let mut read = |text: Option<&str>| match text {
                Some(text) => from_text(element, typmod, text, context),
                None => Ok(Value::Null),
            };
            literal::parse(text, &mut read).map(Array::into)
        }
        Type::Record(fields) => record::parse(fields, text, context),
        Type::Other(_) => Ok(text.into()),
    }
}

fn base_from_text(base: Base, typmod: Option<Typmod>, text: &str, context: &Context) -> Result<Value> {
    Ok(match base {
        Base::Bool => scalar::parse_bool(text)?.into(),
        Base::Int2 | Base::Int4 | Base::Int8 => math::parse_int(base, text)?.into(),
        Base::Float4 | Base::Float8 => math::parse_float(base, text)?.into(),
        Base::Numeric => numeric::parse(text, typmod)?.into(),
        Base::Text | Base::Varchar | Base::Bpchar | Base::Name | Base::Unknown => {
            scalar::check_text(text)?;
            return apply_typmod(&Type::Base(base), typmod, text.into(), false);
        }
        Base::Uuid => scalar::parse_uuid(text)?.into(),
        Base::Date => datetime::parse_date(text, context)?.into(),
        Base::Time => datetime::parse_time(text, typmod, context)?.into(),
        Base::Timestamp => datetime::parse_timestamp(text, typmod, context)?.into(),
        Base::Timestamptz => datetime::parse_timestamptz(text, typmod, context)?.into(),
        Base::Interval => return apply_typmod(&Type::INTERVAL, typmod, interval::parse(text)?.into(), false),
        Base::Json => {
            json::validate(text)?;
            text.into()
        }
        Base::Jsonb => json::normalize(text)?.into(),
        Base::Bytea => binary::parse_bytea(text)?.into(),
        Base::Tsvector => fts::normalize_vector(text)?.into(),
        Base::Tsquery => fts::normalize_query(text)?.into(),
        Base::Int4range | Base::Int8range | Base::Numrange | Base::Daterange | Base::Tsrange | Base::Tstzrange => {
            range::parse(base, text, context)?.into()
        }
        Base::Jsonpath => jsonpath::normalize(text)?.into(),
        Base::Vector => vector::parse(text, typmod)?.into(),
        Base::Void => Value::Null,
        Base::Trigger | Base::EventTrigger => {
            return Err(Error::new("0A000", format!("cannot accept a value of type {}", base.internal_name())));
        }
    })
}

fn label_from_text(e: &EnumType, text: &str) -> Result<Value> {
    if e.labels.iter().any(|label| label == text) {
        return Ok(text.into());
    }
    Err(Error::new("22P02", format!("invalid input value for enum {}: \"{text}\"", quoted_ident(&e.name))))
}

/// Writes PostgreSQL's text form of a stored value. NULL writes nothing.
pub fn to_text(ty: &Type, value: ValueRef<'_>, context: &Context, out: &mut String) {
    match (ty, value) {
        (_, ValueRef::Null) => {}
        (Type::Base(base), value) => base_to_text(*base, value, context, out),
        (Type::Array(element), ValueRef::Text(text)) => literal::write(element, text, context, out),
        (Type::Record(fields), ValueRef::Text(text)) => record::write(fields, text, context, out),
        (_, value) => out.push_str(value.text()),
    }
}

fn base_to_text(base: Base, value: ValueRef<'_>, context: &Context, out: &mut String) {
    match (base, value) {
        (Base::Bool, value) => out.push(if value.int() != 0 { 't' } else { 'f' }),
        (Base::Float4 | Base::Float8, value) => math::float_to_text(base, value.float(), out),
        (Base::Date, ValueRef::Int(days)) => datetime::write_date(days, context, false, out),
        (Base::Time, ValueRef::Int(micros)) => datetime::write_time(micros, context, false, out),
        (Base::Timestamp, ValueRef::Int(micros)) => datetime::write_timestamp(micros, context, false, out),
        (Base::Timestamptz, ValueRef::Int(micros)) => datetime::write_timestamptz(micros, context, false, out),
        (base, ValueRef::Text(text)) if base.subtype().is_some() => range::write(base, text, context, out),
        (Base::Vector, ValueRef::Blob(stored)) => vector::write(stored, out),
        (_, ValueRef::Blob(bytes)) => binary::write_bytea(bytes, out),
        (_, ValueRef::Text(text)) => out.push_str(text),
        (_, ValueRef::Int(i)) => out.push_str(itoa::Buffer::new().format(i)),
        (_, ValueRef::Real(r)) => math::float_to_text(Base::Float8, r, out),
        (_, ValueRef::Null) => {}
    }
}
