//! What an attacker learns or gains by asking again and again: nothing.

use basalt_tests::Ask;
use serde_json::json;

use crate::world::{PASSWORD, mail, post, put, sign_in, sign_up, start, start_with};

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

/// Many guesses at one moment are no more than one after another: what is under way counts. An account waits 15 seconds in all for four more.
#[tokio::test]
async fn guesses_at_once_are_counted_before_they_are_judged() {
    let server = start_with(|config| config.auth.rate_limit.failures = 4).await;
    let ada = sign_up(&server, "ada@example.com").await;
    post(&server, "/recover", json!({"email": "ada@example.com"})).expect(200, json!({})).await;
    let right = mail(&server, "ada@example.com").await["token"].as_str().unwrap().parse::<u32>().unwrap();
    let code = |n: u32| format!("{:06}", (right + n) % 1_000_000);
    let judged = async |status: u16, ask: &dyn Fn(u32) -> Ask| {
        let tries: Vec<_> = (1..=60).map(|n| tokio::spawn(ask(n).send())).collect();
        let mut judged = 0;
        for attempt in tries {
            let answer = attempt.await.expect("an answer");
            assert!([status, 429].contains(&answer.status), "{} {}", answer.status, answer.body);
            judged += usize::from(answer.status == status);
        }
        assert!((4..8).contains(&judged), "{judged} of 60 were judged");
    };
    judged(403, &|n| {
        post(&server, "/verify", json!({"type": "recovery", "email": "ada@example.com", "token": code(n)}))
    })
    .await;
    sign_up(&server, "grace@example.com").await;
    judged(400, &|n| {
        let body = json!({"email": "grace@example.com", "password": format!("wrong-{n}")});
        post(&server, "/token?grant_type=password", body)
    })
    .await;
    judged(422, &|n| post(&server, "/factors/recovery", json!({"code": format!("wrong-{n}")})).token(&ada.access))
        .await;
}

/// Somebody's forty devices: who is right is held up by nobody who is right, and a wrong one among them costs no right one its place.
#[tokio::test(flavor = "multi_thread")]
async fn right_ones_at_once_all_pass() {
    let server = start().await;
    sign_up(&server, "ada@example.com").await;
    let with = |password: &str| {
        post(&server, "/token?grant_type=password", json!({"email": "ada@example.com", "password": password}))
    };
    let tries: Vec<_> =
        (0..40).map(|n| tokio::spawn(with(if n % 20 == 7 { "wrong-1" } else { PASSWORD }).send())).collect();
    for (n, attempt) in tries.into_iter().enumerate() {
        let answer = attempt.await.expect("an answer");
        assert_eq!(answer.status, if n % 20 == 7 { 400 } else { 200 }, "{n}: {}", answer.body);
    }
}

/// Whoever holds a session finds out no more of its password than anybody else.
#[tokio::test]
async fn a_change_of_the_password_is_no_way_to_guess_it() {
    for body in [json!({"password": "another-1", "current_password": "wrong-1"}), json!({"password": PASSWORD})] {
        let server = start_with(|config| config.auth.rate_limit.failures = 3).await;
        let ada = sign_up(&server, "ada@example.com").await;
        let change = || put(&server, "/user", body.clone()).token(&ada.access);
        for _ in 0..3 {
            let status = change().send().await.status;
            assert!([400, 422].contains(&status), "{status}");
        }
        change().expect_error(429, "over_request_rate_limit").await;
        assert_eq!(sign_in(&server, "ada@example.com", PASSWORD).await.status, 429, "{body}");
    }
    // A new password that only lacks the nonce tells that it is not the old one.
    let server = start_with(|config| {
        config.auth.rate_limit.failures = 3;
        config.auth.email.secure_password_change = true;
    })
    .await;
    let ada = sign_up(&server, "ada@example.com").await;
    server.script("update auth.sessions set created_at = now() - interval '2 days'").await;
    for status in [400, 400, 400, 429] {
        let change = put(&server, "/user", json!({"password": "another-1"})).token(&ada.access);
        assert_eq!(change.send().await.status, status);
    }
}

#[tokio::test]
async fn retry_after_says_how_long_it_takes() {
    let server = start_with(|config| {
        config.auth.enable_anonymous_sign_ins = true;
        config.auth.rate_limit.anonymous_users = 1;
        config.auth.email.max_frequency = std::time::Duration::from_secs(600);
    })
    .await;
    let seconds = |answer: &basalt_tests::Answer| {
        assert_eq!(answer.status, 429, "{}", answer.body);
        answer.header("retry-after").parse::<u64>().expect("seconds")
    };
    assert_eq!(post(&server, "/signup", json!({})).send().await.status, 200);
    let hourly = seconds(&post(&server, "/signup", json!({})).send().await);
    assert!((600..=3600).contains(&hourly), "{hourly}");
    post(&server, "/otp", json!({"email": "ada@example.com"})).expect(200, json!({})).await;
    let soon = post(&server, "/otp", json!({"email": "ada@example.com"})).send().await;
    let left = seconds(&soon);
    assert!(soon.json()["message"].as_str().unwrap().contains(&format!("after {left} seconds")), "{}", soon.body);
}
