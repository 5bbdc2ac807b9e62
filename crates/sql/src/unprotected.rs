//! Closed unless opened: what is not served to whoever comes from outside, since nobody has said who may see which rows.
//!
//! Tables on which row security is off, materialized views, which can't have it, and, on PostgreSQL, views that run with their owner's rights
//! past row policies and do not say that they mean it.

use crate::Name;
use crate::catalog::{Catalog, Relation, View};

/// Relations that are open although nobody has said who may see which rows.
#[derive(Debug, Clone, Default)]
pub struct Unprotected {
    all: bool,
    schemas: Vec<String>,
    relations: Vec<Name>,
}

/// A relation that is closed, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Closed {
    /// Its name.
    pub name: Name,
    why: Why,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Why {
    RowSecurityOff,
    Materialized,
    /// A view that passes by the policies of this table.
    PastPolicies(Name),
}

impl Unprotected {
    /// Reads `schema.name`, `name` of schema `public`, `schema.*`, and `*` for everything.
    pub fn new(patterns: &[String]) -> Unprotected {
        let mut read = Unprotected::default();
        for pattern in patterns {
            match pattern.split_once('.') {
                None if pattern == "*" => read.all = true,
                Some((schema, "*")) => read.schemas.push(schema.to_owned()),
                _ => read.relations.push(Name::named(pattern)),
            }
        }
        read
    }

    /// Whether a table or view has been opened.
    pub fn holds(&self, name: &Name) -> bool {
        self.all || self.schemas.contains(&name.schema) || self.relations.contains(name)
    }

    /// Why a table or materialized view is closed to callers from outside, if it is.
    pub fn closes(&self, relation: &Relation) -> Option<Closed> {
        let why = match relation.view() {
            None if !relation.row_security => Why::RowSecurityOff,
            Some(view) if view.materialized => Why::Materialized,
            _ => return None,
        };
        (!self.holds(&relation.name)).then(|| Closed { name: relation.name.clone(), why })
    }

    /// Why a view is, that runs with its owner's rights because it does not say whose.
    pub fn closes_view(&self, catalog: &Catalog, relation: &Relation) -> Option<Closed> {
        let view = relation.view().filter(|view| view.owners_by_default && !self.holds(&relation.name))?;
        let passed = passed(catalog, view, &relation.owner)?;
        Some(Closed { name: relation.name.clone(), why: Why::PastPolicies(passed.clone()) })
    }
}

/// A table whose policies do not hold for what a view reads of it as its owner. Other views are read on their own terms: as their
/// owner, or as whoever asks.
fn passed<'c>(catalog: &'c Catalog, view: &'c View, owner: &str) -> Option<&'c Name> {
    let mut reads = view.reads.iter().flatten().filter_map(|name| catalog.relations.get(name));
    let is_passed =
        |read: &Relation| read.view().is_none() && read.row_security && !catalog.policies_apply(owner, read);
    reads.find(|read| is_passed(read)).map(|read| &read.name)
}

impl Closed {
    /// What is said of it.
    pub fn detail(&self) -> String {
        let name = &self.name;
        let why = match &self.why {
            Why::RowSecurityOff => format!("Row security is off on \"{name}\""),
            Why::Materialized => format!("\"{name}\" is a materialized view, which can have no row security"),
            Why::PastPolicies(table) => {
                format!("View \"{name}\" runs with its owner's rights, past the row policies of \"{table}\"")
            }
        };
        format!("{why}, so it is not served to this role.")
    }

    /// What to do about it.
    pub fn hint(&self) -> String {
        let name = &self.name;
        let otherwise = format!("name \"{name}\" in `api.unprotected` of basalt.toml.");
        match &self.why {
            Why::RowSecurityOff => {
                format!(
                    "Write `alter table {name} enable row level security;` and a policy in a migration, or {otherwise}"
                )
            }
            Why::Materialized => format!("Serve it through a `security definer` function, or {otherwise}"),
            Why::PastPolicies(_) => format!(
                "Write `alter view {name} set (security_invoker = true);` in a migration (PostgreSQL 15 or later), or `= false` if everybody may see what it shows, or {otherwise}"
            ),
        }
    }
}

/// Whether a role is one of those that callers from outside have.
pub fn is_outside(role: &str) -> bool {
    matches!(role, "anon" | "authenticated")
}
