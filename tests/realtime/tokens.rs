//! Tokens of channels: which counts, how it is renewed, and what its end means.

use basalt_tests::Server;
use serde_json::json;

use crate::socket::Socket;
use crate::{anon, from_now, token, unending, user};

#[tokio::test]
async fn a_join_is_refused_by_its_own_token() {
    let server = Server::start("").await;
    let mut socket = Socket::connect(&server, &anon()).await;
    let cases = [
        ("x".to_owned(), "MalformedJWT: The token provided is not a valid JWT"),
        (format!("{}x", anon()), "JwtSignatureError: Failed to validate JWT signature"),
        (unending(json!({"role": "anon"})), "InvalidJWTToken: Fields `role` and `exp` are required in JWT"),
    ];
    for (token, reason) in cases {
        let reply = socket.ask("realtime:a", "phx_join", json!({"config": {}, "access_token": token})).await;
        assert_eq!(reply["response"]["reason"], reason);
    }
    let old = token(json!({"role": "anon", "exp": from_now(-100)}));
    let reply = socket.ask("realtime:a", "phx_join", json!({"config": {}, "access_token": old})).await;
    let reason = reply["response"]["reason"].as_str().unwrap().to_owned();
    assert!(
        reason.starts_with("InvalidJWTToken: Token has expired 10") && reason.ends_with(" seconds ago"),
        "{reason}"
    );
    // An opaque key stands for no user: the connection's key counts.
    let opaque = json!({"config": {}, "access_token": "sb_publishable_x"});
    assert_eq!(socket.ask("realtime:a", "phx_join", opaque).await["status"], "ok");
}

#[tokio::test]
async fn a_channel_ends_with_its_token() {
    let server = Server::start("").await;
    let mut socket = Socket::connect(&server, &anon()).await;
    let short = token(json!({"role": "anon", "exp": from_now(2)}));
    socket.ask("realtime:a", "phx_join", json!({"config": {}, "access_token": short})).await;
    socket.join("b", json!({})).await;
    let message = socket.system().await;
    assert!(message.starts_with("Token has expired "), "{message}");
    assert_eq!(socket.until(|frame| frame[3] == "phx_close").await[2], "realtime:a");
    // Others go on.
    assert_eq!(socket.ask("realtime:b", "phx_leave", json!({})).await["status"], "ok");
}

#[tokio::test]
async fn a_renewed_token_keeps_the_channel() {
    let server = Server::start("").await;
    let mut socket = Socket::connect(&server, &anon()).await;
    let short = token(json!({"role": "anon", "exp": from_now(3)}));
    socket.ask("realtime:a", "phx_join", json!({"config": {}, "access_token": short})).await;
    socket.send("realtime:a", "access_token", json!({"access_token": user("u")})).await;
    tokio::time::sleep(std::time::Duration::from_secs(4)).await;
    socket.expect_none("system").await;
    for ignored in [json!(null), json!("sb_secret_x"), json!(user("u"))] {
        socket.send("realtime:a", "access_token", json!({"access_token": ignored})).await;
    }
    socket.expect_none("system").await;
    socket.send("realtime:a", "access_token", json!({"access_token": "x"})).await;
    assert_eq!(socket.system().await, "The token provided is not a valid JWT");
    socket.until(|frame| frame[3] == "phx_close").await;
}

/// A role that REST refuses is refused here: its columns and rows are not a subscriber's either.
#[tokio::test]
async fn a_role_that_requests_may_not_have_is_refused() {
    let server = Server::start("create role stranger;").await;
    let mut socket = Socket::connect(&server, &anon()).await;
    for role in ["postgres", "stranger"] {
        let token = token(json!({"role": role}));
        server.get("/anything").token(&token).expect_error(403, "42501").await;
        let asked = json!({"config": {}, "access_token": token});
        let reply = socket.ask("realtime:a", "phx_join", asked).await;
        let words = "The role of the JWT is not one that requests may have";
        assert_eq!(reply["response"]["reason"], format!("InvalidJWTToken: {words}"), "{role}");
        socket.join("b", json!({})).await;
        socket.send("realtime:b", "access_token", json!({"access_token": token})).await;
        assert_eq!(socket.system().await, words);
        let said = json!({"messages": [{"topic": "a", "event": "e", "payload": {}}]});
        let request = server.raw(reqwest::Method::POST, "/realtime/v1/api/broadcast");
        let answer = request
            .header("apikey", &token)
            .header("content-type", "application/json")
            .body(said.to_string())
            .send()
            .await;
        assert_eq!(answer.status, 401, "{role}: {}", answer.body);
    }
}
