//! Ranges made of their bounds.

use basalt_core::{Error, Result};

use super::{Bound, element, make};
use crate::{Base, Context, Type, Value, ValueRef};

/// `int4range(lower, upper)`, and with `'[]'` or its kin as the third argument.
///
/// 22000 for a NULL in that place, 42601 for another text.
pub(super) fn construct(_: &Context, types: &[Type], args: &[ValueRef<'_>]) -> Result<Value> {
    let (lower_inclusive, upper_inclusive) = match args.get(2) {
        None => (true, false),
        Some(ValueRef::Null) => {
            return Err(Error::new("22000", "range constructor flags argument must not be null"));
        }
        Some(flags) => match flags.text() {
            "[]" => (true, true),
            "[)" => (true, false),
            "(]" => (false, true),
            "()" => (false, false),
            _ => {
                return Err(Error::new("42601", "invalid range bound flags")
                    .with_hint("Valid values are \"[]\", \"[)\", \"(]\", and \"()\"."));
            }
        },
    };
    let bound = |value: ValueRef<'_>, inclusive| Bound {
        value: (!value.is_null()).then(|| element(value).into_owned().into()),
        inclusive,
    };
    let subtype = types[0].base().unwrap_or(Base::Unknown);
    make(subtype, bound(args[0], lower_inclusive), bound(args[1], upper_inclusive)).map(Value::from)
}
