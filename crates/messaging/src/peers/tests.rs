//! Frames lost, repeated, cut and forged; nodes that die and come back.

use super::*;
use crate::frame::Writer;

const CLOCK: u64 = 1_800_000_000_000;
const TIMEOUT: Duration = Duration::from_secs(10);

fn secret() -> Secret {
    Secret::new(b"0123456789abcdef").unwrap()
}

fn writer(node: NodeId) -> Writer {
    Writer::new(node, Seal::of(&secret(), node).unwrap())
}

fn peers() -> Peers {
    Peers::new(NodeId::random(), secret(), TIMEOUT)
}

/// What a frame brought, shortly.
fn told(heard: Result<Heard, Rejected>) -> (Vec<String>, u64) {
    let heard = heard.unwrap();
    let event = |(topic, event): (Option<Bytes>, Event)| match event {
        Event::Joined(_) => "joined".to_owned(),
        Event::Left(_) => "left".to_owned(),
        Event::Missed(_) => "missed".to_owned(),
        Event::Message(_, body) => format!("{}:{}", String::from_utf8_lossy(&topic.unwrap()), body.len()),
    };
    (heard.events.into_iter().map(event).collect(), heard.lost)
}

fn words(events: &[&str], lost: u64) -> (Vec<String>, u64) {
    (events.iter().map(|event| (*event).to_owned()).collect(), lost)
}

#[test]
fn messages_come_in_order_and_gaps_are_seen() {
    let (mut peers, node, now) = (peers(), NodeId::random(), Instant::now());
    let mut writer = writer(node);
    let mut frame = |size: usize| Bytes::from(writer.messages([("t", &vec![0; size][..])], CLOCK, 1000).remove(0));
    let frames: Vec<Bytes> = (1..=4).map(&mut frame).collect();
    assert_eq!(told(peers.take(frames[0].clone(), now, CLOCK)), words(&["joined", "t:1"], 0));
    assert_eq!(told(peers.take(frames[1].clone(), now, CLOCK)), words(&["t:2"], 0));
    assert_eq!(told(peers.take(frames[3].clone(), now, CLOCK)), words(&["missed", "t:4"], 1));
    for frame in frames {
        assert_eq!(peers.take(frame, now, CLOCK), Err(Rejected::Repeated));
    }
}

#[test]
fn large_messages_are_put_together_or_not_at_all() {
    let (mut peers, node, now) = (peers(), NodeId::random(), Instant::now());
    let mut writer = writer(node);
    let body = vec![7; 5000];
    let mut parts: Vec<Bytes> = writer.messages([("t", &body[..])], CLOCK, 1000).into_iter().map(Bytes::from).collect();
    let last = parts.pop().unwrap();
    for (i, part) in parts.into_iter().enumerate() {
        assert_eq!(told(peers.take(part, now, CLOCK)), words(if i == 0 { &["joined"] } else { &[] }, 0));
    }
    assert_eq!(told(peers.take(last, now, CLOCK)), words(&["t:5000"], 0));

    let parts: Vec<Bytes> = writer.messages([("t", &body[..])], CLOCK, 1000).into_iter().map(Bytes::from).collect();
    for (i, part) in parts.into_iter().enumerate().filter(|(i, _)| *i != 2) {
        let expected = if i == 3 { words(&["missed"], 1) } else { words(&[], 0) };
        assert_eq!(told(peers.take(part, now, CLOCK)), expected);
    }
    let small = writer.messages([("t", &b"x"[..])], CLOCK, 1000).remove(0);
    assert_eq!(told(peers.take(small.into(), now, CLOCK)), words(&["t:1"], 0));
}

#[test]
fn a_message_that_is_too_large_is_missed() {
    let (mut peers, node, now) = (peers(), NodeId::random(), Instant::now());
    let mut writer = writer(node);
    let body = vec![7; LARGEST_MESSAGE + 1];
    let parts = writer.messages([("t", &body[..])], CLOCK, 1 << 20);
    let heard: Vec<_> = parts.into_iter().map(|part| told(peers.take(part.into(), now, CLOCK))).collect();
    let events: Vec<&str> = heard.iter().flat_map(|(events, _)| events.iter().map(String::as_str)).collect();
    assert_eq!((events, heard.iter().map(|(_, lost)| lost).sum::<u64>()), (vec!["joined", "missed"], 1));
    let small = writer.messages([("t", &b"x"[..])], CLOCK, 1000).remove(0);
    assert_eq!(told(peers.take(small.into(), now, CLOCK)), words(&["t:1"], 0));
}

#[test]
fn a_silent_node_dies_and_may_come_back() {
    let (mut peers, node, now) = (peers(), NodeId::random(), Instant::now());
    let mut writer = writer(node);
    let mut alive = || Bytes::from(writer.messages([], CLOCK, 1000).remove(0));
    assert_eq!(told(peers.take(alive(), now, CLOCK)), words(&["joined"], 0));
    assert_eq!(peers.expire(now + TIMEOUT), []);
    assert_eq!(peers.expire(now + TIMEOUT * 2), [Event::Left(node)]);
    assert_eq!((peers.expire(now + TIMEOUT * 2), peers.alive()), (Vec::new(), 0));
    alive();
    assert_eq!(told(peers.take(alive(), now + TIMEOUT * 3, CLOCK)), words(&["joined"], 1));
    assert_eq!(peers.alive(), 1);
    let leaving = Bytes::from(writer.leaving(CLOCK).unwrap());
    assert_eq!(told(peers.take(leaving.clone(), now + TIMEOUT * 3, CLOCK)), words(&["left"], 0));
    assert_eq!(peers.take(leaving, now + TIMEOUT * 3, CLOCK), Err(Rejected::Repeated));
}

#[test]
fn what_is_forged_or_old_is_rejected() {
    let (mut peers, node, now) = (peers(), NodeId::random(), Instant::now());
    let other = Secret::new(b"another secret of this length").unwrap();
    let mut stranger = Writer::new(node, Seal::of(&other, node).unwrap());
    let forged = Bytes::from(stranger.messages([("t", &b"x"[..])], CLOCK, 1000).remove(0));
    assert_eq!(peers.take(forged, now, CLOCK), Err(Rejected::Forged));
    assert_eq!(peers.take("reload schema".into(), now, CLOCK), Err(Rejected::Malformed));
    let mut writer = writer(node);
    let frame = Bytes::from(writer.messages([("t", &b"x"[..])], CLOCK, 1000).remove(0));
    for clock in [CLOCK + WINDOW + 1, CLOCK - WINDOW - 1] {
        assert_eq!(peers.take(frame.clone(), now, clock), Err(Rejected::Late));
    }
    assert_eq!((peers.peers.len(), peers.alive()), (0, 0));
    // A node that is gone is remembered for as long as its frames could be believed.
    assert_eq!(told(peers.take(frame.clone(), now, CLOCK)).0.len(), 2);
    peers.expire(now + TIMEOUT * 2);
    assert_eq!(peers.take(frame, now + TIMEOUT * 2, CLOCK), Err(Rejected::Repeated));
    peers.expire(now + REMEMBERED + TIMEOUT);
    assert_eq!(peers.peers.len(), 0);
}
