//! Whether PostgreSQL answers, for whoever sends requests elsewhere if it does not.

use std::time::{Duration, Instant};

use basalt_core::Result;

use super::connection::{Connection, Target};
use super::error::{FULL, translate};
use super::{Engine, Postgres};

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
    /// Whether requests, which connect to `target`, are answered; `has_others`: whether they have connections.
    async fn feel(&mut self, target: &Target, has_others: impl FnOnce() -> bool) -> bool {
        if let Some((at, answered)) = self.last
            && at.elapsed() < FRESH
        {
            return answered;
        }
        let connection = self.connection.take();
        let asked = tokio::time::timeout(LONGEST, ask(connection, target)).await;
        let (connection, answered) = match asked {
            Ok(Ok(connection)) => (Some(connection), true),
            // PostgreSQL takes no more connections: those that there are go on.
            Ok(Err(error)) if error.code() == FULL => (None, has_others()),
            Ok(Err(_)) | Err(_) => (None, false),
        };
        self.connection = connection;
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
    /// Whether PostgreSQL answers requests within two seconds, as of half a second ago at most. Where it does, whoever failed to connect
    /// before tries again at once.
    pub async fn answers(&self) -> bool {
        let Engine { pulse, requests, requests_target, .. } = &*self.engine;
        let answers = pulse.lock().await.feel(requests_target, || requests.state().open > 0).await;
        if answers {
            requests.resume();
        }
        answers
    }
}
