//! What every database of Basalt has before its first migration.

use std::collections::BTreeSet;

use basalt_core::Identity;

use crate::catalog::{
    API_ROLES, AUTHENTICATOR, Catalog, DefaultObject, DefaultPrivilege, Grants, PUBLIC, Privilege, Role, Schema,
    publications, supabase_roles,
};

/// A catalog with what every database of Basalt has: schemas `public`, `auth`, `storage`, `extensions`, `graphql_public`; roles
/// `postgres` (superuser), `anon`, `authenticated`, `service_role` (bypasses row security), `authenticator` (none of these four inherits),
/// and those of [`crate::catalog::SUPABASE_ROLES`];
/// default privileges that grant all on tables, sequences and functions of `public` to the three API roles; the publication `supabase_realtime`, of no table.
pub fn bootstrap() -> Catalog {
    let mut catalog = Catalog { version: 1, publications: publications(), ..Catalog::default() };

    catalog
        .roles
        .insert(Identity::OWNER.into(), Role { superuser: true, bypass_row_security: true, ..Role::default() });
    for role in API_ROLES {
        let bypass_row_security = role == "service_role";
        catalog.roles.insert(role.into(), Role { bypass_row_security, inherits: false, ..Role::default() });
    }
    let member_of = API_ROLES.map(str::to_owned).into();
    catalog.roles.insert(AUTHENTICATOR.into(), Role { member_of, inherits: false, ..Role::default() });

    catalog.roles.extend(supabase_roles());

    for schema in ["public", "auth", "storage", "extensions", "graphql_public"] {
        let everyone = (schema == "public").then_some(PUBLIC);
        let grants = API_ROLES.into_iter().chain(everyone);
        let grants = grants.map(|role| (role.to_owned(), BTreeSet::from([Privilege::Usage]))).collect();
        catalog.schemas.insert(schema.into(), Schema { comment: None, grants });
    }

    for object in [DefaultObject::Tables, DefaultObject::Sequences, DefaultObject::Functions] {
        let all = super::grant::all_privileges(object);
        let grants: Grants = API_ROLES.map(|role| (role.to_owned(), all.clone())).into();
        catalog.default_privileges.push(DefaultPrivilege { schema: Some("public".into()), object, grants });
    }
    catalog
}
