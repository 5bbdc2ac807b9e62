//! Refusals of the contract that no flow of the other files meets, each by its code.

use basalt_server::Config;
use reqwest::Method;
use serde_json::json;

use crate::factors::{challenge, enrol, refused};
use crate::issuer::{CHALLENGE, VERIFIER};
use crate::stand_in::StandIn;
use crate::world::{PASSWORD, ask, follow, mail, parameter, post, put, session, sign_in, sign_up, start, start_with};

#[tokio::test]
async fn by_mail_nobody_signs_up_or_in_where_that_is_off() {
    let server = start_with(|config| config.auth.email.enable_signup = false).await;
    let body = json!({"email": "ada@example.com", "password": PASSWORD});
    post(&server, "/signup", body.clone()).expect_error(400, "email_provider_disabled").await;
    post(&server, "/token?grant_type=password", body.clone()).expect_error(422, "email_provider_disabled").await;
    for path in ["/otp", "/magiclink"] {
        post(&server, path, body.clone()).expect_error(422, "email_provider_disabled").await;
    }
}

#[tokio::test]
async fn a_current_password_that_is_given_has_to_be_right() {
    let server = start().await;
    let ada = sign_up(&server, "ada@example.com").await;
    let change = |current: &str| {
        put(&server, "/user", json!({"password": "Another-1", "current_password": current})).token(&ada.access)
    };
    change("wrong-1").expect_error(400, "current_password_invalid").await;
    assert_eq!(change(PASSWORD).send().await.status, 200);
    session(&sign_in(&server, "ada@example.com", "Another-1").await);
}

/// A user whom another auth service let in by SAML.
#[tokio::test]
async fn what_single_sign_on_says_of_a_user_is_changed_there() {
    let server = start().await;
    let ada = sign_up(&server, "ada@example.com").await;
    server.script("update auth.users set is_sso_user = true").await;
    for body in
        [json!({"password": "Another-1"}), json!({"email": "new@example.com"}), json!({"phone": "491511234567"})]
    {
        put(&server, "/user", body).token(&ada.access).expect_error(422, "user_sso_managed").await;
    }
    assert_eq!(put(&server, "/user", json!({"data": {"a": 1}})).token(&ada.access).send().await.status, 200);
}

#[tokio::test]
async fn a_flow_s_code_is_good_for_five_minutes() {
    let server = start().await;
    let pair = json!({"email": "ada@example.com", "code_challenge": CHALLENGE, "code_challenge_method": "s256"});
    for (age, is_good) in [("6 minutes", false), ("4 minutes", true)] {
        post(&server, "/otp", pair.clone()).expect(200, json!({})).await;
        let landed = follow(&server, &mail(&server, "ada@example.com").await).await;
        let code = parameter(&landed, "code").expect("a code");
        server
            .script(&format!("update auth.flow_state set auth_code_issued_at = auth_code_issued_at - interval '{age}'"))
            .await;
        let body = json!({"auth_code": code, "code_verifier": VERIFIER});
        let exchanged = post(&server, "/token?grant_type=pkce", body).send().await;
        match is_good {
            true => drop(session(&exchanged)),
            false => refused(&exchanged, 422, "flow_state_expired"),
        }
    }
}

#[tokio::test]
async fn an_identity_stays_whose_end_would_leave_its_user_an_address_of_somebody_else_s() {
    let server = start_with(|config| config.auth.enable_manual_linking = true).await;
    let ada = sign_up(&server, "ada@example.com").await;
    sign_up(&server, "grace@example.com").await;
    // Once the user's own identity went, the address would follow the other one.
    server.script(&format!(
            "insert into auth.identities (id, provider_id, user_id, identity_data, provider, created_at, updated_at) values \
            (gen_random_uuid(), '1', '{}', '{{\"sub\": \"1\", \"email\": \"grace@example.com\", \"email_verified\": true}}', \
            'github', now(), now())",
            ada.user
        ),
    )
    .await;
    let identities = ask(&server, Method::GET, "/user").token(&ada.access).send().await.json()["identities"].clone();
    let own = identities.as_array().expect("identities").iter().find(|identity| identity["provider"] == "email");
    let path = format!("/user/identities/{}", own.expect("an own one")["identity_id"].as_str().expect("an id"));
    ask(&server, Method::DELETE, &path)
        .token(&ada.access)
        .expect_error(422, "email_conflict_identity_not_deletable")
        .await;
}

#[tokio::test]
async fn factors_of_a_kind_that_is_off_are_neither_enrolled_nor_verified() {
    let prepare = |config: &mut Config| {
        let mfa = &mut config.auth.mfa;
        (mfa.phone.enroll_enabled, mfa.phone.verify_enabled) = (true, true);
        (mfa.web_authn.enroll_enabled, mfa.web_authn.verify_enabled) = (true, true);
        config.auth.webauthn.rp_id = "localhost".into();
        config.auth.webauthn.rp_origins = vec!["http://localhost:3000".into()];
        config.auth.sms.test_otp.insert("491511234567".into(), "123456".into());
    };
    let mut server = start_with(prepare).await;
    let ada = sign_up(&server, "ada@example.com").await;
    let (app, _) = enrol(&server, &ada, "app").await;
    let enrolled = |body| post(&server, "/factors", body).token(&ada.access);
    let phone = json!({"factor_type": "phone", "friendly_name": "phone", "phone": "+491511234567"});
    let phone = enrolled(phone).send().await.text("/id");
    let key = enrolled(json!({"factor_type": "webauthn", "friendly_name": "key"})).send().await.text("/id");
    let mut opened = Vec::new();
    for factor in [&app, &phone, &key] {
        opened.push(challenge(&server, &ada, factor).await.text("/id"));
    }
    server.stop().await;
    server
        .restart(|config| {
            prepare(config);
            let mfa = &mut config.auth.mfa;
            for kind in [&mut mfa.totp, &mut mfa.phone, &mut mfa.web_authn] {
                (kind.enroll_enabled, kind.verify_enabled) = (false, false);
            }
        })
        .await;
    for (number, (kind, factor)) in [("totp", &app), ("phone", &phone), ("webauthn", &key)].into_iter().enumerate() {
        let body = json!({"factor_type": kind, "friendly_name": "other", "phone": "+491511234568"});
        let code = format!("mfa_{kind}_enroll_not_enabled");
        post(&server, "/factors", body).token(&ada.access).expect_error(422, &code).await;
        let body = json!({"challenge_id": opened[number], "code": "123456"});
        let code = format!("mfa_{kind}_verify_not_enabled");
        post(&server, &format!("/factors/{factor}/verify"), body).token(&ada.access).expect_error(422, &code).await;
    }
}

#[tokio::test]
async fn a_hook_that_does_not_answer_or_says_too_much_is_told_as_that() {
    let mut answers =
        [("", String::new()), ("200 OK", "x".repeat(300 << 10)), ("200 OK", "no JSON".into())].into_iter();
    let hook = StandIn::answering(move |_| answers.next().expect("three questions")).await;
    let server = start_with(|config| {
        config.outbound.allow = vec!["127.0.0.1".into()];
        let own = &mut config.auth.hook.custom_access_token;
        (own.enabled, own.uri) = (true, hook.url.clone());
    })
    .await;
    for (status, code) in [(422, "hook_timeout"), (422, "hook_payload_over_size_limit"), (500, "unexpected_failure")] {
        let body = json!({"email": "ada@example.com", "password": PASSWORD});
        post(&server, "/signup", body).expect_error(status, code).await;
    }
}
