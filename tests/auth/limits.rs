//! Limits by client, by user, and of all together.

use std::time::Duration;

use serde_json::json;

use crate::world::{PASSWORD, ask, post, refresh, sign_in, sign_up, start_with};
use reqwest::Method;

#[tokio::test]
async fn a_client_may_ask_so_often() {
    let server = start_with(|config| {
        config.auth.rate_limit.token_refresh = 3;
        config.auth.rate_limit.sign_in_sign_ups = 2;
        config.server.trusted_proxies = vec!["127.0.0.1/32".parse().unwrap()];
    })
    .await;
    let from = |address: &'static str| {
        let body = json!({"email": "ada@example.com", "password": "wrong-1"});
        post(&server, "/token?grant_type=password", body).header("x-forwarded-for", address).send()
    };
    let mut statuses = Vec::new();
    for _ in 0..4 {
        statuses.push(from("203.0.113.1").await.status);
    }
    assert_eq!(statuses, [400, 400, 400, 429]);
    assert_eq!(from("203.0.113.2").await.status, 400, "another client is not held");
    let over = from("203.0.113.1").await;
    assert_eq!(
        (&over.json()["code"], &over.json()["message"]),
        (&json!("over_request_rate_limit"), &json!("Request rate limit reached"))
    );
}

#[tokio::test]
async fn a_header_that_anybody_sets_names_no_client() {
    let server = start_with(|config| config.auth.rate_limit.token_refresh = 2).await;
    let mut statuses = Vec::new();
    for n in 0..4 {
        let answer = post(&server, "/token?grant_type=refresh_token", json!({"refresh_token": "0123456789ab"}));
        statuses.push(answer.header("x-forwarded-for", &format!("203.0.113.{n}")).send().await.status);
    }
    assert_eq!(statuses, [400, 400, 429, 429]);
    assert_eq!(refresh(&server, "x").await.status, 429);
}

#[tokio::test]
async fn a_user_is_mailed_so_often_and_all_together_too() {
    let server = start_with(|config| {
        config.auth.email.max_frequency = Duration::from_secs(60);
        config.auth.rate_limit.email_sent = 3;
    })
    .await;
    sign_up(&server, "ada@example.com").await;
    let otp = |email: String| post(&server, "/otp", json!({ "email": email })).send();
    assert_eq!(otp("ada@example.com".into()).await.status, 200);
    let soon = otp("ada@example.com".into()).await;
    assert_eq!((soon.status, &soon.json()["code"]), (429, &json!("over_email_send_rate_limit")));
    let message = soon.json()["message"].as_str().unwrap().to_owned();
    assert!(message.starts_with("For security purposes, you can only request this after "), "{message}");
    let mut statuses = Vec::new();
    for n in 0..3 {
        statuses.push(otp(format!("user{n}@example.com")).await.status);
    }
    assert_eq!(statuses, [200, 200, 429]);
    assert_eq!(sign_in(&server, "ada@example.com", PASSWORD).await.status, 200);
}

#[tokio::test]
async fn pages_and_bodies_have_bounds() {
    let server = start_with(|_| ()).await;
    let page = ask(&server, Method::GET, "/admin/users?per_page=999999999999&page=1").service().send().await;
    assert_eq!(page.status, 200);
    let bad = ask(&server, Method::GET, "/admin/users?page=x").service();
    bad.expect_error(400, "validation_failed").await;
    let deep = format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000));
    ask(&server, Method::POST, "/signup").body(deep).expect_error(400, "bad_json").await;
    let nul = json!({"email": "ada@example.com", "password": PASSWORD, "data": {"x": "a\u{0}b"}});
    let answer = post(&server, "/signup", nul).send().await;
    assert!((400..500).contains(&answer.status), "{} {}", answer.status, answer.body);
}
