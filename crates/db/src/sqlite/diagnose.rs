//! Violated constraints in PostgreSQL's words.
//!
//! SQLite names columns or nothing at all. The rows that the write would have stored (the compiled statement's probe) tell the rest:
//! which constraint it was, and with which values.

use basalt_core::{Error, Identity, Result};
use basalt_sql::catalog::{Column, ConstraintKind, ForeignKey, ReferentialAction, Relation};
use basalt_sql::compile::compile;
use basalt_sql::program::{Command, Probe};
use basalt_sql::{Catalog, Name, quote};
use basalt_types::{Type, Value, codec};
use rusqlite::{Connection, OptionalExtension, ffi, params_from_iter};

use super::functions::with_context;
use super::programs::Compiled;
use super::run;
use super::schema::Schema;
use super::session;
use super::value::{StoredRef, stored};
use crate::Format;

/// Characters of a value that "Failing row contains" shows.
const SHOWN: usize = 64;
/// Levels of cascades that are followed.
const DEPTH: usize = 16;

/// What SQLite says was violated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Violation {
    /// `t.a, t.b`, or `index 'name'`.
    Unique(String),
    /// `t.a`.
    NotNull(String),
    /// The constraint's name.
    Check(String),
    /// Some foreign key.
    ForeignKey,
}

impl Violation {
    /// Reads SQLite's error.
    pub fn of(error: &rusqlite::Error) -> Option<Violation> {
        let rusqlite::Error::SqliteFailure(failure, text) = error else { return None };
        let what = || Some(text.as_ref()?.split_once(": ")?.1.to_owned());
        match failure.extended_code {
            ffi::SQLITE_CONSTRAINT_UNIQUE | ffi::SQLITE_CONSTRAINT_PRIMARYKEY | ffi::SQLITE_CONSTRAINT_ROWID => {
                Some(Violation::Unique(what()?))
            }
            ffi::SQLITE_CONSTRAINT_NOTNULL => Some(Violation::NotNull(what()?)),
            ffi::SQLITE_CONSTRAINT_CHECK => Some(Violation::Check(what()?)),
            ffi::SQLITE_CONSTRAINT_FOREIGNKEY => Some(Violation::ForeignKey),
            _ => None,
        }
    }
}

/// What a write was about to do.
struct Attempt<'a> {
    connection: &'a Connection,
    schema: &'a Schema,
    relation: &'a Relation,
    command: Command,
    /// Rows as they would be, all columns; of a DELETE, as they are.
    new: Vec<&'a [Value]>,
    /// Of an UPDATE, the rows as they are.
    old: Vec<&'a [Value]>,
    show_values: bool,
}

/// Explains a violation; `None` if the rows don't tell.
pub(super) fn explain(
    connection: &Connection,
    schema: &Schema,
    probe: &Probe,
    rows: &[Vec<Value>],
    violation: Violation,
) -> Option<Error> {
    let relation = schema.catalog.relations.get(&probe.relation)?;
    let width = relation.columns.len();
    let split = |row: &'_ Vec<Value>| row.len().min(width);
    let attempt = Attempt {
        connection,
        schema,
        relation,
        command: probe.command,
        new: rows.iter().map(|row| &row[..split(row)]).collect(),
        old: rows.iter().map(|row| &row[split(row)..]).filter(|old| old.len() == width).collect(),
        show_values: probe.show_values,
    };
    match violation {
        Violation::Unique(what) => attempt.unique(&what),
        Violation::NotNull(what) => attempt.not_null(&what),
        Violation::Check(name) => attempt.check(&name),
        Violation::ForeignKey => attempt.foreign_key(),
    }
}

impl Attempt<'_> {
    fn catalog(&self) -> &Catalog {
        &self.schema.catalog
    }

    fn unique(&self, what: &str) -> Option<Error> {
        let index = what.strip_prefix("index '").and_then(|rest| rest.strip_suffix('\''));
        if let Some(index) = index {
            return Some(duplicate(index.rsplit_once('.').map_or(index, |(_, name)| name)));
        }
        let (relation, _) = table_of(self.catalog(), what)?;
        let prefix = format!("{}.", relation.name.physical());
        let columns: Vec<&str> = what.split(", ").map(|part| part.strip_prefix(&prefix).unwrap_or(part)).collect();
        let error = duplicate(unique_name(relation, &columns)?);
        if !self.show_values || relation.name != self.relation.name {
            return Some(error);
        }
        let Some(row) = self.duplicate_row(&columns) else { return Some(error) };
        Some(error.with_detail(format!("Key {} already exists.", key_text(relation, &columns, row)?)))
    }

    /// The first row whose key another row has.
    fn duplicate_row(&self, columns: &[&str]) -> Option<&[Value]> {
        let key = |row: &[Value]| values(self.relation, columns, row);
        for (i, row) in self.new.iter().enumerate() {
            let wanted = key(row)?;
            if wanted.iter().any(Value::is_null)
                || self.old.get(i).is_some_and(|old| key(old).as_ref() == Some(&wanted))
            {
                continue;
            }
            let is_repeated = self.new[..i].iter().any(|earlier| key(earlier).as_ref() == Some(&wanted));
            if is_repeated || exists(self.connection, &self.relation.name, columns, &wanted) {
                return Some(row);
            }
        }
        None
    }

    fn not_null(&self, what: &str) -> Option<Error> {
        let (relation, column) = table_of(self.catalog(), what)?;
        let message = format!(
            "null value in column \"{column}\" of relation \"{}\" violates not-null constraint",
            relation.name.name
        );
        let error = Error::new("23502", message);
        if !self.show_values || relation.name != self.relation.name {
            return Some(error);
        }
        let position = relation.columns.iter().position(|c| c.name == column)?;
        let row = self.new.iter().find(|row| row.get(position).is_some_and(Value::is_null));
        Some(match row {
            Some(row) => error.with_detail(failing_row(relation, row)),
            None => error,
        })
    }

    fn check(&self, name: &str) -> Option<Error> {
        let relation = self.relation;
        let own = relation.constraints.iter().find_map(|constraint| match &constraint.kind {
            ConstraintKind::Check(source) if constraint.name == name => Some(source),
            _ => None,
        });
        let Some(source) = own else { return self.elsewhere_checked(name) };
        let message = format!("new row for relation \"{}\" violates check constraint \"{name}\"", relation.name.name);
        let error = Error::new("23514", message).with_constraint(name);
        let row = match self.new.as_slice() {
            _ if !self.show_values => None,
            [row] => Some(*row),
            rows => rows.iter().copied().find(|row| self.fails(source, row).unwrap_or(false)),
        };
        Some(match row {
            Some(row) => error.with_detail(failing_row(relation, row)),
            None => error,
        })
    }

    /// A check of a domain, or of a table that a cascade reached.
    fn elsewhere_checked(&self, name: &str) -> Option<Error> {
        let domain = self.relation.columns.iter().filter_map(|column| column.domain.as_ref()).find(|domain| {
            self.catalog().domains.get(*domain).is_some_and(|d| d.checks.iter().any(|(check, _)| check == name))
        });
        let message = match domain {
            Some(domain) => format!("value for domain {} violates check constraint \"{name}\"", domain.name),
            None => {
                let has =
                    |r: &&std::sync::Arc<Relation>| r.constraints.iter().any(|constraint| constraint.name == name);
                let relation = self.catalog().relations.values().find(has)?;
                format!("new row for relation \"{}\" violates check constraint \"{name}\"", relation.name.name)
            }
        };
        Some(Error::new("23514", message).with_constraint(name))
    }

    /// Whether a check's expression is false for a row.
    fn fails(&self, source: &str, row: &[Value]) -> Result<bool> {
        let columns = &self.relation.columns;
        let list: Vec<String> = columns
            .iter()
            .enumerate()
            .map(|(i, column)| format!("${}::{} as {}", i + 1, type_name(&column.ty), quote::ident(&column.name)))
            .collect();
        let sql = format!(
            "select ({source}) is false from (select {}) as {}",
            list.join(", "),
            quote::ident(&self.relation.name.name)
        );
        let path = ["public".to_owned(), "extensions".to_owned()];
        let program = compile(self.catalog(), Identity::OWNER, &path, &sql)?;
        let compiled = Compiled::new(program, self.schema);
        let params: Vec<Option<String>> =
            columns.iter().zip(row).map(|(column, value)| (!value.is_null()).then(|| text(column, value))).collect();
        let answer = run::statement(self.connection, self.schema, &compiled, &params, Format::None, usize::MAX)?;
        Ok(answer.first_row.first().is_some_and(|(_, value)| value.as_deref() == Some("t")))
    }

    fn foreign_key(&self) -> Option<Error> {
        let missing = if self.command == Command::Delete { None } else { self.missing_target() };
        missing.or_else(|| {
            let (gone, kept): (&[&[Value]], &[&[Value]]) = match self.command {
                Command::Delete => (&self.new, &[]),
                Command::Update => (&self.old, &self.new),
                Command::Insert => return None,
            };
            self.still_referenced(self.relation, gone, kept, DEPTH)
        })
    }

    /// A new row that refers to nothing.
    fn missing_target(&self) -> Option<Error> {
        for (i, row) in self.new.iter().enumerate() {
            for (name, key) in self.relation.foreign_keys() {
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

    /// A row that goes (or changes its key) while another refers to it.
    fn still_referenced(
        &self,
        relation: &Relation,
        gone: &[&[Value]],
        kept: &[&[Value]],
        depth: usize,
    ) -> Option<Error> {
        let is_update = !kept.is_empty();
        for (i, row) in gone.iter().enumerate() {
            for child in self.catalog().relations.values() {
                for (name, key) in child.foreign_keys().filter(|(_, key)| key.target == relation.name) {
                    let wanted = values(relation, &key.target_columns, row)?;
                    let stays = kept
                        .get(i)
                        .is_some_and(|new| values(relation, &key.target_columns, new).as_ref() == Some(&wanted));
                    if stays || wanted.iter().any(Value::is_null) {
                        continue;
                    }
                    let mut referring = find(self.connection, &child.name, &key.columns, &wanted)?;
                    if child.name == relation.name && !is_update {
                        referring.retain(|row| !gone.contains(&row.as_slice()));
                    }
                    match if is_update { key.on_update } else { key.on_delete } {
                        _ if referring.is_empty() => {}
                        ReferentialAction::NoAction | ReferentialAction::Restrict => {
                            return Some(referenced(relation, child, name, key, self.show_values.then_some(row)));
                        }
                        ReferentialAction::Cascade if !is_update && depth > 0 => {
                            let next: Vec<&[Value]> = referring.iter().map(Vec::as_slice).collect();
                            if let Some(error) = self.still_referenced(child, &next, &[], depth - 1) {
                                return Some(error);
                            }
                        }
                        _ => {}
                    }
                }
            }
        }
        None
    }
}

fn duplicate(constraint: &str) -> Error {
    let message = format!("duplicate key value violates unique constraint \"{constraint}\"");
    Error::new("23505", message).with_constraint(constraint)
}

fn missing(relation: &Relation, name: &str, key: &ForeignKey, row: Option<&[Value]>) -> Error {
    let message =
        format!("insert or update on table \"{}\" violates foreign key constraint \"{name}\"", relation.name.name);
    let shown = row.and_then(|row| key_text(relation, &key.columns, row));
    let detail = match shown {
        Some(shown) => format!("Key {shown} is not present in table \"{}\".", key.target.name),
        None => format!("Key is not present in table \"{}\".", key.target.name),
    };
    Error::new("23503", message).with_detail(detail).with_constraint(name)
}

fn referenced(relation: &Relation, child: &Relation, name: &str, key: &ForeignKey, row: Option<&[Value]>) -> Error {
    let message = format!(
        "update or delete on table \"{}\" violates foreign key constraint \"{name}\" on table \"{}\"",
        relation.name.name, child.name.name
    );
    let shown = row.and_then(|row| key_text(relation, &key.target_columns, row));
    let detail = match shown {
        Some(shown) => format!("Key {shown} is still referenced from table \"{}\".", child.name.name),
        None => format!("Key is still referenced from table \"{}\".", child.name.name),
    };
    Error::new("23503", message).with_detail(detail).with_constraint(name)
}

/// The table that SQLite's `table.column` means, and the column.
fn table_of<'a, 'm>(catalog: &'a Catalog, what: &'m str) -> Option<(&'a Relation, &'m str)> {
    catalog.relations.values().find_map(|relation| {
        let rest = what.strip_prefix(&relation.name.physical())?.strip_prefix('.')?;
        let column = rest.split(", ").next()?;
        relation.column(column).map(|_| (&**relation, column))
    })
}

/// The unique constraint or index over these columns.
fn unique_name<'a>(relation: &'a Relation, columns: &[&str]) -> Option<&'a str> {
    let fits = |key: &[String]| key.len() == columns.len() && key.iter().zip(columns).all(|(a, b)| a == b);
    let constraint = relation.constraints.iter().find(|constraint| match &constraint.kind {
        ConstraintKind::PrimaryKey(key) | ConstraintKind::Unique(key) => fits(key),
        _ => false,
    });
    let index = || {
        let mut indexes = relation.indexes.iter();
        indexes.find(|index| index.unique && index.columns.as_deref().is_some_and(fits)).map(|index| &index.name)
    };
    constraint.map(|constraint| &constraint.name).or_else(index).map(String::as_str)
}

/// The values of some columns of a row of all columns.
fn values(relation: &Relation, columns: &[impl AsRef<str>], row: &[Value]) -> Option<Vec<Value>> {
    let value = |name: &str| row.get(relation.columns.iter().position(|column| column.name == name)?).cloned();
    columns.iter().map(|name| value(name.as_ref())).collect()
}

/// `(a, b)=(1, x)`.
fn key_text(relation: &Relation, columns: &[impl AsRef<str>], row: &[Value]) -> Option<String> {
    let values = values(relation, columns, row)?;
    let mut texts = Vec::new();
    for (name, value) in columns.iter().zip(&values) {
        texts.push(if value.is_null() { "null".to_owned() } else { text(relation.column(name.as_ref())?, value) });
    }
    let names: Vec<&str> = columns.iter().map(AsRef::as_ref).collect();
    Some(format!("({})=({})", names.join(", "), texts.join(", ")))
}

/// `Failing row contains (1, null).`, long values cut.
fn failing_row(relation: &Relation, row: &[Value]) -> String {
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

fn text(column: &Column, value: &Value) -> String {
    let mut out = String::new();
    with_context(|context| codec::to_text(&column.ty, value.as_ref(), context, &mut out));
    out
}

/// A type as a cast spells it.
fn type_name(ty: &Type) -> String {
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

fn exists(connection: &Connection, table: &Name, columns: &[impl AsRef<str>], wanted: &[Value]) -> bool {
    let sql = format!("SELECT 1 FROM {} WHERE {}", quote::ident(&table.physical()), condition(columns));
    let found = connection
        .prepare(&sql)
        .and_then(|mut statement| statement.exists(params_from_iter(wanted.iter().map(|v| StoredRef(v.as_ref())))));
    found.unwrap_or(false)
}

fn find(
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

/// What rows that are there already violate, while a definition runs: PostgreSQL's words for a new constraint.
pub(super) fn existing(catalog: &Catalog, violation: &Violation) -> Option<Error> {
    Some(match violation {
        Violation::Unique(what) => {
            let index = what.strip_prefix("index '").and_then(|rest| rest.strip_suffix('\''));
            let name = index.map(|index| index.rsplit_once('.').map_or(index, |(_, name)| name));
            let named = || {
                let (relation, _) = table_of(catalog, what)?;
                let prefix = format!("{}.", relation.name.physical());
                let columns: Vec<&str> =
                    what.split(", ").map(|part| part.strip_prefix(&prefix).unwrap_or(part)).collect();
                unique_name(relation, &columns)
            };
            let name = name.or_else(named)?;
            Error::new("23505", format!("could not create unique index \"{name}\"")).with_constraint(name)
        }
        Violation::NotNull(what) => {
            // A table being rebuilt has another name for the moment.
            let column = what.rsplit_once('.').map_or(what.as_str(), |(_, column)| column);
            let message = match table_of(catalog, what) {
                Some((relation, _)) => {
                    format!("column \"{column}\" of relation \"{}\" contains null values", relation.name.name)
                }
                None => format!("column \"{column}\" contains null values"),
            };
            Error::new("23502", message)
        }
        Violation::Check(name) => {
            let message = format!("check constraint \"{name}\" is violated by some row");
            Error::new("23514", message).with_constraint(name.as_str())
        }
        Violation::ForeignKey => return None,
    })
}

/// A deferred foreign key that is violated now, without values: who asks is no longer known.
pub(super) fn deferred(connection: &Connection, schema: &Schema) -> Option<Error> {
    schema.deferred().find_map(|relation| broken_key(connection, relation, None, false).ok().flatten())
}

/// The first row of a table that violates a foreign key (or one that is named), as an error.
pub(crate) fn broken_key(
    connection: &Connection,
    relation: &Relation,
    constraint: Option<&str>,
    show_values: bool,
) -> rusqlite::Result<Option<Error>> {
    let table = relation.name.physical();
    let mut statement = connection.prepare("SELECT \"rowid\", fkid FROM pragma_foreign_key_check(?1)")?;
    let mut rows = statement.query([&table])?;
    while let Some(row) = rows.next()? {
        let (row_id, number): (Option<i64>, i64) = (row.get(0)?, row.get(1)?);
        let columns = key_columns(connection, &table, number)?;
        let found = relation.foreign_keys().find(|(_, key)| key.columns == columns);
        let Some((name, key)) = found.filter(|(name, _)| constraint.is_none_or(|wanted| wanted == *name)) else {
            continue;
        };
        let values = match row_id.filter(|_| show_values) {
            Some(row_id) => row_by_id(connection, relation, row_id)?,
            None => None,
        };
        return Ok(Some(missing(relation, name, key, values.as_deref())));
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
    let read = |row: &rusqlite::Row<'_>| {
        (0..columns.len()).map(|i| Ok(stored(row.get_ref(i)?)?.to_owned())).collect::<rusqlite::Result<Vec<_>>>()
    };
    connection.query_row(&sql, [row_id], read).optional()
}

/// Forgets what explaining itself raised.
pub(super) fn forget_raised() {
    session::with(|session| session.raised());
}
