//! What a client asks for when it joins. What is unknown or invalid falls to its default.

use serde_json::{Map, Value};

/// The payload of `phx_join`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Join {
    /// Whether broadcasts are acknowledged.
    pub ack: bool,
    /// Whether the sender receives its own broadcasts.
    pub own: bool,
    /// What to send again of the past.
    pub replay: Option<Replay>,
    /// Whether the client wants to be told of changes to the stream's state.
    pub replication_ready: bool,
    /// The presence key; empty: a new one.
    pub presence_key: String,
    /// Whether the client follows presence.
    pub presence: bool,
    /// The database changes, as they were asked for.
    pub changes: Vec<Map<String, Value>>,
    pub private: bool,
    /// The token that counts for this channel.
    pub access_token: Option<String>,
}

/// Broadcasts of the past.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Replay {
    /// Milliseconds of the Unix epoch.
    pub since: i64,
    /// How many at most.
    pub limit: u32,
}

/// Most messages that a replay gives.
pub(crate) const MAX_REPLAYED: u32 = 25;

impl Join {
    /// Reads a payload, whatever it is.
    pub fn read(payload: &Value) -> Join {
        let config = &payload["config"];
        let (broadcast, presence) = (&config["broadcast"], &config["presence"]);
        let changes = config["postgres_changes"].as_array().map(Vec::as_slice).unwrap_or_default();
        Join {
            ack: truth(&broadcast["ack"]),
            own: truth(&broadcast["self"]),
            replay: replay(&broadcast["replay"]),
            replication_ready: truth(&broadcast["replication_ready"]),
            presence_key: presence["key"].as_str().unwrap_or_default().to_owned(),
            presence: truth(&presence["enabled"]),
            changes: changes.iter().filter_map(Value::as_object).cloned().collect(),
            private: truth(&config["private"]),
            access_token: token(payload),
        }
    }
}

/// The token of a join or of an `access_token` event. Opaque keys stand for no user; they leave what was in force.
pub(crate) fn token(payload: &Value) -> Option<String> {
    let token = payload["access_token"].as_str()?;
    (!token.is_empty() && !token.starts_with("sb_")).then(|| token.to_owned())
}

fn truth(value: &Value) -> bool {
    match value {
        Value::Bool(value) => *value,
        Value::String(text) => text.eq_ignore_ascii_case("true"),
        _ => false,
    }
}

fn replay(value: &Value) -> Option<Replay> {
    let since = value.get("since")?.as_i64()?;
    let limit = value.get("limit").and_then(Value::as_u64).unwrap_or(u64::from(MAX_REPLAYED));
    Some(Replay { since, limit: limit.clamp(1, u64::from(MAX_REPLAYED)) as u32 })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn everything_is_read() {
        let join = Join::read(&json!({
            "config": {
                "broadcast": {"ack": true, "self": "true", "replay": {"since": 5, "limit": 100}},
                "presence": {"key": "k", "enabled": "TRUE"},
                "postgres_changes": [{"event": "*", "schema": "public"}, 7],
                "private": true
            },
            "access_token": "a.b.c"
        }));
        assert!(join.ack && join.own && join.presence && join.private);
        assert_eq!(join.replay, Some(Replay { since: 5, limit: 25 }));
        assert_eq!((join.presence_key.as_str(), join.changes.len()), ("k", 1));
        assert_eq!(join.access_token.as_deref(), Some("a.b.c"));
    }

    #[test]
    fn what_is_invalid_is_the_default() {
        let join = Join::read(&json!({
            "config": {"broadcast": 3, "presence": {"key": 4, "enabled": "yes"}, "postgres_changes": {}, "private": []},
            "access_token": "sb_publishable_x"
        }));
        assert_eq!(join, Join::default());
        for payload in [json!(null), json!([]), json!("x"), json!({"config": null})] {
            assert_eq!(Join::read(&payload), Join::default());
        }
    }
}
