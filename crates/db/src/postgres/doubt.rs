//! Whether the catalog is old, when a statement that was planned over it fails as one does whose tables have changed.
//!
//! Somebody else changes a table, and for a moment (where nobody tells of changes, for longer) requests are planned over what was there. Such
//! failures are mostly the callers' own: a column that never was. So the database is asked for a mark first, which costs little, and
//! the catalog is read only when that has changed.

use std::sync::Arc;
use std::time::{Duration, Instant};

use basalt_core::Result;
use tokio::sync::{Notify, watch};
use tokio::time::{sleep, timeout};
use tokio_postgres::Client;

use super::Engine;
use super::error::translate;
use super::pool::Unfinished;

/// How long a request that failed so waits to hear whether it was planned over an old catalog.
const PATIENCE: Duration = Duration::from_secs(5);
/// Of the time, looking takes one part in so many at most.
const SHARE: u32 = 10;

/// A text that changes with whatever statements are planned over. Rows of PostgreSQL's catalog are never changed in place but by statistics,
/// so the number of a table's rows and the sum of the transactions that wrote them tell any change.
const MARK: &str = "select concat_ws(' ', \
    (select count(*) || ' ' || coalesce(sum(xmin::text::bigint), 0) from pg_catalog.pg_class where relpersistence <> 't'), \
    (select count(*) || ' ' || coalesce(sum(xmin::text::bigint), 0) from pg_catalog.pg_attribute where attrelid in \
      (select oid from pg_catalog.pg_class where relpersistence <> 't' and relkind not in ('i', 'I', 't'))), \
    (select count(*) || ' ' || coalesce(sum(xmin::text::bigint), 0) from pg_catalog.pg_proc), \
    (select count(*) || ' ' || coalesce(sum(xmin::text::bigint), 0) from pg_catalog.pg_type where typrelid = 0 and typcategory <> 'A'), \
    (select count(*) || ' ' || coalesce(sum(xmin::text::bigint), 0) from pg_catalog.pg_constraint), \
    (select count(*) || ' ' || coalesce(sum(xmin::text::bigint), 0) from pg_catalog.pg_namespace where nspname !~ '^pg_'))";

/// Doubts, and when they were last looked into.
pub(super) struct Doubts {
    /// Rings when a statement failed.
    raised: Notify,
    /// When the last look began that has ended.
    looked: watch::Sender<Option<Instant>>,
}

impl Default for Doubts {
    fn default() -> Self {
        Doubts { raised: Notify::new(), looked: watch::Sender::new(None) }
    }
}

/// Whether a statement fails so when a table, column, type, function or key of its plan is gone, or is another.
fn is_doubtful(code: &str) -> bool {
    matches!(code, "42P01" | "42703" | "42704" | "42804" | "42809" | "42846" | "42883" | "42P10" | "3F000")
}

impl Engine {
    /// Whether a statement planned over this version of the catalog may have failed with this SQLSTATE because the database has another by now.
    /// If so, the new one has been read. Waits for a look, [`PATIENCE`] at most: one that was read meanwhile may be old as well.
    pub(super) async fn is_outdated(&self, version: u64, code: &str) -> bool {
        if !is_doubtful(code) {
            return false;
        }
        let (since, mut looked) = (Instant::now(), self.doubts.looked.subscribe());
        self.doubts.raised.notify_one();
        let since_then = looked.wait_for(|begun| begun.is_some_and(|begun| begun >= since));
        // Without word the answer is the failure.
        let _ = timeout(PATIENCE, since_then).await;
        self.current.load().catalog.version != version
    }

    /// Reads the catalog again if it has changed.
    async fn look(&self) -> Result<()> {
        // What is just being read need not be read twice.
        let _turn = self.reloading.lock().await;
        let unfinished = Unfinished::new(self.owner.get().await?);
        let mark = mark(&unfinished.get()?.client).await?;
        unfinished.finish();
        if self.current.load().mark != mark {
            self.renew().await?;
        }
        Ok(())
    }
}

/// What [`MARK`] is now.
pub(super) async fn mark(client: &Client) -> Result<String> {
    Ok(client.query_typed_one(MARK, &[]).await.map_err(translate)?.get(0))
}

/// Looks into doubts, one look for all that came before it. It goes on until it is aborted.
pub(super) async fn look_into_doubts(engine: Arc<Engine>) {
    loop {
        engine.doubts.raised.notified().await;
        let begun = Instant::now();
        if let Err(error) = engine.look().await {
            tracing::error!(%error, "the catalog could not be read again; the old one stays");
        }
        engine.doubts.looked.send_replace(Some(begun));
        sleep(begun.elapsed() * (SHARE - 1)).await;
    }
}
