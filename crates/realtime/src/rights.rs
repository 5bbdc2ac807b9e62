//! Who may use a private channel: the row policies of `realtime.messages` say so (contract: wire.md section 3.7).
//!
//! SELECT is the right to join and receive, INSERT the right to send and be present. Each is tried with a row of the channel as the
//! caller, with `realtime.topic` and the token's claims in force, and nothing of it is kept.

use std::sync::Arc;

use basalt_core::{Error, Identity, Result};
use basalt_db::{Database, Format, Request, TransactionEnd};
use uuid::Uuid;

/// What one identity may do in one channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rights {
    pub broadcast: bool,
    pub presence: bool,
}

const EXTENSIONS: [&str; 2] = ["broadcast", "presence"];

impl Rights {
    /// Everything: a public channel.
    pub const ALL: Rights = Rights { broadcast: true, presence: true };

    /// What an identity may receive.
    ///
    /// Errors: where the database can't be asked.
    pub async fn to_read(database: &Database, identity: &Identity, topic: &str) -> Result<Rights> {
        let ids = EXTENSIONS.map(|_| Uuid::new_v4().to_string());
        let mut transaction = database.begin_as_owner().await?;
        let insert =
            "insert into realtime.messages (topic, extension, id) values ($1, 'broadcast', $2), ($1, 'presence', $3)";
        let params = [topic, &ids[0], &ids[1]].map(|text| Some(text.to_owned())).to_vec();
        transaction.run(Request { format: Format::None, ..Request::new(Identity::owner(), insert, params) }).await?;
        let select = "select extension as value from realtime.messages where id in ($1, $2)";
        let asked = Request { format: Format::Scalars, ..request(identity, topic, select, ids.map(Some).to_vec()) };
        let answer = transaction.run(asked).await;
        transaction.rollback().await?;
        let seen: Vec<String> = match answer {
            Ok(answer) => serde_json::from_slice(&answer.body).map_err(|error| Error::internal(error.to_string()))?,
            Err(error) if is_refusal(&error) => Vec::new(),
            Err(error) => return Err(error),
        };
        let has = |extension: &str| seen.iter().any(|one| one == extension);
        Ok(Rights { broadcast: has("broadcast"), presence: has("presence") })
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
        search_path: Arc::new(["realtime".to_owned(), "public".to_owned(), "extensions".to_owned()]),
        settings: vec![("realtime.topic".to_owned(), topic.to_owned())],
        ..Request::new(identity.clone(), sql, params)
    }
}

/// Whether the policies said no, rather than the database being away. A policy that fails says no too.
fn is_refusal(error: &Error) -> bool {
    if error.code() != "42501" {
        tracing::warn!(%error, "the policies of realtime.messages could not be asked");
    }
    !["08", "53", "57", "58", "XX"].iter().any(|class| error.code().starts_with(class))
}
