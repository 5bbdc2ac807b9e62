//! Publications and replica identity.

use basalt_core::{Operation, ReplicaIdentity};

use super::*;
use crate::catalog::Name;

/// The watched tables, by name.
fn watched(db: &Database) -> Vec<&str> {
    let tables = db.catalog.relations.keys().filter(|name| !db.catalog.watched(name).is_empty());
    tables.map(|name| name.name.as_str()).collect()
}

#[test]
fn tables_are_added_set_and_dropped() {
    let mut db =
        Database::new("create table a (id int); create table b (id int); create schema s; create table s.c (id int)");
    assert_eq!(watched(&db), [""; 0]);
    db.run("alter publication supabase_realtime add table a, only b").unwrap();
    assert_eq!(watched(&db), ["a", "b"]);
    db.run("alter publication supabase_realtime set table b, tables in schema s").unwrap();
    assert_eq!(watched(&db), ["b", "c"]);
    db.run("alter publication supabase_realtime drop tables in schema s, table b").unwrap();
    assert_eq!(watched(&db), [""; 0]);
    // Only Basalt's own publications count besides.
    db.run("create publication mine for all tables; create publication basalt_test for table s.c with (publish = 'insert')").unwrap();
    assert_eq!(watched(&db), ["c"]);
    assert_eq!(db.catalog.watched(&Name::new("s", "c")), [Operation::Insert].into());
    db.run("drop publication mine, basalt_test; drop publication if exists mine").unwrap();
    // As dumps have it.
    db.run("create publication supabase_realtime for all tables").unwrap();
    assert_eq!(watched(&db), ["a", "b", "c"]);
}

#[test]
fn a_published_table_is_followed_through_its_names() {
    let mut db =
        Database::new("create table a (id int); create schema s; alter publication supabase_realtime add table a");
    db.run("alter table a rename to b; alter table b set schema s").unwrap();
    assert!(!db.catalog.watched(&Name::new("s", "b")).is_empty());
    db.run("drop table s.b; create table s.b (id int)").unwrap();
    assert_eq!(watched(&db), [""; 0]);
}

#[test]
fn what_postgresql_refuses_is_refused() {
    let mut db = Database::new(
        "create table a (id int); create view v as select * from a; alter publication supabase_realtime add table a",
    );
    let mut refused = |sql: &str| db.error(sql).code().to_owned();
    assert_eq!(refused("alter publication supabase_realtime add table a"), "42710");
    assert_eq!(refused("create publication supabase_realtime"), "42710");
    assert_eq!(refused("alter publication nothing add table a"), "42704");
    assert_eq!(refused("drop publication nothing"), "42704");
    assert_eq!(refused("alter publication supabase_realtime add table v"), "22023");
    assert_eq!(refused("alter publication supabase_realtime add table nothing"), "42P01");
    assert_eq!(refused("create publication p for table a (id)"), "0A000");
    assert_eq!(refused("create publication p for table a where (id > 1)"), "0A000");
    assert_eq!(refused("create publication p with (publish = 'select')"), "42601");
    assert_eq!(refused("create publication p for all tables; alter publication p add table a"), "55000");
}

#[test]
fn replica_identity_is_kept() {
    let mut db =
        Database::new("create table t (id int primary key, a int not null unique, b int); create index i on t (b)");
    assert_eq!(db.relation("t").identity_columns(), ["id"]);
    db.run("alter table t replica identity full").unwrap();
    assert_eq!(
        (&db.relation("t").replica_identity, db.relation("t").identity_columns().len()),
        (&ReplicaIdentity::Full, 3)
    );
    db.run("alter table t replica identity using index t_a_key").unwrap();
    assert_eq!(db.relation("t").identity_columns(), ["a"]);
    db.run("alter table t replica identity nothing").unwrap();
    assert_eq!(db.relation("t").identity_columns(), [""; 0]);
    assert_eq!(db.error("alter table t replica identity using index i").code(), "42809");
    assert_eq!(db.error("alter table t replica identity using index nothing").code(), "42704");
}
