//! Changes of a table, told to the channels that their rows name: by `[[broadcasts]]` of basalt.toml on both engines, and on the embedded one by triggers
//! whose function calls `realtime.broadcast_changes`, as such triggers do themselves on PostgreSQL.

use std::collections::BTreeSet;

use basalt_core::{Change, Operation};
use basalt_sql::telling::{self, Telling};
use basalt_sql::{Catalog, Name};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::channel::{Key, PREFIX};
use crate::protocol::Broadcast;

/// One `[[broadcasts]]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Broadcasts {
    /// The table, `schema.name`; without a schema in `public`.
    pub table: String,
    /// Which changes: INSERT, UPDATE, DELETE.
    #[serde(default = "all_events")]
    pub events: BTreeSet<Operation>,
    /// The channel's name; `{column}` is that column's value, of the new row if there is one.
    pub topic: String,
    /// The event's name; the operation's without this.
    #[serde(default)]
    pub event: String,
    /// Whether the channel is private: then row policies say who may listen.
    #[serde(default = "yes")]
    pub private: bool,
}

fn all_events() -> BTreeSet<Operation> {
    [Operation::Insert, Operation::Update, Operation::Delete].into()
}

fn yes() -> bool {
    true
}

/// A [`Broadcasts`] that can be used.
#[derive(Debug, Clone)]
pub(crate) struct RowBroadcast {
    pub table: Name,
    pub operations: BTreeSet<Operation>,
    topic: Vec<Piece>,
    event: String,
    private: bool,
}

#[derive(Debug, Clone)]
enum Piece {
    Text(String),
    Column(String),
}

impl RowBroadcast {
    /// Judges what was written. The error names what is wrong with it.
    pub fn new(settings: &Broadcasts) -> Result<RowBroadcast, String> {
        let bad = |what: &str| format!("[[broadcasts]] of table \"{}\": {what}", settings.table);
        if settings.events.contains(&Operation::Truncate) {
            return Err(bad("`events` are INSERT, UPDATE and DELETE"));
        }
        let topic = pieces(&settings.topic)
            .filter(|pieces| !pieces.is_empty())
            .ok_or_else(|| bad("`topic` is a channel's name, in which each `{` begins a column and `}` ends it"))?;
        Ok(RowBroadcast {
            table: Name::named(&settings.table),
            operations: settings.events.clone(),
            topic,
            event: settings.event.clone(),
            private: settings.private,
        })
    }

    /// What the topic names and the table lacks.
    pub fn unknown_column(&self, catalog: &Catalog) -> Option<&str> {
        let relation = catalog.relations.get(&self.table)?;
        self.topic.iter().find_map(|piece| match piece {
            Piece::Column(name) => relation.column(name).is_none().then_some(name.as_str()),
            Piece::Text(_) => None,
        })
    }

    /// What a change is to a channel, and to which. None where it is of another table, or a column of the topic is null.
    pub fn of(&self, change: &Change) -> Option<(Key, Broadcast)> {
        let table = &change.table;
        let asked = table.schema == self.table.schema && table.name == self.table.name;
        if !asked || !self.operations.contains(&change.operation) {
            return None;
        }
        let row: Map<String, Value> = serde_json::from_str(change.judged()?.get()).ok()?;
        let mut topic = PREFIX.to_owned();
        for piece in &self.topic {
            match piece {
                Piece::Text(text) => topic.push_str(text),
                Piece::Column(name) => topic.push_str(&text(&row, name)?),
            }
        }
        let event = Some(&*self.event).filter(|event| !event.is_empty());
        Some(told(change, topic, event, self.private))
    }
}

/// A column's value as a part of a topic, if it has one.
fn text(row: &Map<String, Value>, column: &str) -> Option<String> {
    match row.get(column)? {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}

/// What a change is to the channels that the table's triggers tell. One whose name has a column without a value is not told.
pub(crate) fn of_triggers(catalog: &Catalog, change: &Change) -> Vec<(Key, Broadcast)> {
    let relation = catalog.relation(&change.table.schema, &change.table.name);
    let Some(relation) = relation.filter(|relation| !relation.triggers.is_empty()) else { return Vec::new() };
    let row = |row: &Option<Box<RawValue>>| -> Map<String, Value> {
        row.as_ref().and_then(|row| serde_json::from_str(row.get()).ok()).unwrap_or_default()
    };
    let (new, old) = (row(&change.new), row(&change.old));
    let tell = |telling: &Telling| {
        let mut columns = telling.topic.iter().filter_map(telling::Piece::column);
        if let Some(column) = columns.find(|column| relation.column(column).is_none()) {
            tracing::error!(table = %relation.name, column, "a trigger names a column that the table lacks: its rows are not told");
            return None;
        }
        let mut topic = PREFIX.to_owned();
        for piece in &telling.topic {
            topic += &match piece {
                telling::Piece::Text(text) => text.clone(),
                telling::Piece::New(column) => text(&new, column)?,
                telling::Piece::Old(column) => text(&old, column)?,
                telling::Piece::Either(column) => text(&new, column).or_else(|| text(&old, column))?,
            };
        }
        Some(told(change, topic, telling.event.as_deref(), true))
    };
    catalog.tellings(relation, change.operation).iter().filter_map(tell).collect()
}

/// The broadcast of a change to a channel, under the operation's name if no other is given.
fn told(change: &Change, topic: String, event: Option<&str>, private: bool) -> (Key, Broadcast) {
    let (table, operation) = (&change.table, change.operation.name());
    // The log's number, so that every server gives a change the same id.
    let id = Uuid::from_u128(change.id.into());
    let raw = |row: &Option<Box<RawValue>>| row.as_ref().map_or("null".to_owned(), |row| row.get().to_owned());
    let body = format!(
        "{{\"id\":\"{id}\",\"schema\":{},\"table\":{},\"operation\":\"{operation}\",\"record\":{},\"old_record\":{}}}",
        Value::from(table.schema.as_str()),
        Value::from(table.name.as_str()),
        raw(&change.new),
        raw(&change.old)
    );
    let meta = json!({"id": id.to_string()}).to_string();
    let key = Key { topic: topic.into(), private };
    (key, Broadcast::of_json(event.unwrap_or(operation).to_owned(), body, Some(meta)))
}

/// Cuts `room:{id}` into its pieces.
fn pieces(topic: &str) -> Option<Vec<Piece>> {
    let mut pieces = Vec::new();
    let mut rest = topic;
    while let Some((text, after)) = rest.split_once('{') {
        let (column, after) = after.split_once('}')?;
        if text.contains('}') || column.is_empty() || column.contains('{') {
            return None;
        }
        pieces.extend([Piece::Text(text.to_owned()), Piece::Column(column.to_owned())]);
        rest = after;
    }
    if !rest.is_empty() {
        pieces.push(Piece::Text(rest.to_owned()));
    }
    (!rest.contains('}')).then_some(pieces)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_topic_is_text_and_columns() {
        let settings = |topic: &str| Broadcasts {
            table: "shop.items".into(),
            events: all_events(),
            topic: topic.into(),
            event: String::new(),
            private: true,
        };
        for good in ["all", "room:{id}", "{a}{b}", "{a}:x"] {
            assert_eq!(RowBroadcast::new(&settings(good)).unwrap().table, Name::new("shop", "items"), "{good}");
        }
        for bad in ["", "{", "a}", "{}", "{a", "{{a}}", "a}b{c}"] {
            assert!(RowBroadcast::new(&settings(bad)).unwrap_err().contains("shop.items"), "{bad}");
        }
    }
}
