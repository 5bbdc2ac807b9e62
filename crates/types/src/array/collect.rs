//! `array_agg`: the values of a group as an array, whole arrays along one more dimension.

use basalt_core::{Error, Result};

use super::stored::{Array, check_dimensions, check_elements};
use crate::{Accumulator, Context, Type, Value, ValueRef};

/// The values so far; NULL of none.
pub(super) struct Collect {
    /// The type of the elements, where arrays are collected.
    element: Option<Type>,
    /// The dimensions that all of them have.
    inner: Vec<usize>,
    count: usize,
    values: Vec<Value>,
    bytes: usize,
}

impl Collect {
    /// A group of values of these arguments' types.
    pub fn of(types: &[Type]) -> Collect {
        let element = types.first().and_then(Type::element).cloned();
        Collect { element, inner: Vec::new(), count: 0, values: Vec::new(), bytes: 0 }
    }

    /// Adds an array. 2202E for an empty one or one of other dimensions.
    fn add(&mut self, array: Array) -> Result<()> {
        if array.dims.is_empty() {
            return Err(Error::new("2202E", "cannot accumulate empty arrays"));
        }
        if self.count == 0 {
            check_dimensions(array.dims.len() + 1)?;
            self.inner = array.dims;
        } else if array.dims != self.inner {
            return Err(Error::new("2202E", "cannot accumulate arrays of different dimensionality"));
        }
        check_elements(self.values.len() + array.values.len())?;
        self.values.extend(array.values);
        Ok(())
    }
}

impl Accumulator for Collect {
    /// Errors, of arrays: 22004 for NULL, 2202E and 54000 for what makes none together.
    fn step(&mut self, _: &Context, args: &[ValueRef<'_>]) -> Result<()> {
        self.bytes += args[0].size();
        match &self.element {
            Some(_) if args[0].is_null() => return Err(Error::new("22004", "cannot accumulate null arrays")),
            Some(element) => self.add(Array::read(element, args[0].text()))?,
            None => self.values.push(args[0].to_owned()),
        }
        self.count += 1;
        Ok(())
    }

    fn held(&self) -> usize {
        self.bytes
    }

    fn finish(self: Box<Self>, _: &Context) -> Result<Value> {
        if self.count == 0 {
            return Ok(Value::Null);
        }
        let dims = std::iter::once(self.count).chain(self.inner).collect();
        Ok(Array { dims, values: self.values }.into())
    }
}
