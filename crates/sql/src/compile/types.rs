//! Names of types: what an AST data type means, through the catalog's enums, domains, composites and relations.

use std::sync::Arc;

use basalt_core::{Error, Result};
use basalt_types::{Base, Type, Typmod, vector};
use sqlparser::ast::{
    ArrayElemTypeDef, CharacterLength, DataType, ExactNumberInfo, ObjectName, ObjectNamePart, TimezoneInfo,
};

use crate::{Catalog, Name};

/// Types of PostgreSQL that Basalt does not have.
const KNOWN_ELSEWHERE: &[&str] = &[
    "bit",
    "varbit",
    "box",
    "cidr",
    "circle",
    "inet",
    "int4multirange",
    "int8multirange",
    "nummultirange",
    "datemultirange",
    "tsmultirange",
    "tstzmultirange",
    "line",
    "lseg",
    "macaddr",
    "macaddr8",
    "money",
    "path",
    "pg_lsn",
    "point",
    "polygon",
    "timetz",
    "xml",
    "oid",
    "regrole",
    "regproc",
    "regprocedure",
    "tid",
    "xid",
    "anyelement",
    "anyarray",
    "anycompatible",
    "anyenum",
    "hstore",
    "ltree",
    "geometry",
    "geography",
    "citext",
];

/// What to do where the type `vector` is unknown.
pub(crate) const CREATE_VECTOR: &str = "Create the extension first: create extension vector;";

/// A resolved type name.
#[derive(Debug, Clone)]
pub struct ResolvedType {
    /// The type; a domain's base type.
    pub ty: Type,
    /// Modifier.
    pub typmod: Option<Typmod>,
    /// The domain.
    pub domain: Option<Name>,
    /// `smallserial`, `serial`, `bigserial`.
    pub serial: bool,
    /// The relation whose row type it is.
    pub relation: Option<Name>,
}

impl ResolvedType {
    fn plain(ty: Type, typmod: Option<Typmod>) -> Self {
        ResolvedType { ty, typmod, domain: None, serial: false, relation: None }
    }
}

/// The type that an AST data type names; unqualified names are looked up in `search_path`.
///
/// Errors: 42704 `type "x" does not exist`; 22023 for a modifier out of bounds; 0A000 for types that Basalt lacks.
pub fn resolve_type(catalog: &Catalog, search_path: &[String], data_type: &DataType) -> Result<ResolvedType> {
    use DataType as D;
    let base = |base: Base| Ok(ResolvedType::plain(Type::Base(base), None));
    match data_type {
        D::Character(length) | D::Char(length) => {
            let typmod = length_of(length)?.unwrap_or(Typmod::Length(1));
            Ok(ResolvedType::plain(Type::BPCHAR, Some(typmod)))
        }
        D::CharacterVarying(length) | D::CharVarying(length) | D::Varchar(length) | D::Nvarchar(length) => {
            Ok(ResolvedType::plain(Type::VARCHAR, length_of(length)?))
        }
        D::Uuid => base(Base::Uuid),
        D::Numeric(info) | D::Decimal(info) | D::Dec(info) => {
            Ok(ResolvedType::plain(Type::NUMERIC, precision_of(info)?))
        }
        D::Float(ExactNumberInfo::Precision(bits)) if *bits <= 24 => base(Base::Float4),
        D::Float(_) | D::Double(_) | D::DoublePrecision | D::Float8 | D::Float64 => base(Base::Float8),
        D::Real | D::Float4 | D::Float32 => base(Base::Float4),
        D::Int2(_) | D::SmallInt(_) => base(Base::Int2),
        D::Int(_) | D::Int4(_) | D::Integer(_) => base(Base::Int4),
        D::Int8(_) | D::BigInt(_) | D::Int64 => base(Base::Int8),
        D::Bool | D::Boolean => base(Base::Bool),
        D::Date => base(Base::Date),
        D::Time(_, TimezoneInfo::WithTimeZone | TimezoneInfo::Tz) => Err(lacking("time with time zone")),
        D::Time(digits, _) => Ok(ResolvedType::plain(Type::TIME, fraction_of(*digits)?)),
        D::Timestamp(digits, TimezoneInfo::WithTimeZone | TimezoneInfo::Tz) => {
            Ok(ResolvedType::plain(Type::TIMESTAMPTZ, fraction_of(*digits)?))
        }
        D::Timestamp(digits, _) => Ok(ResolvedType::plain(Type::TIMESTAMP, fraction_of(*digits)?)),
        D::Interval { precision, .. } => Ok(ResolvedType::plain(Type::INTERVAL, fraction_of(*precision)?)),
        D::JSON => base(Base::Json),
        D::JSONB => base(Base::Jsonb),
        D::Text | D::Regclass => base(Base::Text),
        D::Bytea => base(Base::Bytea),
        D::TsVector => base(Base::Tsvector),
        D::TsQuery => base(Base::Tsquery),
        D::Trigger => base(Base::Trigger),
        D::Array(
            ArrayElemTypeDef::SquareBracket(element, _)
            | ArrayElemTypeDef::AngleBracket(element)
            | ArrayElemTypeDef::Parenthesis(element)
            | ArrayElemTypeDef::Qualified(element, _),
        ) => {
            let element = resolve_type(catalog, search_path, element)?;
            let ty = if element.ty.element().is_some() { element.ty } else { element.ty.array_of() };
            Ok(ResolvedType::plain(ty, element.typmod))
        }
        D::Custom(name, modifiers) => custom(catalog, search_path, name, modifiers),
        other => Err(lacking(&other.to_string().to_lowercase())),
    }
}

/// The parts of a name, unquoted ones in lower case: `(schema, name)`.
pub(crate) fn split_name(name: &ObjectName) -> Result<(Option<String>, String)> {
    let mut parts = name.0.iter().rev().map(|part| match part {
        ObjectNamePart::Identifier(ident) => Ok(fold(ident)),
        ObjectNamePart::Function(_) => Err(Error::new("42601", "syntax error in a name")),
    });
    let last = parts.next().transpose()?.unwrap_or_default();
    let schema = parts.next().transpose()?;
    match parts.next() {
        None => Ok((schema, last)),
        Some(_) => Err(Error::unsupported(
            format!("cross-database references are not implemented: {name}"),
            "Name it by schema and name.",
        )),
    }
}

/// An identifier as PostgreSQL reads it: folded to lower case unless quoted.
pub(crate) fn fold(ident: &sqlparser::ast::Ident) -> String {
    match ident.quote_style {
        Some(_) => ident.value.clone(),
        None => ident.value.to_lowercase(),
    }
}

fn custom(catalog: &Catalog, search_path: &[String], name: &ObjectName, modifiers: &[String]) -> Result<ResolvedType> {
    let (schema, name) = split_name(name)?;
    let schemas: Vec<&str> = match &schema {
        Some(schema) if schema == "pg_catalog" => vec![],
        Some(schema) => vec![schema],
        None => search_path.iter().map(String::as_str).collect(),
    };
    if schemas.is_empty() || schema.is_none() {
        if let Some(base) = Base::by_name(&name).filter(|base| *base != Base::Vector) {
            let serial = name.contains("serial");
            let typmod = modifiers_of(base, modifiers)?;
            return Ok(ResolvedType { serial, ..ResolvedType::plain(Type::Base(base), typmod) });
        }
        // A name of an object stays a text.
        if matches!(&*name, "regclass" | "regtype" | "regnamespace" | "regrole" | "regproc" | "regprocedure") {
            return Ok(ResolvedType::plain(Type::TEXT, None));
        }
        if let Some(element) = name.strip_prefix('_').and_then(Base::by_name) {
            return Ok(ResolvedType::plain(Type::Base(element).array_of(), None));
        }
    }
    for schema in schemas {
        let name = Name::new(schema, &*name);
        if let Some(found) = catalog.enums.get(&name) {
            return Ok(ResolvedType::plain(Type::Enum(found.clone()), None));
        }
        if let Some(domain) = catalog.domains.get(&name) {
            let plain = ResolvedType::plain(domain.ty.clone(), domain.typmod);
            return Ok(ResolvedType { domain: Some(name), ..plain });
        }
        if let Some(fields) = catalog.composites.get(&name) {
            return Ok(ResolvedType::plain(Type::Record(Arc::new(fields.clone())), None));
        }
        if let Some(relation) = catalog.relations.get(&name) {
            let plain = ResolvedType::plain(relation.row_type(), None);
            return Ok(ResolvedType { relation: Some(name), ..plain });
        }
    }
    if name == "vector" {
        return vector(catalog, modifiers);
    }
    if name == "record" {
        return Ok(ResolvedType::plain(Type::Record(Arc::default()), None));
    }
    if KNOWN_ELSEWHERE.contains(&name.as_str()) {
        return Err(lacking(&name));
    }
    let shown = schema.map_or(name.clone(), |schema| format!("{schema}.{name}"));
    Err(Error::new("42704", format!("type \"{shown}\" does not exist")))
}

/// pgvector's type, which is in no schema of its own. 42704 without the extension.
fn vector(catalog: &Catalog, modifiers: &[String]) -> Result<ResolvedType> {
    if !catalog.extensions.contains_key("vector") {
        return Err(Error::new("42704", "type \"vector\" does not exist").with_hint(CREATE_VECTOR));
    }
    Ok(ResolvedType::plain(Type::VECTOR, vector::modifier(&numbers_of(modifiers)?)?))
}

fn numbers_of(modifiers: &[String]) -> Result<Vec<i64>> {
    modifiers.iter().map(|text| text.trim().parse().map_err(|_| Error::invalid_text("integer", text))).collect()
}

fn modifiers_of(base: Base, modifiers: &[String]) -> Result<Option<Typmod>> {
    let numbers = numbers_of(modifiers)?;
    let bounded = |n: i64| u64::try_from(n).map_err(|_| Error::new("22023", "type modifier is out of bounds"));
    match (base, numbers.as_slice()) {
        (_, []) => Ok(None),
        (Base::Varchar | Base::Bpchar, [n]) => Ok(Some(length(bounded(*n)?)?)),
        (Base::Numeric, [p]) => precision_of(&ExactNumberInfo::Precision(bounded(*p)?)),
        (Base::Numeric, [p, s]) => precision_of(&ExactNumberInfo::PrecisionAndScale(bounded(*p)?, *s)),
        (Base::Time | Base::Timestamp | Base::Timestamptz | Base::Interval, [n]) => fraction_of(Some(bounded(*n)?)),
        _ => Err(Error::new("42601", format!("type modifier is not allowed for type \"{}\"", base.internal_name()))),
    }
}

fn length_of(given: &Option<CharacterLength>) -> Result<Option<Typmod>> {
    match given {
        Some(CharacterLength::IntegerLength { length: n, .. }) => Ok(Some(length(*n)?)),
        Some(CharacterLength::Max) | None => Ok(None),
    }
}

fn length(n: u64) -> Result<Typmod> {
    match u32::try_from(n) {
        Ok(0) => Err(Error::new("22023", "length for type varchar must be at least 1")),
        Ok(n) if n <= 10_485_760 => Ok(Typmod::Length(n)),
        _ => Err(Error::new("22023", "length for type varchar cannot exceed 10485760")),
    }
}

fn precision_of(info: &ExactNumberInfo) -> Result<Option<Typmod>> {
    let (precision, scale) = match info {
        ExactNumberInfo::None => return Ok(None),
        ExactNumberInfo::Precision(precision) => (*precision, 0),
        ExactNumberInfo::PrecisionAndScale(precision, scale) => (*precision, *scale),
    };
    match (u32::try_from(precision), i32::try_from(scale)) {
        (Ok(p @ 1..=1000), Ok(s @ -1000..=1000)) => Ok(Some(Typmod::Precision(p, s))),
        (Ok(1..=1000), _) => Err(Error::new("22023", format!("NUMERIC scale {scale} must be between -1000 and 1000"))),
        _ => Err(Error::new("22023", format!("NUMERIC precision {precision} must be between 1 and 1000"))),
    }
}

fn fraction_of(digits: Option<u64>) -> Result<Option<Typmod>> {
    // More than six digits are six, as PostgreSQL warns and goes on.
    Ok(digits.map(|digits| Typmod::Fraction(u32::try_from(digits.min(6)).unwrap_or(6))))
}

fn lacking(name: &str) -> Error {
    Error::unsupported(
        format!("type {name} is not supported on the embedded engine"),
        "Use text, or the PostgreSQL engine.",
    )
}
