//! Closed unless opened: which tables are served to whoever comes from outside although row security is off on them.

use crate::Name;
use crate::catalog::Relation;

/// Tables that are open although nobody has said who may see which rows.
#[derive(Debug, Clone, Default)]
pub struct Unprotected {
    all: bool,
    schemas: Vec<String>,
    tables: Vec<Name>,
}

impl Unprotected {
    /// Reads `schema.name`, `name` of schema `public`, `schema.*`, and `*` for every table.
    pub fn new(patterns: &[String]) -> Unprotected {
        let mut read = Unprotected::default();
        for pattern in patterns {
            match pattern.split_once('.') {
                None if pattern == "*" => read.all = true,
                None => read.tables.push(Name::new("public", pattern)),
                Some((schema, "*")) => read.schemas.push(schema.to_owned()),
                Some((schema, name)) => read.tables.push(Name::new(schema, name)),
            }
        }
        read
    }

    /// Whether a relation is a table that is closed to callers from outside: row security is off, and nobody has opened it.
    pub fn closes(&self, relation: &Relation) -> bool {
        relation.view().is_none() && !relation.row_security && !self.holds(&relation.name)
    }

    fn holds(&self, name: &Name) -> bool {
        self.all || self.schemas.contains(&name.schema) || self.tables.contains(name)
    }
}

/// Whether a role is one of those that callers from outside have.
pub fn is_outside(role: &str) -> bool {
    matches!(role, "anon" | "authenticated")
}

/// What is said of a table that is closed: the detail, and what to do about it.
pub fn closed(table: &Name) -> (String, String) {
    (
        format!("Row security is off on \"{table}\", so it is not served to this role."),
        format!(
            "Write `alter table {table} enable row level security;` and a policy in a migration, or name \"{table}\" in `api.unprotected` of basalt.toml."
        ),
    )
}
