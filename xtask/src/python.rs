//! The Python client's tests, with the packages they pin in an environment of their own.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::run::{Failure, checked, node, target_folder, workspace_path};

/// Runs them on each engine. Where Python makes no environments and nobody may install what it takes, says so and passes.
pub fn clients(engines: &[&str]) -> Result<(), Failure> {
    let Some(python) = environment(&target_folder()?.join("python-clients")) else {
        eprintln!("the Python client is not tested: please install python3-venv");
        return Ok(());
    };
    let folder = workspace_path("tests/clients");
    let pinned = folder.join("python/requirements.txt");
    checked(Command::new(&python).args(["-m", "pip", "install", "--quiet", "--requirement"]).arg(pinned))?;
    let python = python.to_string_lossy().into_owned();
    for engine in engines {
        eprintln!("the Python client on {engine}");
        node("node", &["python/run.mjs"], &folder, &[("ENGINE", engine), ("PYTHON", &python)])?;
    }
    Ok(())
}

/// The interpreter of the environment in `folder`, which is made if it is not there.
fn environment(folder: &Path) -> Option<PathBuf> {
    let python = folder.join("bin/python");
    let make = || checked(Command::new("python3").args(["-m", "venv", "--clear"]).arg(folder)).is_ok();
    let install = || checked(Command::new("apt-get").args(["install", "-y", "python3-venv"])).is_ok();
    let has_pip =
        Command::new(&python).args(["-m", "pip", "--version"]).output().is_ok_and(|said| said.status.success());
    (has_pip || make() || (install() && make())).then_some(python)
}
