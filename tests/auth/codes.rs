//! Links and codes: magic links, recovery, changes of address, PKCE, the nonce of a new password.

use reqwest::Method;
use serde_json::{Value, json};

use crate::world::{
    PASSWORD, ask, claims, follow, get, mail, mails, parameter, post, put, session, sign_in, sign_up, start,
    start_confirming, start_with,
};

/// The pair of RFC 7636, appendix B.
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

fn code(mail: &Value) -> String {
    mail["token"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_magic_link_and_its_code_sign_in() {
    let server = start_confirming().await;
    post(&server, "/otp", json!({"email": "ada@example.com", "data": {"n": 1}})).expect(200, json!({})).await;
    let letter = mail(&server, "ada@example.com").await;
    let verify = json!({"type": "email", "email": "ada@example.com", "token": code(&letter)});
    let ada = post(&server, "/verify", verify.clone()).send().await;
    assert_eq!(claims(&session(&ada).access)["amr"][0]["method"], "otp");
    assert_eq!(ada.json()["user"]["user_metadata"]["n"], 1);
    post(&server, "/verify", verify).expect_error(403, "otp_expired").await;

    post(&server, "/otp", json!({"email": "ada@example.com"})).expect(200, json!({})).await;
    let letter = mail(&server, "ada@example.com").await;
    assert_eq!(letter["kind"], "magic_link");
    let to = follow(&server, &letter).await;
    assert_eq!(parameter(&to, "type").as_deref(), Some("magiclink"));
    let hashed = json!({"type": "magiclink", "token_hash": "0".repeat(56)});
    let refused = post(&server, "/verify", hashed).expect_error(403, "otp_expired").await;
    assert_eq!(refused.json()["message"], "Email link is invalid or has expired");
}

#[tokio::test]
async fn a_code_expires() {
    let server = start_with(|config| config.auth.email.otp_expiry = 1).await;
    post(&server, "/otp", json!({"email": "ada@example.com"})).expect(200, json!({})).await;
    let letter = mail(&server, "ada@example.com").await;
    tokio::time::sleep(std::time::Duration::from_millis(2100)).await;
    let verify = json!({"type": "email", "email": "ada@example.com", "token": code(&letter)});
    post(&server, "/verify", verify).expect_error(403, "otp_expired").await;
}

#[tokio::test]
async fn a_link_of_a_flow_with_pkce_leads_to_a_code_that_needs_its_verifier() {
    let server = start_confirming().await;
    let pair = json!({"email": "ada@example.com", "password": PASSWORD, "code_challenge": CHALLENGE, "code_challenge_method": "s256"});
    assert_eq!(post(&server, "/signup?redirect_to=http://127.0.0.1:3000/done?x=1", pair).send().await.status, 200);
    let to = follow(&server, &mail(&server, "ada@example.com").await).await;
    assert!(to.starts_with("http://127.0.0.1:3000/done?x=1&code="), "{to}");
    let auth_code = parameter(&to.replace("x=1&", ""), "code").unwrap();
    let exchange = |code: &str, verifier: &str| {
        post(&server, "/token?grant_type=pkce", json!({"auth_code": code, "code_verifier": verifier}))
    };
    exchange(&auth_code, &VERIFIER.replace('d', "e")).expect_error(400, "bad_code_verifier").await;
    exchange(&auth_code, "").expect_error(400, "validation_failed").await;
    let answers = tokio::join!(exchange(&auth_code, VERIFIER).send(), exchange(&auth_code, VERIFIER).send());
    let mut statuses = [answers.0.status, answers.1.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 404], "a code is exchanged once");
    exchange(&auth_code, VERIFIER).expect_error(404, "flow_state_not_found").await;
    let half = json!({"email": "b@example.com", "password": PASSWORD, "code_challenge": CHALLENGE});
    post(&server, "/signup", half).expect_error(400, "validation_failed").await;
}

#[tokio::test]
async fn a_forgotten_password_is_replaced() {
    let server = start_confirming().await;
    post(&server, "/signup", json!({"email": "ada@example.com", "password": PASSWORD})).send().await;
    follow(&server, &mail(&server, "ada@example.com").await).await;
    let before = session(&sign_in(&server, "ada@example.com", PASSWORD).await);
    post(&server, "/recover", json!({"email": "nobody@example.com"})).expect(200, json!({})).await;
    assert!(mails(&server, "nobody@example.com").await.is_empty());
    post(&server, "/recover", json!({"email": "ada@example.com"})).expect(200, json!({})).await;
    let to = follow(&server, &mail(&server, "ada@example.com").await).await;
    assert_eq!(parameter(&to, "type").as_deref(), Some("recovery"));
    let token = parameter(&to, "access_token").unwrap();
    assert_eq!(claims(&token)["amr"][0]["method"], "recovery");
    let same = put(&server, "/user", json!({"password": PASSWORD})).token(&token);
    same.expect_error(422, "same_password").await;
    assert_eq!(put(&server, "/user", json!({"password": "another-1"})).token(&token).send().await.status, 200);
    // Whoever was signed in elsewhere is signed out.
    get(&server, "/user").token(&before.access).expect_error(403, "session_not_found").await;
    assert_eq!(get(&server, "/user").token(&token).send().await.status, 200);
    assert_eq!(sign_in(&server, "ada@example.com", PASSWORD).await.status, 400);
    assert_eq!(sign_in(&server, "ada@example.com", "another-1").await.status, 200);
}

#[tokio::test]
async fn a_new_address_is_confirmed_at_both() {
    let server = start_confirming().await;
    post(&server, "/otp", json!({"email": "ada@example.com"})).expect(200, json!({})).await;
    let verify = |kind: &'static str, email: &'static str, token: String| {
        post(&server, "/verify", json!({"type": kind, "email": email, "token": token}))
    };
    let ada = verify("email", "ada@example.com", code(&mail(&server, "ada@example.com").await)).send().await;
    let ada = session(&ada);
    let change = put(&server, "/user", json!({"email": "countess@example.com"})).token(&ada.access).send().await.json();
    assert_eq!((&change["email"], &change["new_email"]), (&json!("ada@example.com"), &json!("countess@example.com")));
    let (old, new) = (mail(&server, "ada@example.com").await, mail(&server, "countess@example.com").await);
    let half = verify("email_change", "ada@example.com", code(&old)).send().await;
    let accepted = "Confirmation link accepted. Please proceed to confirm link sent to the other email";
    assert_eq!((half.status, half.json()), (200, json!({"code": "200", "msg": accepted})));
    let to = follow(&server, &new).await;
    assert_eq!(parameter(&to, "type").as_deref(), Some("email_change"));
    let user = get(&server, "/user").token(&parameter(&to, "access_token").unwrap()).send().await.json();
    assert_eq!((&user["email"], user.get("new_email")), (&json!("countess@example.com"), None));
    assert_eq!(user["identities"][0]["identity_data"]["email"], "countess@example.com");
    // One confirmation by link says so in the fragment.
    put(&server, "/user", json!({"email": "third@example.com"})).token(&ada.access).send().await;
    let to = follow(&server, &mail(&server, "third@example.com").await).await;
    assert!(to.contains("#message=Confirmation+link+accepted"), "{to}");
    sign_in(&server, "countess@example.com", PASSWORD).await;
    let taken = post(&server, "/signup", json!({"email": "x@example.com", "password": PASSWORD})).send().await;
    assert_eq!(taken.status, 200);
    put(&server, "/user", json!({"email": "x@example.com"})).token(&ada.access).expect_error(422, "email_exists").await;
}

#[tokio::test]
async fn a_new_password_of_an_old_session_needs_the_nonce() {
    let server = start_with(|config| config.auth.email.secure_password_change = true).await;
    let ada = sign_up(&server, "ada@example.com").await;
    let age = "update auth.sessions set created_at = now() - interval '2 days'";
    server.script(age).await;
    let change = |body: Value| put(&server, "/user", body).token(&ada.access);
    change(json!({"password": "another-1"})).expect_error(400, "reauthentication_needed").await;
    get(&server, "/reauthenticate").token(&ada.access).expect(200, json!({})).await;
    let nonce = code(&mail(&server, "ada@example.com").await);
    let wrong = if nonce == "000000" { "000001" } else { "000000" };
    let refused = change(json!({"password": "another-1", "nonce": wrong}));
    refused.expect_error(422, "reauthentication_not_valid").await;
    assert_eq!(change(json!({"password": "another-1", "nonce": nonce})).send().await.status, 200);
}

#[tokio::test]
async fn a_phone_number_is_confirmed_by_its_code() {
    let server = start_with(|config| {
        config.auth.sms.enable_signup = true;
        config.auth.sms.test_otp.insert("491511234567".into(), "123456".into());
    })
    .await;
    let body = json!({"phone": "+49 151 1234567", "password": PASSWORD});
    let user = post(&server, "/signup", body).send().await;
    assert_eq!((user.status, &user.json()["phone"]), (200, &json!("491511234567")));
    let verify = |token: &'static str| {
        post(&server, "/verify", json!({"type": "sms", "phone": "+491511234567", "token": token}))
    };
    verify("654321").expect_error(403, "otp_expired").await;
    let ada = session(&verify("123456").send().await);
    assert_eq!(claims(&ada.access)["phone"], "491511234567");
    let by_password = json!({"phone": "+491511234567", "password": PASSWORD});
    assert_eq!(post(&server, "/token?grant_type=password", by_password).send().await.status, 200);
    // Nobody sends messages to other numbers.
    post(&server, "/otp", json!({"phone": "+4915199"})).expect_error(400, "phone_provider_disabled").await;
}

#[tokio::test]
async fn what_is_no_verification_is_refused() {
    let server = start().await;
    let refuse = async |body: Value, message: &str| {
        let answer = post(&server, "/verify", body.clone()).expect_error(400, "validation_failed").await;
        assert_eq!(answer.json()["message"], message, "{body}");
    };
    refuse(json!({}), "Verify requires a verification type").await;
    refuse(json!({"type": "email"}), "Verify requires either a token or a token hash").await;
    let both = json!({"type": "email", "token": "1", "token_hash": "2"});
    refuse(both, "Verify requires either a token or a token hash").await;
    let neither = json!({"type": "email", "token": "1"});
    refuse(neither, "Only an email address or phone number should be provided on verify").await;
    let hashed = json!({"type": "email", "token_hash": "1", "email": "ada@example.com"});
    refuse(hashed, "Only the token_hash and type should be provided").await;
    refuse(json!({"type": "carrier-pigeon", "token_hash": "1"}), "Unsupported verification type").await;
    let missing = ask(&server, Method::GET, "/verify?type=signup").send().await;
    assert_eq!(missing.status, 400);
    let resend = post(&server, "/resend", json!({"type": "signup", "email": "nobody@example.com"}));
    resend.expect(200, json!({})).await;
    post(&server, "/otp", json!({"email": "new@example.com", "create_user": false}))
        .expect_error(422, "otp_disabled")
        .await;
}
