//! The rows of the catalog's queries, as their JSON has them.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

/// `types.sql`.
#[derive(Deserialize)]
pub struct TypeRow {
    pub oid: u32,
    pub schema: String,
    pub name: String,
    pub kind: char,
    pub element: Option<u32>,
    pub base: Option<u32>,
    pub typmod: i32,
    pub not_null: bool,
    pub default: Option<String>,
    pub relation: Option<u32>,
    pub relation_kind: String,
    pub labels: Option<Vec<String>>,
    pub fields: Option<Vec<(String, u32)>>,
}

/// `relations.sql`.
#[derive(Deserialize)]
pub struct RelationRow {
    pub oid: u32,
    pub schema: String,
    pub name: String,
    pub kind: char,
    pub owner: String,
    pub row_security: bool,
    pub force_row_security: bool,
    /// `d`, `f`, `n` or `i`.
    pub replica_identity: char,
    pub replica_index: Option<String>,
    pub policies: Option<Vec<PolicyRow>>,
    pub comment: Option<String>,
    /// The bits of `pg_relation_is_updatable`: 4 UPDATE, 8 INSERT, 16 DELETE.
    pub updatable: i32,
    /// What a view says of it.
    pub security_invoker: Option<bool>,
    pub grants: Option<Vec<Grant>>,
    /// None of a table without columns.
    pub columns: Option<Vec<ColumnRow>>,
}

/// A row policy of [`RelationRow`].
#[derive(Deserialize)]
pub struct PolicyRow {
    pub name: String,
    pub permissive: bool,
    /// `*`, `r`, `a`, `w` or `d`.
    pub command: char,
    pub roles: Option<Vec<String>>,
    pub using: Option<String>,
    pub check: Option<String>,
}

/// A table of [`PublicationRow`]: schema, name, columns and condition.
#[derive(Deserialize)]
pub struct PublishedRow(pub String, pub String, pub Option<BTreeSet<String>>, pub Option<String>);

/// `publications.sql`.
#[derive(Deserialize)]
pub struct PublicationRow {
    pub name: String,
    pub all_tables: bool,
    pub schemas: Option<BTreeSet<String>>,
    pub tables: Option<Vec<PublishedRow>>,
    pub insert: bool,
    pub update: bool,
    pub delete: bool,
    pub truncate: bool,
}

/// A column of [`RelationRow`].
#[derive(Deserialize)]
pub struct ColumnRow {
    pub number: i16,
    pub name: String,
    #[serde(rename = "type")]
    pub ty: u32,
    pub typmod: i32,
    pub not_null: bool,
    pub default: Option<String>,
    pub generated: Option<String>,
    pub identity: String,
    pub sequence: Option<(String, String)>,
    pub comment: Option<String>,
    pub grants: Option<Vec<Grant>>,
}

/// A role and a privilege.
#[derive(Deserialize)]
pub struct Grant(pub String, pub String);

/// `constraints.sql`.
#[derive(Deserialize)]
pub struct ConstraintRow {
    pub relation: u32,
    pub name: String,
    pub kind: char,
    pub deferrable: bool,
    pub deferred: bool,
    pub columns: Vec<String>,
    pub target: Option<u32>,
    pub target_columns: Option<Vec<String>>,
    pub on_delete: char,
    pub on_update: char,
}

/// `indexes.sql`.
#[derive(Deserialize)]
pub struct IndexRow {
    pub relation: u32,
    pub name: String,
    pub unique: bool,
    pub keys: Vec<String>,
    pub columns: Option<Vec<String>>,
    pub predicate: Option<String>,
}

/// `views.sql`.
#[derive(Deserialize)]
pub struct ViewRow {
    pub relation: u32,
    pub action: String,
    pub reads: Option<Vec<u32>>,
    pub calls: Option<Vec<String>>,
}

/// `functions.sql`.
#[derive(Deserialize)]
pub struct FunctionRow {
    pub schema: String,
    pub name: String,
    pub owner: String,
    pub language: String,
    pub volatility: char,
    pub strict: bool,
    pub security_definer: bool,
    pub returns_set: bool,
    pub returns: u32,
    pub rows: f64,
    pub body: String,
    pub types: Vec<u32>,
    pub modes: Option<Vec<char>>,
    pub names: Option<Vec<String>>,
    pub inputs: usize,
    pub defaults: usize,
    pub default_texts: Option<Vec<Option<String>>>,
    pub settings: Option<Vec<String>>,
    pub comment: Option<String>,
    pub grants: Option<Vec<Grant>>,
}

/// `casts.sql`.
#[derive(Deserialize)]
pub struct CastRow {
    pub source: u32,
    pub target: u32,
    pub schema: String,
    pub name: String,
}

/// `handlers.sql`.
#[derive(Deserialize)]
pub struct HandlerRow {
    pub media: String,
    pub schema: String,
    pub name: String,
    pub relation: Option<u32>,
    pub bytes: bool,
}

/// `schemas.sql`.
#[derive(Deserialize)]
pub struct SchemaRow {
    pub name: String,
    pub comment: Option<String>,
    pub grants: Option<Vec<Grant>>,
}

/// `roles.sql`.
#[derive(Deserialize)]
pub struct RoleRow {
    pub name: String,
    pub superuser: bool,
    pub bypass_row_security: bool,
    pub inherits: bool,
    pub member_of: Vec<String>,
    pub inherit_options: BTreeMap<String, bool>,
    pub settings: BTreeMap<String, String>,
}
