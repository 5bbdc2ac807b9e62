//! The change log where others write too: psql, transactions that overlap, tables that somebody else publishes.

use std::time::Duration;

use basalt_db::changes::Batch;
use basalt_tests::Server;
use basalt_tests::postgres::Cluster;
use basalt_tests::waiting::{comes_to, until};
use serde_json::{Value, json};

const SCHEMA: &str = "
    create table t (id bigint primary key, note text);
    create table other (id bigint primary key);
    alter publication supabase_realtime add table t;";

fn ids(batch: &Batch) -> Vec<i64> {
    let id = |change: &std::sync::Arc<basalt_core::Change>| {
        let row: Value = serde_json::from_str(change.judged().expect("a row").get()).expect("JSON");
        row["id"].as_i64().expect("an id")
    };
    batch.changes.iter().map(id).collect()
}

/// Waits until the tables are watched.
async fn until_watched(server: &Server, tables: &[&str]) {
    let wanted: Vec<String> = tables.iter().map(|table| (*table).to_owned()).collect();
    comes_to("tables that are watched", wanted, async || {
        let all = server.database.changes().watched().into_keys();
        all.filter(|name| name.schema == "public").map(|name| name.name).collect()
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_from_outside_are_told() {
    let cluster = Cluster::start();
    let server = Server::start_on(&cluster, SCHEMA, |_| ()).await;
    let psql = cluster.connect_to(server.database_name()).await;
    let mut live = server.database.changes().subscribe().await.unwrap();
    psql.script("set timezone = 'Asia/Tokyo'; insert into t values (1, 'a'); update t set note = 'b'").await;
    psql.script("begin; delete from t; rollback").await;
    let mut seen = Vec::new();
    while seen.len() < 2 {
        let next = tokio::time::timeout(Duration::from_secs(20), live.next());
        seen.extend(next.await.expect("in time").expect("open").changes);
    }
    let told: Vec<String> = seen.iter().map(|change| format!("{} {}", change.operation, change.role)).collect();
    assert_eq!(told, ["INSERT postgres", "UPDATE postgres"]);

    // Somebody else publishes a table, and takes another away.
    psql.script(
        "alter publication supabase_realtime add table other; alter publication supabase_realtime drop table t;",
    )
    .await;
    until_watched(&server, &["other"]).await;
    let mut after = seen[1].id;
    until("a change of the other table that is told", async || {
        // The triggers follow the catalog.
        psql.script("insert into other select coalesce(max(id), 0) + 1 from other; insert into t select coalesce(max(id), 0) + 1 from t;").await;
        let batch = server.database.changes().read(after, 100).await.unwrap();
        after = batch.last().max(after);
        batch.changes.iter().any(|change| change.table.name == "other")
    })
    .await;
    psql.script("insert into other values (1000); insert into t values (1000)").await;
    let batch = server.database.changes().read(after, 100).await.unwrap();
    let tables: Vec<&str> = batch.changes.iter().map(|change| change.table.name.as_str()).collect();
    assert_eq!(tables, ["other"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_entry_that_appears_late_is_not_passed_over() {
    let cluster = Cluster::start();
    let server = Server::start_on(&cluster, SCHEMA, |_| ()).await;
    let changes = server.database.changes();
    let cursor = changes.cursor("reader").await.unwrap();
    let slow = cluster.connect_to(server.database_name()).await;
    let idle = cluster.connect_to(server.database_name()).await;
    // A transaction that writes elsewhere holds nothing back.
    idle.script("begin; insert into other values (1)").await;
    slow.script("begin; insert into t values (1, 'late')").await;
    server.post("/t", &json!({"id": 2})).service().expect(201, json!(null)).await;
    assert_eq!(ids(&cursor.read(10).await.unwrap()), [0; 0], "2 stands behind what may still come");
    slow.script(
        "insert into t values (3, 'later'); savepoint a; insert into t values (4, 'undone'); rollback to a; commit",
    )
    .await;
    assert_eq!(ids(&cursor.read(10).await.unwrap()), [1, 2, 3]);
    idle.script("rollback").await;

    // Many at once, some slow, some undone: a reader that runs along is told of each once, in the order of each row's changes.
    let writers: Vec<_> = (0..8_i64).map(|writer| {
        let url = cluster.url();
        let name = server.database_name().to_owned();
        tokio::spawn(async move {
            let (client, connection) = tokio_postgres::connect(&format!("{url} dbname={name}"), tokio_postgres::NoTls).await.unwrap();
            tokio::spawn(connection);
            for n in 0..60 {
                let id = 1000 + writer * 1000 + n;
                let end = if n % 7 == 0 { "rollback" } else { "commit" };
                let nap = if n % 5 == 0 { "select pg_sleep(0.02);" } else { "" };
                let sql = format!("begin; insert into t values ({id}, 'w'); {nap} update t set note = coalesce(note, '') || '{writer}' where id = 2; {end}");
                client.batch_execute(&sql).await.unwrap();
            }
        })
    }).collect();
    let all_done = futures(writers);
    tokio::pin!(all_done);
    let (mut position, mut told, mut done) = (cursor.position().await.unwrap(), Vec::new(), false);
    loop {
        let batch = changes.read(position, 50).await.unwrap();
        assert!(batch.changes.iter().all(|change| change.id > position));
        position = batch.last().max(position);
        told.extend(batch.changes.iter().cloned());
        if batch.is_empty() && done {
            break;
        }
        tokio::select! {
            () = &mut all_done, if !done => done = true,
            () = tokio::time::sleep(Duration::from_millis(3)) => {}
        }
    }
    let inserted = told.iter().filter(|change| change.operation == basalt_core::Operation::Insert && change.id > 0);
    let mut inserted: Vec<i64> = inserted
        .map(|change| {
            let row: Value = serde_json::from_str(change.new.as_ref().unwrap().get()).unwrap();
            row["id"].as_i64().unwrap()
        })
        .filter(|id| *id >= 1000)
        .collect();
    inserted.sort_unstable();
    let mut expected: Vec<i64> =
        (0..8).flat_map(|w| (0..60).filter(|n| n % 7 != 0).map(move |n| 1000 + w * 1000 + n)).collect();
    expected.sort_unstable();
    assert_eq!(inserted, expected);
    // Each update of row 2 begins where the one before it ended.
    let updates: Vec<(String, String)> = told
        .iter()
        .filter(|change| change.operation == basalt_core::Operation::Update)
        .map(|change| {
            let note = |row: &Option<Box<serde_json::value::RawValue>>| {
                let row: Value = serde_json::from_str(row.as_ref().unwrap().get()).unwrap();
                row["note"].as_str().unwrap_or_default().to_owned()
            };
            (note(&change.old), note(&change.new))
        })
        .collect();
    assert!(updates.windows(2).all(|pair| pair[0].1 == pair[1].0), "the changes of a row keep their order");
}

async fn futures(tasks: Vec<tokio::task::JoinHandle<()>>) {
    for task in tasks {
        task.await.expect("no panic");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_that_is_no_superuser_can_have_its_tables_watched() {
    let cluster = Cluster::start();
    let admin = cluster.connect().await;
    admin.script("create role keeper login createrole").await;
    admin.script("create database mine owner keeper").await;
    let own = cluster.connect_to("mine").await;
    own.script("create role anon nologin noinherit; create role authenticated nologin noinherit; create role service_role nologin noinherit bypassrls; \
        create role authenticator login noinherit; grant anon, authenticated, service_role to authenticator, keeper; alter schema public owner to keeper").await;
    let url = cluster.url().replace("user=postgres", "user=keeper");
    let options = basalt_db::PostgresOptions { url: Some(format!("{url} dbname=mine")), ..Default::default() };
    let database = basalt_db::Database::connect(options).await.expect("a database");
    database.run_script(SCHEMA, |_| ()).await.expect("a schema");
    let end = database.changes().end().await.unwrap();
    database.run_script("insert into t values (1, 'x');", |_| ()).await.expect("a row");
    let batch = database.changes().read(end, 10).await.unwrap();
    assert_eq!(ids(&batch), [1]);
    assert_eq!(batch.changes[0].role, "keeper");
    database.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn partitions_are_told_under_their_table_s_name() {
    let cluster = Cluster::start();
    let server = Server::start_on(
        &cluster,
        "create table p (id bigint, note text) partition by range (id);
        create table p_low partition of p for values from (0) to (100);
        alter publication supabase_realtime add table p;",
        |_| (),
    )
    .await;
    let end = server.database.changes().end().await.unwrap();
    server.script("create table p_high partition of p for values from (100) to (200); insert into p values (1), (150); truncate p;").await;
    let told = |batch: Batch| {
        batch.changes.iter().map(|change| format!("{} {}", change.operation, change.table.name)).collect::<Vec<_>>()
    };
    assert_eq!(told(server.database.changes().read(end, 10).await.unwrap()), ["INSERT p", "INSERT p", "TRUNCATE p"]);
    server.script("alter table p rename to q;").await;
    let end = server.database.changes().end().await.unwrap();
    server.script("insert into q values (2);").await;
    assert_eq!(told(server.database.changes().read(end, 10).await.unwrap()), ["INSERT q"]);
}

/// Data that is loaded with triggers turned off (`session_replication_role`, as dumps do it) fires none, the log's as little as others, unless its
/// owner has it fire always.
#[tokio::test(flavor = "multi_thread")]
async fn rows_of_a_session_without_triggers_are_logged_where_the_owner_says_so() {
    let cluster = Cluster::start();
    let server = Server::start_on(&cluster, SCHEMA, |_| ()).await;
    let psql = cluster.connect_to(server.database_name()).await;
    let end = server.database.changes().end().await.unwrap();
    let load = |id: i64| {
        format!(
            "set session_replication_role = replica; insert into t values ({id}, 'loaded'); reset session_replication_role"
        )
    };
    psql.script(&load(1)).await;
    psql.script("alter table t enable always trigger _basalt_log").await;
    psql.script(&load(2)).await;
    // The catalog is read again, and the trigger stays as it is.
    server.database.postgres().expect("PostgreSQL").reload().await.unwrap();
    psql.script(&load(3)).await;
    assert_eq!(ids(&server.database.changes().read(end, 10).await.unwrap()), [2, 3]);
}
