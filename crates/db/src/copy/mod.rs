//! One database's rows carried over to another, whichever engines they are: every table in PostgreSQL's COPY text format, in one
//! transaction of the source and one of the target, and where the sequences stand.
//!
//! The target has the tables already, by the same project's migrations. Interrupted, it is as it was before.

mod postgres;
mod sqlite;

use std::collections::{BTreeMap, BTreeSet};

use basalt_core::{Error, Result};
use basalt_sql::catalog::{Constraint, ConstraintKind, Relation, RelationKind};
use basalt_sql::{Catalog, Name, quote};
use bytes::Bytes;
use tokio::sync::mpsc;

pub(crate) use postgres::pass_over_keys;

use crate::Database;
use crate::database::Engine;

/// Chunks of rows on their way.
const CHUNKS: usize = 16;
/// Bytes of a chunk, about.
const CHUNK: usize = 256 << 10;

/// What a copy has done so far.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Copied {
    /// Tables done.
    pub tables: usize,
    /// Tables in all.
    pub all_tables: usize,
    /// Rows done, those of the table under way included.
    pub rows: u64,
    /// Rows in all.
    pub all_rows: u64,
}

/// What numbers the entries of the change log. It only goes forward: messages are known by these numbers, on both sides of a copy.
const LOG: (&str, &str) = ("basalt", "changes_id_seq");

/// A table to carry over.
#[derive(Debug, Clone)]
struct Table {
    name: Name,
    /// The columns that are stored, not generated.
    columns: Vec<String>,
    /// The target's foreign keys to rows that come with these or after them, where the target judges each at once.
    early: Vec<String>,
}

/// Where a sequence stands.
#[derive(Debug, Clone)]
struct Standing {
    name: Name,
    last_value: i64,
    is_called: bool,
}

/// What the source tells, as of one moment. Sequences belong to no transaction: they come last, so that no row is ahead of them.
enum Told {
    /// So many rows in all.
    Total(u64),
    /// Rows of the table of this number: whole lines, and how many.
    Rows(usize, Bytes, u64),
    /// The sequences.
    Standings(Vec<Standing>),
}

/// What the target is told.
enum Order {
    /// Rows of a table, whole lines.
    Rows(Table, Bytes),
    /// Everything was sent: so many rows of each table, and the sequences.
    Finish(BTreeMap<Name, u64>, Vec<Standing>),
}

impl Table {
    fn columns_sql(&self) -> String {
        self.columns.iter().map(|column| quote::ident(column)).collect::<Vec<_>>().join(", ")
    }

    /// `copy "s"."t" ("a", "b") from stdin`.
    fn copy_in(&self) -> String {
        format!("copy {} ({}) from stdin", self.name.quoted(), self.columns_sql())
    }

    fn select(&self) -> String {
        format!("select {} from {}", self.columns_sql(), self.name.quoted())
    }
}

impl Database {
    /// Carries the rows of every table and the standing of every sequence over to `target`, whose rows are lost. `progress` hears how
    /// far it has come.
    ///
    /// Errors: 42P01 for a table, and 42703 for a column, that the target lacks; the source's and the target's own (a value that it does not take);
    /// 21000 when it ends up with other numbers of rows.
    pub async fn copy_rows(&self, target: &Database, mut progress: impl FnMut(&Copied) + Send) -> Result<Copied> {
        let tables = plan(&self.catalog(), &target.catalog())?;
        let mut copied = Copied { all_tables: tables.len(), ..Copied::default() };
        let (told, heard) = mpsc::channel(CHUNKS);
        let (orders, received) = mpsc::channel(CHUNKS);
        let forward = async {
            // It owns its ends, so that the source stops when the target has given up, and the target when the source has.
            let (mut heard, orders) = (heard, orders);
            let mut sent: BTreeMap<Name, u64> = tables.iter().map(|table| (table.name.clone(), 0)).collect();
            while let Some(told) = heard.recv().await {
                let order = match told {
                    Told::Total(rows) => {
                        copied.all_rows = rows;
                        continue;
                    }
                    Told::Rows(number, lines, rows) => {
                        let table = tables[number].clone();
                        (copied.tables, copied.rows) = (number, copied.rows + rows);
                        *sent.entry(table.name.clone()).or_default() += rows;
                        Order::Rows(table, lines)
                    }
                    Told::Standings(standings) => {
                        copied.tables = tables.len();
                        Order::Finish(std::mem::take(&mut sent), standings)
                    }
                };
                if orders.send(order).await.is_err() {
                    break;
                }
                progress(&copied);
            }
            copied
        };
        // A source that is heard no more ends well: the target says why. A target that is told nothing more knows no reason.
        let (told, copied, loaded) = tokio::join!(self.tell(&tables, told), forward, target.load(&tables, received));
        told.and(loaded).map(|()| copied)
    }

    /// Whether the two are one database, by whatever addresses they are reached.
    pub async fn is_same(&self, other: &Database) -> Result<bool> {
        match (&self.engine, &other.engine) {
            (Engine::Postgres(one), Engine::Postgres(other)) => Ok(one.place().await? == other.place().await?),
            // A file has one process that opens it, and that once.
            _ => Ok(false),
        }
    }

    async fn tell(&self, tables: &[Table], told: mpsc::Sender<Told>) -> Result<()> {
        match &self.engine {
            Engine::Sqlite(engine) => engine.tell(tables.to_vec(), told).await,
            Engine::Postgres(engine) => engine.tell(tables, told).await,
        }
    }

    async fn load(&self, tables: &[Table], orders: mpsc::Receiver<Order>) -> Result<()> {
        match &self.engine {
            Engine::Sqlite(engine) => engine.load(tables.to_vec(), orders).await,
            Engine::Postgres(engine) => engine.load(tables, orders).await,
        }
    }
}

/// The source's tables, parents before children as far as there are no circles.
fn plan(source: &Catalog, target: &Catalog) -> Result<Vec<Table>> {
    let tables: Vec<&Relation> =
        source.relations.values().map(|relation| &**relation).filter(|r| is_copied(r)).collect();
    let mut done: BTreeSet<&Name> = BTreeSet::new();
    let mut ordered: Vec<&Relation> = Vec::with_capacity(tables.len());
    let mut open = tables;
    while !open.is_empty() {
        let is_free = |relation: &&Relation| {
            relation.foreign_keys().all(|(_, key)| key.target == relation.name || done.contains(&key.target))
        };
        let (mut free, rest): (Vec<&Relation>, Vec<&Relation>) = open.iter().copied().partition(is_free);
        if free.is_empty() {
            // A circle: the target puts its keys off.
            free.push(rest[0]);
        }
        done.extend(free.iter().map(|relation| &relation.name));
        open.retain(|relation| !done.contains(&relation.name));
        ordered.extend(free);
    }
    let mut earlier = BTreeSet::new();
    let mut planned = Vec::with_capacity(ordered.len());
    for relation in ordered {
        planned.push(table(relation, target, &earlier)?);
        earlier.insert(&relation.name);
    }
    Ok(planned)
}

fn is_copied(relation: &Relation) -> bool {
    let Name { schema, name } = &relation.name;
    // The change log, and the records of what was applied and imported, are each database's own.
    let is_own = match schema.as_str() {
        "supabase_migrations" => true,
        "basalt" => matches!(name.as_str(), "changes" | "cursors" | "log" | "imports" | "service_migrations"),
        _ => false,
    };
    // The rows of a foreign table are another server's.
    matches!(relation.kind, RelationKind::Table) && !is_own
}

fn table(relation: &Relation, target: &Catalog, earlier: &BTreeSet<&Name>) -> Result<Table> {
    let name = &relation.name;
    let there = target.relation(&name.schema, &name.name).ok_or_else(|| {
        Error::new("42P01", format!("the target has no table {name}")).with_hint(
            "Only what migrations make and `basalt import` brought is there: put its definition into a migration.",
        )
    })?;
    let stored = relation.columns.iter().filter(|column| column.generated.is_none());
    let columns: Vec<String> = stored.map(|column| column.name.clone()).collect();
    match columns.iter().find(|column| there.column(column).is_none()) {
        Some(missing) => Err(Error::new("42703", format!("the target's table {name} has no column \"{missing}\""))),
        None => Ok(Table { name: name.clone(), columns, early: early(there, earlier) }),
    }
}

fn early(table: &Relation, earlier: &BTreeSet<&Name>) -> Vec<String> {
    let is_early = |constraint: &&Constraint| match &constraint.kind {
        ConstraintKind::ForeignKey(key) => !constraint.deferrable && !earlier.contains(&key.target),
        _ => false,
    };
    table.constraints.iter().filter(is_early).map(|constraint| constraint.name.clone()).collect()
}

/// 21000: the target has other numbers of rows than the source sent.
fn miscounted(name: &Name, sent: u64, there: u64) -> Error {
    Error::new("21000", format!("{sent} rows of {name} were sent, and {there} are there"))
        .with_hint("A trigger of the target may add or drop rows; nothing was kept.")
}
