//! The values of a body in an INSERT or UPDATE: one parameter for each where there is one row, the whole JSON where there are more.

use std::fmt::Write as _;

use basalt_sql::catalog::{Column, Relation};
use basalt_sql::program::HIDDEN;
use basalt_sql::quote;
use basalt_sql::{Catalog, Name};
use basalt_types::Type;

use super::write;
use super::writer::Writer;
use crate::PlanError;
use crate::ask::Body;
use crate::body::{self, Object, Place};
use crate::literal::push_column_type;

/// The rows of a body, and the columns that they write.
pub(super) struct Values<'a> {
    pub rows: Vec<Object<'a>>,
    pub columns: Vec<&'a Column>,
    /// Columns that some rows lack, with the default that these rows take.
    defaults: Vec<(&'a Column, String)>,
    json: &'a str,
}

impl<'a> Values<'a> {
    /// Reads a body to insert. With `missing_default`, columns that no row has are left out, so that they take their defaults; not so when
    /// rows `merge` into those of their key, which take the defaults then.
    ///
    /// Errors: [`PlanError::UnknownColumn`]; 22P02 for broken JSON.
    pub fn to_insert(
        catalog: &Catalog,
        relation: &'a Relation,
        body: &'a Body,
        merge: bool,
    ) -> Result<Self, PlanError> {
        let mut columns = columns(relation, body)?;
        let rows = body::rows(&body.json)?;
        if body.missing_default && !merge {
            columns.retain(|column| rows.iter().any(|row| row.contains_key(&column.name)));
        }
        Ok(Values::new(catalog, body, rows, columns))
    }

    /// Reads a body whose first row is what to set.
    ///
    /// Errors: as [`Values::to_insert`].
    pub fn to_update(catalog: &Catalog, relation: &'a Relation, body: &'a Body) -> Result<Self, PlanError> {
        let columns = columns(relation, body)?;
        Ok(Values::new(catalog, body, body::rows(&body.json)?, columns))
    }

    fn new(catalog: &Catalog, body: &'a Body, rows: Vec<Object<'a>>, columns: Vec<&'a Column>) -> Self {
        let lacked = |column: &&&Column| rows.iter().any(|row| !row.contains_key(&column.name));
        let with_default = |column: &&'a Column| Some((*column, default(catalog, column)?));
        let defaults = match body.missing_default {
            true => columns.iter().filter(lacked).filter_map(with_default).collect(),
            false => Vec::new(),
        };
        Values { rows, columns, defaults, json: &body.json }
    }

    /// INSERT, up to ON CONFLICT.
    pub fn insert(&self, w: &mut Writer<'_>, catalog: &Catalog, relation: &Relation) -> Result<(), PlanError> {
        match self.rows.as_slice() {
            [_] if self.columns.is_empty() => {
                insert_into(w, relation, &[]);
                w.push(" DEFAULT VALUES");
            }
            // The right to insert is asked of those who insert nothing, too.
            [] if self.columns.is_empty() => {
                insert_into(w, relation, &[]);
                w.push(" SELECT FROM (SELECT 1) AS _ WHERE false");
            }
            rows if self.columns.is_empty() => {
                let writable = relation.columns.iter().find(|column| column.generated.is_none());
                insert_into(w, relation, &[writable.ok_or_else(|| write::no_column(relation))?]);
                w.push(" VALUES ");
                for index in 0..rows.len() {
                    w.comma(index);
                    w.push("(DEFAULT)");
                }
            }
            [row] => {
                insert_into(w, relation, &self.columns);
                w.push(" VALUES (");
                for (index, column) in self.columns.iter().enumerate() {
                    w.comma(index);
                    self.value(w, row, column)?;
                }
                w.push(")");
            }
            _ => {
                insert_into(w, relation, &self.columns);
                w.push(" SELECT ");
                for (index, column) in self.columns.iter().enumerate() {
                    w.comma(index);
                    self.select(w, column);
                }
                let flags: Vec<_> = (0..self.defaults.len()).map(flag).collect();
                recordset(w, catalog, self.json(), &self.columns, &flags);
            }
        }
        Ok(())
    }

    /// Whether an UPDATE has anything to set.
    pub fn assigns(&self) -> bool {
        !self.rows.is_empty() && !self.columns.is_empty()
    }

    /// SET of an UPDATE, to the values of the first row.
    pub fn assign(&self, w: &mut Writer<'_>) -> Result<(), PlanError> {
        let Some(row) = self.rows.first() else { return Ok(()) };
        w.push(" SET ");
        for (index, column) in self.columns.iter().enumerate() {
            w.comma(index);
            w.ident(&column.name);
            w.push(" = ");
            self.value(w, row, column)?;
        }
        Ok(())
    }

    /// A row's value of a column, or the default that it takes.
    fn value(&self, w: &mut Writer<'_>, row: &Object<'_>, column: &Column) -> Result<(), PlanError> {
        match self.defaults.iter().find(|(of, _)| of.name == column.name && !row.contains_key(&column.name)) {
            Some((_, default)) => {
                w.push(default);
                Ok(())
            }
            None => value(w, row, column),
        }
    }

    /// A column of the record set, or its default where the row lacks it.
    fn select(&self, w: &mut Writer<'_>, column: &Column) {
        match self.defaults.iter().enumerate().find(|(_, (of, _))| of.name == column.name) {
            None => recorded(w, column),
            Some((index, (_, default))) => {
                w.push("CASE WHEN ");
                w.ident(&flag(index));
                w.push(" THEN ");
                w.push(default);
                w.push(" ELSE ");
                recorded(w, column);
                w.push(" END");
            }
        }
    }

    /// The rows as JSON; where defaults are taken, each with a flag for every column that it lacks.
    fn json(&self) -> String {
        if self.rows.is_empty() {
            // A scalar has none, and is no list.
            return "[]".to_owned();
        }
        if self.defaults.is_empty() {
            return self.json.to_owned();
        }
        let mut json = String::with_capacity(self.json.len() * 2);
        for (index, row) in self.rows.iter().enumerate() {
            json.push_str(if index > 0 { "},{" } else { "[{" });
            let mut comma = "";
            let mut member = |name: &str, value: &str| {
                let name = serde_json::Value::from(name);
                // Writing to a String can't fail.
                let _ = write!(json, "{comma}{name}:{value}");
                comma = ",";
            };
            row.iter().for_each(|(name, value)| member(name, value.get()));
            let defaults = self.defaults.iter().enumerate();
            let lacking = defaults.filter(|(_, (column, _))| !row.contains_key(&column.name));
            lacking.for_each(|(index, _)| member(&flag(index), "true"));
        }
        json.push_str("}]");
        json
    }
}

/// The name of the member that tells that a row lacks the column of a default, by its place: a name may be as long as names get.
fn flag(default: usize) -> String {
    format!("{HIDDEN}default:{default}")
}

/// The columns that a body writes.
///
/// Errors: [`PlanError::UnknownColumn`].
pub(super) fn columns<'r>(relation: &'r Relation, body: &Body) -> Result<Vec<&'r Column>, PlanError> {
    body.columns.iter().map(|name| write::column(relation, name)).collect()
}

/// `INSERT INTO "s"."t" ("a", "b")`.
pub(super) fn insert_into(w: &mut Writer<'_>, relation: &Relation, columns: &[&Column]) {
    w.push("INSERT INTO ");
    w.name(&relation.name);
    if !columns.is_empty() {
        w.push(" (");
        w.idents(columns.iter().map(|column| column.name.as_str()));
        w.push(")");
    }
}

/// ` FROM json_to_recordset($1) AS _("a" integer, ...)`, with `flags` as boolean columns.
pub(super) fn recordset(w: &mut Writer<'_>, catalog: &Catalog, json: String, columns: &[&Column], flags: &[String]) {
    w.push(" FROM json_to_recordset(");
    w.bind(json);
    w.push(") AS _(");
    for (index, column) in columns.iter().enumerate() {
        w.comma(index);
        w.ident(&column.name);
        w.push(" ");
        match reader(w, column) {
            None => push_column_type(&mut w.sql, catalog, column),
            Some(_) => w.push("json"),
        }
    }
    for flag in flags {
        w.push(", ");
        w.ident(flag);
        w.push(" boolean");
    }
    w.push(")");
}

/// A column of the record set, as its domain reads it.
pub(super) fn recorded(w: &mut Writer<'_>, column: &Column) {
    let reader = reader(w, column);
    if let Some(reader) = reader {
        w.name(reader);
        w.push("(");
    }
    w.ident(&column.name);
    w.push(if reader.is_some() { ")" } else { "" });
}

/// A column's value, as a parameter of its own.
fn value(w: &mut Writer<'_>, row: &Object<'_>, column: &Column) -> Result<(), PlanError> {
    let reader = reader(w, column);
    let of_relation = column.composite.as_ref().filter(|_| is_opaque(&column.ty));
    let place = Place::new(w.params.len(), column, reader.is_some() || of_relation.is_some());
    let text = place.text(row.get(&column.name).copied())?;
    w.places.push(place);
    match (reader, of_relation) {
        (None, None) => w.bind_value(text),
        (None, Some(relation)) => {
            w.push("json_populate_record(NULL::");
            w.name(relation);
            w.push(", ");
            w.bind_value(text);
            w.push("::json)");
        }
        (Some(reader), _) => {
            w.name(reader);
            w.push("(");
            w.bind_value(text);
            w.push("::json)");
        }
    }
    Ok(())
}

/// A composite type whose fields are not told: a relation's row type.
fn is_opaque(ty: &Type) -> bool {
    matches!(ty, Type::Record(fields) if fields.is_empty())
}

/// The function by which a column's domain reads values of bodies.
fn reader<'w>(w: &Writer<'w>, column: &Column) -> Option<&'w Name> {
    w.representation(column)?.from_json.as_ref()
}

/// A column's default: its own, its sequence's next value, or its domain's default.
fn default(catalog: &Catalog, column: &Column) -> Option<String> {
    if column.generated.is_some() {
        return None;
    }
    let of_sequence = || {
        let sequence = column.sequence.as_ref().filter(|_| column.identity.is_some())?;
        Some(format!("nextval({})", quote::literal(&sequence.quoted())))
    };
    let of_domain = || catalog.domains.get(column.domain.as_ref()?)?.default.clone();
    column.default.clone().or_else(of_sequence).or_else(of_domain)
}
