//! Types that only PostgreSQL has: ranges, networks, domains, extensions', partitioned tables.

use basalt_tests::Server;
use basalt_tests::postgres::Cluster;
use serde_json::json;

const SCHEMA: &str = r#"
create extension if not exists citext schema extensions;
create extension if not exists pg_trgm schema extensions;
create domain email as extensions.citext check (value ~ '@');
create type mood as enum ('sad', 'happy');
create type address as (street text, zip integer);
create table things (
  id integer primary key, span int4range, host inet, mail email, moods mood[], home address, homes address[],
  cost money, shape point, doc xml, at tstzrange, bits bit(3), key bytea);
insert into things values (1, '[1,5)', '10.0.0.1/8', 'Ann@Example.com', '{happy,sad}', '("Main ""1""",123)',
  '{"(a,1)"}', '12.30', '(1,2)', '<a>b</a>', '[2024-01-01 00:00+00,2024-02-01 00:00+00)', b'101', '\x0102');
insert into things (id) values (2);
create table events (id integer, day date, primary key (id, day)) partition by range (day);
create table events_2024 partition of events for values from ('2024-01-01') to ('2025-01-01');
insert into events values (1, '2024-05-05');
create materialized view counted as select count(*) as n from events;
"#;

#[tokio::test(flavor = "multi_thread")]
async fn types_of_postgresql_go_in_and_out() {
    let cluster = Cluster::start();
    let server =
        Server::start_on(&cluster, SCHEMA, |config| config.database.statement_timeout = std::time::Duration::ZERO)
            .await;
    let whole = json!([{"id": 1, "span": "[1,5)", "host": "10.0.0.1/8", "mail": "Ann@Example.com",
        "moods": ["happy", "sad"], "home": {"street": "Main \"1\"", "zip": 123}, "homes": [{"street": "a", "zip": 1}],
        "cost": "$12.30", "shape": "(1,2)", "doc": "<a>b</a>", "at": "[\"2024-01-01 00:00:00+00\",\"2024-02-01 00:00:00+00\")",
        "bits": "101", "key": "\\x0102"}]);
    let read = server.get("/things?id=eq.1").service().send().await;
    let mut found = read.json();
    // The locale decides how money looks.
    found[0]["cost"] = json!("$12.30");
    assert_eq!(found, whole);
    for (filter, ids) in [
        ("span=cs.[3,4)", json!([1])),
        ("span=sl.[6,9)", json!([1])),
        ("span=adj.[5,9)", json!([1])),
        ("span=ov.[4,9)", json!([1])),
        ("span=nxr.[0,9)", json!([1])),
        ("host=eq.10.0.0.1/8", json!([1])),
        ("mail=eq.ann@example.com", json!([1])),
        ("moods=cs.{sad}", json!([1])),
        ("home->>street=eq.Main \"1\"", json!([1])),
        ("home->zip=eq.123", json!([1])),
        ("at=cs.[2024-01-15,2024-01-16)", json!([1])),
        ("span=is.null", json!([2])),
        ("id=in.(1,2)&order=id.desc", json!([2, 1])),
    ] {
        let answer = server.get(&format!("/things?select=id&{filter}")).service().send().await;
        let found: Vec<i64> =
            answer.json().as_array().unwrap_or(&Vec::new()).iter().map(|row| row["id"].as_i64().unwrap()).collect();
        assert_eq!((answer.status, json!(found)), (200, ids), "{filter}: {}", answer.body);
    }
    let new = json!([{"id": 3, "span": "[2,3]", "host": "::1", "mail": "b@c.d", "moods": ["sad"], "home": {"street": "s", "zip": 9}, "homes": [{"street": "t", "zip": 1}], "key": "\\xff"},
        {"id": 4, "span": null, "host": null, "mail": "E@f.g", "moods": [], "home": null, "homes": [], "key": null}]);
    let back = server
        .post("/things?select=id,span,mail,home,homes,moods", &new)
        .service()
        .prefer("return=representation")
        .send()
        .await;
    assert_eq!(
        back.json(),
        json!([
        {"id": 3, "span": "[2,4)", "mail": "b@c.d", "home": {"street": "s", "zip": 9}, "homes": [{"street": "t", "zip": 1}], "moods": ["sad"]},
        {"id": 4, "span": null, "mail": "E@f.g", "home": null, "homes": [], "moods": []}]),
        "{}",
        back.body
    );
    let one = server
        .patch("/things?id=eq.4&select=home,span", &json!({"home": {"street": "u", "zip": 7}, "span": "empty"}))
        .service();
    one.prefer("return=representation")
        .expect(200, json!([{"home": {"street": "u", "zip": 7}, "span": "empty"}]))
        .await;
    server.post("/things", &json!({"id": 5, "mail": "no"})).service().expect_error(400, "23514").await;
    server.post("/things", &json!({"id": 5, "span": "[3,1]"})).service().expect_error(400, "22000").await;
    server.get("/things?host=eq.nonsense").service().expect_error(400, "22P02").await;
}

/// Two composite types with the same fields are told apart; so is a table's row type.
#[tokio::test(flavor = "multi_thread")]
async fn a_column_of_a_composite_type_takes_rows_of_that_type() {
    let cluster = Cluster::start();
    let script = "create type price as (amount numeric, currency text); create type weight as (amount numeric, currency text);
        create domain fee as price check ((value).amount >= 0);
        create table tags (label text, rank integer);
        create table goods (id integer primary key, price price, weight weight, prices price[], fee fee, tag tags, tags tags[]);";
    let server = Server::start_on(&cluster, script, |_| ()).await;
    let row = |id: i32| {
        json!({"id": id, "price": {"amount": 1.50, "currency": "EUR"}, "weight": {"amount": 2, "currency": "kg"},
            "prices": [{"amount": 3, "currency": "a,b"}], "fee": {"amount": 4, "currency": null}, "tag": {"label": "x\"y", "rank": 1}})
    };
    let whole = |id: i32| {
        let mut row = row(id);
        row["tags"] = serde_json::Value::Null;
        row
    };
    let written = |ask: basalt_tests::Ask| ask.service().prefer("return=representation");
    written(server.post("/goods", &json!([row(1), row(2)]))).expect(201, json!([whole(1), whole(2)])).await;
    written(server.post("/goods", &row(3))).expect(201, json!([whole(3)])).await;
    let several = json!([{"id": 4, "tags": [{"label": "a", "rank": 1}]}, {"id": 5, "tags": []}]);
    written(server.post("/goods?select=id,tags", &several)).expect(201, several).await;
    let changed = json!({"tag": {"label": "z", "rank": 2}, "weight": {"amount": 9, "currency": "g"}});
    written(server.patch("/goods?id=eq.1&select=tag,weight", &changed)).expect(200, json!([changed])).await;
    server
        .post("/goods", &json!([{"id": 6, "fee": {"amount": -1}}, {"id": 7, "fee": null}]))
        .service()
        .expect_error(400, "23514")
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn multiranges_go_in_and_out() {
    let cluster = Cluster::start();
    if !cluster.has(14, "a multirange") {
        return;
    }
    let script =
        "create table t (id integer primary key, spans int4multirange); insert into t values (1, '{[1,3),[7,9)}');";
    let server = Server::start_on(&cluster, script, |_| ()).await;
    server.get("/t?spans=cs.{[7,8)}").service().expect(200, json!([{"id": 1, "spans": "{[1,3),[7,9)}"}])).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn partitions_and_stored_views() {
    let cluster = Cluster::start();
    let server = Server::start_on(&cluster, SCHEMA, |_| ()).await;
    server.get("/events").service().expect(200, json!([{"id": 1, "day": "2024-05-05"}])).await;
    server.get("/events_2024").service().expect_error(404, "PGRST205").await;
    server.post("/events", &json!({"id": 2, "day": "2024-06-01"})).service().expect(201, json!(null)).await;
    server.post("/events", &json!({"id": 2, "day": "2030-06-01"})).service().expect_error(400, "23514").await;
    server.get("/counted").service().expect(200, json!([{"n": 1}])).await;
}

/// PostgreSQL gives no system column of a partitioned table back.
#[tokio::test(flavor = "multi_thread")]
async fn partitions_take_upserts() {
    let cluster = Cluster::start();
    let script = "create table part (id integer, k text, note text, primary key (id, k)) partition by list (k);
        create table part_d partition of part default;";
    let server = Server::start_on(&cluster, script, |_| ()).await;
    let upsert = |note: &str| {
        let row = json!({"id": 1, "k": "a", "note": note});
        let ask = server.post("/part", &row).service();
        (ask.prefer("resolution=merge-duplicates,return=representation"), json!([row]))
    };
    // The status tells a new row from one that was there.
    for (note, status) in [("new", 201), ("old", 200)] {
        let (ask, rows) = upsert(note);
        ask.expect(status, rows).await;
    }
    let put = |id: i32| server.put(&format!("/part?id=eq.{id}&k=eq.a"), &json!({"id": id, "k": "a", "note": "put"}));
    put(1).service().expect(204, json!(null)).await;
    put(2).service().prefer("return=representation").expect(201, json!([{"id": 2, "k": "a", "note": "put"}])).await;
    server
        .get("/part?select=id,note&order=id")
        .service()
        .expect(200, json!([{"id": 1, "note": "put"}, {"id": 2, "note": "put"}]))
        .await;
}

/// A table whose rows are elsewhere is served, and takes what its source takes.
#[tokio::test(flavor = "multi_thread")]
async fn foreign_tables() {
    let cluster = Cluster::start();
    let file = cluster.folder().join("prices.csv");
    std::fs::write(&file, "1,1.50\n2,2.25\n").expect("a file");
    let script = format!(
        "create extension file_fdw schema extensions; create server files foreign data wrapper file_fdw;
         create foreign table prices (id integer, cost numeric) server files options (filename '{}', format 'csv');",
        file.display()
    );
    let server = Server::start_on(&cluster, &script, |_| ()).await;
    server.get("/prices?cost=gt.2").service().expect(200, json!([{"id": 2, "cost": 2.25}])).await;
    let counted = server.get("/prices?limit=1").service().prefer("count=exact").send().await;
    assert_eq!((counted.status, counted.header("content-range")), (206, "0-0/2"));
    let methods = server.ask(reqwest::Method::OPTIONS, "/prices").send().await;
    assert_eq!((methods.status, methods.header("allow")), (200, "OPTIONS,GET,HEAD"));
    let refused = server.post("/prices", &json!({"id": 3})).service().send().await;
    assert_eq!(
        (refused.status, &refused.json()["message"]),
        (400, &json!("cannot insert into foreign table \"prices\""))
    );
}
