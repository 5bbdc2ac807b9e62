//! What a project folder holds: its migrations and its seed, in Basalt's own layout or the Supabase CLI's.
//!
//! ```text
//! DIR/basalt.toml                      DIR/supabase/config.toml
//! DIR/migrations/0001_tables.sql       DIR/supabase/migrations/20250101000000_tables.sql
//! DIR/seed.sql                         DIR/supabase/seed.sql
//! ```
//!
//! `DIR` may also be the `supabase` folder itself ([`root_of`]). A migration named `NNNN_name.postgres.sql` or `NNNN_name.sqlite.sql` belongs to one
//! engine alone.

mod error;
mod seeds;
mod standing;

use std::path::{Path, PathBuf};

pub use error::ProjectError;
pub use standing::{Conflict, Standing, order};

use basalt_db::migrate::Applied;
use basalt_sql::script::split;

use crate::config::Engine;
pub use crate::layout::root_of;
use crate::layout::{base, second};

/// A project as its folder is now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Project {
    /// The folder that the user named: where configuration and relative paths begin.
    pub root: PathBuf,
    /// The folder of the migrations. It need not exist.
    pub migrations_dir: PathBuf,
    /// Migrations for the project's engine, in the order in which they are applied.
    pub migrations: Vec<Migration>,
    /// Scripts that fill a new database, in order.
    pub seeds: Vec<Script>,
    /// Of the patterns by which the configuration names them, those that no file matches.
    pub unmatched_seeds: Vec<String>,
}

/// A file of SQL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Script {
    /// Where it is.
    pub path: PathBuf,
    /// What it says.
    pub source: String,
}

/// A migration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Migration {
    /// The digits before the first underscore, as written: `0001`.
    pub version: String,
    /// What stands after it: `tables`.
    pub name: String,
    /// Its file.
    pub script: Script,
}

impl Project {
    /// Whether there is a project in a folder.
    pub fn is_in(root: &Path) -> bool {
        base(root).is_some()
    }

    /// Reads the project in `root` for `engine`.
    pub fn load(root: &Path, engine: Engine) -> Result<Project, ProjectError> {
        if !root.is_dir() {
            return Err(ProjectError::NotAFolder(root.to_owned()));
        }
        let base = base(root).ok_or_else(|| ProjectError::NoProject(root.to_owned()))?;
        let migrations_dir = base.join("migrations");
        if let Some(second) = second(root).filter(|second| *second != migrations_dir) {
            return Err(ProjectError::TwoLayouts { first: migrations_dir, second });
        }
        let migrations = read_migrations(&migrations_dir, engine)?;
        let (seeds, unmatched_seeds) = seeds::paths(root, &base)?;
        let seeds = seeds.into_iter().map(Script::read).collect::<Result<_, _>>()?;
        Ok(Project { root: root.to_owned(), migrations_dir, migrations, seeds, unmatched_seeds })
    }

    /// The project without the empty migrations ([`Script::is_empty`]) that `applied` lacks, and those.
    pub fn without_empty(&self, applied: &[Applied]) -> (Project, Vec<Migration>) {
        let is_applied = |version: &str| applied.iter().any(|known| order(&known.version) == order(version));
        let waits = |migration: &Migration| migration.script.is_empty() && !is_applied(&migration.version);
        let (empty, migrations) = self.migrations.iter().cloned().partition(waits);
        (Project { migrations, ..self.clone() }, empty)
    }

    /// The version for a new migration: the next number where the folder counts in four digits (or is empty), else the time.
    /// `now` is `YYYYMMDDHHMMSS` in UTC.
    pub fn next_version(&self, now: &str) -> String {
        match self.migrations.last().map(|m| (m.version.len(), m.version.parse::<u64>())) {
            None => "0001".into(),
            Some((width, Ok(last))) if width < now.len() => format!("{:0width$}", last + 1),
            _ => now.to_owned(),
        }
    }
}

impl Script {
    /// Line ends are unified, so that a migration has one checksum however version control checks it out.
    fn read(path: PathBuf) -> Result<Script, ProjectError> {
        match std::fs::read_to_string(&path) {
            Ok(source) => Ok(Script { path, source: source.replace("\r\n", "\n") }),
            Err(error) => Err(ProjectError::Unreadable { path, error }),
        }
    }

    /// Whether it holds no statement: nothing, or comments. What can't be cut into statements holds something.
    pub fn is_empty(&self) -> bool {
        split(&self.source).is_ok_and(|pieces| pieces.iter().all(|piece| piece.statement().is_none()))
    }
}

fn read_migrations(folder: &Path, engine: Engine) -> Result<Vec<Migration>, ProjectError> {
    let mut migrations = Vec::new();
    for path in sql_files(folder)? {
        let (version, name, only) = parse_name(&path).ok_or_else(|| ProjectError::BadName(path.clone()))?;
        if only.is_none_or(|only| only == engine_name(engine)) {
            let (version, name) = (version.to_owned(), name.to_owned());
            migrations.push(Migration { version, name, script: Script::read(path)? });
        }
    }
    migrations.sort_by(|a, b| order(&a.version).cmp(&order(&b.version)));
    match migrations.windows(2).find(|pair| order(&pair[0].version) == order(&pair[1].version)) {
        None => Ok(migrations),
        Some(pair) => Err(ProjectError::Duplicate {
            version: pair[0].version.clone(),
            first: pair[0].script.path.clone(),
            second: pair[1].script.path.clone(),
        }),
    }
}

/// The `*.sql` files of a folder by name; none if there is no folder. Hidden files are editors'.
fn sql_files(folder: &Path) -> Result<Vec<PathBuf>, ProjectError> {
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let unreadable = |error| ProjectError::Unreadable { path: folder.to_owned(), error };
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        let hidden = file_name(&path).starts_with('.');
        if !hidden && path.is_file() && path.extension().is_some_and(|extension| extension == "sql") {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

/// `0001_tables.sqlite.sql` is version `0001`, name `tables`, for `sqlite` alone.
fn parse_name(path: &Path) -> Option<(&str, &str, Option<&str>)> {
    let stem = path.file_name()?.to_str()?.strip_suffix(".sql")?;
    let (stem, only) = match stem.rsplit_once('.') {
        Some((stem, engine @ ("postgres" | "sqlite"))) => (stem, Some(engine)),
        _ => (stem, None),
    };
    let (version, name) = stem.split_once('_')?;
    let digits = !version.is_empty() && version.bytes().all(|b| b.is_ascii_digit());
    (digits && !name.is_empty()).then_some((version, name, only))
}

fn engine_name(engine: Engine) -> &'static str {
    match engine {
        Engine::Sqlite => "sqlite",
        Engine::Postgres => "postgres",
    }
}

fn file_name(path: &Path) -> String {
    path.file_name().map_or_else(|| path.display().to_string(), |name| name.to_string_lossy().into_owned())
}

#[cfg(test)]
mod tests;
