//! Violated constraints in PostgreSQL's words.
//!
//! SQLite names columns or nothing at all. The rows that the write would have stored (the compiled statement's probe) tell the rest:
//! which constraint it was, and with which values.

mod default;
mod foreign_key;
mod row;
mod step;

use basalt_core::{Error, Identity, Object, Result};
use basalt_sql::catalog::{ConstraintKind, Relation};
use basalt_sql::compile::compile;
use basalt_sql::program::{Command, Probe};
use basalt_sql::{Catalog, quote};
use basalt_types::Value;
use basalt_types::text::quoted_ident;
use rusqlite::{Connection, ffi};

pub(crate) use foreign_key::broken_key;
pub(super) use foreign_key::deferred;
use row::{exists, failing_row, key_text, text, type_name, values};
pub(super) use step::step;

use super::exclusions::Conflict;
use super::programs::Compiled;
use super::schema::Schema;
use super::{run, session};
use crate::Format;

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
    /// An exclusion constraint.
    Exclusion(Conflict),
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
            // SQLite carries out RESTRICT as a trigger of its own.
            ffi::SQLITE_CONSTRAINT_TRIGGER if text.as_deref() == Some("FOREIGN KEY constraint failed") => {
                Some(Violation::ForeignKey)
            }
            ffi::SQLITE_CONSTRAINT_TRIGGER => text.as_deref().and_then(Conflict::of).map(Violation::Exclusion),
            _ => None,
        }
    }
}

impl Violation {
    /// A missing integer key, which the compiled statement finds itself: SQLite would number the row.
    pub fn missing_key(probe: &Probe) -> Option<Violation> {
        let column = session::with(|session| session.missing_column())?;
        Some(Violation::NotNull(format!("{}.{column}", probe.relation.physical())))
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
        Violation::Exclusion(conflict) => {
            Some(conflict.error(attempt.show_values && conflict.table == relation.name.physical()))
        }
        Violation::ForeignKey => {
            attempt.foreign_key().or_else(|| Some(unnamed_key(&relation.name.name, probe.command)))
        }
    }
}

/// A foreign key that the rows don't name: some cascade further on met it.
fn unnamed_key(table: &str, command: Command) -> Error {
    let verb = if command == Command::Insert { "insert or update" } else { "update or delete" };
    Error::new("23503", format!("{verb} on table \"{table}\" violates a foreign key constraint"))
}

impl Attempt<'_> {
    fn catalog(&self) -> &Catalog {
        &self.schema.catalog
    }

    fn unique(&self, what: &str) -> Option<Error> {
        let index = what.strip_prefix("index '").and_then(|rest| rest.strip_suffix('\''));
        if let Some(index) = index {
            let (schema, name) = index.rsplit_once('.').unwrap_or(("public", index));
            let owner = self.catalog().relations.values().find(|relation| {
                relation.name.schema == schema && relation.indexes.iter().any(|index| index.name == name)
            });
            let error = duplicate(name);
            return Some(match owner {
                Some(relation) => error.with_object(about(relation)),
                None => error,
            });
        }
        let (relation, name, columns) = unique_over(self.catalog(), what)?;
        let error = duplicate(name).with_object(about(relation));
        if !self.show_values || relation.name != self.relation.name {
            return Some(error);
        }
        let Some(row) = self.duplicate_row(columns) else { return Some(error) };
        Some(error.with_detail(format!("Key {} already exists.", key_text(relation, columns, row, quoted_ident)?)))
    }

    /// The first row whose key another row has.
    fn duplicate_row(&self, columns: &[String]) -> Option<&[Value]> {
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
        let error =
            Error::new("23502", message).with_object(Object { column: Some(column.to_owned()), ..about(relation) });
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
        let error = Error::new("23514", message).with_constraint(name).with_object(about(relation));
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
        let domain = self
            .relation
            .columns
            .iter()
            .filter_map(|column| column.domain.as_ref())
            .find(|domain| self.catalog().domain_checks(domain).iter().any(|check| check.name == name));
        let (message, object) = match domain {
            Some(domain) => {
                let (schema, datatype) = (Some(domain.schema.clone()), Some(domain.name.clone()));
                let message = format!("value for domain {} violates check constraint \"{name}\"", domain.name);
                (message, Object { schema, datatype, ..Object::default() })
            }
            None => {
                let has =
                    |r: &&std::sync::Arc<Relation>| r.constraints.iter().any(|constraint| constraint.name == name);
                let relation = self.catalog().relations.values().find(has)?;
                let message =
                    format!("new row for relation \"{}\" violates check constraint \"{name}\"", relation.name.name);
                (message, about(relation))
            }
        };
        Some(Error::new("23514", message).with_constraint(name).with_object(object))
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
        let path = basalt_sql::DEFAULT_PATH.map(str::to_owned);
        let program = compile(self.catalog(), Identity::OWNER, &path, &sql)?;
        let compiled = Compiled::new(program, self.schema);
        let params: Vec<Option<String>> =
            columns.iter().zip(row).map(|(column, value)| (!value.is_null()).then(|| text(column, value))).collect();
        let answer = run::statement(self.connection, self.schema, &compiled, &params, Format::None, usize::MAX)?;
        Ok(answer.first_row.first().is_some_and(|(_, value)| value.as_deref() == Some("t")))
    }
}

/// A table as what an error is about.
fn about(relation: &Relation) -> Object {
    Object::table(relation.name.schema.as_str(), relation.name.name.as_str())
}

fn duplicate(constraint: &str) -> Error {
    let message = format!("duplicate key value violates unique constraint \"{constraint}\"");
    Error::new("23505", message).with_constraint(constraint)
}

/// The table that SQLite's `table.column` means, and the column.
fn table_of<'a, 'm>(catalog: &'a Catalog, what: &'m str) -> Option<(&'a Relation, &'m str)> {
    catalog.relations.values().find_map(|relation| {
        let column = what.strip_prefix(&relation.name.physical())?.strip_prefix('.')?;
        relation.column(column).map(|_| (&**relation, column))
    })
}

/// The unique constraint or index that SQLite calls `table.a, table.b`, with its table before and its columns after. (Names may
/// hold commas too.)
fn unique_over<'a>(catalog: &'a Catalog, what: &str) -> Option<(&'a Relation, &'a str, &'a [String])> {
    catalog.relations.values().find_map(|relation| {
        let table = relation.name.physical();
        let constraints = relation.constraints.iter().filter_map(|constraint| match &constraint.kind {
            ConstraintKind::PrimaryKey(columns) | ConstraintKind::Unique(columns) => Some((&constraint.name, columns)),
            _ => None,
        });
        let indexes = relation.indexes.iter().filter(|index| index.unique);
        let indexes = indexes.filter_map(|index| Some((&index.name, index.columns.as_ref()?)));
        let (name, columns) = constraints.chain(indexes).find(|(_, columns)| {
            let listed: Vec<String> = columns.iter().map(|column| format!("{table}.{column}")).collect();
            listed.join(", ") == what
        })?;
        Some((&**relation, name.as_str(), columns.as_slice()))
    })
}

/// What rows that are there already violate, while a definition runs: PostgreSQL's words for a new constraint.
pub(super) fn existing(catalog: &Catalog, violation: &Violation) -> Option<Error> {
    Some(match violation {
        Violation::Unique(what) => {
            let index = what.strip_prefix("index '").and_then(|rest| rest.strip_suffix('\''));
            let name = index.map(|index| index.rsplit_once('.').map_or(index, |(_, name)| name));
            let name = name.or_else(|| unique_over(catalog, what).map(|(_, name, _)| name));
            let Some(name) = name else {
                // A table being rebuilt has another name for the moment.
                let columns: Vec<&str> = what.split(", ").map(|c| c.rsplit_once('.').map_or(c, |(_, c)| c)).collect();
                let message =
                    format!("could not create a unique index over ({}): a key is duplicated", columns.join(", "));
                return Some(Error::new("23505", message));
            };
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
            // That of a domain, if a generated column is in it.
            let mut tables = catalog.relations.values().flat_map(|relation| &relation.constraints);
            let is_table = tables.any(|constraint| constraint.name == *name);
            let mut domains = catalog.domains.iter().filter(|_| !is_table);
            let message = match domains.find(|(_, domain)| domain.checks.iter().any(|(check, _)| check == name)) {
                Some((domain, _)) => {
                    format!("value for domain {} violates check constraint \"{name}\"", domain.name)
                }
                None => format!("check constraint \"{name}\" is violated by some row"),
            };
            Error::new("23514", message).with_constraint(name.as_str())
        }
        Violation::Exclusion(conflict) => conflict.error(true),
        Violation::ForeignKey => return None,
    })
}

/// Forgets what explaining itself raised.
pub(super) fn forget_raised() {
    session::with(|session| session.raised());
}
