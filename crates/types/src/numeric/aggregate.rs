//! Sums, averages and variances that are exact: of integers and `numeric`.

use basalt_core::Result;

use crate::Base::{Int2, Int4, Int8, Numeric as Num};
use crate::Kind::Is;
use crate::function::AggregateImplementation::{Rust, Sqlite};
use crate::{Accumulator, Aggregate, Context, Kind, Type, Value, ValueRef};

use super::transcendental::square_root;
use super::{Decimal, Numeric};

pub(crate) const AGGREGATES: &[Aggregate] = &[
    Aggregate { name: "sum", args: &[Is(Int2)], returns: Is(Int8), implementation: Sqlite("sum({0})") },
    Aggregate { name: "sum", args: &[Is(Int4)], returns: Is(Int8), implementation: Sqlite("sum({0})") },
    exact("sum", &[Is(Int8)], |_| Integers::start(Outcome::Sum)),
    exact("sum", &[Is(Num)], |_| Numerics::start(Outcome::Sum)),
    exact("avg", &[Is(Int2)], |_| Integers::start(Outcome::Average)),
    exact("avg", &[Is(Int4)], |_| Integers::start(Outcome::Average)),
    exact("avg", &[Is(Int8)], |_| Integers::start(Outcome::Average)),
    exact("avg", &[Is(Num)], |_| Numerics::start(Outcome::Average)),
    exact("stddev", &[Is(Int2)], |_| Integers::start(DEVIATION)),
    exact("stddev", &[Is(Int4)], |_| Integers::start(DEVIATION)),
    exact("stddev", &[Is(Int8)], |_| Integers::start(DEVIATION)),
    exact("stddev", &[Is(Num)], |_| Numerics::start(DEVIATION)),
    exact("stddev_samp", &[Is(Int2)], |_| Integers::start(DEVIATION)),
    exact("stddev_samp", &[Is(Int4)], |_| Integers::start(DEVIATION)),
    exact("stddev_samp", &[Is(Int8)], |_| Integers::start(DEVIATION)),
    exact("stddev_samp", &[Is(Num)], |_| Numerics::start(DEVIATION)),
    exact("stddev_pop", &[Is(Int2)], |_| Integers::start(DEVIATION_OF_ALL)),
    exact("stddev_pop", &[Is(Int4)], |_| Integers::start(DEVIATION_OF_ALL)),
    exact("stddev_pop", &[Is(Int8)], |_| Integers::start(DEVIATION_OF_ALL)),
    exact("stddev_pop", &[Is(Num)], |_| Numerics::start(DEVIATION_OF_ALL)),
    exact("variance", &[Is(Int2)], |_| Integers::start(VARIANCE)),
    exact("variance", &[Is(Int4)], |_| Integers::start(VARIANCE)),
    exact("variance", &[Is(Int8)], |_| Integers::start(VARIANCE)),
    exact("variance", &[Is(Num)], |_| Numerics::start(VARIANCE)),
    exact("var_samp", &[Is(Int2)], |_| Integers::start(VARIANCE)),
    exact("var_samp", &[Is(Int4)], |_| Integers::start(VARIANCE)),
    exact("var_samp", &[Is(Int8)], |_| Integers::start(VARIANCE)),
    exact("var_samp", &[Is(Num)], |_| Numerics::start(VARIANCE)),
    exact("var_pop", &[Is(Int2)], |_| Integers::start(VARIANCE_OF_ALL)),
    exact("var_pop", &[Is(Int4)], |_| Integers::start(VARIANCE_OF_ALL)),
    exact("var_pop", &[Is(Int8)], |_| Integers::start(VARIANCE_OF_ALL)),
    exact("var_pop", &[Is(Num)], |_| Numerics::start(VARIANCE_OF_ALL)),
];

const fn exact(name: &'static str, args: &'static [Kind], start: fn(&[Type]) -> Box<dyn Accumulator>) -> Aggregate {
    Aggregate { name, args, returns: Is(Num), implementation: Rust(start) }
}

/// What is asked of a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Sum,
    Average,
    Spread { of_all: bool, root: bool },
}

const DEVIATION: Outcome = Outcome::Spread { of_all: false, root: true };
const DEVIATION_OF_ALL: Outcome = Outcome::Spread { of_all: true, root: true };
const VARIANCE: Outcome = Outcome::Spread { of_all: false, root: false };
const VARIANCE_OF_ALL: Outcome = Outcome::Spread { of_all: true, root: false };

impl Outcome {
    fn of(self, count: i64, sum: Numeric, squares: Numeric) -> Result<Value> {
        if count == 0 {
            return Ok(Value::Null);
        }
        match self {
            Outcome::Sum => Ok(sum.to_text()?.into()),
            Outcome::Average => Ok(sum.div(Numeric::from(count))?.to_text()?.into()),
            Outcome::Spread { of_all, root } => spread(count, sum, squares, of_all, root),
        }
    }
}

/// `(n * sum of squares - square of the sum) / (n * (n - 1))`, or `/ n^2` over the whole population.
fn spread(count: i64, sum: Numeric, squares: Numeric, of_all: bool, root: bool) -> Result<Value> {
    if count == 1 && !of_all {
        return Ok(Value::Null);
    }
    let difference = Numeric::from(count).mul(squares).add(sum.clone().mul(sum).negated());
    if !matches!(difference, Numeric::Finite(_)) {
        return Ok("NaN".into());
    }
    if difference.signum() <= 0 {
        return Ok("0".into());
    }
    let divisor = Numeric::from(count).mul(Numeric::from(if of_all { count } else { count - 1 }));
    match difference.div(divisor)? {
        Numeric::Finite(variance) if root => {
            let scale = variance.scale;
            Ok(square_root(&variance, scale.into())?.to_text()?.into())
        }
        variance => Ok(variance.to_text()?.into()),
    }
}

/// A group of integers: sums in 128 bits, which no number of rows in reach overflows; squares only when asked for.
struct Integers {
    outcome: Outcome,
    count: i64,
    sum: i128,
    squares: num_bigint::BigInt,
}

impl Integers {
    fn start(outcome: Outcome) -> Box<dyn Accumulator> {
        Box::new(Integers { outcome, count: 0, sum: 0, squares: 0.into() })
    }
}

impl Accumulator for Integers {
    fn step(&mut self, _: &Context, args: &[ValueRef<'_>]) -> Result<()> {
        if let ValueRef::Int(value) = args[0] {
            self.count += 1;
            self.sum += i128::from(value);
            if let Outcome::Spread { .. } = self.outcome {
                self.squares += i128::from(value) * i128::from(value);
            }
        }
        Ok(())
    }

    fn finish(self: Box<Self>, _: &Context) -> Result<Value> {
        self.outcome.of(self.count, Decimal::new(self.sum, 0).into(), Decimal::new(self.squares, 0).into())
    }
}

/// A group of numerics.
struct Numerics {
    outcome: Outcome,
    count: i64,
    sum: Numeric,
    squares: Numeric,
}

impl Numerics {
    fn start(outcome: Outcome) -> Box<dyn Accumulator> {
        Box::new(Numerics { outcome, count: 0, sum: Numeric::from(0), squares: Numeric::from(0) })
    }
}

impl Accumulator for Numerics {
    fn step(&mut self, _: &Context, args: &[ValueRef<'_>]) -> Result<()> {
        if args[0].is_null() {
            return Ok(());
        }
        let value = Numeric::parse(args[0].text())?;
        self.count += 1;
        if let Outcome::Spread { .. } = self.outcome {
            self.squares = std::mem::replace(&mut self.squares, Numeric::NaN).add(value.clone().mul(value.clone()));
        }
        self.sum = std::mem::replace(&mut self.sum, Numeric::NaN).add(value);
        Ok(())
    }

    fn finish(self: Box<Self>, _: &Context) -> Result<Value> {
        self.outcome.of(self.count, self.sum, self.squares)
    }
}
