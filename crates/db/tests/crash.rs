//! A process killed in the middle of writing loses nothing that it acknowledged.

mod support;

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::Duration;

use basalt_db::{Database, Options};
use support::{Fixture, request};
use tempfile::TempDir;

/// Set for the child: the folder to write into.
const CHILD: &str = "BASALT_TEST_CRASH_FOLDER";

/// Not a test by itself: what the child process does until it is killed.
#[test]
fn child_writes_until_it_is_killed() {
    let Ok(folder) = std::env::var(CHILD) else { return };
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
    runtime.block_on(async move {
        let options = Options { data_dir: folder.into(), readers: 2, ..Options::default() };
        let database = Database::open(options).expect("opens");
        if database.catalog().relation("public", "t").is_none() {
            let schema = "create table t (id bigserial primary key, worker int, n int);";
            database.run_script(schema, |_| {}).await.expect("the schema applies");
        }
        let workers = (0..8).map(|worker: i32| {
            let database = database.clone();
            tokio::spawn(async move {
                for n in 0.. {
                    let params = [worker.to_string(), n.to_string()];
                    let insert =
                        request("insert into t (worker, n) values ($1, $2) returning id", &[&params[0], &params[1]]);
                    let answer = database.run(insert).await.expect("inserts");
                    acknowledge(&support::text(&answer));
                }
            })
        });
        for worker in workers.collect::<Vec<_>>() {
            worker.await.expect("no panic");
        }
    });
}

#[allow(clippy::print_stdout)] // the parent reads it
fn acknowledge(line: &str) {
    println!("ack {line}");
}

#[tokio::test]
async fn nothing_acknowledged_is_lost() {
    let folder = TempDir::new().expect("a folder");
    let mut acknowledged = Vec::new();
    for round in 0..5 {
        let mut child = Command::new(std::env::current_exe().expect("a path"))
            .args(["child_writes_until_it_is_killed", "--exact", "--nocapture", "--test-threads=1"])
            .env(CHILD, folder.path())
            .stdout(Stdio::piped())
            .spawn()
            .expect("starts");
        let output = child.stdout.take().expect("piped");
        let reader = std::thread::spawn(move || {
            let lines = BufReader::new(output).lines().map_while(Result::ok);
            lines.filter_map(|line| line.split_once("ack ").map(|(_, ack)| ack.to_owned())).collect::<Vec<_>>()
        });
        std::thread::sleep(Duration::from_millis(700 + round * 150));
        child.kill().expect("is killed");
        child.wait().expect("ends");
        acknowledged.extend(reader.join().expect("no panic"));
    }
    assert!(acknowledged.len() > 50, "only {} writes were acknowledged", acknowledged.len());
    let mut unique = acknowledged.clone();
    unique.sort();
    unique.dedup();
    assert_eq!(unique.len(), acknowledged.len(), "no value of the sequence was handed out twice");

    let database = Database::open(support::options(&folder)).expect("opens");
    let db = Fixture { database, folder };
    for row in &acknowledged {
        let id: String = row.chars().filter(char::is_ascii_digit).collect();
        assert_eq!(&db.json("select id from t where id = $1", &[&id]).await, row);
    }
    assert_eq!(
        db.json("select count(*) as n from (select id from t group by id having count(*) > 1) d", &[]).await,
        "[{\"n\":0}]"
    );
}
