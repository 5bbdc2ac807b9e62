//! Migrations that no transaction may hold: `create index concurrently` and its like. When one of their statements fails, what those
//! before it did is undone: indexes that were made go again, those that were dropped are made again.

use basalt_core::{Error, Result};
use basalt_sql::DEFAULT_PATH;
use basalt_sql::quote::{ident, literal};
use basalt_sql::script::{Bound, Piece, bound, tokens};
use tokio_postgres::Client;
use tokio_postgres::types::Type;

use super::error::translate;
use super::migrating::{LOCK_TIMEOUT, failed};
use crate::migrate::ScriptError;

/// Indexes of a table, or those that a reindexing may have left (PostgreSQL manual, REINDEX).
const INDEXES: &str = "select i.indexrelid, n.nspname::text, c.relname::text from pg_catalog.pg_index i
  join pg_catalog.pg_class c on c.oid = i.indexrelid join pg_catalog.pg_namespace n on n.oid = c.relnamespace
  where case when $1 is null then not i.indisvalid and c.relname ~ '_cc(new|old)[0-9]*$' else i.indrelid = to_regclass($1) end
    and i.indexrelid <> all ($2)";
/// An index that is there: what makes it, its name, and its comment.
const DEFINITION: &str = "select pg_catalog.pg_get_indexdef(i.indexrelid), i.indexrelid::pg_catalog.regclass::text,
  pg_catalog.obj_description(i.indexrelid, 'pg_class') from pg_catalog.pg_index i where i.indexrelid = to_regclass($1)";

/// The tokens of a statement among which it says what it is.
const FIRST: usize = 16;

/// A kind of statement that PostgreSQL refuses in a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    CreateIndex,
    DropIndex,
    Reindex,
    /// It changes nothing that a query could see.
    Vacuum,
    /// Of databases, tablespaces, and the server's settings: nothing undoes it.
    Server,
}

/// What undoes a statement, each in a transaction of its own.
struct Undo(Vec<String>);

/// Whether PostgreSQL refuses the statement in a transaction.
pub(super) fn is_outside(sql: &str) -> bool {
    kind(sql).is_some()
}

fn kind(sql: &str) -> Option<Kind> {
    let words: Vec<String> = tokens(sql).take(FIRST).map(str::to_ascii_lowercase).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words[..] {
        ["vacuum", ..] => Some(Kind::Vacuum),
        ["alter", "system", ..] | ["create" | "drop", "database" | "tablespace", ..] => Some(Kind::Server),
        ["create", "index", "concurrently", ..] | ["create", "unique", "index", "concurrently", ..] => {
            Some(Kind::CreateIndex)
        }
        ["drop", "index", "concurrently", ..] => Some(Kind::DropIndex),
        ["reindex", ref what @ ..] => {
            let options = what.iter().position(|word| *word == ")").filter(|_| what[0] == "(").map_or(0, |end| end + 1);
            let (options, what) = what.split_at(options);
            let is_outside = options.contains(&"concurrently")
                || matches!(what, ["schema" | "database" | "system", ..] | [_, "concurrently", ..]);
            is_outside.then_some(Kind::Reindex)
        }
        _ => None,
    }
}

/// Runs a migration's statements, each by itself, and then `record`. Behind a pooler that hands out connections by transaction there is no
/// session to set anything in for them.
///
/// Errors: the first statement's that fails; what those before it did is undone by then, and what it left half-way is gone.
pub(super) async fn run(
    client: &Client,
    pieces: &[Piece<'_>],
    is_pooled: bool,
    record: impl Future<Output = Result<()>>,
) -> Result<(), ScriptError> {
    let statements = pieces.iter().filter_map(Piece::statement).filter(|(sql, _)| bound(sql) != Some(Bound::Idle));
    let is_alone = statements.clone().count() == 1;
    for (sql, offset) in statements.clone() {
        let (what, hint) = match kind(sql) {
            Some(Kind::Server) if !is_alone => (
                "a statement that nothing undoes stands beside others in one migration",
                "Put it into a migration of its own.",
            ),
            Some(_) => continue,
            None => (
                "a statement that can't run in a transaction stands beside others in one migration",
                "Put `create index concurrently` and its like into a migration of their own.",
            ),
        };
        return Err(failed(Error::unsupported(what, hint), sql, offset));
    }
    if !is_pooled {
        let set = format!(
            "set search_path = {}; set statement_timeout = 0; set lock_timeout = {}",
            DEFAULT_PATH.join(", "),
            LOCK_TIMEOUT.as_millis()
        );
        client.batch_execute(&set).await.map_err(translate)?;
    }
    let mut undo = Undo(Vec::new());
    for (sql, offset) in statements {
        if let Err(error) = undo.after(client, sql).await {
            return Err(failed(undo.all(client, error).await, sql, offset));
        }
    }
    match record.await {
        Ok(()) => Ok(()),
        Err(error) => Err(undo.all(client, error).await.into()),
    }
}

impl Undo {
    /// Runs a statement, and keeps what undoes it, or what it left half-way.
    async fn after(&mut self, client: &Client, sql: &str) -> Result<()> {
        let kind = kind(sql);
        let watched = match kind {
            Some(Kind::CreateIndex) => indexed(sql).map(Some),
            Some(Kind::Reindex) => Some(None),
            _ => None,
        };
        let before: Vec<u32> = match &watched {
            Some(of) => indexes(client, of.as_deref(), &[]).await?.into_iter().map(|(oid, _)| oid).collect(),
            None => Vec::new(),
        };
        let dropped = match kind {
            Some(Kind::DropIndex) => definition(client, sql).await?,
            _ => Vec::new(),
        };
        let done = client.batch_execute(sql).await.map_err(translate);
        if done.is_ok() {
            self.0.extend(dropped);
        }
        if let Some(of) = watched.filter(|_| !client.is_closed()) {
            let new = indexes(client, of.as_deref(), &before).await?;
            self.0.extend(new.into_iter().map(|(_, name)| format!("drop index concurrently if exists {name}")));
        }
        done
    }

    /// Undoes everything, last things first. What can't be undone is named in the error's hint.
    async fn all(self, client: &Client, error: Error) -> Error {
        let mut left = Vec::new();
        for statement in self.0.into_iter().rev() {
            if client.batch_execute(&statement).await.is_err() {
                left.push(statement);
            }
        }
        match left.is_empty() {
            true => error,
            false => {
                error.with_hint(format!("Not everything could be undone; before it is run again: {};", left.join("; ")))
            }
        }
    }
}

/// The index that a `drop index concurrently` is about to drop: its comment, and what makes it, to be run in the other order.
async fn definition(client: &Client, sql: &str) -> Result<Vec<String>> {
    let Some(index) = dropped(sql) else { return Ok(Vec::new()) };
    let rows = client.query_typed(DEFINITION, &[(&index, Type::TEXT)]).await.map_err(translate)?;
    let Some(row) = rows.first() else { return Ok(Vec::new()) };
    let (makes, name): (String, String) = (row.get(0), row.get(1));
    let comment = row.get::<_, Option<String>>(2).map(|text| format!("comment on index {name} is {}", literal(&text)));
    Ok(comment.into_iter().chain([makes.replacen(" INDEX ", " INDEX CONCURRENTLY ", 1)]).collect())
}

/// The index of a `drop index concurrently`, as it is written.
fn dropped(sql: &str) -> Option<String> {
    let mut tokens = tokens(sql).skip(3).peekable();
    if tokens.next_if(|token| token.eq_ignore_ascii_case("if")).is_some() {
        tokens.next();
    }
    name(tokens)
}

/// The table of a `create index concurrently`, as it is written.
fn indexed(sql: &str) -> Option<String> {
    let mut tokens = tokens(sql).peekable();
    tokens.find(|token| token.eq_ignore_ascii_case("on"))?;
    tokens.next_if(|token| token.eq_ignore_ascii_case("only"));
    name(tokens)
}

/// A name, which may be qualified, without what stands between its parts.
fn name<'a>(mut tokens: impl Iterator<Item = &'a str>) -> Option<String> {
    let mut name = tokens.next()?.to_owned();
    while let (Some("."), Some(part)) = (tokens.next(), tokens.next()) {
        name.push('.');
        name.push_str(part);
    }
    Some(name)
}

/// Numbers and quoted names of a table's indexes (without one: of what reindexing leaves) that are not among the known ones.
async fn indexes(client: &Client, table: Option<&str>, known: &[u32]) -> Result<Vec<(u32, String)>> {
    let rows =
        client.query_typed(INDEXES, &[(&table, Type::TEXT), (&known, Type::OID_ARRAY)]).await.map_err(translate)?;
    Ok(rows.iter().map(|row| (row.get(0), format!("{}.{}", ident(row.get(1)), ident(row.get(2))))).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_of_an_index_is_found() {
        for (sql, table) in [
            ("create index concurrently on notes (body)", "notes"),
            ("CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS i ON public.notes(body)", "public.notes"),
            ("create index concurrently \"on it\" on only \"My Notes\" using btree (body)", "\"My Notes\""),
            ("create index concurrently i\n  on\n notes\n (body)", "notes"),
            ("create index concurrently i -- on the list\n on /* the */ app . notes (body)", "app.notes"),
        ] {
            assert_eq!(indexed(sql).as_deref(), Some(table), "{sql}");
        }
    }

    #[test]
    fn the_index_that_goes_is_found() {
        for (sql, index) in [
            ("drop index concurrently i;", "i"),
            ("DROP INDEX CONCURRENTLY IF EXISTS app.\"By Id\" CASCADE", "app.\"By Id\""),
            ("-- why\ndrop index concurrently /* not j */ app. i", "app.i"),
        ] {
            assert_eq!(dropped(sql).as_deref(), Some(index), "{sql}");
        }
    }

    #[test]
    fn what_no_transaction_may_hold_is_told_apart() {
        for (sql, expected) in [
            ("create index concurrently i on t (a)", Some(Kind::CreateIndex)),
            ("-- why\nCREATE UNIQUE INDEX CONCURRENTLY ON t (a)", Some(Kind::CreateIndex)),
            ("create index concurrently_named on t (a)", None),
            ("drop index concurrently if exists i", Some(Kind::DropIndex)),
            ("drop index i", None),
            ("reindex (verbose, tablespace fast) index concurrently i", Some(Kind::Reindex)),
            ("reindex schema app", Some(Kind::Reindex)),
            ("reindex table t", None),
            ("reindex table schema", None),
            ("reindex (concurrently) table t", Some(Kind::Reindex)),
            ("create /* or not */ index concurrently i on t (a)", Some(Kind::CreateIndex)),
            ("vacuum t", Some(Kind::Vacuum)),
            ("alter system set work_mem = '1MB'", Some(Kind::Server)),
            ("drop database other", Some(Kind::Server)),
            ("create table database (a int)", None),
        ] {
            assert_eq!(kind(sql), expected, "{sql}");
        }
    }
}
