//! Functions over values of any type.

use basalt_core::Result;

use crate::Base::Int4;
use crate::Implementation::Rust;
use crate::Kind::{Any, Is};
use crate::{Context, Function, Value, ValueRef};

fn count_nulls(_: &Context, args: &[ValueRef<'_>]) -> Result<Value> {
    Ok((args.iter().filter(|arg| arg.is_null()).count() as i64).into())
}

fn count_values(_: &Context, args: &[ValueRef<'_>]) -> Result<Value> {
    Ok((args.iter().filter(|arg| !arg.is_null()).count() as i64).into())
}

pub(crate) const FUNCTIONS: &[Function] = &[
    Function::new("num_nulls", &[Any, Any], Is(Int4), Rust(count_nulls)).variadic().called_on_null().leakproof(),
    Function::new("num_nonnulls", &[Any, Any], Is(Int4), Rust(count_values)).variadic().called_on_null().leakproof(),
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
