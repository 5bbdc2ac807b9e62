//! A script while it runs: definitions change the catalog and the tables, everything else runs as the owner.

use std::collections::BTreeSet;
use std::sync::Arc;

use basalt_core::{Error, Identity, Result};
use basalt_sql::compile::compile;
use basalt_sql::ddl::{self, Action, Provided};
use basalt_sql::script::copy::{Copy, Row, Rows};
use basalt_sql::script::{Piece, first_word, is_write, split};
use basalt_sql::{Catalog, plpgsql, quote};
use rusqlite::Connection;
use rusqlite::config::DbConfig;

use super::looking::Looking;
use super::{Progress, ScriptError};
use crate::Format;
use crate::sqlite::changes;
use crate::sqlite::migrating::{self, Compiled, Schema};
use crate::sqlite::translate;

/// Rows of `copy` data that one statement inserts.
const BATCH: usize = 100;
/// Parameters that one statement may have: SQLite's limit is 32766.
const PARAMETERS: usize = 30_000;

/// The state of a script.
pub(crate) struct Script<'w> {
    pub(crate) connection: &'w Connection,
    /// The catalog as the statements so far leave it.
    pub catalog: Catalog,
    pub(super) session: ddl::Session,
    /// Who looks at what is written.
    pub(super) looking: Looking,
    /// The catalog as the engine takes it; made again when a definition changed it.
    schema: Option<Arc<Schema>>,
    /// Whether the connection logs what the catalog as it is has watched.
    is_watched: bool,
    /// How far it has come.
    pub done: Progress,
    progress: &'w mut dyn FnMut(Progress),
}

impl<'w> Script<'w> {
    /// A script of `total_bytes` in the connection's open transaction.
    pub fn new(
        connection: &'w Connection,
        schema: &Schema,
        total_bytes: usize,
        progress: &'w mut dyn FnMut(Progress),
    ) -> Self {
        migrating::start(&schema.catalog);
        Script {
            connection,
            catalog: (*schema.catalog).clone(),
            session: ddl::Session::default(),
            looking: Looking::new(connection),
            schema: None,
            is_watched: true,
            done: Progress { total_bytes, ..Progress::default() },
            progress,
        }
    }

    /// Runs every statement, and gives their texts.
    pub fn run(&mut self, source: &str) -> Result<Vec<String>, ScriptError> {
        let mut statements = Vec::new();
        for piece in split(source)? {
            self.piece(&piece, source)?;
            statements.extend(piece.statement().map(|(sql, _)| sql.to_owned()));
        }
        Ok(statements)
    }

    /// Runs what a migration has beside what services have made. Gives the texts of all its statements, and what it would make again.
    pub fn migrate(
        &mut self,
        source: &str,
        provided: &Provided,
    ) -> Result<(Vec<String>, BTreeSet<String>), ScriptError> {
        let (mut statements, mut passed_over) = (Vec::new(), BTreeSet::new());
        for piece in split(source)? {
            let (sql, offset) = piece.text();
            match provided.made_again(sql, &self.catalog).map_err(|error| failed(error, sql, offset))? {
                Some(what) => drop(passed_over.insert(what)),
                None => self.piece(&piece, source)?,
            }
            statements.extend(piece.statement().map(|(sql, _)| sql.to_owned()));
        }
        Ok((statements, passed_over))
    }

    pub(super) fn piece(&mut self, piece: &Piece<'_>, source: &str) -> Result<(), ScriptError> {
        match *piece {
            Piece::Meta { .. } => return Ok(()),
            Piece::Statement { sql, offset } => {
                self.statement(sql).map_err(|error| failed(error, sql, offset))?;
                self.done.bytes = self.done.bytes.max(offset + sql.len());
            }
            Piece::Copy { sql, offset, data } => {
                // Reduced data is not the file's.
                let at = (data.as_ptr() as usize).wrapping_sub(source.as_ptr() as usize);
                let data_at = if at <= source.len() { at } else { offset + sql.len() };
                self.copy(sql, data, offset, data_at)?;
                self.done.bytes = self.done.bytes.max((data_at + data.len()).min(source.len()));
            }
        }
        self.done.statements += 1;
        (self.progress)(self.done);
        Ok(())
    }

    fn statement(&mut self, sql: &str) -> Result<()> {
        if only_tells(sql) {
            return Ok(());
        }
        if let Some(block) = plpgsql::anonymous(sql)? {
            return self.block(&block);
        }
        if !ddl::is_definition(sql) {
            let is_write = is_write(sql);
            self.look(sql, is_write)?;
            let rows = self.query(sql, &[])?;
            self.done.rows += if is_write { rows } else { 0 };
            return Ok(());
        }
        self.define(sql)
    }

    /// Runs a definition.
    pub(crate) fn define(&mut self, sql: &str) -> Result<()> {
        self.keys_look(true)?;
        let enums = self.catalog.enums.clone();
        let actions = ddl::apply(&mut self.catalog, &mut self.session, sql)?;
        self.schema = None;
        self.is_watched = false;
        if self.catalog.enums != enums {
            migrating::register_enums(self.connection, &self.catalog)?;
        }
        actions.into_iter().try_for_each(|action| self.act(action))?;
        migrating::sequences(|sequences| {
            sequences.define(&self.catalog);
            Ok(())
        })
    }

    /// Compiles and runs one statement as the owner. Gives the rows that it wrote.
    fn query(&mut self, sql: &str, params: &[Option<String>]) -> Result<u64> {
        self.watch()?;
        let compiled = self.compile(sql)?;
        self.run_compiled(&compiled, params)
    }

    /// Has the rows that are written logged where their table is watched.
    pub(super) fn watch(&mut self) -> Result<()> {
        if !self.is_watched {
            changes::install(self.connection, &self.catalog)?;
            self.is_watched = true;
        }
        Ok(())
    }

    /// Runs a statement that belongs to a definition: nobody is told of its rows.
    fn unwatched(&mut self, sql: &str) -> Result<()> {
        changes::uninstall(self.connection)?;
        self.is_watched = false;
        let compiled = self.compile(sql)?;
        migrating::be_quiet(true);
        let done = self.run_compiled(&compiled, &[]);
        migrating::be_quiet(self.session.is_replica);
        done.map(drop)
    }

    pub(super) fn schema(&mut self) -> &Arc<Schema> {
        self.schema.get_or_insert_with(|| Arc::new(Schema::new(self.catalog.clone())))
    }

    fn compile(&mut self, sql: &str) -> Result<Compiled> {
        let program = compile(&self.catalog, Identity::OWNER, &self.session.search_path, sql)?;
        Ok(Compiled::new(program, self.schema()))
    }

    fn run_compiled(&mut self, compiled: &Compiled, params: &[Option<String>]) -> Result<u64> {
        let connection = self.connection;
        let schema = self.schema().clone();
        let answer = migrating::statement(connection, &schema, compiled, params, Format::None, usize::MAX)?;
        Ok(if compiled.program.writes { answer.rows } else { 0 })
    }

    fn act(&mut self, action: Action) -> Result<()> {
        match action {
            Action::Sql(sql) => {
                changes::uninstall(self.connection)?;
                self.sqlite(&sql)
            }
            Action::Rebuild(statements) => {
                changes::uninstall(self.connection)?;
                self.rebuild(&statements)
            }
            Action::Statement(sql) => self.unwatched(&sql),
            Action::JudgeSetting(name, value) => migrating::judge_setting(&name, &value),
            Action::Truncate(tables) => {
                let mut empty = tables.iter().rev();
                empty.try_for_each(|table| self.unwatched(&format!("delete from {}", table.quoted())))?;
                tables.iter().try_for_each(|table| changes::truncated(self.connection, &self.catalog, table))
            }
            Action::CheckForeignKey { table, constraint } => {
                let mut relations = self.catalog.relations.values();
                let Some(relation) = relations.find(|relation| relation.name.physical() == table) else {
                    return Ok(());
                };
                self.broken(relation, |name| name == constraint)?.map_or(Ok(()), Err)
            }
            Action::CreateSequence(name) => migrating::sequences(|sequences| {
                sequences.create(&name, &self.catalog);
                Ok(())
            }),
            Action::RestartSequence(name, value) => migrating::sequences(|sequences| {
                if !sequences.knows(&name) {
                    sequences.define(&self.catalog);
                }
                sequences.restart(&name, value)
            }),
            Action::CheckSequence(name) => migrating::sequences(|sequences| {
                sequences.define(&self.catalog);
                sequences.check(&name)
            }),
            Action::DropSequence(name) => {
                migrating::sequences(|sequences| sequences.drop(self.connection, &name).map_err(translate))
            }
            Action::RenameSequence(from, to) => {
                migrating::sequences(|sequences| sequences.rename(self.connection, &from, &to).map_err(translate))
            }
        }
    }

    /// Runs one of SQLite's own statements; of a SELECT, every row, for its errors.
    pub fn sqlite(&self, sql: &str) -> Result<()> {
        let run = || {
            let mut statement = self.connection.prepare(sql)?;
            let mut rows = statement.raw_query();
            while rows.next()?.is_some() {}
            Ok(())
        };
        run().map_err(|error| migrating::definition_error(&self.catalog, error))
    }

    fn rebuild(&self, statements: &[String]) -> Result<()> {
        self.set(DbConfig::SQLITE_DBCONFIG_ENABLE_FKEY, false)?;
        self.set(DbConfig::SQLITE_DBCONFIG_LEGACY_ALTER_TABLE, true)?;
        let result = statements.iter().try_for_each(|sql| self.sqlite(sql));
        self.sqlite("PRAGMA ignore_check_constraints = OFF")?;
        self.set(DbConfig::SQLITE_DBCONFIG_LEGACY_ALTER_TABLE, false)?;
        self.set(DbConfig::SQLITE_DBCONFIG_ENABLE_FKEY, self.do_keys_look())?;
        result
    }

    pub(super) fn set(&self, config: DbConfig, value: bool) -> Result<()> {
        self.connection.set_db_config(config, value).map(drop).map_err(translate)
    }

    /// Inserts the rows of a `copy`.
    pub fn copy(&mut self, sql: &str, data: &str, offset: usize, data_at: usize) -> Result<(), ScriptError> {
        let placed = |error| failed(error, sql, offset);
        let copy = Copy::parse(sql, &self.catalog, &self.session.search_path).map_err(placed)?;
        let seen = self.look_at_copy(&copy, sql).map_err(placed)?;
        self.insert(&copy, sql, data, offset, data_at)?;
        self.judge_copy(&copy, seen).map_err(placed)
    }

    fn insert(&mut self, copy: &Copy, sql: &str, data: &str, offset: usize, data_at: usize) -> Result<(), ScriptError> {
        self.watch()?;
        let width = copy.columns.len().max(1);
        let batch = BATCH.min(PARAMETERS / width).max(1);
        let many = self.compile(&copy.insert(batch)).map_err(|error| failed(error, sql, offset))?;
        let one = self.compile(&copy.insert(1)).map_err(|error| failed(error, sql, offset))?;
        let mut rows: Vec<Row> = Vec::with_capacity(batch);
        for row in Rows::new(data, copy) {
            let (at, row) = row.map_err(|(at, error)| failed(error, sql, data_at + at))?;
            rows.push((data_at + at, row));
            if rows.len() == batch {
                self.insert_batch(&many, &one, &mut rows).map_err(|(at, error)| failed(error, sql, at))?;
            }
        }
        self.insert_each(&one, &mut rows).map_err(|(at, error)| failed(error, sql, at))
    }

    /// Inserts a full batch; when it fails, row by row, to tell which.
    fn insert_batch(&mut self, many: &Compiled, one: &Compiled, rows: &mut Vec<Row>) -> Result<(), (usize, Error)> {
        let first = rows.first().map_or(0, |(at, _)| *at);
        let params: Vec<Option<String>> = rows.iter().flat_map(|(_, row)| row.iter().cloned()).collect();
        self.sqlite("SAVEPOINT batch").map_err(|error| (first, error))?;
        let inserted = self.run_compiled(many, &params);
        if inserted.is_err() {
            self.sqlite("ROLLBACK TO batch").map_err(|error| (first, error))?;
        }
        self.sqlite("RELEASE batch").map_err(|error| (first, error))?;
        if inserted.is_err() {
            return self.insert_each(one, rows);
        }
        self.done.rows += rows.len() as u64;
        self.done.bytes = rows.last().map_or(self.done.bytes, |(at, _)| *at);
        rows.clear();
        (self.progress)(self.done);
        Ok(())
    }

    fn insert_each(&mut self, one: &Compiled, rows: &mut Vec<Row>) -> Result<(), (usize, Error)> {
        for (at, row) in rows.drain(..) {
            self.run_compiled(one, &row).map_err(|error| (at, error))?;
            self.done.rows += 1;
        }
        Ok(())
    }

    /// Records a migration.
    pub fn record(&mut self, version: &str, name: &str, statements: &[String], checksum: &str) -> Result<()> {
        let sql = "insert into supabase_migrations.schema_migrations (version, statements, name, checksum) \
            values ($1, $2::text[], $3, $4)";
        let params = [version, &array_literal(statements), name, checksum].map(|text| Some(text.to_owned()));
        self.query(sql, &params).map(drop)
    }

    /// Records a service's migration.
    pub fn record_service(&mut self, service: &str, version: &str, checksum: &str) -> Result<()> {
        let sql = "insert into basalt.service_migrations (service, version, checksum) values ($1, $2, $3)";
        self.query(sql, &[service, version, checksum].map(|text| Some(text.to_owned()))).map(drop)
    }

    /// Takes a catalog again, when SQLite has undone what came after it.
    pub(super) fn restore(&mut self, catalog: Catalog) -> Result<()> {
        self.catalog = catalog;
        self.schema = None;
        self.is_watched = false;
        migrating::register_enums(self.connection, &self.catalog)?;
        migrating::sequences(|sequences| {
            sequences.define(&self.catalog);
            Ok(())
        })
    }

    /// Drops every table but Basalt's own.
    pub fn drop_everything(&mut self) -> Result<()> {
        let sql = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' \
            AND name NOT IN ('basalt_catalog', 'basalt_sequences')";
        let names = || -> rusqlite::Result<Vec<String>> {
            self.connection.prepare(sql)?.query_map([], |row| row.get(0))?.collect()
        };
        for name in names().map_err(translate)? {
            self.sqlite(&format!("DROP TABLE {}", quote::ident(&name)))?;
        }
        self.sqlite("DELETE FROM basalt_sequences")?;
        self.schema = None;
        migrating::sequences(|sequences| {
            sequences.define(&Catalog::default());
            Ok(())
        })
    }
}

/// `show` and plain `explain`, whose answer nobody of a script reads.
fn only_tells(sql: &str) -> bool {
    match first_word(sql).map(str::to_ascii_lowercase).as_deref() {
        Some("show") => true,
        Some("explain") => !sql.to_ascii_lowercase().contains("analyze"),
        _ => false,
    }
}

/// A text array as PostgreSQL reads it.
fn array_literal(texts: &[String]) -> String {
    let quoted = texts.iter().map(|text| format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"")));
    format!("{{{}}}", quoted.collect::<Vec<_>>().join(","))
}

/// Places an error: its position is within the statement, which begins at `offset`.
pub(super) fn failed(error: Error, statement: &str, offset: usize) -> ScriptError {
    let within = error.position().filter(|position| *position <= statement.len()).unwrap_or(0);
    ScriptError { error, offset: offset + within, statement: statement.to_owned() }
}
