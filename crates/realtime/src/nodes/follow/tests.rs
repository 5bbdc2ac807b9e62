//! What a member of this node is shown of another node's members.

use std::sync::Arc;

use basalt_messaging::Bus;
use serde_json::Value;

use super::*;
use crate::channel::{Key, Member};
use crate::limits::Limits;
use crate::nodes::Nodes;
use crate::outbox::Outbox;
use crate::presence::Present;
use crate::protocol::{Frame, Version};
use crate::rights::{Held, Rights};

const OTHER: NodeId = NodeId::from_bytes([1; NodeId::LENGTH]);

fn key() -> Key {
    Key { topic: "realtime:a".into(), private: false }
}

fn hub() -> Hub {
    Hub::new(Nodes::new(Bus::alone()), &Limits::default())
}

/// A member who follows presence.
fn member(hub: &Hub) -> Arc<Member> {
    let member = Arc::new(Member {
        id: hub.next_id(),
        key: key(),
        join_ref: None,
        version: Version::V2,
        outbox: Arc::new(Outbox::new(100, 1 << 20)),
        own: false,
        presence: true,
        reads: Held::new(Rights::ALL),
        presence_key: "here".into(),
    });
    hub.join(member.clone());
    member
}

/// Events and payloads that wait for a member, shortly: `state k`, `+k`, `-k`.
async fn shown(member: &Member) -> Vec<String> {
    let mut shown = Vec::new();
    for frame in member.outbox.take().await.expect("frames") {
        let Frame::Text(text) = frame else { panic!("a text") };
        let frame: Value = serde_json::from_slice(&text).expect("JSON");
        let keys = |side: &Value, sign: &str| -> Vec<String> {
            side.as_object().expect("an object").keys().map(|key| format!("{sign}{key}")).collect()
        };
        match frame[3].as_str() {
            Some("presence_state") => shown.push(format!("state {}", keys(&frame[4], "").join(" ")).trim().to_owned()),
            Some("presence_diff") => {
                shown.extend(keys(&frame[4]["joins"], "+"));
                shown.extend(keys(&frame[4]["leaves"], "-"));
            }
            _ => shown.push(frame[4]["event"].to_string()),
        }
    }
    shown
}

fn says(follower: &Follower<'_>, said: Said<'_>) {
    follower.hear(Event::Message(OTHER, said.write()));
}

fn is_present(follower: &Follower<'_>, name: &str, member: u64) {
    let present = Present { key: name, member, reference: name, meta: "{}" };
    says(follower, Said::Present { channel: (&key()).into(), presences: vec![present] });
}

#[tokio::test]
async fn what_a_node_no_longer_mentions_is_gone() {
    let hub = hub();
    let follower = Follower::new(&hub);
    let member = member(&hub);
    follower.hear(Event::Joined(OTHER));
    says(&follower, Said::Begin);
    is_present(&follower, "x", 1);
    is_present(&follower, "y", 2);
    says(&follower, Said::End);
    assert_eq!(shown(&member).await, ["state", "+x", "+y"]);

    // It says something that is lost: that x left, and that z came. Then it tells all.
    follower.hear(Event::Missed(OTHER));
    says(&follower, Said::Begin);
    is_present(&follower, "y", 2);
    is_present(&follower, "z", 3);
    says(&follower, Said::End);
    assert_eq!(shown(&member).await, ["+z", "-x"]);
}

#[tokio::test]
async fn a_telling_that_is_not_whole_takes_nothing_away() {
    let hub = hub();
    let follower = Follower::new(&hub);
    let member = member(&hub);
    follower.hear(Event::Joined(OTHER));
    is_present(&follower, "x", 1);
    says(&follower, Said::Begin);
    follower.hear(Event::Missed(OTHER));
    says(&follower, Said::End);
    assert!(!follower.mirrors()[&OTHER].is_whole);
    is_present(&follower, "y", 2);
    assert_eq!(shown(&member).await, ["state", "+x", "+y"]);
}

#[tokio::test]
async fn members_of_a_dead_node_leave_and_their_channels_are_forgotten() {
    let hub = hub();
    let follower = Follower::new(&hub);
    follower.hear(Event::Joined(OTHER));
    is_present(&follower, "x", 1);
    let member = member(&hub);
    assert_eq!(shown(&member).await, ["state x"]);
    follower.hear(Event::Left(OTHER));
    assert_eq!(shown(&member).await, ["-x"]);
    hub.leave(&hub.all()[0], &member);
    assert!(hub.all().is_empty());

    is_present(&follower, "x", 1);
    says(&follower, Said::Absent { channel: (&key()).into(), key: "x", member: 1 });
    assert!(hub.all().is_empty());
}

/// What another node says costs so much and no more, channels included.
#[tokio::test]
async fn there_is_no_room_for_everybody() {
    let hub = Hub::new(Nodes::new(Bus::alone()), &Limits { presences: 1, ..Limits::default() });
    let follower = Follower::new(&hub);
    let member = member(&hub);
    is_present(&follower, "x", 1);
    is_present(&follower, "y", 2);
    assert_eq!(shown(&member).await, ["state", "+x"]);
    says(&follower, Said::Absent { channel: (&key()).into(), key: "x", member: 1 });
    is_present(&follower, "y", 2);
    assert_eq!(shown(&member).await, ["-x", "+y"]);
    hub.room().limit(&Limits { presence_bytes: bytesize::ByteSize::b(1), ..Limits::default() });
    let present = Present { key: "z", member: 3, reference: "z", meta: "{}" };
    let elsewhere = Key { topic: "realtime:b".into(), private: false };
    says(&follower, Said::Present { channel: (&elsewhere).into(), presences: vec![present] });
    assert_eq!(hub.all().len(), 1);
}

#[tokio::test]
async fn broadcasts_are_passed_on_and_nonsense_is_not() {
    let hub = hub();
    let follower = Follower::new(&hub);
    let member = member(&hub);
    follower.hear(Event::Message(OTHER, Bytes::from_static(&[99, 1, 2])));
    says(&follower, Said::Broadcast { channel: (&key()).into(), event: "e", json: true, meta: None, body: b"{}" });
    assert_eq!(shown(&member).await, ["state", "\"e\""]);
}
