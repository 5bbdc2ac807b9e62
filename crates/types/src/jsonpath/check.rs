//! What a path may not say, though it can be read.

use basalt_core::{Error, Result};

use super::{Accessor, Chain, Head};

/// Steps and operators within one another; deeper ones would exhaust the stack.
pub(super) const MOST_NESTED: usize = 500;

/// Refuses `@` outside filters, `last` outside subscripts, and what nests too deep.
pub(super) fn check(chain: &Chain) -> Result<()> {
    check_at(chain, Place::default())
}

/// Where in a path a chain stands.
#[derive(Clone, Copy, Default)]
struct Place {
    nested: usize,
    in_filter: bool,
    in_subscript: bool,
}

fn check_at(chain: &Chain, place: Place) -> Result<()> {
    let place = Place { nested: place.nested + 1 + chain.accessors.len(), ..place };
    if place.nested > MOST_NESTED {
        return Err(Error::new("54001", "stack depth limit exceeded"));
    }
    match &chain.head {
        Head::Current if !place.in_filter => {
            return Err(Error::new("42601", "@ is not allowed in root expressions"));
        }
        Head::Last if !place.in_subscript => {
            return Err(Error::new("42601", "LAST is allowed only in array subscripts"));
        }
        Head::Arithmetic(_, left, right)
        | Head::And(left, right)
        | Head::Or(left, right)
        | Head::Compare(_, left, right)
        | Head::StartsWith(left, right) => {
            check_at(left, place)?;
            check_at(right, place)?;
        }
        Head::Sign { operand, .. }
        | Head::Not(operand)
        | Head::IsUnknown(operand)
        | Head::Exists(operand)
        | Head::LikeRegex(operand, _) => check_at(operand, place)?,
        _ => {}
    }
    for accessor in &chain.accessors {
        match accessor {
            Accessor::Filter(condition) => check_at(condition, Place { in_filter: true, ..place })?,
            Accessor::Elements(subscripts) => {
                let place = Place { in_subscript: true, ..place };
                for (from, to) in subscripts {
                    check_at(from, place)?;
                    to.as_ref().map_or(Ok(()), |to| check_at(to, place))?;
                }
            }
            _ => {}
        }
    }
    Ok(())
}
