//! Distances between two vectors, and the length of one.

use basalt_core::Result;

use super::{different_dimensions, numbers};
use crate::{Context, Value, ValueRef};

/// Sums that are kept side by side: the processor adds so many at once.
const LANES: usize = 8;

/// The numbers of two vectors of the same length; 22000 if they are not.
fn pair(args: &[ValueRef<'_>]) -> Result<(Vec<f32>, Vec<f32>)> {
    let (a, b) = (of(args[0]), of(args[1]));
    if a.len() != b.len() {
        return Err(different_dimensions(a.len(), b.len()));
    }
    Ok((a, b))
}

/// The numbers of an argument.
pub(super) fn of(argument: ValueRef<'_>) -> Vec<f32> {
    match argument {
        ValueRef::Blob(stored) => numbers(stored).collect(),
        _ => Vec::new(),
    }
}

/// The sum of a term over all pairs, in single precision as pgvector has it.
fn sum(a: &[f32], b: &[f32], term: impl Fn(f32, f32) -> f32) -> f32 {
    let mut lanes = [0.0; LANES];
    for (a, b) in a.chunks(LANES).zip(b.chunks(LANES)) {
        for (lane, (a, b)) in lanes.iter_mut().zip(a.iter().zip(b)) {
            *lane += term(*a, *b);
        }
    }
    lanes.iter().sum()
}

pub(super) fn l2(_: &Context, args: &[ValueRef<'_>]) -> Result<Value> {
    let (a, b) = pair(args)?;
    Ok(f64::from(sum(&a, &b, |a, b| (a - b) * (a - b))).sqrt().into())
}

pub(super) fn l1(_: &Context, args: &[ValueRef<'_>]) -> Result<Value> {
    let (a, b) = pair(args)?;
    Ok(f64::from(sum(&a, &b, |a, b| (a - b).abs())).into())
}

pub(super) fn inner_product(_: &Context, args: &[ValueRef<'_>]) -> Result<Value> {
    let (a, b) = pair(args)?;
    Ok(f64::from(sum(&a, &b, |a, b| a * b)).into())
}

pub(super) fn negative_inner_product(_: &Context, args: &[ValueRef<'_>]) -> Result<Value> {
    let (a, b) = pair(args)?;
    Ok(f64::from(-sum(&a, &b, |a, b| a * b)).into())
}

/// 1 less the cosine of the angle; NaN beside a vector of zeros.
pub(super) fn cosine(_: &Context, args: &[ValueRef<'_>]) -> Result<Value> {
    let (a, b) = pair(args)?;
    let product = f64::from(sum(&a, &b, |a, b| a * b));
    let squares = f64::from(sum(&a, &a, |a, b| a * b)) * f64::from(sum(&b, &b, |a, b| a * b));
    Ok((1.0 - (product / squares.sqrt()).clamp(-1.0, 1.0)).into())
}

pub(super) fn norm(_: &Context, args: &[ValueRef<'_>]) -> Result<Value> {
    Ok(length(&of(args[0])).into())
}

/// The Euclidean length.
pub(super) fn length(vector: &[f32]) -> f64 {
    vector.iter().map(|number| f64::from(*number) * f64::from(*number)).sum::<f64>().sqrt()
}
