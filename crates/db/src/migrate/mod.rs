//! Migrations, seeds and imports: scripts in PostgreSQL's SQL, each run in one transaction, all or nothing.

mod block;
mod importing;
mod imports;
mod looking;
mod script;
mod service;

use std::collections::BTreeSet;

use basalt_core::{Error, Result};
use basalt_sql::ddl;
use rusqlite::config::DbConfig;
use sha2::{Digest, Sha256};

use crate::sqlite::{Sqlite, Writer};
pub use imports::{Import, Imported};
pub(crate) use script::Script;
pub(crate) use service::{OWN, SERVICES, provided};
pub use service::{Service, ServiceMigration};

/// The record of applied migrations, where Supabase's tools look for it.
pub(crate) const RECORD: &str = "create schema if not exists supabase_migrations; \
    create table if not exists supabase_migrations.schema_migrations \
    (version text primary key, statements text[], name text, checksum text)";

/// A migration that was applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Applied {
    /// What its file's name begins with.
    pub version: String,
    /// The rest of its file's name.
    pub name: String,
    /// SHA-256 of its text, in hex; empty if another tool recorded it.
    pub checksum: String,
}

/// Why a script failed, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScriptError {
    /// What was wrong.
    pub error: Error,
    /// Byte offset in the script.
    pub offset: usize,
    /// The statement.
    pub statement: String,
}

/// How far a script has come.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Progress {
    /// Bytes done.
    pub bytes: usize,
    /// Bytes of the script.
    pub total_bytes: usize,
    /// Rows written by inserts, updates, deletes and copies.
    pub rows: u64,
    /// Statements done.
    pub statements: u64,
}

/// What becomes of foreign keys while a migration runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Keys {
    /// They hold, as ever.
    Judged,
    /// Nobody looks, where that may be chosen: every row is about to be replaced.
    PassedOver,
}

impl std::fmt::Display for ScriptError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} (at byte {})", self.error, self.offset)
    }
}

impl std::error::Error for ScriptError {}

impl From<Error> for ScriptError {
    fn from(error: Error) -> Self {
        ScriptError { offset: error.position().unwrap_or(0), error, statement: String::new() }
    }
}

impl Sqlite {
    /// Applies a migration and records it. Gives what it would make and services have made.
    ///
    /// Errors: the first statement's that fails, with its place; then nothing of the migration stands. 23505 when the version
    /// is recorded already.
    pub(crate) async fn apply_migration(
        &self,
        version: &str,
        name: &str,
        source: &str,
        keys: Keys,
    ) -> Result<BTreeSet<String>, ScriptError> {
        let (version, name, source) = (version.to_owned(), name.to_owned(), source.to_owned());
        let provided = self.provided();
        let apply = move |writer: &mut Writer| {
            writer.script(&source, &mut |_| {}, |script| {
                let (statements, passed_over) = script.migrate(&source, &provided)?;
                script.record(&version, &name, &statements, &checksum(&source)).map_err(ScriptError::from)?;
                Ok(passed_over)
            })
        };
        let task = move |writer: &mut Writer| match keys {
            Keys::Judged => apply(writer),
            Keys::PassedOver => writer.without_keys(apply)?,
        };
        self.exclusive(task).await?
    }

    /// The applied migrations, by version.
    pub async fn applied(&self) -> Result<Vec<Applied>> {
        let read = |writer: &mut Writer| {
            let sql = "SELECT version, coalesce(name, ''), coalesce(checksum, '') \
                FROM \"supabase_migrations.schema_migrations\" ORDER BY version";
            let mut statement = writer.connection.sqlite.prepare(sql)?;
            let rows = statement
                .query_map([], |row| Ok(Applied { version: row.get(0)?, name: row.get(1)?, checksum: row.get(2)? }))?;
            rows.collect::<rusqlite::Result<Vec<_>>>()
        };
        self.exclusive(move |writer| read(writer).map_err(crate::sqlite::translate)).await?
    }

    /// Runs a seed or an import; `progress` is called after each statement and each batch of copied rows.
    ///
    /// Errors: as [`Sqlite::apply_migration`].
    pub async fn run_script(
        &self,
        source: &str,
        mut progress: impl FnMut(Progress) + Send + 'static,
    ) -> Result<Progress, ScriptError> {
        let source = source.to_owned();
        let task = move |writer: &mut Writer| {
            writer.script(&source, &mut progress, |script| {
                script.run(&source)?;
                Ok(script.done)
            })
        };
        self.exclusive(task).await?
    }

    /// Runs what an import takes of a script.
    ///
    /// Errors: as [`Sqlite::apply_migration`].
    pub(crate) async fn import(
        &self,
        source: &str,
        mut progress: impl FnMut(Progress) + Send + 'static,
    ) -> Result<Imported, ScriptError> {
        let source = source.to_owned();
        let task = move |writer: &mut Writer| writer.script(&source, &mut progress, |script| script.import(&source));
        self.exclusive(task).await?
    }

    /// Drops everything, the record of migrations included: the database is as a new one.
    pub async fn reset(&self) -> Result<()> {
        self.exclusive(|writer| {
            let old = writer.schema().version();
            let result = writer.without_keys(|writer| {
                writer.script("", &mut |_| {}, |script| {
                    script.drop_everything()?;
                    script.catalog = ddl::bootstrap();
                    // Whatever was compiled for an earlier catalog stays behind.
                    script.catalog.version += old;
                    script.run(RECORD).map(drop)
                })
            })?;
            result.map_err(|failed| failed.error)?;
            let services = writer.services();
            service::install(writer, &services)
        })
        .await?
    }
}

/// Makes a new database's record of migrations, and what services lack in any.
pub(crate) fn bootstrap(writer: &mut Writer, is_new: bool) -> Result<()> {
    if is_new {
        let record = writer.script(RECORD, &mut |_| {}, |script| script.run(RECORD).map(drop));
        record.map_err(|failed| failed.error)?;
    }
    let services = writer.services();
    service::install(writer, &services)
}

/// SHA-256 of a migration's text, in hex.
pub fn checksum(source: &str) -> String {
    Sha256::digest(source).iter().map(|byte| format!("{byte:02x}")).collect()
}

impl Writer {
    /// Runs `work` while nobody looks at foreign keys. (A panic in it replaces the connection.)
    fn without_keys<T>(&mut self, work: impl FnOnce(&mut Writer) -> T) -> Result<T> {
        let judge = |writer: &Writer, on| {
            let set = writer.connection.sqlite.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_FKEY, on);
            set.map(drop).map_err(crate::sqlite::translate)
        };
        judge(self, false)?;
        let done = work(self);
        judge(self, true)?;
        Ok(done)
    }

    /// Runs `work` in one transaction; when it ends well, its catalog becomes everyone's with the commit.
    pub(crate) fn script<T>(
        &mut self,
        source: &str,
        progress: &mut dyn FnMut(Progress),
        work: impl FnOnce(&mut Script<'_>) -> Result<T, ScriptError>,
    ) -> Result<T, ScriptError> {
        let schema = self.schema();
        self.connection.follow(&schema)?;
        self.connection.command("BEGIN IMMEDIATE")?;
        let mut script = Script::new(&self.connection.sqlite, &schema, source.len(), progress);
        let result = work(&mut script).and_then(|value| Ok(script.settle().map(|()| value)?));
        let result = script.leave().map_err(ScriptError::from).and(result);
        let (catalog, trusts) = (script.catalog, script.looking.trusts);
        let result = result.and_then(|value| Ok(self.publish(catalog, trusts).map(|()| value)?));
        if result.is_err() {
            self.abandon(&schema);
        }
        result
    }
}
