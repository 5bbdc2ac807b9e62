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

use std::path::{Path, PathBuf};

use basalt_db::migrate::{Applied, checksum};
use figment::Figment;
use figment::providers::{Format, Toml};
use serde::Deserialize;

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

/// How a folder's migrations and a database's stand to each other.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Standing<'a> {
    /// Migrations to apply, in order.
    pub pending: Vec<&'a Migration>,
    /// What keeps them from being applied.
    pub conflicts: Vec<Conflict>,
}

/// A difference between the folder and the database that applying migrations can't mend.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Conflict {
    /// An applied migration's file was edited.
    #[error("migration {} was edited after it was applied", file_name(.path))]
    Changed {
        /// Its file.
        path: PathBuf,
    },
    /// An applied migration's file is gone.
    #[error("migration {version}_{name} was applied, but its file is gone")]
    Missing {
        /// Its version.
        version: String,
        /// Its name.
        name: String,
    },
    /// A new migration stands before one that was applied.
    #[error("migration {} is new, but {after} was applied already", file_name(.path))]
    OutOfOrder {
        /// Its file.
        path: PathBuf,
        /// The last applied version.
        after: String,
    },
}

/// A folder that can't be read as a project: what is wrong, and what to do.
#[derive(Debug, thiserror::Error)]
pub enum ProjectError {
    /// The folder isn't there.
    #[error("{} is not a folder", .0.display())]
    NotAFolder(PathBuf),
    /// Nothing in the folder makes it a project.
    #[error("{} holds no project: neither basalt.toml, nor migrations/, nor supabase/", .0.display())]
    NoProject(PathBuf),
    /// Migrations of both layouts.
    #[error("{} and {} both hold migrations: a project has one folder of them", .first.display(), .second.display())]
    TwoLayouts {
        /// Basalt's folder.
        first: PathBuf,
        /// The Supabase CLI's.
        second: PathBuf,
    },
    /// A file can't be read.
    #[error("{} can't be read: {error}", path.display())]
    Unreadable {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// A migration's name has no version.
    #[error("{} has no version in its name", .0.display())]
    BadName(PathBuf),
    /// Two migrations share a version.
    #[error("{} and {} have the same version {version}", file_name(.first), file_name(.second))]
    Duplicate {
        /// The version.
        version: String,
        /// One file.
        first: PathBuf,
        /// The other file.
        second: PathBuf,
    },
    /// The Supabase CLI's configuration can't be read.
    #[error("{0}")]
    Config(String),
}

impl Conflict {
    /// What to do about it.
    pub fn advice(&self) -> &'static str {
        match self {
            Conflict::Changed { .. } => {
                "Undo the edit and put the change into a new migration (`basalt migrate new NAME`), or, where the data may be \
                 lost, run `basalt db reset`."
            }
            Conflict::Missing { .. } => {
                "Bring the file back (version control has it), or, where the data may be lost, run `basalt db reset`."
            }
            Conflict::OutOfOrder { .. } => {
                "Rename it to a version after the last applied one, or, where the data may be lost, run `basalt db reset`."
            }
        }
    }
}

impl ProjectError {
    /// What to do about it.
    pub fn advice(&self) -> Option<&'static str> {
        match self {
            ProjectError::NotAFolder(_) => Some("Name a project's folder, or make one with `basalt init DIR`."),
            ProjectError::NoProject(_) => Some("Make a project here with `basalt init`, or name another folder."),
            ProjectError::TwoLayouts { .. } => {
                Some("Move the migrations into one of the folders, numbered in their order, and remove the other.")
            }
            ProjectError::BadName(_) => Some(
                "Name migrations NNNN_name.sql, as `basalt migrate new NAME` does; keep other files outside the folder.",
            ),
            ProjectError::Duplicate { .. } => Some("Rename one of them to another version."),
            ProjectError::Unreadable { .. } | ProjectError::Config(_) => None,
        }
    }
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
        let seeds = seed_paths(&base)?.into_iter().map(Script::read).collect::<Result<_, _>>()?;
        Ok(Project { root: root.to_owned(), migrations_dir, migrations, seeds })
    }

    /// Compares the folder with what a database has applied.
    pub fn standing(&self, applied: &[Applied]) -> Standing<'_> {
        let mut standing = Standing::default();
        let last = applied.iter().max_by_key(|a| order(&a.version));
        for migration in &self.migrations {
            let path = || migration.script.path.clone();
            match applied.iter().find(|a| order(&a.version) == order(&migration.version)) {
                Some(known) => {
                    let comparable = !known.checksum.is_empty();
                    if comparable && known.checksum != checksum(&migration.script.source) {
                        standing.conflicts.push(Conflict::Changed { path: path() });
                    }
                }
                None => match last {
                    Some(last) if order(&last.version) > order(&migration.version) => {
                        standing.conflicts.push(Conflict::OutOfOrder { path: path(), after: last.version.clone() });
                    }
                    _ => standing.pending.push(migration),
                },
            }
        }
        for known in applied {
            if !self.migrations.iter().any(|m| order(&m.version) == order(&known.version)) {
                let (version, name) = (known.version.clone(), known.name.clone());
                standing.conflicts.push(Conflict::Missing { version, name });
            }
        }
        standing
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

/// Versions compare as numbers, however many digits they have.
pub fn order(version: &str) -> (usize, &str) {
    let digits = version.trim_start_matches('0');
    (digits.len(), digits)
}

fn file_name(path: &Path) -> String {
    path.file_name().map_or_else(|| path.display().to_string(), |name| name.to_string_lossy().into_owned())
}

/// `seed.sql`, or what the Supabase CLI's configuration names instead (`[db.seed]`: files, or `folder/*.sql`).
fn seed_paths(base: &Path) -> Result<Vec<PathBuf>, ProjectError> {
    #[derive(Deserialize, Default)]
    #[serde(default)]
    struct File {
        db: Db,
    }
    #[derive(Deserialize, Default)]
    #[serde(default)]
    struct Db {
        seed: Seed,
    }
    #[derive(Deserialize)]
    #[serde(default)]
    struct Seed {
        enabled: bool,
        sql_paths: Vec<String>,
    }
    impl Default for Seed {
        fn default() -> Self {
            Seed { enabled: true, sql_paths: vec!["./seed.sql".into()] }
        }
    }
    let config = base.join("config.toml");
    let file: File = match config.is_file() {
        true => Figment::from(Toml::file_exact(&config))
            .extract()
            .map_err(|error| ProjectError::Config(format!("{}: {error}", config.display())))?,
        false => File::default(),
    };
    let mut paths = Vec::new();
    for pattern in file.db.seed.sql_paths.iter().filter(|_| file.db.seed.enabled) {
        let pattern = pattern.strip_prefix("./").unwrap_or(pattern);
        match pattern.strip_suffix("*.sql") {
            Some(folder) => paths.extend(sql_files(&base.join(folder))?),
            None => paths.extend(Some(base.join(pattern)).filter(|path| path.is_file())),
        }
    }
    Ok(paths)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder with these files, each holding its own name as SQL comment.
    fn folder(files: &[&str]) -> PathBuf {
        let root = std::env::temp_dir().join(format!("basalt-project-{}", uuid::Uuid::new_v4()));
        std::fs::create_dir_all(&root).unwrap();
        for file in files {
            let path = root.join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            let text = if file.ends_with(".sql") { format!("-- {file}\n") } else { String::new() };
            std::fs::write(path, text).unwrap();
        }
        root
    }

    fn versions(project: &Project) -> Vec<&str> {
        project.migrations.iter().map(|m| m.version.as_str()).collect()
    }

    fn applied(project: &Project) -> Vec<Applied> {
        let record = |m: &Migration| Applied {
            version: m.version.clone(),
            name: m.name.clone(),
            checksum: checksum(&m.script.source),
        };
        project.migrations.iter().map(record).collect()
    }

    #[test]
    fn migrations_come_in_the_order_of_their_numbers() {
        let files = ["basalt.toml", "seed.sql", "migrations/10_c.sql", "migrations/2_b.sql", "migrations/0001_a_b.sql"];
        let project = Project::load(&folder(&files), Engine::Sqlite).unwrap();
        assert_eq!(versions(&project), ["0001", "2", "10"]);
        assert_eq!(project.migrations[0].name, "a_b");
        assert_eq!(project.seeds[0].source, "-- seed.sql\n");
    }

    #[test]
    fn a_migration_for_one_engine_stands_beside_the_other_engines() {
        let files =
            ["migrations/0001_a.sqlite.sql", "migrations/0001_a.postgres.sql", "migrations/0002_b.postgres.sql"];
        let project = Project::load(&folder(&files), Engine::Sqlite).unwrap();
        assert_eq!(versions(&project), ["0001"]);
        assert!(project.migrations[0].script.path.ends_with("0001_a.sqlite.sql"));
    }

    #[test]
    fn a_supabase_folder_is_a_project_from_outside_and_from_inside() {
        let root =
            folder(&["supabase/config.toml", "supabase/migrations/20250101000000_a.sql", "supabase/seeds/b.sql"]);
        std::fs::write(root.join("supabase/config.toml"), "[db.seed]\nsql_paths = [\"./seeds/*.sql\", \"none.sql\"]\n")
            .unwrap();
        for root in [root.clone(), root.join("supabase")] {
            let project = Project::load(&root, Engine::Sqlite).unwrap();
            assert_eq!(versions(&project), ["20250101000000"]);
            assert_eq!(project.seeds.len(), 1);
            assert_eq!(project.next_version("20260101000000"), "20260101000000");
        }
    }

    #[test]
    fn what_is_no_project_or_no_migration_is_refused() {
        let load = |files: &[&str]| Project::load(&folder(files), Engine::Sqlite).unwrap_err();
        assert!(matches!(load(&["notes.txt"]), ProjectError::NoProject(_)));
        let two = load(&["migrations/1_a.sql", "supabase/migrations/2_b.sql"]);
        let told = two.to_string();
        assert!(told.contains("/migrations and ") && told.contains("/supabase/migrations both"), "{told}");
        assert!(matches!(load(&["migrations/tables.sql"]), ProjectError::BadName(_)));
        assert!(matches!(load(&["migrations/0001_.sql"]), ProjectError::BadName(_)));
        let duplicate = load(&["migrations/1_a.sql", "migrations/01_b.sql"]);
        assert!(matches!(duplicate, ProjectError::Duplicate { .. }), "{duplicate}");
    }

    #[test]
    fn edited_missing_and_late_migrations_are_told() {
        let root = folder(&["migrations/0001_a.sql", "migrations/0002_b.sql", "migrations/0004_d.sql"]);
        let before = Project::load(&root, Engine::Sqlite).unwrap();
        let known = applied(&before);
        assert_eq!(before.standing(&known), Standing::default());
        assert_eq!(before.standing(&[]).pending.len(), 3);

        std::fs::write(root.join("migrations/0001_a.sql"), "-- edited\n").unwrap();
        std::fs::remove_file(root.join("migrations/0002_b.sql")).unwrap();
        std::fs::write(root.join("migrations/0003_c.sql"), "-- late\n").unwrap();
        std::fs::write(root.join("migrations/0005_e.sql"), "-- new\n").unwrap();
        let after = Project::load(&root, Engine::Sqlite).unwrap();
        let standing = after.standing(&known);
        let told: Vec<String> = standing.conflicts.iter().map(Conflict::to_string).collect();
        assert_eq!(
            told,
            [
                "migration 0001_a.sql was edited after it was applied",
                "migration 0003_c.sql is new, but 0004 was applied already",
                "migration 0002_b was applied, but its file is gone",
            ]
        );
        assert_eq!(standing.pending.iter().map(|m| m.version.as_str()).collect::<Vec<_>>(), ["0005"]);
    }

    #[test]
    fn the_supabase_folder_s_project_is_the_folder_around_it() {
        let supabase = folder(&["supabase/config.toml", "supabase/migrations/1_a.sql"]);
        assert_eq!(root_of(&supabase.join("supabase")), supabase);
        assert_eq!(root_of(&supabase.join("supabase/")), supabase);
        assert_eq!(root_of(&supabase), supabase);
        // A folder that is only called so, or lies in a project of its own layout, is what it is.
        for files in
            [["supabase/basalt.toml", "supabase/migrations/1_a.sql"], ["migrations/1_a.sql", "supabase/config.toml"]]
        {
            let other = folder(&files).join("supabase");
            assert_eq!(root_of(&other), other);
        }
    }

    #[test]
    fn line_ends_do_not_change_a_migration() {
        let root = folder(&["migrations/0001_a.sql"]);
        let known = applied(&Project::load(&root, Engine::Sqlite).unwrap());
        std::fs::write(root.join("migrations/0001_a.sql"), "-- migrations/0001_a.sql\r\n").unwrap();
        assert_eq!(Project::load(&root, Engine::Sqlite).unwrap().standing(&known), Standing::default());
    }

    #[test]
    fn a_new_migration_goes_on_as_the_folder_counts() {
        let project = |file| Project::load(&folder(&["basalt.toml", file]), Engine::Sqlite).unwrap();
        assert_eq!(project("readme.md").next_version("20260101000000"), "0001");
        assert_eq!(project("migrations/0041_a.sql").next_version("20260101000000"), "0042");
    }
}
