//! A broadcast: read once, encoded once for each serializer, shared by all who receive it.

use std::cell::OnceCell;

use bytes::{BufMut, Bytes, BytesMut};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::encode::quote;
use super::{Frame, MAX_LENGTH, Payload, Version, push};

/// What is sent to a topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Broadcast {
    /// The user's event.
    pub event: String,
    /// Whether the body is JSON.
    pub json: bool,
    /// The payload.
    pub body: Bytes,
    /// What the server says about it: a JSON object.
    pub meta: Option<String>,
}

impl Broadcast {
    /// A broadcast of JSON.
    pub fn of_json(event: String, body: impl Into<Bytes>, meta: Option<String>) -> Self {
        Broadcast { event, json: true, body: body.into(), meta }
    }

    /// Reads what a client pushed. Only the parts that receivers know are kept, so that no sender can put into others' clients what these
    /// take for something else.
    pub fn read(payload: Payload) -> Option<Broadcast> {
        match payload {
            Payload::User { event, json, body } => {
                let readable = !json || serde_json::from_slice::<&RawValue>(&body).is_ok();
                readable.then_some(Broadcast { event, json, body, meta: None })
            }
            Payload::Json(text) => {
                #[derive(Deserialize)]
                struct Pushed<'a> {
                    event: String,
                    #[serde(borrow, default)]
                    payload: Option<&'a RawValue>,
                }
                let pushed: Pushed = serde_json::from_slice(&text).ok()?;
                let body = pushed.payload.map_or(Bytes::from_static(b"{}"), |raw| text.slice_ref(raw.get().as_bytes()));
                Some(Broadcast::of_json(pushed.event, body, None))
            }
            Payload::Binary(body) => Some(Broadcast { event: "broadcast".into(), json: false, body, meta: None }),
        }
    }

    /// The frame for clients of a serializer; `None` if it can't say it.
    fn encode(&self, version: Version, topic: &str) -> Option<Frame> {
        if !self.json {
            return (version == Version::V2).then(|| self.binary(topic)).flatten();
        }
        let body = std::str::from_utf8(&self.body).ok()?;
        let mut payload = String::with_capacity(body.len() + self.event.len() + 64);
        payload.push_str("{\"type\":\"broadcast\",\"event\":");
        quote(&mut payload, &self.event);
        payload.push_str(",\"payload\":");
        payload.push_str(body);
        if let Some(meta) = &self.meta {
            payload.push_str(",\"meta\":");
            payload.push_str(meta);
        }
        payload.push('}');
        Some(push(version, None, None, topic, "broadcast", &payload))
    }

    fn binary(&self, topic: &str) -> Option<Frame> {
        let meta = self.meta.as_deref().unwrap_or_default();
        let parts = [topic, &self.event, meta];
        if parts.iter().any(|part| part.len() > MAX_LENGTH) {
            return None;
        }
        let mut bytes =
            BytesMut::with_capacity(5 + parts.iter().map(|part| part.len()).sum::<usize>() + self.body.len());
        bytes.put_u8(4);
        parts.iter().for_each(|part| bytes.put_u8(part.len() as u8));
        bytes.put_u8(0);
        parts.iter().for_each(|part| bytes.put_slice(part.as_bytes()));
        bytes.put_slice(&self.body);
        Some(Frame::Binary(bytes.freeze()))
    }
}

/// A broadcast's frames for one topic, made when first needed.
pub(crate) struct Encoded<'a> {
    topic: &'a str,
    broadcast: &'a Broadcast,
    frames: [OnceCell<Option<Frame>>; 2],
}

impl<'a> Encoded<'a> {
    pub fn new(topic: &'a str, broadcast: &'a Broadcast) -> Self {
        Encoded { topic, broadcast, frames: Default::default() }
    }

    /// The frame for clients of a serializer, if it can say it.
    pub fn frame(&self, version: Version) -> Option<&Frame> {
        let cell = &self.frames[usize::from(version == Version::V2)];
        cell.get_or_init(|| self.broadcast.encode(version, self.topic)).as_ref()
    }
}
