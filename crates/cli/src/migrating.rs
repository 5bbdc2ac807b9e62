//! A project's migrations and seeds, applied to its database.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use basalt_db::Database;
use basalt_db::migrate::{Progress, ScriptError};
use basalt_server::Config;
use basalt_server::project::{Migration, Project, Script};

use crate::report::{Failure, Report, io};

/// Applies what is pending, each migration in its own transaction, and counts them; `done` hears of each with its time.
/// What conflicts is an error, and nothing is applied then.
pub async fn migrate(
    project: &Project,
    database: &Database,
    mut done: impl FnMut(&Migration, Duration),
) -> Result<usize, Failure> {
    let applied = database.engine().applied().await?;
    let standing = project.standing(&applied);
    if !standing.conflicts.is_empty() {
        return Err(Failure(standing.conflicts.iter().map(Report::from).collect()));
    }
    for migration in &standing.pending {
        let started = Instant::now();
        let Migration { version, name, script } = migration;
        let result = database.engine().apply_migration(version, name, &script.source).await;
        result.map_err(|error| script_failure(script, &error))?;
        done(migration, started.elapsed());
    }
    Ok(standing.pending.len())
}

/// Runs the project's seeds, each in its own transaction.
pub async fn seed(project: &Project, database: &Database) -> Result<(), Failure> {
    for script in &project.seeds {
        run_script(script, database, |_| {}).await?;
    }
    Ok(())
}

/// Runs a script, all or nothing; `progress` hears how far it has come.
pub async fn run_script(
    script: &Script,
    database: &Database,
    progress: impl FnMut(Progress) + Send + 'static,
) -> Result<Progress, Failure> {
    let result = database.engine().run_script(&script.source, progress).await;
    result.map_err(|error| script_failure(script, &error))
}

fn script_failure(script: &Script, error: &ScriptError) -> Failure {
    Report::sql(&error.error, &script.path, &script.source, error.offset).into()
}

/// Remembers that a new database waits for its seeds, across failures and restarts.
pub struct SeedMark(PathBuf);

impl SeedMark {
    /// The mark of the project's database.
    pub fn new(root: &Path, config: &Config) -> SeedMark {
        SeedMark(root.join(&config.database.data_dir).join("seed-pending"))
    }

    /// Whether the database waits.
    pub fn is_set(&self) -> bool {
        self.0.exists()
    }

    /// The database waits from now on.
    pub fn set(&self) -> Result<(), Failure> {
        std::fs::write(&self.0, "The seed runs when all migrations are applied.\n").map_err(io("write", &self.0))
    }

    /// It waits no more.
    pub fn clear(&self) -> Result<(), Failure> {
        match std::fs::remove_file(&self.0) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(io("remove", &self.0)(error)),
            _ => Ok(()),
        }
    }
}
