//! Relations with their columns, constraints and, of views, where each column comes from.

use std::collections::HashMap;
use std::sync::Arc;

use basalt_core::ReplicaIdentity;
use basalt_sql::catalog::{
    Column, Constraint, ConstraintKind, ForeignKey, Identity, Policy, PolicyCommand, ReferentialAction, Relation,
    RelationKind, Takes, View,
};
use basalt_sql::{Catalog, Name};

use super::grants;
use super::rows::{ColumnRow, ConstraintRow, PolicyRow, RelationRow, ViewRow};
use super::types::{Types, modifier};
use super::view_origin::{Origin, origins};

/// The bits of `pg_relation_is_updatable`.
const UPDATE: i32 = 4;
const INSERT: i32 = 8;
const DELETE: i32 = 16;

/// Views over views over views, but not this many.
const DEEPEST: usize = 64;

/// A column of a relation, by OID and attribute number.
type Place = (u32, i16);

/// Puts relations into the catalog; gives their names by OID.
pub fn build(
    catalog: &mut Catalog,
    types: &Types,
    rows: Vec<RelationRow>,
    constraints: Vec<ConstraintRow>,
    views: Vec<ViewRow>,
) -> HashMap<u32, Name> {
    let names: HashMap<u32, Name> = rows.iter().map(|row| (row.oid, Name::new(&row.schema, &row.name))).collect();
    let mut columns: HashMap<Place, String> = HashMap::new();
    for row in &rows {
        columns.extend(row.columns.iter().flatten().map(|column| ((row.oid, column.number), column.name.clone())));
    }
    let mut by_relation: HashMap<u32, Vec<Constraint>> = HashMap::new();
    for row in constraints {
        let relation = row.relation;
        by_relation.entry(relation).or_default().extend(constraint(row, &names));
    }
    let views: HashMap<u32, (HashMap<i16, Origin>, ViewRow)> =
        views.into_iter().map(|row| (row.relation, (origins(&row.action), row))).collect();

    for row in rows {
        let numbers: Vec<i16> = row.columns.iter().flatten().map(|column| column.number).collect();
        let takes = Takes {
            insert: row.updatable & INSERT != 0,
            update: row.updatable & UPDATE != 0,
            delete: row.updatable & DELETE != 0,
        };
        let kind = match (row.kind, views.get(&row.oid)) {
            ('v' | 'm', view) => {
                let source = |number: &i16| {
                    let (relation, number) = base((row.oid, *number), &views)?;
                    Some((names.get(&relation)?.clone(), columns.get(&(relation, number))?.clone()))
                };
                let reads = view.iter().flat_map(|(_, row)| row.reads.iter().flatten());
                let calls = view.iter().flat_map(|(_, row)| row.calls.iter().flatten());
                let pair = |json: &String| serde_json::from_str::<(String, String)>(json).ok();
                RelationKind::View(View {
                    query: String::new(),
                    security_invoker: row.security_invoker == Some(true),
                    owners_by_default: row.kind == 'v' && row.security_invoker.is_none(),
                    sources: numbers.iter().map(source).collect(),
                    key: Vec::new(),
                    materialized: row.kind == 'm',
                    updatable: takes.insert && takes.update && takes.delete,
                    takes: Some(takes),
                    reads: Some(reads.filter_map(|oid| names.get(oid).cloned()).collect()),
                    calls: calls.filter_map(pair).map(|(schema, name)| Name::new(schema, name)).collect(),
                })
            }
            ('f', _) => RelationKind::Foreign(takes),
            _ => RelationKind::Table,
        };
        let name = Name::new(&row.schema, &row.name);
        let relation = Relation {
            name: name.clone(),
            kind,
            owner: row.owner,
            columns: row.columns.into_iter().flatten().map(|column| self::column(column, types)).collect(),
            constraints: by_relation.remove(&row.oid).unwrap_or_default(),
            indexes: Vec::new(),
            row_security: row.row_security,
            force_row_security: row.force_row_security,
            replica_identity: match (row.replica_identity, row.replica_index) {
                ('f', _) => ReplicaIdentity::Full,
                ('n', _) => ReplicaIdentity::Nothing,
                ('i', Some(index)) => ReplicaIdentity::Index(index),
                _ => ReplicaIdentity::Default,
            },
            partitioned: row.kind == 'p',
            policies: row.policies.into_iter().flatten().map(policy).collect(),
            triggers: Vec::new(),
            grants: grants(row.grants),
            comment: row.comment,
        };
        catalog.relations.insert(name, Arc::new(relation));
    }
    catalog.derive_view_keys();
    names
}

fn policy(row: PolicyRow) -> Policy {
    Policy {
        name: row.name,
        permissive: row.permissive,
        command: match row.command {
            'r' => PolicyCommand::Select,
            'a' => PolicyCommand::Insert,
            'w' => PolicyCommand::Update,
            'd' => PolicyCommand::Delete,
            _ => PolicyCommand::All,
        },
        roles: row.roles.unwrap_or_default(),
        using: row.using,
        check: row.check,
    }
}

fn column(row: ColumnRow, types: &Types) -> Column {
    let ty = types.get(row.ty);
    let (domain, of_domain) = types.domain(row.ty).unzip();
    Column {
        typmod: of_domain.flatten().or_else(|| modifier(&ty, row.typmod)),
        ty,
        domain,
        composite: types.composite(row.ty),
        not_null: row.not_null,
        not_null_by_domain: false,
        default: row.default,
        default_by_domain: false,
        generated: row.generated,
        identity: match row.identity.as_str() {
            "a" => Some(Identity::Always),
            "d" => Some(Identity::ByDefault),
            _ => None,
        },
        sequence: row.sequence.map(|(schema, name)| Name::new(schema, name)),
        grants: grants(row.grants),
        comment: row.comment,
        name: row.name,
    }
}

/// None for a foreign key to a relation that can't be seen.
fn constraint(row: ConstraintRow, names: &HashMap<u32, Name>) -> Option<Constraint> {
    let action = |letter| match letter {
        'r' => ReferentialAction::Restrict,
        'c' => ReferentialAction::Cascade,
        'n' => ReferentialAction::SetNull,
        'd' => ReferentialAction::SetDefault,
        _ => ReferentialAction::NoAction,
    };
    let kind = match row.kind {
        'p' => ConstraintKind::PrimaryKey(row.columns),
        'u' => ConstraintKind::Unique(row.columns),
        _ => ConstraintKind::ForeignKey(ForeignKey {
            columns: row.columns,
            target: names.get(&row.target?)?.clone(),
            target_columns: row.target_columns?,
            on_delete: action(row.on_delete),
            on_update: action(row.on_update),
            set_columns: Vec::new(),
        }),
    };
    Some(Constraint {
        name: row.name,
        kind,
        initially_deferred: row.deferred,
        deferrable: row.deferrable,
        not_valid: false,
    })
}

/// The table's column that a view's column shows, through other views.
fn base(place: Place, views: &HashMap<u32, (HashMap<i16, Origin>, ViewRow)>) -> Option<Place> {
    let mut place = place;
    for _ in 0..DEEPEST {
        let Some((origins, _)) = views.get(&place.0) else { return Some(place) };
        let origin = origins.get(&place.1)?;
        place = (origin.relation, origin.column);
    }
    None
}
