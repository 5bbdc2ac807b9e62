//! `information_schema.columns`, and types as it describes them.

use basalt_types::{Base, Type, Typmod};
use serde_json::{Value as Json, json};

use super::information::COLUMN_PRIVILEGES;
use super::{Asker, CARDINAL_NUMBER, CHARACTER_DATA, DATABASE, NAME, View, yes_or_no};
use crate::catalog::{Column, Identity, Name, Relation};

/// Its columns in PostgreSQL's order.
const COLUMNS: [(&str, Type); 44] = [
    ("table_catalog", NAME),
    ("table_schema", NAME),
    ("table_name", NAME),
    ("column_name", NAME),
    ("ordinal_position", CARDINAL_NUMBER),
    ("column_default", CHARACTER_DATA),
    ("is_nullable", CHARACTER_DATA),
    ("data_type", CHARACTER_DATA),
    ("character_maximum_length", CARDINAL_NUMBER),
    ("character_octet_length", CARDINAL_NUMBER),
    ("numeric_precision", CARDINAL_NUMBER),
    ("numeric_precision_radix", CARDINAL_NUMBER),
    ("numeric_scale", CARDINAL_NUMBER),
    ("datetime_precision", CARDINAL_NUMBER),
    ("interval_type", CHARACTER_DATA),
    ("interval_precision", CARDINAL_NUMBER),
    ("character_set_catalog", NAME),
    ("character_set_schema", NAME),
    ("character_set_name", NAME),
    ("collation_catalog", NAME),
    ("collation_schema", NAME),
    ("collation_name", NAME),
    ("domain_catalog", NAME),
    ("domain_schema", NAME),
    ("domain_name", NAME),
    ("udt_catalog", NAME),
    ("udt_schema", NAME),
    ("udt_name", NAME),
    ("scope_catalog", NAME),
    ("scope_schema", NAME),
    ("scope_name", NAME),
    ("maximum_cardinality", CARDINAL_NUMBER),
    ("dtd_identifier", NAME),
    ("is_self_referencing", CHARACTER_DATA),
    ("is_identity", CHARACTER_DATA),
    ("identity_generation", CHARACTER_DATA),
    ("identity_start", CHARACTER_DATA),
    ("identity_increment", CHARACTER_DATA),
    ("identity_maximum", CHARACTER_DATA),
    ("identity_minimum", CHARACTER_DATA),
    ("identity_cycle", CHARACTER_DATA),
    ("is_generated", CHARACTER_DATA),
    ("generation_expression", CHARACTER_DATA),
    ("is_updatable", CHARACTER_DATA),
];

/// A type's name in the standard's words, and PostgreSQL's own name of it.
pub(super) struct Described {
    pub data_type: Json,
    pub udt_schema: Json,
    pub udt_name: Json,
}

/// A type; `composite` names it where it is a row type.
pub(super) fn describe(ty: &Type, composite: Option<&Name>) -> Described {
    let (schema, name) = own_name(ty, composite);
    let data_type = match ty {
        Type::Base(base) => base.sql_name(),
        Type::Array(_) => "ARRAY",
        _ => "USER-DEFINED",
    };
    Described { data_type: data_type.into(), udt_schema: schema.into(), udt_name: name.into() }
}

fn own_name(ty: &Type, composite: Option<&Name>) -> (String, String) {
    let system = |name: &str| ("pg_catalog".to_owned(), name.to_owned());
    match ty {
        Type::Base(base) => system(base.internal_name()),
        Type::Enum(label) => (label.schema.clone(), label.name.clone()),
        Type::Other(other) => (other.schema.clone(), other.name.clone()),
        Type::Record(_) => composite.map_or_else(|| system("record"), |name| (name.schema.clone(), name.name.clone())),
        Type::Array(element) => {
            let (schema, name) = own_name(element, composite);
            (schema, format!("_{name}"))
        }
    }
}

/// Length, length in bytes, precision, radix, scale, and digits of seconds.
fn sizes(ty: &Type, typmod: Option<Typmod>) -> [Json; 6] {
    let base = ty.base();
    let length = match typmod {
        Some(Typmod::Length(length)) => Some(length),
        _ => None,
    };
    let bytes = match (base, length) {
        (Some(Base::Varchar | Base::Bpchar | Base::Text), Some(length)) => Some(i64::from(length) * 4),
        (Some(Base::Varchar | Base::Text), None) => Some(1 << 30),
        _ => None,
    };
    let (precision, radix, scale) = match (base, typmod) {
        (Some(Base::Int2), _) => (Some(16), Some(2), Some(0)),
        (Some(Base::Int4), _) => (Some(32), Some(2), Some(0)),
        (Some(Base::Int8), _) => (Some(64), Some(2), Some(0)),
        (Some(Base::Float4), _) => (Some(24), Some(2), None),
        (Some(Base::Float8), _) => (Some(53), Some(2), None),
        (Some(Base::Numeric), Some(Typmod::Precision(precision, scale))) => {
            (Some(i64::from(precision)), Some(10), Some(i64::from(scale)))
        }
        (Some(Base::Numeric), _) => (None, Some(10), None),
        _ => (None, None, None),
    };
    let seconds = match (base, typmod) {
        (Some(Base::Date), _) => Some(0),
        (Some(Base::Time | Base::Timestamp | Base::Timestamptz | Base::Interval), Some(Typmod::Fraction(digits))) => {
            Some(digits)
        }
        (Some(Base::Time | Base::Timestamp | Base::Timestamptz | Base::Interval), _) => Some(6),
        _ => None,
    };
    [json!(length), json!(bytes), json!(precision), json!(radix), json!(scale), json!(seconds)]
}

impl Asker<'_> {
    pub(super) fn columns(&self) -> View {
        let mut rows = Vec::new();
        for relation in self.relations() {
            for (index, column) in relation.columns.iter().enumerate() {
                let may = |privilege| self.catalog.allows_column(self.user, relation, column, privilege);
                if COLUMN_PRIVILEGES.into_iter().any(may) {
                    rows.push(self.column(relation, index, column));
                }
            }
        }
        View { columns: COLUMNS.to_vec(), rows }
    }

    fn column(&self, relation: &Relation, index: usize, column: &Column) -> Vec<Json> {
        let described = describe(&column.ty, column.composite.as_ref());
        let [length, bytes, precision, radix, scale, seconds] = sizes(&column.ty, column.typmod);
        let null = || Json::Null;
        let sequence = column.identity.and(column.sequence.as_ref()).and_then(|name| self.catalog.sequences.get(name));
        let number = |number: Option<i64>| json!(number.map(|number| number.to_string()));
        let domain = column.domain.as_ref();
        vec![
            DATABASE.into(),
            json!(relation.name.schema),
            json!(relation.name.name),
            json!(column.name),
            json!(index + 1),
            json!(column.default.as_ref().filter(|_| column.identity.is_none() && !column.default_by_domain)),
            yes_or_no(!column.not_null),
            described.data_type,
            length,
            bytes,
            precision,
            radix,
            scale,
            seconds,
            null(),
            null(),
            null(),
            null(),
            null(),
            null(),
            null(),
            null(),
            json!(domain.map(|_| DATABASE)),
            json!(domain.map(|name| &name.schema)),
            json!(domain.map(|name| &name.name)),
            DATABASE.into(),
            described.udt_schema,
            described.udt_name,
            null(),
            null(),
            null(),
            null(),
            json!((index + 1).to_string()),
            yes_or_no(false),
            yes_or_no(column.identity.is_some()),
            json!(column.identity.map(|identity| match identity {
                Identity::Always => "ALWAYS",
                Identity::ByDefault => "BY DEFAULT",
            })),
            number(sequence.map(|s| s.start)),
            number(sequence.map(|s| s.increment)),
            number(sequence.map(|s| s.max)),
            number(sequence.map(|s| s.min)),
            yes_or_no(sequence.is_some_and(|s| s.cycle)),
            if column.generated.is_some() { "ALWAYS" } else { "NEVER" }.into(),
            json!(column.generated),
            yes_or_no(relation.takes().update && self.is_updatable(relation, index)),
        ]
    }

    /// Whether a column of a table or view that takes updates takes them.
    fn is_updatable(&self, relation: &Relation, index: usize) -> bool {
        relation.view().is_none_or(|view| view.sources.get(index).is_some_and(Option::is_some))
    }
}
