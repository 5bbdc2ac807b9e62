use super::*;
use crate::ddl::{Session, apply, bootstrap};
use crate::script::{Piece, split};

/// Codes and relations of what is found after a script.
fn findings(script: &str) -> Vec<(&'static str, String)> {
    let (mut catalog, mut session) = (bootstrap(), Session::default());
    for piece in split(script).unwrap() {
        if let Piece::Statement { sql, .. } = piece {
            apply(&mut catalog, &mut session, sql).unwrap();
        }
    }
    lint(&catalog, &["public".to_owned()]).into_iter().map(|finding| (finding.code, finding.relation)).collect()
}

#[test]
fn tables_left_open_or_shut() {
    assert_eq!(findings("create table t (a int)"), [("row-security-off", "public.t".into())]);
    assert_eq!(findings("create table t (a int); revoke all on t from anon, authenticated"), []);
    assert_eq!(findings("create schema s; create table s.t (a int)"), []);
    let shut = "create table t (a int); alter table t enable row level security";
    assert_eq!(findings(shut), [("no-policy", "public.t".into())]);
    assert_eq!(findings(&format!("{shut}; create policy p on t using (true)")), []);
}

#[test]
fn columns_that_policies_compare_want_an_index() {
    let table = "create table t (a int primary key, owner uuid, team int); alter table t enable row level security";
    let policy = "create policy p on t using (owner = (select auth.uid()))";
    assert_eq!(findings(&format!("{table}; {policy}")), [("policy-column-unindexed", "public.t".into())]);
    assert_eq!(findings(&format!("{table}; {policy}; create index on t (owner)")), []);
    let members = "create table m (user_id uuid, team int); alter table m enable row level security;
        create policy p on m using (true); create index on t (team);
        create policy p on t using (exists (select 1 from m where m.team = t.team and m.user_id = auth.uid()))";
    assert_eq!(findings(&format!("{table}; {members}")), [("policy-column-unindexed", "public.m".into())]);
    assert_eq!(findings(&format!("{table}; {members}; create index on m (user_id, team)")), []);
}

#[test]
fn keys_without_an_index_and_indexes_twice() {
    let tables = "create table a (id int primary key); create table b (a int references a);
        revoke all on a, b from anon, authenticated";
    assert_eq!(findings(tables), [("foreign-key-unindexed", "public.b".into())]);
    assert_eq!(findings(&format!("{tables}; create index on b (a)")), []);
    let twice = format!("{tables}; create index on b (a); create index on b (a); create index on a (id)");
    assert_eq!(findings(&twice), [("duplicate-index", "public.a".into()), ("duplicate-index", "public.b".into())]);
}

#[test]
fn what_runs_with_its_owners_rights() {
    let view = "create table t (a int); revoke all on t from anon, authenticated; create view v";
    assert_eq!(findings(&format!("{view} as select a from t")), []);
    assert_eq!(
        findings(&format!("{view} with (security_invoker = false) as select a from t")),
        [("view-bypasses-policies", "public.v".into())]
    );
    let function = "create function f() returns int language sql security definer as 'select 1'";
    assert_eq!(
        findings(function),
        [("definer-exposed", "public.f".into()), ("definer-search-path", "public.f".into())]
    );
    let closed = "revoke execute on function f from public, anon, authenticated; alter function f set search_path = ''";
    assert_eq!(findings(&format!("{function}; {closed}")), []);
    // Nobody but a trigger calls a trigger's.
    let trigger = "create table t (id int primary key); alter table t enable row level security;
        create policy p on t using (true);
        create function f() returns trigger language plpgsql security definer set search_path = '' as $$ begin return new; end $$;
        create trigger f after insert on t for each row execute function f()";
    assert_eq!(findings(trigger), []);
}

#[test]
fn what_runs_with_its_owners_rights_is_found_wherever_callers_from_outside_reach_it() {
    let hidden = "create schema priv; create table priv.t (a int);
        create function priv.f() returns int language sql security definer set search_path = '' as 'select a from priv.t';
        create view priv.v with (security_invoker = false) as select a from priv.t; grant select on priv.v to anon;";
    // Nobody from outside may use the schema, and nothing that is served leads there.
    assert_eq!(findings(hidden), []);
    let both = [("view-bypasses-policies", "priv.v".into()), ("definer-exposed", "priv.f".into())];
    assert_eq!(findings(&format!("{hidden} grant usage on schema priv to anon")), both);
    assert_eq!(findings(&format!("{hidden} create view through as select a, priv.f() as f from priv.v")), both);
    let called = "create function through() returns int language sql as 'select priv.f() + a from priv.v'";
    assert_eq!(findings(&format!("{hidden} {called}")), both);
    // What is not granted is not reached.
    let revoked =
        format!("{hidden} {called}; revoke execute on function priv.f() from public; revoke all on priv.v from anon");
    assert_eq!(findings(&revoked), []);
}
