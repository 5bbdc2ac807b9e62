//! Running other programs.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Anything that ends a command.
pub type Failure = Box<dyn std::error::Error>;

/// Runs Cargo in the workspace.
pub fn cargo(args: &[&str]) -> Result<(), Failure> {
    cargo_with(args, &[])
}

/// Runs Cargo in the workspace, with variables in its environment.
pub fn cargo_with(args: &[&str], variables: &[(&str, &OsStr)]) -> Result<(), Failure> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    checked(Command::new(cargo).args(args).current_dir(workspace_path(".")).envs(variables.iter().copied()))
}

/// What Cargo prints.
pub fn cargo_output(args: &[&str]) -> Result<String, Failure> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo).args(args).current_dir(workspace_path(".")).output()?;
    if !output.status.success() {
        return Err(format!("cargo {} failed: {}", args.join(" "), String::from_utf8_lossy(&output.stderr)).into());
    }
    Ok(String::from_utf8(output.stdout)?)
}

/// Runs a program of Node's in a folder.
pub fn node(program: &str, args: &[&str], folder: &Path, variables: &[(&str, &str)]) -> Result<(), Failure> {
    let mut command = Command::new(program);
    command.args(args).current_dir(folder).env("SERVER", target_folder()?.join("debug/basalt"));
    checked(command.envs(variables.iter().copied()))
}

/// Runs a program that was built here.
pub fn program(path: &Path, args: &[&str]) -> Result<(), Failure> {
    program_with(path, args, &[])
}

/// The same, with variables in its environment.
pub fn program_with(path: &Path, args: &[&str], variables: &[(&str, &OsStr)]) -> Result<(), Failure> {
    checked(Command::new(path).args(args).current_dir(workspace_path(".")).envs(variables.iter().copied()))
}

/// Builds the programs that the tests of these names start, as `cargo test --workspace` builds them: built by themselves they would
/// have other features, and most of their packages be compiled twice.
pub fn build_for_tests(tests: &[&str]) -> Result<(), Failure> {
    let tests: Vec<&str> = tests.iter().flat_map(|test| ["--test", test]).collect();
    cargo(&[&["test", "--quiet", "--workspace", "--no-run"], &tests[..]].concat())
}

/// Runs a command and fails unless it succeeds.
pub fn checked(command: &mut Command) -> Result<(), Failure> {
    eprintln!("+ {command:?}");
    let status = command.status()?;
    if status.success() { Ok(()) } else { Err(format!("{command:?}: {status}").into()) }
}

/// A path given from the workspace's root.
pub fn workspace_path(relative: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(relative)
}

/// Where Cargo builds to.
pub fn target_folder() -> Result<PathBuf, Failure> {
    if let Some(folder) = std::env::var_os("CARGO_TARGET_DIR") {
        return Ok(folder.into());
    }
    Ok(workspace_path("target").canonicalize()?)
}
