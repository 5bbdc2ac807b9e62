//! Who is let in, and what keeps a connection.

use std::time::Duration;

use basalt_tests::Server;
use basalt_tests::waiting::until;
use reqwest::Method;
use serde_json::json;
use tokio_tungstenite::tungstenite::{Error, Message};

use crate::socket::{Socket, url};
use crate::{anon, from_now, token, unending};

/// The status and body of a refusal.
async fn refused(url: &str) -> (u16, String) {
    match Socket::open(url).await {
        Err(Error::Http(response)) => {
            let body = response.body().clone().unwrap_or_default();
            (response.status().as_u16(), String::from_utf8(body).unwrap())
        }
        Err(error) => panic!("{error}"),
        Ok(_) => panic!("let in"),
    }
}

#[tokio::test]
async fn a_key_is_needed() {
    let server = Server::start("").await;
    let missing = refused(&format!("{}/realtime/v1/websocket", server.url().replace("http", "ws"))).await;
    assert_eq!(missing, (401, r#"{"error":"API key is missing"}"#.into()));
    let cases = [
        ("x".to_owned(), "The token provided is not a valid JWT"),
        (token(json!({"role": "anon", "exp": from_now(-100)})), "Token has expired"),
        (token(json!({"sub": "x"})), "Fields `role` and `exp` are required in JWT"),
        (unending(json!({"role": "anon"})), "Fields `role` and `exp` are required in JWT"),
        (format!("{}x", anon()), "Failed to validate JWT signature"),
    ];
    for (key, text) in cases {
        assert_eq!(refused(&url(&server, &key, "1.0.0")).await, (401, json!({ "error": text }).to_string()));
    }
}

#[tokio::test]
async fn a_plain_request_is_told_to_upgrade() {
    let server = Server::start("").await;
    let answer = server.raw(Method::GET, "/realtime/v1/websocket").send().await;
    assert_eq!((answer.status, answer.header("upgrade")), (426, "websocket"));
}

#[tokio::test]
async fn heartbeats_are_answered_in_both_serializers() {
    let server = Server::start("").await;
    let mut first = Socket::open(&url(&server, &anon(), "1.0.0")).await.unwrap();
    first.raw(json!({"topic": "phoenix", "event": "heartbeat", "payload": {}, "ref": "7"}).to_string()).await;
    let reply = first.until(|frame| frame["ref"] == "7").await;
    let payload = json!({"status": "ok", "response": {}});
    let expected = json!({"topic": "phoenix", "event": "phx_reply", "payload": payload, "ref": "7", "join_ref": null});
    assert_eq!(reply, expected);
    let mut second = Socket::connect(&server, &anon()).await;
    assert_eq!(second.ask("phoenix", "heartbeat", json!({})).await, payload);
}

#[tokio::test]
async fn one_connection_more_than_the_limit_is_refused() {
    // Nobody is given up for being silent before the wait is over.
    let change = |config: &mut basalt_server::Config| {
        config.realtime.connections = 1;
        config.realtime.idle_timeout = Duration::from_secs(600);
    };
    let server = Server::start_with("", change).await;
    let mut first = Socket::connect(&server, &anon()).await;
    let full = refused(&url(&server, &anon(), "2.0.0")).await;
    assert_eq!(full, (429, r#"{"error":"Too many connected users"}"#.into()));
    first.stream.close(None).await.unwrap();
    // The place is free once the server has seen the end.
    until("a place that is given back", async || Socket::open(&url(&server, &anon(), "2.0.0")).await.is_ok()).await;
}

#[tokio::test]
async fn a_silent_connection_is_closed() {
    let server = Server::start_with("", |config| config.realtime.idle_timeout = Duration::from_millis(300)).await;
    let mut socket = Socket::connect(&server, &anon()).await;
    let close = socket.closed().await;
    assert_eq!(close.reason.as_str(), "Nothing was heard for too long");
}

#[tokio::test]
async fn a_ping_is_a_sign_of_life() {
    use futures_util::SinkExt;
    let server = Server::start_with("", |config| config.realtime.idle_timeout = Duration::from_secs(2)).await;
    let mut socket = Socket::connect(&server, &anon()).await;
    for _ in 0..6 {
        tokio::time::sleep(Duration::from_millis(500)).await;
        socket.stream.send(Message::Ping(Default::default())).await.unwrap();
    }
    socket.ask("phoenix", "heartbeat", json!({})).await;
}

#[tokio::test]
async fn a_server_that_stops_says_so() {
    let mut server = Server::start("").await;
    let mut socket = Socket::connect(&server, &anon()).await;
    socket.join("a", json!({})).await;
    let stopping = tokio::spawn(async move { server.stop().await });
    let close = socket.closed().await;
    assert_eq!((u16::from(close.code), close.reason.as_str()), (1012, "The server is restarting"));
    stopping.await.unwrap();
}
