//! Frames in and out.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

fn text(text: &str) -> Frame {
    Frame::Text(Bytes::copy_from_slice(text.as_bytes()))
}

fn shown(frame: &Frame) -> Value {
    match frame {
        Frame::Text(text) => serde_json::from_slice(text).unwrap(),
        Frame::Binary(_) => panic!("a binary frame"),
    }
}

/// A frame of kind 3.
fn user_push(parts: [&str; 5], encoding: u8, body: &[u8]) -> Frame {
    let mut bytes = vec![3];
    bytes.extend(parts.iter().map(|part| part.len() as u8));
    bytes.push(encoding);
    parts.iter().for_each(|part| bytes.extend(part.as_bytes()));
    bytes.extend(body);
    Frame::Binary(bytes.into())
}

#[test]
fn both_serializers_say_the_same() {
    let first = text(r#"{"topic":"realtime:a","event":"e","payload":{"x":[1, 2]},"ref":"2","join_ref":"1"}"#);
    let second = text(r#"["1","2","realtime:a","e",{"x":[1, 2]}]"#);
    let message = decode(Version::V1, &first).unwrap();
    assert_eq!(Some(&message), decode(Version::V2, &second).as_ref());
    assert_eq!(message.payload, Payload::Json(Bytes::from_static(br#"{"x":[1, 2]}"#)));
    assert_eq!((message.join_ref.as_deref(), message.reference.as_deref()), (Some("1"), Some("2")));
}

#[test]
fn references_may_be_absent_or_numbers() {
    let message = decode(Version::V1, &text(r#"{"topic":"phoenix","event":"heartbeat","ref":7}"#)).unwrap();
    assert_eq!((message.join_ref, message.reference.as_deref()), (None, Some("7")));
    assert_eq!(message.payload, Payload::Json(Bytes::from_static(b"{}")));
    assert!(decode(Version::V2, &text(r#"[null,null,"t","e",{}]"#)).unwrap().reference.is_none());
}

#[test]
fn a_binary_push_is_read() {
    let message = decode(Version::V2, &user_push(["1", "2", "realtime:ü", "move", ""], 1, br#"{"x":1}"#)).unwrap();
    assert_eq!((message.topic.as_str(), message.event.as_str()), ("realtime:ü", "broadcast"));
    let expected = Payload::User { event: "move".into(), json: true, body: Bytes::from_static(br#"{"x":1}"#) };
    assert_eq!(message.payload, expected);
    let message = decode(Version::V2, &Frame::Binary(Bytes::from_static(b"\x00\x01\x01\x01\x0112te\xff"))).unwrap();
    assert_eq!(message.payload, Payload::Binary(Bytes::from_static(b"\xff")));
}

#[test]
fn malformed_frames_are_nothing() {
    for frame in ["", "{", "[]", "null", r#"["1","2","t"]"#, r#"{"topic":"t"}"#, r#"[1,2,3,4,5]"#] {
        assert_eq!(decode(Version::V1, &text(frame)), None, "{frame}");
        assert_eq!(decode(Version::V2, &text(frame)), None, "{frame}");
    }
    let whole = user_push(["1", "2", "t", "e", ""], 1, b"");
    let Frame::Binary(bytes) = &whole else { unreachable!() };
    assert!(decode(Version::V2, &whole).is_some());
    for end in 0..bytes.len() {
        assert_eq!(decode(Version::V2, &Frame::Binary(bytes.slice(..end))), None);
    }
    assert_eq!(decode(Version::V2, &user_push(["1", "2", "t", "e", ""], 2, b"")), None);
    assert_eq!(decode(Version::V1, &whole), None);
}

#[test]
fn a_broadcast_reaches_both_serializers() {
    let pushed = Payload::Json(Bytes::from_static(br#"{"type":"broadcast","event":"e","payload":{"x":1},"ids":[1]}"#));
    let broadcast = Broadcast::read(pushed).unwrap();
    let encoded = Encoded::new("realtime:a", &broadcast);
    let payload = json!({"type": "broadcast", "event": "e", "payload": {"x": 1}});
    let object =
        json!({"topic": "realtime:a", "event": "broadcast", "payload": payload, "ref": null, "join_ref": null});
    assert_eq!(shown(encoded.frame(Version::V1).unwrap()), object);
    let array = json!([null, null, "realtime:a", "broadcast", payload]);
    assert_eq!(shown(encoded.frame(Version::V2).unwrap()), array);
}

#[test]
fn binary_broadcasts_reach_the_second_serializer_alone() {
    let broadcast =
        Broadcast::read(Payload::User { event: "e".into(), json: false, body: Bytes::from_static(b"\xff") });
    let broadcast = Broadcast { meta: Some("{}".into()), ..broadcast.unwrap() };
    let encoded = Encoded::new("t", &broadcast);
    assert_eq!(encoded.frame(Version::V1), None);
    assert_eq!(encoded.frame(Version::V2), Some(&Frame::Binary(Bytes::from_static(b"\x04\x01\x01\x02\x00te{}\xff"))));
    let long = "x".repeat(256);
    assert_eq!(Encoded::new(&long, &broadcast).frame(Version::V2), None);
}

#[test]
fn a_broadcast_that_is_no_json_is_nothing() {
    for body in ["{", "", "\u{feff}{}", "{} {}"] {
        let body = Bytes::from(body);
        assert_eq!(Broadcast::read(Payload::User { event: "e".into(), json: true, body }), None);
    }
    assert_eq!(Broadcast::read(Payload::Json(Bytes::from_static(br#"{"payload":{}}"#))), None);
    assert_eq!(Broadcast::read(Payload::Json(Bytes::from_static(b"null"))), None);
}

#[test]
fn replies_carry_the_references() {
    let frame = reply(Version::V2, Some("1"), Some("2"), "t\"", false, r#"{"reason":"x"}"#);
    let expected = json!(["1", "2", "t\"", "phx_reply", {"status": "error", "response": {"reason": "x"}}]);
    assert_eq!(shown(&frame), expected);
}

proptest! {
    #[test]
    fn no_frame_breaks_the_reader(bytes in proptest::collection::vec(any::<u8>(), 0..300), kind in 0u8..5) {
        let mut framed = vec![kind];
        framed.extend(&bytes);
        for frame in [Frame::Binary(framed.into()), Frame::Text(bytes.clone().into()), Frame::Binary(bytes.into())] {
            for version in [Version::V1, Version::V2] {
                if let Some(message) = decode(version, &frame) {
                    Broadcast::read(message.payload);
                }
            }
        }
    }

    #[test]
    fn what_is_pushed_is_read_again(topic in ".{0,40}", event in ".{0,20}", reference in "[0-9]{1,5}", value in ".{0,50}") {
        let payload = json!({"x": value}).to_string();
        for version in [Version::V1, Version::V2] {
            let message = decode(version, &push(version, None, Some(&reference), &topic, &event, &payload)).unwrap();
            prop_assert_eq!(&message.topic, &topic);
            prop_assert_eq!(&message.event, &event);
            prop_assert_eq!(message.reference.as_deref(), Some(reference.as_str()));
            prop_assert_eq!(message.payload, Payload::Json(payload.clone().into()));
        }
    }

    #[test]
    fn user_broadcasts_are_read(topic in ".{0,40}", event in ".{0,20}", body in proptest::collection::vec(any::<u8>(), 0..50)) {
        let message = decode(Version::V2, &user_push(["1", "", &topic, &event, "{}"], 0, &body)).unwrap();
        prop_assert_eq!(message.topic, topic);
        prop_assert_eq!(message.payload, Payload::User { event, json: false, body: body.into() });
    }
}
