//! Views of `pg_catalog` that say what there is by name. Everybody may read them, as in PostgreSQL.

use basalt_types::Type;
use basalt_types::text::quoted_ident as quoted;
use serde_json::{Value as Json, json};

use super::{Asker, NAME, View};
use crate::catalog::{ConstraintKind, PolicyCommand, Relation, RelationKind};

const TEXT: Type = Type::TEXT;
const BOOL: Type = Type::BOOL;

impl Asker<'_> {
    /// The view of that name.
    pub(super) fn internal(&self, name: &str) -> Option<View> {
        Some(match name {
            "pg_tables" => self.pg_tables(),
            "pg_views" => self.pg_views(),
            "pg_indexes" => self.pg_indexes(),
            "pg_policies" => self.pg_policies(),
            "pg_roles" => self.pg_roles(),
            "pg_publication_tables" => self.pg_publication_tables(),
            "pg_extension" => View {
                columns: vec![("oid", TEXT), ("extname", NAME), ("extnamespace", TEXT)],
                rows: (self.catalog.extensions.iter())
                    .map(|(name, schemas)| vec![json!(name), json!(name), json!(schemas.first())])
                    .collect(),
            },
            "pg_namespace" => View {
                columns: vec![("oid", TEXT), ("nspname", NAME)],
                rows: self.catalog.schemas.keys().map(|name| vec![json!(name), json!(name)]).collect(),
            },
            _ => return None,
        })
    }

    fn pg_tables(&self) -> View {
        let columns = vec![
            ("schemaname", NAME),
            ("tablename", NAME),
            ("tableowner", NAME),
            ("tablespace", NAME),
            ("hasindexes", BOOL),
            ("hasrules", BOOL),
            ("hastriggers", BOOL),
            ("rowsecurity", BOOL),
        ];
        let tables = self.relations().filter(|relation| matches!(relation.kind, RelationKind::Table));
        let rows = tables.map(|table| {
            let is_referred = |other: &Relation| other.foreign_keys().any(|(_, key)| key.target == table.name);
            let has_keys = table.foreign_keys().next().is_some() || self.relations().any(|other| is_referred(other));
            vec![
                json!(table.name.schema),
                json!(table.name.name),
                json!(table.owner),
                Json::Null,
                flag(!table.indexes.is_empty() || table.unique_keys().next().is_some()),
                flag(false),
                // PostgreSQL has foreign keys kept by triggers.
                flag(!table.triggers.is_empty() || has_keys),
                flag(table.row_security),
            ]
        });
        View { columns, rows: rows.collect() }
    }

    fn pg_views(&self) -> View {
        let columns = vec![("schemaname", NAME), ("viewname", NAME), ("viewowner", NAME), ("definition", TEXT)];
        let rows = self.relations().filter_map(|relation| {
            let view = relation.view()?;
            Some(vec![json!(relation.name.schema), json!(relation.name.name), json!(relation.owner), json!(view.query)])
        });
        View { columns, rows: rows.collect() }
    }

    fn pg_indexes(&self) -> View {
        let columns = vec![
            ("schemaname", NAME),
            ("tablename", NAME),
            ("indexname", NAME),
            ("tablespace", NAME),
            ("indexdef", TEXT),
        ];
        let mut rows = Vec::new();
        for relation in self.relations() {
            let mut add = |name: &str, (unique, method): (bool, &str), keys: &[String], predicate: Option<&str>| {
                let unique = if unique { "UNIQUE " } else { "" };
                let table = [&relation.name.schema, &relation.name.name].map(|name| quoted(name)).join(".");
                let predicate = predicate.map(|text| format!(" WHERE ({text})")).unwrap_or_default();
                let definition = format!(
                    "CREATE {unique}INDEX {} ON {table} USING {method} ({}){predicate}",
                    quoted(name),
                    keys.join(", ")
                );
                let Relation { name: table, .. } = &**relation;
                rows.push(vec![json!(table.schema), json!(table.name), json!(name), Json::Null, json!(definition)]);
            };
            for constraint in &relation.constraints {
                match &constraint.kind {
                    ConstraintKind::PrimaryKey(columns) | ConstraintKind::Unique(columns) => {
                        let keys: Vec<String> = columns.iter().map(|column| quoted(column)).collect();
                        add(&constraint.name, (true, "btree"), &keys, None);
                    }
                    ConstraintKind::Exclude(exclusion) => {
                        let keys: Vec<String> = exclusion.elements.iter().map(|element| element.key.clone()).collect();
                        add(&constraint.name, (false, "gist"), &keys, exclusion.predicate.as_deref());
                    }
                    ConstraintKind::Check(_) | ConstraintKind::ForeignKey(_) => {}
                }
            }
            for index in &relation.indexes {
                let plain = index.columns.as_ref().filter(|columns| columns.len() == index.keys.len());
                let plain = plain.filter(|_| index.keys.iter().all(|key| !key.contains(' ')));
                let keys = plain.map_or_else(|| index.keys.clone(), |names| names.iter().map(|c| quoted(c)).collect());
                add(&index.name, (index.unique, "btree"), &keys, index.predicate.as_deref());
            }
        }
        View { columns, rows }
    }

    fn pg_policies(&self) -> View {
        let columns = vec![
            ("schemaname", NAME),
            ("tablename", NAME),
            ("policyname", NAME),
            ("permissive", TEXT),
            ("roles", NAME.array_of()),
            ("cmd", TEXT),
            ("qual", TEXT),
            ("with_check", TEXT),
        ];
        let mut rows = Vec::new();
        for relation in self.relations() {
            for policy in &relation.policies {
                let command = match policy.command {
                    PolicyCommand::All => "ALL",
                    PolicyCommand::Select => "SELECT",
                    PolicyCommand::Insert => "INSERT",
                    PolicyCommand::Update => "UPDATE",
                    PolicyCommand::Delete => "DELETE",
                };
                let everyone = vec![crate::catalog::PUBLIC.to_owned()];
                let roles = if policy.roles.is_empty() { &everyone } else { &policy.roles };
                rows.push(vec![
                    json!(relation.name.schema),
                    json!(relation.name.name),
                    json!(policy.name),
                    if policy.permissive { "PERMISSIVE" } else { "RESTRICTIVE" }.into(),
                    json!(crate::compile::cast::json(roles)),
                    command.into(),
                    json!(policy.using),
                    json!(policy.check),
                ]);
            }
        }
        View { columns, rows }
    }

    fn pg_roles(&self) -> View {
        let columns =
            vec![("oid", TEXT), ("rolname", NAME), ("rolsuper", BOOL), ("rolinherit", BOOL), ("rolbypassrls", BOOL)];
        let rows = self.catalog.roles.iter().map(|(name, role)| {
            vec![json!(name), json!(name), flag(role.superuser), flag(role.inherits), flag(role.bypass_row_security)]
        });
        View { columns, rows: rows.collect() }
    }

    fn pg_publication_tables(&self) -> View {
        let columns = vec![("pubname", NAME), ("schemaname", NAME), ("tablename", NAME)];
        let mut rows = Vec::new();
        for (name, publication) in &self.catalog.publications {
            for table in self
                .relations()
                .filter(|r| matches!(r.kind, RelationKind::Table))
                .filter(|relation| publication.has(&relation.name))
            {
                rows.push(vec![json!(name), json!(table.name.schema), json!(table.name.name)]);
            }
        }
        View { columns, rows }
    }
}

/// A boolean as it is stored.
pub(super) fn flag(holds: bool) -> Json {
    u8::from(holds).into()
}
