//! Signatures of the functions and operators on dates and times.

use basalt_core::Result;

use crate::Base::{Bool, Date, Float8, Int4, Interval as Span, Numeric, Text, Time, Timestamp, Timestamptz};
use crate::Implementation::Rust;
use crate::Kind::Is;
use crate::interval::Interval;
use crate::{Context, Function, Operator, SetFunction, Value, ValueRef};

use super::construct::{fixed_zone, from_unix, make_date, make_time, make_timestamp, make_timestamptz, series};
use super::zone::require_zone;
use super::{
    DAY, SECOND, UNIX_EPOCH_SECONDS, Zone, arithmetic, date_to_timestamp, field, is_finite, offset_at,
    timestamp_to_date, timestamptz_to_date, timestamptz_to_timestamp,
};

/// An interval argument.
pub(super) fn span(argument: ValueRef<'_>) -> Result<Interval> {
    Interval::parse(argument.text())
}

fn stored(result: Result<Interval>) -> Result<Value> {
    Ok(result?.to_string().into())
}

/// `+` of two types in either order, the code given for this one.
macro_rules! plus {
    ($left:expr, $right:expr, $result:expr, |$context:ident, $a:ident, $b:ident| $code:expr) => {
        Operator::binary(
            "+",
            Is($left),
            Is($right),
            Is($result),
            Rust(|$context, a| {
                let ($a, $b) = (a[0], a[1]);
                Ok($code?.into())
            }),
        )
    };
}

macro_rules! minus {
    ($left:expr, $right:expr, $result:expr, |$context:ident, $a:ident, $b:ident| $code:expr) => {
        Operator::binary(
            "-",
            Is($left),
            Is($right),
            Is($result),
            Rust(|$context, a| {
                let ($a, $b) = (a[0], a[1]);
                Ok($code?.into())
            }),
        )
    };
}

pub(crate) const OPERATORS: &[Operator] = &[
    plus!(Date, Int4, Date, |_c, a, b| arithmetic::add_to_date(a.int(), b.int())),
    plus!(Int4, Date, Date, |_c, a, b| arithmetic::add_to_date(b.int(), a.int())),
    plus!(Date, Time, Timestamp, |_c, a, b| arithmetic::at_time(a.int(), b.int())),
    plus!(Time, Date, Timestamp, |_c, a, b| arithmetic::at_time(b.int(), a.int())),
    plus!(Date, Span, Timestamp, |_c, a, b| date_plus(a, span(b)?)),
    plus!(Span, Date, Timestamp, |_c, a, b| date_plus(b, span(a)?)),
    plus!(Timestamp, Span, Timestamp, |_c, a, b| arithmetic::add_to_timestamp(a.int(), span(b)?)),
    plus!(Span, Timestamp, Timestamp, |_c, a, b| arithmetic::add_to_timestamp(b.int(), span(a)?)),
    plus!(Timestamptz, Span, Timestamptz, |c, a, b| arithmetic::add_to_timestamptz(a.int(), span(b)?, &c.time_zone))
        .stable(),
    plus!(Span, Timestamptz, Timestamptz, |c, a, b| arithmetic::add_to_timestamptz(b.int(), span(a)?, &c.time_zone))
        .stable(),
    plus!(Time, Span, Time, |_c, a, b| time_plus(a, span(b)?)),
    plus!(Span, Time, Time, |_c, a, b| time_plus(b, span(a)?)),
    minus!(Date, Int4, Date, |_c, a, b| arithmetic::add_to_date(a.int(), -b.int())),
    minus!(Date, Date, Int4, |_c, a, b| arithmetic::days_between(a.int(), b.int())),
    minus!(Date, Span, Timestamp, |_c, a, b| date_plus(a, span(b)?.negative()?)),
    minus!(Timestamp, Span, Timestamp, |_c, a, b| arithmetic::add_to_timestamp(a.int(), span(b)?.negative()?)),
    minus!(Timestamptz, Span, Timestamptz, |c, a, b| {
        arithmetic::add_to_timestamptz(a.int(), span(b)?.negative()?, &c.time_zone)
    })
    .stable(),
    minus!(Time, Span, Time, |_c, a, b| time_plus(a, span(b)?.negative()?)),
    minus!(Time, Time, Span, |_c, a, b| stored(Ok(Interval { micros: a.int() - b.int(), ..Interval::default() }))),
    minus!(Timestamp, Timestamp, Span, |_c, a, b| stored(arithmetic::between(a.int(), b.int()))),
    minus!(Timestamptz, Timestamptz, Span, |_c, a, b| stored(arithmetic::between(a.int(), b.int()))),
];

fn date_plus(date: ValueRef<'_>, span: Interval) -> Result<i64> {
    arithmetic::add_to_timestamp(date_to_timestamp(date.int())?, span)
}

fn time_plus(time: ValueRef<'_>, span: Interval) -> Result<i64> {
    Ok((time.int() + span.micros % DAY).rem_euclid(DAY))
}

/// `extract` and `date_part` of one type: the same field, as numeric or floating-point number.
macro_rules! extract {
    ($base:expr, $code:expr) => {
        Function::new("extract", &[Is(Text), Is($base)], Is(Numeric), Rust(|c, a| Ok($code(c, a)?.into())))
    };
}

macro_rules! date_part {
    ($base:expr, $code:expr) => {
        Function::new("date_part", &[Is(Text), Is($base)], Is(Float8), Rust(|c, a| as_float($code(c, a)?)))
    };
}

pub(crate) const FUNCTIONS: &[Function] = &[
    Function::new("clock_timestamp", &[], Is(Timestamptz), Rust(|_, _| Ok(clock().into()))).volatile(),
    Function::new("transaction_timestamp", &[], Is(Timestamptz), Rust(|c, _| Ok(c.now.into()))).stable(),
    Function::new("statement_timestamp", &[], Is(Timestamptz), Rust(|c, _| Ok(c.now.into()))).stable(),
    extract!(Date, date_field),
    extract!(Time, time_field),
    extract!(Timestamp, timestamp_field),
    extract!(Timestamptz, timestamptz_field).stable(),
    extract!(Span, interval_field),
    date_part!(Date, date_as_timestamp_field),
    date_part!(Time, time_field),
    date_part!(Timestamp, timestamp_field),
    date_part!(Timestamptz, timestamptz_field).stable(),
    date_part!(Span, interval_field),
    Function::new(
        "date_trunc",
        &[Is(Text), Is(Timestamp)],
        Is(Timestamp),
        Rust(|_, a| Ok(field::truncate(a[0].text(), a[1].int(), Timestamp)?.into())),
    ),
    Function::new("date_trunc", &[Is(Text), Is(Timestamptz)], Is(Timestamptz), Rust(date_trunc_session)).stable(),
    Function::new("date_trunc", &[Is(Text), Is(Timestamptz), Is(Text)], Is(Timestamptz), Rust(date_trunc_zone))
        .stable(),
    Function::new(
        "date_trunc",
        &[Is(Text), Is(Span)],
        Is(Span),
        Rust(|_, a| stored(field::truncate_interval(a[0].text(), span(a[1])?))),
    ),
    Function::new("date_bin", &[Is(Span), Is(Timestamp), Is(Timestamp)], Is(Timestamp), Rust(date_bin)),
    Function::new("date_bin", &[Is(Span), Is(Timestamptz), Is(Timestamptz)], Is(Timestamptz), Rust(date_bin)),
    Function::new(
        "age",
        &[Is(Timestamp), Is(Timestamp)],
        Is(Span),
        Rust(|_, a| stored(arithmetic::age(a[0].int(), a[1].int()))),
    ),
    Function::new("age", &[Is(Timestamptz), Is(Timestamptz)], Is(Span), Rust(age_in_session)).stable(),
    Function::new("age", &[Is(Timestamp)], Is(Span), Rust(|c, a| stored(arithmetic::age(midnight(c)?, a[0].int()))))
        .stable(),
    Function::new(
        "age",
        &[Is(Timestamptz)],
        Is(Span),
        Rust(|c, a| stored(arithmetic::age(midnight(c)?, timestamptz_to_timestamp(a[0].int(), c)?))),
    )
    .stable(),
    Function::new("overlaps", &[Is(Time), Is(Time), Is(Time), Is(Time)], Is(Bool), Rust(overlaps)).called_on_null(),
    Function::new("overlaps", &[Is(Timestamp), Is(Timestamp), Is(Timestamp), Is(Timestamp)], Is(Bool), Rust(overlaps))
        .called_on_null(),
    Function::new(
        "overlaps",
        &[Is(Timestamptz), Is(Timestamptz), Is(Timestamptz), Is(Timestamptz)],
        Is(Bool),
        Rust(overlaps),
    )
    .called_on_null(),
    Function::new("make_date", &[Is(Int4), Is(Int4), Is(Int4)], Is(Date), Rust(|_, a| Ok(make_date(a)?.into()))),
    Function::new("make_time", &[Is(Int4), Is(Int4), Is(Float8)], Is(Time), Rust(|_, a| Ok(make_time(a)?.into()))),
    Function::new(
        "make_timestamp",
        &[Is(Int4), Is(Int4), Is(Int4), Is(Int4), Is(Int4), Is(Float8)],
        Is(Timestamp),
        Rust(|_, a| Ok(make_timestamp(a)?.into())),
    ),
    Function::new(
        "make_timestamptz",
        &[Is(Int4), Is(Int4), Is(Int4), Is(Int4), Is(Int4), Is(Float8), Is(Text)],
        Is(Timestamptz),
        Rust(make_timestamptz),
    )
    .optional(1)
    .stable(),
    Function::new("to_timestamp", &[Is(Float8)], Is(Timestamptz), Rust(|_, a| Ok(from_unix(a[0].float())?.into()))),
    Function::new(
        "timezone",
        &[Is(Text), Is(Timestamp)],
        Is(Timestamptz),
        Rust(|_, a| Ok(require_zone(a[0].text())?.to_utc(a[1].int())?.into())),
    ),
    Function::new(
        "timezone",
        &[Is(Text), Is(Timestamptz)],
        Is(Timestamp),
        Rust(|_, a| Ok(require_zone(a[0].text())?.to_local(a[1].int())?.into())),
    ),
    Function::new(
        "timezone",
        &[Is(Span), Is(Timestamp)],
        Is(Timestamptz),
        Rust(|_, a| Ok(fixed_zone(a[0])?.to_utc(a[1].int())?.into())),
    ),
    Function::new(
        "timezone",
        &[Is(Span), Is(Timestamptz)],
        Is(Timestamp),
        Rust(|_, a| Ok(fixed_zone(a[0])?.to_local(a[1].int())?.into())),
    ),
    Function::new("isfinite", &[Is(Date)], Is(Bool), Rust(|_, a| Ok(is_finite(a[0].int()).into()))).leakproof(),
    Function::new("isfinite", &[Is(Timestamp)], Is(Bool), Rust(|_, a| Ok(is_finite(a[0].int()).into()))).leakproof(),
    Function::new("isfinite", &[Is(Timestamptz)], Is(Bool), Rust(|_, a| Ok(is_finite(a[0].int()).into()))).leakproof(),
    Function::new("date", &[Is(Timestamp)], Is(Date), Rust(|_, a| Ok(timestamp_to_date(a[0].int()).into())))
        .leakproof(),
    Function::new("date", &[Is(Timestamptz)], Is(Date), Rust(|c, a| Ok(timestamptz_to_date(a[0].int(), c)?.into())))
        .stable(),
];

pub(crate) const SET_FUNCTIONS: &[SetFunction] = &[
    SetFunction {
        name: "generate_series",
        args: &[Is(Timestamp), Is(Timestamp), Is(Span)],
        names: &[],
        optional: 0,
        columns: &[("generate_series", Is(Timestamp))],
        rows: |_, _, a| series(a, arithmetic::add_to_timestamp),
    },
    SetFunction {
        name: "generate_series",
        args: &[Is(Timestamptz), Is(Timestamptz), Is(Span)],
        names: &[],
        optional: 0,
        columns: &[("generate_series", Is(Timestamptz))],
        rows: |c, _, a| series(a, |moment, step| arithmetic::add_to_timestamptz(moment, step, &c.time_zone)),
    },
];

/// Microseconds since 2000-01-01 UTC by the machine's clock.
fn clock() -> i64 {
    jiff::Timestamp::now().as_microsecond() - UNIX_EPOCH_SECONDS * SECOND
}

/// The start of the current day by the session's clocks.
fn midnight(context: &Context) -> Result<i64> {
    let now = timestamptz_to_timestamp(context.now, context)?;
    Ok(now - now.rem_euclid(DAY))
}

fn as_float(text: Option<String>) -> Result<Value> {
    match text {
        Some(text) => Ok(crate::numeric::to_f64(&text)?.into()),
        None => Ok(Value::Null),
    }
}

fn date_field(_: &Context, args: &[ValueRef<'_>]) -> Result<Option<String>> {
    field::of_date(args[0].text(), args[1].int())
}

/// `date_part` of a date is that of its midnight.
fn date_as_timestamp_field(_: &Context, args: &[ValueRef<'_>]) -> Result<Option<String>> {
    field::of_timestamp(args[0].text(), date_to_timestamp(args[1].int())?, None, Timestamp)
}

fn time_field(_: &Context, args: &[ValueRef<'_>]) -> Result<Option<String>> {
    field::of_time(args[0].text(), args[1].int())
}

fn timestamp_field(_: &Context, args: &[ValueRef<'_>]) -> Result<Option<String>> {
    field::of_timestamp(args[0].text(), args[1].int(), None, Timestamp)
}

fn timestamptz_field(context: &Context, args: &[ValueRef<'_>]) -> Result<Option<String>> {
    let instant = args[1].int();
    let offset = if is_finite(instant) { offset_at(instant, &context.time_zone) } else { 0 };
    field::of_timestamp(args[0].text(), timestamptz_to_timestamp(instant, context)?, Some(offset), Timestamptz)
}

fn interval_field(_: &Context, args: &[ValueRef<'_>]) -> Result<Option<String>> {
    field::of_interval(args[0].text(), span(args[1])?)
}

fn date_trunc_session(context: &Context, args: &[ValueRef<'_>]) -> Result<Value> {
    truncate_in(args[0].text(), args[1].int(), &Zone::Rules(context.time_zone.clone()))
}

fn date_trunc_zone(_: &Context, args: &[ValueRef<'_>]) -> Result<Value> {
    truncate_in(args[0].text(), args[1].int(), &require_zone(args[2].text())?)
}

fn truncate_in(unit: &str, instant: i64, zone: &Zone) -> Result<Value> {
    let local = zone.to_local(instant)?;
    let truncated = field::truncate(unit, local, Timestamptz)?;
    if field::keeps_offset(unit, Timestamptz)? {
        return Ok((instant - (local - truncated)).into());
    }
    Ok(zone.to_utc(truncated)?.into())
}

fn date_bin(_: &Context, args: &[ValueRef<'_>]) -> Result<Value> {
    Ok(arithmetic::bin(span(args[0])?, args[1].int(), args[2].int())?.into())
}

fn age_in_session(context: &Context, args: &[ValueRef<'_>]) -> Result<Value> {
    let local = |argument: ValueRef<'_>| timestamptz_to_timestamp(argument.int(), context);
    stored(arithmetic::age(local(args[0])?, local(args[1])?))
}

/// `(start, end) overlaps (start, end)`: periods that hold their earlier bound and not their later one. A bound may be NULL.
fn overlaps(_: &Context, args: &[ValueRef<'_>]) -> Result<Value> {
    let period = |start: ValueRef<'_>, end: ValueRef<'_>| match (start.is_null(), end.is_null()) {
        (true, true) => None,
        (true, false) => Some((end.int(), None)),
        (false, true) => Some((start.int(), None)),
        (false, false) => Some((start.int().min(end.int()), Some(start.int().max(end.int())))),
    };
    let (Some(a), Some(b)) = (period(args[0], args[1]), period(args[2], args[3])) else { return Ok(Value::Null) };
    let (first, second) = if a.0 <= b.0 { (a, b) } else { (b, a) };
    Ok(match (first.1, second.1) {
        (Some(_), Some(_)) if first.0 == second.0 => true.into(),
        _ if first.0 == second.0 => Value::Null,
        (Some(end), _) if second.0 < end => true.into(),
        (Some(_), Some(_)) => false.into(),
        _ => Value::Null,
    })
}
