//! Who may use a private channel: the row policies of `realtime.messages` say so.
//!
//! SELECT is the right to join and receive: would the caller see a row of the channel? INSERT is the right to send and be present: could it
//! write one? Both are asked with `realtime.topic` and the token's claims in force; nothing is kept.

use std::sync::atomic::{AtomicBool, Ordering};

use basalt_core::{Error, Identity, Result};
use basalt_db::{Database, Format, Request, TransactionEnd};
use basalt_sql::{Name, definition_path};
use jiff::Timestamp;
use serde_json::json;
use uuid::Uuid;

/// What one identity may do in one channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rights {
    pub broadcast: bool,
    pub presence: bool,
}

/// [`Rights`] that a renewed token may change while they are in use.
#[derive(Debug)]
pub(crate) struct Held {
    broadcast: AtomicBool,
    presence: AtomicBool,
}

impl Held {
    pub fn new(rights: Rights) -> Held {
        Held { broadcast: rights.broadcast.into(), presence: rights.presence.into() }
    }

    pub fn get(&self) -> Rights {
        let [broadcast, presence] = [&self.broadcast, &self.presence].map(|right| right.load(Ordering::Relaxed));
        Rights { broadcast, presence }
    }

    pub fn set(&self, rights: Rights) {
        self.broadcast.store(rights.broadcast, Ordering::Relaxed);
        self.presence.store(rights.presence, Ordering::Relaxed);
    }
}

const EXTENSIONS: [&str; 2] = ["broadcast", "presence"];

impl Rights {
    /// Everything: a public channel.
    pub const ALL: Rights = Rights { broadcast: true, presence: true };

    /// Nothing.
    pub const NONE: Rights = Rights { broadcast: false, presence: false };

    /// What an identity may receive.
    ///
    /// Errors: where the database can't be asked.
    pub async fn to_read(database: &Database, identity: &Identity, topic: &str) -> Result<Rights> {
        let now = Timestamp::now().strftime("%Y-%m-%d %H:%M:%S%.6f").to_string();
        let rows = EXTENSIONS.map(|extension| {
            let id = Uuid::new_v4().to_string();
            json!({"topic": topic, "extension": extension, "private": false, "id": id, "inserted_at": now, "updated_at": now})
                .to_string()
        });
        let table = Name::new("realtime", "messages");
        let rows = rows.each_ref().map(String::as_str);
        let seen = database.changes().would_read(&table, &rows, identity, &[setting(topic)]).await?;
        let [broadcast, presence] = [0, 1].map(|extension| seen.contains(&extension));
        Ok(Rights { broadcast, presence })
    }

    /// What an identity may send.
    ///
    /// Errors: where the database can't be asked.
    pub async fn to_write(database: &Database, identity: &Identity, topic: &str) -> Result<Rights> {
        let mut rights = [false; EXTENSIONS.len()];
        for (right, extension) in rights.iter_mut().zip(EXTENSIONS) {
            let insert = "insert into realtime.messages (topic, extension) values ($1, $2)";
            let params = [topic, extension].map(|text| Some(text.to_owned())).to_vec();
            let asked = Request {
                format: Format::None,
                end: TransactionEnd::Rollback,
                ..request(identity, topic, insert, params)
            };
            *right = match database.run(asked).await {
                Ok(_) => true,
                Err(error) if is_refusal(&error) => false,
                Err(error) => return Err(error),
            };
        }
        let [broadcast, presence] = rights;
        Ok(Rights { broadcast, presence })
    }
}

fn request(identity: &Identity, topic: &str, sql: &'static str, params: Vec<Option<String>>) -> Request {
    Request {
        search_path: definition_path("realtime").into(),
        settings: vec![setting(topic)],
        ..Request::new(identity.clone(), sql, params)
    }
}

/// What `realtime.topic()` is.
fn setting(topic: &str) -> (String, String) {
    ("realtime.topic".to_owned(), topic.to_owned())
}

/// Whether the policies said no, rather than the database being away. A policy that fails says no too.
fn is_refusal(error: &Error) -> bool {
    if error.code() != "42501" {
        tracing::warn!(%error, "the policies of realtime.messages could not be asked");
    }
    !["08", "53", "57", "58", "XX"].iter().any(|class| error.code().starts_with(class))
}
