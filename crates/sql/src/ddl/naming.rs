//! The names that PostgreSQL gives to what has none: constraints, indexes and sequences.

use crate::catalog::{Catalog, Name};
use crate::compile::parse::LONGEST_NAME as LONGEST;

/// `first_second_label`, the parts cut (the longer one first) to fit 63 bytes.
pub(super) fn object_name(first: &str, second: Option<&str>, label: &str) -> String {
    let overhead = label.len() + 1 + usize::from(second.is_some());
    let room = LONGEST.saturating_sub(overhead);
    let (mut a, mut b) = (first.len(), second.map_or(0, str::len));
    while a + b > room {
        if a > b { a -= 1 } else { b -= 1 }
    }
    let cut = |text: &str, length: usize| text[..text.floor_char_boundary(length)].to_owned();
    match second {
        Some(second) => format!("{}_{}_{label}", cut(first, a), cut(second, b)),
        None => format!("{}_{label}", cut(first, a)),
    }
}

/// The first of `label`, `label1`, `label2`, ... whose name is free.
pub(super) fn free_name(first: &str, second: Option<&str>, label: &str, taken: impl Fn(&str) -> bool) -> String {
    let plain = object_name(first, second, label);
    if !taken(&plain) {
        return plain;
    }
    (1u32..).map(|n| object_name(first, second, &format!("{label}{n}"))).find(|name| !taken(name)).unwrap_or(plain)
}

/// Column names joined by `_` for a constraint's or index's name.
pub(super) fn joined<'a>(columns: impl IntoIterator<Item = &'a str>) -> String {
    let mut text = String::new();
    for column in columns {
        if text.len() > LONGEST {
            break;
        }
        if !text.is_empty() {
            text.push('_');
        }
        text.push_str(column);
    }
    text
}

/// Whether a relation, index, or sequence of the schema has that name.
pub(super) fn relation_name_taken(catalog: &Catalog, schema: &str, name: &str) -> bool {
    let key = Name::new(schema, name);
    catalog.relations.contains_key(&key)
        || catalog.sequences.contains_key(&key)
        || catalog.relations.values().filter(|r| r.name.schema == schema).any(|relation| {
            relation.indexes.iter().any(|index| index.name == name)
                || relation.constraints.iter().any(|constraint| constraint.kind.has_index() && constraint.name == name)
        })
}

/// Whether a constraint of the schema has that name.
pub(super) fn constraint_name_taken(catalog: &Catalog, schema: &str, name: &str) -> bool {
    let relations = catalog.relations.values().filter(|r| r.name.schema == schema);
    relations.flat_map(|r| &r.constraints).any(|constraint| constraint.name == name)
        || catalog
            .domains
            .iter()
            .any(|(domain, d)| domain.schema == schema && d.checks.iter().any(|(check, _)| check == name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_names_are_cut_as_postgresql_cuts_them() {
        let (table, column) = ("t".repeat(50), "c".repeat(40));
        let name = object_name(&table, Some(&column), "fkey");
        assert_eq!(name.len(), 63);
        assert_eq!(name, format!("{}_{}_fkey", "t".repeat(29), "c".repeat(28)));
        assert_eq!(object_name("t", None, "pkey"), "t_pkey");
        assert_eq!(free_name("t", Some("a"), "key", |n| n == "t_a_key" || n == "t_a_key1"), "t_a_key2");
    }
}
