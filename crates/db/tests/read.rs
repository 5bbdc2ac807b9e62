//! What reading gives: forms of bodies, settings, limits.

mod support;

use std::time::{Duration, Instant};

use basalt_core::Identity;
use basalt_db::{Count, CountKind, Explain, Format, Options, Request};
use support::{options, request, request_as, text, with_options, with_schema};

const SCHEMA: &str = "
create table t (id int primary key, name text, price numeric(8,2), data jsonb, raw bytea, at timestamptz);
insert into t values
  (1, 'a \"b\"', 1.50, '{\"x\": 1, \"y\": null}', '\\x0102', '2024-01-31 10:00:00+00'),
  (2, null, null, null, null, null);
";

#[tokio::test]
async fn rows_come_in_every_form() {
    let db = with_schema(SCHEMA).await;
    let sql = "select id, name, price from t order by id";
    let body = |format| {
        let request = request_as(format, sql);
        let database = db.database.clone();
        async move { text(&database.run(request).await.expect("runs")) }
    };
    assert_eq!(
        body(Format::Json).await,
        "[{\"id\":1,\"name\":\"a \\\"b\\\"\",\"price\":1.50}, \n {\"id\":2,\"name\":null,\"price\":null}]"
    );
    assert_eq!(body(Format::JsonStripped).await, "[{\"id\":1,\"name\":\"a \\\"b\\\"\",\"price\":1.50},{\"id\":2}]");
    assert_eq!(body(Format::Object).await, "{\"id\":1,\"name\":\"a \\\"b\\\"\",\"price\":1.50}");
    assert_eq!(body(Format::Scalar).await, "1");
    assert_eq!(body(Format::Scalars).await, "[1, 2]");
    assert_eq!(body(Format::Csv).await, "id,name,price\n1,\"a \"\"b\"\"\",1.50\n2,,");
    assert_eq!(body(Format::Raw).await, "1");
    assert_eq!(body(Format::None).await, "");
}

#[tokio::test]
async fn no_rows_have_a_body_too() {
    let db = with_schema(SCHEMA).await;
    let sql = "select id from t where id = 9";
    for (format, body) in [
        (Format::Json, "[]"),
        (Format::Object, "null"),
        (Format::Scalar, "null"),
        (Format::Scalars, "[]"),
        (Format::Csv, "\n"),
        (Format::Raw, ""),
    ] {
        let answer = db.database.run(request_as(format, sql)).await.expect("runs");
        assert_eq!((text(&answer).as_str(), answer.rows), (body, 0), "{format:?}");
    }
}

#[tokio::test]
async fn raw_bytes_are_themselves() {
    let db = with_schema(SCHEMA).await;
    let answer = db.database.run(request_as(Format::Raw, "select raw from t where id = 1")).await.expect("runs");
    assert_eq!(&answer.body[..], [1, 2]);
}

#[tokio::test]
async fn hidden_columns_are_told_apart() {
    let db = with_schema(SCHEMA).await;
    let answer = db.run("select id, id + 1 as \"basalt:key:id\" from t order by id", &[]).await.expect("runs");
    assert_eq!(text(&answer), "[{\"id\":1}, \n {\"id\":2}]");
    assert_eq!(answer.first_row, [("basalt:key:id".to_owned(), Some("2".to_owned()))]);
    let all = db.database.run(request_as(Format::None, "select id, name from t where id = 2")).await.expect("runs");
    assert_eq!(all.first_row, [("id".to_owned(), Some("2".to_owned())), ("name".to_owned(), None)]);
}

#[tokio::test]
async fn parameters_take_the_types_of_their_places() {
    let db = with_schema(SCHEMA).await;
    assert_eq!(db.json("select id from t where id = $1 and price > $2", &["1", "1.4"]).await, "[{\"id\":1}]");
    let error = db.error("select id from t where id = $1", &["abc"]).await;
    assert_eq!((error.code(), error.message()), ("22P02", "invalid input syntax for type integer: \"abc\""));
    assert_eq!(db.error("select id from t where id = $1", &[]).await.code(), "08P01");
}

#[tokio::test]
async fn a_count_is_of_the_same_snapshot() {
    let db = with_schema(SCHEMA).await;
    let request = Request {
        count: Some(Count { sql: "select count(*) from t".into(), params: 0, kind: CountKind::Exact }),
        ..request("select id from t limit 1", &[])
    };
    let answer = db.database.run(request).await.expect("runs");
    assert_eq!((answer.rows, answer.total), (1, Some(2)));
}

#[tokio::test]
async fn the_time_zone_is_the_requests() {
    let db = with_schema(SCHEMA).await;
    let zoned = |zone: &str| Request {
        settings: vec![("timezone".to_owned(), zone.to_owned())],
        ..request("select at from t where id = 1", &[])
    };
    let answer = db.database.run(zoned("Europe/Rome")).await.expect("runs");
    assert_eq!(text(&answer), "[{\"at\":\"2024-01-31T11:00:00+01:00\"}]");
    assert_eq!(db.json("select at from t where id = 1", &[]).await, "[{\"at\":\"2024-01-31T10:00:00+00:00\"}]");
    let error = db.database.run(zoned("Mars/Base")).await.expect_err("no such zone");
    assert_eq!((error.code(), error.message()), ("22023", "invalid value for parameter \"TimeZone\": \"Mars/Base\""));
    for zone in ["+nan", "+inf", "-1000"] {
        let error = db.database.run(zoned(zone)).await.expect_err(zone);
        assert_eq!((error.code(), error.detail()), ("22023", Some("UTC timezone offset is out of range.")), "{zone}");
    }
}

#[tokio::test]
async fn settings_are_the_requests_own() {
    let db = with_schema(SCHEMA).await;
    let sql = "select current_setting('request.path', true) as path";
    let with = Request { settings: vec![("request.path".to_owned(), "/t".to_owned())], ..request(sql, &[]) };
    assert_eq!(text(&db.database.run(with).await.expect("runs")), "[{\"path\":\"/t\"}]");
    assert_eq!(db.json(sql, &[]).await, "[{\"path\":null}]");
}

#[tokio::test]
async fn a_slow_statement_is_cancelled() {
    let db = with_options(SCHEMA, |options| Options { statement_timeout: Duration::from_millis(100), ..options }).await;
    let started = Instant::now();
    let endless = "with recursive n as (select 1 as i union all select i + 1 from n) select count(*) from n";
    let error = db.error(endless, &[]).await;
    assert_eq!((error.code(), error.message()), ("57014", "canceling statement due to statement timeout"));
    assert!(started.elapsed() < Duration::from_secs(3));
    assert_eq!(db.json("select 1 as one", &[]).await, "[{\"one\":1}]");
}

#[tokio::test]
async fn an_abandoned_statement_is_interrupted() {
    let db =
        with_options(SCHEMA, |options| Options { statement_timeout: Duration::from_secs(60), readers: 1, ..options })
            .await;
    let endless = "with recursive n as (select 1 as i union all select i + 1 from n) select count(*) from n";
    let abandoned = tokio::time::timeout(Duration::from_millis(50), db.run(endless, &[])).await;
    assert!(abandoned.is_err());
    let next = tokio::time::timeout(Duration::from_secs(5), db.run("select 1 as one", &[])).await;
    assert!(next.expect("the only reader is free again").is_ok());
}

#[tokio::test]
async fn a_quick_answer_does_not_wait_for_a_slow_statement_behind_it() {
    let db =
        with_options(SCHEMA, |options| Options { statement_timeout: Duration::from_secs(60), readers: 1, ..options })
            .await;
    let endless = "with recursive n as (select 1 as i union all select i + 1 from n) select count(*) from n";
    let spawn = |sql: &'static str| {
        let database = db.database.clone();
        tokio::spawn(async move { database.run(request(sql, &[])).await })
    };
    let queued = async |count| {
        while db.database.embedded().expect("the embedded engine").queued().0 != count {
            tokio::task::yield_now().await;
        }
    };
    // Known to the reader: to compile a statement would send the answers before it, too.
    db.run("select 1 as one", &[]).await.expect("runs");
    let occupying = spawn(endless);
    tokio::time::sleep(Duration::from_millis(100)).await;
    queued(0).await;
    let quick = spawn("select 1 as one");
    queued(1).await;
    let slow = spawn(endless);
    queued(2).await;
    // The reader takes both at once.
    occupying.abort();
    assert_eq!(text(&quick.await.expect("no panic").expect("runs")), "[{\"one\":1}]");
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert!(!slow.is_finished());
    slow.abort();
}

#[tokio::test]
async fn a_result_may_not_grow_without_bound() {
    let db = with_options(SCHEMA, |options| Options { max_body: 100, ..options }).await;
    let error = db.error("select name, name as a, name as b, name as c, name as d, name as e, name as f, name as g, name as h from t", &[]).await;
    assert_eq!(error.code(), "54000");
}

#[tokio::test]
async fn reading_does_not_write() {
    let db = with_schema("create table t (id int primary key); create sequence s;").await;
    for (sql, message) in [
        ("insert into t values (1)", "cannot execute INSERT in a read-only transaction"),
        ("update t set id = 2", "cannot execute UPDATE in a read-only transaction"),
        ("delete from t", "cannot execute DELETE in a read-only transaction"),
        ("select nextval('s')", "cannot execute nextval() in a read-only transaction"),
    ] {
        // Once compiled by the reader, once from the cache.
        for _ in 0..2 {
            let request = Request { read_only: true, ..request(sql, &[]) };
            let error = db.database.run(request).await.expect_err(sql);
            assert_eq!((error.code(), error.message()), ("25006", message));
        }
    }
}

#[tokio::test]
async fn a_second_process_is_kept_out() {
    let db = with_schema(SCHEMA).await;
    let error = basalt_db::Database::open(options(&db.folder)).err().expect("locked");
    assert_eq!(error.code(), "55006");
    assert!(error.message().contains(&format!("process {}", std::process::id())), "{error}");
}

#[tokio::test]
async fn what_is_written_is_there_after_reopening() {
    let db = with_schema(SCHEMA).await;
    let (database, folder) = (db.database, db.folder);
    drop(database);
    let again = support::Fixture { database: basalt_db::Database::open(options(&folder)).expect("opens"), folder };
    assert_eq!(again.json("select count(*) from t", &[]).await, "[{\"count\":2}]");
    assert!(again.database.catalog().relation("public", "t").is_some());
}

#[tokio::test]
async fn plans_are_told() {
    let db = with_schema(SCHEMA).await;
    let format = |json| Format::Plan(Explain { json, analyze: true, ..Explain::default() });
    let plan = text(&db.database.run(request_as(format(false), "select * from t where id = 1")).await.expect("runs"));
    assert!(plan.starts_with("SEARCH") && plan.contains("Execution Time"), "{plan}");
    let plan = text(&db.database.run(request_as(format(true), "select * from t")).await.expect("runs"));
    assert!(plan.starts_with("[{\"Plan\""), "{plan}");
}

#[tokio::test]
async fn policies_hide_rows() {
    let db = with_schema(
        "create table notes (id int primary key, owner uuid);
         alter table notes enable row level security;
         create policy own on notes for select using (owner = auth.uid());
         grant select on notes to authenticated;
         insert into notes values (1, '00000000-0000-0000-0000-000000000001'), (2, '00000000-0000-0000-0000-000000000002');",
    )
    .await;
    let claims = serde_json::json!({ "role": "authenticated", "sub": "00000000-0000-0000-0000-000000000002" });
    let claims = basalt_core::Claims::new(claims.as_object().expect("an object"));
    let identity = Identity { role: "authenticated".into(), claims: claims.into() };
    let answer = db.database.run(Request::new(identity, "select id from notes", Vec::new())).await.expect("runs");
    assert_eq!(text(&answer), "[{\"id\":2}]");
    let answer = db.database.run(Request::new(Identity::role("authenticated"), "select id from notes", Vec::new()));
    assert_eq!(text(&answer.await.expect("runs")), "[]");
}

#[tokio::test]
async fn roles_must_exist_and_may_have_limits() {
    let db = with_schema("create role hasty; alter role hasty set statement_timeout = '50ms';").await;
    let run = |role: &str, sql: &str| db.database.run(Request::new(Identity::role(role), sql, Vec::new()));
    let error = run("nobody", "select 1").await.expect_err("unknown");
    assert_eq!((error.code(), error.message()), ("22023", "role \"nobody\" does not exist"));
    let endless = "with recursive n as (select 1 as i union all select i + 1 from n) select count(*) from n";
    let started = Instant::now();
    assert_eq!(run("hasty", endless).await.expect_err("cancelled").code(), "57014");
    assert!(started.elapsed() < Duration::from_secs(3));
}

/// No statement's time limit reaches into one function: what it gives is bounded instead. Here nothing but that bound ends it.
#[tokio::test]
async fn a_value_that_would_be_huge_is_refused() {
    let db = with_options(SCHEMA, |options| Options { statement_timeout: Duration::ZERO, ..options }).await;
    for sql in [
        "select length(format('%300000000s', 'x'))",
        "select length(regexp_replace(repeat('a', 3000000), 'a', 'b', 'g'))",
        "select length(regexp_replace(repeat('a', 100000), 'a', repeat('b', 10000), 'g'))",
        "select cardinality(array_fill(1, array[6000000]) || array_fill(1, array[6000000]))",
    ] {
        assert_eq!(db.run(sql, &[]).await.expect_err(sql).code(), "54000", "{sql}");
    }
}
