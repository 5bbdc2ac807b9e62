//! Types as definitions write them: built-in ones with their modifiers, the database's own, and what to write in place of those
//! that the embedded engine lacks.

use std::sync::Arc;

use basalt_core::{Error, Result};
use basalt_types::{Base, Type, Typmod, vector};
use sqlparser::tokenizer::Token;

use super::Change;
use super::cursor::RawName;
use crate::catalog::{Catalog, Name};
use crate::compile::CREATE_VECTOR;

/// A type as written, resolved.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Declared {
    /// The type; a domain's base type.
    pub(super) ty: Type,
    /// Its modifier.
    pub(super) typmod: Option<Typmod>,
    /// The domain it names.
    pub(super) domain: Option<Name>,
    /// The relation whose row type it names.
    pub(super) relation: Option<Name>,
    /// The composite type, or the relation, whose rows it holds, or an array of them.
    pub(super) composite: Option<Name>,
    /// `serial`, `bigserial`, `smallserial`.
    pub(super) serial: bool,
    /// Where it stands.
    pub(super) at: usize,
}

impl Declared {
    pub(super) fn base(base: Base, typmod: Option<Typmod>, at: usize) -> Self {
        Declared { typmod, ..Declared::of(Type::Base(base), at) }
    }

    /// A type as it is.
    pub(super) fn of(ty: Type, at: usize) -> Self {
        Declared { ty, typmod: None, domain: None, relation: None, composite: None, serial: false, at }
    }
}

impl Change<'_> {
    /// Reads a type.
    ///
    /// Errors: 42704 for one that does not exist; 0A000 for PostgreSQL's types that this engine lacks.
    pub(super) fn data_type(&mut self) -> Result<Declared> {
        let at = self.cursor.offset();
        let mut declared = self.element_type().map_err(|e| e.at(at))?;
        let mut array = false;
        if self.cursor.accept("array") {
            array = true;
        }
        while self.cursor.accept_token(&Token::LBracket) {
            if !self.cursor.peek_token(&Token::RBracket) {
                self.cursor.integer()?;
            }
            self.cursor.expect_token(&Token::RBracket)?;
            array = true;
        }
        if array {
            if let Some(domain) = &declared.domain {
                return Err(Error::unsupported(
                    format!("arrays of domains are not supported: {}[]", domain.name),
                    "Use an array of the domain's base type, with a check constraint.",
                )
                .at(at));
            }
            if declared.serial {
                return Err(Error::new("0A000", "array of serial is not implemented").at(at));
            }
            declared.ty = declared.ty.array_of();
            declared.relation = None;
        }
        declared.at = at;
        Ok(declared)
    }

    fn element_type(&mut self) -> Result<Declared> {
        let at = self.cursor.offset();
        self.cursor.accept("setof");
        if self.cursor.accept("double precision") {
            return Ok(Declared::base(Base::Float8, None, at));
        }
        if self.cursor.accept("national") && !self.cursor.peek("character") && !self.cursor.peek("char") {
            return Err(self.cursor.unexpected());
        }
        for words in ["character varying", "char varying"] {
            if self.cursor.accept(words) {
                return Ok(Declared::base(Base::Varchar, self.length(None)?, at));
            }
        }
        for (word, base, zoned) in
            [("timestamp", Base::Timestamp, Some(Base::Timestamptz)), ("time", Base::Time, None::<Base>)]
        {
            if self.cursor.accept(word) {
                let typmod = self.fraction()?;
                self.cursor.accept("without time zone");
                if self.cursor.accept("with time zone") {
                    return match zoned {
                        Some(zoned) => Ok(Declared::base(zoned, typmod, at)),
                        None => Err(lacking("time with time zone", "time, or timestamptz")),
                    };
                }
                return Ok(Declared::base(base, typmod, at));
            }
        }
        if self.cursor.accept("interval") {
            if self.cursor.accept_any(&["year", "month", "day", "hour", "minute", "second"]).is_some() {
                return Err(lacking("interval with fields", "plain interval"));
            }
            return Ok(Declared::base(Base::Interval, self.fraction()?, at));
        }
        let quoted_char = self.cursor.sql()[at..].starts_with('"');
        let raw = self.cursor.name()?;
        self.named_type(&raw, quoted_char)
    }

    fn named_type(&mut self, raw: &RawName, quoted: bool) -> Result<Declared> {
        let builtin = raw.schema.as_deref().is_none_or(|schema| schema == "pg_catalog");
        if builtin && quoted && raw.name == "char" {
            return Err(lacking("\"char\"", "char(1) or text"));
        }
        if builtin && let Some(base) = Base::by_name(&raw.name).filter(|base| *base != Base::Vector) {
            let serial =
                matches!(raw.name.as_str(), "serial" | "serial4" | "bigserial" | "serial8" | "smallserial" | "serial2");
            let typmod = match base {
                Base::Varchar => self.length(None)?,
                // `char` is `char(1)`; the internal name alone has no limit.
                Base::Bpchar => self.length(Some(1).filter(|_| raw.name != "bpchar"))?,
                Base::Numeric => self.precision()?,
                Base::Time | Base::Timestamp | Base::Timestamptz | Base::Interval => self.fraction()?,
                Base::Float4 | Base::Float8 if raw.name == "float" => return self.float(raw.at),
                _ => None,
            };
            return Ok(Declared { serial, ..Declared::base(base, typmod, raw.at) });
        }
        let known = self.lookup(raw, |name| {
            self.catalog.enums.contains_key(name)
                || self.catalog.domains.contains_key(name)
                || self.catalog.composites.contains_key(name)
                || self.catalog.relations.contains_key(name)
        });
        let Some(name) = known else {
            return match raw.name.as_str() {
                "vector" => self.vector(raw),
                _ => Err(unknown_type(raw)),
            };
        };
        Ok(declared_type(&self.catalog, &name, raw.at))
    }

    /// pgvector's type, which is in no schema of its own. 42704 without the extension.
    fn vector(&mut self, raw: &RawName) -> Result<Declared> {
        if !self.catalog.extensions.contains_key("vector") {
            let message = format!("type \"{}\" does not exist", raw.text());
            return Err(Error::new("42704", message).with_hint(CREATE_VECTOR).at(raw.at));
        }
        let typmod = vector::modifier(&self.modifiers()?).map_err(|e| e.at(raw.at))?;
        Ok(Declared::base(Base::Vector, typmod, raw.at))
    }

    fn float(&mut self, at: usize) -> Result<Declared> {
        let numbers = self.modifiers()?;
        let base = match numbers.first() {
            None | Some(25..=53) => Base::Float8,
            Some(1..=24) => Base::Float4,
            Some(_) => return Err(Error::new("22023", "precision for type float must be between 1 and 53 bits").at(at)),
        };
        Ok(Declared::base(base, None, at))
    }

    fn length(&mut self, default: Option<u32>) -> Result<Option<Typmod>> {
        let at = self.cursor.offset();
        let Some(&length) = self.modifiers()?.first() else { return Ok(default.map(Typmod::Length)) };
        match u32::try_from(length) {
            Ok(length @ 1..=10_485_760) => Ok(Some(Typmod::Length(length))),
            Ok(0) | Err(_) => Err(Error::new("22023", "length for type varchar must be at least 1").at(at)),
            Ok(_) => Err(Error::new("22023", "length for type varchar cannot exceed 10485760").at(at)),
        }
    }

    fn precision(&mut self) -> Result<Option<Typmod>> {
        let at = self.cursor.offset();
        let numbers = self.modifiers()?;
        let Some(&precision) = numbers.first() else { return Ok(None) };
        let scale = numbers.get(1).copied().unwrap_or(0);
        let invalid = |what: &str, given: i64, range: &str| {
            Error::new("22023", format!("NUMERIC {what} {given} must be between {range}")).at(at)
        };
        let p = u32::try_from(precision).ok().filter(|p| (1..=1000).contains(p));
        let s = i32::try_from(scale).ok().filter(|s| (-1000..=1000).contains(s));
        let p = p.ok_or_else(|| invalid("precision", precision, "1 and 1000"))?;
        let s = s.ok_or_else(|| invalid("scale", scale, "-1000 and 1000"))?;
        Ok(Some(Typmod::Precision(p, s)))
    }

    fn fraction(&mut self) -> Result<Option<Typmod>> {
        Ok(self.modifiers()?.first().map(|digits| Typmod::Fraction(u32::try_from(*digits).unwrap_or(6).min(6))))
    }

    fn modifiers(&mut self) -> Result<Vec<i64>> {
        if !self.cursor.accept_token(&Token::LParen) {
            return Ok(Vec::new());
        }
        let numbers = self.cursor.list(|cursor| cursor.integer())?;
        self.cursor.expect_token(&Token::RParen)?;
        Ok(numbers)
    }
}

/// The type that a user-defined name stands for.
pub(super) fn declared_type(catalog: &Catalog, name: &Name, at: usize) -> Declared {
    let mut declared = Declared::base(Base::Text, None, at);
    if let Some(labels) = catalog.enums.get(name) {
        declared.ty = Type::Enum(labels.clone());
    } else if let Some(domain) = catalog.domains.get(name) {
        declared.ty = domain.ty.clone();
        declared.typmod = domain.typmod;
        declared.domain = Some(name.clone());
    } else if let Some(fields) = catalog.composites.get(name) {
        declared.ty = Type::Record(Arc::new(fields.clone()));
        declared.composite = Some(name.clone());
    } else if let Some(relation) = catalog.relations.get(name) {
        declared.ty = relation.row_type();
        declared.relation = Some(name.clone());
        declared.composite = Some(name.clone());
    }
    declared
}

fn unknown_type(raw: &RawName) -> Error {
    let instead = match raw.name.as_str() {
        "citext" => "text with a unique index over lower(...)",
        "hstore" => "jsonb",
        "money" => "numeric(12, 2)",
        "inet" | "cidr" | "macaddr" | "macaddr8" | "xml" | "ltree" | "bit" | "varbit" => {
            "text, with a check constraint"
        }
        "halfvec" | "sparsevec" => "vector",
        "point" | "line" | "lseg" | "box" | "path" | "polygon" | "circle" | "geometry" | "geography" => {
            "two columns of double precision, or jsonb"
        }
        "timetz" => "time, or timestamptz",
        "oid" | "regclass" | "regnamespace" | "regproc" | "regrole" | "regtype" | "xid" | "tid" | "pg_lsn" => {
            "bigint or text"
        }
        "anyelement" | "anyarray" | "anycompatible" | "anycompatiblearray" | "anyenum" => "a function for each type",
        "int4multirange" | "int8multirange" | "nummultirange" | "tsmultirange" | "tstzmultirange"
        | "datemultirange" => "an array of ranges, or a table with a row for each range",
        _ => return Error::new("42704", format!("type \"{}\" does not exist", raw.text())),
    };
    lacking(&raw.name, instead)
}

fn lacking(name: &str, instead: &str) -> Error {
    Error::unsupported(
        format!("type {name} is not supported by the embedded engine"),
        format!("Use {instead} instead."),
    )
}
