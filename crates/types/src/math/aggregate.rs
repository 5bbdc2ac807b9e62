//! Sums, averages and variances of floating-point numbers; truth and bits of a group.

use basalt_core::{Error, Result};

use crate::Base::{Bool, Float4, Float8, Int2, Int4, Int8};
use crate::Kind::Is;
use crate::function::AggregateImplementation::{Rust, Sqlite};
use crate::{Accumulator, Aggregate, Base, Context, Value, ValueRef};

const fn truth(name: &'static str, template: &'static str) -> Aggregate {
    Aggregate { name, args: &[Is(Bool)], returns: Is(Bool), implementation: Sqlite(template) }
}

macro_rules! bits {
    ($name:literal, $base:expr, $combine:expr) => {
        Aggregate {
            name: $name,
            args: &[Is($base)],
            returns: Is($base),
            implementation: Rust(|_| Box::new(Bits { combine: $combine, state: None })),
        }
    };
}

macro_rules! floats {
    ($name:literal, $base:expr, $returns:expr, $outcome:expr) => {
        Aggregate {
            name: $name,
            args: &[Is($base)],
            returns: Is($returns),
            implementation: Rust(|_| Box::new(Floats::new($outcome))),
        }
    };
}

macro_rules! pairs {
    ($name:literal, $outcome:expr) => {
        Aggregate {
            name: $name,
            args: &[Is(Float8), Is(Float8)],
            returns: Is(Float8),
            implementation: Rust(|_| Box::new(Pairs { outcome: $outcome, ..Pairs::default() })),
        }
    };
}

pub(crate) const AGGREGATES: &[Aggregate] = &[
    truth("bool_and", "min({0})"),
    truth("every", "min({0})"),
    truth("bool_or", "max({0})"),
    bits!("bit_and", Int2, |a, b| a & b),
    bits!("bit_and", Int4, |a, b| a & b),
    bits!("bit_and", Int8, |a, b| a & b),
    bits!("bit_or", Int2, |a, b| a | b),
    bits!("bit_or", Int4, |a, b| a | b),
    bits!("bit_or", Int8, |a, b| a | b),
    bits!("bit_xor", Int2, |a, b| a ^ b),
    bits!("bit_xor", Int4, |a, b| a ^ b),
    bits!("bit_xor", Int8, |a, b| a ^ b),
    floats!("sum", Float4, Float4, Outcome::Sum(Float4)),
    floats!("sum", Float8, Float8, Outcome::Sum(Float8)),
    floats!("avg", Float4, Float8, Outcome::Average),
    floats!("avg", Float8, Float8, Outcome::Average),
    floats!("stddev", Float4, Float8, Outcome::DEVIATION),
    floats!("stddev", Float8, Float8, Outcome::DEVIATION),
    floats!("stddev_samp", Float4, Float8, Outcome::DEVIATION),
    floats!("stddev_samp", Float8, Float8, Outcome::DEVIATION),
    floats!("stddev_pop", Float4, Float8, Outcome::DEVIATION_OF_ALL),
    floats!("stddev_pop", Float8, Float8, Outcome::DEVIATION_OF_ALL),
    floats!("variance", Float4, Float8, Outcome::VARIANCE),
    floats!("variance", Float8, Float8, Outcome::VARIANCE),
    floats!("var_samp", Float4, Float8, Outcome::VARIANCE),
    floats!("var_samp", Float8, Float8, Outcome::VARIANCE),
    floats!("var_pop", Float4, Float8, Outcome::VARIANCE_OF_ALL),
    floats!("var_pop", Float8, Float8, Outcome::VARIANCE_OF_ALL),
    pairs!("corr", |p| (p.syy != 0.0 && p.sxx != 0.0).then(|| p.sxy / (p.sxx * p.syy).sqrt())),
    pairs!("covar_pop", |p| Some(p.sxy / p.count)),
    pairs!("covar_samp", |p| (p.count >= 2.0).then(|| p.sxy / (p.count - 1.0))),
    pairs!("regr_slope", |p| (p.sxx != 0.0).then(|| p.sxy / p.sxx)),
    pairs!("regr_intercept", |p| (p.sxx != 0.0).then(|| (p.sy - p.sx * p.sxy / p.sxx) / p.count)),
    pairs!("regr_r2", |p| match (p.sxx != 0.0, p.syy != 0.0) {
        (false, _) => None,
        (true, false) => Some(1.0),
        (true, true) => Some(p.sxy * p.sxy / (p.sxx * p.syy)),
    }),
    Aggregate {
        name: "regr_count",
        args: &[Is(Float8), Is(Float8)],
        returns: Is(Int8),
        implementation: Rust(|_| Box::<PairCount>::default()),
    },
    pairs!("regr_avgx", |p| Some(p.sx / p.count)),
    pairs!("regr_avgy", |p| Some(p.sy / p.count)),
    pairs!("regr_sxx", |p| Some(p.sxx)),
    pairs!("regr_syy", |p| Some(p.syy)),
    pairs!("regr_sxy", |p| Some(p.sxy)),
];

struct Bits {
    combine: fn(i64, i64) -> i64,
    state: Option<i64>,
}

impl Accumulator for Bits {
    fn step(&mut self, _: &Context, args: &[ValueRef<'_>]) -> Result<()> {
        if let ValueRef::Int(value) = args[0] {
            self.state = Some(self.state.map_or(value, |state| (self.combine)(state, value)));
        }
        Ok(())
    }

    fn finish(self: Box<Self>, _: &Context) -> Result<Value> {
        Ok(self.state.into())
    }
}

#[derive(Debug, Clone, Copy)]
enum Outcome {
    /// In the precision of the type.
    Sum(Base),
    Average,
    Spread {
        of_all: bool,
        root: bool,
    },
}

impl Outcome {
    const DEVIATION: Outcome = Outcome::Spread { of_all: false, root: true };
    const DEVIATION_OF_ALL: Outcome = Outcome::Spread { of_all: true, root: true };
    const VARIANCE: Outcome = Outcome::Spread { of_all: false, root: false };
    const VARIANCE_OF_ALL: Outcome = Outcome::Spread { of_all: true, root: false };
}

/// A group of floating-point numbers: the sum, and the sum of squared differences by Youngs and Cramer's recurrence.
struct Floats {
    outcome: Outcome,
    count: f64,
    sum: f64,
    squares: f64,
}

impl Floats {
    fn new(outcome: Outcome) -> Floats {
        Floats { outcome, count: 0.0, sum: 0.0, squares: 0.0 }
    }
}

impl Accumulator for Floats {
    fn step(&mut self, _: &Context, args: &[ValueRef<'_>]) -> Result<()> {
        if args[0].is_null() {
            return Ok(());
        }
        let value = args[0].float();
        self.count += 1.0;
        if let Outcome::Sum(base) = self.outcome {
            self.sum = if self.count == 1.0 { value } else { super::float::add(base, self.sum, value)? };
            return Ok(());
        }
        let before = self.sum;
        self.sum += value;
        if self.count > 1.0 {
            self.squares += recurrence(value, self.sum, self.count);
            if self.sum.is_infinite() || self.squares.is_infinite() {
                not_overflowed(&[before, value])?;
                self.squares = f64::NAN;
            }
        } else if !value.is_finite() {
            self.squares = f64::NAN;
        }
        Ok(())
    }

    fn finish(self: Box<Self>, _: &Context) -> Result<Value> {
        if self.count == 0.0 {
            return Ok(Value::Null);
        }
        Ok(match self.outcome {
            Outcome::Sum(_) => self.sum.into(),
            Outcome::Average => (self.sum / self.count).into(),
            Outcome::Spread { of_all: false, .. } if self.count == 1.0 => Value::Null,
            Outcome::Spread { of_all, root } => {
                let variance = self.squares / if of_all { self.count } else { self.count - 1.0 };
                (if root { variance.sqrt() } else { variance }).into()
            }
        })
    }
}

/// What the next number adds to the sum of squared differences from the mean.
fn recurrence(value: f64, sum: f64, count: f64) -> f64 {
    (value * count - sum) * (value * count - sum) / (count * (count - 1.0))
}

fn not_overflowed(operands: &[f64]) -> Result<()> {
    if operands.iter().all(|operand| operand.is_finite()) {
        return Err(Error::new("22003", "value out of range: overflow"));
    }
    Ok(())
}

/// How many pairs have no NULL.
#[derive(Default)]
struct PairCount(i64);

impl Accumulator for PairCount {
    fn step(&mut self, _: &Context, args: &[ValueRef<'_>]) -> Result<()> {
        self.0 += i64::from(!args.iter().any(|argument| argument.is_null()));
        Ok(())
    }

    fn finish(self: Box<Self>, _: &Context) -> Result<Value> {
        Ok(self.0.into())
    }
}

/// A group of pairs (y, x).
struct Pairs {
    outcome: fn(&Pairs) -> Option<f64>,
    count: f64,
    sx: f64,
    sy: f64,
    sxx: f64,
    syy: f64,
    sxy: f64,
}

impl Default for Pairs {
    fn default() -> Self {
        Pairs { outcome: |_| None, count: 0.0, sx: 0.0, sy: 0.0, sxx: 0.0, syy: 0.0, sxy: 0.0 }
    }
}

impl Accumulator for Pairs {
    fn step(&mut self, _: &Context, args: &[ValueRef<'_>]) -> Result<()> {
        if args.iter().any(|argument| argument.is_null()) {
            return Ok(());
        }
        let (y, x) = (args[0].float(), args[1].float());
        let before = [self.sx, self.sy, x, y];
        self.count += 1.0;
        self.sx += x;
        self.sy += y;
        if self.count > 1.0 {
            // Youngs and Cramer's recurrence, rounded as PostgreSQL does for pairs.
            let scale = 1.0 / (self.count * (self.count - 1.0));
            let (dx, dy) = (x * self.count - self.sx, y * self.count - self.sy);
            self.sxx += dx * dx * scale;
            self.syy += dy * dy * scale;
            self.sxy += dx * dy * scale;
            if [self.sx, self.sy, self.sxx, self.syy, self.sxy].iter().any(|sum| sum.is_infinite()) {
                not_overflowed(&before)?;
                (self.sxx, self.syy, self.sxy) = (f64::NAN, f64::NAN, f64::NAN);
            }
        } else if !x.is_finite() || !y.is_finite() {
            (self.sxx, self.syy, self.sxy) = (f64::NAN, f64::NAN, f64::NAN);
        }
        Ok(())
    }

    fn finish(self: Box<Self>, _: &Context) -> Result<Value> {
        if self.count == 0.0 {
            return Ok(Value::Null);
        }
        Ok((self.outcome)(&self).into())
    }
}
