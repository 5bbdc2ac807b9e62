//! Limits by client, by user, and of all together.

use std::time::Duration;

use basalt_tests::Ask;
use reqwest::Method;
use serde_json::{Value, json};

use crate::world::{PASSWORD, ask, get, post, put, refresh, session, sign_in, sign_up, start_with};

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

/// Each kind of request has a count of its own.
#[tokio::test]
async fn every_kind_of_request_is_counted() {
    let server = start_with(|config| {
        config.auth.enable_anonymous_sign_ins = true;
        let most = &mut config.auth.rate_limit;
        (most.token_refresh, most.sign_in_sign_ups, most.token_verifications) = (2, 2, 2);
        (most.anonymous_users, most.mfa) = (2, 2);
    })
    .await;
    let service = |path: &str| ask(&server, Method::POST, path).service();
    let made =
        service("/admin/users").json(&json!({"email": "a@example.com", "password": PASSWORD, "email_confirm": true}));
    let id = made.send().await.text("/id");
    let token = basalt_tests::token(json!({"role": "authenticated", "sub": id, "aud": "authenticated"}));
    let empty = || json!({});
    let asks: [(&str, &dyn Fn() -> Ask); 11] = [
        ("token", &|| post(&server, "/token?grant_type=password", empty())),
        ("sign-up", &|| post(&server, "/signup", json!({"email": "x"}))),
        ("anonymous", &|| post(&server, "/signup", empty())),
        ("otp", &|| post(&server, "/otp", empty())),
        ("magic link", &|| post(&server, "/magiclink", empty())),
        ("recovery", &|| post(&server, "/recover", empty())),
        ("resending", &|| post(&server, "/resend", empty())),
        ("a change", &|| put(&server, "/user", empty()).token(&token)),
        ("verification", &|| post(&server, "/verify", empty())),
        ("a factor", &|| post(&server, "/factors/recovery", empty()).token(&token)),
        ("leaving", &|| get(&server, "/authorize?provider=x")),
    ];
    for (what, asked) in asks {
        let mut last = 0;
        for _ in 0..2 {
            last = asked().send().await.status;
            assert_ne!(last, 429, "{what}");
        }
        let over = asked().send().await;
        assert_eq!(
            (over.status, &over.json()["code"]),
            (429, &json!("over_request_rate_limit")),
            "{what} after {last}"
        );
        assert!(!over.header("retry-after").is_empty(), "{what}");
    }
    let over = get(&server, "/verify?token=x&type=signup").send().await;
    assert_eq!(over.status, 429, "a link counts as a code does");
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

#[tokio::test]
async fn text_messages_are_counted_in_all() {
    let server = start_with(|config| {
        config.auth.sms.enable_signup = true;
        config.auth.rate_limit.sms_sent = 2;
        // It is never asked: nobody has the numbers.
        config.auth.hook.send_sms.enabled = true;
        config.auth.hook.send_sms.uri = "http://127.0.0.1:9/".into();
    })
    .await;
    let mut answers = Vec::new();
    for n in 1..=3 {
        let body = json!({"type": "sms", "phone": format!("49151000000{n}")});
        answers.push(post(&server, "/resend", body).send().await);
    }
    let statuses: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
    assert_eq!(statuses, [200, 200, 429]);
    assert_eq!(answers[2].json()["code"], "over_sms_send_rate_limit");
}

/// Metadata stands in every access token: what no header can carry is refused before it locks its user out.
#[tokio::test]
async fn metadata_has_bounds() {
    let server = start_with(|config| {
        config.auth.max_metadata_bytes = 1000;
        config.auth.enable_anonymous_sign_ins = true;
    })
    .await;
    let of = |size: usize| json!({"k": "x".repeat(size - r#"{"k":""}"#.len())});
    let refuse = async |asked: Ask| {
        asked.expect_error(422, "metadata_too_large").await;
    };
    let with = |email: &str, data: Value| json!({"email": email, "password": PASSWORD, "data": data});
    refuse(post(&server, "/signup", with("ada@example.com", of(1001)))).await;
    refuse(post(&server, "/signup", json!({"data": of(1001)}))).await;
    refuse(post(&server, "/otp", json!({"email": "ada@example.com", "data": of(1001)}))).await;
    refuse(ask(&server, Method::POST, "/invite").service().json(&with("ada@example.com", of(1001)))).await;
    let made = json!({"email": "ada@example.com", "app_metadata": of(1001)});
    refuse(ask(&server, Method::POST, "/admin/users").service().json(&made)).await;

    let guest = session(&post(&server, "/signup", json!({"data": of(1000)})).send().await);
    let change = |data: Value| put(&server, "/user", json!({ "data": data })).token(&guest.access);
    refuse(change(json!({"one": 1}))).await;
    assert_eq!(change(json!({"k": null, "one": 1})).send().await.status, 200);
    for size in [400, 400] {
        assert_eq!(change(json!({format!("k{size}"): "x".repeat(size)})).send().await.status, 200);
    }
    refuse(change(json!({"more": "x".repeat(600)}))).await;
    // What is too large already may get smaller, and its user is not kept out.
    let id = &guest.user;
    let big = json!({"a": "x".repeat(2000), "b": "x".repeat(2000)});
    server.script(&format!("update auth.users set raw_user_meta_data = '{big}' where id = '{id}'")).await;
    assert_eq!(change(json!({"a": null})).send().await.status, 200);
    assert_eq!(refresh(&server, &guest.refresh).await.status, 200);
}

/// By default the largest token is one that a request can bring.
#[tokio::test]
async fn a_token_with_all_the_metadata_there_may_be_is_taken() {
    let server = start_with(|_| ()).await;
    let most = "x".repeat(4096);
    let made = json!({"email": "ada@example.com", "password": PASSWORD, "email_confirm": true});
    let made = ask(&server, Method::POST, "/admin/users").service().json(&made).send().await.json();
    let path = format!("/admin/users/{}", made["id"].as_str().unwrap());
    let own = "x".repeat(4096 - 250);
    for data in [json!({"user_metadata": {"k": own}}), json!({"app_metadata": {"k": own}})] {
        let changed = ask(&server, Method::PUT, &path).service().json(&data).send().await;
        assert_eq!(changed.status, 200, "{}", changed.body);
    }
    let over = ask(&server, Method::PUT, &path).service().json(&json!({"app_metadata": {"l": most}}));
    over.expect_error(422, "metadata_too_large").await;
    let ada = session(&sign_in(&server, "ada@example.com", PASSWORD).await);
    assert!(ada.access.len() > 10_000, "{}", ada.access.len());
    assert_eq!(get(&server, "/user").token(&ada.access).send().await.status, 200);
}
