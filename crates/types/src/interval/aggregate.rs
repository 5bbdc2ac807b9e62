//! Sum and average of intervals.

use basalt_core::Result;

use crate::Base::Interval as Span;
use crate::Kind::Is;
use crate::function::AggregateImplementation::Rust;
use crate::{Accumulator, Aggregate, Context, Value, ValueRef};

use super::Interval;

pub(crate) const AGGREGATES: &[Aggregate] = &[
    Aggregate {
        name: "sum",
        args: &[Is(Span)],
        returns: Is(Span),
        implementation: Rust(|_| Box::new(Intervals { average: false, count: 0, sum: Interval::default() })),
    },
    Aggregate {
        name: "avg",
        args: &[Is(Span)],
        returns: Is(Span),
        implementation: Rust(|_| Box::new(Intervals { average: true, count: 0, sum: Interval::default() })),
    },
];

struct Intervals {
    average: bool,
    count: u32,
    sum: Interval,
}

impl Accumulator for Intervals {
    fn step(&mut self, _: &Context, args: &[ValueRef<'_>]) -> Result<()> {
        if !args[0].is_null() {
            self.count += 1;
            self.sum = self.sum.plus(Interval::parse(args[0].text())?)?;
        }
        Ok(())
    }

    fn finish(self: Box<Self>, _: &Context) -> Result<Value> {
        Ok(match (self.count, self.average) {
            (0, _) => Value::Null,
            (_, false) => self.sum.to_string().into(),
            (count, true) => self.sum.over(count.into())?.to_string().into(),
        })
    }
}
