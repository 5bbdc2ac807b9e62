//! Roles, what they are granted, and what that allows.

use std::borrow::Borrow;
use std::collections::{BTreeMap, BTreeSet};

use basalt_core::Identity;
use serde::{Deserialize, Deserializer, Serialize};

use super::{Catalog, Column, Relation};

/// A role.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Role {
    /// Passes every privilege check.
    pub superuser: bool,
    /// BYPASSRLS.
    pub bypass_row_security: bool,
    /// INHERIT: the privileges of the roles that this one is a member of are its own; otherwise it may only become them.
    #[serde(default)]
    pub inherits: bool,
    /// Roles that this one is a member of.
    pub member_of: BTreeSet<String>,
    /// Where a membership itself says whether it passes its privileges on (`grant ... with inherit`, PostgreSQL 16).
    #[serde(default)]
    pub inherit_options: BTreeMap<String, bool>,
    /// `alter role ... set`.
    pub settings: BTreeMap<String, String>,
}

impl Default for Role {
    /// What `create role` makes without options.
    fn default() -> Self {
        Role {
            superuser: false,
            bypass_row_security: false,
            inherits: true,
            member_of: BTreeSet::new(),
            inherit_options: BTreeMap::new(),
            settings: BTreeMap::new(),
        }
    }
}

impl Role {
    fn inherits_from(&self, parent: &str) -> bool {
        self.inherit_options.get(parent).copied().unwrap_or(self.inherits)
    }
}

/// The roles of API requests.
pub const API_ROLES: [&str; 3] = ["anon", "authenticated", "service_role"];

/// Roles of Supabase's services and dashboard, which scripts grant to: they are there with no right of their own, and no request takes them.
pub const SUPABASE_ROLES: [&str; 4] =
    ["supabase_auth_admin", "supabase_storage_admin", "supabase_admin", "dashboard_user"];

/// The role that requests connect as on the embedded engine.
pub const AUTHENTICATOR: &str = "authenticator";

/// Reads stored roles. Those of a database from before `inherits` was kept inherit, but for the ones that every database has; one from before
/// [`SUPABASE_ROLES`] gets them.
pub(super) fn stored_roles<'de, D: Deserializer<'de>>(source: D) -> Result<BTreeMap<String, Role>, D::Error> {
    #[derive(Deserialize)]
    struct Stored {
        inherits: Option<bool>,
        #[serde(flatten)]
        role: Role,
    }
    let stored = BTreeMap::<String, Stored>::deserialize(source)?;
    let role = |(name, Stored { inherits, role }): (String, Stored)| {
        let name_of_ours = |names: &[&str]| names.contains(&name.as_str());
        let built_in = name == AUTHENTICATOR || name_of_ours(&API_ROLES) || name_of_ours(&SUPABASE_ROLES);
        let role = Role { inherits: inherits.unwrap_or(!built_in), ..role };
        (name, role)
    };
    Ok(supabase_roles().chain(stored.into_iter().map(role)).collect())
}

/// [`SUPABASE_ROLES`] as every database has them.
pub(crate) fn supabase_roles() -> impl Iterator<Item = (String, Role)> {
    SUPABASE_ROLES.into_iter().map(|name| (name.to_owned(), Role { inherits: false, ..Role::default() }))
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

impl Privilege {
    /// Each of them.
    pub const ALL: [Privilege; 9] = [
        Privilege::Select,
        Privilege::Insert,
        Privilege::Update,
        Privilege::Delete,
        Privilege::Truncate,
        Privilege::References,
        Privilege::Trigger,
        Privilege::Usage,
        Privilege::Execute,
    ];

    /// As SQL writes it, in lower case.
    pub fn word(self) -> &'static str {
        match self {
            Privilege::Select => "select",
            Privilege::Insert => "insert",
            Privilege::Update => "update",
            Privilege::Delete => "delete",
            Privilege::Truncate => "truncate",
            Privilege::References => "references",
            Privilege::Trigger => "trigger",
            Privilege::Usage => "usage",
            Privilege::Execute => "execute",
        }
    }
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
    /// `role` and every role it is a member of, directly or not: those that it may become.
    pub fn memberships<'a>(&'a self, role: &'a str) -> BTreeSet<&'a str> {
        self.reached(role, |_, _| true)
    }

    /// The roles that a request may name: those that the login may become. Nobody is the owner by a token, nor a superuser, nor who
    /// connects: whoever migrated as that role owns the tables, and owners pass their policies.
    pub fn requestable(&self) -> BTreeSet<&str> {
        let mut roles: BTreeSet<&str> = match self.is_superuser(&self.login) {
            true => self.roles.keys().map(String::as_str).collect(),
            false => self.memberships(&self.login),
        };
        let connects = |role: &str| role == self.login && role != AUTHENTICATOR;
        roles.retain(|role| *role != Identity::OWNER && !connects(role) && !self.is_superuser(role));
        roles
    }

    /// Whether a token may not name `role`: it is there, but not [`Catalog::requestable`]. `none` is there for PostgreSQL's `set role`,
    /// and means who connects.
    pub fn withholds(&self, role: &str, requestable: &BTreeSet<impl Borrow<str> + Ord>) -> bool {
        role == "none" || self.roles.contains_key(role) && !requestable.contains(role)
    }

    /// `role` and every role whose privileges it has without becoming it: those that it inherits from, directly or not.
    pub fn inherited<'a>(&'a self, role: &'a str) -> BTreeSet<&'a str> {
        self.reached(role, Role::inherits_from)
    }

    fn reached<'a>(&'a self, role: &'a str, leads: impl Fn(&Role, &str) -> bool) -> BTreeSet<&'a str> {
        let mut seen = BTreeSet::from([role]);
        let mut open = vec![role];
        while let Some(role) = open.pop() {
            let Some(member) = self.roles.get(role) else { continue };
            for parent in member.member_of.iter().filter(|parent| leads(member, parent)) {
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

    /// Whether `grants` give `privilege` to `role`, to a role it inherits from, or to everyone. An owner
    /// (or who inherits from the owning role) and superusers have every privilege.
    pub fn allows(&self, role: &str, owner: &str, grants: &Grants, privilege: Privilege) -> bool {
        let holds = |name: &str| grants.get(name).is_some_and(|p| p.contains(&privilege));
        if holds(PUBLIC) || holds(role) || role == owner || self.is_superuser(role) {
            return true;
        }
        let inherited = self.inherited(role);
        inherited.contains(owner) || inherited.into_iter().any(holds)
    }

    /// Whether `role` may use `privilege` on one column: by a grant on the relation or on the column itself.
    pub fn allows_column(&self, role: &str, relation: &Relation, column: &Column, privilege: Privilege) -> bool {
        self.allows(role, &relation.owner, &relation.grants, privilege)
            || self.allows(role, &relation.owner, &column.grants, privilege)
    }

    /// Whether `role` may use `privilege` on the relation or on a column of it.
    pub fn allows_any(&self, role: &str, relation: &Relation, privilege: Privilege) -> bool {
        self.allows(role, &relation.owner, &relation.grants, privilege)
            || relation.columns.iter().any(|column| self.allows(role, &relation.owner, &column.grants, privilege))
    }

    /// Whether row policies bind `role` on `relation`: row security is on, and the role neither bypasses it nor
    /// owns the table unforced.
    pub fn policies_apply(&self, role: &str, relation: &Relation) -> bool {
        let owns = self.inherited(role).contains(relation.owner.as_str());
        relation.row_security && !self.bypasses_policies(role) && (!owns || relation.force_row_security)
    }

    /// Whether no row policy binds `role`, on any relation.
    pub fn bypasses_policies(&self, role: &str) -> bool {
        self.roles.get(role).is_some_and(|r| r.superuser || r.bypass_row_security)
    }
}
