//! An array's shape, and arrays made of others: append, concatenate, fill, trim.

use basalt_core::{Error, Result};

use super::stored::{Array, check_dimensions, check_elements, read_leaf, try_each_leaf, write_leaf};
use crate::text::letters::{MOST_BYTES, too_large};
use crate::{Context, Type, Value, ValueRef};

/// The type of an array's elements.
pub(super) fn element(array: &Type) -> &Type {
    array.element().unwrap_or(&Type::TEXT)
}

/// An array argument; NULL is empty.
pub(super) fn read(ty: &Type, value: ValueRef<'_>) -> Array {
    Array::read(element(ty), value.text())
}

pub(super) fn length(_: &Context, types: &[Type], args: &[ValueRef<'_>]) -> Result<Value> {
    let dims = read(&types[0], args[0]).dims;
    Ok(dimension(&dims, args[1].int()).map(|length| length as i64).into())
}

pub(super) fn lower(_: &Context, types: &[Type], args: &[ValueRef<'_>]) -> Result<Value> {
    Ok(dimension(&read(&types[0], args[0]).dims, args[1].int()).map(|_| 1).into())
}

fn dimension(dims: &[usize], number: i64) -> Option<usize> {
    dims.get(usize::try_from(number).ok()?.checked_sub(1)?).copied()
}

pub(super) fn cardinality(_: &Context, args: &[ValueRef<'_>]) -> Result<Value> {
    let mut count = 0_i64;
    try_each_leaf(args[0].text(), &mut |_| {
        count += 1;
        Ok::<(), Error>(())
    })?;
    Ok(count.into())
}

pub(super) fn dimension_count(_: &Context, types: &[Type], args: &[ValueRef<'_>]) -> Result<Value> {
    let count = read(&types[0], args[0]).dims.len() as i64;
    Ok(if count == 0 { Value::Null } else { count.into() })
}

pub(super) fn bounds(_: &Context, types: &[Type], args: &[ValueRef<'_>]) -> Result<Value> {
    let dims = read(&types[0], args[0]).dims;
    let text: String = dims.iter().map(|length| format!("[1:{length}]")).collect();
    Ok(if dims.is_empty() { Value::Null } else { text.into() })
}

/// 22000 of an array with more than one dimension.
fn one_dimensional(array: Array) -> Result<Vec<Value>> {
    match array.dims.len() {
        0 | 1 => Ok(array.values),
        _ => Err(Error::new("22000", "argument must be empty or one-dimensional array")),
    }
}

pub(super) fn append(_: &Context, types: &[Type], args: &[ValueRef<'_>]) -> Result<Value> {
    let mut values = one_dimensional(read(&types[0], args[0]))?;
    values.push(args[1].to_owned());
    Ok(Array::of(values).into())
}

pub(super) fn prepend(_: &Context, types: &[Type], args: &[ValueRef<'_>]) -> Result<Value> {
    let mut values = one_dimensional(read(&types[1], args[1]))?;
    values.insert(0, args[0].to_owned());
    Ok(Array::of(values).into())
}

/// Joins along the outer dimension; an array of one dimension less is one more row. 2202E for shapes that do not fit.
pub(super) fn concat(_: &Context, types: &[Type], args: &[ValueRef<'_>]) -> Result<Value> {
    if args[0].is_null() || args[1].is_null() {
        return Ok(if args[0].is_null() { args[1] } else { args[0] }.to_owned());
    }
    let (left, right) = (read(&types[0], args[0]), read(&types[1], args[1]));
    if left.dims.is_empty() || right.dims.is_empty() {
        return Ok(if left.dims.is_empty() { args[1] } else { args[0] }.to_owned());
    }
    let incompatible =
        |detail: String| Err(Error::new("2202E", "cannot concatenate incompatible arrays").with_detail(detail));
    let (a, b) = (&left.dims, &right.dims);
    let dims = match a.len() as i64 - b.len() as i64 {
        0 if a[1..] == b[1..] => [&[a[0] + b[0]], &a[1..]].concat(),
        1 if a[1..] == b[..] => [&[a[0] + 1], &a[1..]].concat(),
        -1 if a[..] == b[1..] => [&[b[0] + 1], &b[1..]].concat(),
        0 => {
            let detail = "Arrays with differing element dimensions are not compatible for concatenation.";
            return incompatible(detail.to_owned());
        }
        1 | -1 => {
            let detail = "Arrays with differing dimensions are not compatible for concatenation.";
            return incompatible(detail.to_owned());
        }
        _ => {
            let (a, b) = (a.len(), b.len());
            return incompatible(format!("Arrays of {a} and {b} dimensions are not compatible for concatenation."));
        }
    };
    check_elements(left.values.len() + right.values.len())?;
    let mut values = left.values;
    values.extend(right.values);
    Ok(Array { dims, values }.into())
}

/// 22004 for NULL lengths, 2202E for negative ones, 54000 for too many elements or bytes.
pub(super) fn fill(_: &Context, _: &[Type], args: &[ValueRef<'_>]) -> Result<Value> {
    if args[1].is_null() {
        return Err(Error::new("22004", "dimension array or low bound array cannot be null"));
    }
    let lengths = Array::read(&Type::INT4, args[1].text());
    if lengths.dims.len() > 1 {
        return Err(Error::new("2202E", "wrong number of array subscripts")
            .with_detail("Dimension array must be one dimensional."));
    }
    if lengths.values.iter().any(Value::is_null) {
        return Err(Error::new("22004", "dimension values cannot be null"));
    }
    check_dimensions(lengths.values.len())?;
    let mut dims = Vec::with_capacity(lengths.values.len());
    for length in &lengths.values {
        dims.push(usize::try_from(length.as_ref().int()).unwrap_or(usize::MAX));
    }
    let count = dims.iter().try_fold(usize::from(!dims.is_empty()), |count, length| count.checked_mul(*length));
    let count = count.unwrap_or(usize::MAX);
    check_elements(count)?;
    if count == 0 {
        return Ok("[]".into());
    }
    let mut filled = String::new();
    write_leaf(args[0], &mut filled);
    for length in dims.iter().rev() {
        if (filled.len() + 1).checked_mul(*length).is_none_or(|bytes| bytes > MOST_BYTES) {
            return Err(too_large());
        }
        filled.push(',');
        filled = filled.repeat(*length);
        filled.pop();
        filled = format!("[{filled}]");
    }
    Ok(filled.into())
}

/// 2202E when there are fewer to trim.
pub(super) fn trim(_: &Context, types: &[Type], args: &[ValueRef<'_>]) -> Result<Value> {
    let mut array = read(&types[0], args[0]);
    let rows = array.dims.first().copied().unwrap_or(0);
    match usize::try_from(args[1].int()) {
        Ok(count) if count <= rows => {
            let row = array.values.len().checked_div(rows).unwrap_or(0);
            array.values.truncate((rows - count) * row);
            match array.dims.first_mut() {
                Some(first) if count < rows => *first -= count,
                _ => array.dims.clear(),
            }
            Ok(array.into())
        }
        _ => Err(Error::new("2202E", format!("number of elements to trim must be between 0 and {rows}"))),
    }
}

pub(super) fn unnest(_: &Context, types: &[Type], args: &[ValueRef<'_>]) -> Result<Vec<Vec<Value>>> {
    let mut rows = Vec::new();
    try_each_leaf(args[0].text(), &mut |raw| {
        rows.push(vec![read_leaf(element(&types[0]), raw)]);
        Ok::<(), Error>(())
    })?;
    Ok(rows)
}

pub(super) fn subscripts(_: &Context, types: &[Type], args: &[ValueRef<'_>]) -> Result<Vec<Vec<Value>>> {
    let length = dimension(&read(&types[0], args[0]).dims, args[1].int()).unwrap_or(0) as i64;
    let reverse = args.get(2).is_some_and(|reverse| reverse.int() != 0);
    let at = |index: i64| if reverse { length + 1 - index } else { index };
    Ok((1..=length).map(|index| vec![at(index).into()]).collect())
}

/// `array_to_string`: NULL elements are left out, or written as the third argument.
pub(super) fn join(context: &Context, types: &[Type], args: &[ValueRef<'_>]) -> Result<Value> {
    if args[0].is_null() || args[1].is_null() {
        return Ok(Value::Null);
    }
    let element = element(&types[0]);
    let null = args.get(2).copied().filter(|null| !null.is_null());
    let mut out = String::new();
    let mut is_first = true;
    for value in read(&types[0], args[0]).values {
        if value.is_null() && null.is_none() {
            continue;
        }
        if !is_first {
            out.push_str(args[1].text());
        }
        is_first = false;
        match (value, null) {
            (Value::Null, Some(null)) => out.push_str(null.text()),
            (value, _) => crate::codec::to_text(element, value.as_ref(), context, &mut out),
        }
    }
    Ok(out.into())
}

/// `string_to_array`: split at the delimiter, at each character without one; the third argument's text is NULL.
pub(super) fn split(_: &Context, args: &[ValueRef<'_>]) -> Result<Value> {
    Ok(split_text(args)?.map_or(Value::Null, |parts| Array::of(parts).into()))
}

/// As [`split`], as rows.
pub(super) fn split_rows(_: &Context, _: &[Type], args: &[ValueRef<'_>]) -> Result<Vec<Vec<Value>>> {
    Ok(split_text(args)?.unwrap_or_default().into_iter().map(|part| vec![part]).collect())
}

fn split_text(args: &[ValueRef<'_>]) -> Result<Option<Vec<Value>>> {
    let text = match args[0] {
        ValueRef::Null => return Ok(None),
        other => other.text(),
    };
    let null = args.get(2).filter(|null| !null.is_null()).map(|null| null.text());
    let mut parts = Vec::new();
    let mut part = |part: &str| {
        parts.push(if Some(part) == null { Value::Null } else { part.into() });
        check_elements(parts.len())
    };
    match args[1] {
        _ if text.is_empty() => {}
        ValueRef::Null => text.chars().try_for_each(|c| part(c.encode_utf8(&mut [0; 4])))?,
        delimiter if delimiter.text().is_empty() => part(text)?,
        delimiter => text.split(delimiter.text()).try_for_each(part)?,
    }
    Ok(Some(parts))
}
