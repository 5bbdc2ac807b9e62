//! The stored form of arrays: a compact JSON array of stored values, nested by dimension.

use basalt_core::{Error, Result};

use crate::{Base, Context, Type, Value, ValueRef, binary, json};

/// An array taken apart. No dimensions mean that it is empty.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Array {
    /// Lengths from the outermost dimension in.
    pub dims: Vec<usize>,
    /// Elements, the last dimension varying fastest.
    pub values: Vec<Value>,
}

impl Array {
    /// A one-dimensional array.
    pub fn of(values: Vec<Value>) -> Array {
        let dims = if values.is_empty() { Vec::new() } else { vec![values.len()] };
        Array { dims, values }
    }

    /// Reads the stored form.
    pub fn read(element: &Type, text: &str) -> Array {
        let mut array = Array::default();
        array.collect(element, text, 0);
        if array.values.is_empty() {
            array.dims.clear();
        }
        array
    }

    fn collect(&mut self, element: &Type, text: &str, depth: usize) {
        let mut length = 0;
        for raw in json::raw::elements(text) {
            length += 1;
            if raw.starts_with('[') {
                self.collect(element, raw, depth + 1);
            } else {
                self.values.push(read_leaf(element, raw));
            }
        }
        while self.dims.len() <= depth {
            self.dims.push(0);
        }
        self.dims[depth] = length;
    }

    /// The stored form.
    pub fn write(&self) -> String {
        let mut out = String::with_capacity(2 + self.values.len() * 8);
        if self.dims.len() < 2 {
            write_leaves(&self.values, &mut out);
        } else {
            self.write_level(0, &mut self.values.chunks(self.dims[self.dims.len() - 1].max(1)), &mut out);
        }
        out
    }

    fn write_level<'a>(&self, depth: usize, rows: &mut impl Iterator<Item = &'a [Value]>, out: &mut String) {
        if depth + 1 == self.dims.len() {
            return write_leaves(rows.next().unwrap_or_default(), out);
        }
        out.push('[');
        for index in 0..self.dims[depth] {
            if index > 0 {
                out.push(',');
            }
            self.write_level(depth + 1, rows, out);
        }
        out.push(']');
    }
}

impl From<Array> for Value {
    fn from(array: Array) -> Value {
        Value::Text(array.write())
    }
}

fn write_leaves(values: &[Value], out: &mut String) {
    out.push('[');
    for (index, value) in values.iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        write_leaf(value.as_ref(), out);
    }
    out.push(']');
}

/// Writes one stored element.
pub(crate) fn write_leaf(value: ValueRef<'_>, out: &mut String) {
    match value {
        ValueRef::Null => out.push_str("null"),
        ValueRef::Int(i) => out.push_str(itoa::Buffer::new().format(i)),
        ValueRef::Real(r) if r == f64::INFINITY => out.push_str("\"Infinity\""),
        ValueRef::Real(r) if r == f64::NEG_INFINITY => out.push_str("\"-Infinity\""),
        ValueRef::Real(r) => out.push_str(&format!("{r:?}")),
        ValueRef::Text(text) => json::write_string(text, out),
        ValueRef::Blob(bytes) => {
            out.push('"');
            binary::write_hex(bytes, out);
            out.push('"');
        }
    }
}

/// Calls a function with the elements of the array that is the last argument as arguments of their own; NULL has none.
pub(crate) fn spread(
    context: &Context,
    types: &[Type],
    args: &[ValueRef<'_>],
    call: fn(&Context, &[Type], &[ValueRef<'_>]) -> Result<Value>,
) -> Result<Value> {
    let Some(((array, args), (ty, types))) = args.split_last().zip(types.split_last()) else {
        return call(context, types, args);
    };
    let element = ty.element().unwrap_or(&Type::TEXT);
    let values = if array.is_null() { Vec::new() } else { elements(element, array.text()) };
    let types: Vec<Type> = types.iter().chain(std::iter::repeat_n(element, values.len())).cloned().collect();
    let args: Vec<ValueRef<'_>> = args.iter().copied().chain(values.iter().map(Value::as_ref)).collect();
    call(context, &types, &args)
}

/// The elements of all dimensions of a stored array.
pub fn elements(element: &Type, array: &str) -> Vec<Value> {
    Array::read(element, array).values
}

/// Reads one stored element.
pub(crate) fn read_leaf(element: &Type, raw: &str) -> Value {
    with_leaf(element, raw, |value| value.to_owned())
}

/// Reads one stored element without copying it, unless it holds escapes.
pub(crate) fn with_leaf<R>(element: &Type, raw: &str, f: impl FnOnce(ValueRef<'_>) -> R) -> R {
    match raw.as_bytes().first() {
        Some(b'"') => {
            let text = json::raw::string(raw).unwrap_or_default();
            match (element.base(), &*text) {
                (Some(Base::Bytea | Base::Vector), hex) => {
                    f(ValueRef::Blob(&binary::read_hex(hex).unwrap_or_default()))
                }
                (Some(Base::Float4 | Base::Float8), "Infinity") => f(ValueRef::Real(f64::INFINITY)),
                (Some(Base::Float4 | Base::Float8), "-Infinity") => f(ValueRef::Real(f64::NEG_INFINITY)),
                (_, text) => f(ValueRef::Text(text)),
            }
        }
        Some(b'-' | b'0'..=b'9') => match raw.parse::<i64>() {
            Ok(integer) => f(ValueRef::Int(integer)),
            Err(_) => f(raw.parse().map_or(ValueRef::Null, ValueRef::Real)),
        },
        _ => f(ValueRef::Null),
    }
}

/// The raw elements of every dimension, in order, until one is not worth going on from.
pub(crate) fn try_each_leaf<'a, E>(text: &'a str, f: &mut impl FnMut(&'a str) -> Result<(), E>) -> Result<(), E> {
    for raw in json::raw::elements(text) {
        if raw.starts_with('[') {
            try_each_leaf(raw, f)?;
        } else {
            f(raw)?;
        }
    }
    Ok(())
}

/// How an array is written around its elements.
pub(crate) struct Brackets {
    pub open: char,
    pub comma: &'static str,
    pub close: char,
}

/// Writes an array in another form, dimension by dimension, each element by `leaf`.
pub(crate) fn rewrite(text: &str, brackets: &Brackets, leaf: &mut impl FnMut(&str, &mut String), out: &mut String) {
    out.push(brackets.open);
    for (index, raw) in json::raw::elements(text).enumerate() {
        if index > 0 {
            out.push_str(brackets.comma);
        }
        if raw.starts_with('[') {
            rewrite(raw, brackets, leaf, out);
        } else {
            leaf(raw, out);
        }
    }
    out.push(brackets.close);
}

/// Elements that an array has at most, as do the rows of what is cut into pieces; PostgreSQL's limit is 134,217,727.
pub(crate) const MOST_ELEMENTS: usize = 10_000_000;

/// 54000 for an array of more elements than one may have.
pub(crate) fn check_elements(count: usize) -> Result<()> {
    if count <= MOST_ELEMENTS {
        return Ok(());
    }
    Err(Error::new("54000", format!("array size exceeds the maximum allowed ({MOST_ELEMENTS})")))
}

/// 54000 when an array would have more than PostgreSQL's six dimensions.
pub(crate) fn check_dimensions(count: usize) -> Result<()> {
    if count > 6 {
        let message = format!("number of array dimensions ({count}) exceeds the maximum allowed (6)");
        return Err(Error::new("54000", message));
    }
    Ok(())
}
