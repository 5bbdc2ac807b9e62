//! `with_postgres COMMAND...`: runs a command while a throwaway PostgreSQL is there, named in `TEST_POSTGRES`
//! and `TEST_POSTGRES_VERSION`.

use std::process::{Command, ExitCode};

use basalt_tests::postgres::Cluster;
use basalt_tests::{POSTGRES, POSTGRES_VERSION};

fn main() -> ExitCode {
    let mut words = std::env::args_os().skip(1);
    let Some(program) = words.next() else {
        eprintln!("usage: with_postgres COMMAND...");
        return ExitCode::from(2);
    };
    let cluster = Cluster::start();
    let mut command = Command::new(program);
    command.args(words).env(POSTGRES, cluster.url());
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
