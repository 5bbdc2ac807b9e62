//! A server killed in the middle of writing: the log has what was acknowledged, nothing that was not written, and readers go on.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use basalt_core::Identity;
use basalt_db::{Database, Format, Request};
use basalt_server::keys::{DEVELOPMENT_SECRET, Keys};
use basalt_server::{Basalt, Config, open_database};
use basalt_tests::POSTGRES;
use tempfile::TempDir;

/// Set for the child: the project's folder, and PostgreSQL's url or nothing.
const FOLDER: &str = "BASALT_TEST_KILLED_FOLDER";
const DATABASE: &str = "BASALT_TEST_KILLED_DATABASE";
const WRITES: i64 = 10_000;
const WRITERS: usize = 16;
const ROUNDS: usize = 3;

async fn open(folder: &std::path::Path, url: &str) -> (Config, Database) {
    let mut config = Config::default();
    config.server.port = 0;
    config.auth.jwt_secret = DEVELOPMENT_SECRET.into();
    config.database.url = url.to_owned();
    // The log is compared with the table in the end.
    config.changes.keep = Duration::from_secs(3600);
    let database = open_database(folder, &config).await.expect("a database");
    (config, database)
}

/// Not a test by itself: the server that is killed. It tells its address, and each entry that its durable reader is given.
#[test]
#[allow(clippy::print_stdout)] // the parent reads it
fn child_serves_until_it_is_killed() {
    let Ok(folder) = std::env::var(FOLDER) else { return };
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
    runtime.block_on(async move {
        let folder = std::path::PathBuf::from(folder);
        let (config, database) = open(&folder, &std::env::var(DATABASE).unwrap_or_default()).await;
        let cursor = database.changes().cursor("reader").await.expect("a cursor");
        let basalt = Basalt::start(&folder, &config, database).await.expect("a server");
        println!("at http://{}", basalt.address());
        loop {
            let batch = cursor.read(100).await.expect("a batch");
            assert_eq!(batch.lost, 0);
            for change in &batch.changes {
                println!("read {} {}", change.id, change.new.as_ref().expect("a row").get());
            }
            match batch.changes.is_empty() {
                true => tokio::time::sleep(Duration::from_millis(5)).await,
                false => cursor.done(&batch).await.expect("a step"),
            }
        }
    });
}

struct Killable(Child);

impl Drop for Killable {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Rows of one column, as numbers.
async fn numbers(database: &Database, sql: &str) -> Vec<i64> {
    let request = Request { format: Format::Scalars, ..Request::new(Identity::owner(), sql, Vec::new()) };
    let body = database.run(request).await.expect("rows").body;
    serde_json::from_slice(&body).expect("numbers")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_loses_no_entry_and_invents_none() {
    let folder = TempDir::new().expect("a folder");
    let url = match std::env::var(POSTGRES) {
        Ok(server) => {
            let (client, connection) =
                tokio_postgres::connect(&format!("{server} dbname=postgres"), tokio_postgres::NoTls)
                    .await
                    .expect("PostgreSQL");
            tokio::spawn(connection);
            let name = format!("k{}", uuid::Uuid::new_v4().simple());
            client.batch_execute(&format!("create database {name} template template0")).await.expect("a database");
            format!("{server} dbname={name}")
        }
        Err(_) => String::new(),
    };
    let (_, database) = open(folder.path(), &url).await;
    let schema = "create table t (id bigint primary key, note text); alter publication supabase_realtime add table t;";
    database.run_script(schema, |_| ()).await.expect("the schema");
    database.close().await;

    let next = Arc::new(AtomicI64::new(1));
    let acknowledged: Arc<Mutex<BTreeSet<i64>>> = Arc::default();
    let mut read: Vec<(u64, i64)> = Vec::new();
    let key = Keys::development().service;
    for round in 0..=ROUNDS {
        let mut child = Command::new(std::env::current_exe().expect("a path"))
            .args(["killed::child_serves_until_it_is_killed", "--exact", "--nocapture", "--test-threads=1"])
            .env(FOLDER, folder.path())
            .env(DATABASE, &url)
            .stdout(Stdio::piped())
            .spawn()
            .map(Killable)
            .expect("starts");
        let (told, lines) = std::sync::mpsc::channel();
        let output = child.0.stdout.take().expect("piped");
        std::thread::spawn(move || {
            BufReader::new(output).lines().map_while(Result::ok).try_for_each(|line| told.send(line)).ok();
        });
        let (lines, address) = tokio::task::spawn_blocking(move || {
            let address = lines.iter().find_map(|line| line.split_once("at ").map(|(_, url)| url.to_owned()));
            (lines, address)
        })
        .await
        .expect("no panic");
        let address = address.expect("a server that listens");
        let until = WRITES * (round as i64 + 1) / (ROUNDS as i64 + 1);
        let writers: Vec<_> = (0..WRITERS)
            .map(|_| {
                let (next, acknowledged, address, key) =
                    (next.clone(), acknowledged.clone(), address.clone(), key.clone());
                tokio::spawn(async move {
                    let client = reqwest::Client::new();
                    loop {
                        let id = next.fetch_add(1, Ordering::SeqCst);
                        let request = client.post(format!("{address}/rest/v1/t")).bearer_auth(&key);
                        let body = format!("{{\"id\":{id},\"note\":\"n\"}}");
                        match request.header("content-type", "application/json").body(body).send().await {
                            Ok(answer) if answer.status() == 201 => acknowledged.lock().unwrap().insert(id),
                            Ok(answer) => panic!("{id}: {}", answer.status()),
                            // The server is gone.
                            Err(_) => return,
                        };
                        if next.load(Ordering::SeqCst) > WRITES {
                            return;
                        }
                    }
                })
            })
            .collect();
        if round < ROUNDS {
            while next.load(Ordering::SeqCst) < until {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            child.0.kill().expect("is killed");
            child.0.wait().expect("ends");
        }
        for writer in writers {
            writer.await.expect("no panic");
        }
        let last = round == ROUNDS;
        let mut quiet = 0;
        // What the reader told; of the last one, until it has come to the end.
        loop {
            match lines.recv_timeout(Duration::from_millis(200)) {
                Ok(line) => {
                    quiet = 0;
                    if let Some((id, row)) = line.split_once("read ").and_then(|(_, rest)| rest.split_once(' ')) {
                        // A line cut by the kill tells nothing.
                        let Ok(row) = serde_json::from_str::<serde_json::Value>(row) else { continue };
                        read.push((id.parse().expect("an id"), row["id"].as_i64().expect("an id")));
                    }
                }
                Err(_) if !last || quiet > 10 => break,
                Err(_) => quiet += 1,
            }
        }
    }
    let (_, database) = open(folder.path(), &url).await;
    let rows = numbers(&database, "select id as value from t order by id").await;
    let entries =
        numbers(&database, "select (new ->> 'id')::bigint as value from basalt.changes where name = 't' order by 1")
            .await;
    assert_eq!(entries, rows, "each write has one entry, and each entry its write");
    let rows: BTreeSet<i64> = rows.into_iter().collect();
    let acknowledged = acknowledged.lock().unwrap().clone();
    assert!(acknowledged.len() as i64 > WRITES / 2, "{} writes were acknowledged", acknowledged.len());
    assert!(acknowledged.is_subset(&rows), "what was acknowledged is there");
    let distinct: BTreeSet<(u64, i64)> = read.iter().copied().collect();
    let told: BTreeSet<i64> = distinct.iter().map(|(_, row)| *row).collect();
    assert_eq!(told, rows, "the durable reader was told of all");
    assert_eq!(distinct.len(), rows.len(), "what it was told twice had one id");
    database.close().await;
}
