//! Rows that a new unique key finds equal, told before SQLite meets them: it names neither the key nor its values.

use basalt_core::Result;
use basalt_types::Type;

use super::physical;
use crate::catalog::{Catalog, Column, ConstraintKind, Index, Relation};
use crate::compile::type_literal;
use crate::quote::{ident, literal};

/// One part of a key.
struct Part {
    /// As messages show it.
    shown: String,
    /// Its value, as SQLite source.
    sql: String,
    ty: Type,
}

/// A SELECT that fails with 23505 if two rows have the same key in these columns.
pub(super) fn key_guard(relation: &Relation, columns: &[String], name: &str) -> String {
    let parts = columns.iter().filter_map(|name| relation.column(name)).map(|column| part(column, ident(&column.name)));
    guard(name, &physical::table(&relation.name), &parts.collect::<Vec<_>>(), "")
}

/// The same for every key of `new` that `old` does not have, once the rows have their values.
pub(super) fn new_key_guards(old: &Relation, new: &Relation) -> Vec<String> {
    let is_new = |name: &str| old.constraints.iter().all(|constraint| constraint.name != name);
    let guards = new.constraints.iter().filter(|c| is_new(&c.name)).filter_map(|constraint| match &constraint.kind {
        ConstraintKind::PrimaryKey(key) | ConstraintKind::Unique(key) => Some(key_guard(new, key, &constraint.name)),
        _ => None,
    });
    guards.collect()
}

/// The same for a unique index.
///
/// Errors: those of its expressions.
pub(super) fn index_guard(catalog: &Catalog, relation: &Relation, index: &Index) -> Result<String> {
    let keys = physical::index_keys(catalog, relation, index)?;
    let parts = keys.into_iter().map(|key| {
        let column = relation.columns.iter().find(|column| ident(&column.name) == key.compiled.sql);
        let shown = column.map_or_else(|| key.source.to_owned(), |column| column.name.clone());
        Part { shown, sql: key.compiled.sql, ty: key.compiled.ty }
    });
    let predicate = physical::index_predicate(catalog, relation, index)?;
    Ok(guard(&index.name, &physical::table(&relation.name), &parts.collect::<Vec<_>>(), &predicate))
}

/// The same for every key of `new` of which the rows of `old` get other values. What is drawn from a sequence is unique, and not
/// drawn twice.
pub(super) fn rebuild_guards(
    old: &Relation,
    new: &Relation,
    values: impl Fn(&Column) -> Option<String>,
) -> Vec<String> {
    let mut guards = Vec::new();
    for constraint in &new.constraints {
        let (ConstraintKind::PrimaryKey(key) | ConstraintKind::Unique(key)) = &constraint.kind else { continue };
        let columns = key.iter().filter_map(|name| new.column(name)).filter(|column| column.generated.is_none());
        let parts: Vec<Part> = columns.filter_map(|column| Some(part(column, values(column)?))).collect();
        let is_given = parts.iter().all(|part| !part.sql.contains("pg_nextval("));
        let changes = parts.iter().any(|part| part.sql != ident(&part.shown));
        if is_given && changes && parts.len() == key.len() {
            guards.push(guard(&constraint.name, &physical::table(&old.name), &parts, ""));
        }
    }
    guards
}

fn part(column: &Column, sql: String) -> Part {
    Part { shown: column.name.clone(), sql, ty: column.ty.clone() }
}

fn guard(name: &str, table: &str, parts: &[Part], predicate: &str) -> String {
    let (mut values, mut keys, mut filled, mut texts) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for (index, part) in parts.iter().enumerate() {
        let collation = part.ty.collation().map(|name| format!(" COLLATE {}", ident(&name))).unwrap_or_default();
        values.push(format!("{}{collation} AS k{index}", part.sql));
        keys.push(format!("k{index}"));
        filled.push(format!("k{index} IS NOT NULL"));
        texts.push(format!("pg_cast({}, {}, k{index})", type_literal(&part.ty, None), type_literal(&Type::TEXT, None)));
    }
    let shown: Vec<&str> = parts.iter().map(|part| part.shown.as_str()).collect();
    let detail = format!(
        "{} || {} || ') is duplicated.'",
        literal(&format!("Key ({})=(", shown.join(", "))),
        texts.join(" || ', ' || ")
    );
    let message = literal(&format!("could not create unique index \"{name}\""));
    format!(
        "SELECT pg_require(0, '23505', {message}, NULL, {}, {detail}) FROM (SELECT {} FROM {table}{predicate}) \
         WHERE {} GROUP BY {} HAVING count(*) > 1 LIMIT 1",
        literal(name),
        values.join(", "),
        filled.join(" AND "),
        keys.join(", ")
    )
}
