//! Roles, what they are granted, and what that allows.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{Catalog, Column, Relation};

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

impl Catalog {
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
