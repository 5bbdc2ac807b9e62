//! Broadcasts, over sockets and over HTTP.

use basalt_server::keys::Keys;
use basalt_tests::Server;
use futures_util::SinkExt;
use reqwest::Method;
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

use crate::anon;
use crate::socket::{Socket, url};

#[tokio::test]
async fn a_broadcast_reaches_the_others() {
    let server = Server::start("").await;
    let (mut first, mut second) = (Socket::connect(&server, &anon()).await, Socket::connect(&server, &anon()).await);
    let mut old = Socket::open(&url(&server, &anon(), "1.0.0")).await.unwrap();
    old.raw(
        json!({"topic": "realtime:a", "event": "phx_join", "payload": {}, "ref": "1", "join_ref": "1"}).to_string(),
    )
    .await;
    old.until(|frame| frame["ref"] == "1").await;
    first.join("a", json!({})).await;
    second.join("a", json!({"broadcast": {"self": true, "ack": true}})).await;

    let payload = json!({"type": "broadcast", "event": "e", "payload": {"x": [1, "ü"]}});
    first.send("realtime:a", "broadcast", payload.clone()).await;
    assert_eq!(second.event("broadcast").await, payload);
    assert_eq!(old.until(|frame| frame["event"] == "broadcast").await["payload"], payload);
    first.expect_none("broadcast").await;

    // `self` and `ack`.
    assert_eq!(second.ask("realtime:a", "broadcast", payload.clone()).await, json!({"status": "ok", "response": {}}));
    assert_eq!(second.event("broadcast").await, payload);
    assert_eq!(first.event("broadcast").await, payload);
}

#[tokio::test]
async fn binary_broadcasts_stay_bytes() {
    let server = Server::start("").await;
    let (mut first, mut second) = (Socket::connect(&server, &anon()).await, Socket::connect(&server, &anon()).await);
    first.join("a", json!({})).await;
    second.join("a", json!({})).await;
    let frame = b"\x03\x01\x01\x0a\x04\x00\x0012realtime:amove\xff\x00".to_vec();
    first.stream.send(Message::Binary(frame.into())).await.unwrap();
    let expected = json!({"type": "broadcast", "event": "move", "bytes": [255, 0], "meta": null});
    assert_eq!(second.event("broadcast").await, expected);
    let frame = b"\x03\x01\x01\x0a\x04\x00\x0112realtime:amove{\"x\":1}".to_vec();
    first.stream.send(Message::Binary(frame.into())).await.unwrap();
    assert_eq!(second.event("broadcast").await, json!({"type": "broadcast", "event": "move", "payload": {"x": 1}}));
}

#[tokio::test]
async fn too_large_a_payload_is_an_error_if_it_is_acknowledged() {
    let server = Server::start_with("", |config| config.realtime.payload = "100B".parse().unwrap()).await;
    let mut socket = Socket::connect(&server, &anon()).await;
    socket.join("a", json!({"broadcast": {"ack": true}})).await;
    let payload = json!({"event": "e", "payload": {"x": "y".repeat(100)}});
    assert_eq!(socket.ask("realtime:a", "broadcast", payload).await["status"], "error");
    assert_eq!(socket.ask("realtime:a", "broadcast", json!({"event": "e"})).await["status"], "ok");
    assert_eq!(socket.ask("realtime:a", "broadcast", json!(null)).await["status"], "error");
}

#[tokio::test]
async fn too_many_messages_end_the_channel() {
    let server = Server::start_with("", |config| config.realtime.events = 2).await;
    let mut socket = Socket::connect(&server, &anon()).await;
    socket.join("a", json!({})).await;
    for _ in 0..30 {
        socket.send("realtime:a", "broadcast", json!({"event": "e", "payload": {}})).await;
    }
    assert_eq!(socket.system().await, "Too many messages per second");
    assert_eq!(socket.until(|frame| frame[3] == "phx_close").await[2], "realtime:a");
}

#[tokio::test]
async fn too_many_bytes_end_the_channel() {
    let server = Server::start_with("", |config| config.realtime.bytes = "1kB".parse().unwrap()).await;
    let mut socket = Socket::connect(&server, &anon()).await;
    socket.join("a", json!({})).await;
    for _ in 0..3 {
        let payload = json!({"event": "e", "payload": "x".repeat(8000)});
        socket.send("realtime:a", "broadcast", payload).await;
    }
    assert_eq!(socket.system().await, "Too many messages per second");
    assert_eq!(socket.until(|frame| frame[3] == "phx_close").await[2], "realtime:a");
}

#[tokio::test]
async fn too_large_a_payload_reaches_nobody() {
    let server = Server::start_with("", |config| config.realtime.payload = "100B".parse().unwrap()).await;
    let (mut sender, mut other) = (Socket::connect(&server, &anon()).await, Socket::connect(&server, &anon()).await);
    sender.join("a", json!({})).await;
    other.join("a", json!({})).await;
    for size in [200, 10] {
        sender.send("realtime:a", "broadcast", json!({"event": "e", "payload": "x".repeat(size)})).await;
    }
    assert_eq!(other.event("broadcast").await["payload"], "x".repeat(10));
    other.expect_none("broadcast").await;
}

/// POST as the anonymous caller.
async fn post(server: &Server, path: &str, body: &Value) -> (u16, String) {
    let answer = server.raw(Method::POST, path).token(&anon()).json(body).send().await;
    (answer.status, answer.body)
}

#[tokio::test]
async fn the_endpoint_broadcasts() {
    let server = Server::start("").await;
    let mut socket = Socket::connect(&server, &anon()).await;
    socket.join("a", json!({})).await;
    let message = json!({"topic": "a", "event": "e", "payload": {"x": 1}});
    let batch = json!({"messages": [message, {"topic": "other", "event": "e", "payload": {}}]});
    assert_eq!(post(&server, "/realtime/v1/api/broadcast", &batch).await, (202, String::new()));
    assert_eq!(socket.event("broadcast").await, json!({"type": "broadcast", "event": "e", "payload": {"x": 1}}));

    let path = "/realtime/v1/api/broadcast/a/events/e%20f";
    assert_eq!(post(&server, path, &json!([1])).await.0, 202);
    assert_eq!(socket.event("broadcast").await, json!({"type": "broadcast", "event": "e f", "payload": [1]}));
    let bytes = server.raw(Method::POST, path).token(&anon());
    let answer = bytes.header("content-type", "application/octet-stream").body("\u{1}").send().await;
    assert_eq!(answer.status, 202);
    let expected = json!({"type": "broadcast", "event": "e f", "bytes": [1], "meta": null});
    assert_eq!(socket.event("broadcast").await, expected);
    socket.expect_none("broadcast").await;
}

#[tokio::test]
async fn the_endpoint_refuses_what_is_wrong() {
    let server = Server::start_with("", |config| {
        config.realtime.payload = "100B".parse().unwrap();
        config.realtime.api_events = 1;
    })
    .await;
    let path = "/realtime/v1/api/broadcast";
    let (status, body) = post(&server, path, &json!({"messages": [{"event": "e"}]})).await;
    let fault = json!({"errors": {"messages": [{"topic": ["can't be blank"], "payload": ["can't be blank"]}]}});
    assert_eq!((status, serde_json::from_str::<Value>(&body).unwrap()), (422, fault));
    let large = json!({"messages": [{"topic": "a", "event": "e", "payload": {"x": "y".repeat(100)}}]});
    for body in [json!({}), json!([]), json!({"messages": []}), json!({"messages": 7}), large] {
        let (status, body) = post(&server, path, &body).await;
        assert!(status == 422 && body.starts_with("{\"errors\":{"), "{status} {body}");
    }
    let one = json!({"messages": [{"topic": "a", "event": "e", "payload": {}}]}).to_string();
    for kind in
        ["application/x-www-form-urlencoded", "text/plain", "multipart/form-data; boundary=x", "application/jsonp"]
    {
        let declared = server.raw(Method::POST, path).token(&anon()).header("content-type", kind).body(one.clone());
        assert_eq!(declared.send().await.status, 415, "{kind}");
    }
    let undeclared = server.raw(Method::POST, path).token(&anon()).body("{");
    assert_eq!(undeclared.send().await.status, 422, "read as JSON");
    let text = server.raw(Method::POST, "/realtime/v1/api/broadcast/a/events/e").token(&anon());
    assert_eq!(text.header("content-type", "text/plain").body("x").send().await.status, 415);
    let broken = server.raw(Method::POST, "/realtime/v1/api/broadcast/a/events/e").token(&anon());
    assert_eq!(broken.header("content-type", "application/json").body("{").send().await.status, 422);

    let unsigned = server.raw(Method::POST, path).token("x.y.z").json(&json!({})).send().await;
    assert_eq!((unsigned.status, unsigned.body.as_str()), (401, r#"{"message":"Unauthorized"}"#));
    assert_eq!(server.raw(Method::POST, path).json(&json!({})).send().await.status, 401);

    let good = json!({"messages": [{"topic": "a", "event": "e", "payload": {}}]});
    let mut statuses = Vec::new();
    for _ in 0..15 {
        statuses.push(post(&server, path, &good).await.0);
    }
    assert!(statuses[0] == 202 && statuses[14] == 429, "{statuses:?}");
}

#[tokio::test]
async fn a_request_takes_a_thousand_messages_and_no_more() {
    let server = Server::start_with("", |config| config.realtime.api_events = 10_000).await;
    let many = |count: usize| {
        let one = json!({"topic": "a", "event": "e", "payload": {}});
        json!({"messages": vec![one; count]})
    };
    let path = "/realtime/v1/api/broadcast";
    assert_eq!(post(&server, path, &many(1000)).await.0, 202);
    let (status, body) = post(&server, path, &many(1001)).await;
    assert_eq!((status, body.as_str()), (422, r#"{"errors":{"messages":["should have at most 1000 item(s)"]}}"#));
}

#[tokio::test]
async fn the_service_answers_pings() {
    let server = Server::start("").await;
    let answer = server.raw(Method::GET, "/realtime/v1/api/ping").token(&Keys::development().anon).send().await;
    assert_eq!((answer.status, answer.body.as_str()), (200, r#"{"message":"Success"}"#));
    assert_eq!(server.raw(Method::GET, "/realtime/v1/other").send().await.status, 404);
    for (path, allowed) in [("ping", "GET"), ("broadcast", "POST"), ("broadcast/a/events/b", "POST")] {
        let answer = server.raw(Method::DELETE, &format!("/realtime/v1/api/{path}")).send().await;
        assert_eq!((answer.status, answer.header("allow")), (405, allowed), "{path}");
    }
}
