//! `to_char`, `to_date`, `to_timestamp` and `to_number`: values by template (PostgreSQL manual, section 9.8).

use basalt_core::Result;

use crate::Base::{Date, Float4, Float8, Int4, Int8, Interval as Span, Numeric as Num, Text, Timestamp, Timestamptz};
use crate::Implementation::Rust;
use crate::Kind::Is;
use crate::datetime::{offset_at, timestamptz_to_timestamp};
use crate::interval::Interval;
use crate::{Context, Function, Value, ValueRef};

mod number;
mod number_template;
mod read;
mod template;
#[cfg(test)]
mod tests;
mod write;

use write::Moment;

pub(crate) const FUNCTIONS: &[Function] = &[
    Function::new("to_char", &[Is(Timestamp), Is(Text)], Is(Text), Rust(timestamp_to_char)).stable(),
    Function::new("to_char", &[Is(Timestamptz), Is(Text)], Is(Text), Rust(timestamptz_to_char)).stable(),
    Function::new("to_char", &[Is(Span), Is(Text)], Is(Text), Rust(interval_to_char)).stable(),
    Function::new(
        "to_char",
        &[Is(Num), Is(Text)],
        Is(Text),
        Rust(|_, a| number::from_numeric(a[0].text(), a[1].text())),
    )
    .stable(),
    Function::new(
        "to_char",
        &[Is(Int4), Is(Text)],
        Is(Text),
        Rust(|_, a| number::from_integer(a[0].int(), a[1].text())),
    )
    .stable(),
    Function::new(
        "to_char",
        &[Is(Int8), Is(Text)],
        Is(Text),
        Rust(|_, a| number::from_integer(a[0].int(), a[1].text())),
    )
    .stable(),
    Function::new(
        "to_char",
        &[Is(Float4), Is(Text)],
        Is(Text),
        Rust(|_, a| number::from_float(a[0].float(), 6, a[1].text())),
    )
    .stable(),
    Function::new(
        "to_char",
        &[Is(Float8), Is(Text)],
        Is(Text),
        Rust(|_, a| number::from_float(a[0].float(), 15, a[1].text())),
    )
    .stable(),
    Function::new(
        "to_number",
        &[Is(Text), Is(Text)],
        Is(Num),
        Rust(|_, a| number::to_number(a[0].text(), a[1].text())),
    )
    .stable(),
    Function::new("to_date", &[Is(Text), Is(Text)], Is(Date), Rust(|_, a| read::to_date(a[0].text(), a[1].text())))
        .stable(),
    Function::new(
        "to_timestamp",
        &[Is(Text), Is(Text)],
        Is(Timestamptz),
        Rust(|c, a| read::to_timestamp(a[0].text(), a[1].text(), c)),
    )
    .stable(),
];

fn timestamp_to_char(_: &Context, args: &[ValueRef<'_>]) -> Result<Value> {
    fill_in(Moment::of_timestamp(args[0].int()), args[1])
}

fn timestamptz_to_char(context: &Context, args: &[ValueRef<'_>]) -> Result<Value> {
    let instant = args[0].int();
    let Some(moment) = Moment::of_timestamp(timestamptz_to_timestamp(instant, context)?) else {
        return Ok(Value::Null);
    };
    let abbreviation = crate::datetime::abbreviation_at(instant, &context.time_zone);
    fill_in(Some(moment.in_zone(offset_at(instant, &context.time_zone), abbreviation)), args[1])
}

fn interval_to_char(_: &Context, args: &[ValueRef<'_>]) -> Result<Value> {
    fill_in(Some(Moment::of_interval(Interval::parse(args[0].text())?)), args[1])
}

/// NULL of an infinity, and by an empty template.
fn fill_in(moment: Option<Moment>, template: ValueRef<'_>) -> Result<Value> {
    match (moment, template.text()) {
        (None, _) | (_, "") => Ok(Value::Null),
        (Some(moment), template) => Ok(moment.write(template)?.into()),
    }
}
