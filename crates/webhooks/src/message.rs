//! A message: what changed, in the form of Supabase's database webhooks.

use basalt_core::Change;
use serde::Serialize;
use serde_json::value::RawValue;

use crate::settings::Hook;

/// A message of one change to one hook.
#[derive(Debug, Clone)]
pub(crate) struct Message {
    /// `webhook-id`: the same for every attempt.
    pub id: String,
    /// The change.
    pub change: u64,
    /// The body, JSON.
    pub body: String,
}

#[derive(Serialize)]
struct Body<'a> {
    r#type: &'a str,
    table: &'a str,
    schema: &'a str,
    record: Option<&'a RawValue>,
    old_record: Option<&'a RawValue>,
}

impl Message {
    /// The message of a change, if the hook asks for it.
    pub fn of(hook: &Hook, change: &Change) -> Option<Message> {
        let table = &change.table;
        let asked = table.schema == hook.table.schema && table.name == hook.table.name;
        if !asked || !hook.operations.contains(&change.operation) {
            return None;
        }
        let body = Body {
            r#type: change.operation.name(),
            table: &table.name,
            schema: &table.schema,
            record: change.new.as_deref(),
            old_record: change.old.as_deref(),
        };
        Some(Message {
            id: format!("msg_{}_{}", hook.name, change.id),
            change: change.id,
            body: serde_json::to_string(&body).unwrap_or_default(),
        })
    }
}
