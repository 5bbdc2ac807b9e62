//! Opens connections: pragmas, functions, collations, the progress handler.

use std::path::{Path, PathBuf};
use std::time::Duration;

use basalt_core::{Error, Result};
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use super::schema::Schema;
use super::{aggregates, changes, collations, constants, error, functions, plpgsql, session, tables, triggers};

/// Virtual machine instructions between two looks at the clock.
const INSTRUCTIONS: i32 = 2000;
/// Prepared statements that a connection keeps.
const STATEMENTS: usize = 256;
/// KiB of the file that a connection keeps in memory, negative as SQLite wants it.
const CACHE: i32 = -16 * 1024;
/// Bytes of the file that a connection maps.
const MMAP: i64 = 256 << 20;
/// Bytes that the write-ahead log is cut to when it is empty.
const JOURNAL_LIMIT: i64 = 64 << 20;

/// How to open the file.
#[derive(Debug, Clone)]
pub(super) struct File {
    /// The file.
    pub path: PathBuf,
    /// Whether commits are synced.
    pub durable: bool,
    /// Most bytes of the file; 0 is no limit.
    pub max_size: u64,
}

/// A connection with everything registered.
pub(crate) struct Session {
    /// SQLite's own.
    pub sqlite: Connection,
    /// The catalog's version whose enumerations are registered.
    version: Option<u64>,
    /// Whether it writes, and so logs what is watched.
    writes: bool,
}

impl File {
    /// The writer's connection.
    pub fn writer(&self) -> Result<Session> {
        let sqlite = self.open().map_err(|e| cannot_open(&self.path, &e))?;
        if self.max_size > 0 {
            let page: i64 = sqlite.pragma_query_value(None, "page_size", |row| row.get(0)).map_err(error::translate)?;
            let pages = (self.max_size / page.max(1).unsigned_abs()).max(1);
            sqlite.query_row(&format!("PRAGMA max_page_count = {pages}"), [], |_| Ok(())).map_err(error::translate)?;
        }
        // Checkpoints have a thread of their own.
        sqlite.pragma_update(None, "wal_autocheckpoint", 0).map_err(error::translate)?;
        Ok(Session { sqlite, version: None, writes: true })
    }

    /// A reader's connection, which refuses to write.
    pub fn reader(&self) -> Result<Session> {
        let sqlite = self.open().map_err(|e| cannot_open(&self.path, &e))?;
        sqlite.pragma_update(None, "query_only", true).map_err(error::translate)?;
        Ok(Session { sqlite, version: None, writes: false })
    }

    /// A bare connection for checkpoints.
    pub fn bare(&self) -> rusqlite::Result<Connection> {
        let sqlite = Connection::open_with_flags(
            &self.path,
            OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX,
        )?;
        self.pragmas(&sqlite)?;
        sqlite.pragma_update(None, "wal_autocheckpoint", 0)?;
        Ok(sqlite)
    }

    fn open(&self) -> rusqlite::Result<Connection> {
        let mut sqlite = Connection::open(&self.path)?;
        self.pragmas(&sqlite)?;
        constants::keep_apart(&sqlite);
        sqlite.set_db_config(DbConfig::SQLITE_DBCONFIG_DQS_DML, false)?;
        sqlite.set_db_config(DbConfig::SQLITE_DBCONFIG_DQS_DDL, false)?;
        sqlite.set_prepared_statement_cache_capacity(STATEMENTS);
        sqlite.progress_handler(INSTRUCTIONS, Some(|| session::with(|session| session.must_stop())))?;
        functions::register(&sqlite)?;
        aggregates::register(&sqlite)?;
        tables::register(&sqlite)?;
        changes::register(&sqlite)?;
        triggers::register(&sqlite)?;
        plpgsql::register(&sqlite)?;
        collations::register_builtin(&sqlite)?;
        Ok(sqlite)
    }

    fn pragmas(&self, sqlite: &Connection) -> rusqlite::Result<()> {
        sqlite.busy_timeout(Duration::from_secs(10))?;
        sqlite.pragma_update(None, "journal_mode", "wal")?;
        sqlite.pragma_update(None, "synchronous", if self.durable { "full" } else { "off" })?;
        // On macOS alone, where a plain sync leaves the data in the drive's cache.
        sqlite.pragma_update(None, "fullfsync", self.durable)?;
        sqlite.pragma_update(None, "foreign_keys", true)?;
        sqlite.pragma_update(None, "trusted_schema", false)?;
        sqlite.pragma_update(None, "recursive_triggers", false)?;
        sqlite.pragma_update(None, "cache_size", CACHE)?;
        sqlite.pragma_update(None, "mmap_size", MMAP)?;
        sqlite.pragma_update(None, "temp_store", "memory")?;
        sqlite.pragma_update(None, "journal_size_limit", JOURNAL_LIMIT)
    }
}

impl Session {
    /// Registers what the schema's version needs.
    pub fn follow(&mut self, schema: &Schema) -> Result<()> {
        if self.version != Some(schema.version()) {
            collations::register_enums(&self.sqlite, &schema.catalog).map_err(error::translate)?;
            // Unless told that plans don't depend on parameters, SQLite compiles a statement anew at each run for their sake.
            self.sqlite
                .set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, !schema.plans_depend_on_values)
                .map_err(error::translate)?;
            if self.writes {
                changes::install(&self.sqlite, &schema.catalog)?;
            }
            self.version = Some(schema.version());
        }
        Ok(())
    }

    /// Has everything registered again: a script that failed left its own behind.
    pub fn forget_version(&mut self) {
        self.version = None;
    }

    /// Runs a statement without parameters or rows: `BEGIN`, `COMMIT`, ...
    pub fn command(&self, sql: &str) -> Result<()> {
        self.sqlite.prepare_cached(sql).and_then(|mut statement| statement.raw_execute()).map_err(error::translate)?;
        Ok(())
    }
}

fn cannot_open(path: &Path, error: &rusqlite::Error) -> Error {
    Error::new("58030", format!("could not open the database {}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use basalt_sql::ddl;
    use rusqlite::StatementStatus;

    use super::*;

    /// How often SQLite compiled a cached statement anew in three runs, under a catalog with this partial index of this table.
    fn compiled_anew(table: &str, predicate: &str) -> i32 {
        let folder = tempfile::tempdir().expect("a folder");
        let file = File { path: folder.path().join("basalt.db"), durable: false, max_size: 0 };
        let mut catalog = ddl::bootstrap();
        let made = format!("create table {table} (id int, a text)");
        let index = format!("create index on {table} (id) where {predicate}");
        for statement in [made, index] {
            ddl::apply(&mut catalog, &mut ddl::Session::default(), &statement).expect("a catalog");
        }
        let mut session = file.writer().expect("a connection");
        session.sqlite.execute_batch("CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT)").expect("a table");
        session.follow(&Schema::new(catalog)).expect("a schema");
        let mut last = 0;
        for limit in 1..=3 {
            let mut statement = session.sqlite.prepare_cached("SELECT a FROM t LIMIT ?1").expect("a statement");
            let _ = statement.exists([limit]).expect("a run");
            last = statement.get_status(StatementStatus::RePrepare);
        }
        last
    }

    #[test]
    fn a_cached_statement_is_compiled_once_unless_a_value_can_decide_its_plan() {
        assert_eq!(compiled_anew("t", "a is not null"), 0);
        assert_ne!(compiled_anew("t", "a = 'open'"), 0);
        assert_eq!(compiled_anew("auth.t", "a = 'open'"), 0);
    }

    /// Nothing is acknowledged before the disk has it: commits sync the log, and checkpoints sync it before they write the file.
    #[test]
    fn whoever_writes_syncs() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = File { path: folder.path().join("basalt.db"), durable: true, max_size: 0 };
        for connection in [file.writer().expect("a connection").sqlite, file.bare().expect("a connection")] {
            let said = |pragma: &str| connection.pragma_query_value(None, pragma, |row| row.get::<_, i64>(0));
            assert_eq!(said("synchronous"), Ok(2));
            assert_eq!(connection.pragma_query_value(None, "journal_mode", |row| row.get(0)), Ok("wal".to_owned()));
        }
    }
}
