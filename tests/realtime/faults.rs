//! Bad and slow clients.

use std::time::Duration;

use basalt_tests::Server;
use basalt_tests::waiting::until;
use futures_util::{SinkExt, StreamExt};
use serde_json::json;
use tokio::io::AsyncWriteExt;
use tokio_tungstenite::MaybeTlsStream;
use tokio_tungstenite::tungstenite::Message;

use crate::anon;
use crate::socket::Socket;

#[tokio::test]
async fn malformed_frames_are_dropped() {
    let server = Server::start("").await;
    let mut socket = Socket::connect(&server, &anon()).await;
    for text in ["", "{", "[]", "null", "[1,2]", r#"["1","2","realtime:a","phx_join"]"#] {
        socket.raw(text.to_owned()).await;
    }
    for bytes in [&b""[..], b"\x00", b"\x03\xff\xff", b"\x09abc", b"\x04\x01\x01\x00\x01te{}"] {
        socket.stream.send(Message::Binary(bytes.to_vec().into())).await.unwrap();
    }
    assert_eq!(socket.ask("phoenix", "heartbeat", json!({})).await["status"], "ok");
    for payload in [json!(null), json!(7), json!("x"), json!([]), json!({"config": {"postgres_changes": 7}})] {
        assert_eq!(socket.ask("realtime:a", "phx_join", payload).await["status"], "ok");
    }
}

#[tokio::test]
async fn a_flood_ends_the_connection() {
    let server = Server::start_with("", |config| config.realtime.events = 2).await;
    let mut socket = Socket::connect(&server, &anon()).await;
    for _ in 0..30 {
        socket.raw("{".to_owned()).await;
    }
    let close = socket.closed().await;
    assert_eq!((u16::from(close.code), close.reason.as_str()), (1008, "Too many messages per second"));
}

/// Pings count, too.
#[tokio::test]
async fn a_flood_of_pings_ends_the_connection() {
    let server = Server::start_with("", |config| config.realtime.events = 2).await;
    let mut socket = Socket::connect(&server, &anon()).await;
    for _ in 0..30 {
        socket.stream.send(Message::Ping(Vec::new().into())).await.unwrap();
    }
    let close = socket.closed().await;
    assert_eq!((u16::from(close.code), close.reason.as_str()), (1008, "Too many messages per second"));
}

#[tokio::test]
async fn an_oversized_message_ends_the_connection_with_a_reason() {
    let server = Server::start("").await;
    let mut socket = Socket::connect(&server, &anon()).await;
    // All of it is sent before anything is read.
    socket.stream.send(Message::Text("x".repeat(24 << 20).into())).await.expect("sent");
    let close = socket.closed().await;
    assert_eq!((u16::from(close.code), close.reason.as_str()), (1009, "A message has at most 5 MiB"));
    let mut other = Socket::connect(&server, &anon()).await;
    assert_eq!(other.ask("phoenix", "heartbeat", json!({})).await["status"], "ok");
}

/// What is no frame, and no text, is told so.
#[tokio::test]
async fn what_is_no_frame_ends_the_connection_with_a_reason() {
    let server = Server::start("").await;
    // Masked with nothing: a text that is not in UTF-8, an unknown opcode, and a frame without a mask.
    let frames = [
        (&b"\x81\x82\0\0\0\0\xff\xff"[..], 1007, "A text is not in UTF-8"),
        (b"\x83\x82\0\0\0\0ab", 1002, "What came is no WebSocket frame"),
        (b"\x81\x02ab", 1002, "What came is no WebSocket frame"),
    ];
    for (frame, code, reason) in frames {
        let mut socket = Socket::connect(&server, &anon()).await;
        let MaybeTlsStream::Plain(stream) = socket.stream.get_mut() else { panic!("no TLS here") };
        stream.write_all(frame).await.expect("sent");
        let close = socket.closed().await;
        assert_eq!((u16::from(close.code), close.reason.as_str()), (code, reason));
    }
}

/// More than the system's buffers hold is sent to a client that does not read; it begins to read again when the server has long given it up.
#[tokio::test]
async fn a_subscriber_that_does_not_read_is_disconnected_with_a_reason() {
    let change = |config: &mut basalt_server::Config| {
        config.realtime.queue = 16;
        config.realtime.events = 10_000;
        config.realtime.bytes = "1GB".parse().unwrap();
        config.realtime.close_timeout = Duration::from_secs(600);
    };
    let server = Server::start_with("", change).await;
    let (mut slow, mut sender) = (Socket::connect(&server, &anon()).await, Socket::connect(&server, &anon()).await);
    slow.join("a", json!({"presence": {"enabled": true, "key": "slow"}})).await;
    slow.ask("realtime:a", "presence", json!({"event": "track", "payload": {}})).await;
    sender.join("a", json!({"broadcast": {"ack": true}, "presence": {"enabled": true}})).await;
    let payload = json!({"event": "e", "payload": "x".repeat(500_000)});
    for _ in 0..100 {
        sender.ask("realtime:a", "broadcast", payload.clone()).await;
    }
    // Nobody sees it any more, though it is not gone.
    sender.until(|frame| frame[3] == "presence_diff" && frame[4]["leaves"]["slow"].is_object()).await;
    // Longer than the server waits for others.
    tokio::time::sleep(Duration::from_secs(4)).await;
    // It is there, and has said something itself meanwhile.
    slow.send("realtime:a", "broadcast", json!({"event": "late", "payload": {}})).await;
    let mut received = 0;
    let close = loop {
        match tokio::time::timeout(Duration::from_secs(60), slow.stream.next()).await.expect("an end") {
            Some(Ok(Message::Close(Some(close)))) => break close,
            Some(Ok(_)) => received += 1,
            other => panic!("after {received} messages: {other:?}"),
        }
    };
    assert!(received < 100, "{received}");
    assert_eq!((u16::from(close.code), close.reason.as_str()), (1008, "Too many messages wait to be read"));
    assert_eq!(sender.ask("phoenix", "heartbeat", json!({})).await["status"], "ok");
}

/// One that never reads again is given up in the end, and the server stops without waiting for it.
#[tokio::test]
async fn a_subscriber_that_never_reads_is_given_up() {
    let change = |timeout: u64| {
        move |config: &mut basalt_server::Config| {
            config.realtime.connections = 2;
            config.realtime.queue = 16;
            config.realtime.events = 10_000;
            config.realtime.bytes = "1GB".parse().unwrap();
            config.realtime.close_timeout = Duration::from_secs(timeout);
            config.realtime.idle_timeout = Duration::from_secs(600);
        }
    };
    for timeout in [1, 600] {
        let mut server = Server::start_with("", change(timeout)).await;
        let (mut slow, mut sender) = (Socket::connect(&server, &anon()).await, Socket::connect(&server, &anon()).await);
        slow.join("a", json!({})).await;
        sender.join("a", json!({"broadcast": {"ack": true}})).await;
        let payload = json!({"event": "e", "payload": "x".repeat(500_000)});
        for _ in 0..100 {
            sender.ask("realtime:a", "broadcast", payload.clone()).await;
        }
        let is_let_in = async || Socket::open(&basalt_tests::socket::url(&server, &anon(), "2.0.0")).await.is_ok();
        match timeout {
            1 => until("its place, which is free once it is given up", is_let_in).await,
            _ => assert!(!is_let_in().await, "its place is its own as long as it is told why"),
        }
        tokio::time::timeout(Duration::from_secs(60), server.stop()).await.expect("the server stops");
    }
}

#[tokio::test]
async fn a_half_open_connection_is_found() {
    let server = Server::start_with("", |config| config.realtime.idle_timeout = Duration::from_secs(4)).await;
    let mut gone = Socket::connect(&server, &anon()).await;
    gone.join("a", json!({"presence": {"enabled": true, "key": "gone"}})).await;
    gone.ask("realtime:a", "presence", json!({"event": "track", "payload": {}})).await;
    let mut other = Socket::connect(&server, &anon()).await;
    other.join("a", json!({"presence": {"enabled": true}})).await;
    loop {
        // The other one lives on; the silent one, whose socket is still open, is given up.
        other.ask("phoenix", "heartbeat", json!({})).await;
        tokio::time::sleep(Duration::from_millis(100)).await;
        let diff = other.waiting("presence_diff");
        if diff.is_some_and(|diff| diff["leaves"]["gone"].is_object()) {
            return;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_payload_that_other_nodes_could_not_be_told_is_refused() {
    let server = Server::start("").await;
    let config = server.configuration(|config| config.realtime.payload = "64 MiB".parse().expect("a size"));
    let refused = server.basalt().reconfigure(server.folder.path(), &config).await.expect_err("too large");
    assert!(refused.to_string().contains("`realtime.payload` is 64.0 MiB; give at most 31.0 MiB"), "{refused}");
}
