//! Rows and keys as PostgreSQL's messages show them.

use basalt_sql::catalog::{Column, Relation};
use basalt_sql::{Name, quote};
use basalt_types::{Type, Value, codec};
use rusqlite::{Connection, params_from_iter};

use crate::sqlite::functions::with_context;
use crate::sqlite::run;
use crate::sqlite::value::StoredRef;

/// Characters of a value that "Failing row contains" shows.
const SHOWN: usize = 64;

/// The values of some columns of a row of all columns.
pub(super) fn values(relation: &Relation, columns: &[impl AsRef<str>], row: &[Value]) -> Option<Vec<Value>> {
    let value = |name: &str| row.get(relation.columns.iter().position(|column| column.name == name)?).cloned();
    columns.iter().map(|name| value(name.as_ref())).collect()
}

/// `(a, "B")=(1, x)`, with columns' names as they are to be shown.
pub(super) fn key_text(
    relation: &Relation,
    columns: &[impl AsRef<str>],
    row: &[Value],
    shown: impl Fn(&str) -> String,
) -> Option<String> {
    let values = values(relation, columns, row)?;
    let mut texts = Vec::new();
    for (name, value) in columns.iter().zip(&values) {
        texts.push(if value.is_null() { "null".to_owned() } else { text(relation.column(name.as_ref())?, value) });
    }
    let names: Vec<String> = columns.iter().map(|name| shown(name.as_ref())).collect();
    Some(format!("({})=({})", names.join(", "), texts.join(", ")))
}

/// `Failing row contains (1, null).`, long values cut.
pub(super) fn failing_row(relation: &Relation, row: &[Value]) -> String {
    let shown = relation.columns.iter().zip(row).map(|(column, value)| {
        if value.is_null() {
            return "null".to_owned();
        }
        let mut text = text(column, value);
        if text.len() > SHOWN {
            text.truncate(text.floor_char_boundary(SHOWN));
            text.push_str("...");
        }
        text
    });
    format!("Failing row contains ({}).", shown.collect::<Vec<_>>().join(", "))
}

pub(super) fn text(column: &Column, value: &Value) -> String {
    let mut out = String::new();
    with_context(|context| codec::to_text(&column.ty, value.as_ref(), context, &mut out));
    out
}

/// A type as a cast spells it.
pub(super) fn type_name(ty: &Type) -> String {
    match ty {
        Type::Enum(labels) => Name::new(labels.schema.as_str(), labels.name.as_str()).quoted(),
        Type::Array(element) => format!("{}[]", type_name(element)),
        other => other.sql_name(),
    }
}

fn condition(columns: &[impl AsRef<str>]) -> String {
    let terms = columns.iter().enumerate().map(|(i, column)| format!("{} = ?{}", quote::ident(column.as_ref()), i + 1));
    terms.collect::<Vec<_>>().join(" AND ")
}

pub(super) fn exists(connection: &Connection, table: &Name, columns: &[impl AsRef<str>], wanted: &[Value]) -> bool {
    let sql = format!("SELECT 1 FROM {} WHERE {}", quote::ident(&table.physical()), condition(columns));
    let found = connection
        .prepare(&sql)
        .and_then(|mut statement| statement.exists(params_from_iter(wanted.iter().map(|v| StoredRef(v.as_ref())))));
    found.unwrap_or(false)
}

pub(super) fn find(
    connection: &Connection,
    table: &Name,
    columns: &[impl AsRef<str>],
    wanted: &[Value],
) -> Option<Vec<Vec<Value>>> {
    let sql = format!("SELECT * FROM {} WHERE {}", quote::ident(&table.physical()), condition(columns));
    let mut statement = connection.prepare(&sql).ok()?;
    let width = statement.column_count();
    let rows = statement
        .query_map(params_from_iter(wanted.iter().map(|v| StoredRef(v.as_ref()))), |row| run::owned(row, width))
        .ok()?;
    rows.collect::<rusqlite::Result<_>>().ok()
}
