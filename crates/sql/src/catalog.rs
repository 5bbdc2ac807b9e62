//! What a database contains, in PostgreSQL's terms: the model that planning, policies and descriptions read.
//!
//! The embedded engine keeps it as one JSON document in the database itself and changes it by [`crate::ddl`]; the PostgreSQL
//! engine reads it from `pg_catalog`. Expressions and bodies are kept as PostgreSQL source text.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use basalt_core::ReplicaIdentity;
use basalt_types::{EnumType, Type, Typmod, Volatility};
use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

pub use crate::publication::{Part, Publication, REALTIME, SERVICE_PUBLICATION};

/// A schema-qualified name. Compares by schema, then name.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Name {
    /// The schema.
    pub schema: String,
    /// The name within it.
    pub name: String,
}

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
    /// Sequences, those of serial and identity columns included.
    pub sequences: BTreeMap<Name, Sequence>,
    /// Roles by name.
    pub roles: BTreeMap<String, Role>,
    /// `alter default privileges`: what new objects of a schema grant.
    pub default_privileges: Vec<DefaultPrivilege>,
    /// Publications by name: they say which tables are watched.
    #[serde(default = "publications")]
    pub publications: BTreeMap<String, Publication>,
    /// The role as which requests connect: those that it is a member of may be asked for.
    #[serde(default = "authenticator")]
    pub login: String,
    /// Extensions that were created; only those that the engine has built in can be.
    pub extensions: BTreeSet<String>,
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
            default_privileges: Vec::new(),
            publications: BTreeMap::new(),
            login: authenticator(),
            extensions: BTreeSet::new(),
            version: 0,
        }
    }
}

/// What every database has: one that a project adds its tables to.
pub(crate) fn publications() -> BTreeMap<String, Publication> {
    BTreeMap::from([(REALTIME.to_owned(), Publication::default())])
}

fn authenticator() -> String {
    "authenticator".into()
}

/// A schema.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Schema {
    /// `comment on schema`.
    pub comment: Option<String>,
    /// USAGE grants.
    pub grants: Grants,
}

/// A table or view.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Relation {
    /// Its name.
    pub name: Name,
    /// What it is.
    pub kind: RelationKind,
    /// The owning role.
    pub owner: String,
    /// Columns in order.
    pub columns: Vec<Column>,
    /// Primary key, uniques, checks and foreign keys, in the order of their creation.
    pub constraints: Vec<Constraint>,
    /// Indexes made by `create index` (those of constraints are implied).
    pub indexes: Vec<Index>,
    /// `enable row level security`.
    pub row_security: bool,
    /// `force row level security`.
    pub force_row_security: bool,
    /// `replica identity`: what of an old row its readers are given.
    #[serde(default)]
    pub replica_identity: ReplicaIdentity,
    /// Row policies.
    pub policies: Vec<Policy>,
    /// Triggers.
    pub triggers: Vec<Trigger>,
    /// Privileges on the whole relation.
    pub grants: Grants,
    /// `comment on table`.
    pub comment: Option<String>,
}

/// What a relation is.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum RelationKind {
    /// A table.
    Table,
    /// A view.
    View(View),
}

/// A view's definition.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct View {
    /// Its query, as PostgreSQL source.
    pub query: String,
    /// Whether it runs with its caller's rights. True unless the view says `security_invoker = false`: a view
    /// must not be a way around row policies by accident.
    pub security_invoker: bool,
    /// Where each column comes from, when it is a plain column of a relation in the top SELECT (through views, the base table's).
    pub sources: Vec<Option<(Name, String)>>,
    /// A materialized view (a stored copy) rather than a query.
    pub materialized: bool,
    /// Whether PostgreSQL would let simple writes through it (manual, `create view`, "Updatable Views").
    pub updatable: bool,
    /// What it takes of INSERT, UPDATE and DELETE, where that is told one by one (triggers may be there for some).
    #[serde(default)]
    pub takes: Option<Takes>,
    /// The relations that it reads, where the engine tells; else `query` does.
    #[serde(default)]
    pub reads: Option<Vec<Name>>,
    /// The functions of the database's own that it calls, where the engine tells.
    #[serde(default)]
    pub calls: Vec<Name>,
}

/// A column.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// Its type; a domain's base type.
    pub ty: Type,
    /// The type's modifier.
    pub typmod: Option<Typmod>,
    /// The domain it was declared with.
    pub domain: Option<Name>,
    /// NOT NULL (by itself, by the primary key, or by its domain).
    pub not_null: bool,
    /// Default expression, as PostgreSQL source (`nextval('t_id_seq')` for serial columns).
    pub default: Option<String>,
    /// `generated always as (...) stored`: the expression, as PostgreSQL source.
    pub generated: Option<String>,
    /// `generated ... as identity`.
    pub identity: Option<Identity>,
    /// The sequence behind a serial or identity column.
    pub sequence: Option<Name>,
    /// Column privileges.
    pub grants: Grants,
    /// `comment on column`.
    pub comment: Option<String>,
}

/// Kinds of identity columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Identity {
    /// GENERATED ALWAYS: a given value is refused (428C9) unless OVERRIDING SYSTEM VALUE.
    Always,
    /// GENERATED BY DEFAULT.
    ByDefault,
}

/// A table constraint.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Constraint {
    /// Its name, given or generated as PostgreSQL generates it (`t_pkey`, `t_a_b_key`, `t_a_fkey`, `t_a_check`).
    pub name: String,
    /// What it demands.
    pub kind: ConstraintKind,
    /// Checked at commit unless told otherwise.
    pub initially_deferred: bool,
    /// May be deferred.
    pub deferrable: bool,
}

/// What a constraint demands.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum ConstraintKind {
    /// PRIMARY KEY over these columns.
    PrimaryKey(Vec<String>),
    /// UNIQUE over these columns.
    Unique(Vec<String>),
    /// CHECK: the expression, as PostgreSQL source.
    Check(String),
    /// FOREIGN KEY.
    ForeignKey(ForeignKey),
}

/// A foreign key.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ForeignKey {
    /// Columns of this table.
    pub columns: Vec<String>,
    /// The table referred to.
    pub target: Name,
    /// Its columns, in the same order.
    pub target_columns: Vec<String>,
    /// ON DELETE.
    pub on_delete: ReferentialAction,
    /// ON UPDATE.
    pub on_update: ReferentialAction,
}

/// What a foreign key does when its target goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs)] // SQL's own words
pub enum ReferentialAction {
    NoAction,
    Restrict,
    Cascade,
    SetNull,
    SetDefault,
}

/// An index.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Index {
    /// Its name.
    pub name: String,
    /// UNIQUE.
    pub unique: bool,
    /// Columns or expressions, as PostgreSQL source, with direction and nulls order.
    pub keys: Vec<String>,
    /// The plain columns among `keys`, when all of them are.
    pub columns: Option<Vec<String>>,
    /// WHERE, as PostgreSQL source.
    pub predicate: Option<String>,
}

/// A row policy (PostgreSQL manual, `create policy`).
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Policy {
    /// Its name.
    pub name: String,
    /// PERMISSIVE (or-ed) rather than RESTRICTIVE (and-ed).
    pub permissive: bool,
    /// The commands it applies to.
    pub command: PolicyCommand,
    /// The roles it applies to; empty means PUBLIC.
    pub roles: Vec<String>,
    /// USING, as PostgreSQL source.
    pub using: Option<String>,
    /// WITH CHECK, as PostgreSQL source.
    pub check: Option<String>,
}

/// Commands of a policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs)] // SQL's own words
pub enum PolicyCommand {
    All,
    Select,
    Insert,
    Update,
    Delete,
}

/// A trigger that the embedded engine can express: a built-in trigger function on a table's events.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Trigger {
    /// Its name.
    pub name: String,
    /// BEFORE INSERT.
    pub on_insert: bool,
    /// BEFORE UPDATE.
    pub on_update: bool,
    /// The function: `moddatetime`, ...
    pub function: Name,
    /// Its arguments.
    pub args: Vec<String>,
}

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
    /// SETOF or TABLE.
    pub returns_set: bool,
    /// `sql`, or another language on PostgreSQL.
    pub language: String,
    /// Source of the body: statements separated by semicolons, or the one of `return expr` as a SELECT.
    pub body: String,
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
    /// Default expression, as PostgreSQL source.
    pub default: Option<String>,
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

/// A domain.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Domain {
    /// Base type.
    pub ty: Type,
    /// Its modifier.
    pub typmod: Option<Typmod>,
    /// NOT NULL.
    pub not_null: bool,
    /// Default expression, as PostgreSQL source.
    pub default: Option<String>,
    /// CHECKs: name and expression over `value`, as PostgreSQL source.
    pub checks: Vec<(String, String)>,
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

/// The commands that a view takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs)] // SQL's own words
pub struct Takes {
    pub insert: bool,
    pub update: bool,
    pub delete: bool,
}

/// A sequence's definition. Its state is the engine's.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Sequence {
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

/// A role.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Role {
    /// Passes every privilege check.
    pub superuser: bool,
    /// BYPASSRLS.
    pub bypass_row_security: bool,
    /// Roles that this one is a member of (and inherits from).
    pub member_of: BTreeSet<String>,
    /// `alter role ... set`.
    pub settings: BTreeMap<String, String>,
}

/// `alter default privileges in schema ... grant ... to ...`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct DefaultPrivilege {
    /// The schema, or `None` for all.
    pub schema: Option<String>,
    /// The kind of new object.
    pub object: DefaultObject,
    /// What it grants.
    pub grants: Grants,
}

/// Kinds of objects with default privileges.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs)] // SQL's own words
pub enum DefaultObject {
    Tables,
    Sequences,
    Functions,
}

/// Who may do what: role (`public` for everyone) to privileges.
pub type Grants = BTreeMap<String, BTreeSet<Privilege>>;

/// The pseudo-role of everyone in [`Grants`].
pub const PUBLIC: &str = "public";

/// Privileges (PostgreSQL manual, section 5.7).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[allow(missing_docs)] // SQL's own words
pub enum Privilege {
    Select,
    Insert,
    Update,
    Delete,
    Truncate,
    References,
    Trigger,
    Usage,
    Execute,
}

impl Name {
    /// A name in a schema.
    pub fn new(schema: impl Into<String>, name: impl Into<String>) -> Self {
        Name { schema: schema.into(), name: name.into() }
    }

    /// The name of the SQLite table: bare for `public`, `schema.name` otherwise.
    pub fn physical(&self) -> String {
        if self.schema == "public" && !self.name.contains('.') {
            self.name.clone()
        } else {
            format!("{}.{}", self.schema, self.name)
        }
    }

    /// Quoted PostgreSQL source: `"public"."t"`.
    pub fn quoted(&self) -> String {
        format!("{}.{}", crate::quote::ident(&self.schema), crate::quote::ident(&self.name))
    }
}

impl std::fmt::Display for Name {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.schema, self.name)
    }
}

// Names are map keys, so they serialize as one string. A dot in a schema's name is refused at its creation.
impl Serialize for Name {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let (schema, name) = text.split_once('.').ok_or_else(|| serde::de::Error::custom("a name without a schema"))?;
        Ok(Name::new(schema, name))
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

    /// `role` and every role it is a member of, directly or not.
    pub fn memberships<'a>(&'a self, role: &'a str) -> BTreeSet<&'a str> {
        let mut seen = BTreeSet::from([role]);
        let mut open = vec![role];
        while let Some(role) = open.pop() {
            for parent in self.roles.get(role).into_iter().flat_map(|r| &r.member_of) {
                if seen.insert(parent) {
                    open.push(parent);
                }
            }
        }
        seen
    }

    /// Whether `role` is a superuser.
    pub fn is_superuser(&self, role: &str) -> bool {
        self.roles.get(role).is_some_and(|r| r.superuser)
    }

    /// Whether `grants` give `privilege` to `role`, to a role it is a member of, or to everyone. An owner
    /// (or a member of the owning role) and superusers have every privilege.
    pub fn allows(&self, role: &str, owner: &str, grants: &Grants, privilege: Privilege) -> bool {
        let holds = |name: &str| grants.get(name).is_some_and(|p| p.contains(&privilege));
        if holds(PUBLIC) || holds(role) || role == owner || self.is_superuser(role) {
            return true;
        }
        let memberships = self.memberships(role);
        memberships.contains(owner) || memberships.into_iter().any(holds)
    }

    /// Whether `role` may use `privilege` on one column: by a grant on the relation or on the column itself.
    pub fn allows_column(&self, role: &str, relation: &Relation, column: &Column, privilege: Privilege) -> bool {
        self.allows(role, &relation.owner, &relation.grants, privilege)
            || self.allows(role, &relation.owner, &column.grants, privilege)
    }

    /// Whether row policies bind `role` on `relation`: row security is on, and the role neither bypasses it nor
    /// owns the table unforced.
    pub fn policies_apply(&self, role: &str, relation: &Relation) -> bool {
        let exempt = self.roles.get(role).is_some_and(|r| r.superuser || r.bypass_row_security);
        let owns = self.memberships(role).contains(relation.owner.as_str());
        relation.row_security && !exempt && (!owns || relation.force_row_security)
    }
}

impl Takes {
    fn all(all: bool) -> Takes {
        Takes { insert: all, update: all, delete: all }
    }

    /// Whether it takes any command.
    pub fn any(self) -> bool {
        self.insert || self.update || self.delete
    }
}

impl Relation {
    /// The column of that name.
    pub fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|c| c.name == name)
    }

    /// Columns of the primary key, in key order. For a view, its base table's, by the view's names.
    pub fn primary_key(&self) -> Option<&[String]> {
        self.constraints.iter().find_map(|c| match &c.kind {
            ConstraintKind::PrimaryKey(columns) => Some(columns.as_slice()),
            _ => None,
        })
    }

    /// Every foreign key with its constraint's name.
    pub fn foreign_keys(&self) -> impl Iterator<Item = (&str, &ForeignKey)> {
        self.constraints.iter().filter_map(|c| match &c.kind {
            ConstraintKind::ForeignKey(key) => Some((c.name.as_str(), key)),
            _ => None,
        })
    }

    /// The column sets of PRIMARY KEY and UNIQUE constraints.
    pub fn unique_keys(&self) -> impl Iterator<Item = &[String]> {
        self.constraints.iter().filter_map(|c| match &c.kind {
            ConstraintKind::PrimaryKey(columns) | ConstraintKind::Unique(columns) => Some(columns.as_slice()),
            _ => None,
        })
    }

    /// The columns of its unique index of that name, a constraint's included.
    pub fn unique_index(&self, name: &str) -> Option<&[String]> {
        let constraint = self.constraints.iter().find(|c| c.name == name).and_then(|c| match &c.kind {
            ConstraintKind::PrimaryKey(columns) | ConstraintKind::Unique(columns) => Some(columns.as_slice()),
            _ => None,
        });
        let index =
            || self.indexes.iter().find(|index| index.name == name && index.unique && index.predicate.is_none());
        constraint.or_else(|| index()?.columns.as_deref())
    }

    /// The columns of old rows that its replica identity gives.
    pub fn identity_columns(&self) -> Vec<String> {
        match &self.replica_identity {
            ReplicaIdentity::Default => self.primary_key().map(<[String]>::to_vec).unwrap_or_default(),
            ReplicaIdentity::Full => self.columns.iter().map(|column| column.name.clone()).collect(),
            ReplicaIdentity::Nothing => Vec::new(),
            ReplicaIdentity::Index(name) => self.unique_index(name).map(<[String]>::to_vec).unwrap_or_default(),
        }
    }

    /// The commands that it takes.
    pub fn takes(&self) -> Takes {
        match &self.kind {
            RelationKind::Table => Takes::all(true),
            RelationKind::View(view) => view.takes.unwrap_or(Takes::all(view.updatable)),
        }
    }

    /// The view's definition, if it is one.
    pub fn view(&self) -> Option<&View> {
        match &self.kind {
            RelationKind::View(view) => Some(view),
            RelationKind::Table => None,
        }
    }
}

impl Routine {
    /// Parameters that a caller gives: IN, INOUT and VARIADIC ones.
    pub fn inputs(&self) -> impl Iterator<Item = &Param> {
        self.params.iter().filter(|p| matches!(p.mode, ParamMode::In | ParamMode::InOut | ParamMode::Variadic))
    }

    /// Columns of the result that parameters declare: OUT, INOUT and TABLE ones.
    pub fn outputs(&self) -> impl Iterator<Item = &Param> {
        self.params.iter().filter(|p| matches!(p.mode, ParamMode::Out | ParamMode::InOut | ParamMode::Table))
    }

    /// The schemas of `set search_path = ...`, if the function has it.
    pub fn search_path(&self) -> Option<Vec<String>> {
        let (_, value) = self.settings.iter().find(|(name, _)| name == "search_path")?;
        let schemas = value.split(',').map(|s| s.trim().trim_matches(['\'', '"']).to_owned());
        Some(schemas.filter(|s| !s.is_empty() && s != "$user" && s != "pg_catalog").collect())
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
