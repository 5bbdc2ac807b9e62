//! `with_postgres COMMAND...`: runs a command while a throwaway PostgreSQL is there, named in `TEST_POSTGRES`.

use std::process::{Command, ExitCode};

use basalt_tests::POSTGRES;
use basalt_tests::postgres::Cluster;

fn main() -> ExitCode {
    let mut words = std::env::args_os().skip(1);
    let Some(program) = words.next() else {
        eprintln!("usage: with_postgres COMMAND...");
        return ExitCode::from(2);
    };
    let cluster = Cluster::start();
    let status = Command::new(program).args(words).env(POSTGRES, cluster.url()).status();
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
