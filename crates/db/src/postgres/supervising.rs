//! A private cluster is started again when its processes end by themselves. Requests meanwhile find nobody and are told so at once.
//!
//! A connection of its own tells the end: PostgreSQL's processes end with their first, while the number of that one may soon be another's.

use std::sync::Arc;
use std::time::{Duration, Instant};

use basalt_core::Backoff;
use tokio_postgres::NoTls;

use super::cluster::Cluster;
use super::connection::Target;

/// The pauses between attempts to start it.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// What ran so long is no failed attempt.
const STEADY: Duration = Duration::from_secs(60);

/// Watches a running cluster, until it is aborted.
pub(super) async fn supervise(cluster: Arc<Cluster>, target: Target) {
    let mut backoff = Backoff::new(FIRST_PAUSE, LONGEST_PAUSE);
    loop {
        match target.config.connect(NoTls).await {
            Ok((_client, driver)) => {
                let since = Instant::now();
                let ended = driver.await;
                tracing::debug!(?ended, "the connection that watches PostgreSQL ended");
                if since.elapsed() > STEADY {
                    backoff.reset();
                }
            }
            // It answers, if only to say that it recovers.
            Err(error) if error.as_db_error().is_some() => tokio::time::sleep(FIRST_PAUSE).await,
            Err(_) => {
                tracing::error!("PostgreSQL ended by itself: starting it again");
                let pause = backoff.pause();
                let again = cluster.clone();
                match tokio::task::spawn_blocking(move || again.revive()).await {
                    Ok(Ok(())) => tracing::info!("PostgreSQL was started again"),
                    Ok(Err(error)) => {
                        tracing::error!(%error, detail = error.detail(), "PostgreSQL could not be started; trying again in {pause:?}");
                    }
                    // Only a runtime that ends gives up what it was to do.
                    Err(_) => return,
                }
                tokio::time::sleep(pause).await;
            }
        }
    }
}
