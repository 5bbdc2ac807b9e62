//! Bodies are read as they are declared: JSON where JSON is taken, forms where OAuth's endpoints and a provider's answer take them, and nothing else.

use basalt_tests::{Ask, Server};
use reqwest::Method;
use serde_json::json;

use crate::world::{PASSWORD, ask, start, start_with};

const FORM: &str = "application/x-www-form-urlencoded";

fn declared(server: &Server, method: Method, path: &str, kind: &str, body: String) -> Ask {
    let asked = ask(server, method, path).body(body);
    if kind.is_empty() { asked } else { asked.header("content-type", kind) }
}

#[tokio::test]
async fn a_body_is_read_as_its_declared_type() {
    let server = start_with(|config| {
        config.auth.oauth_server.enabled = true;
        config.auth.oauth_server.allow_dynamic_registration = true;
    })
    .await;
    let user = |n: usize| json!({"email": format!("ada{n}@example.com"), "password": PASSWORD}).to_string();
    for (n, kind) in
        ["", "application/json", "Application/JSON; charset=utf-8", "application/vnd.acme+json"].iter().enumerate()
    {
        let answer = declared(&server, Method::POST, "/signup", kind, user(n)).send().await;
        assert_eq!(answer.status, 200, "{kind}: {}", answer.body);
    }
    let sign_in = json!({"email": "ada0@example.com", "password": PASSWORD}).to_string();
    let client = json!({"client_name": "x", "redirect_uris": ["https://app.example/back"]}).to_string();
    for kind in [FORM, "text/plain", "multipart/form-data; boundary=x", "application/jsonp", "json", "application/xml"]
    {
        for (method, path, body) in [
            (Method::POST, "/signup", user(9)),
            (Method::POST, "/token?grant_type=password", sign_in.clone()),
            (Method::POST, "/otp", user(9)),
            (Method::POST, "/recover", user(9)),
            (Method::POST, "/verify", user(9)),
            (Method::POST, "/oauth/clients/register", client.clone()),
        ] {
            let refused = declared(&server, method, path, kind, body).expect_error(415, "unsupported_media_type").await;
            assert!(refused.json()["message"].as_str().unwrap().contains("application/json"), "{}", refused.body);
        }
        let path = "/admin/users";
        let made = declared(&server, Method::POST, path, kind, user(9)).service();
        made.expect_error(415, "unsupported_media_type").await;
    }
    // Nothing to read is nothing to misread.
    let empty = declared(&server, Method::POST, "/recover", FORM, String::new());
    empty.expect_error(400, "validation_failed").await;
}

#[tokio::test]
async fn oauth_s_endpoints_take_forms() {
    let server = start_with(|config| config.auth.oauth_server.enabled = true).await;
    for path in ["/oauth/token", "/oauth/introspect"] {
        for (kind, status) in [(FORM, 400), ("", 400), ("application/json", 400), ("text/plain", 415)] {
            let body = if kind == "application/json" { "{\"client_id\": \"x\"}" } else { "client_id=x" };
            let answer = declared(&server, Method::POST, path, kind, body.into()).send().await;
            assert_eq!(answer.status, status, "{path} {kind}: {}", answer.body);
        }
        let large = declared(&server, Method::POST, path, FORM, "x".repeat((1 << 20) + 1)).send().await;
        assert_eq!(large.status, 413, "{path}: {}", large.body);
    }
    // What is read of a provider's form is its state.
    let server = start().await;
    let callback = async |kind: &str, body: String| {
        let answer = declared(&server, Method::POST, "/callback", kind, body).send().await;
        assert_eq!(answer.status, 302, "{}", answer.body);
        answer.header("location").to_owned()
    };
    let (read, unread) = ("error_code=bad_oauth_state", "error_code=bad_oauth_callback");
    let padded = |size: usize| format!("state=x&code={}", "y".repeat(size - "state=x&code=".len()));
    assert!(callback(FORM, padded(64 * 1024)).await.contains(read), "64 KiB are read");
    assert!(callback(FORM, padded(64 * 1024 + 1)).await.contains(unread), "one byte more is not");
    assert!(callback("text/plain", padded(100)).await.contains(unread), "nor is what is declared as text");
}
