//! `range_intersect_agg`.

use basalt_core::Result;

use super::operate::intersect;
use super::subtype;
use crate::Kind::AnyRange;
use crate::function::AggregateImplementation::Rust;
use crate::{Accumulator, Aggregate, Base, Context, Type, Value, ValueRef};

pub(crate) const AGGREGATES: &[Aggregate] = &[Aggregate {
    name: "range_intersect_agg",
    args: &[AnyRange],
    returns: AnyRange,
    implementation: Rust(Intersection::start),
}];

/// What all ranges so far hold.
struct Intersection {
    subtype: Base,
    range: Option<String>,
}

impl Intersection {
    fn start(types: &[Type]) -> Box<dyn Accumulator> {
        Box::new(Intersection { subtype: subtype(&types[0]), range: None })
    }
}

impl Accumulator for Intersection {
    fn step(&mut self, _: &Context, args: &[ValueRef<'_>]) -> Result<()> {
        if args[0].is_null() {
            return Ok(());
        }
        let range = args[0].text();
        self.range = Some(match &self.range {
            Some(so_far) => intersect(self.subtype, so_far, range)?,
            None => range.to_owned(),
        });
        Ok(())
    }

    fn finish(self: Box<Self>, _: &Context) -> Result<Value> {
        Ok(self.range.into())
    }
}
