//! The change log on PostgreSQL: triggers on the watched tables write it, whoever writes, and readers wait for what is under way.
//!
//! Ids come from a sequence, so an entry may appear after one with a higher id. Every transaction with entries holds a shared
//! advisory lock, taken before its first id. What the sequence had given when nobody, or nobody any more who held the lock then,
//! is under way is settled: nothing can appear there. Other transactions, however long, hold nothing back.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use basalt_core::{Error, Operation, Result};
use basalt_sql::catalog::Relation;
use basalt_sql::quote::literal;
use basalt_sql::{Catalog, Name};
use tokio::try_join;
use tokio_postgres::Client;

use super::error::translate;
use super::pool::Unfinished;
use super::{Engine, Postgres};
use crate::changes::{Hub, absent};

/// The function that the triggers call.
const FUNCTION: &str = include_str!("changes.sql");
/// How often the log is looked at while somebody listens: changes from outside ring no bell. (NOTIFY in each transaction would: it
/// has commits wait for each other.)
const POLL: Duration = Duration::from_millis(50);

/// The log's sequence, read before the transactions that are under way: in this order nothing slips through.
const GIVEN: &str = "select case when is_called then last_value else 0 end from basalt.changes_id_seq";
const UNDER_WAY: &str = "select virtualtransaction from pg_catalog.pg_locks where locktype = 'advisory' and classid = 702111 \
    and objid = 1 and objsubid = 2 and granted and database = (select oid from pg_catalog.pg_database where datname = current_database())";

/// Up to where the log is settled, as far as this process knows.
#[derive(Default)]
pub(super) struct Fence {
    settled: u64,
    /// An id that the sequence had given, and who was under way then.
    waiting: Option<(u64, BTreeSet<String>)>,
}

impl Postgres {
    pub(crate) fn hub(&self) -> &std::sync::Arc<Hub> {
        &self.engine.hub
    }

    pub(crate) fn poll_interval(&self) -> Duration {
        POLL
    }

    /// Has these tables' triggers be there, where the catalog has them watched.
    ///
    /// Errors: why those of one can't be made; 55P03 where somebody held the table for too long.
    pub(crate) async fn log(&self, tables: &[Name]) -> Result<()> {
        if tables.is_empty() {
            return Ok(());
        }
        self.engine.watch(&self.catalog(), Some(tables)).await?.map_or(Ok(()), Err)
    }

    /// The highest id at and below which no entry can appear any more.
    ///
    /// Errors: 0A000 where the database has no log.
    pub(crate) async fn settled(&self) -> Result<u64> {
        let mut fence = self.engine.fence.lock().await;
        let connection = self.engine.owner.get().await?;
        let client = &connection.client;
        let asked = try_join!(client.query_typed_one(GIVEN, &[]), client.query_typed(UNDER_WAY, &[]));
        let (given, under_way) = asked.map_err(|error| absent(translate(error)))?;
        let given = given.get::<_, i64>(0).unsigned_abs();
        let under_way: BTreeSet<String> = under_way.iter().map(|row| row.get(0)).collect();
        fence.look(given, under_way);
        Ok(fence.settled)
    }
}

impl Fence {
    /// Takes what the sequence has given, and who was under way after that was read.
    fn look(&mut self, given: u64, under_way: BTreeSet<String>) {
        if under_way.is_empty() {
            (self.settled, self.waiting) = (given, None);
            return;
        }
        match &self.waiting {
            Some((_, others)) if !others.is_disjoint(&under_way) => {}
            waiting => {
                self.settled = waiting.as_ref().map_or(self.settled, |(id, _)| *id);
                self.waiting = Some((given, under_way));
            }
        }
    }
}

/// Makes what the log needs besides its tables: the triggers' function, and the publication that projects add their tables to.
pub(super) async fn install(client: &Client) -> Result<()> {
    client.batch_execute(FUNCTION).await.map_err(translate)?;
    let there = "select exists (select from pg_catalog.pg_publication where pubname = 'supabase_realtime')";
    if client.query_typed_one(there, &[]).await.map_err(translate)?.get(0) {
        return Ok(());
    }
    let made = client.batch_execute("savepoint one; create publication supabase_realtime; release savepoint one").await;
    if let Err(error) = made.map_err(translate) {
        client.batch_execute("rollback to savepoint one").await.map_err(translate)?;
        if error.code() == "42710" {
            // Somebody else was faster.
            return Ok(());
        }
        tracing::warn!(%error, "the publication supabase_realtime could not be made: no table is watched before it is there");
    }
    Ok(())
}

/// The log's triggers on one table.
#[derive(Default, PartialEq, Eq)]
struct Triggers {
    /// The sum of `pg_trigger.tgtype`'s bits.
    rows: i16,
    truncate: bool,
    /// Which rows, if not all.
    condition: Option<String>,
}

const TRIGGERS: &str = "select n.nspname::text, c.relname::text, t.tgtype, c.relkind = 'p', t.tgargs
  from pg_catalog.pg_trigger t
  join pg_catalog.pg_class c on c.oid = t.tgrelid join pg_catalog.pg_namespace n on n.oid = c.relnamespace
  where t.tgfoid = to_regprocedure('basalt.log_change()') and t.tgparentid = 0";

const ROW: i16 = 1;
const INSERT: i16 = 4;
const DELETE: i16 = 8;
const UPDATE: i16 = 16;

impl Engine {
    /// Has exactly the tables logged that the catalog has watched, or of these as many. One that can't be is named in the server's log; gives the
    /// reason of the last one.
    pub(super) async fn watch(&self, catalog: &Catalog, only: Option<&[Name]>) -> Result<Option<Error>> {
        if catalog.relation("basalt", "changes").is_none() {
            return Ok(None);
        }
        let unfinished = Unfinished::new(self.owner.get().await?);
        let failed = watch(&unfinished.get()?.client, catalog, only).await?;
        unfinished.finish();
        Ok(failed)
    }
}

/// See [`Engine::watch`].
pub(super) async fn watch(client: &Client, catalog: &Catalog, only: Option<&[Name]>) -> Result<Option<Error>> {
    let mut there: BTreeMap<Name, Triggers> = BTreeMap::new();
    for row in client.query_typed(TRIGGERS, &[]).await.map_err(translate)? {
        let name = Name::new(row.get::<_, String>(0), row.get::<_, String>(1));
        let (bits, is_partitioned, arguments): (i16, bool, &[u8]) = (row.get(2), row.get(3), row.get(4));
        let arguments = String::from_utf8_lossy(arguments);
        let mut arguments: Vec<&str> = arguments.split_terminator('\0').collect();
        if is_partitioned {
            // One that was renamed: its triggers tell the old name.
            if !arguments.starts_with(&[&*name.schema, &*name.name]) {
                continue;
            }
            arguments.drain(..2);
        }
        let triggers = there.entry(name).or_default();
        match bits & ROW {
            0 => triggers.truncate = true,
            _ => {
                triggers.rows = bits & !ROW;
                triggers.condition = arguments.first().map(|condition| (*condition).to_owned());
            }
        }
    }
    let mut scripts = Vec::new();
    for relation in catalog.relations.values().filter(|relation| relation.view().is_none()) {
        let wanted = wanted(catalog, relation);
        if there.remove(&relation.name).unwrap_or_default() != wanted {
            scripts.push((relation.name.clone(), script(&relation.name, &wanted)));
        }
    }
    // A partition that was attached to a watched table, or what is no table of the catalog: its triggers go.
    scripts.extend(there.into_keys().map(|name| (name.clone(), script(&name, &Triggers::default()))));
    scripts.retain(|(name, _)| only.is_none_or(|only| only.contains(name)));
    let mut failed = None;
    for (name, script) in scripts {
        if let Err(error) = client.batch_execute(&script).await.map_err(translate) {
            client.batch_execute("rollback").await.map_err(translate)?;
            tracing::warn!(%error, table = %name, "changes of the table can't be logged; trying again when the catalog is next read");
            failed = Some(error);
        }
    }
    Ok(failed)
}

fn wanted(catalog: &Catalog, relation: &Relation) -> Triggers {
    let operations = catalog.watched(&relation.name);
    let bit = |operation: &Operation| match operation {
        Operation::Insert => INSERT,
        Operation::Update => UPDATE,
        Operation::Delete => DELETE,
        Operation::Truncate => 0,
    };
    let rows = operations.iter().map(bit).sum();
    let condition = catalog.watched_rows(&relation.name).filter(|_| rows != 0);
    Triggers { rows, truncate: operations.contains(&Operation::Truncate), condition }
}

/// Puts a table's triggers in the place of those it has. Writers are waited for, but not long.
fn script(table: &Name, wanted: &Triggers) -> String {
    let quoted = table.quoted();
    let mut script = format!(
        "begin; set local lock_timeout = '2s'; drop trigger if exists _basalt_log on {quoted}; \
         drop trigger if exists _basalt_log_truncate on {quoted}; "
    );
    let events = [(INSERT, "insert"), (UPDATE, "update"), (DELETE, "delete")];
    let events: Vec<&str> = events.iter().filter(|(bit, _)| wanted.rows & bit != 0).map(|(_, word)| *word).collect();
    if !events.is_empty() {
        let create = format!("create trigger _basalt_log after {} on {quoted} for each row", events.join(" or "));
        script += &on_either(table, &create, wanted.condition.as_deref());
    }
    if wanted.truncate {
        let create = format!("create trigger _basalt_log_truncate after truncate on {quoted} for each statement");
        script += &on_either(table, &create, None);
    }
    script + "commit"
}

/// A trigger's creation. A partitioned table's triggers run for its partitions, so they are told whose name counts.
fn on_either(table: &Name, create: &str, condition: Option<&str>) -> String {
    let call = |arguments: &[&str]| {
        let arguments: Vec<String> = arguments.iter().copied().chain(condition).map(literal).collect();
        format!("{create} execute function basalt.log_change({})", arguments.join(", "))
    };
    let (plain, partitioned) = (call(&[]), call(&[&table.schema, &table.name]));
    let body = format!(
        "begin if (select relkind from pg_catalog.pg_class where oid = {}::pg_catalog.regclass) = 'p' then execute {}; \
         else execute {}; end if; end",
        literal(&table.quoted()),
        literal(&partitioned),
        literal(&plain),
    );
    format!("do {}; ", literal(&body))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn what_was_given_is_settled_when_those_under_way_then_have_ended() {
        let mut fence = Fence::default();
        fence.look(5, names(&["a"]));
        assert_eq!(fence.settled, 0, "a may still write below 5");
        fence.look(9, names(&["a", "b"]));
        assert_eq!(fence.settled, 0);
        fence.look(12, names(&["b"]));
        assert_eq!(fence.settled, 5, "a has ended; b began after 5 was given, or before: it was not seen then");
        fence.look(14, names(&["b"]));
        assert_eq!(fence.settled, 5, "b may hold what lies between");
        fence.look(14, names(&["c"]));
        assert_eq!(fence.settled, 12);
        fence.look(20, names(&[]));
        assert_eq!(fence.settled, 20);
    }
}
