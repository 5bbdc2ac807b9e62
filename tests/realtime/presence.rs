//! Presence.

use basalt_tests::Server;
use serde_json::{Value, json};

use crate::anon;
use crate::socket::Socket;

const TOPIC: &str = "realtime:a";

async fn present(server: &Server, key: &str) -> Socket {
    let mut socket = Socket::connect(server, &anon()).await;
    socket.join("a", json!({"presence": {"key": key, "enabled": true}})).await;
    socket
}

fn track(fields: Value) -> Value {
    json!({"type": "presence", "event": "track", "payload": fields})
}

/// What was tracked, by key.
fn fields(side: &Value) -> Value {
    let keys = side.as_object().unwrap().iter().map(|(key, presence)| {
        let metas = presence["metas"].as_array().unwrap().iter().map(|meta| meta["x"].clone()).collect();
        (key.clone(), Value::Array(metas))
    });
    Value::Object(keys.collect())
}

#[tokio::test]
async fn members_see_each_other_come_change_and_go() {
    let server = Server::start("").await;
    let mut first = present(&server, "one").await;
    assert_eq!(first.event("presence_state").await, json!({}));
    assert_eq!(first.ask(TOPIC, "presence", track(json!({"x": 1}))).await, json!({"status": "ok", "response": {}}));
    let joined = first.event("presence_diff").await;
    assert_eq!((fields(&joined["joins"]), &joined["leaves"]), (json!({"one": [1]}), &json!({})));

    let mut second = present(&server, "two").await;
    assert_eq!(fields(&second.event("presence_state").await), json!({"one": [1]}));
    second.ask(TOPIC, "presence", track(json!({"x": 2}))).await;
    assert_eq!(fields(&first.event("presence_diff").await["joins"]), json!({"two": [2]}));

    second.ask(TOPIC, "presence", track(json!({"x": 3}))).await;
    let changed = first.event("presence_diff").await;
    assert_eq!((fields(&changed["joins"]), fields(&changed["leaves"])), (json!({"two": [3]}), json!({"two": [2]})));
    let (new, old) = (&changed["joins"]["two"]["metas"][0], &changed["leaves"]["two"]["metas"][0]);
    assert_eq!(new["phx_ref_prev"], old["phx_ref"]);

    // The same once more is nothing.
    second.ask(TOPIC, "presence", track(json!({"x": 3}))).await;
    first.expect_none("presence_diff").await;

    second.stream.close(None).await.unwrap();
    assert_eq!(fields(&first.event("presence_diff").await["leaves"]), json!({"two": [3]}));
    first.ask(TOPIC, "presence", json!({"event": "untrack"})).await;
    assert_eq!(fields(&first.event("presence_diff").await["leaves"]), json!({"one": [1]}));
}

#[tokio::test]
async fn one_key_may_be_present_more_than_once() {
    let server = Server::start("").await;
    let (mut first, mut second) = (present(&server, "k").await, present(&server, "k").await);
    first.ask(TOPIC, "presence", track(json!({"x": 1}))).await;
    second.ask(TOPIC, "presence", track(json!({"x": 2}))).await;
    let mut third = present(&server, "").await;
    assert_eq!(fields(&third.event("presence_state").await), json!({"k": [1, 2]}));
    second.ask(TOPIC, "phx_leave", json!({})).await;
    assert_eq!(fields(&third.event("presence_diff").await["leaves"]), json!({"k": [2]}));
}

#[tokio::test]
async fn who_does_not_follow_presence_is_not_told() {
    let server = Server::start("").await;
    let mut silent = Socket::connect(&server, &anon()).await;
    silent.join("a", json!({})).await;
    let mut other = present(&server, "k").await;
    silent.ask(TOPIC, "presence", track(json!({"x": 1}))).await;
    other.event("presence_diff").await;
    silent.expect_none("presence_diff").await;
    silent.expect_none("presence_state").await;
}

#[tokio::test]
async fn presence_takes_objects_of_limited_size_and_number() {
    let server = Server::start_with("", |config| config.realtime.payload = "100B".parse().unwrap()).await;
    let mut socket = present(&server, "k").await;
    let reply = socket.ask(TOPIC, "presence", track(json!("x"))).await;
    let reason = json!({"reason": "Presence track payload must be a map"});
    assert_eq!(reply, json!({"status": "error", "response": reason}));
    socket.send(TOPIC, "presence", track(json!({"x": "y".repeat(100)}))).await;
    assert_eq!(socket.system().await, "Track message size exceeded");

    let mut socket = present(&server, "k").await;
    for x in 0..6 {
        socket.send(TOPIC, "presence", track(json!({"x": x}))).await;
    }
    assert_eq!(socket.system().await, "Client presence rate limit exceeded");
}

#[tokio::test]
async fn presence_messages_a_second_are_limited() {
    let server = Server::start_with("", |config| {
        config.realtime.presence_events = 1;
        config.realtime.presence_calls = 1000;
    })
    .await;
    let mut socket = present(&server, "k").await;
    for x in 0..30 {
        socket.send(TOPIC, "presence", track(json!({"x": x}))).await;
    }
    assert_eq!(socket.system().await, "Too many presence messages per second");
    assert_eq!(socket.until(|frame| frame[3] == "phx_close").await[2], TOPIC);
}

#[tokio::test]
async fn a_channel_has_room_for_so_many() {
    let server = Server::start_with("", |config| config.realtime.presences = 1).await;
    let (mut one, mut other) = (Socket::connect(&server, &anon()).await, Socket::connect(&server, &anon()).await);
    one.join("a", json!({"presence": {"enabled": true, "key": "one"}})).await;
    other.join("a", json!({"presence": {"enabled": true, "key": "other"}})).await;
    let track = json!({"event": "track", "payload": {}});
    assert_eq!(one.ask("realtime:a", "presence", track.clone()).await["status"], "ok");
    let refused = other.ask("realtime:a", "presence", track.clone()).await;
    assert_eq!(refused["response"]["reason"], "Too many presences in this Channel");
    one.ask("realtime:a", "presence", json!({"event": "untrack"})).await;
    assert_eq!(other.ask("realtime:a", "presence", track.clone()).await["status"], "ok");
    // Another channel has room of its own, as long as all have.
    one.join("b", json!({"presence": {"enabled": true, "key": "one"}})).await;
    assert_eq!(one.ask("realtime:b", "presence", track).await["status"], "ok");

    let small = Server::start_with("", |config| config.realtime.presence_bytes = "1KB".parse().unwrap()).await;
    let mut socket = Socket::connect(&small, &anon()).await;
    socket.join("a", json!({"presence": {"enabled": true}})).await;
    let large = json!({"event": "track", "payload": {"x": "x".repeat(1000)}});
    let refused = socket.ask("realtime:a", "presence", large).await;
    assert_eq!(refused["response"]["reason"], "Too many presences on this server");
}
