//! Tables that change while they hold rows.

mod support;

use support::{Fixture, with_schema};

/// Runs definitions that have to succeed.
async fn define(db: &Fixture, script: &str) {
    let done = db.database.run_script(script, |_| {}).await;
    done.unwrap_or_else(|failed| panic!("{}: {}", failed.statement, failed.error));
}

/// The SQLSTATE and message of definitions that fail.
async fn refused(db: &Fixture, script: &str) -> (String, String) {
    let failed = db.database.run_script(script, |_| {}).await.expect_err(script);
    (failed.error.code().to_owned(), failed.error.message().to_owned())
}

const SCHEMA: &str = "
    create type mood as enum ('sad', 'ok');
    create table parent (id int primary key, label text unique);
    create table child (id serial primary key, parent int references parent on delete cascade, n text, m mood, ms mood[]);
    create index on child (m, n desc);
    insert into parent values (1, 'one'), (2, 'two');
    insert into child (parent, n, m, ms) values (1, '10', 'sad', '{ok,sad}'), (2, '9', 'ok', '{}'), (null, '8', null, null);";

#[tokio::test]
async fn columns_come_with_their_defaults() {
    let db = with_schema(SCHEMA).await;
    define(
        &db,
        "alter table child add a int not null default 7, add b uuid not null default gen_random_uuid(),
           add c timestamptz not null default now(), add d int generated always as (a * 2) stored, add e text;
         alter table parent add s serial, add i bigint generated always as identity;",
    )
    .await;
    assert_eq!(
        db.json("select a, d, e, b is not null as b, c <= now() as c from child where id = 1", &[]).await,
        "[{\"a\":7,\"d\":14,\"e\":null,\"b\":true,\"c\":true}]"
    );
    assert_eq!(db.json("select count(distinct b) from child", &[]).await, "[{\"count\":3}]");
    assert_eq!(db.json("select s, i from parent order by id", &[]).await, "[{\"s\":1,\"i\":1},{\"s\":2,\"i\":2}]");
    db.run("insert into parent (id) values (3)", &[]).await.expect("inserts");
    assert_eq!(db.json("select s, i from parent where id = 3", &[]).await, "[{\"s\":3,\"i\":3}]");
    let (code, message) = refused(&db, "alter table child add z int not null").await;
    assert_eq!((code.as_str(), message.as_str()), ("23502", "column \"z\" of relation \"child\" contains null values"));
}

#[tokio::test]
async fn a_rebuilt_table_keeps_rows_keys_and_indexes() {
    let db = with_schema(SCHEMA).await;
    define(&db, "alter table child alter n type int using n::int; alter table parent alter id type bigint;").await;
    assert_eq!(db.json("select n from child order by n", &[]).await, "[{\"n\":8},{\"n\":9},{\"n\":10}]");
    assert_eq!(db.error("insert into child (parent) values (99)", &[]).await.code(), "23503");
    db.run("delete from parent where id = 2", &[]).await.expect("deletes");
    assert_eq!(db.json("select count(*) from child", &[]).await, "[{\"count\":2}]");
    let (code, message) = refused(&db, "alter table child alter parent set not null").await;
    assert_eq!(
        (code.as_str(), message.as_str()),
        ("23502", "column \"parent\" of relation \"child\" contains null values")
    );
    let (code, _) = refused(&db, "alter table child add check (n > 9)").await;
    assert_eq!(code, "23514");
    define(&db, "alter table child add constraint big check (n > 7);").await;
    assert_eq!(db.error("insert into child (n) values (1)", &[]).await.constraint(), Some("big"));
    define(&db, "alter table child drop constraint big;").await;
    db.run("insert into child (n) values (1)", &[]).await.expect("inserts");
}

#[tokio::test]
async fn keys_are_checked_when_they_come() {
    let db = with_schema(SCHEMA).await;
    define(&db, "create table other (a int, b int); insert into other values (1, 1), (1, 5), (2, null);").await;
    let (code, message) = refused(&db, "alter table other add unique (a)").await;
    assert_eq!((code.as_str(), message.as_str()), ("23505", "could not create unique index \"other_a_key\""));
    assert_eq!(refused(&db, "create unique index on other (a)").await.0, "23505");
    assert_eq!(refused(&db, "alter table other add foreign key (b) references parent").await.0, "23503");
    define(&db, "alter table other add foreign key (a) references parent, add unique (b);").await;
    assert_eq!(db.error("insert into other values (9, 9)", &[]).await.code(), "23503");
    assert_eq!(db.error("insert into other values (1, 5)", &[]).await.code(), "23505");
}

#[tokio::test]
async fn names_change_everywhere() {
    let db = with_schema(SCHEMA).await;
    define(
        &db,
        "create view v as select id, n from child where n <> ''; create schema s;
         alter table child rename n to note; alter table child rename to kid; alter table parent rename to elder;
         alter table elder set schema s; alter type mood rename value 'ok' to 'fine'",
    )
    .await;
    assert_eq!(refused(&db, "alter type mood rename value 'nosuch' to 'x'").await.0, "22023");
    assert_eq!(db.json("select n from v order by id limit 1", &[]).await, "[{\"n\":\"10\"}]");
    define(&db, "create view w as select id from kid where m = any('{sad}'::mood[])").await;
    define(&db, "alter type mood rename value 'sad' to 'blue'").await;
    assert_eq!(
        db.json("select count(*) from w", &[]).await,
        db.json("select count(*) from kid where m = 'blue'", &[]).await
    );
    define(&db, "alter type mood rename value 'blue' to 'sad'; drop view w").await;
    assert_eq!(
        db.json("select note, m, ms from kid order by id limit 1", &[]).await,
        "[{\"note\":\"10\",\"m\":\"sad\",\"ms\":[\"fine\",\"sad\"]}]"
    );
    db.run("delete from s.elder where id = 1", &[]).await.expect("deletes");
    assert_eq!(db.json("select count(*) from kid", &[]).await, "[{\"count\":2}]");
    define(&db, "alter type mood add value 'grim' before 'sad'; insert into kid (m) values ('grim');").await;
    assert_eq!(
        db.json("select m from kid where m is not null order by m", &[]).await,
        "[{\"m\":\"grim\"},{\"m\":\"fine\"}]"
    );
    define(&db, "alter type mood rename to feeling; drop view v;").await;
    assert_eq!(db.json("select m from kid where m >= 'sad'", &[]).await, "[{\"m\":\"fine\"}]");
}

#[tokio::test]
async fn what_goes_takes_along_what_it_has_to() {
    let db = with_schema(SCHEMA).await;
    assert_eq!(refused(&db, "drop table parent").await.0, "2BP01");
    define(&db, "alter table child drop column m; drop table parent cascade;").await;
    db.run("insert into child (parent) values (99)", &[]).await.expect("inserts");
    assert_eq!(db.json("select count(*) from child", &[]).await, "[{\"count\":4}]");
    define(&db, "truncate child restart identity; insert into child (n) values ('x');").await;
    assert_eq!(db.json("select id from child", &[]).await, "[{\"id\":1}]");
    define(&db, "create table copy as select id, n from child; drop table child;").await;
    assert_eq!(db.json("select * from copy", &[]).await, "[{\"id\":1,\"n\":\"x\"}]");
}

#[tokio::test]
async fn a_type_changes_by_what_runs_once() {
    let db = with_schema(
        "create table t (a timestamp, b timestamptz, c timestamptz, d text, e double precision, f text[], g text, h text);
         insert into t values ('2024-01-01 10:00', '2024-01-01 10:00+00', '2024-01-02 00:00+00', '2024-01-01', 0, '{x,y}', 'z', null);",
    )
    .await;
    define(
        &db,
        "alter table t alter a type timestamptz, alter b type timestamp, alter c type date;
         alter table t alter d type timestamptz using d::timestamptz, alter e type timestamptz using to_timestamp(e),
           alter f type text using array_to_string(f, '-'), alter g type uuid using gen_random_uuid(),
           alter h type timestamptz using now();",
    )
    .await;
    assert_eq!(
        db.json("select a, b, c, d, e, f, g is not null as g, h <= now() as h from t", &[]).await,
        "[{\"a\":\"2024-01-01T10:00:00+00:00\",\"b\":\"2024-01-01T10:00:00\",\"c\":\"2024-01-02\",\
         \"d\":\"2024-01-01T00:00:00+00:00\",\"e\":\"1970-01-01T00:00:00+00:00\",\"f\":\"x-y\",\"g\":true,\"h\":true}]"
    );
}

#[tokio::test]
async fn quoted_names_of_types_are_the_types() {
    let db = with_schema(
        "create schema app; create sequence app.s;
         create table app.t (
           \"id\" bigint default \"nextval\"('\"app\".\"s\"'::\"regclass\") not null,
           \"a\" \"text\" default 'x'::\"text\", \"b\" \"int4\" default ('1'::\"text\")::\"int4\",
           \"c\" \"timestamptz\" default \"now\"(), \"d\" \"pg_catalog\".\"int8\" default '2'::\"pg_catalog\".\"int8\",
           \"e\" \"text\"[] default '{}'::\"text\"[], \"f\" \"jsonb\" default '{}'::\"jsonb\", \"g\" \"bool\" default true,
           \"h\" \"uuid\" default \"gen_random_uuid\"(), \"i\" \"date\" default '2024-01-01'::\"date\",
           \"j\" \"timestamp\"(0), \"k\" \"time\"(0), \"l\" \"varchar\"(3) default 'abc'::\"varchar\", \"m\" \"numeric\"(4, 1),
           \"n\" \"interval\" default '1 day'::\"interval\", \"o\" \"bytea\", \"p\" \"float8\", \"q\" \"int2\", \"r\" \"bpchar\",
           constraint \"a_short\" check ((\"char_length\"(\"a\") < 5))
         );",
    )
    .await;
    db.run("insert into app.t (j) values ('2024-01-01 10:00:00.7')", &[]).await.expect("inserts");
    assert_eq!(
        db.json("select id, a, b, d, e, f, g, i, j, l, n from app.t", &[]).await,
        "[{\"id\":1,\"a\":\"x\",\"b\":1,\"d\":2,\"e\":[],\"f\":{},\"g\":true,\"i\":\"2024-01-01\",\
         \"j\":\"2024-01-01T10:00:01\",\"l\":\"abc\",\"n\":\"1 day\"}]"
    );
    assert_eq!(db.json("select 't'::\"pg_catalog\".\"regclass\" as r", &[]).await, "[{\"r\":\"t\"}]");
}

#[tokio::test]
async fn long_names_are_cut_wherever_they_stand() {
    let long = "n".repeat(70);
    let umlauts = format!("x{}", "ü".repeat(35));
    let db = with_schema(&format!(
        "create table t_{long} (c_{long} int check (c_{long} > 0), \"{umlauts}\" int);
         create view v_{long} as select c_{long} from t_{long};
         create index on t_{long} (c_{long});
         insert into t_{long} (c_{long}, \"{umlauts}\") values (1, 2);
         alter table t_{long} alter c_{long} set default 3; create sequence s_{long}; select nextval('s_{long}');"
    ))
    .await;
    let cut = format!("c_{}", "n".repeat(61));
    let expected = format!("[{{\"{cut}\":1,\"x{}\":2}}]", "ü".repeat(31));
    assert_eq!(db.json(&format!("select t.c_{long}, t.\"{umlauts}\" from t_{long} t"), &[]).await, expected);
    assert_eq!(db.json(&format!("select {cut} from v_{long}"), &[]).await, format!("[{{\"{cut}\":1}}]"));
    db.run(&format!("update t_{long} set c_{long} = 4 where c_{long} = 1"), &[]).await.expect("updates");
}

#[tokio::test]
async fn a_labels_new_name_goes_into_every_source() {
    let db = with_schema(
        "create type mood as enum ('sad', 'ok');
         create domain feeling as mood default 'ok' check (value <> 'sad');
         create table t (
           id int primary key, m mood default 'ok' check (m <> 'sad' or id > 1), f feeling, s text default 'ok' check (s <> 'sad'),
           g bool generated always as (m = 'ok') stored, p text
         );
         create table other (s text check (s::mood <> 'sad'));
         create index on t (id) where m = 'ok';
         create view v as select id, case m when 'ok' then 'ok' else 'no' end as word from t where m in ('ok', 'sad');
         create function good(x mood default 'ok') returns bool language sql immutable as $$ select x = 'ok' $$;
         create function known(x mood default 'ok') returns bool language sql immutable return x = 'ok';
         alter table t enable row level security; create policy p on t using (m = 'ok'); grant select on t to anon;
         insert into t (id) values (1);
         alter type mood rename value 'ok' to 'fine'; alter type mood rename value 'sad' to 'blue';",
    )
    .await;
    db.run("insert into t (id) values (2)", &[]).await.expect("inserts");
    assert_eq!(
        db.json("select id, m, f, s, g from t", &[]).await,
        "[{\"id\":1,\"m\":\"fine\",\"f\":\"fine\",\"s\":\"ok\",\"g\":true},\
         {\"id\":2,\"m\":\"fine\",\"f\":\"fine\",\"s\":\"ok\",\"g\":true}]"
    );
    assert_eq!(db.json("select word, known() as g from v where id = 1", &[]).await, "[{\"word\":\"ok\",\"g\":true}]");
    // A body that is a text is read when it runs.
    assert_eq!(db.error("select good()", &[]).await.code(), "22P02");
    for (write, code) in [
        ("insert into t (id, m) values (0, 'blue')", "23514"),
        ("insert into t (id, f) values (3, 'blue')", "23514"),
        ("insert into t (id, s) values (3, 'sad')", "23514"),
        ("insert into other values ('blue')", "23514"),
        ("insert into t (id, m) values (3, 'ok')", "22P02"),
    ] {
        assert_eq!(db.error(write, &[]).await.code(), code, "{write}");
    }
    define(&db, "create table a (ms mood[] default '{fine,blue}'); alter type mood rename value 'fine' to 'well'")
        .await;
    db.run("insert into a default values", &[]).await.expect("inserts");
    assert_eq!(db.json("select ms from a", &[]).await, "[{\"ms\":[\"well\",\"blue\"]}]");
}
