//! Whether the catalog is old, when a statement that was planned over it fails as one does whose tables have changed.
//!
//! Somebody else changes a table, and for a moment (where nobody tells of changes, for longer) requests are planned over what was there. Such
//! failures are mostly the callers' own: a column that never was. So the database is asked whether anything was written at all, then for a mark,
//! which costs little, and the catalog is read only when that has changed.

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
/// Of the time, looking takes one part in so many at most; with the reading of what has changed, half.
const SHARE: u32 = 10;

/// A text that changes with whatever statements are planned over. Rows of PostgreSQL's catalog are never changed in place but by statistics,
/// so the number of a table's rows and the sum of the transactions that wrote them tell any change. Who may log in is shown to all, but not when
/// that was written.
const MARK: &str = "select concat_ws(' ', \
    (select count(*) || ' ' || coalesce(sum(xmin::text::bigint), 0) from pg_catalog.pg_class where relpersistence <> 't'), \
    (select count(*) || ' ' || coalesce(sum(xmin::text::bigint), 0) from pg_catalog.pg_attribute where attrelid in \
      (select oid from pg_catalog.pg_class where relpersistence <> 't' and relkind not in ('i', 'I', 't'))), \
    (select count(*) || ' ' || coalesce(sum(xmin::text::bigint), 0) from pg_catalog.pg_rewrite where ev_class in \
      (select oid from pg_catalog.pg_class where relpersistence <> 't')), \
    (select count(*) || ' ' || coalesce(sum(xmin::text::bigint), 0) from pg_catalog.pg_proc), \
    (select count(*) || ' ' || coalesce(sum(xmin::text::bigint), 0) from pg_catalog.pg_type where typrelid = 0 and typcategory <> 'A'), \
    (select count(*) || ' ' || coalesce(sum(xmin::text::bigint), 0) from pg_catalog.pg_enum), \
    (select count(*) || ' ' || coalesce(sum(xmin::text::bigint), 0) from pg_catalog.pg_cast), \
    (select count(*) || ' ' || coalesce(sum(xmin::text::bigint), 0) from pg_catalog.pg_constraint), \
    (select count(*) || ' ' || coalesce(sum(xmin::text::bigint), 0) from pg_catalog.pg_policy), \
    (select count(*) || ' ' || coalesce(sum(xmin::text::bigint), 0) from pg_catalog.pg_auth_members), \
    (select count(*) || ' ' || coalesce(sum(pg_catalog.hashtext(role::text)), 0) from pg_catalog.pg_roles role), \
    (select count(*) || ' ' || coalesce(sum(xmin::text::bigint), 0) from pg_catalog.pg_namespace where nspname !~ '^pg_'))";

/// A text that stays while this server writes nothing at all; empty while it writes something.
const STILLNESS: &str = "select case when pg_catalog.pg_snapshot_xmin(now) = pg_catalog.pg_snapshot_xmax(now) \
    then concat_ws(' ', now, pg_catalog.pg_postmaster_start_time()) else '' end from pg_catalog.pg_current_snapshot() now";

/// Doubts, and when they were last looked into.
pub(super) struct Doubts {
    /// Rings when a statement failed.
    raised: Notify,
    /// When the last look began that has ended.
    looked: watch::Sender<Option<Instant>>,
}

impl Doubts {
    /// Has somebody look into whether the catalog is old.
    pub fn raise(&self) {
        self.raised.notify_one();
    }
}

impl Default for Doubts {
    fn default() -> Self {
        Doubts { raised: Notify::new(), looked: watch::Sender::new(None) }
    }
}

/// Codes with which a request fails when what its plan knows is gone, or is another, or when the plan knows nothing of what there is by now.
const DOUBTFUL: [&str; 19] = [
    "22P02",    // a value for a type that is another
    "3F000",    // schemas
    "42501",    // who may do what
    "42703",    // columns
    "42704",    // types
    "42725",    // functions that a call does not tell apart any more
    "42804",    // types of columns
    "42809",    // kinds of relations
    "42846",    // casts
    "42883",    // functions and operators
    "42P01",    // relations
    "42P10",    // keys
    "PGRST105", // primary keys
    "PGRST200", // relationships
    "PGRST201", // relationships that a request does not tell apart
    "PGRST202", // functions
    "PGRST203", // functions that a call does not tell apart
    "PGRST204", // columns
    "PGRST205", // relations
];

impl Engine {
    /// Whether a statement planned over this version of the catalog may have failed with this SQLSTATE because the database has another by now.
    /// If so, the new one has been read. Waits for a look, [`PATIENCE`] at most: one that was read meanwhile may be old as well.
    pub(super) async fn is_outdated(&self, version: u64, code: &str) -> bool {
        if !DOUBTFUL.contains(&code) {
            return false;
        }
        let (since, mut looked) = (Instant::now(), self.doubts.looked.subscribe());
        self.doubts.raise();
        let since_then = looked.wait_for(|begun| begun.is_some_and(|begun| begun >= since));
        // Without word the answer is the failure.
        let _ = timeout(PATIENCE, since_then).await;
        self.current.load().catalog.version != version
    }

    /// Reads the catalog again if it has changed; gives whether it has. Whoever calls has the turn to read it. `still` is what
    /// [`STILLNESS`] was at the last look: where it is that again, there is nothing to compare.
    async fn look(&self, still: &mut String) -> Result<bool> {
        let unfinished = Unfinished::new(self.owner.get().await?);
        let client = &unfinished.get()?.client;
        let stillness = ask(client, STILLNESS).await?;
        if !stillness.is_empty() && stillness == *still {
            unfinished.finish();
            return Ok(false);
        }
        let mark = mark(client).await?;
        unfinished.finish();
        let is_old = self.current.load().mark != mark;
        if is_old {
            self.renew().await?;
        }
        *still = stillness;
        Ok(is_old)
    }
}

/// What [`MARK`] is now.
pub(super) async fn mark(client: &Client) -> Result<String> {
    ask(client, MARK).await
}

async fn ask(client: &Client, sql: &str) -> Result<String> {
    Ok(client.query_typed_one(sql, &[]).await.map_err(translate)?.get(0))
}

/// Looks into doubts, one look for all that came before it. It goes on until it is aborted.
pub(super) async fn look_into_doubts(engine: Arc<Engine>) {
    let mut still = String::new();
    loop {
        engine.doubts.raised.notified().await;
        // What is just being read need not be read twice.
        let turn = engine.reloading.lock().await;
        let begun = Instant::now();
        let looked = engine.look(&mut still).await;
        drop(turn);
        engine.doubts.looked.send_replace(Some(begun));
        let pauses = match looked {
            Ok(true) => 1,
            Ok(false) => SHARE - 1,
            Err(error) => {
                tracing::error!(%error, "the catalog could not be read again; the old one stays");
                SHARE - 1
            }
        };
        sleep(begun.elapsed() * pauses).await;
    }
}
