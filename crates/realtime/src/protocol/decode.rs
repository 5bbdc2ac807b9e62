//! Frames of clients. What can't be read is nothing: the contract drops malformed frames.

use bytes::{Buf, Bytes};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{Frame, Message, Payload, Version};

/// Reads a frame.
pub(crate) fn decode(version: Version, frame: &Frame) -> Option<Message> {
    match (version, frame) {
        (Version::V1, Frame::Text(text)) => object(text),
        (Version::V2, Frame::Text(text)) => array(text),
        (Version::V2, Frame::Binary(bytes)) => binary(bytes.clone()),
        (Version::V1, Frame::Binary(_)) => None,
    }
}

/// A reference. Clients send strings; some send numbers.
#[derive(Deserialize)]
#[serde(untagged)]
enum Reference {
    Text(String),
    Number(i64),
}

impl Reference {
    fn text(self) -> String {
        match self {
            Reference::Text(text) => text,
            Reference::Number(number) => number.to_string(),
        }
    }
}

fn object(text: &Bytes) -> Option<Message> {
    #[derive(Deserialize)]
    struct Object<'a> {
        topic: String,
        event: String,
        #[serde(borrow, default)]
        payload: Option<&'a RawValue>,
        #[serde(default, rename = "ref")]
        reference: Option<Reference>,
        #[serde(default)]
        join_ref: Option<Reference>,
    }
    // serde would read an array as the members in their order.
    if text.trim_ascii_start().first() != Some(&b'{') {
        return None;
    }
    let object: Object = serde_json::from_slice(text).ok()?;
    Some(Message {
        join_ref: object.join_ref.map(Reference::text),
        reference: object.reference.map(Reference::text),
        topic: object.topic,
        event: object.event,
        payload: json(text, object.payload),
    })
}

fn array(text: &Bytes) -> Option<Message> {
    #[derive(Deserialize)]
    struct Array<'a>(Option<Reference>, Option<Reference>, String, String, #[serde(borrow)] &'a RawValue);
    let Array(join_ref, reference, topic, event, payload) = serde_json::from_slice(text).ok()?;
    Some(Message {
        join_ref: join_ref.map(Reference::text),
        reference: reference.map(Reference::text),
        topic,
        event,
        payload: json(text, Some(payload)),
    })
}

/// A part of the frame, not copied.
fn json(text: &Bytes, payload: Option<&RawValue>) -> Payload {
    Payload::Json(payload.map_or(Bytes::from_static(b"{}"), |raw| text.slice_ref(raw.get().as_bytes())))
}

fn binary(mut bytes: Bytes) -> Option<Message> {
    match bytes.try_get_u8().ok()? {
        // Phoenix's push.
        0 => {
            let [join_ref, reference, topic, event] = lengths(&mut bytes)?;
            Some(Message {
                join_ref: some(text(&mut bytes, join_ref)?),
                reference: some(text(&mut bytes, reference)?),
                topic: text(&mut bytes, topic)?,
                event: text(&mut bytes, event)?,
                payload: Payload::Binary(bytes),
            })
        }
        // A user's broadcast. Its metadata are for the server, which asks for none.
        3 => {
            let [join_ref, reference, topic, event, metadata, encoding] = lengths(&mut bytes)?;
            let join_ref = some(text(&mut bytes, join_ref)?);
            let reference = some(text(&mut bytes, reference)?);
            let topic = text(&mut bytes, topic)?;
            let event = text(&mut bytes, event)?;
            text(&mut bytes, metadata)?;
            let json = match encoding {
                0 => false,
                1 => true,
                _ => return None,
            };
            let payload = Payload::User { event, json, body: bytes };
            Some(Message { join_ref, reference, topic, event: "broadcast".into(), payload })
        }
        _ => None,
    }
}

fn lengths<const N: usize>(bytes: &mut Bytes) -> Option<[u8; N]> {
    let mut lengths = [0; N];
    bytes.try_copy_to_slice(&mut lengths).ok()?;
    Some(lengths)
}

fn text(bytes: &mut Bytes, length: u8) -> Option<String> {
    let length = usize::from(length);
    (bytes.len() >= length).then(|| bytes.split_to(length)).and_then(|text| String::from_utf8(text.into()).ok())
}

fn some(text: String) -> Option<String> {
    (!text.is_empty()).then_some(text)
}
