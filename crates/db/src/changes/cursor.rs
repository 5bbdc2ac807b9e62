//! Durable readers: a name in the database that stands where the reader has come to.

use std::time::Duration;

use basalt_core::{Error, Result};
use serde::Deserialize;

use super::{Batch, Changes};

/// A durable reader of the log. What it has not passed stays in the log, up to the log's limits.
#[derive(Clone)]
pub struct Cursor {
    changes: Changes,
    name: String,
}

#[derive(Deserialize)]
struct Standing {
    position: u64,
    lost: u64,
}

impl Changes {
    /// The durable reader of that name; a new one begins with what is written from now on.
    ///
    /// Errors: as [`crate::Database::run`]; 0A000 where the database has no log.
    pub async fn cursor(&self, name: &str) -> Result<Cursor> {
        let end = self.end().await?;
        let make = "insert into basalt.cursors (name, position) values ($1, $2) on conflict (name) do nothing";
        self.execute(make, vec![Some(name.to_owned()), Some(end.to_string())]).await?;
        Ok(Cursor { changes: self.clone(), name: name.to_owned() })
    }

    /// The names of all durable readers, and the ids up to which they have read.
    pub async fn cursors(&self) -> Result<Vec<(String, u64)>> {
        #[derive(Deserialize)]
        struct Named {
            name: String,
            position: u64,
        }
        let body = self.query("select name, position from basalt.cursors order by name", Vec::new(), true).await?;
        let rows: Vec<Named> = serde_json::from_slice(&body).map_err(|error| Error::internal(error.to_string()))?;
        Ok(rows.into_iter().map(|row| (row.name, row.position)).collect())
    }

    /// Forgets a durable reader: the log no longer waits for it.
    pub async fn drop_cursor(&self, name: &str) -> Result<()> {
        self.execute("delete from basalt.cursors where name = $1", vec![Some(name.to_owned())]).await.map(drop)
    }

    /// Forgets a durable reader for whom nobody has read for so long.
    pub async fn drop_idle_cursor(&self, name: &str, idle: Duration) -> Result<()> {
        let sql =
            "delete from basalt.cursors where name = $1 and coalesce(held_until, moved_at) < now() - $2::interval";
        let params = vec![Some(name.to_owned()), Some(format!("{} milliseconds", idle.as_millis()))];
        self.execute(sql, params).await.map(drop)
    }
}

impl Cursor {
    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What comes after where it stands, at most `limit`. The same again until [`Cursor::advance`].
    ///
    /// Errors: 42704 when the cursor was dropped.
    pub async fn read(&self, limit: usize) -> Result<Batch> {
        let Standing { position, lost } = self.standing().await?;
        let batch = self.changes.read(position, limit).await?;
        Ok(Batch { lost, ..batch })
    }

    /// The id up to which it has read.
    pub async fn position(&self) -> Result<u64> {
        self.standing().await.map(|standing| standing.position)
    }

    async fn standing(&self) -> Result<Standing> {
        let sql = "select position, lost from basalt.cursors where name = $1";
        let body = self.changes.query(sql, vec![Some(self.name.clone())], true).await?;
        let rows: Vec<Standing> = serde_json::from_slice(&body).map_err(|error| Error::internal(error.to_string()))?;
        let missing = || Error::new("42704", format!("cursor \"{}\" does not exist", self.name));
        rows.into_iter().next().ok_or_else(missing)
    }

    /// Everything up to this id is done. It never goes back.
    pub async fn advance(&self, id: u64) -> Result<()> {
        self.finish(id, 0).await
    }

    /// The batch is done, and the loss that was told with it is known. What was lost meanwhile is told with the next one.
    pub async fn done(&self, batch: &Batch) -> Result<()> {
        self.finish(batch.last(), batch.lost).await
    }

    async fn finish(&self, id: u64, lost: u64) -> Result<()> {
        let sql = "update basalt.cursors set position = greatest(position, $2), lost = greatest(lost - $3, 0), moved_at = now() \
            where name = $1";
        let params = vec![Some(self.name.clone()), Some(id.to_string()), Some(lost.to_string())];
        self.changes.execute(sql, params).await.map(drop)
    }

    /// Makes `holder` the one who reads by this cursor for a while, unless somebody else does. Whether it is.
    pub async fn claim(&self, holder: &str, duration: Duration) -> Result<bool> {
        let sql = "update basalt.cursors set holder = $2, held_until = now() + $3::interval \
            where name = $1 and (holder is null or holder = $2 or held_until < now())";
        let time = format!("{} milliseconds", duration.as_millis());
        let params = [self.name.clone(), holder.to_owned(), time].map(Some).to_vec();
        Ok(self.changes.execute(sql, params).await? == 1)
    }

    /// Lets somebody else read.
    pub async fn release(&self, holder: &str) -> Result<()> {
        let sql = "update basalt.cursors set holder = null, held_until = null where name = $1 and holder = $2";
        self.changes.execute(sql, vec![Some(self.name.clone()), Some(holder.to_owned())]).await.map(drop)
    }
}
