//! Tables and views: columns, constraints, indexes, row policies, triggers.

use std::collections::BTreeSet;
use std::sync::Arc;

use basalt_core::{Operation, ReplicaIdentity};
use basalt_types::{Type, Typmod};
use serde::{Deserialize, Serialize};

use super::{Constraint, ConstraintKind, ForeignKey, Grants, Name};

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
    /// Primary key, uniques, checks, foreign keys and exclusions, in the order of their creation.
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
    /// Whether its rows are its partitions': only PostgreSQL has such tables.
    #[serde(default)]
    pub partitioned: bool,
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
    /// A table whose rows are elsewhere: only PostgreSQL has them.
    Foreign(Takes),
}

/// A view's definition.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct View {
    /// Its query, as PostgreSQL source.
    pub query: String,
    /// Whether it runs with its caller's rights. True unless the view says `security_invoker = false`: a view
    /// must not be a way around row policies by accident.
    pub security_invoker: bool,
    /// Whether it runs with its owner's rights because it does not say whose, as PostgreSQL has it.
    #[serde(default)]
    pub owners_by_default: bool,
    /// Where each column comes from, when it is a plain column of a relation in the top SELECT (through views, the base table's).
    pub sources: Vec<Option<(Name, String)>>,
    /// The columns that show the whole primary keys of the tables behind it ([`super::Catalog::derive_view_keys`]).
    #[serde(skip)]
    pub key: Vec<String>,
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

/// The commands that a view takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs)] // SQL's own words
pub struct Takes {
    pub insert: bool,
    pub update: bool,
    pub delete: bool,
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
    /// The composite type, or the relation, whose rows it holds (or an array of them): its fields alone don't tell its name.
    #[serde(default)]
    pub composite: Option<Name>,
    /// NOT NULL (by itself, by the primary key, or by its domain).
    pub not_null: bool,
    /// Whether it is NOT NULL by its domain alone. The embedded engine's.
    #[serde(default)]
    pub not_null_by_domain: bool,
    /// Default expression, as PostgreSQL source (`nextval('t_id_seq')` for serial columns); its domain's where it has none of its own.
    pub default: Option<String>,
    /// Whether the default is its domain's. The embedded engine's.
    #[serde(default)]
    pub default_by_domain: bool,
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

/// A trigger of the embedded engine: with a built-in function, or one in PL/pgSQL.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Trigger {
    /// Its name.
    pub name: String,
    /// BEFORE INSERT, with a built-in function.
    pub on_insert: bool,
    /// BEFORE UPDATE, with a built-in function.
    pub on_update: bool,
    /// The function: `moddatetime`, one of the project's.
    pub function: Name,
    /// Its arguments.
    pub args: Vec<String>,
    /// The operations of which its function [tells](crate::telling) channels.
    #[serde(default)]
    pub after: BTreeSet<Operation>,
    /// When its function runs, if it is one in PL/pgSQL that does more than tell.
    #[serde(default)]
    pub run: Option<Run>,
    /// `alter table ... disable trigger`.
    #[serde(default)]
    pub disabled: bool,
}

/// When a trigger's function runs, for each row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// BEFORE the row is written, or AFTER the statement.
    pub before: bool,
    /// What fires it.
    pub operations: BTreeSet<Operation>,
    /// The columns of `update of`; empty for any.
    pub columns: Vec<String>,
    /// WHEN, as PostgreSQL source.
    pub when: Option<String>,
}

impl Run {
    /// Whether it fires after every row of its operations, so that the change log has just the rows that it fires for.
    pub fn is_unconditional(&self) -> bool {
        !self.before && self.columns.is_empty() && self.when.is_none()
    }
}

impl Trigger {
    /// Whether it calls a built-in function of that name before an UPDATE.
    pub fn is_built_in(&self, function: &str) -> bool {
        self.on_update && !self.disabled && self.function.name == function
    }

    /// Whether an operation runs its function, before or after it.
    pub fn runs(&self, before: bool, operation: Operation) -> bool {
        let run = self.run.as_ref().filter(|_| !self.disabled);
        run.is_some_and(|run| run.before == before && run.operations.contains(&operation))
    }
}

impl Relation {
    /// The column of that name.
    pub fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|c| c.name == name)
    }

    /// The composite type of its rows.
    pub fn row_type(&self) -> Type {
        Type::Record(Arc::new(self.columns.iter().map(|c| (c.name.clone(), c.ty.clone())).collect()))
    }

    /// The name by which SQLite knows the number of a row: one that no column has.
    pub fn row_number(&self) -> Option<&'static str> {
        let is_free = |name: &&str| !self.columns.iter().any(|column| column.name.eq_ignore_ascii_case(name));
        ["rowid", "_rowid_", "oid"].into_iter().find(is_free)
    }

    /// Whether its rows change with others', by a foreign key's action.
    pub fn follows_others(&self) -> bool {
        self.foreign_keys().any(|(_, key)| key.on_delete.acts() || key.on_update.acts())
    }

    /// Whether an operation on its rows runs the function of a trigger, before or after it.
    pub fn runs(&self, before: bool, operation: Operation) -> bool {
        self.triggers.iter().any(|trigger| trigger.runs(before, operation))
    }

    /// Columns of the primary key, in key order. For a view, its base table's, by the view's names.
    pub fn primary_key(&self) -> Option<&[String]> {
        if let RelationKind::View(view) = &self.kind {
            return Some(view.key.as_slice()).filter(|key| !key.is_empty());
        }
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
            RelationKind::Foreign(takes) => *takes,
            RelationKind::View(view) => view.takes.unwrap_or(Takes::all(view.updatable)),
        }
    }

    /// The view's definition, if it is one.
    pub fn view(&self) -> Option<&View> {
        match &self.kind {
            RelationKind::View(view) => Some(view),
            RelationKind::Table | RelationKind::Foreign(_) => None,
        }
    }
}

impl Takes {
    /// All of them, or none.
    pub(crate) fn all(all: bool) -> Takes {
        Takes { insert: all, update: all, delete: all }
    }

    /// Whether it takes any command.
    pub fn any(self) -> bool {
        self.insert || self.update || self.delete
    }
}
