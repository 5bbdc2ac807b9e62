//! What `basalt check` says about a schema: tables left open or shut by accident, what steps around policies, and policies and keys that
//! will be slow.

mod definer;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use basalt_types::Type;
use sqlparser::ast::{BinaryOperator, Expr, TableFactor, Visitor};

use crate::catalog::{Catalog, ConstraintKind, Name, Policy, PolicyCommand, Privilege, Relation};
use crate::ddl::source::{fold, parse_expr};
use crate::visit::visit;

/// The roles of requests from outside.
const OUTSIDE: [&str; 2] = ["anon", "authenticated"];

/// Something to look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// A stable name of the kind: `row-security-off`.
    pub code: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// The relation or function that it is about, as `schema.name`.
    pub relation: String,
    /// What was found.
    pub message: String,
    /// What to do: a statement where one mends it.
    pub remedy: String,
}

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// It will be slow, or is there twice.
    Hint,
    /// It may open more, or less, than was meant.
    Warning,
    /// Whoever knows the address can read or write it.
    Error,
}

/// Looks through a catalog of which the schemas `exposed` are served. Findings come in the order of the relations, then of the
/// functions. Of other schemas those matter that run with their owner's rights and can be reached.
pub fn lint(catalog: &Catalog, exposed: &[String]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let reached = definer::Reached::from_outside(catalog, exposed);
    for relation in catalog.relations.values() {
        match relation.view() {
            Some(_) => definer::view(catalog, &reached, relation, &mut findings),
            None if !exposed.contains(&relation.name.schema) => {}
            None => {
                row_security(catalog, relation, &mut findings);
                policy_columns(catalog, relation, &mut findings);
                foreign_keys(relation, &mut findings);
                duplicate_indexes(relation, &mut findings);
            }
        }
    }
    for routine in catalog.functions.values().flatten().filter(|routine| routine.security_definer) {
        definer::routine(catalog, &reached, exposed, routine, &mut findings);
    }
    findings
}

/// Whether a role may use anything of the relation.
fn uses(catalog: &Catalog, role: &str, relation: &Relation) -> bool {
    let privileges = [Privilege::Select, Privilege::Insert, Privilege::Update, Privilege::Delete];
    privileges.into_iter().any(|privilege| catalog.allows_any(role, relation, privilege))
}

fn enters(catalog: &Catalog, role: &str, schema: &str) -> bool {
    catalog
        .schemas
        .get(schema)
        .is_some_and(|s| catalog.allows(role, basalt_core::Identity::OWNER, &s.grants, Privilege::Usage))
}

fn row_security(catalog: &Catalog, relation: &Relation, findings: &mut Vec<Finding>) {
    let is_granted = |role: &&str| enters(catalog, role, &relation.name.schema) && uses(catalog, role, relation);
    let roles: Vec<&str> = OUTSIDE.into_iter().filter(is_granted).collect();
    if roles.is_empty() {
        return;
    }
    let (name, roles) = (&relation.name, roles.join(" and "));
    if !relation.row_security {
        findings.push(Finding {
            code: "row-security-off",
            severity: Severity::Error,
            relation: name.to_string(),
            message: format!("{name} is granted to {roles}, and row security is off"),
            remedy: format!("alter table {} enable row level security;", name.quoted()),
        });
    } else if relation.policies.is_empty() {
        findings.push(Finding {
            code: "no-policy",
            severity: Severity::Warning,
            relation: name.to_string(),
            message: format!("{name} is granted to {roles}, but has no policy: they see no row"),
            remedy: format!("Write a policy (create policy ... on {} ...), or revoke the grant.", name.quoted()),
        });
    }
}

/// Columns that policies compare for every row, and that no index begins with.
fn policy_columns(catalog: &Catalog, relation: &Relation, findings: &mut Vec<Finding>) {
    let mut seen = BTreeSet::new();
    for policy in &relation.policies {
        for (table, columns) in compared_columns(catalog, relation, policy) {
            let Some(target) = catalog.relations.get(&table).filter(|r| r.view().is_none()) else { continue };
            if columns.iter().any(|column| leads_index(target, column)) {
                continue;
            }
            let Some(column) = columns.first().filter(|column| seen.insert((table.clone(), (*column).clone()))) else {
                continue;
            };
            findings.push(Finding {
                code: "policy-column-unindexed",
                severity: Severity::Hint,
                relation: table.to_string(),
                message: format!(
                    "policy \"{}\" on {} compares {table}.{column}, which no index begins with",
                    policy.name, relation.name
                ),
                remedy: format!("create index on {} ({});", table.quoted(), crate::quote::ident(column)),
            });
        }
    }
}

/// Each table that a policy's USING reads, with its columns that are compared by equality with something not constant.
fn compared_columns(catalog: &Catalog, relation: &Relation, policy: &Policy) -> Vec<(Name, Vec<String>)> {
    if policy.command == PolicyCommand::Insert {
        return Vec::new();
    }
    let Some(expr) = policy.using.as_deref().and_then(|source| parse_expr(source).ok()) else { return Vec::new() };
    let mut comparisons = Comparisons { catalog, relation, tables: Vec::new(), columns: Vec::new() };
    let _ = visit(&expr, &mut comparisons);
    let mut found: Vec<(Name, Vec<String>)> = Vec::new();
    for (table, column) in comparisons.columns {
        match found.iter_mut().find(|(name, _)| *name == table) {
            Some((_, columns)) => columns.push(column),
            None => found.push((table, vec![column])),
        }
    }
    found
}

struct Comparisons<'a> {
    catalog: &'a Catalog,
    relation: &'a Relation,
    /// Tables of the subqueries, with the names they go by.
    tables: Vec<(String, Name)>,
    columns: Vec<(Name, String)>,
}

impl Comparisons<'_> {
    /// The table and column that an expression is.
    fn column(&self, expr: &Expr) -> Option<(Name, String)> {
        let (table, column) = match expr {
            Expr::Nested(inner) | Expr::Cast { expr: inner, .. } => return self.column(inner),
            Expr::Identifier(ident) => {
                let name = fold(ident);
                let inner = self.tables.iter().map(|(_, table)| table).find(|table| self.has(table, &name));
                (inner.unwrap_or(&self.relation.name).clone(), name)
            }
            Expr::CompoundIdentifier(idents) => {
                let [.., table, column] = idents.as_slice() else { return None };
                let alias = fold(table);
                let known = self.tables.iter().find(|(name, _)| *name == alias).map(|(_, table)| table.clone());
                let own = (alias == self.relation.name.name).then(|| self.relation.name.clone());
                (known.or(own)?, fold(column))
            }
            _ => return None,
        };
        self.has(&table, &column).then_some((table, column))
    }

    fn has(&self, table: &Name, column: &str) -> bool {
        let column = self.catalog.relations.get(table).and_then(|r| r.column(column));
        column.is_some_and(|column| column.ty != Type::BOOL)
    }
}

impl Visitor for Comparisons<'_> {
    type Break = ();

    fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> ControlFlow<()> {
        if let TableFactor::Table { name, alias, args: None, .. } = factor {
            let parts: Vec<String> = name.0.iter().filter_map(|part| part.as_ident()).map(fold).collect();
            if let [.., schema, table] = parts.as_slice() {
                let known = alias.as_ref().map_or_else(|| table.clone(), |alias| fold(&alias.name));
                self.tables.push((known, Name::new(schema, table)));
            }
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        let sides = match expr {
            Expr::BinaryOp { left, op: BinaryOperator::Eq, right } => vec![(left, right), (right, left)],
            Expr::AnyOp { left, compare_op: BinaryOperator::Eq, right, .. } => vec![(left, right)],
            Expr::InSubquery { expr, .. } => {
                self.columns.extend(self.column(expr));
                Vec::new()
            }
            _ => Vec::new(),
        };
        for (side, other) in sides {
            if !matches!(**other, Expr::Value(_)) {
                self.columns.extend(self.column(side));
            }
        }
        ControlFlow::Continue(())
    }
}

fn foreign_keys(relation: &Relation, findings: &mut Vec<Finding>) {
    for (name, key) in relation.foreign_keys() {
        if key.columns.first().is_some_and(|column| leads_index(relation, column)) {
            continue;
        }
        let columns: Vec<String> = key.columns.iter().map(|c| crate::quote::ident(c)).collect();
        findings.push(Finding {
            code: "foreign-key-unindexed",
            severity: Severity::Hint,
            relation: relation.name.to_string(),
            message: format!(
                "foreign key {name} of {} has no index behind it: each delete in {} reads the whole table",
                relation.name, key.target
            ),
            remedy: format!("create index on {} ({});", relation.name.quoted(), columns.join(", ")),
        });
    }
}

/// Whether a whole index begins with the column.
fn leads_index(relation: &Relation, column: &str) -> bool {
    let first = |columns: &[String]| columns.first().is_some_and(|c| c == column);
    relation.unique_keys().any(first)
        || relation.indexes.iter().any(|index| {
            let key = index.keys.first().and_then(|key| key.split(' ').next()).unwrap_or_default();
            index.predicate.is_none() && key.trim_matches('"') == column
        })
}

fn duplicate_indexes(relation: &Relation, findings: &mut Vec<Finding>) {
    for (i, index) in relation.indexes.iter().enumerate() {
        let twin = relation.indexes[..i]
            .iter()
            .find(|other| {
                other.keys == index.keys && other.predicate == index.predicate && (other.unique || !index.unique)
            })
            .map(|other| other.name.as_str());
        let constraint = relation.constraints.iter().find_map(|constraint| match &constraint.kind {
            ConstraintKind::PrimaryKey(columns) | ConstraintKind::Unique(columns)
                if index.columns.as_ref() == Some(columns) && index.predicate.is_none() =>
            {
                Some(constraint.name.as_str())
            }
            _ => None,
        });
        if let Some(other) = twin.or(constraint) {
            findings.push(Finding {
                code: "duplicate-index",
                severity: Severity::Hint,
                relation: relation.name.to_string(),
                message: format!("index {} of {} does what {other} does already", index.name, relation.name),
                remedy: format!("drop index {};", Name::new(&relation.name.schema, &index.name).quoted()),
            });
        }
    }
}
