//! Parts of stored arrays, whatever their elements: slices, and the elements without their dimensions.

use std::borrow::Cow;

use super::stored::try_each_leaf;
use crate::json;

/// `array[lower:upper][lower:upper]...`: bounds by dimension, from 1; the dimensions after those stay whole. Empty where nothing
/// is within.
pub fn slice(array: &str, bounds: &[(i64, i64)]) -> String {
    let mut out = String::new();
    match write_slice(array, bounds, &mut out) {
        Some(()) => out,
        None => "[]".to_owned(),
    }
}

/// `None` if nothing is within the bounds, or if there are more of them than dimensions.
fn write_slice(array: &str, bounds: &[(i64, i64)], out: &mut String) -> Option<()> {
    let Some(((lower, upper), inner)) = bounds.split_first() else {
        out.push_str(array);
        return Some(());
    };
    let mut open = '[';
    for (_, element) in (1..).zip(json::raw::elements(array)).filter(|(at, _)| (lower..=upper).contains(&at)) {
        out.push(open);
        open = ',';
        match (inner, element.starts_with('[')) {
            ([], _) | (_, true) => write_slice(element, inner, out)?,
            _ => return None,
        }
    }
    out.push(']');
    (open == ',').then_some(())
}

/// The elements of all dimensions as an array of one.
pub fn flat(array: &str) -> Cow<'_, str> {
    if !array.starts_with("[[") {
        return array.into();
    }
    let mut leaves = Vec::new();
    let _ = try_each_leaf::<()>(array, &mut |raw| {
        leaves.push(raw);
        Ok(())
    });
    format!("[{}]", leaves.join(",")).into()
}
