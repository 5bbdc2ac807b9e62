//! Rows as values: whole-row references, `row(...)`, their stored form and their JSON.

use std::sync::Arc;

use basalt_core::{Error, Result};
use basalt_types::codec::anonymous;
use basalt_types::{Base, Type};

use super::cast::json;
use super::compiler::Compiler;
use super::scope::Source;
use super::typed::{CastContext, Form, Origin, Typed};
use super::unrolled::item_value;
use crate::quote;

/// SQLite's functions take a thousand arguments.
const MOST_FIELDS: usize = 900;

/// A row that is written out: `row(a, b)`.
pub(super) fn written(fields: Vec<(String, Typed)>) -> Typed {
    of_fields(fields, String::new(), Origin::Written)
}

/// A row that comes of something else.
pub(super) fn record(fields: Vec<(String, Typed)>) -> Typed {
    of_fields(fields, String::new(), Origin::Value)
}

/// A row of these fields; `marker` is empty, or NULL just when the row is.
pub(super) fn of_fields(fields: Vec<(String, Typed)>, marker: String, origin: Origin) -> Typed {
    let mut typed = Typed::over(marker, type_of(&fields), fields.iter().map(|(_, field)| field));
    typed.form = Form::Row(fields, origin);
    typed
}

/// What is true just where the row is not NULL, and NULL where it is.
pub(super) fn mark(row: &Typed) -> Typed {
    match (&row.form, row.sql.as_str()) {
        (Form::Row(..), "") => Typed::constant(true.into(), Type::BOOL),
        (_, sql) => Typed::over(format!("(CASE WHEN {sql} IS NOT NULL THEN 1 END)"), Type::BOOL, [row]),
    }
}

fn type_of(fields: &[(String, Typed)]) -> Type {
    Type::Record(Arc::new(fields.iter().map(|(name, field)| (name.clone(), field.ty.clone())).collect()))
}

/// The whole row of a source.
pub(super) fn of_source(source: &Source) -> Typed {
    let visible = source.columns.iter().enumerate().filter(|(_, c)| !c.hidden);
    let mut row = record(visible.map(|(i, c)| (c.name.clone(), source.value(i))).collect());
    // NULL when an outer join found no row, or where it stands for an array's element that is NULL.
    row.sql = match (source.whole().filter(|_| source.qualified_only), source.nullable) {
        (Some(whole), _) => whole.sql.clone(),
        (None, true) => source.marker().unwrap_or_default(),
        (None, false) => String::new(),
    };
    row.row_of.clone_from(&source.rows_of);
    if !row.sources.contains(&source.id) {
        row.sources.push(source.id);
    }
    row
}

/// `pg_row(shape, x...)`: a row as JSON. One of very many fields is joined of several.
pub(super) fn to_json(row: &Typed, jsonb: bool) -> Result<Typed> {
    let ty = Type::Base(if jsonb { Base::Jsonb } else { Base::Json });
    let Some(fields) = row.row() else { return Err(Error::internal("a row without known fields")) };
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
    (typed.not_null, typed.leakproof) = (row.sql.is_empty(), false);
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
            Form::Row(..) => {
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
        match types.iter().position(|(field, _)| field == name) {
            Some(index) => Ok(Self::stored_field(row, index, &types[index].1)),
            None => Err(Error::new("42703", format!("column \"{name}\" not found in data type record"))),
        }
    }

    /// A field of a row that is kept as one value.
    fn stored_field(row: &Typed, index: usize, ty: &Type) -> Typed {
        let value = item_value(ty, &format!("({} ->> {index})", row.sql));
        Typed::over(value, ty.clone(), [row])
    }

    /// The fields of a row, however it is kept; `None` of what is no row.
    pub(super) fn fields(&mut self, row: &Typed) -> Option<Vec<(String, Typed)>> {
        if let Some(fields) = row.row() {
            return Some(fields.to_vec());
        }
        let Type::Record(types) = &row.ty else { return None };
        let field = |(index, (name, ty)): (usize, &(String, Type))| (name.clone(), Self::stored_field(row, index, ty));
        Some(types.iter().enumerate().map(field).collect())
    }

    /// An expression whose value SQLite can hold: a row becomes one value, `pg_record(x...)`.
    pub(super) fn storable(&mut self, value: Typed) -> Result<Typed> {
        let Form::Row(fields, _) = value.form else { return self.decided(value) };
        let mut kept = Vec::with_capacity(fields.len());
        for (name, field) in fields {
            kept.push((name, self.storable(field)?));
        }
        let values: Vec<&str> = kept.iter().map(|(_, field)| field.sql.as_str()).collect();
        let mut parts = values.chunks(MOST_FIELDS).map(|part| format!("pg_record({})", part.join(", ")));
        let mut sql = match values.len() {
            0 => "pg_record()".to_owned(),
            1..=MOST_FIELDS => parts.next().unwrap_or_default(),
            _ => format!("pg_joined_records({})", parts.collect::<Vec<_>>().join(", ")),
        };
        if !value.sql.is_empty() {
            sql = format!("(CASE WHEN {} IS NOT NULL THEN {sql} END)", value.sql);
        }
        let not_null = value.sql.is_empty();
        let ty = type_of(&kept);
        Ok(Typed { sql, ty, not_null, collated: false, form: Form::Other, ..value })
    }

    /// Rows as values of one type.
    ///
    /// Errors: 0A000 for rows of other types, which PostgreSQL lets stand side by side.
    pub(super) fn unify_rows(&mut self, values: Vec<Typed>, construct: &str) -> Result<(Vec<Typed>, Type)> {
        let mut unified = Vec::with_capacity(values.len());
        for value in values {
            unified.push(if value.is_unknown() { value } else { self.storable(value)? });
        }
        let ty = unified.iter().find(|value| !value.is_unknown()).map_or(Type::TEXT, |value| value.ty.clone());
        for value in &mut unified {
            if !value.is_unknown() && !alike(&value.ty, &ty) {
                return Err(Error::unsupported(
                    format!("rows of different types in one {construct} are not supported on the embedded engine"),
                    "Cast them to one composite type: row(...)::t.",
                ));
            }
            *value = self.coerce(value.clone(), &ty, None, CastContext::Implicit)?;
        }
        Ok((unified, ty))
    }

    /// Two rows, or a row and NULL, as values of one type to be compared.
    ///
    /// Errors: 42804 for rows of other fields, 42883 for fields that have no order; 0A000 for a literal.
    pub(super) fn comparable_rows(&mut self, left: Typed, right: Typed) -> Result<(Typed, Typed)> {
        let ty = if left.is_unknown() { &right.ty } else { &left.ty };
        if let Some(json) = without_order(ty) {
            let message = format!("could not identify an equality operator for type {}", json.sql_name());
            return Err(Error::new("42883", message));
        }
        let ty = ty.clone();
        let (mut asked, mut found) = (Vec::with_capacity(2), Vec::with_capacity(2));
        for value in [left, right] {
            asked.push(asked_type(&value));
            found.push(match value.is_unknown() {
                true if value.is_null_literal() => Typed { ty: ty.clone(), ..value },
                true => return Err(anonymous()),
                false => self.storable(value)?,
            });
        }
        if let [Type::Record(a), Type::Record(b)] = asked.as_slice() {
            for (index, ((_, a), (_, b))) in a.iter().zip(b.iter()).enumerate() {
                if *a == Type::UNKNOWN && a == b {
                    return Err(Error::new("42883", "could not identify an equality operator for type unknown"));
                }
                if !alike(a, b) {
                    let types = format!("{} and {}", a.sql_name(), b.sql_name());
                    let message =
                        format!("cannot compare dissimilar column types {types} at record column {}", index + 1);
                    return Err(Error::new("42804", message));
                }
            }
            if a.len() != b.len() {
                return Err(Error::new("42804", "cannot compare record types with different numbers of columns"));
            }
        }
        let (Some(right), Some(mut left)) = (found.pop(), found.pop()) else {
            return Err(Error::internal("two operands"));
        };
        left.leakproof = false;
        Ok((left, right))
    }
}

/// The type of a row before its literals are text.
fn asked_type(value: &Typed) -> Type {
    let Some(fields) = value.row() else { return value.ty.clone() };
    let asked = fields.iter().map(|(name, field)| match field.form {
        Form::Param(_) => (name.clone(), Type::TEXT),
        _ => (name.clone(), asked_type(field)),
    });
    Type::Record(Arc::new(asked.collect()))
}

/// Whether values of the types are kept alike: rows may name their fields otherwise.
pub(super) fn alike(a: &Type, b: &Type) -> bool {
    match (a, b) {
        (Type::Record(a), Type::Record(b)) => {
            a.len() == b.len() && a.iter().zip(b.iter()).all(|((_, a), (_, b))| alike(a, b))
        }
        (Type::Array(a), Type::Array(b)) => alike(a, b),
        (a, b) => a == b,
    }
}

/// The type within a row's, or an array's, that has no order.
pub(super) fn without_order(ty: &Type) -> Option<&Type> {
    match ty {
        Type::Record(fields) => fields.iter().find_map(|(_, ty)| without_order(ty)),
        Type::Array(element) => without_order(element),
        Type::Base(Base::Json | Base::Jsonpath) => Some(ty),
        _ => None,
    }
}
