//! Second factors: enrolment, challenges, verification, and what a proved factor makes of sessions.

use basalt_tests::totp::code;
use basalt_tests::{Answer, Server, on_postgres_before};
use serde_json::{Value, json};

use crate::world::{PASSWORD, Session, claims, get, post, put, refresh, session, sign_in, sign_up, start, start_with};

/// Enrols an app; gives the factor's id and its secret.
pub async fn enrol(server: &Server, by: &Session, name: &str) -> (String, String) {
    let body = json!({"factor_type": "totp", "friendly_name": name});
    let body = post(server, "/factors", body).token(&by.access).send().await.json();
    let text = |value: &Value| value.as_str().unwrap_or_else(|| panic!("{body}")).to_owned();
    (text(&body["id"]), text(&body["totp"]["secret"]))
}

pub async fn challenge(server: &Server, by: &Session, factor: &str) -> Answer {
    post(server, &format!("/factors/{factor}/challenge"), json!({})).token(&by.access).send().await
}

/// Answers a new challenge with a code.
pub async fn verify(server: &Server, by: &Session, factor: &str, code: &str) -> Answer {
    let challenge = challenge(server, by, factor).await.json()["id"].clone();
    answer(server, by, factor, &challenge, code).await
}

async fn answer(server: &Server, by: &Session, factor: &str, challenge: &Value, code: &str) -> Answer {
    let body = json!({"challenge_id": challenge, "code": code});
    post(server, &format!("/factors/{factor}/verify"), body).token(&by.access).send().await
}

/// A user with a verified app, and their session at aal2. The next code that the app may be asked for is that of the next step.
pub async fn secured(server: &Server, email: &str) -> (Session, String, String) {
    let first = sign_up(server, email).await;
    let (factor, secret) = enrol(server, &first, "app").await;
    let second = session(&verify(server, &first, &factor, &code(&secret, 0)).await);
    (second, factor, secret)
}

/// A view that shows the service's key what only the owner may see.
pub async fn owners_view(server: &Server, name: &str, query: &str) {
    server.script(&format!("create view {name} as {query}; grant select on {name} to service_role")).await;
    // Before PostgreSQL 15 there are no other views.
    if !on_postgres_before(15) {
        server.script(&format!("alter view {name} set (security_invoker = false)")).await;
    }
}

#[track_caller]
pub fn refused(answer: &Answer, status: u16, code: &str) {
    assert_eq!((answer.status, &answer.json()["code"]), (status, &json!(code)), "{}", answer.body);
}

fn methods(token: &str) -> Vec<String> {
    let claims = claims(token);
    let methods = claims["amr"].as_array().expect("amr").iter();
    methods.map(|method| method["method"].as_str().expect("a method").to_owned()).collect()
}

#[tokio::test]
async fn an_app_raises_a_session_to_aal2() {
    let server = start_with(|config| config.auth.site_url = "https://shop.example.com".into()).await;
    let first = sign_up(&server, "ada+1@example.com").await;
    assert_eq!(claims(&first.access)["aal"], "aal1");

    let body = json!({"factor_type": "totp", "friendly_name": "app"});
    let enrolled = post(&server, "/factors", body).token(&first.access).send().await.json();
    let (factor, secret) = (enrolled["id"].as_str().unwrap(), enrolled["totp"]["secret"].as_str().unwrap());
    assert_eq!((&enrolled["type"], &enrolled["friendly_name"]), (&json!("totp"), &json!("app")));
    let uri = format!(
        "otpauth://totp/shop.example.com:ada%2B1@example.com?algorithm=SHA1&digits=6&issuer=shop.example.com&period=30&secret={secret}"
    );
    assert_eq!(enrolled["totp"]["uri"], uri);
    assert!(enrolled["totp"]["qr_code"].as_str().unwrap().starts_with("<svg"));

    // It doesn't count before it was verified, and its secret is shown no more.
    let user = get(&server, "/user").token(&first.access).send().await.json();
    assert_eq!(
        (&user["factors"][0]["status"], &user["factors"][0]["factor_type"]),
        (&json!("unverified"), &json!("totp"))
    );
    assert!(!user.to_string().contains(secret));

    let challenged = challenge(&server, &first, factor).await.json();
    let now = basalt_core::unix_time().as_secs();
    assert_eq!(challenged["type"], "totp");
    assert!(challenged["expires_at"].as_u64().unwrap().abs_diff(now + 300) < 60, "{challenged}");
    let verified = answer(&server, &first, factor, &challenged["id"], &code(secret, 0)).await;
    let second = session(&verified);
    assert_eq!(verified.json()["user"]["factors"][0]["status"], "verified");
    let (before, after) = (claims(&first.access), claims(&second.access));
    assert_eq!((&after["aal"], &after["session_id"]), (&json!("aal2"), &before["session_id"]));
    assert_eq!(methods(&second.access), ["totp", "password"]);

    // The refresh token was swapped: the old one is dead, the new one keeps what was proved.
    refused(&refresh(&server, &first.refresh).await, 400, "refresh_token_not_found");
    let third = session(&refresh(&server, &second.refresh).await);
    assert_eq!(claims(&third.access)["aal"], "aal2");
    assert_eq!(methods(&third.access), ["totp", "password"]);
}

#[tokio::test]
async fn row_policies_may_ask_for_aal2() {
    let server = start().await;
    server
        .script("create policy mfa on notes as restrictive to authenticated using (auth.jwt() ->> 'aal' = 'aal2');")
        .await;
    let first = sign_up(&server, "ada@example.com").await;
    let (factor, secret) = enrol(&server, &first, "app").await;
    let add = |by: &Session| server.post("/notes", &json!({"body": "hello"})).token(&by.access);
    assert_eq!(add(&first).send().await.status, 403);
    let second = session(&verify(&server, &first, &factor, &code(&secret, 0)).await);
    assert_eq!(add(&second).send().await.status, 201);
    server.get("/notes?select=body").token(&first.access).expect(200, json!([])).await;
    server.get("/notes?select=body").token(&second.access).expect(200, json!([{"body": "hello"}])).await;
}

#[tokio::test]
async fn a_wrong_code_and_a_code_of_before_are_refused() {
    let server = start().await;
    let first = sign_up(&server, "ada@example.com").await;
    let (factor, secret) = enrol(&server, &first, "app").await;
    let challenged = challenge(&server, &first, &factor).await.json()["id"].clone();
    let right = code(&secret, 0);
    let wrong = if right == "000000" { "000001" } else { "000000" };
    for bad in [wrong, "", "00000", "abcdef", &format!("0{right}")] {
        refused(&answer(&server, &first, &factor, &challenged, bad).await, 422, "mfa_verification_failed");
    }
    // A slip of the finger costs no challenge.
    let second = session(&answer(&server, &first, &factor, &challenged, &right).await);
    // The challenge is gone, and the code with it, whichever challenge it answers.
    refused(&answer(&server, &second, &factor, &challenged, &code(&secret, 1)).await, 422, "mfa_factor_not_found");
    refused(&verify(&server, &second, &factor, &right).await, 422, "mfa_verification_failed");
    session(&verify(&server, &second, &factor, &code(&secret, 1)).await);
}

#[tokio::test]
async fn of_many_that_bring_one_code_at_once_one_is_let_in() {
    let server = start().await;
    let (_, factor, secret) = secured(&server, "ada@example.com").await;
    let by = session(&sign_in(&server, "ada@example.com", PASSWORD).await);
    let right = code(&secret, 1);
    let (mut challenges, mut tries) = (Vec::new(), Vec::new());
    for _ in 0..8 {
        challenges.push(challenge(&server, &by, &factor).await.json()["id"].clone());
    }
    for challenge in challenges {
        let body = json!({"challenge_id": challenge, "code": right});
        let ask = post(&server, &format!("/factors/{factor}/verify"), body).token(&by.access);
        tries.push(tokio::spawn(ask.send()));
    }
    let mut let_in = 0;
    for attempt in tries {
        let_in += usize::from(attempt.await.unwrap().status == 200);
    }
    assert_eq!(let_in, 1);
}

#[tokio::test]
async fn a_challenge_holds_for_five_minutes_and_one_address() {
    let server = start().await;
    let first = sign_up(&server, "ada@example.com").await;
    let (factor, secret) = enrol(&server, &first, "app").await;
    let challenged = challenge(&server, &first, &factor).await.json()["id"].clone();
    server.script("update auth.mfa_challenges set created_at = created_at - interval '301 seconds';").await;
    refused(&answer(&server, &first, &factor, &challenged, &code(&secret, 0)).await, 422, "mfa_challenge_expired");
    let challenged = challenge(&server, &first, &factor).await.json()["id"].clone();
    server.script("update auth.mfa_challenges set ip_address = '192.0.2.1';").await;
    refused(&answer(&server, &first, &factor, &challenged, &code(&secret, 0)).await, 422, "mfa_ip_address_mismatch");
    refused(&answer(&server, &first, &factor, &json!("x"), "1").await, 400, "validation_failed");
}

#[tokio::test]
async fn nobody_uses_anothers_factor_or_challenge() {
    let server = start().await;
    let ada = sign_up(&server, "ada@example.com").await;
    let (factor, secret) = enrol(&server, &ada, "app").await;
    let challenged = challenge(&server, &ada, &factor).await.json()["id"].clone();
    let eve = sign_up(&server, "eve@example.com").await;
    let (own, _) = enrol(&server, &eve, "app").await;
    refused(&challenge(&server, &eve, &factor).await, 404, "mfa_factor_not_found");
    refused(&answer(&server, &eve, &factor, &challenged, &code(&secret, 0)).await, 404, "mfa_factor_not_found");
    refused(&answer(&server, &eve, &own, &challenged, &code(&secret, 0)).await, 422, "mfa_factor_not_found");
    refused(&challenge(&server, &ada, "nonsense").await, 404, "validation_failed");
    let unsigned = post(&server, &format!("/factors/{factor}/challenge"), json!({})).send().await;
    refused(&unsigned, 401, "no_authorization");
}

#[tokio::test]
async fn other_sessions_without_the_factor_end_and_more_needs_it() {
    let server = start().await;
    let phone = sign_up(&server, "ada@example.com").await;
    let tablet = session(&sign_in(&server, "ada@example.com", PASSWORD).await);
    let (spare, _) = enrol(&server, &tablet, "abandoned").await;
    let (factor, secret) = enrol(&server, &tablet, "app").await;
    let tablet = session(&verify(&server, &tablet, &factor, &code(&secret, 0)).await);
    refused(&get(&server, "/user").token(&phone.access).send().await, 403, "session_not_found");
    // What was never verified goes with it.
    let user = get(&server, "/user").token(&tablet.access).send().await.json();
    assert_eq!(user["factors"].as_array().unwrap().len(), 1, "{user}");
    refused(&challenge(&server, &tablet, &spare).await, 404, "mfa_factor_not_found");

    // A new session at aal1 may do little.
    let fresh = session(&sign_in(&server, "ada@example.com", PASSWORD).await);
    let more = json!({"factor_type": "totp", "friendly_name": "other"});
    refused(&post(&server, "/factors", more.clone()).token(&fresh.access).send().await, 403, "insufficient_aal");
    let change = json!({"password": "Another-horse-8"});
    refused(&put(&server, "/user", change.clone()).token(&fresh.access).send().await, 401, "insufficient_aal");
    assert_eq!(post(&server, "/factors", more).token(&tablet.access).send().await.status, 200);
    assert_eq!(put(&server, "/user", change).token(&tablet.access).send().await.status, 200);
}

#[tokio::test]
async fn names_counts_and_kinds_of_factors_are_limited() {
    let server = start_with(|config| {
        config.auth.mfa.max_enrolled_factors = 2;
        config.auth.mfa.web_authn.enroll_enabled = false;
        config.auth.enable_anonymous_sign_ins = true;
    })
    .await;
    let by = sign_up(&server, "ada@example.com").await;
    let enrol = |by: &Session, body: Value| post(&server, "/factors", body).token(&by.access);
    let totp = |name: &str| json!({"factor_type": "totp", "friendly_name": name});
    enrol(&by, json!({"factor_type": "sms"})).expect_error(400, "validation_failed").await;
    enrol(&by, json!({"factor_type": "phone", "phone": "491511234567"}))
        .expect_error(422, "mfa_phone_enroll_not_enabled")
        .await;
    enrol(&by, json!({"factor_type": "webauthn"})).expect_error(422, "mfa_webauthn_enroll_not_enabled").await;
    enrol(&by, totp(&"a".repeat(121))).expect_error(400, "validation_failed").await;
    assert_eq!(enrol(&by, totp("app")).send().await.status, 200);
    enrol(&by, totp("app")).expect_error(422, "mfa_factor_name_conflict").await;
    let nameless = enrol(&by, totp("")).send().await.json();
    // Administrators keep to the same.
    let path = format!("/admin/users/{}/factors/{}", by.user, nameless["id"].as_str().unwrap());
    let name = |name: &str| put(&server, &path, json!({"friendly_name": name})).service();
    name("app").expect_error(422, "mfa_factor_name_conflict").await;
    name(&"a".repeat(121)).expect_error(400, "validation_failed").await;
    assert_eq!(name("spare").send().await.json()["friendly_name"], "spare");
    enrol(&by, totp("third")).expect_error(422, "too_many_enrolled_mfa_factors").await;
    // What was given up a day ago makes room.
    server.script("update auth.mfa_factors set created_at = created_at - interval '25 hours';").await;
    assert_eq!(enrol(&by, totp("third")).send().await.status, 200);
    let anonymous = session(&post(&server, "/signup", json!({})).send().await);
    enrol(&anonymous, totp("app")).expect_error(403, "no_authorization").await;
}

#[tokio::test]
async fn guesses_meet_their_limits() {
    let server = start_with(|config| config.auth.rate_limit.failures = 3).await;
    let first = sign_up(&server, "ada@example.com").await;
    let (factor, secret) = enrol(&server, &first, "app").await;
    let right = code(&secret, 0);
    for _ in 0..3 {
        refused(&verify(&server, &first, &factor, "abcdef").await, 422, "mfa_verification_failed");
    }
    refused(&verify(&server, &first, &factor, &right).await, 429, "over_request_rate_limit");

    let server = start_with(|config| config.auth.rate_limit.mfa = 4).await;
    let first = sign_up(&server, "ada@example.com").await;
    let (factor, _) = enrol(&server, &first, "app").await;
    for _ in 0..4 {
        assert_eq!(challenge(&server, &first, &factor).await.status, 200);
    }
    refused(&challenge(&server, &first, &factor).await, 429, "over_request_rate_limit");
}

#[tokio::test]
async fn a_code_by_phone_is_a_factor_too() {
    let server = start_with(|config| {
        config.auth.mfa.phone.enroll_enabled = true;
        config.auth.mfa.phone.verify_enabled = true;
        config.auth.sms.test_otp.insert("491511234567".into(), "123456".into());
    })
    .await;
    let first = sign_up(&server, "ada@example.com").await;
    let body = json!({"factor_type": "phone", "friendly_name": "mobile", "phone": "+49 151 1234567"});
    let enrolled = post(&server, "/factors", body.clone()).token(&first.access).send().await.json();
    let factor = enrolled["id"].as_str().unwrap_or_else(|| panic!("{enrolled}"));
    let expected = json!({"id": factor, "type": "phone", "friendly_name": "mobile", "phone": "491511234567"});
    assert_eq!(enrolled, expected);
    refused(&verify(&server, &first, factor, "654321").await, 422, "mfa_verification_failed");
    let second = session(&verify(&server, &first, factor, "123456").await);
    assert_eq!(methods(&second.access), ["mfa/phone", "password"]);
    let again = post(&server, "/factors", body).token(&second.access).send().await;
    refused(&again, 422, "mfa_verified_factor_exists");
    let channel = json!({"channel": "whatsapp"});
    let asked = post(&server, &format!("/factors/{factor}/challenge"), channel).token(&second.access).send().await;
    refused(&asked, 400, "validation_failed");
    // What is kept of a code is its hash.
    challenge(&server, &second, factor).await;
    owners_view(&server, "codes", "select otp_code from auth.mfa_challenges").await;
    let codes = server.get("/codes").service().send().await;
    assert!(codes.status == 200 && codes.body.contains("otp_code") && !codes.body.contains("123456"), "{}", codes.body);
}
