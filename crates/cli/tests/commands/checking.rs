//! `basalt check`, and what no migration may be.

use super::support::Project;
use super::{TABLES, books};

#[test]
fn check_underlines_what_cannot_run() {
    let project = books();
    assert_eq!(project.run(&["check"]).code, Some(0));
    project.write("migrations/0002_body.sql", "create function f() returns int\n  language plv8 as $$ return 1 $$;\n");
    let refused = project.run(&["check"]);
    assert_eq!(refused.code, Some(1));
    assert!(
        refused.stderr.contains("error[0A000]") && refused.stderr.contains("migrations/0002_body.sql:2:3"),
        "{}",
        refused.stderr
    );
    assert!(refused.stderr.contains("help: "), "{}", refused.stderr);
    assert!(!project.path().join(".basalt").exists(), "a check leaves nothing behind");
}

#[test]
fn check_refuses_the_configuration_that_no_server_starts_with() {
    let project = books();
    for (toml, told) in [
        ("[auth]\njwt_secret = \"short\"\n", "secret"),
        ("[auth]\njwks = \"{}\"\n", "JWK"),
        ("[auth]\nrole_claim = \"[\"\n", "JSON path"),
        ("[api]\nschemas = [\"pg_catalog\"]\n", "pg_catalog"),
        ("[api]\nschemas = []\n", "`api.schemas` is empty"),
        ("[messaging]\nnats = \"nats://127.0.0.1\"\n", "embedded engine"),
        ("[messaging]\nheartbeat = \"1ms\"\n", "`messaging.heartbeat`"),
        ("[log]\nlevel = \"x=y=z\"\n", "`log.level`"),
        ("[auth]\nsecret_key = \"short\"\n", "`auth.secret_key`"),
        ("[database]\ndata_dir = \"\"\n", "`database.data_dir` is empty"),
    ] {
        project.write("basalt.toml", toml);
        let refused = project.run(&["check"]);
        assert!(refused.code == Some(1) && refused.stderr.contains(told), "{toml}: {}", refused.stderr);
    }
    project.write("basalt.toml", "[api]\nschemas = [\"public\", \"later\"]\n");
    let warned = project.run(&["check"]);
    assert_eq!(warned.code, Some(0), "{}", warned.stderr);
    assert!(warned.stderr.contains("warning") && warned.stderr.contains("\"later\""), "{}", warned.stderr);
}

#[test]
fn check_takes_what_the_configuration_opens() {
    let open = "create table readings (id int primary key, value text);\n";
    let project = Project::new(&[("basalt.toml", ""), ("migrations/0001_readings.sql", open)]);
    let closed = project.run(&["check"]);
    assert!(closed.code == Some(1) && closed.stderr.contains("error[row-security-off]"), "{}", closed.stderr);
    for pattern in ["*", "public.*", "readings", "public.readings"] {
        project.write("basalt.toml", &format!("[api]\nunprotected = [\"{pattern}\"]\n"));
        let checked = project.run(&["check"]);
        assert_eq!(checked.code, Some(0), "{pattern}: {}", checked.stderr);
    }
}

#[test]
fn check_lists_what_runs_with_its_owner_s_rights_on_postgresql() {
    let project = Project::new(&[
        ("basalt.toml", "[database]\nengine = \"postgres\"\n"),
        (
            "migrations/0001_owners.sql",
            "create table t (id int primary key); alter table t enable row level security; create policy p on t using (true);
             create table log (id int); alter table log enable row level security; create policy p on log using (true);
             create rule noted as on insert to t do also insert into log values (new.id);
             create rule kept as on delete to t do instead nothing;
             create procedure wipe(n int) language sql security definer as 'delete from t';
             create procedure sure() language sql security definer set search_path = '' as 'delete from public.t';
             revoke execute on procedure sure() from public, anon, authenticated;
             create procedure plain() language sql as 'delete from public.t';",
        ),
    ]);
    let checked = project.run(&["check"]);
    assert_eq!(checked.code, Some(0), "{}", checked.stderr);
    let found: Vec<&str> = checked.stderr.lines().filter(|line| line.contains('[')).collect();
    let expected = [
        "hint[definer-exposed]: procedure public.wipe may be called by anon and authenticated and runs with its owner's rights",
        "warning[definer-search-path]: procedure public.wipe runs with its owner's rights, but finds its tables along its caller's search path",
        "warning[rule-bypasses-policies]: rule noted of public.t acts with the rights of the owner of public.t when anon and authenticated write: no policy holds for what it reads and writes",
    ];
    assert_eq!(found, expected, "{}", checked.stderr);
    assert!(checked.stderr.contains("revoke execute on procedure wipe(integer) from public, anon, authenticated;"));
}

#[test]
fn check_knows_the_services_and_what_to_do_without_triggers_of_one_s_own() {
    let project = books();
    let policies = "create table members (room text primary key, person uuid references auth.users (id));
alter table members enable row level security;
create policy \"members listen\" on realtime.messages for select to authenticated
  using (exists (select from members where person = auth.uid() and room = realtime.topic()));\n";
    project.write("migrations/0002_room.sql", policies);
    let checked = project.run(&["check"]);
    assert_eq!(checked.code, Some(0), "{}", checked.stderr);
    let function = "create function told() returns trigger language plpgsql as $$ begin
  perform realtime.broadcast_changes('a', tg_op, tg_op, tg_table_name, tg_table_schema, new, old); return null; end $$;\n";
    project.write("migrations/0003_told.sql", function);
    let refused = project.run(&["check"]);
    assert!(refused.code == Some(1) && refused.stderr.contains("[[broadcasts]] in basalt.toml"), "{}", refused.stderr);
}

#[test]
fn what_the_engine_lacks_is_refused_with_its_place_and_advice() {
    let project = Project::new(&[("basalt.toml", "")]);
    let table = "create table t (a int, b int);\n";
    for (statement, column, what) in [
        ("create view v as select a from t where a > 0 with check option;", 46, "WITH CHECK OPTION"),
        ("create view v as select a, row_number() over () from t group by rollup (a);", 18, "grouping sets"),
        ("create materialized view v as select a from t;", 8, "materialized views"),
        ("refresh materialized view v;", 1, "materialized views"),
        ("create table p (a int) partition by range (a);", 24, "inheritance and partitions"),
        ("create aggregate f (int) (sfunc = g, stype = int);", 8, "aggregates of your own"),
        ("do language plv8 $$ 1 $$;", 4, "a block in language plv8"),
        ("\\i other.sql", 1, "psql command \\i"),
        ("\\set n 1\ninsert into t values (:n, 1);", 23, "psql variable :n"),
    ] {
        project.write("script.sql", &format!("{table}{statement}\n"));
        let refused = project.run(&["import", "script.sql"]);
        let line = 1 + statement.lines().count();
        let place = format!("script.sql:{line}:{column}");
        assert_eq!(refused.code, Some(1), "{statement}");
        for part in ["error[0A000]", &place, what, "help: "] {
            assert!(refused.stderr.contains(part), "{statement}: no {part} in {}", refused.stderr);
        }
    }
    project.write("script.sql", "create table t (id uuid references storage.prefixes (id));");
    let refused = project.run(&["import", "script.sql"]);
    assert!(
        refused.stderr.contains("error[42P01]") && refused.stderr.contains("storage.objects"),
        "{}",
        refused.stderr
    );
}

#[test]
fn a_table_may_refer_to_the_users() {
    let project = Project::new(&[("migrations/0001_tables.sql", TABLES)]);
    let sql = "create table profiles (id uuid primary key references auth.users (id) on delete cascade, name text);\n\
        insert into profiles values ('7d0c6f4e-4a53-4a5b-8f3f-0b8e4f3f7a01', 'nobody');\n";
    project.write("script.sql", sql);
    let refused = project.run(&["import", "script.sql"]);
    assert!(refused.stderr.contains("error[23503]") && refused.stderr.contains("users"), "{}", refused.stderr);
    let user = "insert into auth.users (id, email) values ('7d0c6f4e-4a53-4a5b-8f3f-0b8e4f3f7a01', 'a@example.com');\n";
    project.write("script.sql", &format!("{user}{sql}"));
    let imported = project.run(&["import", "script.sql"]);
    assert_eq!(imported.code, Some(0), "{}", imported.stderr);
}
