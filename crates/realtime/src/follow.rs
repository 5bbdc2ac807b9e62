//! The service's one task: it reads the change log as it grows while somebody is connected, listens to other nodes, and tells what is
//! for channels.

use std::collections::BTreeSet;
use std::time::Duration;

use basalt_core::{Operation, Result};
use basalt_db::changes::Batch;
use basalt_sql::Name;
use basalt_supervise::{Pauses, caught};
use tokio::time::{sleep, timeout};

use crate::service::{Realtime, Shared};
use crate::{messages, nodes, rows};

/// The pause after tables could not be watched.
const PAUSE: Duration = Duration::from_secs(30);
/// How often old messages are forgotten.
const TRIMMING: Duration = Duration::from_secs(3600);

/// `realtime.broadcast_changes`, which triggers call with their rows: only PostgreSQL has functions over any row.
const OF_ROWS: &str = include_str!("schema/broadcast_changes.postgres.sql");

impl Realtime {
    /// Follows the database's changes, until it is closed, and the other nodes. Whoever starts the service runs this beside it.
    pub async fn follow(&self) {
        tokio::select! {
            () = self.follow_changes() => {}
            () = self.shared.watch_rows() => {}
            () = nodes::follow(&self.shared) => {}
            () = self.shared.tidy() => {}
        }
    }

    /// Has the tables watched whose rows are told, with or without a client. For before the first request is served.
    ///
    /// Errors: where the database can't be asked (classes 08, 53, 57, 58); 55P03 where somebody holds a table; 42P01 and 42501 for one of
    /// `[[broadcasts]]` that is not there, or somebody else's.
    pub async fn prepare(&self) -> Result<()> {
        self.shared.prepare().await?;
        self.shared.watch_broadcasts().await
    }

    async fn follow_changes(&self) {
        let mut pauses = Pauses::default();
        loop {
            match caught("telling changes", self.shared.follow_while_somebody_listens()).await {
                Some(Ok(())) => return,
                Some(Err(error)) => tracing::warn!(%error, "changes can't be followed; trying again"),
                None => {}
            }
            self.shared.following.send_replace(false);
            pauses.wait().await;
        }
    }
}

impl Shared {
    /// Has the tables watched whose rows are broadcast, for ever: as soon as they are there, and anew when others are configured.
    async fn watch_rows(&self) {
        loop {
            match self.watch_broadcasts().await {
                Ok(()) => {
                    let (settings, catalog) = (self.settings(), self.database.catalog());
                    for (table, column) in
                        settings.broadcasts().iter().filter_map(|one| Some((&one.table, one.unknown_column(&catalog)?)))
                    {
                        tracing::error!(%table, column, "the topic of [[broadcasts]] names a column that the table lacks");
                    }
                    self.reconfigured.notified().await;
                }
                Err(error) => {
                    tracing::error!(%error, "tables of [[broadcasts]] can't be watched; trying again in {PAUSE:?}");
                    let _ = timeout(PAUSE, self.reconfigured.notified()).await;
                }
            }
        }
    }

    async fn watch_broadcasts(&self) -> Result<()> {
        let settings = self.settings();
        let tables: BTreeSet<Name> = settings.broadcasts().iter().map(|one| one.table.clone()).collect();
        let operations = settings.broadcasts().iter().flat_map(|one| one.operations.clone()).collect();
        let tables: Vec<Name> = tables.into_iter().collect();
        self.database.changes().watch("broadcasts", &tables, &operations).await
    }

    /// Forgets old messages now and then, for ever.
    async fn tidy(&self) {
        loop {
            sleep(TRIMMING).await;
            if let Err(error) = messages::trim(&self.database).await {
                tracing::warn!(%error, "old messages could not be forgotten");
            }
        }
    }

    /// Tells what is written while there are connections, until the database is closed. Without one nothing reads the log: what nobody
    /// hears costs the writers nothing.
    async fn follow_while_somebody_listens(&self) -> Result<()> {
        self.prepare().await?;
        let mut connections = self.hub.connections();
        loop {
            // The hub lives as long as this.
            let _ = connections.wait_for(|count| *count > 0).await;
            let mut changes = self.database.changes().subscribe().await?;
            self.following.send_replace(true);
            loop {
                tokio::select! {
                    batch = changes.next() => match batch {
                        Some(batch) => self.tell(&batch).await,
                        None => return Ok(()),
                    },
                    () = async { _ = connections.wait_for(|count| *count == 0).await } => {
                        // Who comes from here on waits until changes are followed again; who came before is seen.
                        self.following.send_replace(false);
                        if *connections.borrow_and_update() == 0 {
                            break;
                        }
                        self.following.send_replace(true);
                    }
                }
            }
        }
    }

    async fn prepare(&self) -> Result<()> {
        let database = &self.database;
        if database.postgres().is_some() && database.catalog().routines("realtime", "broadcast_changes").is_empty() {
            database.run_script(OF_ROWS, |_| {}).await.map_err(|failed| failed.error)?;
        }
        // That old ones are forgotten is nobody's news.
        let messages = [Name::new("realtime", "messages")];
        database.changes().watch("realtime", &messages, &[Operation::Insert].into()).await
    }

    async fn tell(&self, batch: &Batch) {
        if batch.lost > 0 {
            tracing::error!(
                lost = batch.lost,
                "realtime was too slow: the change log had forgotten entries before they were told"
            );
            self.subscriptions.tell_lost(batch.lost);
        }
        let (settings, catalog) = (self.settings(), self.database.catalog());
        // Each node reads the log itself, so others need not be told.
        for change in &batch.changes {
            let of_rows = settings.broadcasts().iter().filter_map(|one| one.of(change));
            let of_triggers = rows::of_triggers(&catalog, change);
            for (key, broadcast) in messages::broadcast(change).into_iter().chain(of_rows).chain(of_triggers) {
                self.hub.broadcast(&key, &broadcast);
            }
        }
        self.subscriptions.deliver(&self.database, &settings.openness, batch).await;
    }
}
