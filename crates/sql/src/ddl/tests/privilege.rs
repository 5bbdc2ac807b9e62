//! Roles, grants, policies and comments.

use super::*;
use crate::catalog::{PolicyCommand, Privilege};

#[test]
fn new_objects_are_granted_by_default_privileges() {
    let mut db = Database::new("create table t (a int); create schema s; create table s.u (a int)");
    assert!(db.catalog.allows("anon", "postgres", &db.relation("t").grants, Privilege::Select));
    assert!(!db.catalog.allows("anon", "postgres", &db.relation("s.u").grants, Privilege::Select));
    db.run(
        "alter default privileges for role postgres in schema s grant select on tables to anon;
         alter default privileges revoke execute on functions from public;
         create table s.v (a int); create function s.f() returns int return 1",
    )
    .unwrap();
    assert!(db.catalog.allows("anon", "postgres", &db.relation("s.v").grants, Privilege::Select));
    assert!(db.catalog.routines("s", "f")[0].grants.is_empty());
}

#[test]
fn grants_on_types_want_them_to_exist() {
    let mut db = Database::new("create type mood as enum ('a'); create domain cent as int");
    db.run("grant usage on type mood, cent, integer, double precision to anon; revoke all on domain cent from anon")
        .unwrap();
    assert_eq!(db.error("grant usage on type nosuch to anon").code(), "42704");
    assert_eq!(db.error("grant usage on domain mood to anon").code(), "42809");
}

#[test]
fn grants_on_tables_and_columns() {
    let mut db = Database::new("create table t (a int, b int); revoke all on t from anon, authenticated");
    db.run("grant select (a), insert on table t to anon with grant option").unwrap();
    let t = db.relation("t").clone();
    let may = |column: &str, privilege| db.catalog.allows_column("anon", &t, t.column(column).unwrap(), privilege);
    assert!(may("a", Privilege::Select) && !may("b", Privilege::Select) && may("b", Privilege::Insert));
    db.run("revoke select on t from anon; grant all on all tables in schema public to authenticated").unwrap();
    assert!(!db.catalog.allows_column(
        "anon",
        db.relation("t"),
        db.relation("t").column("a").unwrap(),
        Privilege::Select
    ));
    assert!(db.catalog.allows("authenticated", "postgres", &db.relation("t").grants, Privilege::Truncate));
    assert_eq!(db.error("grant execute on t to anon").message(), "invalid privilege type EXECUTE for relation");
    assert_eq!(db.error("grant select on t to nobody").message(), "role \"nobody\" does not exist");
    assert_eq!(db.error("grant select (z) on t to anon").code(), "42703");
}

#[test]
fn grants_on_functions_schemas_and_roles() {
    let mut db = Database::new(
        "create function f(int) returns int return 1; create function f(text) returns int return 1; create schema s;
         create role editor; create role chief",
    );
    assert_eq!(db.error("revoke execute on function f from public").code(), "42725");
    db.run("revoke execute on function f(text) from public, anon; grant usage on schema s to editor; grant editor to chief").unwrap();
    let routines = db.catalog.routines("public", "f");
    assert!(routines[0].grants.contains_key("public") && !routines[1].grants.contains_key("public"));
    assert!(db.catalog.allows("chief", "postgres", &db.catalog.schemas["s"].grants, Privilege::Usage));
    assert_eq!(db.error("grant chief to editor").code(), "0LP01");
    let error = db.error("drop role editor");
    assert_eq!(error.detail(), Some("privileges for schema s"));
    db.run("revoke all on schema s from editor; drop role editor; alter role chief set statement_timeout = '8s'")
        .unwrap();
    assert_eq!(db.catalog.roles["chief"].settings["statement_timeout"], "8s");
}

#[test]
fn a_role_that_does_not_inherit_may_only_become_its_parents() {
    let mut db = Database::new(
        "create table t (a int); revoke all on t from anon, authenticated; create role reader; grant select on t to reader;
         create role heir; create role idle noinherit; grant reader to heir, idle; create role child in role idle",
    );
    let reads = |db: &Database, role: &str| {
        let t = db.relation("t");
        db.catalog.allows(role, &t.owner, &t.grants, Privilege::Select)
    };
    assert!(reads(&db, "heir") && !reads(&db, "idle") && !reads(&db, "child"));
    assert!(db.catalog.memberships("child").contains("reader") && !db.catalog.inherited("child").contains("reader"));
    db.run("alter role idle inherit; alter role heir noinherit").unwrap();
    assert!(!reads(&db, "heir") && reads(&db, "idle") && reads(&db, "child"));
    db.run("grant reader to heir with admin true, inherit true; grant reader to idle with inherit false").unwrap();
    assert!(reads(&db, "heir") && !reads(&db, "idle"));
    db.run("revoke inherit option for reader from heir; revoke reader from idle; grant reader to idle").unwrap();
    assert!(!reads(&db, "heir") && reads(&db, "idle"));
    db.run("alter table t owner to reader; revoke all on t from reader").unwrap();
    assert!(!reads(&db, "heir") && reads(&db, "idle"));
    assert!(db.catalog.policies_apply("heir", &guarded(&db)) && !db.catalog.policies_apply("idle", &guarded(&db)));
    assert_eq!(db.error("grant reader to heir with set false").code(), "0A000");
}

fn guarded(db: &Database) -> Relation {
    Relation { row_security: true, ..db.relation("t").clone() }
}

#[test]
fn roles_stored_before_inheriting_was_kept() {
    let db = Database::new("create role writer; grant writer to anon");
    assert!(
        !db.catalog.inherited("authenticator").contains("anon") && !db.catalog.inherited("anon").contains("writer")
    );
    let mut json = serde_json::to_value(&db.catalog).unwrap();
    for role in json["roles"].as_object_mut().unwrap().values_mut() {
        let role = role.as_object_mut().unwrap();
        role.remove("inherits").unwrap();
        role.remove("inherit_options").unwrap();
    }
    let older: Catalog = serde_json::from_value(json).unwrap();
    for (name, role) in &db.catalog.roles {
        assert_eq!(older.roles[name].inherits, role.inherits, "{name}");
        assert_eq!(older.roles[name].member_of, role.member_of, "{name}");
    }
}

#[test]
fn policies() {
    let mut db = Database::new("create table t (a int, b int)");
    db.run(
        "create policy \"P q\" on t as restrictive for update to anon, authenticated using (a = 1) with check (true)",
    )
    .unwrap();
    let policy = &db.relation("t").policies[0];
    assert_eq!((policy.name.as_str(), policy.permissive, policy.command), ("P q", false, PolicyCommand::Update));
    assert_eq!(policy.roles, ["anon", "authenticated"]);
    db.run("alter policy \"P q\" on t to public using (b = 2); alter policy \"P q\" on t rename to p").unwrap();
    let policy = &db.relation("t").policies[0];
    assert_eq!(
        (policy.name.as_str(), policy.using.as_deref(), policy.check.as_deref()),
        ("p", Some("b = 2"), Some("true"))
    );
    assert!(policy.roles.is_empty());
    assert_eq!(db.error("create policy p on t using (true)").message(), "policy \"p\" for table \"t\" already exists");
    assert_eq!(
        db.error("create policy x on t for insert using (true)").message(),
        "only WITH CHECK expression allowed for INSERT"
    );
}

#[test]
fn comments() {
    let mut db = Database::new("create table t (a int); create function f() returns int return 1");
    db.run(
        "comment on table t is 'one'; comment on column public.t.a is E'two\\nlines'; comment on function f() is 'three';
         comment on schema public is $$four$$; comment on column t.a is 'five'",
    )
    .unwrap();
    assert_eq!(db.relation("t").comment.as_deref(), Some("one"));
    assert_eq!(db.relation("t").column("a").unwrap().comment.as_deref(), Some("five"));
    assert_eq!(db.catalog.routines("public", "f")[0].comment.as_deref(), Some("three"));
    assert_eq!(db.catalog.schemas["public"].comment.as_deref(), Some("four"));
    db.run("comment on table t is null").unwrap();
    assert_eq!(db.relation("t").comment, None);
    assert_eq!(db.error("comment on policy p on t is 'x'").code(), "42704");
}

#[test]
fn the_catalog_survives_its_own_json() {
    let db = Database::new(
        "create table t (id serial primary key, \"a.b\" text); create policy p on t using (true);
         create function f(t) returns int language sql as 'select 1'; create type m as enum ('x')",
    );
    let json = serde_json::to_string(&db.catalog).unwrap();
    let back: Catalog = serde_json::from_str(&json).unwrap();
    assert_eq!(serde_json::to_string(&back).unwrap(), json);
}
