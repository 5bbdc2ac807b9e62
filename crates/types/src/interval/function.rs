//! Signatures of the functions and operators on intervals alone.

use basalt_core::Result;

use crate::Base::{Bool, Float8, Int4, Interval as Span};
use crate::Implementation::Rust;
use crate::Kind::Is;
use crate::datetime::{HOUR, MINUTE, SECOND};
use crate::{Context, Function, Operator, Value, ValueRef};

use super::{Interval, out_of_range};

/// An interval argument.
fn span(argument: ValueRef<'_>) -> Result<Interval> {
    Interval::parse(argument.text())
}

fn stored(result: Result<Interval>) -> Result<Value> {
    Ok(result?.to_string().into())
}

pub(crate) const OPERATORS: &[Operator] = &[
    Operator::binary("+", Is(Span), Is(Span), Is(Span), Rust(|_, a| stored(span(a[0])?.plus(span(a[1])?)))),
    Operator::binary("-", Is(Span), Is(Span), Is(Span), Rust(|_, a| stored(span(a[0])?.minus(span(a[1])?)))),
    Operator::prefix("-", Is(Span), Is(Span), Rust(|_, a| stored(span(a[0])?.negative()))),
    Operator::binary("*", Is(Span), Is(Float8), Is(Span), Rust(|_, a| stored(span(a[0])?.times(a[1].float())))),
    Operator::binary("*", Is(Float8), Is(Span), Is(Span), Rust(|_, a| stored(span(a[1])?.times(a[0].float())))),
    Operator::binary("/", Is(Span), Is(Float8), Is(Span), Rust(|_, a| stored(span(a[0])?.over(a[1].float())))),
];

pub(crate) const FUNCTIONS: &[Function] = &[
    Function::new("justify_hours", &[Is(Span)], Is(Span), Rust(|_, a| stored(span(a[0])?.justify_hours()))),
    Function::new("justify_days", &[Is(Span)], Is(Span), Rust(|_, a| stored(span(a[0])?.justify_days()))),
    Function::new("justify_interval", &[Is(Span)], Is(Span), Rust(|_, a| stored(span(a[0])?.justify()))),
    Function::new("isfinite", &[Is(Span)], Is(Bool), Rust(|_, _| Ok(true.into()))).leakproof(),
    Function::new(
        "make_interval",
        &[Is(Int4), Is(Int4), Is(Int4), Is(Int4), Is(Int4), Is(Int4), Is(Float8)],
        Is(Span),
        Rust(make_interval),
    )
    .named(&["years", "months", "weeks", "days", "hours", "mins", "secs"])
    .optional(7),
];

/// Of years, months, weeks, days, hours, minutes, seconds.
fn make_interval(_: &Context, args: &[ValueRef<'_>]) -> Result<Value> {
    let part = |index: usize| args.get(index).map_or(0, |argument| argument.int());
    let seconds = args.get(6).map_or(0.0, |argument| argument.float());
    if !seconds.is_finite() {
        return Err(out_of_range());
    }
    let interval = || {
        Some(Interval {
            months: i32::try_from(part(0) * 12 + part(1)).ok()?,
            days: i32::try_from(part(2) * 7 + part(3)).ok()?,
            micros: (part(4) * HOUR + part(5) * MINUTE)
                .checked_add((seconds * SECOND as f64).round_ties_even() as i64)?,
        })
    };
    stored(interval().ok_or_else(out_of_range))
}
