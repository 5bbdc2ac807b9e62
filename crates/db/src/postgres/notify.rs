//! A line between processes: a connection of its own that listens on a channel and notifies it.

use basalt_core::Result;
use basalt_sql::quote;
use basalt_supervise::caught;
use tokio::sync::{Mutex, mpsc};
use tokio::task::JoinHandle;
use tokio_postgres::{AsyncMessage, Client, Statement};

use super::Postgres;
use super::connection::Driver;
use super::error::{lost, translate};

/// Notifications that wait to be taken; further ones are lost.
const WAITING: usize = 1024;

const NOTIFY: &str = "select count(pg_catalog.pg_notify($1::text, payload)) from unnest($2::text[]) as payload";

/// A connection that listens on a channel and notifies it. What it says itself it hears too.
pub struct NotifyLine {
    channel: String,
    client: Client,
    notify: Statement,
    heard: Mutex<mpsc::Receiver<Result<String>>>,
    driver: JoinHandle<()>,
}

/// The largest payload of a notification, in bytes (PostgreSQL manual, NOTIFY).
pub const LARGEST_NOTIFICATION: usize = 7999;

impl Postgres {
    /// Whether notifications are heard: a pooler that hands out connections by transaction loses them.
    pub fn hears_notifications(&self) -> bool {
        !self.engine.options.transaction_pooler
    }

    /// A line on a channel.
    ///
    /// Errors: 08001 when PostgreSQL can't be reached.
    pub async fn notify_line(&self, channel: &str) -> Result<NotifyLine> {
        let (sender, heard) = mpsc::channel(WAITING);
        let (client, driver) = self.engine.owner_target.open().await?;
        let driver = tokio::spawn(async { _ = caught("a line between nodes", pump(driver, sender)).await });
        // What is only said is nothing to wait for the disk for.
        let listen = format!("set synchronous_commit = off; listen {}", quote::ident(channel));
        client.batch_execute(&listen).await.map_err(translate)?;
        let notify = client.prepare(NOTIFY).await.map_err(translate)?;
        Ok(NotifyLine { channel: channel.to_owned(), client, notify, heard: Mutex::new(heard), driver })
    }
}

impl NotifyLine {
    /// Notifies with these payloads, of at most [`LARGEST_NOTIFICATION`] bytes each: all of them, in this order, or none.
    ///
    /// Errors: 08006 when the connection was lost.
    pub async fn notify(&self, payloads: &[String]) -> Result<()> {
        self.client.query_one(&self.notify, &[&self.channel, &payloads]).await.map(drop).map_err(translate)
    }

    /// The next payload on the channel, from whomever. Dropped, it loses none.
    ///
    /// Errors: 08006 when the connection was lost.
    pub async fn next(&self) -> Result<String> {
        self.heard.lock().await.recv().await.unwrap_or_else(|| Err(lost()))
    }
}

impl Drop for NotifyLine {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

/// Drives the connection, and hands on what it hears.
async fn pump(mut driver: Driver, heard: mpsc::Sender<Result<String>>) {
    loop {
        match driver.message().await {
            // One too many is lost: the connection has answers to carry too.
            Some(Ok(AsyncMessage::Notification(notification))) => {
                let _ = heard.try_send(Ok(notification.payload().to_owned()));
            }
            Some(Ok(_)) => {}
            Some(Err(error)) => {
                let _ = heard.try_send(Err(error));
                return;
            }
            None => return,
        }
    }
}
