//! Frames over PostgreSQL's notify.
//!
//! A notification is text of less than 8000 bytes, so frames are small and in base64, and a large message comes in parts; those of one
//! `send` are notified in one transaction, which PostgreSQL delivers whole and in order. A table would take larger messages, but costs a
//! write and as many reads as there are nodes for each, and someone who clears it up.

use basalt_core::Error;
use basalt_db::{Database, LARGEST_NOTIFICATION, NotifyLine};
use base64::Engine;
use base64::prelude::BASE64_STANDARD_NO_PAD;
use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use crate::line::{Carrier, Line, LineError};

/// The channel of the project's nodes; every database has its own.
const CHANNEL: &str = "basalt_nodes";

/// Notifications of a PostgreSQL database.
pub struct Notify(Database);

impl Notify {
    /// Over this database. `None`: it hears no notifications, since it is embedded or behind a pooler that hands out connections by
    /// transaction.
    pub fn new(database: &Database) -> Option<Notify> {
        database.postgres()?.hears_notifications().then(|| Notify(database.clone()))
    }
}

impl Carrier for Notify {
    fn name(&self) -> &'static str {
        "PostgreSQL"
    }

    fn connect(&self) -> BoxFuture<'_, Result<Box<dyn Line>, LineError>> {
        async {
            let postgres = self.0.postgres().ok_or_else(|| LineError("the database is embedded".into()))?;
            Ok(Box::new(postgres.notify_line(CHANNEL).await?) as Box<dyn Line>)
        }
        .boxed()
    }
}

impl Line for NotifyLine {
    fn largest(&self) -> usize {
        LARGEST_NOTIFICATION / 4 * 3
    }

    fn send(&self, frames: Vec<Vec<u8>>) -> BoxFuture<'_, Result<(), LineError>> {
        async move {
            let payloads: Vec<String> = frames.iter().map(|frame| BASE64_STANDARD_NO_PAD.encode(frame)).collect();
            Ok(self.notify(&payloads).await?)
        }
        .boxed()
    }

    fn next(&self) -> BoxFuture<'_, Result<Bytes, LineError>> {
        async {
            let payload = NotifyLine::next(self).await?;
            // Somebody else's word is no frame, in whatever alphabet.
            Ok(BASE64_STANDARD_NO_PAD.decode(&payload).map_or_else(|_| payload.into(), Bytes::from))
        }
        .boxed()
    }
}

impl From<Error> for LineError {
    fn from(error: Error) -> LineError {
        LineError(error.to_string())
    }
}
