//! Parts of arrays as PL/pgSQL has them: an element that is assigned to, and the slices that FOREACH goes through.

use basalt_core::{Error, Result};

use super::shape::{element, read};
use super::stored::{Array, check_elements};
use crate::{Context, Type, Value, ValueRef};

/// An array with another element at an index: behind the last one it grows, with NULLs between.
///
/// Errors: 22004 for no index; 2202E for an array of more dimensions; 0A000 for one that would begin elsewhere than at 1; 54000 for one too long.
pub(super) fn with_element(_: &Context, types: &[Type], args: &[ValueRef<'_>]) -> Result<Value> {
    let mut array = if args[0].is_null() { Array::default() } else { read(&types[0], args[0]) };
    if args[1].is_null() {
        return Err(Error::new("22004", "array subscript in assignment must not be null"));
    }
    if array.dims.len() > 1 {
        return Err(Error::new("2202E", "wrong number of array subscripts"));
    }
    let index = args[1].int();
    let at = usize::try_from(index).ok().and_then(|index| index.checked_sub(1));
    let Some(at) = at.filter(|at| *at == 0 || !array.values.is_empty()) else {
        return Err(Error::unsupported(
            format!("an array that begins at {index}"),
            "On the embedded engine arrays begin at 1: assign a whole array first.",
        ));
    };
    check_elements(at + 1)?;
    if at >= array.values.len() {
        array.values.resize(at + 1, Value::Null);
    }
    array.values[at] = args[2].to_owned();
    Ok(Array::of(array.values).into())
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
            with_element(&Context::default(), &[ints(), Type::INT4, Type::INT4], &args)
        };
        assert_eq!(with(ValueRef::Text("[1,2]"), 2, 9), Ok("[1,9]".into()));
        assert_eq!(with(ValueRef::Text("[1]"), 3, 9), Ok("[1,null,9]".into()));
        assert_eq!(with(ValueRef::Null, 1, 9), Ok("[9]".into()));
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
