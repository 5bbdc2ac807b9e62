//! What file storage keeps in the database: buckets, the rows of their files, and the functions that policies over them call. Projects' migrations
//! and seeds rely on them; there is no API of the files.

use basalt_db::migrate::{Service, ServiceMigration};

/// The schema `storage`.
pub const SERVICE: Service = Service {
    name: "storage",
    migrations: &[ServiceMigration { version: "0001", source: include_str!("schema/0001_files.sql") }],
    dispensable: &[],
    alone_in: Some("storage"),
};
