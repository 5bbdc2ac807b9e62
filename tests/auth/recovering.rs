//! Recovery codes stand in for a lost factor, each once.

use basalt_tests::{Answer, Server};
use reqwest::Method;
use serde_json::json;

use crate::factors::{owners_view, refused, secured};
use crate::world::{PASSWORD, Session, ask, claims, get, post, refresh, session, sign_in, sign_up, start, start_with};

async fn make(server: &Server, by: &Session) -> Vec<String> {
    let made = post(server, "/factors/recovery-codes", json!({})).token(&by.access).send().await;
    let body = made.json();
    let codes = body["codes"].as_array().unwrap_or_else(|| panic!("{body}")).iter();
    codes.map(|code| code.as_str().expect("a code").to_owned()).collect()
}

async fn recover(server: &Server, by: &Session, code: &str) -> Answer {
    post(server, "/factors/recovery", json!({ "code": code })).token(&by.access).send().await
}

async fn left(server: &Server, by: &Session) -> i64 {
    let counted = get(server, "/factors/recovery-codes").token(&by.access).send().await.json();
    counted["remaining"].as_i64().unwrap_or_else(|| panic!("{counted}"))
}

#[tokio::test]
async fn a_code_raises_a_session_once() {
    let server = start().await;
    let (second, factor, _) = secured(&server, "ada@example.com").await;
    let codes = make(&server, &second).await;
    assert_eq!((codes.len(), left(&server, &second).await), (10, 10));
    let fresh = session(&sign_in(&server, "ada@example.com", PASSWORD).await);
    refused(&recover(&server, &fresh, "aaaa-bbbb-cccc-dddd").await, 422, "mfa_verification_failed");
    refused(&recover(&server, &fresh, "").await, 422, "mfa_verification_failed");
    // Typed as people type.
    let raised = session(&recover(&server, &fresh, &codes[0].replace('-', " ").to_uppercase()).await);
    let after = claims(&raised.access);
    assert_eq!((&after["aal"], &after["session_id"]), (&json!("aal2"), &claims(&fresh.access)["session_id"]));
    assert_eq!(after["amr"][0]["method"], "recovery_code");
    refused(&refresh(&server, &fresh.refresh).await, 400, "refresh_token_not_found");
    refused(&recover(&server, &raised, &codes[0]).await, 422, "mfa_verification_failed");
    assert_eq!(left(&server, &raised).await, 9);
    // With it, the lost factor can go: and the codes that stood in for it.
    assert_eq!(
        ask(&server, Method::DELETE, &format!("/factors/{factor}")).token(&raised.access).send().await.status,
        200
    );
    assert_eq!(left(&server, &raised).await, 0);
    assert_eq!(claims(&session(&refresh(&server, &raised.refresh).await).access)["aal"], "aal1");
}

#[tokio::test]
async fn codes_are_made_at_aal2_and_replace_the_earlier_ones() {
    let server = start().await;
    let first = sign_up(&server, "eve@example.com").await;
    let refusal = post(&server, "/factors/recovery-codes", json!({})).token(&first.access).send().await;
    refused(&refusal, 403, "insufficient_aal");
    let (second, _, _) = secured(&server, "ada@example.com").await;
    let old = make(&server, &second).await;
    let new = make(&server, &second).await;
    refused(&recover(&server, &second, &old[0]).await, 422, "mfa_verification_failed");
    // Another's codes are nobody else's.
    refused(&recover(&server, &first, &new[0]).await, 422, "mfa_verification_failed");
    assert_eq!(recover(&server, &second, &new[0]).await.status, 200);
}

#[tokio::test]
async fn codes_are_stored_as_hashes_and_not_guessed() {
    let server = start_with(|config| config.auth.rate_limit.failures = 3).await;
    let (second, _, _) = secured(&server, "ada@example.com").await;
    let codes = make(&server, &second).await;
    owners_view(&server, "stored", "select code_hash from auth.mfa_recovery_codes").await;
    let stored = server.get("/stored").service().send().await;
    assert_eq!(stored.json().as_array().map(Vec::len), Some(10), "{}", stored.body);
    assert!(
        codes.iter().all(|code| !stored.body.contains(code.as_str()) && !stored.body.contains(&code.replace('-', "")))
    );
    for _ in 0..3 {
        refused(&recover(&server, &second, "aaaa-bbbb-cccc-dddd").await, 422, "mfa_verification_failed");
    }
    refused(&recover(&server, &second, &codes[0]).await, 429, "over_request_rate_limit");
}

#[tokio::test]
async fn of_many_that_bring_one_code_at_once_one_is_let_in() {
    let server = start().await;
    let (second, _, _) = secured(&server, "ada@example.com").await;
    let codes = make(&server, &second).await;
    let tries: Vec<_> = (0..8)
        .map(|_| {
            let ask = post(&server, "/factors/recovery", json!({ "code": codes[0] })).token(&second.access);
            tokio::spawn(ask.send())
        })
        .collect();
    let mut let_in = 0;
    for attempt in tries {
        let_in += usize::from(attempt.await.unwrap().status == 200);
    }
    assert_eq!(let_in, 1);
}
