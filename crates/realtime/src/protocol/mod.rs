//! Phoenix channels on the wire: frames to [`Message`]s and back, in both serializers. Pure.

mod broadcast;
mod decode;
mod encode;
#[cfg(test)]
mod tests;

use bytes::Bytes;

pub(crate) use broadcast::{Broadcast, Encoded};
pub(crate) use decode::decode;
pub(crate) use encode::{push, reply};

/// The largest number of bytes that a length of a binary frame can say.
pub(crate) const MAX_LENGTH: usize = u8::MAX as usize;

/// Which serializer a connection speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Version {
    /// `vsn=1.0.0`: JSON objects.
    V1,
    /// `vsn=2.0.0`: JSON arrays, and binary frames.
    V2,
}

/// A WebSocket message. Cloning is a reference count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Frame {
    /// UTF-8.
    Text(Bytes),
    /// Anything.
    Binary(Bytes),
}

impl Frame {
    /// Its size in bytes.
    pub fn len(&self) -> usize {
        match self {
            Frame::Text(bytes) | Frame::Binary(bytes) => bytes.len(),
        }
    }

    /// Whether it holds nothing.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// What a client says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Message {
    /// The join that it belongs to.
    pub join_ref: Option<String>,
    /// What the reply will carry.
    pub reference: Option<String>,
    pub topic: String,
    pub event: String,
    pub payload: Payload,
}

/// What a message carries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Payload {
    /// A JSON text.
    Json(Bytes),
    /// Bytes (Phoenix's own binary push).
    Binary(Bytes),
    /// A broadcast with its event beside it.
    User { event: String, json: bool, body: Bytes },
}

impl Payload {
    /// The payload read as `T`, if it is JSON of that shape.
    pub fn read<'a, T: serde::Deserialize<'a>>(&'a self) -> Option<T> {
        match self {
            Payload::Json(text) => serde_json::from_slice(text).ok(),
            Payload::Binary(_) | Payload::User { .. } => None,
        }
    }
}
