//! Drops, and what depends on what.

use super::*;
use crate::catalog::Name;

#[test]
fn a_table_that_others_need_stays() {
    let mut db = Database::new(
        "create table a (id int primary key); create table b (a int references a); create view v as select id from a;
         create policy p on b using (exists (select 1 from a)); create function f(a) returns int language sql as 'select 1'",
    );
    let error = db.error("drop table a");
    assert_eq!((error.code(), error.message()), ("2BP01", "cannot drop table a because other objects depend on it"));
    assert_eq!(
        error.detail(),
        Some(
            "policy p on table b depends on table a\nview v depends on table a\n\
             constraint b_a_fkey on table b depends on table a\nfunction f(a) depends on table a"
        )
    );
    db.run("drop table a cascade").unwrap();
    assert!(db.catalog.relation("public", "v").is_none() && db.catalog.functions.is_empty());
    assert_eq!(db.constraints("b"), [""; 0]);
    assert!(db.relation("b").policies.is_empty());
}

/// The rows of a function are a table's too: what reads a column in them neither loses it unseen nor reads another in its place.
#[test]
fn a_column_that_is_read_in_a_functions_rows_stays() {
    let mut db = Database::new(
        "create table m (id int primary key, team int, other int); create table n (id int primary key, team int);
         create function my() returns setof m language sql stable as $$ select * from m $$;
         create function has(x m) returns bool language sql stable return x.other > 0;
         create policy p on n using (exists (select 1 from my() k where k.team = n.team));",
    );
    let refused = |db: &mut Database, sql: &str| db.error(sql).code().to_owned();
    assert_eq!(refused(&mut db, "alter table m rename column team to t1"), "0A000");
    assert_eq!(refused(&mut db, "alter table m rename column id to team"), "42701");
    assert_eq!(refused(&mut db, "alter table m drop column team"), "2BP01");
    assert_eq!(refused(&mut db, "alter table m alter column team type text"), "0A000");
    db.run("alter table m rename column id to key; alter table m drop column team cascade").unwrap();
    assert!(db.relation("n").policies.is_empty());
    db.run("alter table m rename column other to o1").unwrap();
    assert_eq!(db.catalog.routines("public", "has")[0].body, "SELECT x.o1 > 0");
}

#[test]
fn a_column_takes_its_own_constraints_along() {
    let mut db = Database::new(
        "create table t (a int, b int, c int, unique (a, b), check (a > 0)); create index on t (b, c);
         create policy p on t using (c = 1)",
    );
    db.run("alter table t drop column a").unwrap();
    assert_eq!(db.constraints("t"), [""; 0]);
    assert_eq!(db.relation("t").indexes.len(), 1);
    let error = db.error("alter table t drop column c");
    assert_eq!(error.detail(), Some("policy p on table t depends on column c of table t"));
    db.run("alter table t drop column c cascade").unwrap();
    assert_eq!(db.columns("t"), ["b"]);
    assert!(db.relation("t").indexes.is_empty() && db.relation("t").policies.is_empty());
}

#[test]
fn sequences_go_with_their_columns() {
    let mut db = Database::new("create table t (id serial, x int)");
    let error = db.error("drop sequence t_id_seq");
    assert_eq!(error.detail(), Some("default value for column id of table t depends on sequence t_id_seq"));
    let actions = db.run("drop table t").unwrap();
    assert!(actions.contains(&Action::DropSequence("public.t_id_seq".into())));
    assert!(db.catalog.sequences.is_empty());
}

#[test]
fn types_functions_and_schemas() {
    let mut db = Database::new(
        "create schema s; create type s.mood as enum ('a'); create table t (m s.mood);
         create function s.f() returns int return 1; create table u (x int default s.f())",
    );
    assert_eq!(db.error("drop type s.mood").detail(), Some("column m of table t depends on type s.mood"));
    assert_eq!(
        db.error("drop function s.f()").detail(),
        Some("default value for column x of table u depends on function s.f()")
    );
    let error = db.error("drop schema s");
    assert!(error.detail().unwrap().contains("type s.mood depends on schema s"));
    db.run("alter table t add z int; drop schema s cascade").unwrap();
    assert_eq!(db.columns("t"), ["z"]);
    assert!(db.relation("u").column("x").unwrap().default.is_none());
    assert!(!db.catalog.schemas.contains_key("s"));
}

#[test]
fn what_is_not_there_is_told_by_its_kind() {
    let mut db = Database::new("create table t (a int unique); create view v as select a from t");
    for (statement, code, message) in [
        ("drop table nosuch", "42P01", "table \"nosuch\" does not exist"),
        ("drop view t", "42809", "\"t\" is not a view"),
        ("drop table v", "42809", "\"v\" is not a table"),
        ("drop function nosuch(int)", "42883", "function nosuch(integer) does not exist"),
        ("drop index t_a_key", "2BP01", "cannot drop index t_a_key because constraint t_a_key on table t requires it"),
        ("drop policy p on t", "42704", "policy \"p\" for table \"t\" does not exist"),
        ("drop role nosuch", "42704", "role \"nosuch\" does not exist"),
    ] {
        let error = db.error(statement);
        assert_eq!((error.code(), error.message()), (code, message));
    }
    db.run("drop table if exists nosuch, alsonot; drop function if exists f(nosuch); drop type if exists x cascade")
        .unwrap();
}

#[test]
fn an_index_that_a_key_needs_stays() {
    let mut db = Database::new(
        "create table a (x int); create unique index ax on a (x); create table b (x int references a (x))",
    );
    assert_eq!(db.error("drop index ax").code(), "2BP01");
    db.run("drop table b; drop index concurrently if exists ax").unwrap();
    assert!(db.catalog.relation("public", "b").is_none() && db.relation("a").indexes.is_empty());
    assert!(!db.catalog.relations.contains_key(&Name::new("public", "b")));
}

/// What depends goes first, however long the way is by which it was found.
#[test]
fn a_cascade_removes_what_depends_before_what_it_depends_on() {
    let mut db = Database::new(
        "create type mood as enum ('x', 'y'); create domain small as mood;
         create table t (a int, b int generated always as (a + 1) stored, c int, m mood, s small, check (b > a), check (b > c), check (m <> 'y'::mood));
         create view v as select m from t; create view w as select m from v",
    );
    db.run("alter table t drop column a cascade; drop type mood cascade").unwrap();
    assert_eq!((db.columns("t"), db.constraints("t")), (vec!["c"], vec![]));
    assert!(db.catalog.relation("public", "v").is_none() && db.catalog.relation("public", "w").is_none());
}

#[test]
fn a_call_keeps_its_meaning() {
    let mut db = Database::new(
        "create table t (id int, owner varchar); create function can(x text) returns bool language sql as 'select true';
         create function f(n bigint) returns bool language sql as 'select true'; create policy p on t using (can(owner) and f(n => id));
         create view v as select f(t.id) from t; create function plain(n int) returns bool language sql as 'select true';
         create policy q on t using (plain(id))",
    );
    let policy = |db: &Database, at: usize| db.relation("t").policies[at].using.clone().unwrap_or_default();
    db.run("create function can(x varchar) returns bool language sql as 'select true'").unwrap();
    assert_eq!(policy(&db, 0), "public.can((owner)::TEXT) AND public.f(n => id)");
    // What can't take the call changes nothing.
    db.run("create function f(n text) returns bool language sql as 'select true'").unwrap();
    assert_eq!(policy(&db, 0), "public.can((owner)::TEXT) AND public.f(n => id)");
    db.run("alter function plain rename to f").unwrap();
    assert_eq!(policy(&db, 0), "public.can((owner)::TEXT) AND public.f(n => (id)::INT8)");
    assert_eq!(policy(&db, 1), "public.f(id)");
    let error = db.error("create function f(n int, more int default 1) returns bool language sql as 'select true'");
    assert_eq!(error.code(), "0A000");
    assert_eq!(
        error.message(),
        "policy \"q\" on table \"t\" calls function f(integer), and the call would not mean it any more"
    );
    assert!(error.hint().is_some_and(|hint| hint.starts_with("Write the call in policy \"q\" on table \"t\" so")));
}
