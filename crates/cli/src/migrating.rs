//! A project's migrations and seeds, applied to its database.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use basalt_core::Identity;
use basalt_db::migrate::{Imported, Progress, ScriptError};
use basalt_db::{Database, Format, Request};
use basalt_server::Config;
use basalt_server::config::Engine;
use basalt_server::project::{Conflict, Migration, Project, Script, order};

use crate::output;
use crate::report::{Failure, Report, Severity, io};
use crate::workspace::Throwaway;

/// A row refers to one that is not there.
const ORPHANED: &str = "23503";

/// Applies what is pending, each migration in its own transaction, and counts them; `done` hears of each with its time, and what it would
/// make that Basalt makes itself.
/// What conflicts is an error, and nothing is applied then.
pub async fn migrate(
    project: &Project,
    database: &Database,
    done: impl FnMut(&Migration, Duration, &BTreeSet<String>),
) -> Result<usize, Failure> {
    migrate_those(project, database, None, false, done).await
}

/// The same up to a version, if there is one, before the rows of another database take the place of all that migrations write: these may
/// refer to rows that only come then.
pub async fn migrate_for_copy(
    project: &Project,
    database: &Database,
    last: Option<&str>,
    done: impl FnMut(&Migration, Duration, &BTreeSet<String>),
) -> Result<usize, Failure> {
    migrate_those(project, database, last, true, done).await
}

async fn migrate_those(
    project: &Project,
    database: &Database,
    last: Option<&str>,
    is_copied_over: bool,
    mut done: impl FnMut(&Migration, Duration, &BTreeSet<String>),
) -> Result<usize, Failure> {
    let is_asked_for = |migration: &Migration| last.is_none_or(|last| order(&migration.version) <= order(last));
    let applied = database.applied().await?;
    let standing = project.standing(&applied);
    if !standing.conflicts.is_empty() {
        return Err(Failure(standing.conflicts.iter().map(Report::from).collect()));
    }
    let pending: Vec<_> = standing.pending.iter().filter(|migration| is_asked_for(migration)).collect();
    for migration in &pending {
        let started = Instant::now();
        let Migration { version, name, script } = migration;
        let mut result = database.apply_migration(version, name, &script.source).await;
        if is_copied_over && result.as_ref().is_err_and(|failed| failed.error.code() == ORPHANED) {
            result = database.apply_migration_before_copy(version, name, &script.source).await;
        }
        let passed_over = result.map_err(|error| script_failure(script, &error))?;
        done(migration, started.elapsed(), &passed_over);
    }
    Ok(pending.len())
}

/// Forgets the migrations of a database in development that held no statement when they were applied and were written, or removed, since:
/// what is written counts as new.
pub async fn forget_empty(project: &Project, database: &Database) -> Result<(), Failure> {
    const FORGET: &str =
        "delete from supabase_migrations.schema_migrations where version = $1 and cardinality(statements) = 0";
    let applied = database.applied().await?;
    for conflict in project.standing(&applied).conflicts {
        let version = match conflict {
            Conflict::Changed { version, .. } | Conflict::Missing { version, .. } => version,
            Conflict::OutOfOrder { .. } => continue,
        };
        let request = Request::new(Identity::owner(), FORGET, vec![Some(version)]);
        database.run(Request { format: Format::None, ..request }).await?;
    }
    Ok(())
}

/// Runs the project's seeds, each in its own transaction.
pub async fn seed(project: &Project, database: &Database) -> Result<(), Failure> {
    run_seeds(project, database).await?;
    for pattern in &project.unmatched_seeds {
        let message = format!("`[db.seed] sql_paths` names \"{pattern}\", which no file matches");
        output::reports([&Report { severity: Severity::Warning, ..Report::error(message) }]);
    }
    Ok(())
}

async fn run_seeds(project: &Project, database: &Database) -> Result<(), Failure> {
    for script in &project.seeds {
        let run = database.run_script(&script.source, |_| {}).await;
        run.map_err(|error| script_failure(script, &error))?;
    }
    Ok(())
}

/// Imports a script, all or nothing; `progress` hears how far it has come.
pub async fn import(
    script: &Script,
    database: &Database,
    progress: impl FnMut(Progress) + Send + 'static,
) -> Result<Imported, Failure> {
    let name = script.path.file_name().unwrap_or_default().to_string_lossy();
    let result = database.import(&name, &script.source, progress).await;
    result.map_err(|error| script_failure(script, &error))
}

pub fn script_failure(script: &Script, error: &ScriptError) -> Failure {
    Report::sql(&error.error, &script.path, &script.source, error.offset).into()
}

/// Empties the database, applies all migrations and runs the seeds. On the embedded engine, where a database is made in no time, they run in
/// a throwaway one before: what fails there has cost no row.
pub async fn reset(
    project: &Project,
    config: &Config,
    database: &Database,
    done: impl FnMut(&Migration, Duration, &BTreeSet<String>),
) -> Result<(), Failure> {
    if config.database.engine() == Engine::Sqlite {
        let rehearsal = Throwaway::migrated(project, config).await?;
        run_seeds(project, &rehearsal.database).await?;
    }
    let mark = Mark::seed_pending(&project.root, config);
    // What can't be marked is not emptied.
    mark.set()?;
    database.reset().await?;
    migrate(project, database, done).await?;
    seed(project, database).await?;
    mark.clear()
}

/// What a request says that is taken up.
pub const TAKEN_UP: &str = "taken up";
/// What a request says that could not be met.
pub const FAILED: &str = "failed";

/// Something to remember about a database, across failures and processes: a file in the data folder.
pub struct Mark(PathBuf);

impl Mark {
    /// A new database waits for its seeds.
    pub fn seed_pending(root: &Path, config: &Config) -> Mark {
        Mark(root.join(&config.database.data_dir).join("seed-pending"))
    }

    /// Somebody asks the running `basalt dev`, which owns the data folder, to start over. It is cleared when that is done; until then it
    /// says [`TAKEN_UP`], and [`FAILED`] when it failed.
    pub fn reset_requested(root: &Path, config: &Config) -> Mark {
        Mark(root.join(&config.database.data_dir).join("reset-requested"))
    }

    /// Whether it is so.
    pub fn is_set(&self) -> bool {
        self.0.exists()
    }

    /// It is so from now on.
    pub fn set(&self) -> Result<(), Failure> {
        self.say("")
    }

    /// It is so, and says how things stand.
    pub fn say(&self, word: &str) -> Result<(), Failure> {
        // Beside a PostgreSQL of somebody else's, nothing has made the data folder yet.
        let folder = self.0.parent().unwrap_or(&self.0);
        std::fs::create_dir_all(folder).map_err(io("make", folder))?;
        std::fs::write(&self.0, word).map_err(io("write", &self.0))
    }

    /// How things stand, where it is so.
    pub fn says(&self) -> Option<String> {
        std::fs::read_to_string(&self.0).ok()
    }

    /// It is so no more.
    pub fn clear(&self) -> Result<(), Failure> {
        match std::fs::remove_file(&self.0) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(io("remove", &self.0)(error)),
            _ => Ok(()),
        }
    }
}
