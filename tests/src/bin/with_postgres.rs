//! `with_postgres [--tables FILE]... COMMAND...`: runs a command while a throwaway PostgreSQL is there, named in `TEST_POSTGRES`
//! and `TEST_POSTGRES_VERSION`. The scripts in FILEs make the tables that each test's database begins with.

use std::process::{Command, ExitCode};

use basalt_tests::postgres::Cluster;
use basalt_tests::{POSTGRES, POSTGRES_VERSION, TEMPLATE};

/// The database that others are copied from.
const TABLES: &str = "tables";

fn main() -> ExitCode {
    let mut words = std::env::args().skip(1).peekable();
    let mut tables = Vec::new();
    while words.next_if_eq("--tables").is_some() {
        tables.extend(words.next());
    }
    let Some(program) = words.next() else {
        eprintln!("usage: with_postgres [--tables FILE]... COMMAND...");
        return ExitCode::from(2);
    };
    let cluster = Cluster::start();
    let mut command = Command::new(program);
    command.args(words).env(POSTGRES, cluster.url());
    if !tables.is_empty() {
        make_tables(&cluster, &tables);
        command.env(TEMPLATE, TABLES);
    }
    let status = command.env(POSTGRES_VERSION, cluster.version().to_string()).status();
    drop(cluster);
    match status {
        Ok(status) if status.success() => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("with_postgres: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Makes the database that others are copied from; the connection ends with the runtime, since a database in use can't be copied.
fn make_tables(cluster: &Cluster, files: &[String]) {
    let read = |file| std::fs::read_to_string(file).unwrap_or_else(|error| panic!("{file}: {error}"));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let session = cluster.create(TABLES).await;
        for file in files {
            session.script(&read(file)).await;
        }
    });
}
