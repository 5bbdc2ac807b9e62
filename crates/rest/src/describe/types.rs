//! Types as JSON Schema shows them.

use basalt_sql::catalog::Column;
use basalt_types::{Base, Type, Typmod};
use serde_json::{Map, Value, json};

/// `type`, `format`, `items` and `enum` of a type (contract: section 17).
pub(super) fn schema(ty: &Type) -> Map<String, Value> {
    let mut schema = Map::new();
    match ty {
        Type::Base(base) => {
            if let Some(kind) = kind(*base) {
                schema.insert("type".into(), kind.into());
            }
            schema.insert("format".into(), format(*base).into());
        }
        Type::Enum(e) => {
            schema.insert("type".into(), "string".into());
            schema.insert("format".into(), format!("{}.{}", e.schema, e.name).into());
            schema.insert("enum".into(), e.labels.clone().into());
        }
        Type::Array(element) => {
            schema.insert("type".into(), "array".into());
            schema.insert("format".into(), ty.sql_name().into());
            let items = match &**element {
                Type::Base(base) => kind(*base).map_or_else(|| json!({}), |kind| json!({"type": kind})),
                _ => json!({"type": "string"}),
            };
            schema.insert("items".into(), items);
        }
        Type::Record(_) => {
            schema.insert("type".into(), "object".into());
        }
        Type::Other(other) => {
            // As PostgreSQL's `format_type` has it where no schema is searched.
            let name = match (other.schema.as_str(), other.name.as_str()) {
                ("pg_catalog", "varbit") => "bit varying".to_owned(),
                ("pg_catalog", "timetz") => "time with time zone".to_owned(),
                ("pg_catalog", name) => name.to_owned(),
                (schema, name) => format!("{schema}.{name}"),
            };
            schema.insert("type".into(), "string".into());
            schema.insert("format".into(), name.into());
        }
    }
    schema
}

/// A column's schema: its type, length and default.
pub(super) fn column(column: &Column) -> Map<String, Value> {
    let mut schema = schema(&column.ty);
    if let Some(default) = column.default.as_deref().and_then(|text| default(text, &column.ty)) {
        schema.insert("default".into(), default);
    }
    if let Some(Typmod::Length(length)) = column.typmod {
        schema.insert("maxLength".into(), length.into());
    }
    schema
}

fn kind(base: Base) -> Option<&'static str> {
    match base {
        Base::Bool => Some("boolean"),
        Base::Int2 | Base::Int4 | Base::Int8 => Some("integer"),
        Base::Float4 | Base::Float8 | Base::Numeric => Some("number"),
        Base::Json | Base::Jsonb => None,
        _ => Some("string"),
    }
}

fn format(base: Base) -> &'static str {
    match base {
        Base::Int2 | Base::Int4 => "int32",
        Base::Int8 => "int64",
        other => other.sql_name(),
    }
}

/// A default that reads as JSON, or one of a string type without its quotes and cast.
fn default(text: &str, ty: &Type) -> Option<Value> {
    let textual = match ty {
        Type::Base(base) => kind(*base) == Some("string"),
        Type::Enum(_) => true,
        _ => false,
    };
    if textual {
        let bare =
            text.rsplit_once("::").filter(|(before, _)| before.ends_with('\'')).map_or(text, |(before, _)| before);
        let unquoted = bare.strip_prefix('\'').and_then(|t| t.strip_suffix('\'')).unwrap_or(bare);
        return Some(unquoted.replace("''", "'").into());
    }
    serde_json::from_str(text).ok()
}
