//! Arrays as rows: what `json_each` unrolls, and the items that it gives.

use basalt_types::{Base, Type, Value};

use super::typed::{Form, Typed};

/// The stored value of an array's item, which `json_each` gives as JSON has it.
pub(super) fn item_value(element: &Type, item: &str) -> String {
    match element.base() {
        Some(Base::Bytea | Base::Vector) => format!("unhex({item})"),
        Some(Base::Float4 | Base::Float8) => {
            format!("(CASE {item} WHEN 'Infinity' THEN 9e999 WHEN '-Infinity' THEN -9e999 ELSE {item} END)")
        }
        _ => item.to_owned(),
    }
}

/// An array to be unrolled for a comparison: a NULL one compares as one unknown item does.
pub(super) fn items(array: &Typed) -> String {
    match array.not_null {
        true => flat(array),
        false => format!("coalesce({}, '[null]')", flat(array)),
    }
}

/// An array's elements in one dimension, to be unrolled by `json_each`.
pub(super) fn flat(array: &Typed) -> String {
    match &array.form {
        Form::Constant(Value::Text(text)) if !text.starts_with("[[") => array.sql.clone(),
        _ => format!("pg_flat({})", array.sql),
    }
}

/// A value as an item of a JSON array, which holds no bytes: those are in hexadecimal, as [`item_value`] reads them.
pub(super) fn json_of(ty: &Type, sql: String) -> String {
    match is_bytes(ty) {
        true => format!("(CASE WHEN {sql} IS NOT NULL THEN hex({sql}) END)"),
        false => sql,
    }
}

/// Whether values of the type are stored as bytes.
pub(super) fn is_bytes(ty: &Type) -> bool {
    matches!(ty, Type::Base(Base::Bytea | Base::Vector))
}
