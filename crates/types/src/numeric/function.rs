//! Signatures of the functions and operators on `numeric`.

use basalt_core::{Error, Result};
use num_bigint::{BigInt, Sign};

use crate::Base::{Int4, Int8, Numeric as Num};
use crate::Implementation::Rust;
use crate::Kind::Is;
use crate::{Context, Function, Operator, Value, ValueRef};

use super::{
    Decimal, Numeric, abs, add, ceil, compare, div, div_trunc, exp, floor, ln, log, mul, neg, overflow, power, rem,
    round, sign, sqrt, sub, trunc,
};

/// A function of numerics alone, of canonical texts.
macro_rules! unary {
    ($name:literal, $code:expr) => {
        Function::new($name, &[Is(Num)], Is(Num), Rust(|_, a| Ok($code(a[0].text())?.into())))
    };
}
macro_rules! binary {
    ($name:literal, $code:expr) => {
        Function::new($name, &[Is(Num), Is(Num)], Is(Num), Rust(|_, a| Ok($code(a[0].text(), a[1].text())?.into())))
    };
}
macro_rules! operator {
    ($name:literal, $code:expr) => {
        Operator::binary($name, Is(Num), Is(Num), Is(Num), Rust(|_, a| Ok($code(a[0].text(), a[1].text())?.into())))
    };
}

pub(crate) const OPERATORS: &[Operator] = &[
    operator!("+", add),
    operator!("-", sub),
    operator!("*", mul),
    operator!("/", div),
    operator!("%", rem),
    operator!("^", power),
    Operator::prefix("-", Is(Num), Is(Num), Rust(|_, a| Ok(neg(a[0].text())?.into()))),
    Operator::prefix("+", Is(Num), Is(Num), Rust(|_, a| Ok(a[0].to_owned()))).leakproof(),
    Operator::prefix("@", Is(Num), Is(Num), Rust(|_, a| Ok(abs(a[0].text())?.into()))),
];

pub(crate) const FUNCTIONS: &[Function] = &[
    unary!("abs", abs),
    unary!("sign", sign),
    unary!("ceil", ceil),
    unary!("ceiling", ceil),
    unary!("floor", floor),
    unary!("round", round_whole),
    unary!("trunc", trunc_whole),
    unary!("sqrt", sqrt),
    unary!("exp", exp),
    unary!("ln", ln),
    unary!("log", log10),
    unary!("log10", log10),
    Function::new("trim_scale", &[Is(Num)], Is(Num), Rust(|_, a| Ok(trimmed(a[0].text()).into()))),
    binary!("power", power),
    binary!("pow", power),
    binary!("log", log),
    binary!("mod", rem),
    binary!("div", div_trunc),
    binary!("gcd", gcd),
    binary!("lcm", lcm),
    Function::new("round", &[Is(Num), Is(Int4)], Is(Num), Rust(|_, a| Ok(round(a[0].text(), a[1].int())?.into()))),
    Function::new("trunc", &[Is(Num), Is(Int4)], Is(Num), Rust(|_, a| Ok(trunc(a[0].text(), a[1].int())?.into()))),
    Function::new("scale", &[Is(Num)], Is(Int4), Rust(|_, a| Ok(scale(a[0].text()).into()))),
    Function::new("min_scale", &[Is(Num)], Is(Int4), Rust(|_, a| Ok(scale(trimmed(a[0].text())).into()))),
    Function::new("factorial", &[Is(Int8)], Is(Num), Rust(factorial)),
    Function::new("width_bucket", &[Is(Num), Is(Num), Is(Num), Is(Int4)], Is(Int4), Rust(width_bucket)),
];

fn round_whole(a: &str) -> Result<String> {
    round(a, 0)
}

fn trunc_whole(a: &str) -> Result<String> {
    trunc(a, 0)
}

fn log10(a: &str) -> Result<String> {
    log("10", a)
}

/// Digits after the point of a canonical text; `None` (NULL) for NaN and the infinities.
fn scale(a: &str) -> Option<i64> {
    let is_finite = a.ends_with(|c: char| c.is_ascii_digit());
    is_finite.then(|| a.split_once('.').map_or(0, |(_, fraction)| fraction.len() as i64))
}

/// Without trailing zeros after the point.
fn trimmed(a: &str) -> &str {
    if a.contains('.') { a.trim_end_matches('0').trim_end_matches('.') } else { a }
}

/// Greatest common divisor and the scale of the result; `None` if an operand is not finite.
fn divisor(a: &str, b: &str) -> Result<Option<(BigInt, BigInt, BigInt, u32)>> {
    let (Numeric::Finite(a), Numeric::Finite(b)) = (Numeric::parse(a)?, Numeric::parse(b)?) else {
        return Ok(None);
    };
    let scale = a.scale.max(b.scale);
    let (a, b) = (a.rounded(scale.into()).unscaled, b.rounded(scale.into()).unscaled);
    let (mut x, mut y) = (a.clone(), b.clone());
    while y.sign() != Sign::NoSign {
        (x, y) = (y.clone(), x % y);
    }
    Ok(Some((a, b, BigInt::from(x.magnitude().clone()), scale)))
}

fn gcd(a: &str, b: &str) -> Result<String> {
    match divisor(a, b)? {
        Some((_, _, divisor, scale)) => Numeric::from(Decimal::new(divisor, scale)).to_text(),
        None => Ok("NaN".to_owned()),
    }
}

fn lcm(a: &str, b: &str) -> Result<String> {
    match divisor(a, b)? {
        Some((_, _, divisor, scale)) if divisor.sign() == Sign::NoSign => {
            Numeric::from(Decimal::new(0, scale)).to_text()
        }
        Some((a, b, divisor, scale)) => {
            let multiple = BigInt::from((a / divisor * b).magnitude().clone());
            Numeric::from(Decimal::new(multiple, scale)).to_text()
        }
        None => Ok("NaN".to_owned()),
    }
}

fn factorial(_: &Context, args: &[ValueRef<'_>]) -> Result<Value> {
    match args[0].int() {
        ..0 => Err(Error::new("22003", "factorial of a negative number is undefined")),
        // The first whose digits exceed the type's limit.
        32178.. => Err(overflow()),
        n => Ok((1..=n).fold(BigInt::from(1), |product, factor| product * factor).to_string().into()),
    }
}

fn width_bucket(_: &Context, args: &[ValueRef<'_>]) -> Result<Value> {
    let invalid = |message: &'static str| Err(Error::new("2201G", message));
    let (operand, low, high, count) = (args[0].text(), args[1].text(), args[2].text(), args[3].int());
    if count <= 0 {
        return invalid("count must be greater than zero");
    }
    if [operand, low, high].contains(&"NaN") {
        return invalid("operand, lower bound, and upper bound cannot be NaN");
    }
    if low.ends_with('y') || high.ends_with('y') {
        return invalid("lower and upper bounds must be finite");
    }
    let bound = compare(low, high);
    if bound.is_eq() {
        return invalid("lower bound cannot equal upper bound");
    }
    // Buckets run from the lower bound up, or from the higher one down.
    if compare(operand, low) == bound {
        return Ok(0.into());
    }
    if compare(operand, high) != bound {
        return match count + 1 {
            over if over > i64::from(i32::MAX) => Err(Error::new("22003", "integer out of range")),
            over => Ok(over.into()),
        };
    }
    let (Numeric::Finite(offset), Numeric::Finite(width)) = (
        Numeric::parse(operand)?.add(Numeric::parse(low)?.negated()),
        Numeric::parse(high)?.add(Numeric::parse(low)?.negated()),
    ) else {
        return Ok(Value::Null);
    };
    let scale = offset.scale.max(width.scale);
    let (offset, width) = (offset.rounded(scale.into()).unscaled, width.rounded(scale.into()).unscaled);
    let bucket = i64::try_from(offset * count / width).unwrap_or(count - 1) + 1;
    Ok(bucket.into())
}
