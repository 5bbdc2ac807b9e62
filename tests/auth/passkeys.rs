//! Passkeys: registration, sign-in, and what does not pass for one.

use basalt_tests::{Answer, Server};
use reqwest::Method;
use serde_json::{Value, json};

use crate::authenticator::SecurityKey;
use crate::factors::{refused, secured};
use crate::world::{PASSWORD, Session, ask, claims, get, post, session, sign_in, sign_up, start, start_with};

const ORIGIN: &str = "https://shop.example.com";

async fn server() -> Server {
    start_with(|config| {
        config.auth.site_url = format!("{ORIGIN}/");
        config.auth.passkey.enabled = true;
        config.auth.enable_anonymous_sign_ins = true;
    })
    .await
}

async fn registration(server: &Server, by: &Session) -> Answer {
    post(server, "/passkeys/registration/options", json!({})).token(&by.access).send().await
}

async fn finish_registration(server: &Server, by: &Session, asked: &Value, credential: Value) -> Answer {
    let body = json!({"challenge_id": asked["challenge_id"], "credential": credential});
    post(server, "/passkeys/registration/verify", body).token(&by.access).send().await
}

/// Registers a new passkey; gives it and its id.
async fn register(server: &Server, by: &Session) -> (SecurityKey, String) {
    let asked = registration(server, by).await.json();
    let (key, credential) = SecurityKey::make(&asked["options"], ORIGIN);
    let made = finish_registration(server, by, &asked, credential).await;
    assert_eq!(made.status, 200, "{}", made.body);
    (key, made.json()["id"].as_str().expect("an id").to_owned())
}

async fn authentication(server: &Server) -> Value {
    post(server, "/passkeys/authentication/options", json!({})).send().await.json()
}

async fn finish(server: &Server, asked: &Value, credential: &Value) -> Answer {
    let body = json!({"challenge_id": asked["challenge_id"], "credential": credential});
    post(server, "/passkeys/authentication/verify", body).send().await
}

async fn sign_in_by(server: &Server, key: &mut SecurityKey) -> Answer {
    let asked = authentication(server).await;
    let signed = key.sign(&asked["options"]);
    finish(server, &asked, &signed).await
}

#[tokio::test]
async fn a_passkey_signs_its_user_in() {
    let server = server().await;
    let ada = sign_up(&server, "ada@example.com").await;
    let asked = registration(&server, &ada).await.json();
    let options = &asked["options"];
    assert_eq!(options["rp"], json!({"name": "shop.example.com", "id": "shop.example.com"}));
    assert_eq!((&options["user"]["name"], &options["attestation"]), (&json!("ada@example.com"), &json!("none")));
    let selection = &options["authenticatorSelection"];
    assert_eq!((&selection["residentKey"], &selection["userVerification"]), (&json!("required"), &json!("required")));
    assert!(asked["expires_at"].is_u64());

    let (mut key, id) = register(&server, &ada).await;
    let asked = authentication(&server).await;
    assert_eq!(
        (&asked["options"]["rpId"], &asked["options"]["userVerification"]),
        (&json!("shop.example.com"), &json!("required"))
    );
    let signed = key.sign(&asked["options"]);
    let signed_in = session(&finish(&server, &asked, &signed).await);
    let token = claims(&signed_in.access);
    assert_eq!(
        (&token["sub"], &token["aal"], &token["amr"][0]["method"]),
        (&json!(ada.user), &json!("aal1"), &json!("passkey"))
    );
    assert_ne!(token["session_id"], claims(&ada.access)["session_id"]);

    let listed = get(&server, "/passkeys").token(&ada.access).send().await.json();
    assert_eq!((listed.as_array().unwrap().len(), &listed[0]["id"]), (1, &json!(id)));
    assert!(listed[0]["last_used_at"].is_string() && listed[0].get("credential").is_none(), "{listed}");
    // A second one is asked for while the first is excluded.
    let asked = registration(&server, &ada).await.json();
    assert_eq!(asked["options"]["excludeCredentials"][0]["id"], signed["id"]);
}

#[tokio::test]
async fn a_challenge_is_good_once_and_for_five_minutes() {
    let server = server().await;
    let ada = sign_up(&server, "ada@example.com").await;
    let (mut key, _) = register(&server, &ada).await;
    let asked = authentication(&server).await;
    let signed = key.sign(&asked["options"]);
    session(&finish(&server, &asked, &signed).await);
    refused(&finish(&server, &asked, &signed).await, 400, "webauthn_challenge_not_found");
    // A bad answer uses it up too.
    let asked = authentication(&server).await;
    refused(&finish(&server, &asked, &json!({"id": signed["id"]})).await, 400, "webauthn_verification_failed");
    refused(&finish(&server, &asked, &key.sign(&asked["options"])).await, 400, "webauthn_challenge_not_found");
    // What was signed for one challenge answers no other.
    let (one, other) = (authentication(&server).await, authentication(&server).await);
    refused(&finish(&server, &other, &key.sign(&one["options"])).await, 400, "webauthn_verification_failed");
    let asked = authentication(&server).await;
    server.script("update auth.webauthn_challenges set expires_at = expires_at - interval '301 seconds';").await;
    refused(&finish(&server, &asked, &key.sign(&asked["options"])).await, 400, "webauthn_challenge_expired");
    refused(&finish(&server, &json!({"challenge_id": "x"}), &json!({})).await, 400, "validation_failed");
    // One for registration signs nobody in, nor is it anybody else's.
    let asked = registration(&server, &ada).await.json();
    refused(&finish(&server, &asked, &json!({})).await, 400, "webauthn_challenge_not_found");
    let eve = sign_up(&server, "eve@example.com").await;
    let (_, credential) = SecurityKey::make(&asked["options"], ORIGIN);
    refused(&finish_registration(&server, &eve, &asked, credential).await, 400, "webauthn_challenge_not_found");
}

#[tokio::test]
async fn what_is_forged_does_not_sign_in() {
    let server = server().await;
    let ada = sign_up(&server, "ada@example.com").await;
    let (mut key, _) = register(&server, &ada).await;
    let attempt = |change: fn(&mut SecurityKey)| {
        let (server, mut key) = (&server, key.clone());
        async move {
            change(&mut key);
            sign_in_by(server, &mut key).await
        }
    };
    let refusal = "webauthn_verification_failed";
    refused(&attempt(|key| key.origin = "https://shop.example.com.evil.example".into()).await, 400, refusal);
    refused(&attempt(|key| key.origin = "http://shop.example.com".into()).await, 400, refusal);
    refused(&attempt(|key| key.verifies = false).await, 400, refusal);
    let (other, _) = register(&server, &sign_up(&server, "eve@example.com").await).await;
    // Eve's signature under Ada's name for a credential.
    let asked = authentication(&server).await;
    let mut signed = other.clone().sign(&asked["options"]);
    signed["id"] = key.sign(&asked["options"])["id"].clone();
    signed["rawId"] = signed["id"].clone();
    refused(&finish(&server, &asked, &signed).await, 400, refusal);
    // Her credential with Ada's handle.
    let asked = authentication(&server).await;
    let mut signed = other.clone().sign(&asked["options"]);
    signed["response"]["userHandle"] = key.sign(&asked["options"])["response"]["userHandle"].clone();
    refused(&finish(&server, &asked, &signed).await, 400, refusal);
    // One that was never registered.
    let (mut unknown, _) = SecurityKey::make(&registration(&server, &ada).await.json()["options"], ORIGIN);
    refused(&sign_in_by(&server, &mut unknown).await, 400, "webauthn_credential_not_found");
    session(&sign_in_by(&server, &mut key).await);
}

#[tokio::test]
async fn a_copied_key_is_noticed_by_its_counter() {
    let server = server().await;
    let ada = sign_up(&server, "ada@example.com").await;
    let (mut key, _) = register(&server, &ada).await;
    let mut copy = key.clone();
    session(&sign_in_by(&server, &mut key).await);
    refused(&sign_in_by(&server, &mut copy).await, 400, "webauthn_verification_failed");
    session(&sign_in_by(&server, &mut key).await);
    // A key that doesn't count stays at zero.
    let asked = registration(&server, &ada).await.json();
    let (mut silent, _) = SecurityKey::make(&asked["options"], ORIGIN);
    silent.counter = 0;
    let credential = silent.register(&asked["options"]);
    assert_eq!(finish_registration(&server, &ada, &asked, credential).await.status, 200);
    session(&sign_in_by(&server, &mut silent).await);
    session(&sign_in_by(&server, &mut silent).await);
}

#[tokio::test]
async fn registration_has_its_rules() {
    let server = server().await;
    let ada = sign_up(&server, "ada@example.com").await;
    let eve = sign_up(&server, "eve@example.com").await;
    let (mut key, _) = register(&server, &ada).await;
    // Neither an origin that isn't the application's nor a key that verifies nobody.
    let changes: [fn(&mut SecurityKey); 2] =
        [|key| key.origin = "https://evil.example".into(), |key| key.verifies = false];
    for change in changes {
        let asked = registration(&server, &eve).await.json();
        let (mut made, _) = SecurityKey::make(&asked["options"], ORIGIN);
        change(&mut made);
        let credential = made.register(&asked["options"]);
        refused(&finish_registration(&server, &eve, &asked, credential).await, 400, "webauthn_verification_failed");
    }
    // A credential belongs to one user.
    let asked = registration(&server, &eve).await.json();
    let credential = key.register(&asked["options"]);
    refused(&finish_registration(&server, &eve, &asked, credential).await, 422, "webauthn_credential_exists");
    let anonymous = session(&post(&server, "/signup", json!({})).send().await);
    refused(&registration(&server, &anonymous).await, 403, "no_authorization");
    // With a second factor, a passkey is added at aal2 only.
    let (second, _, _) = secured(&server, "grace@example.com").await;
    let fresh = session(&sign_in(&server, "grace@example.com", PASSWORD).await);
    refused(&registration(&server, &fresh).await, 403, "insufficient_aal");
    assert_eq!(registration(&server, &second).await.status, 200);
}

#[tokio::test]
async fn passkeys_are_named_counted_and_deleted() {
    let server = start_with(|config| {
        config.auth.site_url = ORIGIN.into();
        config.auth.passkey.enabled = true;
        config.auth.passkey.max_passkeys = 1;
    })
    .await;
    let ada = sign_up(&server, "ada@example.com").await;
    let eve = sign_up(&server, "eve@example.com").await;
    let (mut key, id) = register(&server, &ada).await;
    refused(&registration(&server, &ada).await, 422, "too_many_passkeys");
    let path = format!("/passkeys/{id}");
    let rename = |by: &Session, name: &str| {
        ask(&server, Method::PATCH, &path).json(&json!({ "friendly_name": name })).token(&by.access)
    };
    let named = rename(&ada, " Laptop ").send().await;
    assert_eq!((named.status, &named.json()["friendly_name"]), (200, &json!("Laptop")));
    refused(&rename(&ada, "").send().await, 400, "validation_failed");
    refused(&rename(&ada, &"a".repeat(121)).send().await, 400, "validation_failed");
    refused(&rename(&eve, "mine").send().await, 404, "webauthn_credential_not_found");
    let delete = |by: &Session| ask(&server, Method::DELETE, &path).token(&by.access);
    refused(&delete(&eve).send().await, 404, "webauthn_credential_not_found");
    assert_eq!(delete(&ada).send().await.status, 200);
    refused(&sign_in_by(&server, &mut key).await, 400, "webauthn_credential_not_found");

    let (_, id) = register(&server, &ada).await;
    let path = format!("/admin/users/{}/passkeys", ada.user);
    get(&server, &path).token(&ada.access).expect_error(403, "not_admin").await;
    assert_eq!(get(&server, &path).service().send().await.json()[0]["id"], id);
    assert_eq!(ask(&server, Method::DELETE, &format!("{path}/{id}")).service().send().await.status, 200);
    get(&server, &path).service().expect(200, json!([])).await;
}

#[tokio::test]
async fn the_banned_and_the_deleted_stay_out() {
    let server = server().await;
    let ada = sign_up(&server, "ada@example.com").await;
    let (mut key, _) = register(&server, &ada).await;
    let user = format!("/admin/users/{}", ada.user);
    let ban = ask(&server, Method::PUT, &user).json(&json!({"ban_duration": "1h"})).service().send().await;
    assert_eq!(ban.status, 200, "{}", ban.body);
    refused(&sign_in_by(&server, &mut key).await, 400, "user_banned");
    let gone = ask(&server, Method::DELETE, &user).json(&json!({"should_soft_delete": true})).service().send().await;
    assert_eq!(gone.status, 200, "{}", gone.body);
    refused(&sign_in_by(&server, &mut key).await, 400, "webauthn_credential_not_found");
}

#[tokio::test]
async fn passkeys_are_off_unless_turned_on() {
    let server = start().await;
    let ada = sign_up(&server, "ada@example.com").await;
    refused(&registration(&server, &ada).await, 404, "passkey_disabled");
    refused(&post(&server, "/passkeys/authentication/options", json!({})).send().await, 404, "passkey_disabled");
    refused(&get(&server, "/passkeys").token(&ada.access).send().await, 404, "passkey_disabled");
}

#[tokio::test]
async fn requests_for_a_passkey_meet_their_limit() {
    let server = start_with(|config| {
        config.auth.passkey.enabled = true;
        config.auth.rate_limit.sign_in_sign_ups = 3;
    })
    .await;
    for _ in 0..3 {
        assert_eq!(post(&server, "/passkeys/authentication/options", json!({})).send().await.status, 200);
    }
    let held = post(&server, "/passkeys/authentication/options", json!({})).send().await;
    refused(&held, 429, "over_request_rate_limit");
}
