//! Signatures of the functions and operators on integers and floating-point numbers.

use basalt_core::{Error, Result};

use crate::Base::{self, Float4, Float8, Int2, Int4, Int8, Numeric as Num, Text};
use crate::Implementation::{Rust, Sqlite};
use crate::Kind::Is;
use crate::{Context, Function, Operator, SetFunction, Type, Value, ValueRef};

use super::{degrees, float, integer};

/// A row of the table: two integer types, the result's, and the code.
macro_rules! integers {
    ($name:literal, $left:expr, $right:expr, $result:expr, $code:path) => {
        Operator::binary($name, Is($left), Is($right), Is($result), Rust(|_, a| $code($result, a[0].int(), a[1].int())))
    };
}

macro_rules! floats {
    ($name:literal, $left:expr, $right:expr, $result:expr, $code:path) => {
        Operator::binary(
            $name,
            Is($left),
            Is($right),
            Is($result),
            Rust(|_, a| Ok($code($result, a[0].float(), a[1].float())?.into())),
        )
    };
}

macro_rules! sign {
    ($name:literal, $base:expr, $code:path) => {
        Operator::prefix($name, Is($base), Is($base), Rust(|_, a| $code($base, a[0].int())))
    };
}

const fn bits(name: &'static str, base: Base, template: &'static str) -> Operator {
    Operator::binary(name, Is(base), Is(base), Is(base), Sqlite(template)).leakproof()
}

const fn same(base: Base) -> Operator {
    Operator::prefix("+", Is(base), Is(base), Sqlite("{0}")).leakproof()
}

pub(crate) const OPERATORS: &[Operator] = &[
    integers!("+", Int2, Int2, Int2, integer::add),
    integers!("+", Int2, Int4, Int4, integer::add),
    integers!("+", Int2, Int8, Int8, integer::add),
    integers!("+", Int4, Int2, Int4, integer::add),
    integers!("+", Int4, Int4, Int4, integer::add),
    integers!("+", Int4, Int8, Int8, integer::add),
    integers!("+", Int8, Int2, Int8, integer::add),
    integers!("+", Int8, Int4, Int8, integer::add),
    integers!("+", Int8, Int8, Int8, integer::add),
    integers!("-", Int2, Int2, Int2, integer::sub),
    integers!("-", Int2, Int4, Int4, integer::sub),
    integers!("-", Int2, Int8, Int8, integer::sub),
    integers!("-", Int4, Int2, Int4, integer::sub),
    integers!("-", Int4, Int4, Int4, integer::sub),
    integers!("-", Int4, Int8, Int8, integer::sub),
    integers!("-", Int8, Int2, Int8, integer::sub),
    integers!("-", Int8, Int4, Int8, integer::sub),
    integers!("-", Int8, Int8, Int8, integer::sub),
    integers!("*", Int2, Int2, Int2, integer::mul),
    integers!("*", Int2, Int4, Int4, integer::mul),
    integers!("*", Int2, Int8, Int8, integer::mul),
    integers!("*", Int4, Int2, Int4, integer::mul),
    integers!("*", Int4, Int4, Int4, integer::mul),
    integers!("*", Int4, Int8, Int8, integer::mul),
    integers!("*", Int8, Int2, Int8, integer::mul),
    integers!("*", Int8, Int4, Int8, integer::mul),
    integers!("*", Int8, Int8, Int8, integer::mul),
    integers!("/", Int2, Int2, Int2, integer::div),
    integers!("/", Int2, Int4, Int4, integer::div),
    integers!("/", Int2, Int8, Int8, integer::div),
    integers!("/", Int4, Int2, Int4, integer::div),
    integers!("/", Int4, Int4, Int4, integer::div),
    integers!("/", Int4, Int8, Int8, integer::div),
    integers!("/", Int8, Int2, Int8, integer::div),
    integers!("/", Int8, Int4, Int8, integer::div),
    integers!("/", Int8, Int8, Int8, integer::div),
    integers!("%", Int2, Int2, Int2, integer::rem),
    integers!("%", Int4, Int4, Int4, integer::rem),
    integers!("%", Int8, Int8, Int8, integer::rem),
    integers!("#", Int2, Int2, Int2, integer::xor),
    integers!("#", Int4, Int4, Int4, integer::xor),
    integers!("#", Int8, Int8, Int8, integer::xor),
    integers!("<<", Int2, Int4, Int2, integer::shift_left),
    integers!("<<", Int4, Int4, Int4, integer::shift_left),
    integers!("<<", Int8, Int4, Int8, integer::shift_left),
    integers!(">>", Int2, Int4, Int2, integer::shift_right),
    integers!(">>", Int4, Int4, Int4, integer::shift_right),
    integers!(">>", Int8, Int4, Int8, integer::shift_right),
    bits("&", Int2, "({0} & {1})"),
    bits("&", Int4, "({0} & {1})"),
    bits("&", Int8, "({0} & {1})"),
    bits("|", Int2, "({0} | {1})"),
    bits("|", Int4, "({0} | {1})"),
    bits("|", Int8, "({0} | {1})"),
    Operator::prefix("~", Is(Int2), Is(Int2), Sqlite("(~{0})")).leakproof(),
    Operator::prefix("~", Is(Int4), Is(Int4), Sqlite("(~{0})")).leakproof(),
    Operator::prefix("~", Is(Int8), Is(Int8), Sqlite("(~{0})")).leakproof(),
    same(Int2),
    same(Int4),
    same(Int8),
    same(Float4),
    same(Float8),
    sign!("-", Int2, integer::neg),
    sign!("-", Int4, integer::neg),
    sign!("-", Int8, integer::neg),
    Operator::prefix("-", Is(Float4), Is(Float4), Rust(|_, a| Ok((-a[0].float()).into()))).leakproof(),
    Operator::prefix("-", Is(Float8), Is(Float8), Rust(|_, a| Ok((-a[0].float()).into()))).leakproof(),
    sign!("@", Int2, integer::abs),
    sign!("@", Int4, integer::abs),
    sign!("@", Int8, integer::abs),
    Operator::prefix("@", Is(Float4), Is(Float4), Rust(|_, a| Ok(a[0].float().abs().into()))).leakproof(),
    Operator::prefix("@", Is(Float8), Is(Float8), Rust(|_, a| Ok(a[0].float().abs().into()))).leakproof(),
    floats!("+", Float4, Float4, Float4, float::add),
    floats!("+", Float4, Float8, Float8, float::add),
    floats!("+", Float8, Float4, Float8, float::add),
    floats!("+", Float8, Float8, Float8, float::add),
    floats!("-", Float4, Float4, Float4, float::sub),
    floats!("-", Float4, Float8, Float8, float::sub),
    floats!("-", Float8, Float4, Float8, float::sub),
    floats!("-", Float8, Float8, Float8, float::sub),
    floats!("*", Float4, Float4, Float4, float::mul),
    floats!("*", Float4, Float8, Float8, float::mul),
    floats!("*", Float8, Float4, Float8, float::mul),
    floats!("*", Float8, Float8, Float8, float::mul),
    floats!("/", Float4, Float4, Float4, float::div),
    floats!("/", Float4, Float8, Float8, float::div),
    floats!("/", Float8, Float4, Float8, float::div),
    floats!("/", Float8, Float8, Float8, float::div),
    Operator::binary(
        "^",
        Is(Float8),
        Is(Float8),
        Is(Float8),
        Rust(|_, a| Ok(float::power(a[0].float(), a[1].float())?.into())),
    ),
    Operator::prefix("|/", Is(Float8), Is(Float8), Rust(|_, a| Ok(float::sqrt(a[0].float())?.into()))),
    Operator::prefix("||/", Is(Float8), Is(Float8), Rust(|_, a| Ok(a[0].float().cbrt().into()))).leakproof(),
];

/// A function of a `double precision` that can't fail.
macro_rules! total {
    ($name:literal, $code:expr) => {
        Function::new($name, &[Is(Float8)], Is(Float8), Rust(|_, a| Ok($code(a[0].float()).into()))).leakproof()
    };
}

/// A function of a `double precision` that may fail.
macro_rules! partial {
    ($name:literal, $code:expr) => {
        Function::new($name, &[Is(Float8)], Is(Float8), Rust(|_, a| Ok($code(a[0].float())?.into())))
    };
}

macro_rules! power {
    ($name:literal) => {
        Function::new(
            $name,
            &[Is(Float8), Is(Float8)],
            Is(Float8),
            Rust(|_, a| Ok(float::power(a[0].float(), a[1].float())?.into())),
        )
    };
}

macro_rules! integer {
    ($name:literal, $base:expr, $code:path) => {
        Function::new($name, &[Is($base)], Is($base), Rust(|_, a| $code($base, a[0].int())))
    };
}

macro_rules! pair {
    ($name:literal, $base:expr, $code:path) => {
        Function::new($name, &[Is($base), Is($base)], Is($base), Rust(|_, a| $code($base, a[0].int(), a[1].int())))
    };
}

pub(crate) const FUNCTIONS: &[Function] = &[
    integer!("abs", Int2, integer::abs),
    integer!("abs", Int4, integer::abs),
    integer!("abs", Int8, integer::abs),
    pair!("mod", Int2, integer::rem),
    pair!("mod", Int4, integer::rem),
    pair!("mod", Int8, integer::rem),
    pair!("gcd", Int4, integer::gcd),
    pair!("gcd", Int8, integer::gcd),
    pair!("lcm", Int4, integer::lcm),
    pair!("lcm", Int8, integer::lcm),
    Function::new("to_hex", &[Is(Int4)], Is(Text), Rust(|_, a| Ok(format!("{:x}", a[0].int() as i32).into())))
        .leakproof(),
    Function::new("to_hex", &[Is(Int8)], Is(Text), Rust(|_, a| Ok(format!("{:x}", a[0].int()).into()))).leakproof(),
    Function::new("abs", &[Is(Float4)], Is(Float4), Rust(|_, a| Ok(a[0].float().abs().into()))).leakproof(),
    total!("abs", f64::abs),
    total!("sign", float::sign),
    total!("ceil", f64::ceil),
    total!("ceiling", f64::ceil),
    total!("floor", f64::floor),
    total!("round", f64::round_ties_even),
    total!("trunc", f64::trunc),
    total!("cbrt", f64::cbrt),
    partial!("sqrt", float::sqrt),
    partial!("exp", float::exp),
    partial!("ln", float::ln),
    partial!("log", float::log10),
    partial!("log10", float::log10),
    power!("power"),
    power!("pow"),
    partial!("degrees", |a| float::div(Float8, a, std::f64::consts::PI / 180.0)),
    total!("radians", |a: f64| a * (std::f64::consts::PI / 180.0)),
    partial!("sin", |a| float::of_angle(f64::sin, a)),
    partial!("cos", |a| float::of_angle(f64::cos, a)),
    partial!("tan", |a| float::of_angle(f64::tan, a)),
    partial!("cot", |a| float::of_angle(|a| 1.0 / a.tan(), a)),
    partial!("asin", |a| float::within(-1.0, 1.0, f64::asin, a)),
    partial!("acos", |a| float::within(-1.0, 1.0, f64::acos, a)),
    total!("atan", f64::atan),
    Function::new(
        "atan2",
        &[Is(Float8), Is(Float8)],
        Is(Float8),
        Rust(|_, a| Ok(a[0].float().atan2(a[1].float()).into())),
    )
    .leakproof(),
    total!("sinh", f64::sinh),
    total!("cosh", f64::cosh),
    total!("tanh", f64::tanh),
    total!("asinh", float::asinh),
    partial!("acosh", |a| float::within(1.0, f64::INFINITY, float::acosh, a)),
    partial!("atanh", |a| float::within(-1.0, 1.0, float::atanh, a)),
    partial!("sind", degrees::sin),
    partial!("cosd", degrees::cos),
    partial!("tand", degrees::tan),
    partial!("cotd", degrees::cot),
    partial!("asind", degrees::asin),
    partial!("acosd", degrees::acos),
    total!("atand", degrees::atan),
    Function::new(
        "atan2d",
        &[Is(Float8), Is(Float8)],
        Is(Float8),
        Rust(|_, a| Ok(degrees::atan2(a[0].float(), a[1].float()).into())),
    )
    .leakproof(),
    Function::new("pi", &[], Is(Float8), Rust(|_, _| Ok(std::f64::consts::PI.into()))).leakproof(),
    Function::new("random", &[], Is(Float8), Rust(random)).volatile(),
    Function::new(
        "width_bucket",
        &[Is(Float8), Is(Float8), Is(Float8), Is(Int4)],
        Is(Int4),
        Rust(|_, a| Ok(float::width_bucket(a[0].float(), a[1].float(), a[2].float(), a[3].int())?.into())),
    ),
];

pub(crate) const SET_FUNCTIONS: &[SetFunction] = &[
    SetFunction {
        name: "generate_series",
        args: &[Is(Int4), Is(Int4), Is(Int4)],
        names: &[],
        optional: 1,
        columns: &[("generate_series", Is(Int4))],
        rows: integer_series,
    },
    SetFunction {
        name: "generate_series",
        args: &[Is(Int8), Is(Int8), Is(Int8)],
        names: &[],
        optional: 1,
        columns: &[("generate_series", Is(Int8))],
        rows: integer_series,
    },
    SetFunction {
        name: "generate_series",
        args: &[Is(Num), Is(Num), Is(Num)],
        names: &[],
        optional: 1,
        columns: &[("generate_series", Is(Num))],
        rows: numeric_series,
    },
];

/// 53 random bits make a number from 0 to below 1.
fn random(_: &Context, _: &[ValueRef<'_>]) -> Result<Value> {
    let bits = uuid::Uuid::new_v4().as_u128() as u64 & ((1 << 53) - 1);
    Ok((bits as f64 / (1_u64 << 53) as f64).into())
}

fn integer_series(_: &Context, _: &[Type], args: &[ValueRef<'_>]) -> Result<Vec<Vec<Value>>> {
    if args.iter().any(|argument| argument.is_null()) {
        return Ok(Vec::new());
    }
    integer::series(args[0].int(), args[1].int(), args.get(2).map_or(1, |step| step.int()))
}

fn numeric_series(_: &Context, _: &[Type], args: &[ValueRef<'_>]) -> Result<Vec<Vec<Value>>> {
    if args.iter().any(|argument| argument.is_null()) {
        return Ok(Vec::new());
    }
    let (start, stop) = (args[0].text(), args[1].text());
    let step = args.get(2).map_or("1", |step| step.text());
    for (value, name) in [(start, "start"), (stop, "stop"), (step, "step size")] {
        let kind = match value {
            "NaN" => "NaN",
            "Infinity" | "-Infinity" => "infinity",
            _ => continue,
        };
        return Err(Error::new("22023", format!("{name} value cannot be {kind}").replace("size value", "size")));
    }
    let ascending = match crate::numeric::compare(step, "0") {
        std::cmp::Ordering::Equal => return Err(Error::new("22023", "step size cannot equal zero")),
        ordering => ordering.is_gt(),
    };
    let mut rows = Vec::new();
    let mut value = start.to_owned();
    while if ascending {
        crate::numeric::compare(&value, stop).is_le()
    } else {
        crate::numeric::compare(&value, stop).is_ge()
    } {
        integer::check_rows(rows.len())?;
        let next = crate::numeric::add(&value, step)?;
        rows.push(vec![std::mem::replace(&mut value, next).into()]);
    }
    Ok(rows)
}
