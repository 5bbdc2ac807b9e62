//! Violated foreign keys: SQLite does not say which.

use basalt_core::Error;
use basalt_sql::catalog::{ForeignKey, ReferentialAction, Relation};
use basalt_sql::program::Command;
use basalt_sql::quote;
use basalt_types::Value;
use rusqlite::types::Value as Plain;
use rusqlite::{Connection, OptionalExtension, Row};

use super::row::{exists, find, key_text, values};
use super::{Attempt, about};
use crate::sqlite::connection::File;
use crate::sqlite::run;
use crate::sqlite::schema::Schema;

/// Levels of cascades that are followed.
const DEPTH: usize = 16;

impl Attempt<'_> {
    /// The key that this write violates.
    pub(super) fn foreign_key(&self) -> Option<Error> {
        let missing = if self.command == Command::Delete { None } else { self.missing_target() };
        missing.or_else(|| {
            let (gone, kept): (&[&[Value]], &[&[Value]]) = match self.command {
                Command::Delete => (&self.new, &[]),
                Command::Update => (&self.old, &self.new),
                Command::Insert => return None,
            };
            self.still_referenced(self.relation, gone, kept)
        })
    }

    /// A new row that refers to nothing.
    fn missing_target(&self) -> Option<Error> {
        for (i, row) in self.new.iter().enumerate() {
            for (name, key) in self.relation.foreign_keys().filter(|(name, _)| !waits(self.relation, name)) {
                let wanted = values(self.relation, &key.columns, row)?;
                let is_unchanged = self
                    .old
                    .get(i)
                    .is_some_and(|old| values(self.relation, &key.columns, old).as_ref() == Some(&wanted));
                if is_unchanged || wanted.iter().any(Value::is_null) {
                    continue;
                }
                let is_own = key.target == self.relation.name
                    && self.new.iter().any(|r| values(self.relation, &key.target_columns, r).as_ref() == Some(&wanted));
                if !is_own && !exists(self.connection, &key.target, &key.target_columns, &wanted) {
                    return Some(missing(self.relation, name, key, self.show_values.then_some(row)));
                }
            }
        }
        None
    }

    /// A row that goes (or changes its key) while another refers to it. What cascades goes first, as PostgreSQL queues it, and
    /// is looked at afterwards.
    fn still_referenced(&self, relation: &Relation, gone: &[&[Value]], kept: &[&[Value]]) -> Option<Error> {
        let is_update = !kept.is_empty();
        let mut level: Vec<Gone<'_>> = vec![(relation, gone.iter().map(|row| row.to_vec()).collect())];
        let mut all: Vec<Gone<'_>> = level.clone();
        for _ in 0..DEPTH {
            let mut next: Vec<Gone<'_>> = Vec::new();
            for (relation, rows) in &level {
                for (i, row) in rows.iter().enumerate() {
                    for child in self.catalog().relations.values() {
                        for (name, key) in child.foreign_keys().filter(|(_, key)| key.target == relation.name) {
                            let wanted = values(relation, &key.target_columns, row)?;
                            let stays = kept.get(i).is_some_and(|new| {
                                values(relation, &key.target_columns, new).as_ref() == Some(&wanted)
                            });
                            if stays || wanted.iter().any(Value::is_null) {
                                continue;
                            }
                            let mut referring = find(self.connection, &child.name, &key.columns, &wanted)?;
                            referring.retain(|row| is_update || !has_gone(&all, child, row));
                            match if is_update { key.on_update } else { key.on_delete } {
                                _ if referring.is_empty() => {}
                                ReferentialAction::NoAction if waits(child, name) => {}
                                ReferentialAction::NoAction | ReferentialAction::Restrict => {
                                    let shown = self.show_values.then_some(row.as_slice());
                                    return Some(referenced(relation, child, name, key, shown));
                                }
                                ReferentialAction::Cascade if !is_update => next.push((child, referring)),
                                ReferentialAction::SetDefault => {
                                    let first = (&**child, referring[0].as_slice());
                                    let error = self.missing_default(first, (name, key), relation, (rows, i), kept);
                                    if error.is_some() {
                                        return error;
                                    }
                                }
                                _ => {}
                            }
                        }
                    }
                }
            }
            all.extend(next.iter().cloned());
            level = next;
        }
        None
    }
}

/// Whether a key is judged when the transaction ends.
fn waits(relation: &Relation, key: &str) -> bool {
    relation.constraints.iter().any(|constraint| constraint.name == key && constraint.initially_deferred)
}

/// Rows of a table that a delete takes.
type Gone<'a> = (&'a Relation, Vec<Vec<Value>>);

fn has_gone(all: &[Gone<'_>], relation: &Relation, row: &[Value]) -> bool {
    all.iter().any(|(table, rows)| table.name == relation.name && rows.iter().any(|gone| gone == row))
}

pub(super) fn missing(relation: &Relation, name: &str, key: &ForeignKey, row: Option<&[Value]>) -> Error {
    let message =
        format!("insert or update on table \"{}\" violates foreign key constraint \"{name}\"", relation.name.name);
    let shown = row.and_then(|row| key_text(relation, &key.columns, row, str::to_owned));
    let detail = match shown {
        Some(shown) => format!("Key {shown} is not present in table \"{}\".", key.target.name),
        None => format!("Key is not present in table \"{}\".", key.target.name),
    };
    Error::new("23503", message).with_detail(detail).with_constraint(name).with_object(about(relation))
}

pub(super) fn referenced(
    relation: &Relation,
    child: &Relation,
    name: &str,
    key: &ForeignKey,
    row: Option<&[Value]>,
) -> Error {
    let message = format!(
        "update or delete on table \"{}\" violates foreign key constraint \"{name}\" on table \"{}\"",
        relation.name.name, child.name.name
    );
    let shown = row.and_then(|row| key_text(relation, &key.target_columns, row, str::to_owned));
    let detail = match shown {
        Some(shown) => format!("Key {shown} is still referenced from table \"{}\".", child.name.name),
        None => format!("Key is still referenced from table \"{}\".", child.name.name),
    };
    Error::new("23503", message).with_detail(detail).with_constraint(name).with_object(about(child))
}

/// A deferred foreign key that is violated now, without values: who asks is no longer known.
///
/// Which of its rows was written is told by what was committed before: a row that refers and stood there already lost what it refers to.
pub(in crate::sqlite) fn deferred(connection: &Connection, schema: &Schema, file: &File) -> Option<Error> {
    schema.deferred().find_map(|relation| {
        let broken = first_broken(connection, relation, |_| true).ok()??;
        let target = schema.catalog.relations.get(&broken.key.target);
        Some(match target.filter(|_| stood_before(connection, file, relation, &broken).unwrap_or(false)) {
            Some(target) => referenced(target, relation, broken.name, broken.key, None),
            None => missing(relation, broken.name, broken.key, None),
        })
    })
}

/// Whether the row that refers was committed before with the same key.
fn stood_before(
    connection: &Connection,
    file: &File,
    relation: &Relation,
    broken: &Broken<'_>,
) -> rusqlite::Result<bool> {
    let Some(row_id) = broken.row_id else { return Ok(false) };
    let columns: Vec<String> = broken.key.columns.iter().map(|column| quote::ident(column)).collect();
    let table = quote::ident(&relation.name.physical());
    let sql = format!("SELECT {} FROM {table} WHERE rowid = ?1", columns.join(", "));
    let key = |connection: &Connection| {
        let values = |row: &Row<'_>| (0..columns.len()).map(|i| row.get::<_, Plain>(i)).collect::<Result<Vec<_>, _>>();
        connection.query_row(&sql, [row_id], values).optional()
    };
    let before = key(&file.bare()?)?;
    Ok(before.is_some() && before == key(connection)?)
}

/// The first row of a table that violates a foreign key (or one that is named), as an error.
pub(crate) fn broken_key(
    connection: &Connection,
    relation: &Relation,
    is_asked: impl Fn(&str) -> bool,
    show_values: bool,
) -> rusqlite::Result<Option<Error>> {
    let Some(broken) = first_broken(connection, relation, is_asked)? else { return Ok(None) };
    let values = match broken.row_id.filter(|_| show_values) {
        Some(row_id) => row_by_id(connection, relation, row_id)?,
        None => None,
    };
    Ok(Some(missing(relation, broken.name, broken.key, values.as_deref())))
}

/// A foreign key that a row violates.
struct Broken<'a> {
    name: &'a str,
    key: &'a ForeignKey,
    /// The row that refers; `None` where rows have no number.
    row_id: Option<i64>,
}

fn first_broken<'a>(
    connection: &Connection,
    relation: &'a Relation,
    is_asked: impl Fn(&str) -> bool,
) -> rusqlite::Result<Option<Broken<'a>>> {
    let table = relation.name.physical();
    let mut statement = connection.prepare("SELECT \"rowid\", fkid FROM pragma_foreign_key_check(?1)")?;
    let mut rows = statement.query([&table])?;
    while let Some(row) = rows.next()? {
        let (row_id, number): (Option<i64>, i64) = (row.get(0)?, row.get(1)?);
        let columns = key_columns(connection, &table, number)?;
        let found = relation.foreign_keys().find(|(_, key)| key.columns == columns);
        if let Some((name, key)) = found.filter(|(name, _)| is_asked(name)) {
            return Ok(Some(Broken { name, key, row_id }));
        }
    }
    Ok(None)
}

/// The columns of a foreign key by SQLite's number for it.
fn key_columns(connection: &Connection, table: &str, number: i64) -> rusqlite::Result<Vec<String>> {
    let sql = "SELECT \"from\" FROM pragma_foreign_key_list(?1) WHERE id = ?2 ORDER BY seq";
    connection.prepare(sql)?.query_map((table, number), |row| row.get(0))?.collect()
}

fn row_by_id(connection: &Connection, relation: &Relation, row_id: i64) -> rusqlite::Result<Option<Vec<Value>>> {
    let columns: Vec<String> = relation.columns.iter().map(|column| quote::ident(&column.name)).collect();
    let sql =
        format!("SELECT {} FROM {} WHERE rowid = ?1", columns.join(", "), quote::ident(&relation.name.physical()));
    connection.query_row(&sql, [row_id], |row| run::owned(row, columns.len())).optional()
}
