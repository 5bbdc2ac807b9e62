//! Broadcasts from SQL: rows of `realtime.messages`, told when they are committed, and told again to those who ask for the past.

use basalt_core::{Change, Error, Identity, Operation, Result};
use basalt_db::{Database, Format, Request};
use bytes::Bytes;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, json};

use crate::channel::{Key, PREFIX};
use crate::join::Replay;
use crate::protocol::Broadcast;

/// How long messages are kept.
const KEPT: &str = "3 days";

/// A row.
#[derive(Deserialize)]
struct Message<'a> {
    id: String,
    topic: String,
    extension: String,
    event: Option<String>,
    #[serde(borrow)]
    payload: Option<&'a RawValue>,
    binary_payload: Option<String>,
    private: Option<bool>,
}

/// The broadcast that a change is, if it is one, and where it goes.
pub(crate) fn broadcast(change: &Change) -> Option<(Key, Broadcast)> {
    if change.operation != Operation::Insert || change.table.schema != "realtime" || change.table.name != "messages" {
        return None;
    }
    let message: Message = serde_json::from_str(change.new.as_ref()?.get()).ok()?;
    let key = Key { topic: format!("{PREFIX}{}", message.topic).into(), private: message.private.unwrap_or(false) };
    Some((key, message.broadcast(false)?))
}

impl Message<'_> {
    fn broadcast(self, replayed: bool) -> Option<Broadcast> {
        if self.extension != "broadcast" {
            return None;
        }
        let event = self.event?;
        let meta = if replayed { json!({"replayed": true, "id": self.id}) } else { json!({"id": self.id}) };
        let meta = Some(meta.to_string());
        if let Some(bytes) = self.binary_payload {
            return Some(Broadcast { event, json: false, body: hex(&bytes)?, meta });
        }
        let payload = self.payload.map_or("{}", RawValue::get);
        // Receivers know a message by its id.
        let body = match serde_json::from_str::<Map<String, serde_json::Value>>(payload) {
            Ok(mut fields) => {
                fields.entry("id").or_insert_with(|| self.id.clone().into());
                serde_json::Value::Object(fields).to_string()
            }
            Err(_) => payload.to_owned(),
        };
        Some(Broadcast::of_json(event, body, meta))
    }
}

/// PostgreSQL's text form of bytea.
fn hex(text: &str) -> Option<Bytes> {
    let digits = text.strip_prefix("\\x")?.as_bytes();
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    digits.chunks(2).map(byte).collect()
}

/// The last broadcasts of a private channel, oldest first.
///
/// Errors: where the database can't be asked.
pub(crate) async fn replay(database: &Database, topic: &str, replay: Replay) -> Result<Vec<Broadcast>> {
    let sql = format!(
        "select id, topic, extension, event, payload, binary_payload, private from realtime.messages \
        where topic = $1 and private and extension = 'broadcast' and inserted_at >= $2 \
        and inserted_at > (now() at time zone 'utc') - interval '{KEPT}' order by inserted_at desc limit $3"
    );
    let since = Timestamp::from_millisecond(replay.since).unwrap_or(Timestamp::UNIX_EPOCH);
    let since = since.strftime("%Y-%m-%d %H:%M:%S%.6f").to_string();
    let params = vec![Some(topic.to_owned()), Some(since), Some(replay.limit.to_string())];
    let request = Request { read_only: true, format: Format::Json, ..Request::new(Identity::owner(), sql, params) };
    let body = database.run(request).await?.body;
    let messages: Vec<Message> = serde_json::from_slice(&body).map_err(|error| Error::internal(error.to_string()))?;
    Ok(messages.into_iter().rev().filter_map(|message| message.broadcast(true)).collect())
}

/// Forgets what is too old to be told again.
///
/// Errors: where the database can't be asked.
pub(crate) async fn trim(database: &Database) -> Result<()> {
    let sql =
        format!("delete from realtime.messages where inserted_at < (now() at time zone 'utc') - interval '{KEPT}'");
    let request = Request { format: Format::None, ..Request::new(Identity::owner(), sql, Vec::new()) };
    database.run(request).await.map(drop)
}
