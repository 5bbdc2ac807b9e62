//! Servers that start together take turns at migrations, one at a time, those included that no transaction may hold.
//!
//! The turn is an advisory lock in a transaction of a connection of its own, so that it outlives the migration's statements, holds behind a pooler too,
//! and ends with whoever has it. It is tried for and never waited for: `create index concurrently` waits for every statement that is under way,
//! one that waits for a lock included, and both would wait for ever.

use std::time::Duration;

use basalt_core::Result;
use tokio_postgres::SimpleQueryMessage;

use super::connection::{Connection, Target};
use super::error::translate;

/// Tries for the lock, in a transaction that may take as long as the migration does. By the simple protocol: the extended one leaves a portal
/// open, whose snapshot would be waited for as well.
const TRY: &str = "begin isolation level read committed; \
    do $$ begin perform pg_catalog.set_config(name, '0', true) from pg_catalog.pg_settings \
    where name in ('idle_in_transaction_session_timeout', 'transaction_timeout'); end $$; \
    select pg_catalog.pg_try_advisory_xact_lock(7021114200144)";
/// The pause between two tries.
const PAUSE: Duration = Duration::from_millis(100);

/// The right to migrate, until it is dropped.
pub(super) struct Turn {
    connection: Connection,
}

impl Turn {
    /// Waits until nobody else migrates this database.
    ///
    /// Errors: 08001 when PostgreSQL can't be reached.
    pub async fn take(target: &Target) -> Result<Turn> {
        let connection = target.connect(1).await?;
        let client = &connection.client;
        let mut waited = false;
        loop {
            let answers = client.simple_query(TRY).await.map_err(translate)?;
            let is_taken =
                |answer: &SimpleQueryMessage| matches!(answer, SimpleQueryMessage::Row(row) if row.get(0) == Some("t"));
            if answers.iter().any(is_taken) {
                return Ok(Turn { connection });
            }
            client.batch_execute("rollback").await.map_err(translate)?;
            if !std::mem::replace(&mut waited, true) {
                tracing::info!("another server applies migrations: waiting for it");
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Gives it back.
    pub async fn end(self) -> Result<()> {
        self.connection.client.batch_execute("rollback").await.map_err(translate)
    }
}
