//! The log's tables, and reading them: ordinary SQL, the same on both engines.

use std::collections::BTreeSet;
use std::sync::Arc;

use basalt_core::{Change, Error, Identity, Result};
use basalt_sql::Name;
use basalt_sql::catalog::REALTIME;

use super::entry::Row;
use super::{Batch, Changes, entry};
use crate::migrate::{Service, ServiceMigration};
use crate::{Format, Request};

/// The log's own schema.
pub(crate) const SERVICE: Service = Service {
    name: "changes",
    migrations: &[ServiceMigration { version: "0001", source: include_str!("schema.sql") }],
    dispensable: &[],
    alone_in: None,
};

/// Bytes of rows in one batch, beyond its first entry.
const BATCH_BYTES: u64 = 2 << 20;

/// Entries after `$1` up to `$2`, at most `$3`, and not many more bytes than `$4`.
const READ: &str = "with sized as (
  select n.id, sum(n.bytes) over (order by n.id) as total
  from (select id, bytes from basalt.changes where id > $1 and id <= $2 order by id limit $3) n)
select c.id, c.transaction, c.committed_at, c.schema, c.name, c.operation, c.old, c.new, c.role, c.sub,
  (select l.trimmed from basalt.log l) as trimmed
from basalt.changes c
where c.id > $1
  and c.id <= (select greatest(min(s.id), max(case when s.total <= $4 then s.id end)) from sized s)
order by c.id";

impl Changes {
    /// Entries after an id, at most `limit`, and not many more than 2 MiB of them. `lost` tells, roughly, how many of those after
    /// `after` were trimmed.
    ///
    /// Errors: as [`crate::Database::run`]; 0A000 where the database has no log.
    pub async fn read(&self, after: u64, limit: usize) -> Result<Batch> {
        let settled = self.settled().await?;
        self.read_settled(after, settled, limit).await
    }

    /// Entries after an id, up to another one below which nothing can appear any more.
    pub(super) async fn read_settled(&self, after: u64, settled: u64, limit: usize) -> Result<Batch> {
        if settled <= after {
            return Ok(Batch::default());
        }
        let limits = [after, settled.min(i64::MAX as u64), limit as u64, BATCH_BYTES];
        let body = self.query(READ, limits.map(|n| Some(n.to_string())).to_vec(), true).await?;
        let rows = entry::read(&body)?;
        self.keep_abreast(&rows).await?;
        let (changes, trimmed): (Vec<Arc<Change>>, u64) = entry::described(rows, &self.database.catalog())?;
        if !changes.is_empty() {
            return Ok(Batch { changes, lost: trimmed.saturating_sub(after), lost_up_to: 0 });
        }
        // All that there was may have gone before it was read.
        let trimmed = self.number("select trimmed as n from basalt.log", Vec::new()).await?;
        let lost = trimmed.saturating_sub(after);
        Ok(Batch { changes, lost, lost_up_to: if lost > 0 { trimmed } else { 0 } })
    }

    /// Has the catalog be as new as entries that subscribers may be told. Only PostgreSQL is changed by others.
    async fn keep_abreast(&self, rows: &[Row]) -> Result<()> {
        let Some(engine) = self.database.postgres() else { return Ok(()) };
        let catalog = self.database.catalog();
        let Some(publication) = catalog.publications.get(REALTIME) else { return Ok(()) };
        let tables: BTreeSet<Name> = rows.iter().map(Row::table).filter(|table| publication.has(table)).collect();
        if tables.is_empty() { Ok(()) } else { engine.keep_abreast(&tables).await }
    }

    /// The end of the log: a reader that begins here sees what is written from now on.
    pub async fn end(&self) -> Result<u64> {
        match self.database.postgres() {
            // Ids up to here are settled; what is under way has higher ones.
            Some(engine) => engine.settled().await,
            None => {
                self.number(
                    "select greatest(max(c.id), (select l.trimmed from basalt.log l)) as n from basalt.changes c",
                    Vec::new(),
                )
                .await
            }
        }
    }

    /// Below and at this id no entry can appear any more.
    pub(super) async fn settled(&self) -> Result<u64> {
        match self.database.postgres() {
            Some(engine) => engine.settled().await,
            None => Ok(i64::MAX as u64),
        }
    }

    /// The only column `n` of the only row, 0 for NULL.
    pub(super) async fn number(&self, sql: &'static str, params: Vec<Option<String>>) -> Result<u64> {
        let body = self.query(sql, params, true).await?;
        let rows: Vec<std::collections::BTreeMap<String, Option<u64>>> =
            serde_json::from_slice(&body).map_err(|error| Error::internal(error.to_string()))?;
        Ok(rows.first().and_then(|row| row.get("n").copied().flatten()).unwrap_or_default())
    }

    /// Runs one of the log's statements as the owner; gives its rows as JSON.
    pub(super) async fn query(
        &self,
        sql: &'static str,
        params: Vec<Option<String>>,
        read_only: bool,
    ) -> Result<bytes::Bytes> {
        let request = Request { read_only, ..Request::new(Identity::owner(), sql, params) };
        self.database.run(request).await.map(|answer| answer.body).map_err(absent)
    }

    /// Runs one of the log's writes as the owner; gives the number of rows.
    pub(super) async fn execute(&self, sql: &'static str, params: Vec<Option<String>>) -> Result<u64> {
        let request = Request { format: Format::None, ..Request::new(Identity::owner(), sql, params) };
        self.database.run(request).await.map(|answer| answer.rows).map_err(absent)
    }
}

/// What a missing log means.
pub(crate) fn absent(error: Error) -> Error {
    match error.code() {
        "42P01" | "3F000" => Error::unsupported(
            "the database has no change log",
            "It is made where Basalt makes what a project relies on (`database.bootstrap`).",
        ),
        _ => error,
    }
}
