//! What a script sets holds for what it writes, as in a session of PostgreSQL's.

use basalt_tests::postgres::Cluster;

use super::pair::Pair;
use super::projects::{BOOTSTRAP, compare};

const TABLES: &str = "create table t (id int primary key, at timestamptz, said text default current_setting('app.x', true), by uuid default auth.uid());
    create function day(at timestamptz) returns text language sql stable as $$ select at::date::text $$;";

#[tokio::test]
async fn what_a_script_sets_holds_for_what_it_writes() {
    let cluster = Cluster::start();
    if !cluster.is_reference() {
        return;
    }
    let pair = Pair::new(&cluster, "settings").await;
    pair.postgres.script(BOOTSTRAP).await;
    pair.script(TABLES).await;
    pair.script(
        "insert into t (id, at) values (1, '2024-07-01 12:00');
         set timezone = 'Europe/Berlin'; insert into t (id, at) values (2, '2024-07-01 12:00');
         set time zone 'Asia/Tokyo'; insert into t (id, at) select 3, '2024-07-01 12:00';
         set local timezone to -3; insert into t (id, at) values (4, '2024-07-01 12:00');
         set time zone -7; insert into t (id, at) values (5, timestamp '2024-07-01 12:00');
         reset timezone; insert into t (id, at) values (6, '2024-07-01 12:00');
         set timezone = 'Europe/Berlin'; set time zone default; insert into t (id, at) values (7, '2024-07-01 12:00');
         set app.x = 'a'; insert into t (id) values (8);
         set session app.x to b; insert into t (id) values (9);
         set \"request.jwt.claims\" = '{\"sub\": \"7b0f1b3c-0000-4000-8000-000000000001\", \"role\": \"authenticated\"}';
         insert into t (id) values (10);
         do $$ begin set timezone = 'America/New_York'; insert into t (id, at) values (11, '2024-07-01 12:00'); end $$;
         insert into t (id, at) values (12, '2024-07-01 12:00');
         select set_config('timezone', 'UTC', false), set_config('app.x', '', false), set_config('request.jwt.claims', '', false);",
    )
    .await;
    compare(&pair, "select * from t order by id;\n").await;
}

/// Literals in what is kept were read when it was made: no caller's time zone moves them.
#[tokio::test]
async fn kept_literals_are_moments() {
    let cluster = Cluster::start();
    if !cluster.is_reference() {
        return;
    }
    let pair = Pair::new(&cluster, "moments").await;
    pair.script(
        "create table e (id int primary key, at timestamptz check (at > '2020-01-01 00:00'), until timestamptz default '2024-07-01 12:00', n int);
         create unique index on e (n) where at < '2024-07-01 12:00';
         create index on e ((at >= '2024-07-01 12:00'), n);
         create view early as select id from e where at < '2024-07-01 12:00';
         create function parsed(a timestamptz) returns boolean language sql stable return a < '2024-07-01 12:00';
         create function given(a timestamptz default '2024-07-01 12:00') returns timestamptz language sql stable as $$ select a $$;
         create function text_body(a timestamptz) returns boolean language sql stable as $$ select a < '2024-07-01 12:00' $$;
         create domain late as timestamptz check (value > '2024-07-01 12:00');
         create table d (id int primary key, at late);",
    )
    .await;
    pair.script(
        "set timezone = 'Pacific/Kiritimati';
         insert into e (id, at, n) values (1, '2024-07-01T09:00:00Z', 1);
         insert into e (id, at, n) values (3, '2024-07-01T14:00:00Z', 1);
         update e set n = 2 where id = 1; delete from e where id = 3;
         create table seen as select id, parsed(at), text_body(at), given(), until from e;
         select set_config('timezone', 'UTC', false);",
    )
    .await;
    compare(
        &pair,
        "select * from e order by id;\n\
         select * from seen;\n\
         select * from early;\n\
         insert into e (id, at) values (2, '2019-12-31T20:00:00Z');\n\
         select set_config('timezone', 'America/New_York', true), parsed('2024-07-01T13:00:00Z'), given();\n",
    )
    .await;
}

/// PostgreSQL's sessions know it when they begin.
#[tokio::test]
async fn what_the_database_is_set_to_holds_for_all_sessions() {
    let cluster = Cluster::start();
    if !cluster.is_reference() {
        return;
    }
    let pair = Pair::new(&cluster, "set_for_all").await;
    pair.postgres.script(BOOTSTRAP).await;
    pair.script(TABLES).await;
    let of = |name: &str| {
        format!("alter database {name} set timezone to 'America/New_York'; alter database {name} set app.x to 'all';")
    };
    pair.postgres.script(&format!("{} set timezone = 'America/New_York'; set app.x = 'all'", of("set_for_all"))).await;
    assert!(pair.basalt.run_script(&of("postgres"), |_| {}).await.is_ok());
    let unknown = pair.basalt.run_script("alter database postgres set timezone to 'Nowhere'", |_| {}).await;
    assert_eq!(unknown.err().map(|failed| failed.error.code().to_owned()).as_deref(), Some("22023"));
    compare(
        &pair,
        "insert into t (id, at) values (1, '2024-07-01 03:30');\n\
         select id, at, said, day('2024-07-01 03:30Z'), current_setting('timezone') from t;\n",
    )
    .await;
}
