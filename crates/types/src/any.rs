//! Functions over values of any type, and of no value at all.

use basalt_core::{Error, Result};

use crate::Base::{Bool, Int4, Int8, Text, Void};
use crate::Implementation::{Rust, Typed};
use crate::Kind::{Any, AnyArray, Is};
use crate::array::stored::spread;
use crate::{Context, Function, Kind, Value, ValueRef};

fn count_nulls(_: &Context, args: &[ValueRef<'_>]) -> Result<Value> {
    Ok((args.iter().filter(|arg| arg.is_null()).count() as i64).into())
}

fn count_values(_: &Context, args: &[ValueRef<'_>]) -> Result<Value> {
    Ok((args.iter().filter(|arg| !arg.is_null()).count() as i64).into())
}

/// An advisory lock until the end of the transaction: transactions that write run one after the other anyway.
const fn lock(name: &'static str, args: &'static [Kind]) -> Function {
    Function::new(name, args, Is(Void), Rust(|_, _| Ok("".into()))).volatile()
}

const fn try_lock(name: &'static str, args: &'static [Kind]) -> Function {
    Function::new(name, args, Is(Bool), Rust(|_, _| Ok(true.into()))).volatile()
}

/// A notification: as in PostgreSQL it goes to whoever listens, and here nobody can.
fn notify(_: &Context, args: &[ValueRef<'_>]) -> Result<Value> {
    let text = |at: usize| if args[at].is_null() { "" } else { args[at].text() };
    let refused = |message| Err(Error::new("22023", message));
    match (text(0).len(), text(1).len()) {
        (0, _) => refused("channel name cannot be empty"),
        (64.., _) => refused("channel name too long"),
        (_, 8000..) => refused("payload string too long"),
        _ => Ok("".into()),
    }
}

pub(crate) const FUNCTIONS: &[Function] = &[
    lock("pg_advisory_xact_lock", &[Is(Int8)]),
    lock("pg_advisory_xact_lock", &[Is(Int4), Is(Int4)]),
    lock("pg_advisory_xact_lock_shared", &[Is(Int8)]),
    lock("pg_advisory_xact_lock_shared", &[Is(Int4), Is(Int4)]),
    try_lock("pg_try_advisory_xact_lock", &[Is(Int8)]),
    try_lock("pg_try_advisory_xact_lock", &[Is(Int4), Is(Int4)]),
    Function::new("pg_notify", &[Is(Text), Is(Text)], Is(Void), Rust(notify)).volatile().called_on_null(),
    Function::new("num_nulls", &[Any, Any], Is(Int4), Rust(count_nulls)).variadic().called_on_null().leakproof(),
    Function::new("num_nonnulls", &[Any, Any], Is(Int4), Rust(count_values)).variadic().called_on_null().leakproof(),
    Function::new(
        "basalt_variadic_num_nulls",
        &[AnyArray],
        Is(Int4),
        Typed(|c, t, a| spread(c, t, a, |c, _, a| count_nulls(c, a))),
    )
    .leakproof(),
    Function::new(
        "basalt_variadic_num_nonnulls",
        &[AnyArray],
        Is(Int4),
        Typed(|c, t, a| spread(c, t, a, |c, _, a| count_values(c, a))),
    )
    .leakproof(),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nulls_are_counted() {
        let args = [ValueRef::Null, ValueRef::Int(1), ValueRef::Text("")];
        assert_eq!(count_nulls(&Context::default(), &args), Ok(Value::Int(1)));
        assert_eq!(count_values(&Context::default(), &args), Ok(Value::Int(2)));
    }
}
