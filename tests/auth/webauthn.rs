//! Security keys as second factors.

use basalt_tests::{Answer, Server};
use serde_json::{Value, json};

use crate::authenticator::SecurityKey;
use crate::factors::{challenge, refused};
use crate::world::{PASSWORD, Session, claims, post, session, sign_in, sign_up, start};

/// The application at its default address, as browsers see it.
const ORIGIN: &str = "http://localhost:3000";

async fn enrol(server: &Server, by: &Session, name: &str) -> String {
    let body = json!({"factor_type": "webauthn", "friendly_name": name});
    let enrolled = post(server, "/factors", body).token(&by.access).send().await.json();
    assert_eq!((&enrolled["type"], &enrolled["friendly_name"]), (&json!("webauthn"), &json!(name)));
    enrolled["id"].as_str().expect("an id").to_owned()
}

async fn finish(server: &Server, by: &Session, factor: &str, asked: &Value, of: &str, response: Value) -> Answer {
    let webauthn = json!({"rpId": "localhost", "rpOrigins": [ORIGIN], "type": of, "credential_response": response});
    let body = json!({"challenge_id": asked["id"], "webauthn": webauthn});
    post(server, &format!("/factors/{factor}/verify"), body).token(&by.access).send().await
}

/// A user with a verified key.
async fn secured(server: &Server, email: &str) -> (Session, String, SecurityKey) {
    let first = sign_up(server, email).await;
    let factor = enrol(server, &first, "key").await;
    let asked = challenge(server, &first, &factor).await.json();
    assert_eq!((&asked["type"], &asked["webauthn"]["type"]), (&json!("webauthn"), &json!("create")));
    let options = &asked["webauthn"]["credential_options"]["publicKey"];
    assert_eq!((&options["rp"]["id"], &options["user"]["name"]), (&json!("localhost"), &json!(email)));
    let (key, made) = SecurityKey::make(options, ORIGIN);
    let second = session(&finish(server, &first, &factor, &asked, "create", made).await);
    (second, factor, key)
}

#[tokio::test]
async fn a_key_raises_a_session_to_aal2() {
    let server = start().await;
    let (second, factor, mut key) = secured(&server, "ada@example.com").await;
    assert_eq!(claims(&second.access)["aal"], "aal2");
    let fresh = session(&sign_in(&server, "ada@example.com", PASSWORD).await);
    let asked = challenge(&server, &fresh, &factor).await.json();
    assert_eq!(asked["webauthn"]["type"], "request");
    let options = &asked["webauthn"]["credential_options"]["publicKey"];
    assert_eq!(options["rpId"], "localhost");
    let signed = key.sign(options);
    assert_eq!(options["allowCredentials"][0]["id"], signed["id"]);
    let raised = session(&finish(&server, &fresh, &factor, &asked, "request", signed).await);
    let token = claims(&raised.access);
    assert_eq!((&token["aal"], &token["session_id"]), (&json!("aal2"), &claims(&fresh.access)["session_id"]));
    let methods: Vec<&str> = token["amr"].as_array().unwrap().iter().filter_map(|m| m["method"].as_str()).collect();
    assert_eq!(methods, ["mfa/webauthn", "password"]);
}

#[tokio::test]
async fn what_another_key_or_page_signed_is_refused() {
    let server = start().await;
    let (second, factor, mut key) = secured(&server, "ada@example.com").await;
    let refusal = |answer: Answer| refused(&answer, 422, "mfa_verification_failed");
    let ask = || async { challenge(&server, &second, &factor).await.json() };
    let options = |asked: &Value| asked["webauthn"]["credential_options"]["publicKey"].clone();

    let asked = ask().await;
    let mut elsewhere = key.clone();
    elsewhere.origin = "http://localhost:3001".into();
    refusal(finish(&server, &second, &factor, &asked, "request", elsewhere.sign(&options(&asked))).await);
    // What was answered badly is answered no more.
    let again = finish(&server, &second, &factor, &asked, "request", key.sign(&options(&asked))).await;
    refused(&again, 422, "mfa_factor_not_found");

    let asked = ask().await;
    let (_, _, mut other) = secured(&server, "eve@example.com").await;
    refusal(finish(&server, &second, &factor, &asked, "request", other.sign(&options(&asked))).await);
    let asked = ask().await;
    refusal(finish(&server, &second, &factor, &asked, "request", json!(null)).await);
    let asked = ask().await;
    let new = json!({"rp": {"id": "localhost"}, "user": {"id": ""}, "challenge": options(&asked)["challenge"]});
    let (_, made) = SecurityKey::make(&new, ORIGIN);
    refusal(finish(&server, &second, &factor, &asked, "create", made).await);

    let asked = ask().await;
    let mut copy = key.clone();
    session(&finish(&server, &second, &factor, &asked, "request", key.sign(&options(&asked))).await);
    let asked = ask().await;
    refusal(finish(&server, &second, &factor, &asked, "request", copy.sign(&options(&asked))).await);
}
