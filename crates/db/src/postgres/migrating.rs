//! Migrations, seeds and imports: scripts run as they are, each in one transaction.

use std::collections::BTreeSet;
use std::time::Duration;

use basalt_core::{Error, Result};
use basalt_sql::ddl::Provided;
use basalt_sql::ddl::dump::{self, Taken};
use basalt_sql::script::{Bound, Piece, bound, first_word, is_write, split};
use basalt_sql::{Catalog, DEFAULT_PATH, plpgsql};
use bytes::Bytes;
use futures_util::SinkExt;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, SimpleQueryMessage};

use super::error::translate;
use super::extensions;
use super::grants::Connected;
use super::turn::Turn;
use super::views::{Keeper, explained};
use super::{Postgres, outside};
use crate::copy::pass_over_keys;
use crate::migrate::{Applied, Imported, Keys, Progress, RECORD, ScriptError, checksum};

/// How much `copy` data is sent at once.
const CHUNK: usize = 64 << 10;
/// How long a script waits for locks that requests hold before it gives up (55P03).
pub(super) const LOCK_TIMEOUT: Duration = Duration::from_secs(30);
/// Makes the session the connecting role's again, whatever role a script took.
const OWN_ROLE: &str = "reset session authorization; reset role";

impl Postgres {
    /// See [`crate::Database::apply_migration`].
    pub(crate) async fn apply_migration(
        &self,
        version: &str,
        name: &str,
        source: &str,
        keys: Keys,
    ) -> Result<BTreeSet<String>, ScriptError> {
        let pieces = split(source)?;
        let (mut own, mut passed_over) = self.own_pieces(&pieces)?;
        let missed = extensions::missed(&self.owner().await?.client, &own).await?;
        own.retain(|piece| !extensions::made(piece.text().0).is_some_and(|name| missed.contains(&name)));
        passed_over.extend(missed.iter().map(|name| format!("extension {name}, which this server does not have")));
        // Servers that start together would apply the same migration: the first does, the others find it applied.
        let turn = Turn::take(&self.engine.owner_target).await?;
        let done = self.apply_in_turn((version, name), source, (&pieces, &own), keys).await;
        turn.end().await?;
        if let Err(mut failure) = done {
            if failure.error.code() == "42501" {
                failure.error = Connected::ask(&self.owner().await?.client).await?.explain(failure.error);
            }
            return Err(failure);
        }
        self.engine.reload().await?;
        Ok(passed_over)
    }

    /// What a migration has beside what services have made, and what it would make again. One that drops something may make it anew.
    fn own_pieces<'a>(&self, pieces: &[Piece<'a>]) -> Result<(Vec<Piece<'a>>, BTreeSet<String>), ScriptError> {
        let (provided, catalog) = (self.provided(), self.catalog());
        let (mut own, mut passed_over, mut drops) = (Vec::new(), BTreeSet::new(), false);
        for piece in pieces {
            let (sql, offset) = piece.text();
            drops |= Provided::may_drop(sql);
            let again = if drops { Ok(None) } else { provided.made_again(sql, &catalog) };
            match again.map_err(|error| failed(error, sql, offset))? {
                Some(what) => drop(passed_over.insert(what)),
                None => own.push(piece.clone()),
            }
        }
        Ok((own, passed_over))
    }

    async fn apply_in_turn(
        &self,
        (version, name): (&str, &str),
        source: &str,
        (pieces, own): (&[Piece<'_>], &[Piece<'_>]),
        keys: Keys,
    ) -> Result<(), ScriptError> {
        let connection = self.engine.owner_target.connect(1).await?;
        let client = &connection.client;
        keep_record(client).await?;
        let applied = "select exists (select from supabase_migrations.schema_migrations where version = $1)";
        if client.query_typed_one(applied, &[(&version, Type::TEXT)]).await.map_err(translate)?.get(0) {
            return Ok(());
        }
        let statements: Vec<&str> = pieces.iter().filter_map(Piece::statement).map(|(sql, _)| sql).collect();
        let checksum = checksum(source);
        let record = "insert into supabase_migrations.schema_migrations (version, statements, name, checksum) values ($1, $2, $3, $4)";
        let recorded: [(&(dyn ToSql + Sync), Type); 4] =
            [(&version, Type::TEXT), (&statements, Type::TEXT_ARRAY), (&name, Type::TEXT), (&checksum, Type::TEXT)];
        if statements.iter().any(|sql| outside::is_outside(sql)) {
            let record = async { client.execute_typed(record, &recorded).await.map(drop).map_err(translate) };
            return outside::run(client, own, self.engine.options.transaction_pooler, record).await;
        }
        let mut script = Script::new(client, source, |_| {});
        script.begin().await?;
        if keys == Keys::PassedOver {
            pass_over_keys(client).await?;
        }
        let mut done = keeping_views(client, &mut script, own).await;
        if done.is_ok() {
            let recorded = client.execute_typed(record, &recorded).await;
            done = recorded.map(drop).map_err(|error| translate(error).into());
        }
        script.end(done).await
    }

    /// What services make.
    pub(crate) fn provided(&self) -> Provided {
        crate::migrate::provided(&self.engine.options.services)
    }

    /// See [`crate::Database::applied`].
    pub async fn applied(&self) -> Result<Vec<Applied>> {
        let connection = self.engine.owner.get().await?;
        let there = "select to_regclass('supabase_migrations.schema_migrations') is not null";
        if !connection.client.query_typed_one(there, &[]).await.map_err(translate)?.get::<_, bool>(0) {
            return Ok(Vec::new());
        }
        // A record that the Supabase CLI made has no checksums.
        let sql = "select version, coalesce(name, ''), coalesce(to_jsonb(m) ->> 'checksum', '') \
            from supabase_migrations.schema_migrations m order by version";
        let rows = connection.client.query_typed(sql, &[]).await.map_err(translate)?;
        Ok(rows.iter().map(|row| Applied { version: row.get(0), name: row.get(1), checksum: row.get(2) }).collect())
    }

    /// See [`crate::Database::run_script`].
    pub async fn run_script(
        &self,
        source: &str,
        progress: impl FnMut(Progress) + Send,
    ) -> Result<Progress, ScriptError> {
        let connection = self.engine.owner_target.connect(1).await?;
        let pieces = split(source)?;
        let mut script = Script::new(&connection.client, source, progress);
        script.begin().await?;
        let done = script.run(&pieces).await;
        script.end(done).await?;
        let done = script.done;
        self.engine.reload().await?;
        Ok(done)
    }

    /// Runs what an import takes of a script.
    pub(crate) async fn import(
        &self,
        source: &str,
        catalog: &Catalog,
        progress: impl FnMut(Progress) + Send,
    ) -> Result<Imported, ScriptError> {
        let connection = self.engine.owner_target.connect(1).await?;
        let dump = dump::read(split(source)?, catalog);
        let pieces: Vec<Piece<'_>> = dump.pieces.iter().chain(&dump.last).map(Taken::piece).collect();
        let mut script = Script::new(&connection.client, source, progress);
        script.begin().await?;
        let done = script.run(&pieces).await;
        script.end(done).await?;
        let rows = script.done.rows;
        self.engine.reload().await?;
        Ok(Imported { rows, passed_over: dump.passed_over, roles: dump.roles })
    }

    /// See [`crate::Database::reset`].
    pub async fn reset(&self) -> Result<()> {
        let connection = self.engine.owner_target.connect(1).await?;
        let roles = if self.cluster.is_some() { RESET_ROLES } else { "" };
        connection.client.batch_execute(&format!("{RESET}; {roles}")).await.map_err(translate)?;
        super::bootstrap::bootstrap(&connection.client).await?;
        super::installing::install(&connection.client, &self.engine.options.services).await?;
        connection.client.batch_execute(END_ORPHANS).await.map_err(translate)?;
        self.engine.reload().await
    }
}

/// A script while it runs.
pub(super) struct Script<'c, P> {
    client: &'c Client,
    source: &'c str,
    done: Progress,
    progress: P,
}

impl<'c, P: FnMut(Progress)> Script<'c, P> {
    pub(super) fn new(client: &'c Client, source: &'c str, progress: P) -> Self {
        let done = Progress { total_bytes: source.len(), ..Progress::default() };
        Script { client, source, done, progress }
    }

    async fn begin(&self) -> Result<()> {
        let begin = format!(
            "begin; set local client_min_messages = warning; set local search_path = {}; \
             set local statement_timeout = 0; set local lock_timeout = {}",
            DEFAULT_PATH.join(", "),
            LOCK_TIMEOUT.as_millis()
        );
        self.client.batch_execute(&begin).await.map_err(translate)
    }

    /// Commits what went well, undoes the rest. What the script has set is nobody's later, be there a pooler between.
    async fn end(&self, done: Result<(), ScriptError>) -> Result<(), ScriptError> {
        let end = if done.is_ok() { format!("{OWN_ROLE}; reset all; commit") } else { "rollback".to_owned() };
        let ended = self.client.batch_execute(&end).await.map_err(translate);
        done?;
        // A deferred constraint speaks up here.
        Ok(ended?)
    }

    pub(super) async fn run(&mut self, pieces: &[Piece<'_>]) -> Result<(), ScriptError> {
        for piece in pieces {
            match *piece {
                Piece::Meta { .. } => continue,
                Piece::Statement { sql, offset } => {
                    self.statement(sql).await.map_err(|error| failed(error, sql, offset))?;
                    self.done.bytes = self.done.bytes.max(offset + sql.len());
                }
                Piece::Copy { sql, offset, data } => {
                    self.copy(sql, data, offset).await?;
                    let end = (offset + sql.len() + data.len()).min(self.source.len());
                    self.done.bytes = self.done.bytes.max(end);
                }
            }
            self.done.statements += 1;
            (self.progress)(self.done);
        }
        Ok(())
    }

    async fn statement(&mut self, sql: &str) -> Result<()> {
        match bound(sql) {
            Some(Bound::Idle) => return Ok(()),
            Some(Bound::Ends) => {
                let hint = "A migration is one transaction; remove what is to be undone.";
                return Err(Error::unsupported("a script that ends its own transaction", hint));
            }
            // The script fills the database that it is given.
            None if is_of_databases(sql) => return Ok(()),
            None => {}
        }
        if first_word(sql).is_some_and(|word| word.eq_ignore_ascii_case("set")) {
            return self.setting(sql).await;
        }
        extensions::place(self.client, sql, self.source).await?;
        let messages = self.client.simple_query(sql).await.map_err(|error| helped(in_block(sql, error)))?;
        if is_write(sql) {
            let rows = messages.iter().map(|message| match message {
                SimpleQueryMessage::CommandComplete(rows) => *rows,
                _ => 0,
            });
            self.done.rows += rows.sum::<u64>();
        }
        Ok(())
    }

    /// A dump of a newer version sets what this one may not know.
    async fn setting(&self, sql: &str) -> Result<()> {
        self.client.batch_execute("savepoint basalt_set").await.map_err(translate)?;
        let set = self.client.batch_execute(sql).await.map_err(translate);
        let unknown = set.as_ref().is_err_and(|error| error.code() == "42704");
        let end = if unknown { "rollback to basalt_set; release basalt_set" } else { "release basalt_set" };
        match set {
            Err(error) if !unknown => Err(error),
            _ => self.client.batch_execute(end).await.map_err(translate),
        }
    }

    /// Loads rows. An error is told at its row, where PostgreSQL says which it is.
    async fn copy(&mut self, sql: &str, data: &str, offset: usize) -> Result<(), ScriptError> {
        let copied = self.send_rows(sql, data).await;
        copied.map_err(|error| {
            let line = error.as_db_error().and_then(|error| copied_line(error.where_()?));
            let failed = failed(translate(error), sql, offset);
            // What an import left out of the rows is not the file's.
            let at = (data.as_ptr() as usize).wrapping_sub(self.source.as_ptr() as usize);
            match line {
                Some(line) if at <= self.source.len() => {
                    let before = data.split_inclusive('\n').take(line - 1).map(str::len).sum::<usize>();
                    ScriptError { offset: at + before, ..failed }
                }
                _ => failed,
            }
        })
    }

    async fn send_rows(&mut self, sql: &str, data: &str) -> Result<(), tokio_postgres::Error> {
        let sink = self.client.copy_in::<_, Bytes>(sql).await?;
        let mut sink = std::pin::pin!(sink);
        let start = self.done.bytes;
        for (index, chunk) in data.as_bytes().chunks(CHUNK).enumerate() {
            sink.send(Bytes::copy_from_slice(chunk)).await?;
            self.done.bytes = self.done.bytes.max(start + index * CHUNK);
            (self.progress)(self.done);
        }
        self.done.rows += sink.finish().await?;
        Ok(())
    }
}

/// The row that PostgreSQL's context of an error names, from 1: `COPY t, line 2, column a: "x"`.
fn copied_line(context: &str) -> Option<usize> {
    let (_, rest) = context.lines().find_map(|line| line.strip_prefix("COPY ")?.split_once(", line "))?;
    let digits = rest.split(|c: char| !c.is_ascii_digit()).next()?;
    digits.parse().ok().filter(|line| *line > 0)
}

/// A statement's error; of a block (`do $$ ... $$`) with the place of the line that PostgreSQL's context names.
fn in_block(sql: &str, error: tokio_postgres::Error) -> Error {
    const CONTEXT: &str = "PL/pgSQL function inline_code_block line ";
    let line = error.as_db_error().and_then(|error| {
        let line = error.where_()?.lines().find_map(|line| line.strip_prefix(CONTEXT))?;
        line.split_once(' ')?.0.parse::<usize>().ok()?.checked_sub(1)
    });
    let error = translate(error);
    let Some((line, Ok(Some(block)))) = line.map(|line| (line, plpgsql::anonymous(sql))) else { return error };
    let before = block.body.split_inclusive('\n').take(line).map(str::len).sum::<usize>();
    let indent = block.body[before..].len() - block.body[before..].trim_start().len();
    let place = sql.get(..block.at + before + indent).map(|before| before.chars().count());
    error.elsewhere(place)
}

/// With what to do about it, where Basalt's being there made the error: a script is one transaction, and has some extensions already.
fn helped(error: Error) -> Error {
    match error.code() {
        "25001" => error.with_hint("A script is one transaction; put this statement into a migration of its own."),
        _ => extensions::helped(error),
    }
}

/// Makes the record of migrations where it is missing.
async fn keep_record(client: &Client) -> Result<()> {
    // What is there needs no right to make it.
    let there = "select count(*) = 2 from pg_catalog.pg_attribute where attname in ('version', 'checksum') and not attisdropped \
        and attrelid = to_regclass('supabase_migrations.schema_migrations')";
    if client.query_typed_one(there, &[]).await.map_err(translate)?.get(0) {
        return Ok(());
    }
    let make = format!(
        "set local client_min_messages = warning; {RECORD}; \
         alter table supabase_migrations.schema_migrations add column if not exists checksum text"
    );
    client.batch_execute(&make).await.map_err(translate)
}

/// Runs a migration's statements, and looks after the views that they make.
async fn keeping_views<P: FnMut(Progress)>(
    client: &Client,
    script: &mut Script<'_, P>,
    pieces: &[Piece<'_>],
) -> Result<(), ScriptError> {
    let mut views = Keeper::new(client).await?;
    for piece in pieces {
        script.run(std::slice::from_ref(piece)).await?;
        views.after_one(client).await?;
    }
    client.batch_execute(OWN_ROLE).await.map_err(translate)?;
    Ok(views.after_all(client).await?)
}

/// Judges a statement by its first words, in lower case.
pub(super) fn by_words<R>(sql: &str, judge: impl FnOnce(&[&str]) -> R) -> R {
    let start = first_word(sql).map_or(0, |word| word.as_ptr() as usize - sql.as_ptr() as usize);
    let words: Vec<String> = sql[start..].split_whitespace().take(5).map(str::to_ascii_lowercase).collect();
    judge(&words.iter().map(String::as_str).collect::<Vec<_>>())
}

/// `create database` and `drop database`, with which scripts of psql begin.
fn is_of_databases(sql: &str) -> bool {
    by_words(sql, |words| matches!(words, ["create" | "drop", "database", ..]))
}

/// Places an error: its position counts characters of the statement, which begins at `offset`.
pub(super) fn failed(error: Error, statement: &str, offset: usize) -> ScriptError {
    let within = error.position().and_then(|position| statement.char_indices().nth(position)).map_or(0, |(at, _)| at);
    ScriptError { error: explained(error), offset: offset + within, statement: statement.to_owned() }
}

/// Empties a database that others may share a server with.
const RESET: &str = "do $$
declare one text;
begin
  for one in select nspname from pg_namespace where nspname !~ '^pg_' and nspname <> 'information_schema' loop
    execute format('drop schema %I cascade', one);
  end loop;
  for one in select pubname from pg_publication loop
    execute format('drop publication %I', one);
  end loop;
  create schema public;
  grant usage on schema public to public;
end $$";

/// What else goes in a cluster of our own, in which roles are the project's too.
const RESET_ROLES: &str = "do $$
declare one text;
begin
  for one in select rolname from pg_roles where rolname !~ '^pg_' and oid <> 10 loop
    execute format('drop owned by %I cascade', one);
    execute format('drop role %I', one);
  end loop;
end $$";

/// A server that runs meanwhile is logged in as a role that is gone; one made again under the same name is another. It logs in anew.
const END_ORPHANS: &str = "select pg_terminate_backend(a.pid) from pg_stat_activity a \
    where a.usesysid is not null and not exists (select from pg_roles r where r.oid = a.usesysid)";
