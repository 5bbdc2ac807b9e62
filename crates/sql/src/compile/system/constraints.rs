//! Constraints in `information_schema`.

use serde_json::{Value as Json, json};
use sqlparser::ast::Expr;

use super::information::COLUMN_PRIVILEGES;
use super::{Asker, CARDINAL_NUMBER, CHARACTER_DATA, DATABASE, NAME, View, yes_or_no};
use crate::catalog::{Constraint, ConstraintKind, ForeignKey, Name, Privilege, ReferentialAction, Relation};
use crate::compile::parse_expr;
use crate::compile::types::fold;
use crate::visit::any_expression;

/// Any of them has a table's constraints and triggers listed: to read a table is not enough.
pub(super) const CHANGING: [Privilege; 6] = [
    Privilege::Insert,
    Privilege::Update,
    Privilege::Delete,
    Privilege::Truncate,
    Privilege::References,
    Privilege::Trigger,
];

/// Whether the constraint is a key, and over which columns.
fn key_columns(constraint: &Constraint) -> Option<&[String]> {
    match &constraint.kind {
        ConstraintKind::PrimaryKey(columns) | ConstraintKind::Unique(columns) => Some(columns),
        ConstraintKind::ForeignKey(key) => Some(&key.columns),
        ConstraintKind::Check(_) | ConstraintKind::Exclude(_) => None,
    }
}

/// The names of a constraint and of its table.
fn named(relation: &Relation, constraint: &str) -> [Json; 6] {
    let Name { schema, name } = &relation.name;
    [DATABASE.into(), json!(schema), json!(constraint), DATABASE.into(), json!(schema), json!(name)]
}

const NAMED: [(&str, basalt_types::Type); 6] = [
    ("constraint_catalog", NAME),
    ("constraint_schema", NAME),
    ("constraint_name", NAME),
    ("table_catalog", NAME),
    ("table_schema", NAME),
    ("table_name", NAME),
];

impl Asker<'_> {
    pub(super) fn table_constraints(&self) -> View {
        let mut columns = NAMED.to_vec();
        columns.extend([
            ("constraint_type", CHARACTER_DATA),
            ("is_deferrable", CHARACTER_DATA),
            ("initially_deferred", CHARACTER_DATA),
            ("enforced", CHARACTER_DATA),
            ("nulls_distinct", CHARACTER_DATA),
        ]);
        let mut rows = Vec::new();
        for relation in self.relations().filter(|relation| self.may_any(relation, &CHANGING)) {
            for constraint in &relation.constraints {
                let kind = match &constraint.kind {
                    ConstraintKind::PrimaryKey(_) => "PRIMARY KEY",
                    ConstraintKind::Unique(_) => "UNIQUE",
                    ConstraintKind::Check(_) => "CHECK",
                    ConstraintKind::ForeignKey(_) => "FOREIGN KEY",
                    // The standard knows none.
                    ConstraintKind::Exclude(_) => continue,
                };
                let mut row = named(relation, &constraint.name).to_vec();
                row.extend([
                    kind.into(),
                    yes_or_no(constraint.deferrable),
                    yes_or_no(constraint.initially_deferred),
                    yes_or_no(true),
                    if kind == "UNIQUE" { yes_or_no(true) } else { Json::Null },
                ]);
                rows.push(row);
            }
        }
        View { columns, rows }
    }

    pub(super) fn key_columns(&self) -> View {
        let mut columns = NAMED.to_vec();
        columns.extend([
            ("column_name", NAME),
            ("ordinal_position", CARDINAL_NUMBER),
            ("position_in_unique_constraint", CARDINAL_NUMBER),
        ]);
        let mut rows = Vec::new();
        for relation in self.relations() {
            for constraint in &relation.constraints {
                for (index, name) in key_columns(constraint).unwrap_or_default().iter().enumerate() {
                    let Some(column) = relation.column(name) else { continue };
                    let may = |privilege| self.catalog.allows_column(self.user, relation, column, privilege);
                    if !COLUMN_PRIVILEGES.into_iter().any(may) {
                        continue;
                    }
                    let position = match &constraint.kind {
                        ConstraintKind::ForeignKey(key) => self.place_in_target(key, index),
                        _ => None,
                    };
                    let mut row = named(relation, &constraint.name).to_vec();
                    row.extend([json!(name), json!(index + 1), json!(position)]);
                    rows.push(row);
                }
            }
        }
        View { columns, rows }
    }

    /// The key of the target that a foreign key refers to.
    fn target_key(&self, key: &ForeignKey) -> Option<(&Constraint, &[String])> {
        let target = self.catalog.relations.get(&key.target)?;
        let same = |columns: &[String]| {
            columns.len() == key.target_columns.len() && columns.iter().all(|c| key.target_columns.contains(c))
        };
        target.constraints.iter().find_map(|constraint| match &constraint.kind {
            ConstraintKind::PrimaryKey(columns) | ConstraintKind::Unique(columns) if same(columns) => {
                Some((constraint, columns.as_slice()))
            }
            _ => None,
        })
    }

    fn place_in_target(&self, key: &ForeignKey, index: usize) -> Option<usize> {
        let (_, columns) = self.target_key(key)?;
        columns.iter().position(|column| *column == key.target_columns[index]).map(|place| place + 1)
    }

    pub(super) fn constraint_columns(&self) -> View {
        let columns = vec![
            ("table_catalog", NAME),
            ("table_schema", NAME),
            ("table_name", NAME),
            ("column_name", NAME),
            ("constraint_catalog", NAME),
            ("constraint_schema", NAME),
            ("constraint_name", NAME),
        ];
        let mut rows = Vec::new();
        for relation in self.relations() {
            for constraint in &relation.constraints {
                let (table, used): (&Name, Vec<&String>) = match &constraint.kind {
                    ConstraintKind::ForeignKey(key) => (&key.target, key.target_columns.iter().collect()),
                    ConstraintKind::Check(check) => {
                        let used = relation.columns.iter().map(|column| &column.name);
                        (&relation.name, used.filter(|name| mentions(check, name)).collect())
                    }
                    _ => (&relation.name, key_columns(constraint).unwrap_or_default().iter().collect()),
                };
                if !self.catalog.relations.get(table).is_some_and(|table| self.owns(&table.owner)) {
                    continue;
                }
                rows.extend(used.into_iter().map(|column| {
                    vec![
                        DATABASE.into(),
                        json!(table.schema),
                        json!(table.name),
                        json!(column),
                        DATABASE.into(),
                        json!(relation.name.schema),
                        json!(constraint.name),
                    ]
                }));
            }
        }
        View { columns, rows }
    }

    pub(super) fn referential_constraints(&self) -> View {
        let mut columns = NAMED[..3].to_vec();
        columns.extend([
            ("unique_constraint_catalog", NAME),
            ("unique_constraint_schema", NAME),
            ("unique_constraint_name", NAME),
            ("match_option", CHARACTER_DATA),
            ("update_rule", CHARACTER_DATA),
            ("delete_rule", CHARACTER_DATA),
        ]);
        let mut rows = Vec::new();
        for relation in self.relations().filter(|relation| self.may_any(relation, &CHANGING)) {
            for (name, key) in relation.foreign_keys() {
                let unique = self.target_key(key).map(|(constraint, _)| &constraint.name);
                let mut row = named(relation, name)[..3].to_vec();
                row.extend([
                    json!(unique.map(|_| DATABASE)),
                    json!(unique.map(|_| &key.target.schema)),
                    json!(unique),
                    "NONE".into(),
                    rule(key.on_update).into(),
                    rule(key.on_delete).into(),
                ]);
                rows.push(row);
            }
        }
        View { columns, rows }
    }

    pub(super) fn check_constraints(&self) -> View {
        let mut columns = NAMED[..3].to_vec();
        columns.push(("check_clause", CHARACTER_DATA));
        let mut rows = Vec::new();
        for relation in self.relations().filter(|relation| self.owns(&relation.owner)) {
            for constraint in &relation.constraints {
                if let ConstraintKind::Check(check) = &constraint.kind {
                    let mut row = named(relation, &constraint.name)[..3].to_vec();
                    row.push(json!(check));
                    rows.push(row);
                }
            }
        }
        View { columns, rows }
    }
}

/// Whether a check's expression is over the column.
pub(super) fn mentions(check: &str, column: &str) -> bool {
    let is_column = |expr: &Expr| matches!(expr, Expr::Identifier(ident) if fold(ident) == column);
    parse_expr(check).is_ok_and(|expr| any_expression(&expr, is_column))
}

pub(super) fn rule(action: ReferentialAction) -> &'static str {
    match action {
        ReferentialAction::NoAction => "NO ACTION",
        ReferentialAction::Restrict => "RESTRICT",
        ReferentialAction::Cascade => "CASCADE",
        ReferentialAction::SetNull => "SET NULL",
        ReferentialAction::SetDefault => "SET DEFAULT",
    }
}
