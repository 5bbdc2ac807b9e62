//! Vectors made of others, and of arrays.

use basalt_core::{Error, Result};

use super::distance::{length, of};
use super::{check_dimensions, different_dimensions, finite, overflow, store};
use crate::array::stored::Array;
use crate::{Base, Context, Type, Typmod, Value, ValueRef, math};

/// Number by number; 22003 where that leaves the range of single precision.
fn each(args: &[ValueRef<'_>], operation: impl Fn(f32, f32) -> Result<f32>) -> Result<Value> {
    let (a, b) = (of(args[0]), of(args[1]));
    if a.len() != b.len() {
        return Err(different_dimensions(a.len(), b.len()));
    }
    let results = a.into_iter().zip(b).map(|(a, b)| operation(a, b).and_then(bounded));
    Ok(store(results.collect::<Result<Vec<f32>>>()?)?.into())
}

fn bounded(number: f32) -> Result<f32> {
    if number.is_infinite() { Err(overflow()) } else { Ok(number) }
}

pub(super) fn add(_: &Context, args: &[ValueRef<'_>]) -> Result<Value> {
    each(args, |a, b| Ok(a + b))
}

pub(super) fn subtract(_: &Context, args: &[ValueRef<'_>]) -> Result<Value> {
    each(args, |a, b| Ok(a - b))
}

pub(super) fn multiply(_: &Context, args: &[ValueRef<'_>]) -> Result<Value> {
    each(args, |a, b| match a * b {
        product if product == 0.0 && a != 0.0 && b != 0.0 => Err(Error::new("22003", "value out of range: underflow")),
        product => Ok(product),
    })
}

pub(super) fn concat(_: &Context, args: &[ValueRef<'_>]) -> Result<Value> {
    Ok(store([of(args[0]), of(args[1])].concat())?.into())
}

pub(super) fn dimensions(_: &Context, args: &[ValueRef<'_>]) -> Result<Value> {
    Ok((of(args[0]).len() as i64).into())
}

/// The vector of that direction whose length is 1; one of zeros stays.
pub(super) fn normalize(_: &Context, args: &[ValueRef<'_>]) -> Result<Value> {
    let vector = of(args[0]);
    let length = length(&vector);
    if length == 0.0 {
        return Ok(args[0].to_owned());
    }
    let scaled = vector.iter().map(|number| bounded((f64::from(*number) / length) as f32));
    Ok(store(scaled.collect::<Result<Vec<f32>>>()?)?.into())
}

/// `subvector(vector, start, count)`, counting from 1; what lies outside is left out.
pub(super) fn part(_: &Context, args: &[ValueRef<'_>]) -> Result<Value> {
    let vector = of(args[0]);
    let (start, count) = (args[1].int(), args[2].int());
    let end = (start + count).clamp(1, vector.len() as i64 + 1);
    let start = start.clamp(1, end);
    Ok(store(vector[start as usize - 1..end as usize - 1].iter().copied())?.into())
}

/// An array of numbers as a vector.
///
/// Errors: 22000 for more than one dimension, none, NaN, an infinity, or other than the modifier's; 22004 for a NULL.
pub(crate) fn from_array(element: &Type, typmod: Option<Typmod>, text: &str) -> Result<Value> {
    let array = Array::read(element, text);
    if array.dims.len() > 1 {
        return Err(Error::new("22000", "array must be 1-D"));
    }
    let numbers = array.values.iter().map(|value| match value {
        Value::Null => Err(Error::new("22004", "array must not contain nulls")),
        Value::Text(numeric) if *element == Type::NUMERIC => math::parse_float(Base::Float4, numeric),
        value => Ok(value.as_ref().float()),
    });
    let numbers = numbers.collect::<Result<Vec<f64>>>()?;
    let stored = store(numbers.into_iter().map(|number| number as f32).map(finite).collect::<Result<Vec<f32>>>()?)?;
    check_dimensions(&stored, typmod)?;
    Ok(stored.into())
}

/// A vector as `real[]`.
pub(crate) fn to_array(vector: ValueRef<'_>) -> Value {
    Array::of(of(vector).into_iter().map(|number| Value::Real(number.into())).collect()).into()
}
