//! An address that several want at the same moment: one has it, and the others are answered as if it had been there before.

use basalt_tests::{Answer, Ask, Server};
use reqwest::Method;
use serde_json::{Value, json};

use crate::leaving::{back, configure, github, leave};
use crate::world::{PASSWORD, ask, claims, follow, mail, mails, parameter, post, put, session, sign_in, start_with};

const EMAIL: &str = "ada@example.com";
const NUMBER: &str = "491511234567";
const AT_ONCE: usize = 20;

/// Asks for something twenty times at once.
async fn at_once(ask: impl Fn(usize) -> Ask) -> Vec<Answer> {
    let tries: Vec<_> = (0..AT_ONCE).map(|number| tokio::spawn(ask(number).send())).collect();
    let mut answers = Vec::new();
    for attempt in tries {
        answers.push(attempt.await.expect("an answer"));
    }
    answers
}

/// How often each answer came: status and code, in order.
fn counted(answers: &[Answer]) -> Vec<(String, usize)> {
    let mut counts = std::collections::BTreeMap::new();
    for answer in answers {
        let code = answer.json()["code"].as_str().unwrap_or_default().to_owned();
        *counts.entry(format!("{} {code}", answer.status).trim().to_owned()).or_insert(0) += 1;
    }
    counts.into_iter().collect()
}

/// One of them has it, and the others are refused with this.
#[track_caller]
fn assert_one(answers: &[Answer], refusal: &str) {
    assert_eq!(counted(answers), [("200".to_owned(), 1), (refusal.to_owned(), AT_ONCE - 1)]);
}

#[track_caller]
fn assert_all(answers: &[Answer]) {
    assert_eq!(counted(answers), [("200".to_owned(), AT_ONCE)]);
}

async fn users(server: &Server) -> Vec<Value> {
    let listed = ask(server, Method::GET, "/admin/users").service().send().await.json();
    listed["users"].as_array().expect("users").clone()
}

fn by_phone(config: &mut basalt_server::Config) {
    config.auth.sms.enable_signup = true;
    config.auth.sms.test_otp.insert(NUMBER.into(), "123456".into());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sign_up_without_confirmation_has_it_and_the_others_hear_that_it_is_there() {
    let server = start_with(|config| {
        by_phone(config);
        config.auth.sms.enable_confirmations = false;
    })
    .await;
    for address in [json!({"email": EMAIL}), json!({"phone": NUMBER})] {
        let body = |number: usize| {
            let mut body = address.clone();
            body["password"] = format!("{PASSWORD}-{}", number % 3).into();
            body
        };
        assert_one(&at_once(|number| post(&server, "/signup", body(number))).await, "422 user_already_exists");
    }
    assert_eq!(users(&server).await.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn sign_ups_that_are_to_be_confirmed_are_all_answered_as_the_first_one() {
    let server = start_with(|config| {
        by_phone(config);
        config.auth.email.enable_confirmations = true;
    })
    .await;
    for (kind, address) in [("email", json!({"email": EMAIL})), ("sms", json!({"phone": NUMBER}))] {
        let body = |password: &str| {
            let mut body = address.clone();
            body["password"] = password.into();
            body
        };
        let answers = at_once(|_| post(&server, "/signup", body(PASSWORD))).await;
        assert_all(&answers);
        for answer in &answers {
            let user = answer.json();
            assert_eq!(
                (&user["role"], user["identities"].as_array().map(Vec::len)),
                (&json!("authenticated"), Some(1))
            );
        }
        // All were the same person's: the password holds once the address is confirmed.
        let token = match kind {
            "email" => mail(&server, EMAIL).await["token"].clone(),
            _ => json!("123456"),
        };
        let mut shown = address.clone();
        (shown["type"], shown["token"]) = (kind.into(), token);
        session(&post(&server, "/verify", shown).send().await);
        session(&post(&server, "/token?grant_type=password", body(PASSWORD)).send().await);
    }
    // Two persons: neither password holds.
    let other = "grace@example.com";
    let body = |number: usize| json!({"email": other, "password": format!("{PASSWORD}-{}", number % 2)});
    assert_all(&at_once(|number| post(&server, "/signup", body(number))).await);
    assert!(follow(&server, &mail(&server, other).await).await.contains("access_token"));
    for number in 0..2 {
        assert_eq!(sign_in(&server, other, &format!("{PASSWORD}-{number}")).await.status, 400);
    }
    assert_eq!(users(&server).await.len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_visitors_who_give_one_address_one_has_it() {
    for confirm in [false, true] {
        let server = start_with(|config| {
            config.auth.enable_anonymous_sign_ins = true;
            config.auth.email.enable_confirmations = confirm;
        })
        .await;
        let mut visitors = Vec::new();
        for _ in 0..AT_ONCE {
            visitors.push(session(&post(&server, "/signup", json!({})).send().await).access);
        }
        let give = |number: usize| put(&server, "/user", json!({"email": EMAIL})).token(&visitors[number]);
        let answers = at_once(give).await;
        if !confirm {
            assert_one(&answers, "422 email_exists");
            continue;
        }
        assert_all(&answers);
        let letters = mails(&server, EMAIL).await;
        assert_eq!(letters.len(), AT_ONCE);
        let verify = |number: usize| {
            let link = letters[number]["link"].as_str().expect("a link");
            let hash = parameter(link, "token").expect("a token");
            post(&server, "/verify", json!({"type": "email_change", "token_hash": hash}))
        };
        assert_one(&at_once(verify).await, "422 email_exists");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn administrators_make_one_user_and_all_their_invitations_and_links_are_for_it() {
    let server = start_with(|_| ()).await;
    let admin = |path: &str, body: Value| post(&server, path, body).service();
    let made = at_once(|_| admin("/admin/users", json!({"email": EMAIL}))).await;
    assert_one(&made, "422 email_exists");
    assert_one(&at_once(|_| admin("/admin/users", json!({"phone": NUMBER}))).await, "422 phone_exists");
    assert_all(&at_once(|_| admin("/invite", json!({"email": "invited@example.com"}))).await);
    for kind in ["signup", "invite", "magiclink"] {
        let body = json!({"type": kind, "email": format!("{kind}@example.com"), "password": PASSWORD});
        assert_all(&at_once(|_| admin("/admin/generate_link", body.clone())).await);
    }
    assert_eq!(users(&server).await.len(), 6);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_first_sign_in_through_a_provider_makes_one_user() {
    let provider = github().await;
    let server = start_with(|config| configure(config, &provider, &[])).await;
    let mut states = Vec::new();
    for _ in 0..AT_ONCE {
        states.push(leave(&server, "https://shop.example/in").await);
    }
    let server = std::sync::Arc::new(server);
    let tries: Vec<_> = states
        .into_iter()
        .map(|state| {
            let server = server.clone();
            tokio::spawn(async move { back(&server, &state).await })
        })
        .collect();
    let mut subjects = std::collections::BTreeSet::new();
    for attempt in tries {
        let landed = attempt.await.expect("an answer");
        let token = parameter(&landed, "access_token").unwrap_or_else(|| panic!("{landed}"));
        subjects.insert(claims(&token)["sub"].to_string());
    }
    assert_eq!(subjects.len(), 1, "{subjects:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_is_asked_for_a_new_address_at_one_moment_is_no_fault() {
    let provider = github().await;
    let server = start_with(|config| {
        configure(config, &provider, &[]);
        config.auth.email.enable_confirmations = true;
    })
    .await;
    for round in 0..4 {
        let state = leave(&server, "https://shop.example/in").await;
        let answers = at_once(|number| match number % 6 {
            0 => post(&server, "/signup", json!({"email": EMAIL, "password": PASSWORD})),
            1 => post(&server, "/otp", json!({"email": EMAIL})),
            2 => post(&server, "/invite", json!({"email": EMAIL})).service(),
            3 => post(&server, "/admin/users", json!({"email": EMAIL})).service(),
            4 => post(&server, "/magiclink", json!({"email": EMAIL})),
            _ => ask(&server, Method::GET, &format!("/callback?code=the-code&state={state}")),
        })
        .await;
        for answer in &answers {
            let code = answer.json()["code"].as_str().unwrap_or_default().to_owned();
            let is_expected = match answer.status {
                200 => true,
                302 => {
                    !answer.header("location").contains("unexpected") && !answer.header("location").contains("exists")
                }
                422 => code == "email_exists",
                _ => false,
            };
            assert!(is_expected, "round {round}: {} {} {:?}", answer.status, answer.body, answer.headers);
        }
        assert_eq!(users(&server).await.len(), 1);
        server.script("delete from auth.users").await;
    }
}
