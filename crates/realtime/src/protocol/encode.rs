//! Frames of the server: pushes and replies.

use serde_json::value::RawValue;

use super::{Frame, Version};

/// A push of `payload`, a JSON text.
pub(crate) fn push(
    version: Version,
    join_ref: Option<&str>,
    reference: Option<&str>,
    topic: &str,
    event: &str,
    payload: &str,
) -> Frame {
    let mut text = String::with_capacity(payload.len() + topic.len() + event.len() + 80);
    match version {
        Version::V1 => {
            text.push_str("{\"topic\":");
            quote(&mut text, topic);
            text.push_str(",\"event\":");
            quote(&mut text, event);
            text.push_str(",\"payload\":");
            text.push_str(payload);
            text.push_str(",\"ref\":");
            quote_or_null(&mut text, reference);
            text.push_str(",\"join_ref\":");
            quote_or_null(&mut text, join_ref);
            text.push('}');
        }
        Version::V2 => {
            text.push('[');
            quote_or_null(&mut text, join_ref);
            text.push(',');
            quote_or_null(&mut text, reference);
            text.push(',');
            quote(&mut text, topic);
            text.push(',');
            quote(&mut text, event);
            text.push(',');
            text.push_str(payload);
            text.push(']');
        }
    }
    Frame::Text(text.into())
}

/// A reply; `response` is a JSON text.
pub(crate) fn reply(
    version: Version,
    join_ref: Option<&str>,
    reference: Option<&str>,
    topic: &str,
    ok: bool,
    response: &str,
) -> Frame {
    let status = if ok { "ok" } else { "error" };
    let payload = format!("{{\"status\":\"{status}\",\"response\":{response}}}");
    push(version, join_ref, reference, topic, "phx_reply", &payload)
}

/// `text` as a JSON string.
pub(super) fn quote(into: &mut String, text: &str) {
    // A string always has a JSON form.
    let quoted = serde_json::value::to_raw_value(text);
    into.push_str(quoted.as_deref().map_or("\"\"", RawValue::get));
}

fn quote_or_null(into: &mut String, text: Option<&str>) {
    match text {
        Some(text) => quote(into, text),
        None => into.push_str("null"),
    }
}
