//! What the tests need of the machine besides Rust and a C compiler: installed if we may, named if not.

use std::path::Path;
use std::process::Command;

use crate::run::{Failure, checked};

/// PostgreSQL's server programs (for comparisons), PgBouncer (for poolers), NATS (for several nodes), Node.js with npm (for the client libraries), Chromium (for
/// passkeys and the shop's live page).
pub fn all() -> Result<(), Failure> {
    let mut missing = Vec::new();
    if !has_postgres() {
        missing.push("postgresql");
    }
    if !runs("pgbouncer") && !runs("/usr/sbin/pgbouncer") {
        missing.push("pgbouncer");
    }
    if !runs("nats-server") {
        missing.push("nats-server");
    }
    if !runs("node") {
        missing.push("nodejs");
    }
    if !runs("npm") {
        missing.push("npm");
    }
    if !std::env::var_os("CHROMIUM").is_some_and(|path| Path::new(&path).exists()) && !runs("chromium") {
        missing.push("chromium");
    }
    if missing.is_empty() {
        return Ok(());
    }
    eprintln!("the tests need {}: installing with apt-get", missing.join(", "));
    let installed = checked(Command::new("apt-get").arg("update")).and_then(|()| {
        checked(Command::new("apt-get").args(["install", "-y", "--no-install-recommends"]).args(&missing))
    });
    installed.map_err(|error| format!("please install {} ({error})", missing.join(", ")).into())
}

fn has_postgres() -> bool {
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    versions.map(|v| v.path().join("bin/initdb")).any(|initdb| initdb.exists()) || runs("initdb")
}

fn runs(program: &str) -> bool {
    Command::new(program).arg("--version").output().is_ok_and(|output| output.status.success())
}
