//! Keeps the log small: what everyone has read goes, and what is too much goes whether it was read or not.

use std::time::Duration;

use basalt_core::{Error, Result, unix_time};
use serde::Deserialize;

use super::Changes;
use crate::database::Database;

/// Entries that one statement deletes.
const CHUNK: u64 = 2000;
/// How often the log is looked at.
const INTERVAL: Duration = Duration::from_secs(10);

/// How large the log may grow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// How long entries stay though every durable cursor has passed them, for subscribers that are behind.
    pub keep: Duration,
    /// Most entries, about; older ones go, read or not.
    pub entries: u64,
    /// Most bytes of rows, about.
    pub bytes: u64,
    /// The oldest entry.
    pub age: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            keep: Duration::from_secs(60),
            entries: 1_000_000,
            bytes: 1 << 30,
            age: Duration::from_secs(3 * 24 * 60 * 60),
        }
    }
}

/// The log's ends.
#[derive(Deserialize)]
struct Extent {
    first: Option<u64>,
    last: Option<u64>,
    /// Bytes of an entry, about.
    size: Option<f64>,
}

const EXTENT: &str =
    "select (select min(id) from basalt.changes) as first, (select max(id) from basalt.changes) as last,
  (select avg(s.bytes)::float8 from (
    select * from (select bytes from basalt.changes order by id limit 500) o
    union all
    select * from (select bytes from basalt.changes order by id desc limit 500) n) s) as size";

impl Changes {
    /// Keeps the log within its limits, until the database is closed. One such task does for any number of servers.
    pub fn tend(&self, limits: Limits) -> impl Future<Output = ()> + Send + use<> {
        let database = self.database.downgrade();
        async move {
            loop {
                tokio::time::sleep(INTERVAL).await;
                let Some(database) = database.upgrade() else { return };
                if !has_log(&database) {
                    continue;
                }
                if let Err(error) = Changes::of(&database).trim(&limits).await {
                    tracing::warn!(%error, "the change log could not be trimmed");
                }
            }
        }
    }

    /// Deletes what is no longer needed, or too much. Gives the number of entries that went.
    pub async fn trim(&self, limits: &Limits) -> Result<u64> {
        let body = self.query(EXTENT, Vec::new(), true).await?;
        let extents: Vec<Extent> = serde_json::from_slice(&body).map_err(|error| Error::internal(error.to_string()))?;
        let Some(Extent { first: Some(first), last: Some(last), size }) = extents.into_iter().next() else {
            return Ok(0);
        };
        let fitting = (limits.bytes as f64 / size.unwrap_or(1.0).max(1.0)) as u64;
        let most = limits.entries.min(fitting);
        let too_many = (last + 1).saturating_sub(first).saturating_sub(most);
        let too_old = self.last_before(limits.age).await?;
        let forced = too_old.max(if too_many > 0 { first + too_many - 1 } else { 0 });
        let read = self.last_before(limits.keep).await?.min(self.passed().await?);
        let horizon = forced.max(read);
        if horizon < first {
            return Ok(0);
        }
        let to = || vec![Some(horizon.to_string())];
        // Those who have not read them hear of it before they go.
        let behind = "update basalt.cursors set position = $1, lost = lost + \
            (select count(*) from basalt.changes c where c.id > basalt.cursors.position and c.id <= $1) where position < $1";
        self.execute(behind, to()).await?;
        // The last entry that goes, not the horizon: ids that no entry has were nobody's loss.
        let trimmed = "update basalt.log set trimmed = \
            greatest(trimmed, (select max(c.id) from basalt.changes c where c.id <= $1))";
        self.execute(trimmed, to()).await?;
        let delete = "delete from basalt.changes where id in \
            (select id from basalt.changes where id <= $1 order by id limit $2)";
        let mut gone = 0;
        loop {
            let deleted = self.execute(delete, vec![Some(horizon.to_string()), Some(CHUNK.to_string())]).await?;
            gone += deleted;
            if deleted < CHUNK {
                // Who had not read them hears of it now.
                self.database.hub().ring();
                return Ok(gone);
            }
        }
    }

    /// What every durable cursor has passed, and nothing that may still appear.
    async fn passed(&self) -> Result<u64> {
        let settled = self.settled().await?;
        let none = self.number("select count(*) as n from basalt.cursors", Vec::new()).await? == 0;
        match none {
            true => Ok(settled),
            false => Ok(self.number("select min(position) as n from basalt.cursors", Vec::new()).await?.min(settled)),
        }
    }

    /// The last entry that is older.
    async fn last_before(&self, age: Duration) -> Result<u64> {
        let before = unix_time().saturating_sub(age).as_micros().to_string();
        // Ids and times grow together, so a search from the old end stops at the first young entry.
        let sql = "select coalesce((select min(id) from basalt.changes where committed_at >= $1::bigint) - 1, \
            (select max(id) from basalt.changes)) as n";
        self.number(sql, vec![Some(before)]).await
    }
}

fn has_log(database: &Database) -> bool {
    database.catalog().relation("basalt", "changes").is_some()
}
