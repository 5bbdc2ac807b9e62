//! Rows as values: whole-row references, `row(...)`, and their JSON.

use std::sync::Arc;

use basalt_core::{Error, Result};
use basalt_types::{Base, Type};

use super::cast::json;
use super::compiler::Compiler;
use super::scope::Source;
use super::typed::{Form, Typed};
use crate::quote;

/// SQLite's functions take a thousand arguments.
const MOST_FIELDS: usize = 900;

/// A row expression of these fields.
pub(super) fn record(fields: Vec<(String, Typed)>) -> Typed {
    let ty = Type::Record(Arc::new(fields.iter().map(|(name, field)| (name.clone(), field.ty.clone())).collect()));
    let mut typed = Typed::over("", ty, fields.iter().map(|(_, field)| field));
    typed.form = Form::Row(fields);
    typed
}

/// The whole row of a source.
pub(super) fn of_source(source: &Source) -> Typed {
    let visible = source.columns.iter().enumerate().filter(|(_, c)| !c.hidden);
    let mut row = record(visible.map(|(i, c)| (c.name.clone(), source.value(i))).collect());
    // NULL when an outer join found no row.
    row.sql = match source.nullable {
        true => source.marker().unwrap_or_default(),
        false => String::new(),
    };
    if !row.sources.contains(&source.id) {
        row.sources.push(source.id);
    }
    row
}

/// `pg_row(shape, x...)`: a row as JSON. One of very many fields is joined of several.
pub(super) fn to_json(row: &Typed, jsonb: bool) -> Result<Typed> {
    let ty = Type::Base(if jsonb { Base::Jsonb } else { Base::Json });
    let Some(fields) = row.row() else {
        return Ok(Typed { ty, form: Form::Other, ..row.clone() });
    };
    let mut sql = match fits_one_call(row) {
        true => format!("pg_row({})", arguments(fields, jsonb)?),
        false => {
            let parts = fields.chunks(MOST_FIELDS).map(|part| Ok(format!("pg_row({})", arguments(part, false)?)));
            format!("pg_joined_rows({}, {})", u8::from(jsonb), parts.collect::<Result<Vec<_>>>()?.join(", "))
        }
    };
    if !row.sql.is_empty() {
        sql = format!("(CASE WHEN {} IS NOT NULL THEN {sql} END)", row.sql);
    }
    let mut typed = Typed::over(sql, ty, [row]);
    typed.not_null = row.sql.is_empty();
    Ok(typed)
}

/// Whether SQLite takes the row's fields as arguments of one call.
pub(super) fn fits_one_call(row: &Typed) -> bool {
    row.row().is_some_and(|fields| fields.len() <= MOST_FIELDS)
}

/// `pg_rows_agg(shape, x...)` without its closing parenthesis: rows as one JSON array.
pub(super) fn aggregate_call(row: &Typed, jsonb: bool) -> Result<String> {
    match row.row() {
        Some(fields) => Ok(format!("pg_rows_agg({}", arguments(fields, jsonb)?)),
        None => Err(Error::internal("an aggregated row without fields")),
    }
}

/// The shape and the fields' values.
fn arguments(fields: &[(String, Typed)], jsonb: bool) -> Result<String> {
    let mut shape = Vec::with_capacity(fields.len());
    let mut values = String::new();
    for (name, field) in fields {
        let (ty, sql) = match &field.form {
            Form::Row(_) => {
                let nested = to_json(field, jsonb)?;
                (nested.ty, nested.sql)
            }
            _ if field.is_unknown() => (Type::TEXT, field.sql.clone()),
            _ => (field.ty.clone(), field.sql.clone()),
        };
        values.push_str(", ");
        values.push_str(&sql);
        shape.push((name.clone(), ty));
    }
    Ok(format!("{}{values}", quote::literal(&json(&(jsonb, shape)))))
}

impl Compiler<'_> {
    /// A row's field: `(r).f`. 42703 if it has none of that name.
    pub(super) fn field(&mut self, row: &Typed, name: &str) -> Result<Typed> {
        let Type::Record(types) = &row.ty else {
            return Err(Error::new(
                "42809",
                format!("column notation .{name} applied to type {}, which is not a composite type", row.ty.sql_name()),
            ));
        };
        if let Some(fields) = row.row()
            && let Some((_, value)) = fields.iter().find(|(field, _)| field == name)
        {
            return Ok(value.clone());
        }
        match types.iter().find(|(field, _)| field == name) {
            Some((_, ty)) => self.stored_field(row, name, ty),
            None => Err(Error::new("42703", format!("column \"{name}\" not found in data type record"))),
        }
    }

    /// A field of a row that is kept as JSON.
    fn stored_field(&mut self, row: &Typed, name: &str, ty: &Type) -> Result<Typed> {
        let columns = json(&[(name, ty, None::<()>)]);
        let sql = format!("(SELECT c0 FROM pg_recordset('[' || {} || ']', {}))", row.sql, quote::literal(&columns));
        let mut typed = Typed::over(sql, ty.clone(), [row]);
        typed.leakproof = false;
        Ok(typed)
    }

    /// An expression whose value SQLite can hold: a row becomes its JSON.
    pub(super) fn storable(&mut self, value: Typed) -> Result<Typed> {
        match value.form {
            Form::Row(_) => {
                let ty = value.ty.clone();
                Ok(Typed { ty, ..to_json(&value, false)? })
            }
            _ => self.decided(value),
        }
    }
}
