//! Rows of `storage.buckets`. Migrations and seeds make buckets too, so that those of a dump may be there: they become as the dump has them.

use sqlparser::ast::Statement;

use super::super::source::fold;
use super::Taken;
use crate::compile::parse_statement;
use crate::script::Piece;
use crate::script::copy::{Copy, Rows};
use crate::{Catalog, Name, quote};

const BUCKETS: (&str, &str) = ("storage", "buckets");

/// A piece with rows of `table`; those of buckets are written over the ones that are there.
pub(super) fn over_those_there<'a>(taken: Taken<'a>, table: &Name, catalog: &Catalog) -> Taken<'a> {
    if (table.schema.as_str(), table.name.as_str()) != BUCKETS {
        return taken;
    }
    let piece = taken.piece();
    let offset = piece.text().1;
    let insert = match piece {
        Piece::Copy { sql, data, .. } => copied(sql, data, catalog),
        Piece::Statement { sql, .. } => inserted(sql, table, catalog),
        Piece::Meta { .. } => None,
    };
    let Some((insert, columns)) = insert else { return taken };
    let set = columns.iter().filter(|column| *column != "id").map(|column| quote::ident(column));
    let set: Vec<String> = set.map(|column| format!("{column} = excluded.{column}")).collect();
    let action = if set.is_empty() { "nothing".to_owned() } else { format!("update set {}", set.join(", ")) };
    Taken::Reduced { sql: format!("{insert}\non conflict (id) do {action}"), data: None, offset }
}

/// The rows of a `copy` as an INSERT, and its columns. What can't be read is told by whoever runs it.
fn copied(sql: &str, data: &str, catalog: &Catalog) -> Option<(String, Vec<String>)> {
    let copy = Copy::parse(sql, catalog, &[]).ok()?;
    let value = |field: Option<String>| field.map_or_else(|| "null".to_owned(), |text| quote::literal(&text));
    let row = |fields: Vec<Option<String>>| fields.into_iter().map(value).collect::<Vec<_>>().join(", ");
    let rows = Rows::new(data, &copy).map(|read| read.map(|(_, fields)| format!("({})", row(fields))));
    let rows: Vec<String> = rows.collect::<Result<_, _>>().ok()?;
    let columns: Vec<String> = copy.columns.iter().map(|column| quote::ident(column)).collect();
    let table = copy.table().quoted();
    Some((format!("insert into {table} ({}) values {}", columns.join(", "), rows.join(", ")), copy.columns))
}

/// An INSERT that does not say what becomes of rows that are there, and its columns.
fn inserted(sql: &str, table: &Name, catalog: &Catalog) -> Option<(String, Vec<String>)> {
    let Ok(Statement::Insert(insert)) = parse_statement(sql) else { return None };
    if insert.on.is_some() || insert.returning.is_some() {
        return None;
    }
    let named = insert.columns.iter().filter_map(|name| name.0.last()?.as_ident().map(fold));
    let mut columns: Vec<String> = named.collect();
    if columns.is_empty() {
        columns = catalog.relations.get(table)?.columns.iter().map(|column| column.name.clone()).collect();
    }
    Some((sql.to_owned(), columns))
}
