//! Parts of arrays as PL/pgSQL has them: an element that is assigned to, and the slices that FOREACH goes through.

use basalt_core::{Error, Result};

use super::shape::element;
use super::stored::{Array, check_elements, write_leaf};
use crate::json::raw;
use crate::{Context, Type, Value, ValueRef};

/// An array with another element at an index: behind the last one it grows, with NULLs between.
///
/// Errors: 22004 for no index; 2202E for an array of more dimensions; 0A000 for one that would begin elsewhere than at 1; 54000 for one too long.
pub(super) fn with_element(_: &Context, args: &[ValueRef<'_>]) -> Result<Value> {
    let array = if args[0].is_null() { "[]" } else { args[0].text() };
    if args[1].is_null() {
        return Err(Error::new("22004", "array subscript in assignment must not be null"));
    }
    if raw::elements(array).next().is_some_and(|first| first.starts_with('[')) {
        return Err(Error::new("2202E", "wrong number of array subscripts"));
    }
    let (index, length) = (args[1].int(), raw::elements(array).count());
    let at = usize::try_from(index).ok().and_then(|index| index.checked_sub(1));
    let Some(at) = at.filter(|at| *at == 0 || length > 0) else {
        return Err(Error::unsupported(
            format!("an array that begins at {index}"),
            "On the embedded engine arrays begin at 1: assign a whole array first.",
        ));
    };
    check_elements(at + 1)?;
    let mut assigned = String::new();
    write_leaf(args[2], &mut assigned);
    // As text alone: as values the elements would take many times as much.
    let known = raw::elements(array).take(at);
    let between = std::iter::repeat_n("null", at.saturating_sub(length));
    let behind = raw::elements(array).skip(at + 1);
    let mut out = String::with_capacity(array.len() + assigned.len() + 5 * at.saturating_sub(length) + 1);
    for element in known.chain(between).chain([assigned.as_str()]).chain(behind) {
        out.push(if out.is_empty() { '[' } else { ',' });
        out.push_str(element);
    }
    out.push(']');
    Ok(out.into())
}

/// The slices of so many dimensions, in order.
///
/// Errors: 2202E for more dimensions than the array has.
pub(super) fn slices(_: &Context, types: &[Type], args: &[ValueRef<'_>]) -> Result<Vec<Vec<Value>>> {
    let array = Array::read(element(&types[0]), args[0].text());
    let (has, wanted) = (array.dims.len(), args[1].int());
    let Some(kept) = usize::try_from(wanted).ok().filter(|wanted| *wanted <= has) else {
        let message = format!("slice dimension ({wanted}) is out of the valid range 0..{has}");
        return Err(Error::new("2202E", message));
    };
    let dims = &array.dims[has - kept..];
    let size = dims.iter().product::<usize>().max(1);
    let slice = |values: &[Value]| Array { dims: dims.to_vec(), values: values.to_vec() }.into();
    Ok(array.values.chunks(size).map(|values| vec![slice(values)]).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ints() -> Type {
        Type::INT4.array_of()
    }

    #[test]
    fn an_element_is_assigned_to() {
        let with = |array, index: i64, value: i64| {
            let args = [array, ValueRef::Int(index), ValueRef::Int(value)];
            with_element(&Context::default(), &args)
        };
        assert_eq!(with(ValueRef::Text("[1,2]"), 2, 9), Ok("[1,9]".into()));
        assert_eq!(with(ValueRef::Text("[1]"), 3, 9), Ok("[1,null,9]".into()));
        assert_eq!(with(ValueRef::Text("[1,2,3]"), 1, 9), Ok("[9,2,3]".into()));
        assert_eq!(with(ValueRef::Null, 1, 9), Ok("[9]".into()));
        assert_eq!(with(ValueRef::Text("[[1]]"), 1, 9).map_err(|e| e.code().to_owned()), Err("2202E".to_owned()));
        assert_eq!(with(ValueRef::Null, 2, 9).map_err(|e| e.code().to_owned()), Err("0A000".to_owned()));
        assert_eq!(with(ValueRef::Text("[1]"), 1 << 40, 9).map_err(|e| e.code().to_owned()), Err("54000".to_owned()));
    }

    #[test]
    fn slices_have_the_inner_dimensions() {
        let of =
            |kept: i64| slices(&Context::default(), &[ints()], &[ValueRef::Text("[[1,2],[3,4]]"), ValueRef::Int(kept)]);
        assert_eq!(of(1), Ok(vec![vec!["[1,2]".into()], vec!["[3,4]".into()]]));
        assert_eq!(of(2), Ok(vec![vec!["[[1,2],[3,4]]".into()]]));
        assert_eq!(
            of(3).map_err(|e| e.message().to_owned()),
            Err("slice dimension (3) is out of the valid range 0..2".to_owned())
        );
    }
}
