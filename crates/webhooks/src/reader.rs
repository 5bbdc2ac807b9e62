//! A hook's reader of the change log: what it asks for is sent at once; what is not taken is kept before the reader moves on.

use std::sync::Arc;
use std::time::{Duration, Instant};

use basalt_core::{Error, Result};
use basalt_db::changes::{Batch, Cursor, Subscription};
use futures_util::future::join_all;

use crate::message::Message;
use crate::settings::Hook;
use crate::{Webhooks, send, store};

/// What the names of the readers' cursors begin with.
pub(crate) const CURSOR: &str = "webhook:";

/// Changes of one step.
const BATCH: usize = 100;
/// Messages under way at once for one hook.
const AT_ONCE: usize = 8;
/// How long a server may read for a hook without saying so again, besides the time that the hook's messages may take, and when it says so.
/// Others look as often: when a server dies, one of them takes over in at most that time and the two of these.
const LEASE: Duration = Duration::from_secs(15);
const RENEW: Duration = Duration::from_secs(5);
/// The pause while too much waits.
const REST: Duration = Duration::from_secs(10);
/// How long nothing may happen before the reader looks by itself.
const IDLE: Duration = RENEW;
/// Pending messages of a hook at which its reader waits: what comes then stays in the log, up to the log's limits.
const MOST_PENDING: u64 = 10_000;

/// The name of a hook's cursor.
pub(crate) fn cursor(hook: &Hook) -> String {
    format!("{CURSOR}{}", hook.name)
}

/// Reads and sends while this server is the one that reads for the hook.
pub(crate) async fn follow(webhooks: Arc<Webhooks>, hook: Arc<Hook>) -> Result<()> {
    let changes = webhooks.database.changes();
    let mut live = changes.subscribe().await?;
    let cursor = Arc::new(changes.cursor(&cursor(&hook)).await?);
    let time = hook.timeout + LEASE;
    let mut lease = Lease { cursor: cursor.clone(), webhooks: webhooks.clone(), time, renewed: None };
    loop {
        if !lease.renew().await? {
            tokio::time::sleep(RENEW).await;
            continue;
        }
        let batch = cursor.read(BATCH).await?;
        if batch.is_empty() {
            wait(&mut live).await;
            continue;
        }
        if batch.lost > 0 {
            tracing::error!(
                hook = hook.name,
                lost = batch.lost,
                "changes went out of the log before a webhook had sent them"
            );
        }
        if deliver(&webhooks, &hook, &batch, &mut lease).await? {
            cursor.done(&batch).await?;
        }
    }
}

async fn wait(live: &mut Subscription) {
    if let Ok(None) = tokio::time::timeout(IDLE, live.next()).await {
        // The database is closing, and this task with it.
        tokio::time::sleep(IDLE).await;
    }
}

/// Sends a batch's messages. Whether all of them were taken or kept; if not, the reader stays where it is.
async fn deliver(webhooks: &Arc<Webhooks>, hook: &Arc<Hook>, batch: &Batch, lease: &mut Lease) -> Result<bool> {
    let messages: Vec<Message> = batch.changes.iter().filter_map(|change| Message::of(hook, change)).collect();
    let mut messages = messages.into_iter().peekable();
    while messages.peek().is_some() {
        if !lease.renew().await? {
            return Ok(false);
        }
        let some: Vec<_> =
            messages.by_ref().take(AT_ONCE).map(|message| attempt(webhooks.clone(), hook.clone(), message)).collect();
        for kept in join_all(some).await {
            kept?;
        }
    }
    let pending = store::count(&webhooks.database, &hook.name).await?;
    if pending.iter().any(|(status, n)| status == "pending" && *n > MOST_PENDING) {
        tracing::error!(
            hook = hook.name,
            "too many messages wait for the receiver; the hook's changes stay in the log meanwhile"
        );
        tokio::time::sleep(REST).await;
    }
    Ok(true)
}

/// Sends a message, and keeps it if it is not taken.
async fn attempt(webhooks: Arc<Webhooks>, hook: Arc<Hook>, message: Message) -> Result<()> {
    let Err(refused) = send::send(&webhooks.outbound(), &hook, &message.id, &message.body).await else { return Ok(()) };
    tracing::warn!(hook = hook.name, message = message.id, reason = refused.reason, "a webhook was not taken");
    store::keep(&webhooks.database, &hook.name, hook.attempts, &message, &refused).await
}

/// The right to read for a hook.
struct Lease {
    cursor: Arc<Cursor>,
    webhooks: Arc<Webhooks>,
    /// How long it holds.
    time: Duration,
    renewed: Option<Instant>,
}

impl Lease {
    /// Takes or keeps the right. Whether this server has it.
    async fn renew(&mut self) -> Result<bool> {
        if self.renewed.is_some_and(|at| at.elapsed() < RENEW) {
            return Ok(true);
        }
        let asked = Instant::now();
        let (cursor, webhooks, time) = (self.cursor.clone(), self.webhooks.clone(), self.time);
        // A task of its own: a server that stops in the middle would not know whether it has the right, and could not give it back.
        let claim = tokio::spawn(async move {
            let left = webhooks.left.lock().await;
            if *left { Ok(false) } else { cursor.claim(&webhooks.node, time).await }
        });
        let has = claim.await.map_err(|error| Error::internal(error.to_string()))??;
        self.renewed = has.then_some(asked);
        Ok(has)
    }
}
