//! Sum and average of vectors.

use basalt_core::Result;

use super::distance::of;
use super::{different_dimensions, finite, overflow, store, unexpected_dimensions};
use crate::Base::Vector;
use crate::Kind::Is;
use crate::function::AggregateImplementation::Rust;
use crate::{Accumulator, Aggregate, Context, Value, ValueRef};

pub(crate) const AGGREGATES: &[Aggregate] = &[
    Aggregate {
        name: "sum",
        args: &[Is(Vector)],
        returns: Is(Vector),
        implementation: Rust(|_| Box::<Sum>::default()),
    },
    Aggregate {
        name: "avg",
        args: &[Is(Vector)],
        returns: Is(Vector),
        implementation: Rust(|_| Box::<Average>::default()),
    },
];

/// Added in single precision, as `+` does.
#[derive(Default)]
struct Sum(Option<Vec<f32>>);

impl Accumulator for Sum {
    fn step(&mut self, _: &Context, args: &[ValueRef<'_>]) -> Result<()> {
        if args[0].is_null() {
            return Ok(());
        }
        let vector = of(args[0]);
        let Some(sum) = &mut self.0 else {
            self.0 = Some(vector);
            return Ok(());
        };
        if sum.len() != vector.len() {
            return Err(different_dimensions(sum.len(), vector.len()));
        }
        for (sum, number) in sum.iter_mut().zip(vector) {
            *sum += number;
            if sum.is_infinite() {
                return Err(overflow());
            }
        }
        Ok(())
    }

    fn finish(self: Box<Self>, _: &Context) -> Result<Value> {
        self.0.map_or(Ok(Value::Null), |sum| Ok(store(sum)?.into()))
    }
}

/// Added in double precision.
#[derive(Default)]
struct Average {
    count: f64,
    sums: Vec<f64>,
}

impl Accumulator for Average {
    fn step(&mut self, _: &Context, args: &[ValueRef<'_>]) -> Result<()> {
        if args[0].is_null() {
            return Ok(());
        }
        let vector = of(args[0]);
        if self.sums.is_empty() {
            self.sums = vec![0.0; vector.len()];
        } else if self.sums.len() != vector.len() {
            return Err(unexpected_dimensions(self.sums.len(), vector.len()));
        }
        self.count += 1.0;
        for (sum, number) in self.sums.iter_mut().zip(vector) {
            *sum += f64::from(number);
        }
        Ok(())
    }

    fn finish(self: Box<Self>, _: &Context) -> Result<Value> {
        if self.count == 0.0 {
            return Ok(Value::Null);
        }
        let averages = self.sums.iter().map(|sum| finite((sum / self.count) as f32));
        Ok(store(averages.collect::<Result<Vec<f32>>>()?)?.into())
    }
}
