//! Functions, and aggregates that write bodies.

use std::sync::Arc;

use basalt_types::{Type, Volatility};
use serde::{Deserialize, Serialize};

use super::{Grants, Name};

/// A function.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Routine {
    /// Its name.
    pub name: Name,
    /// The owning role.
    pub owner: String,
    /// Parameters in order, OUT and TABLE ones included.
    pub params: Vec<Param>,
    /// Result type; for OUT and TABLE columns the record of them.
    pub returns: Type,
    /// The relation whose row type it returns.
    pub returns_relation: Option<Name>,
    /// The domain it was declared to return.
    #[serde(default)]
    pub returns_domain: Option<Name>,
    /// The composite type, or the relation, whose rows it returns, or an array of them. The embedded engine's.
    #[serde(default)]
    pub returns_composite: Option<Name>,
    /// SETOF or TABLE.
    pub returns_set: bool,
    /// `sql`, or another language on PostgreSQL.
    pub language: String,
    /// Source of the body: statements separated by semicolons, or the one of `return expr` as a SELECT.
    pub body: String,
    /// Whether the body was parsed when the function was made (`begin atomic`, `return`).
    #[serde(default)]
    pub parsed: bool,
    /// How steady its result is.
    #[serde(with = "volatility")]
    pub volatility: Volatility,
    /// STRICT.
    pub strict: bool,
    /// SECURITY DEFINER.
    pub security_definer: bool,
    /// `ROWS n`, if given.
    pub rows: Option<u64>,
    /// `SET name = value` clauses.
    pub settings: Vec<(String, String)>,
    /// EXECUTE grants.
    pub grants: Grants,
    /// `comment on function`.
    pub comment: Option<String>,
}

/// A function's parameter.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Param {
    /// Its name; empty if unnamed.
    pub name: String,
    /// Its mode.
    pub mode: ParamMode,
    /// Its type.
    pub ty: Type,
    /// The relation whose row type it is (computed fields and relationships).
    pub relation: Option<Name>,
    /// The domain that an argument must be in. The embedded engine's.
    #[serde(default)]
    pub domain: Option<Name>,
    /// The composite type, or the relation, whose rows it holds, or an array of them. The embedded engine's.
    #[serde(default)]
    pub composite: Option<Name>,
    /// Default expression, as PostgreSQL source.
    pub default: Option<String>,
}

/// What tells functions of one name apart: the type of an input, or the relation whose row it takes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Input {
    /// A value of the type.
    Value(Type),
    /// A row of the relation.
    Row(Name),
}

impl Param {
    /// What it is to the function's identity.
    pub(crate) fn input(&self) -> Input {
        match &self.relation {
            Some(relation) => Input::Row(relation.clone()),
            None => Input::Value(self.ty.clone()),
        }
    }
}

/// Parameter modes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs)] // SQL's own words
pub enum ParamMode {
    In,
    Out,
    InOut,
    Variadic,
    Table,
}

/// An aggregate over rows whose result is a domain named like a media type: the body of an answer of that type.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MediaHandler {
    /// The domain's name in lower case; `*/*` for any type.
    pub media: String,
    /// The aggregate.
    pub aggregate: Name,
    /// The relation whose rows it takes; `None` takes any.
    pub relation: Option<Name>,
    /// Whether its result is bytes rather than text.
    pub bytes: bool,
}

impl ParamMode {
    /// Whether a caller gives it: IN, INOUT and VARIADIC.
    pub fn is_input(self) -> bool {
        matches!(self, ParamMode::In | ParamMode::InOut | ParamMode::Variadic)
    }

    /// Whether it is a column of the result: OUT, INOUT and TABLE.
    pub fn is_output(self) -> bool {
        matches!(self, ParamMode::Out | ParamMode::InOut | ParamMode::Table)
    }
}

impl Routine {
    /// Parameters that a caller gives.
    pub fn inputs(&self) -> impl Iterator<Item = &Param> {
        self.params.iter().filter(|p| p.mode.is_input())
    }

    /// The domains that its parameters and its result are in.
    pub(crate) fn domains(&self) -> impl Iterator<Item = &Name> {
        self.params.iter().filter_map(|param| param.domain.as_ref()).chain(&self.returns_domain)
    }

    /// What tells it apart from others of its name.
    pub fn input_types(&self) -> Vec<Input> {
        self.inputs().map(Param::input).collect()
    }

    /// Whether the same calls may be of another function that takes what this one does.
    pub(crate) fn is_called_as(&self, other: &Routine) -> bool {
        let called = |param: &Param| (param.name.clone(), param.mode, param.default.is_some());
        self.inputs().map(called).eq(other.inputs().map(called))
    }

    /// Columns of the result that parameters declare.
    pub fn outputs(&self) -> impl Iterator<Item = &Param> {
        self.params.iter().filter(|p| p.mode.is_output())
    }

    /// The type that the parameters declare for the result: of several a row.
    pub(crate) fn type_of_outputs(&self) -> Option<Type> {
        let named = |(at, param): (usize, &Param)| match param.name.as_str() {
            "" => (format!("column{}", at + 1), param.ty.clone()),
            name => (name.to_owned(), param.ty.clone()),
        };
        let outputs: Vec<(String, Type)> = self.outputs().enumerate().map(named).collect();
        match <[(String, Type); 1]>::try_from(outputs) {
            Ok([(_, ty)]) => Some(ty),
            Err(outputs) => (!outputs.is_empty()).then(|| Type::Record(Arc::new(outputs))),
        }
    }

    /// A block of a script, as the function that it would be.
    pub(crate) fn of_block(owner: String) -> Routine {
        Routine {
            name: Name::new("", "inline_code_block"),
            owner,
            params: Vec::new(),
            returns: Type::VOID,
            returns_relation: None,
            returns_domain: None,
            returns_composite: None,
            returns_set: false,
            language: "plpgsql".to_owned(),
            body: String::new(),
            parsed: false,
            volatility: Volatility::Volatile,
            strict: false,
            security_definer: false,
            rows: None,
            settings: Vec::new(),
            grants: Grants::default(),
            comment: None,
        }
    }

    /// Whether it is for triggers and event triggers alone, which no statement calls.
    pub fn is_fired(&self) -> bool {
        self.returns == Type::TRIGGER || self.returns == Type::EVENT_TRIGGER
    }

    /// Whether it is interpreted, rather than compiled into the statement that calls it.
    pub fn is_interpreted(&self) -> bool {
        self.language == "plpgsql"
    }

    /// The schemas of `set search_path = ...`, if the function has it.
    pub fn search_path(&self) -> Option<Vec<String>> {
        let (_, value) = self.settings.iter().find(|(name, _)| name == "search_path")?;
        let schemas = value.split(',').map(|s| s.trim().trim_matches(['\'', '"']).to_owned());
        Some(schemas.filter(|s| !s.is_empty() && s != "$user").collect())
    }
}

mod volatility {
    //! `Volatility` as the letter that `pg_proc.provolatile` has.
    use super::Volatility;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(v: &Volatility, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_char(match v {
            Volatility::Immutable => 'i',
            Volatility::Stable => 's',
            Volatility::Volatile => 'v',
        })
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Volatility, D::Error> {
        Ok(match char::deserialize(d)? {
            'i' => Volatility::Immutable,
            's' => Volatility::Stable,
            _ => Volatility::Volatile,
        })
    }
}
