//! Whether the catalog is old, when a statement that was planned over it fails as one does whose tables have changed.
//!
//! Somebody else changes a table, and for a moment (where nobody tells of changes, for longer) requests are planned over what was there. Such
//! failures are mostly the callers' own: a column that never was. So the database is asked whether anything was written at all, then for a mark,
//! which costs little, and the catalog is read only when that has changed.

use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use basalt_core::{Error, Result};
use tokio::sync::{Notify, watch};
use tokio::time::{sleep, timeout};
use tokio_postgres::{Client, Row};

use super::Engine;
use super::error::translate;
use super::pool::Unfinished;

/// How long a request that failed so waits to hear whether it was planned over an old catalog. Nobody waits for a look that takes longer.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long a look may take before it is given up.
const LONGEST_LOOK: Duration = Duration::from_secs(60);
/// Of the time, looking takes one part in so many at most; with the reading of what has changed, half.
const SHARE: u32 = 3;
/// The longest pause after a look, and the one after a look in vain.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// A text that changes with whatever statements are planned over. Rows of PostgreSQL's catalog are never changed in place but by statistics,
/// so the number of a table's rows and the sum of the transactions that wrote them tell any change. They are told by their age, which is quicker
/// than through their text; those of PostgreSQL's own beginning have none. Who may log in is shown to all, but not when that was written.
static MARK: LazyLock<String> = LazyLock::new(|| {
    let sums = WRITTEN.map(|rows| {
        format!(
            "(select concat(count(*), ' ', sum(case pg_catalog.age(xmin) when {FOR_EVER} then 0 else now.age - pg_catalog.age(xmin) end)) \
             from pg_catalog.{rows})"
        )
    });
    format!(
        "select concat_ws(' ', {}, (select count(*) || ' ' || coalesce(sum(pg_catalog.hashtext(role::text)), 0) from pg_catalog.pg_roles role)) \
         from (select pg_catalog.age('3'::xid)) now (age)",
        sums.join(", ")
    )
});
/// The age of what was there from the beginning.
const FOR_EVER: i32 = i32::MAX;
/// Rows whose writing tells. Temporary tables are nobody else's.
const WRITTEN: [&str; 11] = [
    "pg_class where relpersistence <> 't'",
    "pg_attribute where attrelid <> all (array(select oid from pg_catalog.pg_class where relpersistence = 't'))",
    "pg_rewrite where ev_class <> all (array(select oid from pg_catalog.pg_class where relpersistence = 't'))",
    "pg_proc",
    "pg_type where typrelid = 0 and typcategory <> 'A'",
    "pg_enum",
    "pg_cast",
    "pg_constraint",
    "pg_policy",
    "pg_auth_members",
    "pg_namespace where nspname !~ '^pg_'",
];

/// A text that stays while this server writes nothing at all; empty while it writes something.
const STILLNESS: &str = "select case when pg_catalog.pg_snapshot_xmin(now) = pg_catalog.pg_snapshot_xmax(now) \
    then concat_ws(' ', now, pg_catalog.pg_postmaster_start_time()) else '' end from pg_catalog.pg_current_snapshot() now";

/// Doubts, and how they were last looked into.
pub(super) struct Doubts {
    /// Rings when a statement failed.
    raised: Notify,
    looked: watch::Sender<Looked>,
}

/// How the last look went.
#[derive(Debug, Clone, Copy)]
enum Looked {
    Never,
    /// It began then, and has ended.
    Since(Instant),
    /// It failed, or goes on for so long that nobody waits for it.
    InVain,
}

impl Doubts {
    /// Has somebody look into whether the catalog is old.
    pub fn raise(&self) {
        self.raised.notify_one();
    }
}

impl Default for Doubts {
    fn default() -> Self {
        Doubts { raised: Notify::new(), looked: watch::Sender::new(Looked::Never) }
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
    /// If so, the new one has been read. Waits for a look, [`PATIENCE`] at most: one that was read meanwhile may be old as well. As long as
    /// looks are in vain, nobody waits.
    pub(super) async fn is_outdated(&self, version: u64, code: &str) -> bool {
        if !DOUBTFUL.contains(&code) {
            return false;
        }
        let (since, mut looked) = (Instant::now(), self.doubts.looked.subscribe());
        self.doubts.raise();
        let since_then = looked.wait_for(|looked| match looked {
            Looked::Never => false,
            Looked::Since(begun) => *begun >= since,
            Looked::InVain => true,
        });
        // Without word the answer is the failure.
        let _ = timeout(PATIENCE, since_then).await;
        self.current.load().catalog.version != version
    }

    /// Looks once, and tells who waits. Gives how long to rest.
    async fn look_once(&self, still: &mut String) -> Duration {
        let mut look = std::pin::pin!(timeout(LONGEST_LOOK, self.look(still)));
        let looked = match timeout(PATIENCE, &mut look).await {
            Ok(looked) => looked,
            Err(_) => {
                self.doubts.looked.send_replace(Looked::InVain);
                look.await
            }
        };
        let late = |_| Error::internal(format!("it took longer than {LONGEST_LOOK:?}"));
        match looked.map_err(late).flatten() {
            Ok((begun, is_old)) => {
                let took = begun.elapsed();
                self.doubts.looked.send_replace(Looked::Since(begun));
                let pauses = if is_old { 1 } else { SHARE - 1 };
                LONGEST_PAUSE.min(took * pauses)
            }
            Err(error) => {
                tracing::error!(%error, "the catalog could not be read again; the old one stays");
                self.doubts.looked.send_replace(Looked::InVain);
                LONGEST_PAUSE
            }
        }
    }

    /// Reads the catalog again if it has changed; gives whether it has, and when it was looked at. `still` is what
    /// [`STILLNESS`] was at the last look: where it is that again, there is nothing to compare.
    async fn look(&self, still: &mut String) -> Result<(Instant, bool)> {
        // What is just being read need not be read twice.
        let _turn = self.reloading.lock().await;
        let mut unfinished = Unfinished::cancelled_by(self.owner.get().await?, self.given_back.to_cancel());
        let connection = unfinished.get_mut()?;
        let begun = Instant::now();
        let keeps = !self.options.transaction_pooler;
        let stillness = text(&connection.ask(STILLNESS, &[], keeps).await?);
        if !stillness.is_empty() && stillness == *still {
            unfinished.finish();
            return Ok((begun, false));
        }
        let mark = text(&connection.ask(&MARK, &[], keeps).await?);
        unfinished.finish();
        let is_old = self.current.load().mark != mark;
        if is_old {
            self.renew().await?;
        }
        *still = stillness;
        Ok((begun, is_old))
    }
}

/// What [`MARK`] is now.
pub(super) async fn mark(client: &Client) -> Result<String> {
    Ok(text(&client.query_typed(&MARK, &[]).await.map_err(translate)?))
}

fn text(rows: &[Row]) -> String {
    rows.first().map_or_else(String::new, |row| row.get(0))
}

/// Looks into doubts, one look for all that came before it. It goes on until it is aborted.
pub(super) async fn look_into_doubts(engine: Arc<Engine>) {
    let mut still = String::new();
    loop {
        engine.doubts.raised.notified().await;
        let pause = engine.look_once(&mut still).await;
        sleep(pause).await;
    }
}
