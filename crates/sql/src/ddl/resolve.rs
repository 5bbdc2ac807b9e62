//! What a name in a definition stands for: schemas, relations, types, functions and roles.

use std::sync::Arc;

use basalt_core::{Error, Result};
use basalt_types::{Base, Type, Typmod, vector};
use sqlparser::tokenizer::Token;

use super::Change;
use super::cursor::RawName;
use crate::catalog::{Catalog, Name, PUBLIC, Relation, Routine};
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

impl Change<'_> {
    /// The schemas of the search path that exist.
    pub(super) fn path(&self) -> impl Iterator<Item = &str> {
        self.session.search_path.iter().map(String::as_str).filter(|schema| self.catalog.schemas.contains_key(*schema))
    }

    /// The name that a new object gets: in the schema written, or the first of the search path.
    ///
    /// Errors: 3F000 without such a schema; 42501 in `pg_catalog`.
    pub(super) fn new_name(&self, raw: &RawName) -> Result<Name> {
        match &raw.schema {
            Some(schema) if schema == "pg_catalog" || schema == "information_schema" => {
                Err(Error::permission_denied("schema", schema).at(raw.at))
            }
            Some(schema) => {
                self.check_schema(schema).map_err(|e| e.at(raw.at))?;
                Ok(Name::new(schema, &raw.name))
            }
            None => match self.path().next() {
                Some(schema) => Ok(Name::new(schema, &raw.name)),
                None => Err(Error::new("3F000", "no schema has been selected to create in").at(raw.at)),
            },
        }
    }

    /// 3F000 unless the schema exists.
    pub(super) fn check_schema(&self, schema: &str) -> Result<()> {
        if self.catalog.schemas.contains_key(schema) {
            return Ok(());
        }
        Err(Error::new("3F000", format!("schema \"{schema}\" does not exist")))
    }

    /// 42704 unless the role exists (`public` is everyone).
    pub(super) fn check_role(&self, role: &str) -> Result<()> {
        if role == PUBLIC || self.catalog.roles.contains_key(role) {
            return Ok(());
        }
        Err(Error::new("42704", format!("role \"{role}\" does not exist")).with_hint(format!(
            "Create it before, with create role {}. A dump without owners and grants is made by pg_dump --no-owner --no-acl.",
            crate::quote::ident(role)
        )))
    }

    /// Reads a role's name; `current_user` and its like are the owner, and so is whoever owns the database.
    pub(super) fn role(&mut self) -> Result<String> {
        let at = self.cursor.offset();
        self.cursor.accept("group");
        let role = self.cursor.label()?;
        if matches!(role.as_str(), "current_user" | "session_user" | "current_role" | "pg_database_owner") {
            return Ok(basalt_core::Identity::OWNER.to_owned());
        }
        self.check_role(&role).map_err(|e| e.at(at))?;
        Ok(role)
    }

    /// The name under which something exists, looked up in the schema written or along the search path.
    pub(super) fn lookup(&self, raw: &RawName, exists: impl Fn(&Name) -> bool) -> Option<Name> {
        match &raw.schema {
            Some(schema) => Some(Name::new(schema, &raw.name)).filter(|name| exists(name)),
            None => self.path().map(|schema| Name::new(schema, &raw.name)).find(exists),
        }
    }

    /// The relation of that name.
    ///
    /// Errors: 3F000, 42P01.
    pub(super) fn find_relation(&self, raw: &RawName) -> Result<Arc<Relation>> {
        let found = self.lookup(raw, |name| self.catalog.relations.contains_key(name));
        match found.and_then(|name| self.catalog.relations.get(&name)) {
            Some(relation) => Ok(relation.clone()),
            None => Err(self.missing_relation(raw)),
        }
    }

    /// 42P01 for a name that is no relation.
    pub(super) fn missing_relation(&self, raw: &RawName) -> Error {
        crate::compile::no_relation(raw.schema.as_deref(), &raw.text()).at(raw.at)
    }

    /// The table of that name; 42809 for a view.
    pub(super) fn find_table(&self, raw: &RawName) -> Result<Arc<Relation>> {
        let relation = self.find_relation(raw)?;
        if relation.view().is_some() {
            return Err(Error::new("42809", format!("\"{}\" is not a table", raw.name)).at(raw.at));
        }
        Ok(relation)
    }

    /// The one function of that name with these input types, or with any when none are given.
    ///
    /// Errors: 42883, 42725.
    pub(super) fn find_routine(&self, raw: &RawName, args: Option<&[Type]>) -> Result<Arc<Routine>> {
        let name = self.lookup(raw, |name| {
            let routines = self.catalog.routines(&name.schema, &name.name);
            routines.iter().any(|r| args.is_none_or(|args| takes(r, args)))
        });
        let missing = || match args {
            Some(args) => {
                let args: Vec<String> = args.iter().map(Type::sql_name).collect();
                Error::new("42883", format!("function {}({}) does not exist", raw.text(), args.join(", "))).at(raw.at)
            }
            None => Error::new("42883", format!("could not find a function named \"{}\"", raw.text())).at(raw.at),
        };
        let name = name.ok_or_else(missing)?;
        let routines = self.catalog.routines(&name.schema, &name.name);
        let mut fitting = routines.iter().filter(|r| args.is_none_or(|args| takes(r, args)));
        let found = fitting.next().ok_or_else(missing)?;
        if fitting.next().is_some() {
            return Err(Error::new("42725", format!("function name \"{}\" is not unique", raw.text()))
                .with_hint("Specify the argument list to select the function unambiguously.")
                .at(raw.at));
        }
        Ok(found.clone())
    }

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
        if !self.catalog.extensions.contains("vector") {
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
        declared.ty = row_type(relation);
        declared.relation = Some(name.clone());
        declared.composite = Some(name.clone());
    }
    declared
}

/// The row type of a relation.
pub(super) fn row_type(relation: &Relation) -> Type {
    Type::Record(Arc::new(relation.columns.iter().map(|c| (c.name.clone(), c.ty.clone())).collect()))
}

/// Whether the function's inputs have exactly these types.
pub(super) fn takes(routine: &Routine, args: &[Type]) -> bool {
    routine.inputs().map(|param| &param.ty).eq(args)
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

impl Declared {
    pub(super) fn base(base: Base, typmod: Option<Typmod>, at: usize) -> Self {
        Declared { typmod, ..Declared::of(Type::Base(base), at) }
    }

    /// A type as it is.
    pub(super) fn of(ty: Type, at: usize) -> Self {
        Declared { ty, typmod: None, domain: None, relation: None, composite: None, serial: false, at }
    }
}

impl RawName {
    /// As SQL.
    pub(super) fn quoted(&self) -> String {
        let parts = self.schema.iter().chain([&self.name]).map(|part| crate::quote::ident(part));
        parts.collect::<Vec<_>>().join(".")
    }

    /// As it was written.
    pub(super) fn text(&self) -> String {
        match &self.schema {
            Some(schema) => format!("{schema}.{}", self.name),
            None => self.name.clone(),
        }
    }
}
