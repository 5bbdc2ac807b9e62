//! JSON made from SQL values: one by one, and by aggregates.

use basalt_core::{Error, Result};

use super::{made_jsonb, normalize, write_string};
use crate::array::stored::Array;
use crate::codec::{JsonStyle, to_json};
use crate::{Accumulator, Base, Context, Type, Value, ValueRef};

pub(super) fn json_of(context: &Context, types: &[Type], args: &[ValueRef<'_>]) -> Result<Value> {
    Ok(rendered(&types[0], args[0], context, JsonStyle::Json).into())
}

/// `row_to_json(row, true)`: each field on a line of its own.
pub(super) fn row_with_line_feeds(context: &Context, types: &[Type], args: &[ValueRef<'_>]) -> Result<Value> {
    let object = rendered(&types[0], args[0], context, JsonStyle::Json);
    if args[1].int() == 0 {
        return Ok(object.into());
    }
    let members: Vec<String> = super::raw::members(&object).map(|(key, value)| format!("{key}:{value}")).collect();
    Ok(format!("{{{}}}", members.join(",\n ")).into())
}

pub(super) fn jsonb_of(context: &Context, types: &[Type], args: &[ValueRef<'_>]) -> Result<Value> {
    made_jsonb(rendered(&types[0], args[0], context, JsonStyle::Jsonb)).map(Value::from)
}

fn rendered(ty: &Type, value: ValueRef<'_>, context: &Context, style: JsonStyle) -> String {
    let mut out = String::new();
    to_json(ty, value, context, style, &mut out);
    out
}

pub(super) fn json_object(context: &Context, types: &[Type], args: &[ValueRef<'_>]) -> Result<Value> {
    build_object("json_build_object", context, types, args).map(Value::from)
}

pub(super) fn jsonb_object(context: &Context, types: &[Type], args: &[ValueRef<'_>]) -> Result<Value> {
    normalize(&build_object("jsonb_build_object", context, types, args)?).map(Value::from)
}

/// 22023 without a value for each key, or with a NULL one.
fn build_object(name: &str, context: &Context, types: &[Type], args: &[ValueRef<'_>]) -> Result<String> {
    if args.len() % 2 == 1 {
        return Err(Error::new("22023", "argument list must have even number of elements")
            .with_hint(format!("The arguments of {name}() must consist of alternating keys and values.")));
    }
    let mut out = String::from("{");
    for (index, (pair, types)) in args.chunks(2).zip(types.chunks(2)).enumerate() {
        if index > 0 {
            out.push_str(", ");
        }
        if pair[0].is_null() {
            let argument = index * 2 + 1;
            return Err(if name.starts_with("jsonb") {
                Error::new("22023", format!("argument {argument}: key must not be null"))
            } else {
                Error::new("22023", format!("argument {argument} cannot be null"))
                    .with_hint("Object keys should be text.")
            });
        }
        write_key(&types[0], pair[0], context, &mut out)?;
        out.push_str(" : ");
        to_json(&types[1], pair[1], context, JsonStyle::Json, &mut out);
    }
    out.push('}');
    Ok(out)
}

/// Writes a value as an object's key. 22023 for what is no scalar.
fn write_key(ty: &Type, value: ValueRef<'_>, context: &Context, out: &mut String) -> Result<()> {
    if matches!(ty, Type::Array(_) | Type::Record(_) | Type::Base(Base::Json | Base::Jsonb)) {
        return Err(Error::new("22023", "key value must be scalar, not array, composite, or json"));
    }
    let start = out.len();
    to_json(ty, value, context, JsonStyle::Json, out);
    if !out[start..].starts_with('"') {
        out.insert(start, '"');
        out.push('"');
    }
    Ok(())
}

pub(super) fn json_array(context: &Context, types: &[Type], args: &[ValueRef<'_>]) -> Result<Value> {
    Ok(build_array(context, types, args, JsonStyle::Json).into())
}

pub(super) fn jsonb_array(context: &Context, types: &[Type], args: &[ValueRef<'_>]) -> Result<Value> {
    made_jsonb(build_array(context, types, args, JsonStyle::Jsonb)).map(Value::from)
}

fn build_array(context: &Context, types: &[Type], args: &[ValueRef<'_>], style: JsonStyle) -> String {
    let mut out = String::from("[");
    for (index, (value, ty)) in args.iter().zip(types).enumerate() {
        if index > 0 {
            out.push_str(", ");
        }
        to_json(ty, *value, context, style, &mut out);
    }
    out.push(']');
    out
}

/// `json_object('{k,v,...}')`, `json_object('{{k,v},...}')`, `json_object(keys, values)`.
fn object_of_texts(args: &[ValueRef<'_>]) -> Result<String> {
    let read = |index: usize| Array::read(&Type::TEXT, args[index].text());
    let first = read(0);
    let wrong = |message: &'static str| Err(Error::new("2202E", message));
    let pairs: Vec<(Value, Value)> = match (args.len(), first.dims.as_slice()) {
        (2, dims) => {
            let second = read(1);
            if dims.len() > 1 || second.dims.len() > 1 {
                return wrong("wrong number of array subscripts");
            }
            if dims != second.dims {
                return wrong("mismatched array dimensions");
            }
            first.values.into_iter().zip(second.values).collect()
        }
        (_, dims) => {
            match dims {
                [] | [_, 2] => {}
                [count] if count % 2 == 0 => {}
                [_] => return wrong("array must have even number of elements"),
                [_, _] => return wrong("array must have two columns"),
                _ => return wrong("wrong number of array subscripts"),
            }
            let mut values = first.values.into_iter();
            std::iter::from_fn(|| Some((values.next()?, values.next()?))).collect()
        }
    };
    let mut out = String::from("{");
    for (index, (key, value)) in pairs.iter().enumerate() {
        if index > 0 {
            out.push_str(", ");
        }
        if key.is_null() {
            return Err(Error::new("22004", "null value not allowed for object key"));
        }
        write_string(key.as_ref().text(), &mut out);
        out.push_str(" : ");
        match value {
            Value::Null => out.push_str("null"),
            value => write_string(value.as_ref().text(), &mut out),
        }
    }
    out.push('}');
    Ok(out)
}

pub(super) fn json_of_texts(_: &Context, args: &[ValueRef<'_>]) -> Result<Value> {
    object_of_texts(args).map(Value::from)
}

pub(super) fn jsonb_of_texts(_: &Context, args: &[ValueRef<'_>]) -> Result<Value> {
    normalize(&object_of_texts(args)?).map(Value::from)
}

/// `json_agg`, `jsonb_agg`: NULL of no rows.
pub(super) struct Elements {
    ty: Type,
    style: JsonStyle,
    out: String,
}

impl Elements {
    pub(super) fn start(types: &[Type], style: JsonStyle) -> Box<dyn Accumulator> {
        Box::new(Elements { ty: types[0].clone(), style, out: String::new() })
    }
}

impl Accumulator for Elements {
    fn step(&mut self, context: &Context, args: &[ValueRef<'_>]) -> Result<()> {
        let is_first = self.out.is_empty();
        self.out.push_str(if is_first { "[" } else { ", " });
        let own_line = matches!(self.ty, Type::Array(_) | Type::Record(_)) && self.style == JsonStyle::Json;
        if !is_first && own_line && !args[0].is_null() {
            self.out.push_str("\n ");
        }
        to_json(&self.ty, args[0], context, self.style, &mut self.out);
        Ok(())
    }

    fn held(&self) -> usize {
        self.out.len()
    }

    fn finish(mut self: Box<Self>, _: &Context) -> Result<Value> {
        if self.out.is_empty() {
            return Ok(Value::Null);
        }
        self.out.push(']');
        match self.style {
            JsonStyle::Json => Ok(self.out.into()),
            JsonStyle::Jsonb => made_jsonb(self.out).map(Value::from),
        }
    }
}

/// `json_object_agg`, `jsonb_object_agg`: NULL of no rows, 22023 for a NULL key.
pub(super) struct Members {
    types: Vec<Type>,
    style: JsonStyle,
    out: String,
}

impl Members {
    pub(super) fn start(types: &[Type], style: JsonStyle) -> Box<dyn Accumulator> {
        Box::new(Members { types: types.to_vec(), style, out: String::new() })
    }
}

impl Accumulator for Members {
    fn step(&mut self, context: &Context, args: &[ValueRef<'_>]) -> Result<()> {
        if args[0].is_null() {
            return Err(Error::new("22023", "field name must not be null"));
        }
        self.out.push_str(if self.out.is_empty() { "{ " } else { ", " });
        write_key(&self.types[0], args[0], context, &mut self.out)?;
        self.out.push_str(" : ");
        to_json(&self.types[1], args[1], context, JsonStyle::Json, &mut self.out);
        Ok(())
    }

    fn held(&self) -> usize {
        self.out.len()
    }

    fn finish(mut self: Box<Self>, _: &Context) -> Result<Value> {
        if self.out.is_empty() {
            return Ok(Value::Null);
        }
        self.out.push_str(" }");
        match self.style {
            JsonStyle::Json => Ok(self.out.into()),
            JsonStyle::Jsonb => normalize(&self.out).map(Value::from),
        }
    }
}
