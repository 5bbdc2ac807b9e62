//! What a database contains, in PostgreSQL's terms: the model that planning, policies and descriptions read.
//!
//! The embedded engine keeps it as one JSON document in the database itself and changes it by [`crate::ddl`]; the PostgreSQL
//! engine reads it from `pg_catalog`. Expressions and bodies are kept as PostgreSQL source text.

mod constraint;
mod domain;
mod name;
mod privilege;
mod publication;
mod relation;
mod routine;
mod stored;
mod trigger;
mod view_key;

use std::collections::BTreeMap;
use std::sync::Arc;

use basalt_core::{Error, Result};
use basalt_types::{EnumType, Type};
use indexmap::IndexMap;
use serde::{Deserialize, Deserializer, Serialize};

pub use constraint::{Constraint, ConstraintKind, Exclusion, ExclusionElement, ForeignKey, ReferentialAction};
pub use domain::{Domain, DomainCheck};
pub use name::Name;
pub(crate) use privilege::supabase_roles;
pub use privilege::{
    API_ROLES, AUTHENTICATOR, DefaultObject, DefaultPrivilege, Grants, PUBLIC, Privilege, Role, SUPABASE_ROLES,
};
pub(crate) use publication::publications;
pub use publication::{Part, Publication, REALTIME, SERVICE_PUBLICATION};
pub use relation::{Column, Identity, Index, Policy, PolicyCommand, Relation, RelationKind, Run, Takes, Trigger, View};

pub use routine::{Input, MediaHandler, Param, ParamMode, Routine};

/// The schema of extensions that nobody put elsewhere.
pub const EXTENSIONS: &str = "extensions";

/// Everything that exists.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Catalog {
    /// Schemas by name.
    pub schemas: BTreeMap<String, Schema>,
    /// Tables and views, in the order of their creation.
    pub relations: IndexMap<Name, Arc<Relation>>,
    /// Enumerations.
    pub enums: BTreeMap<Name, Arc<EnumType>>,
    /// Domains.
    pub domains: BTreeMap<Name, Domain>,
    /// Stand-alone composite types: their fields.
    pub composites: BTreeMap<Name, Vec<(String, Type)>>,
    /// Functions; overloads stand side by side.
    pub functions: BTreeMap<Name, Vec<Arc<Routine>>>,
    /// How values of domains are shown and read (casts of domains by functions).
    #[serde(default)]
    pub representations: BTreeMap<Name, Representation>,
    /// Aggregates whose result is a body.
    #[serde(default)]
    pub media_handlers: Vec<MediaHandler>,
    /// Sequences, those of serial and identity columns included. The embedded engine's.
    pub sequences: BTreeMap<Name, Sequence>,
    /// Roles by name.
    #[serde(deserialize_with = "privilege::stored_roles")]
    pub roles: BTreeMap<String, Role>,
    /// `alter database ... set`: what every session begins with, unless its role is set to something else.
    #[serde(default)]
    pub settings: BTreeMap<String, String>,
    /// `alter default privileges`: what new objects of a schema grant.
    pub default_privileges: Vec<DefaultPrivilege>,
    /// Publications by name: they say which tables are watched.
    #[serde(default = "publications")]
    pub publications: BTreeMap<String, Publication>,
    /// The role as which requests connect: those that it is a member of may be asked for.
    #[serde(default = "authenticator")]
    pub login: String,
    /// Extensions that were created (only those that the engine has built in can be), each with the schemas by which its functions are
    /// called: the one where it is, then those where it was, which expressions that are kept may name.
    #[serde(deserialize_with = "stored_extensions")]
    pub extensions: BTreeMap<String, Vec<String>>,
    /// Changes with every change to the catalog; a compiled statement belongs to one version.
    pub version: u64,
}

impl Default for Catalog {
    /// Nothing.
    fn default() -> Self {
        Catalog {
            schemas: BTreeMap::new(),
            relations: IndexMap::new(),
            enums: BTreeMap::new(),
            domains: BTreeMap::new(),
            composites: BTreeMap::new(),
            functions: BTreeMap::new(),
            representations: BTreeMap::new(),
            media_handlers: Vec::new(),
            sequences: BTreeMap::new(),
            roles: BTreeMap::new(),
            settings: BTreeMap::new(),
            default_privileges: Vec::new(),
            publications: BTreeMap::new(),
            login: authenticator(),
            extensions: BTreeMap::new(),
            version: 0,
        }
    }
}

fn authenticator() -> String {
    AUTHENTICATOR.into()
}

/// Extensions, which once had no schemas.
fn stored_extensions<'de, D: Deserializer<'de>>(source: D) -> Result<BTreeMap<String, Vec<String>>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Stored {
        Placed(BTreeMap<String, Vec<String>>),
        Names(Vec<String>),
    }
    Ok(match Stored::deserialize(source)? {
        Stored::Placed(extensions) => extensions,
        Stored::Names(names) => names.into_iter().map(|name| (name, vec![EXTENSIONS.to_owned()])).collect(),
    })
}

/// A schema.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Schema {
    /// `comment on schema`.
    pub comment: Option<String>,
    /// USAGE grants.
    pub grants: Grants,
}

/// The functions behind a domain's implicit casts: PostgREST's domain representations.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Representation {
    /// Domain to `json`: what is shown.
    pub to_json: Option<Name>,
    /// `text` to domain: what filters' values are read by.
    pub from_text: Option<Name>,
    /// `json` to domain: what bodies are read by.
    pub from_json: Option<Name>,
}

/// A sequence's definition. Its state is the engine's.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Sequence {
    /// Its values' type.
    #[serde(default = "bigint")]
    pub ty: Type,
    /// First value.
    pub start: i64,
    /// Step.
    pub increment: i64,
    /// Least value.
    pub min: i64,
    /// Greatest value.
    pub max: i64,
    /// Starts again after the last.
    pub cycle: bool,
    /// The column that owns it.
    pub owned_by: Option<(Name, String)>,
    /// USAGE, SELECT and UPDATE grants.
    pub grants: Grants,
}

/// The type of a sequence in a catalog that says none.
fn bigint() -> Type {
    Type::INT8
}

impl Sequence {
    /// 22023 for a value outside of its bounds, which is the sequence's START, or its RESTART: the value where it stands.
    pub fn check(&self, what: &str, value: i64) -> Result<()> {
        let (word, bound) = match value {
            _ if value < self.min => ("less than MINVALUE", self.min),
            _ if value > self.max => ("greater than MAXVALUE", self.max),
            _ => return Ok(()),
        };
        Err(Error::new("22023", format!("{what} value ({value}) cannot be {word} ({bound})")))
    }
}

impl Catalog {
    /// The relation of that name.
    pub fn relation(&self, schema: &str, name: &str) -> Option<&Arc<Relation>> {
        self.relations.get(&Name::new(schema, name))
    }

    /// The overloads of a function.
    pub fn routines(&self, schema: &str, name: &str) -> &[Arc<Routine>] {
        self.functions.get(&Name::new(schema, name)).map_or(&[], Vec::as_slice)
    }
}
