//! Tries again what was not taken of a hook.

use std::sync::Arc;
use std::time::Duration;

use basalt_core::Result;
use futures_util::future::join_all;

use crate::settings::Hook;
use crate::store::Delivery;
use crate::{Webhooks, send, store};

/// How often the database is asked what is due.
const INTERVAL: Duration = Duration::from_secs(1);
/// Messages that are tried at once.
const TURN: usize = 16;

/// Tries again what is due, turn by turn.
pub(crate) async fn run(webhooks: Arc<Webhooks>, hook: Arc<Hook>) -> Result<()> {
    // Nobody else takes what this turn may still be busy with.
    let lease = hook.timeout + Duration::from_secs(60);
    loop {
        let due = store::due(&webhooks.database, &hook.name, TURN, lease).await?;
        let is_full = due.len() == TURN;
        for done in join_all(due.iter().map(|delivery| attempt(&webhooks, &hook, delivery))).await {
            done?;
        }
        if !is_full {
            tokio::time::sleep(INTERVAL).await;
        }
    }
}

async fn attempt(webhooks: &Webhooks, hook: &Hook, delivery: &Delivery) -> Result<()> {
    match send::send(&webhooks.outbound(), hook, &delivery.id, &delivery.body).await {
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
            store::failed(&webhooks.database, delivery, hook.attempts, &refused).await
        }
    }
}
