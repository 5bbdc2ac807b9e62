//! `on delete set null (a)`, `on delete set default (a)`: SQLite's own actions set all columns of a key. A temporary trigger of the writer's
//! connection sets these; the key itself is judged when the statement has ended.

use basalt_core::Result;

use super::physical;
use super::source::parse_expr;
use crate::catalog::{Catalog, ForeignKey, ReferentialAction, Relation};
use crate::compile;
use crate::quote::ident;

/// The triggers of a table's keys that set some of their columns. Where nobody looks at keys they do nothing.
///
/// Errors: those of the columns' defaults.
pub fn partial_actions(catalog: &Catalog, relation: &Relation) -> Result<Vec<String>> {
    let keys = relation.foreign_keys().filter(|(_, key)| !key.set_columns.is_empty());
    keys.map(|(name, key)| trigger(catalog, relation, name, key)).collect()
}

fn trigger(catalog: &Catalog, relation: &Relation, name: &str, key: &ForeignKey) -> Result<String> {
    let mut sets = Vec::with_capacity(key.set_columns.len());
    for column in &key.set_columns {
        let default = relation.column(column).filter(|_| key.on_delete == ReferentialAction::SetDefault);
        let value = match default.and_then(|column| Some((column, column.default.as_ref()?))) {
            Some((column, source)) => {
                let expected = Some((&column.ty, column.typmod));
                compile::expression(catalog, None, &parse_expr(source)?, expected)?.sql
            }
            None => "NULL".to_owned(),
        };
        sets.push(format!("{} = {value}", ident(column)));
    }
    let pairs = key.columns.iter().zip(&key.target_columns);
    let refers: Vec<String> = pairs.map(|(own, other)| format!("{} = old.{}", ident(own), ident(other))).collect();
    let child = relation.name.physical();
    Ok(format!(
        "CREATE TEMP TRIGGER {} AFTER DELETE ON main.{} WHEN (SELECT foreign_keys FROM pragma_foreign_keys) \
         BEGIN UPDATE {} SET {} WHERE {}; END",
        ident(&format!("set {name} {child}")),
        physical::table(&key.target),
        ident(&child),
        sets.join(", "),
        refers.join(" AND "),
    ))
}
