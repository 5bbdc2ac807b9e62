//! Users, sessions, one-time codes, OAuth2 and keys: the auth API of wire.md section 1.

use basalt_db::migrate::{Service, ServiceMigration};

/// What auth keeps in the database.
pub const SERVICE: Service = Service {
    name: "auth",
    migrations: &[ServiceMigration { version: "0001", source: include_str!("schema/0001_identity.sql") }],
};
