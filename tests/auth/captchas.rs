//! Captchas: hCaptcha and Turnstile, each by a stand-in that takes what the service takes and answers what it answers.

use std::collections::HashSet;
use std::time::Duration;

use basalt_tests::Server;
use serde_json::{Value, json};
use url::form_urlencoded;

use crate::stand_in::StandIn;
use crate::world::{PASSWORD, post, start_with};

const SECRET: &str = "0x0000000000000000000000000000000000000000";

/// What the stand-in says of a form: `token` is the solved captcha.
type Says = fn(token: &str, seen: &mut HashSet<String>) -> Value;

/// A service that takes a form with `secret`, `response` and `remoteip`, and says what it thinks of it. A token is good once.
async fn service(wrong_secret: Value, missing: Value, says: Says) -> StandIn {
    let mut seen = HashSet::new();
    StandIn::answering(move |request| {
        let (head, body) = request.split_once("\r\n\r\n").unwrap_or_default();
        let form: Vec<(String, String)> = form_urlencoded::parse(body.as_bytes()).into_owned().collect();
        let field = |name: &str| form.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
        let is_form = head.to_ascii_lowercase().contains("content-type: application/x-www-form-urlencoded");
        if !head.starts_with("POST /siteverify ") || !is_form {
            return ("404 Not Found", String::new());
        }
        let said = match (field("secret"), field("response")) {
            (Some(SECRET), Some(token)) if !token.is_empty() => says(token, &mut seen),
            (Some(SECRET), _) => missing.clone(),
            _ => wrong_secret.clone(),
        };
        match said["status"].as_str() {
            Some("silent") => ("", String::new()),
            Some("html") => ("503 Service Unavailable", "<html>busy</html>".into()),
            Some("large") => ("200 OK", format!("{{\"success\": true, \"padding\": \"{}\"}}", "x".repeat(1 << 20))),
            _ if said["success"] == true => ("200 OK", said.to_string()),
            _ => ("400 Bad Request", said.to_string()),
        }
    })
    .await
}

fn refused(codes: &[&str]) -> Value {
    json!({"success": false, "error-codes": codes})
}

/// Faults that either service may have.
fn fault(token: &str) -> Option<Value> {
    ["silent", "html", "large"].contains(&token).then(|| json!({ "status": token }))
}

/// As <https://docs.hcaptcha.com> describes `siteverify`.
async fn hcaptcha() -> StandIn {
    service(refused(&["invalid-input-secret"]), refused(&["missing-input-response"]), |token, seen| {
        fault(token).unwrap_or_else(|| match token {
            "old" => refused(&["expired-input-response"]),
            _ if !token.starts_with("P1_") => refused(&["invalid-input-response"]),
            _ if !seen.insert(token.to_owned()) => refused(&["already-seen-response"]),
            _ => json!({"success": true, "challenge_ts": "2026-11-28T11:00:00.000000Z", "hostname": "shop.example", "credit": false}),
        })
    })
    .await
}

/// As Cloudflare's documentation of Turnstile describes `siteverify`: a list of codes is always there, and other words beside it.
async fn turnstile() -> StandIn {
    service(
        json!({"success": false, "error-codes": ["invalid-input-secret"], "messages": []}),
        json!({"success": false, "error-codes": ["missing-input-response"], "messages": []}),
        |token, seen| {
            let refused = |code: &str| json!({"success": false, "error-codes": [code], "messages": []});
            fault(token).unwrap_or_else(|| match token {
                "old" => refused("timeout-or-duplicate"),
                "broken" => refused("internal-error"),
                _ if !token.starts_with("0.") => refused("invalid-input-response"),
                _ if !seen.insert(token.to_owned()) => refused("timeout-or-duplicate"),
                _ => json!({"success": true, "challenge_ts": "2026-11-28T11:00:00.000Z", "hostname": "shop.example", "error-codes": [],
                    "action": "signup", "cdata": "", "metadata": {"interactive": false}}),
            })
        },
    )
    .await
}

async fn server(provider: &str, service: &StandIn, secret: &str) -> Server {
    start_with(|config| {
        config.auth.captcha.enabled = true;
        config.auth.captcha.provider = provider.into();
        config.auth.captcha.secret = secret.into();
        config.auth.captcha.url = format!("{}/siteverify", service.url);
        config.outbound.allow = vec!["127.0.0.1".into()];
        config.outbound.timeout = Duration::from_secs(1);
    })
    .await
}

/// Signs in with a solved captcha; gives status, code and message.
async fn solved(server: &Server, token: &str) -> (u16, String, String) {
    let body =
        json!({"email": "ada@example.com", "password": PASSWORD, "gotrue_meta_security": {"captcha_token": token}});
    let answer = post(server, "/token?grant_type=password", body).send().await;
    let text = |name: &str| answer.json()[name].as_str().unwrap_or_default().to_owned();
    (answer.status, text("code"), text("message"))
}

fn failed(reason: &str) -> (u16, String, String) {
    (400, "captcha_failed".into(), format!("captcha protection: request disallowed ({reason})"))
}

fn unsaid() -> (u16, String, String) {
    (500, "unexpected_failure".into(), "captcha verification process failed".into())
}

fn passed() -> (u16, String, String) {
    (400, "invalid_credentials".into(), "Invalid login credentials".into())
}

#[tokio::test]
async fn hcaptcha_says_who_may_go_on() {
    let service = hcaptcha().await;
    let asking = server("hcaptcha", &service, SECRET).await;
    assert_eq!(solved(&asking, "P1_one").await, passed());
    assert_eq!(solved(&asking, "P1_one").await, failed("already-seen-response"));
    assert_eq!(solved(&asking, "guessed").await, failed("invalid-input-response"));
    assert_eq!(solved(&asking, "old").await, failed("expired-input-response"));
    assert_eq!(solved(&asking, "P1_a+b&secret=x").await, passed(), "a token is a value, not a piece of a form");
    assert!(service.asked()[0].contains("remoteip=127.0.0.1"), "{}", service.asked()[0]);
    let misled = server("hcaptcha", &service, "wrong").await;
    assert_eq!(solved(&misled, "P1_two").await, failed("invalid-input-secret"));
}

#[tokio::test]
async fn turnstile_says_who_may_go_on() {
    let service = turnstile().await;
    let asking = server("turnstile", &service, SECRET).await;
    assert_eq!(solved(&asking, "0.one").await, passed());
    assert_eq!(solved(&asking, "0.one").await, failed("timeout-or-duplicate"));
    assert_eq!(solved(&asking, "guessed").await, failed("invalid-input-response"));
    assert_eq!(solved(&asking, "old").await, failed("timeout-or-duplicate"));
    assert_eq!(solved(&asking, "broken").await, unsaid());
    let misled = server("turnstile", &service, "wrong").await;
    assert_eq!(solved(&misled, "0.two").await, failed("invalid-input-secret"));
}

/// A service that does not say lets nobody pass.
#[tokio::test]
async fn without_a_verdict_nobody_passes() {
    for (provider, service) in [("hcaptcha", hcaptcha().await), ("turnstile", turnstile().await)] {
        let asking = server(provider, &service, SECRET).await;
        for token in ["silent", "html", "large"] {
            assert_eq!(solved(&asking, token).await, unsaid(), "{provider} {token}");
        }
    }
    let mut nobody = StandIn::start(&[]).await;
    nobody.url = "http://127.0.0.1:1".into();
    let asking = server("turnstile", &nobody, SECRET).await;
    assert_eq!(solved(&asking, "0.one").await, unsaid());
}

/// What needs no asking asks nobody.
#[tokio::test]
async fn a_flood_does_not_reach_the_service() {
    let service = turnstile().await;
    let asking = start_with(|config| {
        config.auth.captcha.enabled = true;
        config.auth.captcha.provider = "turnstile".into();
        config.auth.captcha.secret = SECRET.into();
        config.auth.captcha.url = format!("{}/siteverify", service.url);
        config.outbound.allow = vec!["127.0.0.1".into()];
        config.auth.rate_limit.token_refresh = 4;
    })
    .await;
    assert_eq!(solved(&asking, "").await, failed("no captcha_token found"));
    assert_eq!(solved(&asking, &"0".repeat(10_000)).await, failed("captcha_token is too long"));
    assert_eq!(service.asked().len(), 0);
    assert_eq!(solved(&asking, "0.one").await, passed());
    assert_eq!(solved(&asking, "0.two").await, passed());
    for _ in 0..3 {
        assert_eq!(solved(&asking, "0.three").await.0, 429);
    }
    assert_eq!(service.asked().len(), 2);
}
