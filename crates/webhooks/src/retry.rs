//! Tries again what was not taken.

use std::sync::Arc;
use std::time::Duration;

use basalt_core::Result;
use futures_util::future::join_all;

use crate::store::Delivery;
use crate::{Hooks, Webhooks, send, store};

/// How often the database is asked what is due.
const INTERVAL: Duration = Duration::from_secs(1);
/// Messages that are tried at once.
const TURN: usize = 16;

/// Tries again what is due, turn by turn.
pub(crate) async fn run(webhooks: Arc<Webhooks>, hooks: Arc<Hooks>) -> Result<()> {
    let names: Vec<&str> = hooks.all.iter().map(|hook| hook.name.as_str()).collect();
    if names.is_empty() {
        return std::future::pending().await;
    }
    // Nobody else takes what this turn may still be busy with.
    let longest = hooks.all.iter().map(|hook| hook.timeout).max().unwrap_or_default();
    let lease = longest + Duration::from_secs(60);
    loop {
        let due = store::due(&webhooks.database, &names, TURN, lease).await?;
        let is_full = due.len() == TURN;
        let tried: Vec<_> = due.into_iter().map(|delivery| attempt(webhooks.clone(), delivery)).collect();
        for done in join_all(tried).await {
            done?;
        }
        if !is_full {
            tokio::time::sleep(INTERVAL).await;
        }
    }
}

async fn attempt(webhooks: Arc<Webhooks>, delivery: Delivery) -> Result<()> {
    let Some(hook) = webhooks.hook(&delivery.hook) else { return Ok(()) };
    match send::send(&webhooks.outbound(), &hook, &delivery.id, &delivery.body).await {
        Ok(()) => store::taken(&webhooks.database, &delivery.id).await,
        Err(refused) => {
            let attempts = delivery.attempts + 1;
            tracing::warn!(
                hook = hook.name,
                message = delivery.id,
                attempts,
                reason = refused.reason,
                "a webhook was not taken"
            );
            store::failed(&webhooks.database, &delivery, hook.attempts, &refused).await
        }
    }
}
