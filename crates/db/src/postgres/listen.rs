//! Word from the database: `notify pgrst, 'reload schema'` makes the catalog anew, `'reload config'` rings for whoever configures.
//! The connection that listens is made again, with a growing pause, whenever it is lost.

use std::sync::Weak;
use std::time::Duration;

use basalt_core::{Backoff, Result};
use tokio::sync::mpsc;
use tokio_postgres::{AsyncMessage, Client};

use super::Engine;
use super::connection::Driver;
use super::error::translate;

/// Notifications in a burst are answered by one reload this long after the first.
const GATHER: Duration = Duration::from_millis(50);
/// The pauses between attempts to connect.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(32);

/// Listens until the engine is gone.
pub(super) async fn listen(engine: Weak<Engine>, channel: String) {
    let mut backoff = Backoff::new(FIRST_PAUSE, LONGEST_PAUSE);
    let mut missed = false;
    loop {
        let Some(target) = engine.upgrade().map(|engine| engine.owner_target.clone()) else { return };
        let ended = match target.open().await {
            Ok((client, driver)) => attend(&engine, client, driver, &channel, &mut backoff, missed).await,
            Err(error) => Err(error),
        };
        let pause = backoff.pause();
        if let Err(error) = ended {
            tracing::warn!(%error, "not listening to PostgreSQL; trying again in {pause:?}");
        }
        missed = true;
        tokio::time::sleep(pause).await;
    }
}

/// Listens on one connection until it ends. `missed`: whether there may have been word that nobody heard.
async fn attend(
    engine: &Weak<Engine>,
    client: Client,
    mut driver: Driver,
    channel: &str,
    backoff: &mut Backoff,
    missed: bool,
) -> Result<()> {
    // A full queue means that a reload is due anyway.
    let (word, mut words) = mpsc::channel::<()>(1);
    let pump = async {
        loop {
            match driver.message().await {
                Some(Ok(AsyncMessage::Notification(notification))) => {
                    // An empty one asks for everything.
                    let asks_for =
                        |what| matches!(notification.payload(), payload if payload.is_empty() || payload == what);
                    if asks_for("reload schema") {
                        let _ = word.try_send(());
                    }
                    if let Some(engine) = engine.upgrade().filter(|_| asks_for("reload config")) {
                        engine.asked.notify_one();
                    }
                }
                Some(Ok(_)) => {}
                Some(Err(error)) => return Err(error),
                None => return Ok(()),
            }
        }
    };
    let work = async {
        let listen = format!("listen {}", basalt_sql::quote::ident(channel));
        client.batch_execute(&listen).await.map_err(translate)?;
        backoff.reset();
        if let Some(engine) = engine.upgrade().filter(|_| missed) {
            engine.asked.notify_one();
        }
        loop {
            // What changed while nobody listened counts too, so the first turn reloads without being told.
            let Some(engine) = engine.upgrade() else { return Ok(()) };
            if let Err(error) = engine.reload().await {
                tracing::error!(%error, "the catalog could not be read again; the old one stays");
            }
            drop(engine);
            if words.recv().await.is_none() {
                return Ok(());
            }
            tokio::time::sleep(GATHER).await;
            while words.try_recv().is_ok() {}
        }
    };
    tokio::select! {
        ended = pump => ended,
        ended = work => ended,
    }
}
