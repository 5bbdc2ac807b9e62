//! Constraints of tables (PostgreSQL manual, section 5.4).

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use super::{Catalog, Name};

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
    /// A CHECK that older rows need not hold to (`not valid`). The embedded engine's.
    #[serde(default)]
    pub not_valid: bool,
}

impl Catalog {
    /// Whether the actions of foreign keys on a row's deletion may come to other rows of its table.
    pub fn deletes_reach_own_rows(&self, table: &Name) -> bool {
        let (mut seen, mut next) = (HashSet::from([table]), vec![table]);
        while let Some(name) = next.pop() {
            for relation in self.relations.values() {
                let keys = relation.foreign_keys().filter(|(_, key)| key.target == *name && key.on_delete.acts());
                let actions: Vec<ReferentialAction> = keys.map(|(_, key)| key.on_delete).collect();
                if relation.name == *table && !actions.is_empty() {
                    return true;
                }
                if actions.contains(&ReferentialAction::Cascade) && seen.insert(&relation.name) {
                    next.push(&relation.name);
                }
            }
        }
        false
    }
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
    /// EXCLUDE.
    Exclude(Exclusion),
}

impl ConstraintKind {
    /// Whether an index of the constraint's name is behind it.
    pub fn has_index(&self) -> bool {
        matches!(self, ConstraintKind::PrimaryKey(_) | ConstraintKind::Unique(_) | ConstraintKind::Exclude(_))
    }

    /// The expressions in it, as PostgreSQL source.
    pub fn sources(&self) -> impl Iterator<Item = &String> {
        let (check, exclusion) = match self {
            ConstraintKind::Check(source) => (Some(source), None),
            ConstraintKind::Exclude(exclusion) => (None, Some(exclusion.sources())),
            _ => (None, None),
        };
        check.into_iter().chain(exclusion.into_iter().flatten())
    }

    /// The expressions in it, to be rewritten.
    pub fn sources_mut(&mut self) -> impl Iterator<Item = &mut String> {
        let (check, exclusion) = match self {
            ConstraintKind::Check(source) => (Some(source), None),
            ConstraintKind::Exclude(exclusion) => (None, Some(exclusion.sources_mut())),
            _ => (None, None),
        };
        check.into_iter().chain(exclusion.into_iter().flatten())
    }
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
    /// The columns that ON DELETE sets (`set null (a)`); none for all of them. The embedded engine's.
    #[serde(default)]
    pub set_columns: Vec<String>,
}

impl ForeignKey {
    /// The columns that ON DELETE sets, if it sets any.
    pub fn set_on_delete(&self) -> impl Iterator<Item = &String> {
        if self.set_columns.is_empty() { self.columns.iter() } else { self.set_columns.iter() }
    }
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

impl ReferentialAction {
    /// Whether it changes rows.
    pub fn acts(self) -> bool {
        !matches!(self, ReferentialAction::NoAction | ReferentialAction::Restrict)
    }
}

/// EXCLUDE: no two rows of which the operators of all elements hold.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Exclusion {
    /// What is compared, and how.
    pub elements: Vec<ExclusionElement>,
    /// WHERE, as PostgreSQL source: other rows exclude none, and are not excluded.
    pub predicate: Option<String>,
}

/// An element of an exclusion constraint.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ExclusionElement {
    /// A column or an expression, as PostgreSQL source.
    pub key: String,
    /// The operator: `=`, `&&`.
    pub operator: String,
}

impl Exclusion {
    /// Its expressions.
    pub fn sources(&self) -> impl Iterator<Item = &String> {
        self.elements.iter().map(|element| &element.key).chain(&self.predicate)
    }

    /// Its expressions, to be rewritten.
    pub fn sources_mut(&mut self) -> impl Iterator<Item = &mut String> {
        self.elements.iter_mut().map(|element| &mut element.key).chain(&mut self.predicate)
    }
}
