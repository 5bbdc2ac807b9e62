//! What reads changes stands before the first request is served: what is written from then on is told and sent.
//!
//! On PostgreSQL that may have to wait: the database is away, or somebody holds a table. The server starts all the same, and is not ready before.

use std::sync::Arc;
use std::time::Duration;

use basalt_core::Error;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use crate::app::App;

/// How long a start waits for the readers.
const PATIENCE: Duration = Duration::from_secs(10);
/// The pause after they could not begin.
const PAUSE: Duration = Duration::from_secs(1);

/// How the readers of changes stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Readers {
    /// They are about to begin.
    Beginning,
    /// They wait for a database that is away.
    Waiting,
    /// What is written is read.
    Begun,
}

impl App {
    /// Has the readers begin, however long that takes.
    pub(crate) async fn begin_reading(self: Arc<Self>) {
        loop {
            let (webhooks, realtime) = (self.webhooks.prepare().await, self.realtime.prepare().await);
            let mut waits = false;
            for (reader, error) in [("webhooks", webhooks.err()), ("realtime", realtime.err())] {
                let Some(error) = error else { continue };
                tracing::warn!(reader, %error, "what reads changes could not begin");
                waits |= passes(&error);
                if error.code().starts_with("08") {
                    self.readers.send_replace(Readers::Waiting);
                }
            }
            if !waits {
                // What is left is the operator's matter: a table that is not there keeps nothing else from being served.
                self.readers.send_replace(Readers::Begun);
                return;
            }
            sleep(PAUSE).await;
        }
    }
}

/// Waits until the readers have begun, but not for a database that is away, nor for ever.
pub(crate) async fn awaited(mut readers: watch::Receiver<Readers>) {
    let begun = readers.wait_for(|readers| *readers != Readers::Beginning);
    if timeout(PATIENCE, begun).await.is_err() {
        tracing::warn!("the server starts before what reads changes has begun: it is not ready until then");
    }
}

/// Whether time may mend it: the database is away or short of something, or somebody holds what is to be changed.
fn passes(error: &Error) -> bool {
    let code = error.code();
    code == "55P03" || ["08", "40", "53", "57", "58", "PGRST"].iter().any(|class| code.starts_with(class))
}
