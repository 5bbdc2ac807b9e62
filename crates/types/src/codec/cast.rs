//! Casts between types: which exist, and what they do.

use basalt_core::{Error, Result};

use super::{from_text, to_text};
use crate::array::stored::Array;
use crate::{Base, Context, Type, Typmod, Value, ValueRef, datetime, interval, json, math, numeric, vector};

/// In which contexts a cast from one type to another exists (PostgreSQL's `pg_cast.castcontext`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum CastContext {
    /// Anywhere: `int4` to `int8`.
    Implicit,
    /// When assigned to a column: `int8` to `int4`.
    Assignment,
    /// Only when written: `text` to `int4`.
    Explicit,
}

/// The weakest context in which the cast exists, or `None`.
pub fn castable(from: &Type, to: &Type) -> Option<CastContext> {
    use CastContext::{Assignment, Explicit, Implicit};
    match (from, to) {
        _ if from == to => Some(Implicit),
        (Type::Base(Base::Unknown), _) => Some(Implicit),
        (Type::Base(Base::Void | Base::Trigger | Base::EventTrigger), _)
        | (_, Type::Base(Base::Void | Base::Trigger | Base::EventTrigger | Base::Unknown)) => None,
        (Type::Base(from), Type::Base(to)) => castable_base(*from, *to),
        (Type::Array(from), Type::Array(to)) => castable(from, to),
        (Type::Array(element), to) if *to == Type::VECTOR && is_vector_of(element) => Some(Assignment),
        (Type::Base(Base::Vector), Type::Array(element)) if **element == Type::FLOAT4 => Some(Implicit),
        (_, to) if to.is_textual() => Some(Assignment),
        (from, Type::Enum(_) | Type::Array(_) | Type::Record(_)) if from.is_textual() => Some(Explicit),
        _ => None,
    }
}

fn castable_base(from: Base, to: Base) -> Option<CastContext> {
    use Base::{Bool, Bpchar, Date, Int4, Interval, Json, Jsonb, Name, Text, Time, Timestamp, Timestamptz, Varchar};
    use CastContext::{Assignment, Explicit, Implicit};
    Some(match (from, to) {
        (Name, Varchar | Bpchar) => Assignment,
        (Text | Varchar | Bpchar | Name, Text | Varchar | Bpchar | Name) => Implicit,
        (_, Text | Varchar | Bpchar | Name) => Assignment,
        (Text | Varchar | Bpchar | Name, _) => Explicit,
        (Date, Timestamp | Timestamptz) | (Timestamp, Timestamptz) | (Time, Interval) => Implicit,
        (Timestamp | Timestamptz, Date | Time) | (Timestamptz, Timestamp) | (Interval, Time) => Assignment,
        (Json, Jsonb) | (Jsonb, Json) => Assignment,
        (Bool, Int4) | (Int4, Bool) | (Jsonb, Bool) => Explicit,
        (Jsonb, to) if width(to).is_some() => Explicit,
        (from, to) => match (width(from)?, width(to)?) {
            (from, to) if from < to => Implicit,
            _ => Assignment,
        },
    })
}

/// Whether pgvector makes vectors of arrays of these.
fn is_vector_of(element: &Type) -> bool {
    matches!(element, Type::Base(Base::Int4 | Base::Float4 | Base::Float8 | Base::Numeric))
}

/// Numbers from the narrowest to the one that all others turn into.
fn width(base: Base) -> Option<usize> {
    [Base::Int2, Base::Int4, Base::Int8, Base::Numeric, Base::Float4, Base::Float8].iter().position(|b| *b == base)
}

/// Converts a stored value of one type into another as `cast(x as t)` does. Assumes that the cast exists ([`castable`]).
pub fn cast(from: &Type, to: &Type, typmod: Option<Typmod>, value: ValueRef<'_>, context: &Context) -> Result<Value> {
    if value.is_null() {
        return Ok(Value::Null);
    }
    match (from, to) {
        _ if from == to => apply_typmod(to, typmod, value.to_owned(), true),
        (_, to) if to.is_textual() => apply_typmod(to, typmod, cast_to_text(from, value, context).into(), true),
        (from, to) if from.is_textual() => from_text(to, typmod, value.text(), context),
        (Type::Base(from), Type::Base(to)) => cast_base(*from, *to, typmod, value, context),
        (Type::Array(element), Type::Base(Base::Vector)) => vector::from_array(element, typmod, value.text()),
        (Type::Base(Base::Vector), Type::Array(_)) => Ok(vector::to_array(value)),
        (Type::Array(from), Type::Array(to)) => cast_array(from, to, typmod, value.text(), context),
        _ => Err(Error::new("42846", format!("cannot cast type {from} to {to}"))),
    }
}

/// A value that is not NULL, as a cast to text has it.
pub fn cast_to_text(from: &Type, value: ValueRef<'_>, context: &Context) -> String {
    match from {
        Type::Base(Base::Bool) => if value.int() != 0 { "true" } else { "false" }.to_owned(),
        Type::Base(Base::Bpchar) => value.text().trim_end_matches(' ').to_owned(),
        _ => {
            let mut out = String::new();
            to_text(from, value, context, &mut out);
            out
        }
    }
}

fn cast_base(from: Base, to: Base, typmod: Option<Typmod>, value: ValueRef<'_>, context: &Context) -> Result<Value> {
    use Base::{
        Bool, Date, Float4, Float8, Int2, Int4, Int8, Interval, Json, Jsonb, Numeric, Time, Timestamp, Timestamptz,
    };
    let cast = match (from, to) {
        (Int2 | Int4 | Int8, Int2 | Int4 | Int8) => math::check_range(to, value.int())?.into(),
        (Int2 | Int4 | Int8, Float4) => f64::from(value.int() as f32).into(),
        (Int2 | Int4 | Int8, Float8) => (value.int() as f64).into(),
        (Int2 | Int4 | Int8, Numeric) => numeric::from_i64(value.int()).into(),
        (Float4 | Float8, Int2 | Int4 | Int8) => math::float_to_int(to, value.float())?.into(),
        (Float4, Numeric) => numeric::from_f32(value.float() as f32).into(),
        (Float8, Numeric) => numeric::from_f64(value.float()).into(),
        (Float8, Float4) => math::float_to_real(value.float())?.into(),
        (Float4, Float8) => value.to_owned(),
        (Numeric, Int2 | Int4 | Int8) => numeric::to_integer(to, value.text())?.into(),
        (Numeric, Float4 | Float8) => math::parse_float(to, value.text())?.into(),
        (Bool, Int4) => value.to_owned(),
        (Int4, Bool) => (value.int() != 0).into(),
        (Date, Timestamp) => datetime::date_to_timestamp(value.int())?.into(),
        (Date, Timestamptz) => datetime::date_to_timestamptz(value.int(), context)?.into(),
        (Timestamp, Timestamptz) => datetime::timestamp_to_timestamptz(value.int(), context)?.into(),
        (Timestamp, Date) => datetime::timestamp_to_date(value.int()).into(),
        (Timestamp, Time) => datetime::timestamp_to_time(value.int()).into(),
        (Timestamptz, Timestamp) => datetime::timestamptz_to_timestamp(value.int(), context)?.into(),
        (Timestamptz, Date) => datetime::timestamptz_to_date(value.int(), context)?.into(),
        (Timestamptz, Time) => datetime::timestamptz_to_time(value.int(), context)?.into(),
        (Time, Interval) => interval::from_time(value.int()).into(),
        (Interval, Time) => interval::to_time(value.text())?.into(),
        (Json, Jsonb) => json::normalize(value.text())?.into(),
        (Jsonb, Json) => value.to_owned(),
        (Jsonb, Bool) => (jsonb_scalar(value.text(), "boolean", to)? == "true").into(),
        (Jsonb, Numeric) => jsonb_scalar(value.text(), "number", to)?.into(),
        (Jsonb, Int2 | Int4 | Int8 | Float4 | Float8) => {
            let number = jsonb_scalar(value.text(), "number", to)?;
            return cast_base(Numeric, to, typmod, ValueRef::Text(number), context);
        }
        _ => {
            let (from, to) = (from.sql_name(), to.sql_name());
            return Err(Error::new("42846", format!("cannot cast type {from} to {to}")));
        }
    };
    apply_typmod(&Type::Base(to), typmod, cast, true)
}

/// The text of a scalar, if it is of the type that `to` is cast from. 22023.
fn jsonb_scalar<'a>(text: &'a str, wanted: &str, to: Base) -> Result<&'a str> {
    match json::raw::type_name(text) {
        found if found == wanted => Ok(text),
        found @ ("array" | "object") => {
            Err(Error::new("22023", format!("cannot cast jsonb {found} to type {}", to.sql_name())))
        }
        found => {
            let found = if found == "number" { "numeric" } else { found };
            Err(Error::new("22023", format!("cannot cast jsonb {found} to type {}", to.sql_name())))
        }
    }
}

fn cast_array(from: &Type, to: &Type, typmod: Option<Typmod>, text: &str, context: &Context) -> Result<Value> {
    let mut array = Array::read(from, text);
    for value in &mut array.values {
        *value = cast(from, to, typmod, value.as_ref(), context)?;
    }
    Ok(array.into())
}

/// Applies a type modifier to a value of the type: in an explicit cast a text is cut; in an assignment only trailing
/// spaces may be cut (22001). `numeric` is rounded (22003), times are rounded to their fraction.
pub fn apply_typmod(ty: &Type, typmod: Option<Typmod>, value: Value, explicit: bool) -> Result<Value> {
    match (ty, typmod, value) {
        (Type::Array(element), Some(_), Value::Text(text)) => {
            let mut array = Array::read(element, &text);
            for value in &mut array.values {
                *value = apply_typmod(element, typmod, std::mem::take(value), explicit)?;
            }
            Ok(array.into())
        }
        (Type::Base(base), typmod, Value::Text(text)) => match (base, typmod) {
            (Base::Varchar, Some(Typmod::Length(length))) => cut(*base, length, text, explicit).map(Value::Text),
            (Base::Bpchar, Some(Typmod::Length(length))) => {
                let mut text = cut(*base, length, text, explicit)?;
                let missing = (length as usize).saturating_sub(text.chars().count());
                text.extend(std::iter::repeat_n(' ', missing));
                Ok(text.into())
            }
            (Base::Name, _) => Ok(truncate_name(text).into()),
            (Base::Numeric, Some(_)) => numeric::parse(&text, typmod).map(Value::Text),
            (Base::Interval, Some(_)) => interval::apply_typmod(&text, typmod).map(Value::Text),
            _ => Ok(text.into()),
        },
        (Type::Base(Base::Time | Base::Timestamp | Base::Timestamptz), Some(_), Value::Int(micros)) => {
            Ok(datetime::apply_typmod(micros, typmod).into())
        }
        (Type::Base(Base::Vector), typmod, Value::Blob(stored)) => {
            vector::check_dimensions(&stored, typmod)?;
            Ok(stored.into())
        }
        (_, _, value) => Ok(value),
    }
}

fn cut(base: Base, length: u32, mut text: String, explicit: bool) -> Result<String> {
    // A text has at most as many characters as bytes.
    if text.len() <= length as usize {
        return Ok(text);
    }
    if let Some((end, _)) = text.char_indices().nth(length as usize) {
        if !explicit && text[end..].contains(|c| c != ' ') {
            return Err(Error::new("22001", format!("value too long for type {}({length})", base.sql_name())));
        }
        text.truncate(end);
    }
    Ok(text)
}

/// A `name` holds 63 bytes.
fn truncate_name(mut text: String) -> String {
    if text.len() > 63 {
        let end = (0..=63).rev().find(|&end| text.is_char_boundary(end)).unwrap_or(0);
        text.truncate(end);
    }
    text
}
