//! PostgreSQL's programs: those of the version that made a cluster, or for a new one the newest that the machine has.

use std::path::{Path, PathBuf};
use std::process::Command;

use basalt_core::{Error, Result};

use super::cluster::failed;

/// The folder of the programs for the cluster in `data`, which need not be there yet.
///
/// Errors: 58030 when none are installed, or none that can run this cluster.
pub(super) fn find(data: &Path) -> Result<PathBuf> {
    let installed = installed();
    let Ok(made_by) = std::fs::read_to_string(data.join("PG_VERSION")) else {
        return installed.into_iter().next().ok_or_else(|| {
            Error::new("58030", "PostgreSQL's programs (initdb, pg_ctl) are not installed").with_hint(
                "Install PostgreSQL 13 or later (on Debian: apt-get install postgresql), or name a server in `database.url`.",
            )
        });
    };
    let made_by = made_by.trim();
    let versions: Vec<String> = installed.iter().map(|programs| version(programs).unwrap_or_default()).collect();
    if let Some(at) = versions.iter().position(|version| version == made_by) {
        return Ok(installed[at].clone());
    }
    let others = match versions.is_empty() {
        true => "no PostgreSQL is installed".to_owned(),
        false => format!("installed is {}", versions.join(", ")),
    };
    let why = format!("it was made by PostgreSQL {made_by}, and {others}");
    Err(failed(&data.display().to_string(), &why).with_hint(format!(
        "Install PostgreSQL {made_by} beside it (on Debian: apt-get install postgresql-{made_by}). With both installed, `pg_upgrade` carries a \
         stopped cluster over."
    )))
}

/// The folders that have them: first those on the PATH, then others, the newest version first.
fn installed() -> Vec<PathBuf> {
    let has_all = |folder: &PathBuf| folder.join("initdb").exists() && folder.join("pg_ctl").exists();
    let on_path =
        std::env::var_os("PATH").into_iter().flat_map(|path| std::env::split_paths(&path).collect::<Vec<_>>());
    let number = |path: &Path| -> u32 {
        path.parent().and_then(Path::file_name).and_then(|name| name.to_str()?.parse().ok()).unwrap_or_default()
    };
    let packaged = ["/usr/lib/postgresql", "/opt/homebrew/opt", "/usr/local/opt"];
    let mut others: Vec<PathBuf> = packaged
        .iter()
        .flat_map(|folder| std::fs::read_dir(folder).into_iter().flatten().flatten())
        .map(|version| version.path().join("bin"))
        .collect();
    others.sort_by_key(|path| std::cmp::Reverse(number(path)));
    on_path.chain(others).chain([PathBuf::from("/usr/local/pgsql/bin")]).filter(has_all).collect()
}

/// Their major version, as they say it: `pg_ctl (PostgreSQL) 15.14`.
fn version(programs: &Path) -> Option<String> {
    let said = Command::new(programs.join("pg_ctl")).arg("--version").output().ok()?;
    let text = String::from_utf8(said.stdout).ok()?;
    let number = text.split_whitespace().nth(2)?;
    Some(number.chars().take_while(char::is_ascii_digit).collect())
}
