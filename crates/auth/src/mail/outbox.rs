//! What was accepted and has not left: rows, written with the tokens that they carry, so that whoever was answered is sent something whatever becomes of
//! the process. What they say is sealed: the database, its copies and its readers learn nothing of it.

use std::time::Duration;

use basalt_db::Database;
use rand::RngExt as _;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::error::{AuthError, Result};
use crate::seal::Seals;
use crate::store::{Work, params, read, write};

/// After how long another sender may take what one took.
const CLAIM: Duration = Duration::from_secs(60);

/// The rows of one way out.
pub(super) struct Outbox {
    database: Database,
    seals: Seals,
    way: &'static str,
    /// How long what the rows carry is good for, in seconds.
    life: u64,
}

/// A row that a sender took.
#[derive(Deserialize)]
pub(super) struct Claimed {
    pub id: Uuid,
    /// Who waits for it.
    pub user_id: Option<Uuid>,
    /// How often it was tried, this time too.
    pub tried: u32,
    sealed: String,
}

#[derive(Deserialize)]
struct Next {
    seconds: Option<f64>,
}

#[derive(Deserialize)]
struct Expired {
    is_awaited: bool,
}

#[derive(Deserialize)]
struct Kept {
    id: Uuid,
    sealed: String,
}

impl Outbox {
    pub fn new(database: Database, seals: Seals, way: &'static str, life: u64) -> Outbox {
        Outbox { database, seals, way, life }
    }

    /// Stores what is to leave.
    pub async fn store(&self, work: &mut Work, user: Uuid, id: Uuid, item: &impl Serialize) -> Result<()> {
        let text = serde_json::to_string(item).map_err(AuthError::unexpected)?;
        let sealed =
            self.seals.close(id, &text).ok_or_else(|| AuthError::unexpected("there is no key to seal with"))?;
        let sql = "insert into auth.outbox (id, user_id, way, sealed, due_at, expires_at) \
            values ($1, $2, $3, $4, now(), now() + $5 * interval '1 second')";
        work.execute(sql, params![id, user, self.way, sealed, self.life]).await.map(drop)
    }

    /// Does as much for nobody: what is stored is good for nothing, and goes with what has expired.
    pub async fn store_nothing(&self, work: &mut Work) -> Result<()> {
        let (id, length) = (Uuid::new_v4(), rand::rng().random_range(1200..1600));
        let sealed = self.seals.close(id, &" ".repeat(length)).unwrap_or_default();
        let sql = "insert into auth.outbox (id, way, sealed, due_at, expires_at) values ($1, $2, $3, now(), now())";
        work.execute(sql, params![id, self.way, sealed]).await.map(drop)
    }

    /// All that waits, oldest first.
    pub async fn all<T: DeserializeOwned>(&self) -> Result<Vec<T>> {
        let sql = "select id, sealed from auth.outbox where way = $1 and expires_at > now() order by expires_at";
        let kept: Vec<Kept> = read(&self.database, sql, params![self.way]).await?;
        Ok(kept.iter().filter_map(|row| self.open(row.id, &row.sealed)).collect())
    }

    /// Deletes all that waits.
    pub async fn clear(&self) -> Result<()> {
        let sql = "delete from auth.outbox where way = $1";
        write(&self.database, sql, params![self.way]).await
    }

    /// In how many seconds a row is due, if there is one; one of another way, which may be configured no more, when it expires.
    pub async fn next(&self) -> Result<Option<f64>> {
        let sql = "select extract(epoch from min(case when way = $1 then due_at else expires_at end) - now())::float8 as seconds \
            from auth.outbox";
        let next: Vec<Next> = read(&self.database, sql, params![self.way]).await?;
        Ok(next.first().and_then(|next| next.seconds))
    }

    /// Deletes what is good for nothing any more, whatever way it was to leave; gives how many mails of it somebody waited for.
    pub async fn expire(&self) -> Result<usize> {
        let sql = "delete from auth.outbox where expires_at <= now() \
            returning user_id is not null and way <> 'mailbox' as is_awaited";
        let mut work = Work::begin(&self.database).await?;
        let expired: Vec<Expired> = work.all(sql, params![]).await?;
        work.commit().await?;
        Ok(expired.iter().filter(|row| row.is_awaited).count())
    }

    /// The same in a transaction that writes anyway.
    pub async fn expire_within(&self, work: &mut Work) -> Result<()> {
        work.execute("delete from auth.outbox where expires_at <= now()", params![]).await.map(drop)
    }

    /// Takes rows that are due, which no other sender then takes at the same moment: first those that were not tried yet.
    pub async fn claim(&self, most: usize) -> Result<Vec<Claimed>> {
        let sql = format!(
            "update auth.outbox set tried = tried + 1, due_at = now() + interval '{} seconds' where id in \
            (select id from auth.outbox where way = $1 and due_at <= now() and expires_at > now() \
            order by tried > 0, due_at limit {most} for update skip locked) returning id, user_id, sealed, tried",
            CLAIM.as_secs()
        );
        let mut work = Work::begin(&self.database).await?;
        let claimed = work.all(&sql, params![self.way]).await?;
        work.commit().await?;
        Ok(claimed)
    }

    /// What a row says; nothing, if it was sealed with a key that is no more.
    pub fn read<T: DeserializeOwned>(&self, claimed: &Claimed) -> Option<T> {
        self.open(claimed.id, &claimed.sealed)
    }

    fn open<T: DeserializeOwned>(&self, id: Uuid, sealed: &str) -> Option<T> {
        serde_json::from_str(&self.seals.open(id, sealed)?).ok()
    }

    /// It was sent, or never will be.
    pub async fn delete(&self, id: Uuid) -> Result<()> {
        write(&self.database, "delete from auth.outbox where id = $1", params![id]).await
    }

    /// It is under way still.
    pub async fn hold(&self, id: Uuid) -> Result<()> {
        self.put_off(id, CLAIM).await
    }

    /// It is due again after a pause, or when it expires.
    pub async fn put_off(&self, id: Uuid, pause: Duration) -> Result<()> {
        let sql = "update auth.outbox set due_at = least(now() + $2 * interval '1 second', expires_at) where id = $1";
        write(&self.database, sql, params![id, pause.as_secs()]).await
    }
}
