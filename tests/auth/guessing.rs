//! What an attacker learns or gains by asking again and again: nothing.

use serde_json::json;

use crate::world::{PASSWORD, mail, post, sign_in, sign_up, start, start_with};

#[tokio::test]
async fn an_unknown_user_and_a_wrong_password_answer_alike() {
    let server = start().await;
    sign_up(&server, "ada@example.com").await;
    let (wrong, unknown) =
        (sign_in(&server, "ada@example.com", "wrong-1").await, sign_in(&server, "nobody@example.com", "wrong-1").await);
    assert_eq!((wrong.status, &wrong.body), (unknown.status, &unknown.body));
    let names = |answer: &basalt_tests::Answer| {
        let mut names: Vec<String> = answer.headers.keys().map(ToString::to_string).collect();
        names.sort();
        names
    };
    assert_eq!(names(&wrong), names(&unknown));
}

#[tokio::test]
async fn wrong_passwords_make_an_account_wait_and_no_other() {
    let server = start_with(|config| config.auth.rate_limit.failures = 3).await;
    sign_up(&server, "ada@example.com").await;
    sign_up(&server, "grace@example.com").await;
    for _ in 0..3 {
        assert_eq!(sign_in(&server, "ada@example.com", "wrong-1").await.status, 400);
    }
    let held = sign_in(&server, "ada@example.com", PASSWORD).await;
    assert_eq!((held.status, &held.json()["code"]), (429, &json!("over_request_rate_limit")));
    assert!(!held.header("retry-after").is_empty());
    assert_eq!(sign_in(&server, "grace@example.com", PASSWORD).await.status, 200);
    // An unknown account is held the same way: waiting tells nothing.
    for _ in 0..3 {
        assert_eq!(sign_in(&server, "nobody@example.com", "wrong-1").await.status, 400);
    }
    assert_eq!(sign_in(&server, "nobody@example.com", "wrong-1").await.status, 429);
}

#[tokio::test]
async fn a_code_is_not_guessed() {
    let server = start_with(|config| config.auth.rate_limit.failures = 5).await;
    post(&server, "/otp", json!({"email": "ada@example.com"})).expect(200, json!({})).await;
    let right = mail(&server, "ada@example.com").await["token"].as_str().unwrap().to_owned();
    let verify =
        |token: String| post(&server, "/verify", json!({"type": "email", "email": "ada@example.com", "token": token}));
    let mut refusals = Vec::new();
    for guess in (0..8).map(|n| format!("{n:06}")).filter(|guess| *guess != right) {
        refusals.push(verify(guess).send().await.status);
    }
    assert!(refusals.starts_with(&[403, 403, 403, 403, 403]) && refusals.ends_with(&[429]), "{refusals:?}");
    assert_eq!(verify(right).send().await.status, 429, "the right one has to wait too");
}
