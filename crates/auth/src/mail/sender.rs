//! Who sends what waits in the outbox: a task of each node. Nobody who asked waits for whom it goes to. What was sent is deleted; only a sender that is
//! killed between the two has it sent twice, with the same id.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use basalt_core::Backoff;
use basalt_supervise::{caught, supervised};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use uuid::Uuid;

use super::outbox::{Claimed, Outbox};
use crate::error::Result;

/// How many are delivered at once.
const AT_ONCE: usize = 16;
/// How long one delivery may take: longer than a mail server may, in all. Meanwhile its row is held, again and again.
const DELIVERY: Duration = Duration::from_secs(500);
const HOLD: Duration = Duration::from_secs(20);
/// How often one is tried, and the pauses in between, each four times as long as the one before.
const ATTEMPTS: u32 = 10;
const FIRST_PAUSE: Duration = Duration::from_secs(2);
const LONGEST_PAUSE: Duration = Duration::from_secs(600);
/// The longest sleep: another node may have been killed, and left what it took.
const LOOK: Duration = Duration::from_secs(60);
/// The pause where another node takes what is due, and the first and longest one while the database doesn't answer.
const TAKEN: Duration = Duration::from_millis(100);
const FAILING: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(60));
/// How long deliveries that are under way are waited for in the end.
const GOODBYE: Duration = Duration::from_secs(10);

/// A way out: a mail server, or a hook.
pub(crate) trait Deliver: Send + Sync + 'static {
    /// What is delivered.
    type Item: Serialize + DeserializeOwned + Send + Sync + 'static;

    /// Delivers one.
    fn deliver(&self, item: &Self::Item) -> impl Future<Output = Result<(), Undelivered>> + Send;
}

/// Why something was not taken.
pub(crate) struct Undelivered {
    pub why: String,
    /// Whether it is of no use to try again.
    pub is_final: bool,
}

/// What a sender is told: that there is something new, or, with true, that the server stops.
pub(super) type News = watch::Receiver<bool>;

/// Sends what is due until the server stops, or nobody can tell any news.
pub(super) async fn send<D: Deliver>(outbox: Arc<Outbox>, way: Arc<D>, news: News) {
    // Boxed: a database's futures are deep in each other, and this adds a few.
    supervised("the outbox", move || Box::pin(work(outbox.clone(), way.clone(), news.clone()))).await;
}

async fn work<D: Deliver>(outbox: Arc<Outbox>, way: Arc<D>, mut news: News) {
    let (mut under_way, mut failing) = (JoinSet::new(), Backoff::new(FAILING.0, FAILING.1));
    while !*news.borrow_and_update() {
        let pause = match take(&outbox, &way, &mut under_way).await {
            Ok(pause) => {
                failing.reset();
                pause
            }
            Err(error) => {
                tracing::warn!(error = error.message(), "the outbox can't be read");
                failing.pause()
            }
        };
        tokio::select! {
            told = news.changed() => if told.is_err() { break },
            _ = under_way.join_next(), if !under_way.is_empty() => {}
            () = sleep(pause), if under_way.len() < AT_ONCE => {}
        }
    }
    let all = async { while under_way.join_next().await.is_some() {} };
    if timeout(GOODBYE, all).await.is_err() {
        tracing::warn!("mails were on their way when the server stopped; they may be sent again");
    }
}

/// Begins what is due, as far as there is room. Gives the time until there may be more.
async fn take<D: Deliver>(outbox: &Arc<Outbox>, way: &Arc<D>, under_way: &mut JoinSet<()>) -> Result<Duration> {
    let seconds = outbox.next().await?.unwrap_or(LOOK.as_secs_f64());
    if seconds > 0.0 {
        return Ok(Duration::try_from_secs_f64(seconds).unwrap_or(LOOK).min(LOOK));
    }
    match outbox.expire().await? {
        0 => {}
        count => tracing::error!(count, "mails were not taken until what they carry expired"),
    }
    let claimed = outbox.claim(AT_ONCE - under_way.len()).await?;
    // Another node is taking what is due.
    let pause = if claimed.is_empty() { TAKEN } else { Duration::ZERO };
    for claimed in claimed {
        let (outbox, way) = (outbox.clone(), way.clone());
        under_way.spawn(async move {
            if let Err(error) = one(&outbox, &*way, claimed).await {
                tracing::warn!(error = error.message(), "the outbox can't be written; a mail may be sent again");
            }
        });
    }
    Ok(pause)
}

/// Delivers one, and notes what became of it.
async fn one<D: Deliver>(outbox: &Outbox, way: &D, claimed: Claimed) -> Result<()> {
    let (id, user) = (claimed.id, claimed.user_id.unwrap_or_default());
    let Some(item) = outbox.read(&claimed) else {
        tracing::error!(%id, %user, "a mail was sealed with a key that is no more; what it carries is good for nothing");
        return outbox.delete(claimed.id).await;
    };
    let again = |why: &str| Err(Undelivered { why: why.to_owned(), is_final: false });
    // What panics over one is tried again as well, and holds up none of the others.
    let delivering = caught("the outbox", timeout(DELIVERY, way.deliver(&item)));
    let delivered = match held(outbox, id, delivering).await {
        Some(Ok(delivered)) => delivered,
        Some(Err(_)) => again("it took too long"),
        None => again("a panic"),
    };
    match delivered {
        Ok(()) => outbox.delete(claimed.id).await,
        Err(Undelivered { why, is_final }) if is_final || claimed.tried >= ATTEMPTS => {
            tracing::error!(%id, %user, error = why, tried = claimed.tried, "a mail was not taken");
            outbox.delete(claimed.id).await
        }
        Err(Undelivered { why, .. }) => {
            let pause = pause_after(claimed.tried);
            tracing::warn!(%id, %user, error = why, "a mail was not taken; trying again in {pause:?}");
            outbox.put_off(claimed.id, pause).await
        }
    }
}

/// Holds a row until its delivery ends.
async fn held<T>(outbox: &Outbox, id: Uuid, delivering: impl Future<Output = T>) -> T {
    let mut delivering = pin!(delivering);
    loop {
        match timeout(HOLD, &mut delivering).await {
            Ok(delivered) => return delivered,
            Err(_) => {
                if let Err(error) = outbox.hold(id).await {
                    tracing::warn!(%id, error = error.message(), "a mail under way can't be held; it may be sent twice");
                }
            }
        }
    }
}

/// The pause after so many attempts.
fn pause_after(tried: u32) -> Duration {
    FIRST_PAUSE.saturating_mul(4_u32.saturating_pow(tried.saturating_sub(1))).min(LONGEST_PAUSE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_up_to_the_longest() {
        let pauses: Vec<u64> = (1..ATTEMPTS).map(|tried| pause_after(tried).as_secs()).collect();
        assert_eq!(pauses, [2, 8, 32, 128, 512, 600, 600, 600, 600]);
        assert_eq!(pause_after(u32::MAX), LONGEST_PAUSE);
    }
}
