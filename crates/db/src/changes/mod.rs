//! The change log: what was written to watched tables, in the order of the writes, for everything that reacts to data.
//!
//! ```text
//! let changes = database.changes();
//! let mut live = changes.subscribe().await?;                  // from now on, in this process
//! while let Some(batch) = live.next().await { ... }           // Batch { changes, lost }
//!
//! let cursor = changes.cursor("mailer").await?;               // durable: from where it stood, across restarts
//! let batch = cursor.read(100).await?;                        // at least once
//! cursor.done(&batch).await?;
//!
//! let verdicts = changes.judge(&batch.changes, &identities).await?;   // verdicts[change].allows(identity)
//! ```
//!
//! **Watched** are the tables of the publication `supabase_realtime` (`alter publication supabase_realtime add table t`) and of
//! those that services keep for themselves ([`Changes::watch`]). An entry is written in the transaction of the write, by triggers;
//! a table that nobody watches has none. It holds the whole row before and after, whatever the replica identity.
//!
//! **Order.** [`basalt_core::Change::id`] grows from entry to entry. Changes to one row, and changes of one transaction, have their order; a
//! transaction's entries are seen when it has committed, never before. On PostgreSQL entries are held back while an older
//! transaction that has written to a watched table is open, so that a reader who has passed an id has missed nothing before it.
//!
//! **The log is bounded** ([`Limits`]): entries go when every durable cursor has passed them, and at a maximum even before; who had
//! not read them is told how many ([`Batch::lost`]).

mod cursor;
mod entry;
mod judge;
mod live;
mod log;
mod published;
mod trim;

use basalt_core::{Change, Error, Operation, Result};
use basalt_sql::Name;
use basalt_sql::catalog::SERVICE_PUBLICATION;
use basalt_sql::quote;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

pub use cursor::Cursor;
pub use judge::{Verdict, may_use, readable};
pub(crate) use live::Hub;
pub use live::Subscription;
pub(crate) use log::{SERVICE, absent};
pub use trim::Limits;

use crate::Database;

/// The changes of a database.
#[derive(Clone)]
pub struct Changes {
    database: Database,
}

/// Changes in the order of their ids.
#[derive(Debug, Clone, Default)]
pub struct Batch {
    /// The changes.
    pub changes: Vec<Arc<Change>>,
    /// How many the reader missed before these, because the log went over its [`Limits`]. (For readers without a durable cursor: at
    /// most so many.)
    pub lost: u64,
    /// The last id that was lost, where no change comes after it.
    lost_up_to: u64,
}

impl Batch {
    /// The id up to which it tells: of its last change, or else of the last one that was lost; 0 where there is nothing to tell.
    pub fn last(&self) -> u64 {
        self.changes.last().map_or(self.lost_up_to, |change| change.id)
    }

    /// Whether there is nothing to tell.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty() && self.lost == 0
    }
}

impl Changes {
    pub(crate) fn of(database: &Database) -> Changes {
        Changes { database: database.clone() }
    }

    /// The tables that are watched, and for what.
    pub fn watched(&self) -> BTreeMap<Name, Vec<Operation>> {
        let catalog = self.database.catalog();
        let tables = catalog.relations.values().filter(|relation| relation.view().is_none());
        let watched = tables.map(|table| (table.name.clone(), catalog.watched(&table.name).into_iter().collect()));
        watched.filter(|(_, operations): &(_, Vec<_>)| !operations.is_empty()).collect()
    }

    /// Has exactly these operations on these tables watched for a service; without any, none. The service's publication is
    /// `basalt_<service>`.
    ///
    /// Errors: 42P01 for a table that is not there; 42501 where the connecting role does not own it; 55P03 where somebody held it for too long.
    pub async fn watch(&self, service: &str, tables: &[Name], operations: &BTreeSet<Operation>) -> Result<()> {
        let published = self.publish(service, tables, operations).await;
        let Some(engine) = self.database.postgres() else { return published };
        match published {
            Err(error) if is_of_another_server(&error) => {
                engine.reload().await?;
                self.publish(service, tables, operations).await?;
            }
            published => published?,
        }
        engine.log(tables).await
    }

    /// The tables and operations that are watched for a service.
    pub fn watched_for(&self, service: &str) -> (BTreeSet<Name>, BTreeSet<Operation>) {
        let catalog = self.database.catalog();
        let publication = catalog.publications.get(&format!("{SERVICE_PUBLICATION}{service}"));
        publication.map(|one| (one.tables.clone(), one.operations.clone())).unwrap_or_default()
    }

    async fn publish(&self, service: &str, tables: &[Name], operations: &BTreeSet<Operation>) -> Result<()> {
        let name = format!("{SERVICE_PUBLICATION}{service}");
        let catalog = self.database.catalog();
        let there = catalog.publications.get(&name);
        let is_so = match there {
            Some(publication) => {
                let asked: BTreeSet<&Name> = tables.iter().collect();
                publication.tables.iter().eq(asked) && publication.operations == *operations
            }
            None => tables.is_empty(),
        };
        if is_so {
            return Ok(());
        }
        if let Some(missing) = tables.iter().find(|table| !catalog.relations.contains_key(*table)) {
            return Err(Error::new("42P01", format!("relation \"{missing}\" does not exist")));
        }
        let publication = quote::ident(&name);
        let list: Vec<String> = tables.iter().map(Name::quoted).collect();
        let list = list.join(", ");
        let words: Vec<String> = operations.iter().map(|operation| operation.name().to_ascii_lowercase()).collect();
        let publish = format!("(publish = '{}')", words.join(", "));
        let sql = match (there.is_some(), list.is_empty()) {
            (_, true) => format!("drop publication {publication}"),
            (true, _) => {
                format!(
                    "alter publication {publication} set table {list}; alter publication {publication} set {publish}"
                )
            }
            (false, _) => format!("create publication {publication} for table {list} with {publish}"),
        };
        // PostgreSQL's warning of a `wal_level` that publications need is for its own replication: changes are told without.
        let sql = format!("set local client_min_messages = error; {sql}");
        self.database.run_script(&sql, |_| {}).await.map(drop).map_err(|failed| failed.error)
    }
}

/// Whether another server that starts at the same moment was faster with the same.
fn is_of_another_server(error: &Error) -> bool {
    matches!(error.code(), "23505" | "42704" | "42710") || error.message().contains("concurrently")
}
