//! A private PostgreSQL in the data folder: made, stopped, and recovered after a crash.

use std::os::unix::fs::PermissionsExt;

use basalt_core::Identity;
use basalt_db::{Database, PostgresOptions, Request};
use tempfile::TempDir;

/// A folder that PostgreSQL's user may pass.
fn folder() -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o711)).expect("permissions");
    folder
}

async fn open(folder: &TempDir) -> Database {
    let options = PostgresOptions { data_dir: folder.path().join("data"), ..PostgresOptions::default() };
    Database::connect(options).await.expect("PostgreSQL runs")
}

async fn ask(database: &Database, sql: &str) -> String {
    let answer = database.run(Request::new(Identity::owner(), sql, Vec::new())).await.expect(sql);
    String::from_utf8(answer.body.to_vec()).expect("text")
}

#[tokio::test(flavor = "multi_thread")]
async fn it_keeps_its_rows_through_stops_and_crashes() {
    let folder = folder();
    let database = open(&folder).await;
    database.run_script("create table t (id integer); insert into t values (1);", |_| ()).await.expect("runs");
    let options = PostgresOptions { data_dir: folder.path().join("data"), ..PostgresOptions::default() };
    let second = Database::connect(options).await.err().expect("the folder is in use");
    assert_eq!(second.code(), "55006");
    database.close().await;

    let pid_file = folder.path().join("data/postgres/data/postmaster.pid");
    assert!(!pid_file.exists(), "it was stopped");
    let database = open(&folder).await;
    ask(&database, "insert into t values (2) returning id").await;
    // The server is gone without a word, its lock file left behind.
    let pid = std::fs::read_to_string(&pid_file).expect("a lock file");
    let killed = std::process::Command::new("kill").args(["-9", pid.lines().next().expect("a process")]).status();
    assert!(killed.expect("kill runs").success());
    database.close().await;

    let database = open(&folder).await;
    assert_eq!(ask(&database, "select id from t order by id").await, "[{\"id\":1}, \n {\"id\":2}]");
    database.reset().await.expect("empties");
    assert!(!database.catalog().relations.keys().any(|name| name.name == "t"));
    database.close().await;
}
