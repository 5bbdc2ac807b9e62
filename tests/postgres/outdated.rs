//! Tables that somebody else changes: a request that was planned over what was there is planned again, and no caller sees it.

use basalt_db::{Database, PostgresOptions};
use basalt_server::config::Pooler;
use basalt_tests::Server;
use basalt_tests::postgres::Cluster;
use reqwest::Method;
use serde_json::{Value, json};

const SCHEMA: &str = "
    create table notes (id integer primary key, body text, stars integer);
    create table lines (id integer primary key, note integer);
    alter table notes enable row level security;
    create policy everyone on notes using (true) with check (true);
    insert into notes values (1, 'one', 3);
    create function half(of_what integer) returns integer language sql immutable as $$ select of_what / 2 $$;";

/// Whether anybody tells of changes (`notify`), or nobody does: behind a pooler.
const WAYS: [bool; 2] = [true, false];

async fn start(cluster: &Cluster, is_told: bool) -> Server {
    Server::start_on(cluster, SCHEMA, |config| {
        if !is_told {
            config.database.pooler = Pooler::Transaction;
        }
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_changed_a_moment_ago_is_served_as_it_is_now() {
    for is_told in WAYS {
        let cluster = Cluster::start();
        let server = start(&cluster, is_told).await;
        let session = cluster.connect_to(server.database_name()).await;
        server.get("/notes").expect(200, json!([{"id": 1, "body": "one", "stars": 3}])).await;
        // Prepared on each of its ways.
        server.get("/notes?select=stars").expect(200, json!([{"stars": 3}])).await;

        session.script("alter table notes drop column body").await;
        server.get("/notes").expect(200, json!([{"id": 1, "stars": 3}])).await;

        session.script("alter table notes alter stars type text").await;
        server.post("/notes", &json!({"id": 2, "stars": "four"})).service().expect(201, Value::Null).await;

        session.script("alter table notes rename column stars to marks").await;
        let answer = server.get("/notes?id=eq.2").prefer("count=exact").send().await;
        assert_eq!((answer.status, answer.json()), (200, json!([{"id": 2, "marks": "four"}])));
        let head = server.ask(Method::HEAD, "/notes").send().await;
        assert_eq!(head.status, 200);

        session.script("drop table lines").await;
        server.get("/lines").service().expect_error(404, "PGRST205").await;

        server.post("/rpc/half", &json!({"of_what": 8})).service().expect(200, json!(4)).await;
        session.script("drop function half(integer)").await;
        server.post("/rpc/half", &json!({"of_what": 8})).service().expect_error(404, "PGRST202").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_is_planned_again_as_a_whole() {
    for is_told in WAYS {
        let cluster = Cluster::start();
        let server = start(&cluster, is_told).await;
        let session = cluster.connect_to(server.database_name()).await;
        server.get("/notes").expect(200, json!([{"id": 1, "body": "one", "stars": 3}])).await;
        session.script("alter table notes drop column body").await;
        let batch = json!([
            {"method": "POST", "path": "/lines", "body": {"id": 1, "note": 1}},
            {"method": "GET", "path": "/notes"},
        ]);
        let answer = server.raw(Method::POST, "/batch/v1").service().json(&batch).send().await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        assert_eq!(answer.json()[1]["body"], json!([{"id": 1, "stars": 3}]));
        server.get("/lines").service().expect(200, json!([{"id": 1, "note": 1}])).await;
    }
}

/// A caller's own mistake is the caller's to hear of, and nothing is read for it.
#[tokio::test(flavor = "multi_thread")]
async fn what_never_was_has_nothing_read() {
    let cluster = Cluster::start();
    let session = cluster.create("app").await;
    session.script(SCHEMA).await;
    let url = Some(format!("{} dbname=app", cluster.url()));
    let options = PostgresOptions { url, transaction_pooler: true, ..PostgresOptions::default() };
    let database = Database::connect(options).await.expect("connects");
    let (version, loads) = (database.catalog_version(), || database.postgres().expect("PostgreSQL").loads().succeeded);
    let before = loads();
    for code in ["42703", "42883", "42704", "42P01", "23505"] {
        assert!(!database.is_outdated(version, code).await, "{code}");
    }
    // Statistics are no change, nor is what functions make for themselves.
    session.script("analyze; create temp table mine (id integer)").await;
    assert!(!database.is_outdated(version, "42703").await);
    assert_eq!(loads(), before);
    session.script("alter table notes drop column body").await;
    assert!(!database.is_outdated(version, "23505").await);
    assert!(database.is_outdated(version, "42703").await);
    assert_eq!(loads(), before + 1);
}
