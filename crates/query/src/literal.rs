//! Array literals, quoted elements, and the names of types in SQL text.

use basalt_sql::catalog::Column;
use basalt_sql::{Catalog, Name, quote};
use basalt_types::{Base, Type};

/// An array literal of these elements, none of them NULL.
pub(crate) fn array_literal<S: AsRef<str>>(values: &[S]) -> String {
    let mut literal = String::with_capacity(2 + values.iter().map(|value| value.as_ref().len() + 3).sum::<usize>());
    literal.push('{');
    for (index, value) in values.iter().enumerate() {
        literal.push_str(if index > 0 { "," } else { "" });
        push_element(&mut literal, value.as_ref());
    }
    literal.push('}');
    literal
}

/// Appends a quoted element of an array or row literal.
pub(crate) fn push_element(literal: &mut String, value: &str) {
    literal.push('"');
    for c in value.chars() {
        if matches!(c, '"' | '\\') {
            literal.push('\\');
        }
        literal.push(c);
    }
    literal.push('"');
}

/// Appends a type's name as a cast or column definition takes it.
pub(crate) fn push_type(sql: &mut String, catalog: &Catalog, ty: &Type) {
    match ty {
        // `character` alone would be `character(1)`.
        Type::Base(Base::Bpchar) => sql.push_str("bpchar"),
        Type::Base(base) => sql.push_str(base.sql_name()),
        Type::Enum(of) => push_qualified(sql, &of.schema, &of.name),
        Type::Other(of) => push_qualified(sql, &of.schema, &of.name),
        Type::Array(element) => {
            push_type(sql, catalog, element);
            sql.push_str("[]");
        }
        Type::Record(fields) => match catalog.composites.iter().find(|(_, known)| *known == fields.as_ref()) {
            Some((name, _)) => push_qualified(sql, &name.schema, &name.name),
            None => sql.push_str("record"),
        },
    }
}

/// Appends the name of a column's type: of composite types the column knows which one it is.
pub(crate) fn push_column_type(sql: &mut String, catalog: &Catalog, column: &Column) {
    fn push(sql: &mut String, name: &Name, ty: &Type) {
        match ty {
            Type::Array(element) => {
                push(sql, name, element);
                sql.push_str("[]");
            }
            _ => push_qualified(sql, &name.schema, &name.name),
        }
    }
    match &column.composite {
        Some(name) => push(sql, name, &column.ty),
        None => push_type(sql, catalog, &column.ty),
    }
}

/// Whether [`push_type`] names exactly this type: of composite types only the fields are known.
pub(crate) fn has_name(catalog: &Catalog, ty: &Type) -> bool {
    match ty {
        Type::Array(element) => has_name(catalog, element),
        Type::Record(fields) => catalog.composites.values().filter(|known| *known == fields.as_ref()).count() == 1,
        _ => true,
    }
}

fn push_qualified(sql: &mut String, schema: &str, name: &str) {
    quote::push_ident(sql, schema);
    sql.push('.');
    quote::push_ident(sql, name);
}

#[cfg(test)]
mod tests {
    use super::array_literal;

    #[test]
    fn elements_of_an_array_are_quoted() {
        assert_eq!(array_literal(&["1", "a,b", r#"say "hi\""#, "null"]), r#"{"1","a,b","say \"hi\\\"","null"}"#);
    }
}
