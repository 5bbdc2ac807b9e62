//! Rows of a table that has columns more where they come from.

use sqlparser::ast::{SetExpr, Statement};

use super::super::cursor::Cursor;
use super::super::source::fold;
use super::Taken;
use crate::compile::parse_statement;
use crate::script::Piece;
use crate::{Catalog, Name, quote};

/// A piece without the columns that the table lacks.
pub(super) fn reduced<'a>(piece: Piece<'a>, table: &Name, catalog: &Catalog) -> Taken<'a> {
    let is_there =
        |column: &str| catalog.relations.get(table).is_some_and(|relation| relation.column(column).is_some());
    let taken = match &piece {
        Piece::Copy { sql, offset, data } => reduced_copy(sql, data, table, is_there)
            .map(|(sql, data)| Taken::Reduced { sql, data: Some(data), offset: *offset }),
        Piece::Statement { sql, offset } => {
            reduced_insert(sql, is_there).map(|sql| Taken::Reduced { sql, data: None, offset: *offset })
        }
        Piece::Meta { .. } => None,
    };
    taken.unwrap_or(Taken::AsIs(piece))
}

/// Only in the text format, which dumps are in; nothing if no column is missing.
fn reduced_copy(sql: &str, data: &str, table: &Name, is_there: impl Fn(&str) -> bool) -> Option<(String, String)> {
    let mut cursor = Cursor::new(sql).ok()?;
    cursor.expect("copy").ok()?;
    cursor.name().ok()?;
    let columns = cursor.column_list().ok()?;
    if !cursor.accept("from stdin") || !cursor.at_end() || columns.iter().all(|column| is_there(column)) {
        return None;
    }
    let stay: Vec<bool> = columns.iter().map(|column| is_there(column)).collect();
    let kept = |parts: Vec<String>, with: &str| {
        let parts = parts.into_iter().zip(&stay).filter(|(_, stays)| **stays).map(|(part, _)| part);
        parts.collect::<Vec<_>>().join(with)
    };
    let names = kept(columns.iter().map(|column| quote::ident(column)).collect(), ", ");
    let lines = data.lines().map(|line| kept(line.split('\t').map(str::to_owned).collect(), "\t") + "\n");
    let lines = lines.collect();
    Some((format!("copy {} ({names}) from stdin", table.quoted()), lines))
}

fn reduced_insert(sql: &str, is_there: impl Fn(&str) -> bool) -> Option<String> {
    let Ok(Statement::Insert(mut insert)) = parse_statement(sql) else { return None };
    let stay: Vec<bool> = insert
        .columns
        .iter()
        .map(|column| is_there(&column.0.last().and_then(|part| part.as_ident()).map(fold).unwrap_or_default()))
        .collect();
    if stay.iter().all(|stays| *stays) {
        return None;
    }
    let SetExpr::Values(values) = insert.source.as_mut()?.body.as_mut() else { return None };
    for row in &mut values.rows {
        let mut stays = stay.iter();
        row.retain(|_| stays.next().is_none_or(|stays| *stays));
    }
    let mut stays = stay.iter();
    insert.columns.retain(|_| stays.next().is_none_or(|stays| *stays));
    Some(Statement::Insert(insert).to_string())
}
