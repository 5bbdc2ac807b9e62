//! Whether PostgreSQL answers, for whoever sends requests elsewhere if it does not.

use std::time::{Duration, Instant};

use basalt_core::Result;

use super::Postgres;
use super::connection::{Connection, Target};
use super::error::translate;

/// How long an answer is taken for news: however often somebody wants to know, PostgreSQL is not asked more often.
const FRESH: Duration = Duration::from_millis(500);
/// How long it may take to answer.
const LONGEST: Duration = Duration::from_secs(2);

/// What was felt last. It has a connection of its own, so that pools which are busy don't look as if nobody were there.
#[derive(Default)]
pub(super) struct Pulse {
    connection: Option<Connection>,
    last: Option<(Instant, bool)>,
}

impl Pulse {
    async fn feel(&mut self, target: &Target) -> bool {
        if let Some((at, answered)) = self.last
            && at.elapsed() < FRESH
        {
            return answered;
        }
        let connection = self.connection.take();
        let asked = tokio::time::timeout(LONGEST, ask(connection, target)).await;
        self.connection = asked.ok().and_then(Result::ok);
        let answered = self.connection.is_some();
        self.last = Some((Instant::now(), answered));
        answered
    }
}

/// Asks nothing, which PostgreSQL answers all the same; gives the connection back.
async fn ask(connection: Option<Connection>, target: &Target) -> Result<Connection> {
    let connection = match connection.filter(|connection| !connection.client.is_closed()) {
        Some(connection) => connection,
        None => target.connect(1).await?,
    };
    connection.client.batch_execute("").await.map_err(translate)?;
    Ok(connection)
}

impl Postgres {
    /// Whether PostgreSQL answers within two seconds, as of half a second ago at most.
    pub async fn answers(&self) -> bool {
        self.engine.pulse.lock().await.feel(&self.engine.owner_target).await
    }
}
