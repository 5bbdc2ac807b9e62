//! Joining and leaving channels.

use basalt_tests::Server;
use serde_json::json;

use crate::anon;
use crate::socket::Socket;

#[tokio::test]
async fn a_channel_is_joined_and_left() {
    let server = Server::start("").await;
    let mut socket = Socket::connect(&server, &anon()).await;
    assert_eq!(socket.join("a", json!({})).await, json!({"postgres_changes": []}));
    assert_eq!(socket.ask("realtime:a", "phx_leave", json!({})).await, json!({"status": "ok", "response": {}}));
    let close = socket.until(|frame| frame[3] == "phx_close").await;
    assert_eq!((&close[0], &close[2]), (&json!("1"), &json!("realtime:a")));
    let unmatched = json!({"status": "error", "response": {"reason": "unmatched topic"}});
    assert_eq!(socket.ask("realtime:a", "broadcast", json!({"event": "e"})).await, unmatched);
}

#[tokio::test]
async fn a_topic_needs_a_name() {
    let server = Server::start("").await;
    let mut socket = Socket::connect(&server, &anon()).await;
    let reply = socket.ask("realtime:", "phx_join", json!({})).await;
    assert_eq!(reply["response"]["reason"], "TopicNameRequired: You must provide a topic name");
    assert_eq!(socket.ask("other", "phx_join", json!({})).await["response"]["reason"], "unmatched topic");
}

#[tokio::test]
async fn a_second_join_closes_the_first() {
    let server = Server::start("").await;
    let mut socket = Socket::connect(&server, &anon()).await;
    socket.join("a", json!({})).await;
    socket.join("a", json!({"broadcast": {"self": true}})).await;
    let close = socket.until(|frame| frame[3] == "phx_close").await;
    assert_eq!(close[0], "1");
    // A leave of the old join changes nothing.
    socket.raw(json!(["1", "9", "realtime:a", "phx_leave", {}]).to_string()).await;
    socket.until(|frame| frame[1] == "9").await;
    socket.send("realtime:a", "broadcast", json!({"event": "e", "payload": {}})).await;
    assert_eq!(socket.event("broadcast").await["event"], "e");
}

#[tokio::test]
async fn channels_and_joins_are_limited() {
    let change = |config: &mut basalt_server::Config| (config.realtime.channels, config.realtime.joins) = (2, 1);
    let server = Server::start_with("", change).await;
    let mut socket = Socket::connect(&server, &anon()).await;
    socket.join("a", json!({})).await;
    socket.join("b", json!({})).await;
    let reply = socket.ask("realtime:c", "phx_join", json!({})).await;
    assert_eq!(reply["response"]["reason"], "ChannelRateLimitReached: Too many channels");
    let mut reason = json!("");
    for _ in 0..10 {
        reason = socket.ask("realtime:a", "phx_join", json!({})).await["response"]["reason"].clone();
    }
    assert_eq!(reason, "ClientJoinRateLimitReached: Too many joins per second");
}

#[tokio::test]
async fn a_join_that_asks_for_too_much_is_refused() {
    let change = |config: &mut basalt_server::Config| config.realtime.join_bytes = "1 KiB".parse().unwrap();
    let server = Server::start_with("", change).await;
    let mut socket = Socket::connect(&server, &anon()).await;
    let wish = json!({"event": "*", "schema": "public", "table": "t", "filter": "id=eq.1"});
    let config = json!({"config": {"postgres_changes": vec![wish; 20]}});
    let reply = socket.ask("realtime:a", "phx_join", config.clone()).await;
    assert_eq!(reply["response"]["reason"], "JoinTooLarge: A join has at most 1.0 KiB");
    // What is no join may be larger.
    socket.join("a", json!({"broadcast": {"ack": true}})).await;
    let payload = json!({"event": "e", "payload": config});
    assert_eq!(socket.ask("realtime:a", "broadcast", payload).await["status"], "ok");
}

#[tokio::test]
async fn a_client_that_joins_too_often_is_told_so_before_it_is_disconnected() {
    let server = Server::start("").await;
    let mut socket = Socket::connect(&server, &anon()).await;
    // More than the rate and its burst allow, as long as an answer takes less than ten milliseconds; a machine that is slower is given more.
    let mut refused = None;
    for _ in 0..100 {
        let mut last = String::new();
        for _ in 0..100 {
            last = socket.send("realtime:a", "phx_join", json!({})).await;
        }
        let reply = socket.until(|frame| frame[3] == "phx_reply" && frame[1] == *last).await;
        if reply[4]["status"] == "error" {
            refused = Some(reply[4]["response"]["reason"].clone());
            break;
        }
    }
    assert_eq!(refused, Some(json!("ClientJoinRateLimitReached: Too many joins per second")));
    // It is there yet, and so is its channel.
    assert_eq!(socket.ask("phoenix", "heartbeat", json!({})).await["status"], "ok");
    assert_eq!(socket.ask("realtime:a", "phx_leave", json!({})).await["response"], json!({}));
}

#[tokio::test]
async fn refused_joins_count_as_events() {
    let change = |config: &mut basalt_server::Config| (config.realtime.joins, config.realtime.events) = (1, 2);
    let server = Server::start_with("", change).await;
    let mut socket = Socket::connect(&server, &anon()).await;
    for _ in 0..200 {
        socket.send("realtime:", "phx_join", json!({})).await;
    }
    assert_eq!(&*socket.closed().await.reason, "Too many messages per second");
}

#[tokio::test]
async fn public_channels_can_be_closed() {
    let server = Server::start_with("", |config| config.realtime.private_only = true).await;
    let mut socket = Socket::connect(&server, &anon()).await;
    let reply = socket.ask("realtime:a", "phx_join", json!({})).await;
    assert_eq!(reply["response"]["reason"], "PrivateOnly: This project only allows private channels");
}

#[tokio::test]
async fn public_channels_have_no_replay() {
    let server = Server::start("").await;
    let mut socket = Socket::connect(&server, &anon()).await;
    let config = json!({"config": {"broadcast": {"replay": {"since": 0}}}});
    let reply = socket.ask("realtime:a", "phx_join", config).await;
    let reason = "UnableToReplayMessages: Replay is not allowed for public channels";
    assert_eq!(reply["response"]["reason"], reason);
}
