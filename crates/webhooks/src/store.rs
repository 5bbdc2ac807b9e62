//! Messages that were not taken, in the database: ordinary SQL, the same on both engines.

use std::sync::Arc;
use std::time::Duration;

use basalt_core::{Error, Identity, Result};
use basalt_db::migrate::{Service, ServiceMigration};
use basalt_db::{Database, Format, Request};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::message::Message;
use crate::send::Refused;

/// The schema of webhooks.
pub const SERVICE: Service = Service {
    name: "webhooks",
    migrations: &[
        ServiceMigration { version: "0001", source: include_str!("deliveries.sql") },
        ServiceMigration { version: "0002", source: include_str!("hooks.sql") },
    ],
    dispensable: &[],
    alone_in: None,
};

/// Dead messages that are kept for a hook; the oldest go.
const MOST_DEAD: u64 = 10_000;
/// The status of a message that is not tried again by itself.
const DEAD: &str = "dead";

/// The pause after the first failed attempt, what each further one multiplies it by, and the longest one.
const FIRST_PAUSE: Duration = Duration::from_secs(5);
const FACTOR: u32 = 3;
const LONGEST_PAUSE: Duration = Duration::from_secs(60 * 60);

/// A message that was not taken, as the admin API tells it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Delivery {
    pub id: String,
    pub hook: String,
    pub change_id: i64,
    pub status: String,
    pub attempts: u32,
    pub next_at: String,
    pub created_at: String,
    pub answer: Option<u16>,
    pub error: String,
    pub body: String,
}

const COLUMNS: &str = "id, hook, change_id, status, attempts, next_at, created_at, answer, error, body";

/// How long to wait after so many failed attempts: three times as long each time, give or take a quarter, so that those that
/// failed together don't come back together.
pub(crate) fn pause(attempts: u32, asked: Option<Duration>) -> Duration {
    let exact = FIRST_PAUSE.saturating_mul(FACTOR.saturating_pow(attempts.saturating_sub(1))).min(LONGEST_PAUSE);
    exact.mul_f64(0.75 + fastrand::f64() * 0.5).max(asked.unwrap_or_default())
}

/// Keeps a message whose first attempt failed.
pub(crate) async fn keep(
    database: &Database,
    hook: &str,
    most_attempts: u32,
    message: &Message,
    refused: &Refused,
) -> Result<()> {
    let sql =
        "insert into basalt.webhook_deliveries (id, hook, change_id, status, attempts, next_at, answer, error, body)
        values ($1, $2, $3, $4, 1, now() + $5::interval, $6, $7, $8) on conflict (id) do nothing";
    let status = status(1, most_attempts, refused);
    let params = vec![
        Some(message.id.clone()),
        Some(hook.to_owned()),
        Some(message.change.to_string()),
        Some(status.to_owned()),
        Some(interval(pause(1, refused.wait))),
        refused.status.map(|status| status.to_string()),
        Some(refused.reason.clone()),
        Some(message.body.clone()),
    ];
    execute(database, sql, params).await?;
    bury(database, hook, status).await
}

/// Takes messages of a hook that are due. Until `lease` is over nobody else takes them.
pub(crate) async fn due(database: &Database, hook: &str, most: usize, lease: Duration) -> Result<Vec<Delivery>> {
    let sql = format!(
        "update basalt.webhook_deliveries set next_at = now() + $1::interval
         where status = 'pending' and next_at <= now() and id in
           (select id from basalt.webhook_deliveries
            where status = 'pending' and next_at <= now() and hook = $2 order by next_at limit $3)
         returning {COLUMNS}"
    );
    rows(database, sql, vec![Some(interval(lease)), Some(hook.to_owned()), Some(most.to_string())], false).await
}

/// A message was taken.
pub(crate) async fn taken(database: &Database, id: &str) -> Result<()> {
    execute(database, "delete from basalt.webhook_deliveries where id = $1", vec![Some(id.to_owned())]).await.map(drop)
}

/// One more attempt failed.
pub(crate) async fn failed(
    database: &Database,
    delivery: &Delivery,
    most_attempts: u32,
    refused: &Refused,
) -> Result<()> {
    let attempts = delivery.attempts + 1;
    let sql = "update basalt.webhook_deliveries set status = $2, attempts = $3, next_at = now() + $4::interval,
        answer = $5, error = $6 where id = $1";
    let status = status(attempts, most_attempts, refused);
    let params = vec![
        Some(delivery.id.clone()),
        Some(status.to_owned()),
        Some(attempts.to_string()),
        Some(interval(pause(attempts, refused.wait))),
        refused.status.map(|status| status.to_string()),
        Some(refused.reason.clone()),
    ];
    execute(database, sql, params).await?;
    bury(database, &delivery.hook, status).await
}

/// When one more message of a hook is dead, the oldest go.
async fn bury(database: &Database, hook: &str, status: &str) -> Result<()> {
    if status != DEAD {
        return Ok(());
    }
    let sql = "delete from basalt.webhook_deliveries where hook = $1 and status = 'dead' and change_id <=
        (select change_id from basalt.webhook_deliveries where hook = $1 and status = 'dead'
         order by change_id desc limit 1 offset $2)";
    execute(database, sql, vec![Some(hook.to_owned()), Some(MOST_DEAD.to_string())]).await.map(drop)
}

fn status(attempts: u32, most_attempts: u32, refused: &Refused) -> &'static str {
    if refused.for_good || attempts >= most_attempts { DEAD } else { "pending" }
}

/// A hook's messages of a status (any without one), oldest first, after a change.
pub(crate) async fn list(
    database: &Database,
    hook: &str,
    status: Option<&str>,
    after: u64,
    limit: usize,
) -> Result<Vec<Delivery>> {
    let sql = format!(
        "select {COLUMNS} from basalt.webhook_deliveries
         where hook = $1 and ($2::text is null or status = $2) and change_id > $3 order by change_id limit $4"
    );
    let params =
        vec![Some(hook.to_owned()), status.map(str::to_owned), Some(after.to_string()), Some(limit.to_string())];
    rows(database, sql, params, true).await
}

/// How many messages of each status a hook has.
pub(crate) async fn count(database: &Database, hook: &str) -> Result<Vec<(String, u64)>> {
    #[derive(Deserialize)]
    struct Counted {
        status: String,
        n: u64,
    }
    let sql =
        "select status, count(*) as n from basalt.webhook_deliveries where hook = $1 group by status order by status";
    let counted: Vec<Counted> = rows(database, sql, vec![Some(hook.to_owned())], true).await?;
    Ok(counted.into_iter().map(|row| (row.status, row.n)).collect())
}

/// Has dead messages tried again from the beginning: one, or all of a hook. Gives how many.
pub(crate) async fn replay(database: &Database, hook: &str, id: Option<&str>) -> Result<u64> {
    let sql = "update basalt.webhook_deliveries set status = 'pending', attempts = 0, next_at = now()
        where hook = $1 and status = 'dead' and ($2::text is null or id = $2)";
    execute(database, sql, vec![Some(hook.to_owned()), id.map(str::to_owned)]).await
}

/// Forgets a message. Whether it was there.
pub(crate) async fn forget(database: &Database, hook: &str, id: &str) -> Result<bool> {
    let sql = "delete from basalt.webhook_deliveries where hook = $1 and id = $2";
    Ok(execute(database, sql, vec![Some(hook.to_owned()), Some(id.to_owned())]).await? > 0)
}

/// Forgets all messages of a hook.
pub(crate) async fn forget_all(database: &Database, hook: &str) -> Result<()> {
    let sql = "delete from basalt.webhook_deliveries where hook = $1";
    execute(database, sql, vec![Some(hook.to_owned())]).await.map(drop)
}

fn interval(duration: Duration) -> String {
    format!("{} milliseconds", duration.as_millis())
}

/// Runs a statement as the schema's owner. Gives the number of its rows.
pub(crate) async fn execute(database: &Database, sql: &str, params: Vec<Option<String>>) -> Result<u64> {
    let request = Request { format: Format::None, ..Request::new(Identity::owner(), sql, params) };
    Ok(database.run(request).await?.rows)
}

/// The rows of a statement that is run so.
pub(crate) async fn rows<T: DeserializeOwned>(
    database: &Database,
    sql: impl Into<Arc<str>>,
    params: Vec<Option<String>>,
    read_only: bool,
) -> Result<Vec<T>> {
    let request = Request { read_only, ..Request::new(Identity::owner(), sql, params) };
    let body = database.run(request).await?.body;
    serde_json::from_slice(&body)
        .map_err(|error| Error::internal(format!("what is kept of webhooks can't be read: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_are_scattered() {
        let exact = [5, 15, 45, 135, 405, 1215, 3600, 3600];
        for (attempts, seconds) in (1..).zip(exact) {
            let least = Duration::from_secs(seconds).mul_f64(0.75);
            let most = Duration::from_secs(seconds).mul_f64(1.25);
            let pauses: Vec<Duration> = (0..100).map(|_| pause(attempts, None)).collect();
            assert!(pauses.iter().all(|pause| (least..=most).contains(pause)), "{attempts}: {pauses:?}");
            assert!(pauses.windows(2).any(|pair| pair[0] != pair[1]));
        }
        assert_eq!(pause(1, Some(Duration::from_secs(600))), Duration::from_secs(600));
        assert!(pause(u32::MAX, None) <= LONGEST_PAUSE.mul_f64(1.25));
    }
}
