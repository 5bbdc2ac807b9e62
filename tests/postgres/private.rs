//! A private PostgreSQL in the data folder: made, stopped, recovered after a crash, and started again when it ends by itself.

use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

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

/// Kills PostgreSQL's first process.
fn kill(pid_file: &Path) -> String {
    let file = std::fs::read_to_string(pid_file).expect("a lock file");
    let process = file.lines().next().expect("a process").to_owned();
    assert!(Command::new("kill").args(["-9", &process]).status().expect("kill runs").success());
    process
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
    kill(&pid_file);
    database.close().await;

    let database = open(&folder).await;
    assert_eq!(ask(&database, "select id from t order by id").await, "[{\"id\":1}, \n {\"id\":2}]");
    database.reset().await.expect("empties");
    assert!(!database.catalog().relations.keys().any(|name| name.name == "t"));
    database.close().await;
}

/// A shell reads what pg_ctl is given.
#[tokio::test(flavor = "multi_thread")]
async fn its_folder_may_have_any_name() {
    let folder = folder();
    for name in ["it's", "$HOME `x` $(y)", "a, \"b\" c", "back\\slash"] {
        let options = PostgresOptions { data_dir: folder.path().join(name), ..PostgresOptions::default() };
        let database = Database::connect(options).await.unwrap_or_else(|error| panic!("{name}: {error:?}"));
        assert_eq!(ask(&database, "select 1 as one").await, "[{\"one\":1}]");
        database.close().await;
        assert!(!folder.path().join(name).join("postgres/data/postmaster.pid").exists(), "{name}: it was stopped");
        assert!(folder.path().join(name).join("postgres/log").metadata().is_ok_and(|log| log.len() > 0), "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_started_again_when_it_ends_by_itself() {
    let folder = folder();
    let database = open(&folder).await;
    database.run_script("create table t (id integer); insert into t values (1);", |_| ()).await.expect("runs");
    let pid_file = folder.path().join("data/postgres/data/postmaster.pid");
    for turn in 1..=2 {
        kill(&pid_file);
        // Whoever asks meanwhile is told at once, and it comes back by itself.
        let mut outages = 0;
        loop {
            let select = Request::new(Identity::owner(), "select count(*) from t", Vec::new());
            match database.run(select).await {
                Ok(_) if outages > 0 => break,
                Ok(_) => {}
                Err(error) => {
                    assert!(["08001", "08006", "57P01", "57P02", "57P03"].contains(&error.code()), "{error}");
                    outages += 1;
                }
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        ask(&database, &format!("insert into t values (1 + {turn}) returning id")).await;
        assert!(database.answers().await);
    }
    database.close().await;
    assert!(!pid_file.exists(), "it was stopped, and stays so");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_was_half_made_is_made_anew() {
    let folder = folder();
    let home = folder.path().join("data/postgres");
    // What is left when everything is killed while `initdb` runs.
    let data = home.join("making-1");
    std::fs::create_dir_all(data.join("base")).expect("a folder");
    std::fs::write(data.join("PG_VERSION"), "15\n").expect("a file");
    let database = open(&folder).await;
    assert_eq!(ask(&database, "select 1 as one").await, "[{\"one\":1}]");
    let left: Vec<_> = std::fs::read_dir(&home).expect("a folder").flatten().map(|entry| entry.file_name()).collect();
    assert!(left.iter().all(|name| !name.to_string_lossy().starts_with("making-")), "{left:?}");
    database.close().await;
}

/// The machine's PostgreSQL was replaced by a later one, which can't read what the earlier one wrote.
#[tokio::test(flavor = "multi_thread")]
async fn one_that_another_version_made_is_named() {
    let folder = folder();
    open(&folder).await.close().await;
    let version = folder.path().join("data/postgres/data/PG_VERSION");
    let made_by = std::fs::read_to_string(&version).expect("a version");
    std::fs::write(&version, "99\n").expect("a file");
    let error = loop {
        let options = PostgresOptions { data_dir: folder.path().join("data"), ..PostgresOptions::default() };
        let error = Database::connect(options).await.err().expect("nothing can run it");
        // Programs that other tests start hold the folder's lock, too, for as long as they are this process's copies.
        if error.code() != "55006" {
            break error;
        }
    };
    assert_eq!(error.code(), "58030");
    assert!(error.message().contains("it was made by PostgreSQL 99, and installed is "), "{error}");
    assert!(error.hint().is_some_and(|hint| hint.contains("postgresql-99")), "{error:?}");
    // Nothing was touched.
    std::fs::write(&version, made_by).expect("a file");
    let database = open(&folder).await;
    assert_eq!(ask(&database, "select 1 as one").await, "[{\"one\":1}]");
    database.close().await;
}

/// PostgreSQL was killed, and the number of its process is somebody else's by now, who may be sent signals by the same user.
#[tokio::test(flavor = "multi_thread")]
async fn the_number_of_a_process_may_be_anothers_by_now() {
    let folder = folder();
    open(&folder).await.close().await;
    let data = folder.path().join("data/postgres/data");
    let owner = std::fs::metadata(&data).expect("a folder");
    let mut other =
        Command::new("sleep").arg("600").uid(owner.uid()).gid(owner.gid()).current_dir("/").spawn().expect("sleeps");
    let note = format!("{}\n{}\n1\n5432\n\n\n", other.id(), data.display());
    let pid_file = data.join("postmaster.pid");
    std::fs::write(&pid_file, note).expect("a file");
    std::os::unix::fs::chown(&pid_file, Some(owner.uid()), Some(owner.gid())).expect("PostgreSQL's own");
    let database = open(&folder).await;
    assert_eq!(ask(&database, "select 1 as one").await, "[{\"one\":1}]");
    database.close().await;
    assert!(other.try_wait().expect("a process").is_none(), "nobody stopped it");
    other.kill().expect("ends");
    other.wait().expect("ends");
}
