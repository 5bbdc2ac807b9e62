//! Forged tokens: none is taken, here or by the REST API.

use basalt_server::keys::{DEVELOPMENT_SECRET, sign};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as BASE64;
use serde_json::{Value, json};

use crate::world::{claims, get, sign_up, start};

fn forged(header: &str, claims: &Value, signature: &str) -> String {
    format!("{}.{}.{signature}", BASE64.encode(header), BASE64.encode(claims.to_string()))
}

#[tokio::test]
async fn a_forged_token_is_nobodys() {
    let server = start().await;
    let ada = sign_up(&server, "ada@example.com").await;
    let real = claims(&ada.access);
    let changed = |name: &str, value: Value| {
        let mut claims = real.clone();
        claims[name] = value;
        claims
    };
    let parts: Vec<&str> = ada.access.split('.').collect();
    let admin = changed("role", json!("service_role"));
    for (what, token) in [
        ("alg none", forged(r#"{"alg":"none","typ":"JWT"}"#, &admin, "")),
        ("alg None", forged(r#"{"alg":"None"}"#, &admin, "")),
        ("another's signature", format!("{}.{}.{}", parts[0], BASE64.encode(admin.to_string()), parts[2])),
        ("another secret", sign("another-secret-of-at-least-32-bytes-in-all", &admin)),
        ("RS256 by the secret", forged(r#"{"alg":"RS256","typ":"JWT"}"#, &admin, parts[2])),
        ("expired", sign(DEVELOPMENT_SECRET, &changed("exp", json!(1_000_000_000)))),
        ("not yet", sign(DEVELOPMENT_SECRET, &changed("nbf", json!(4_000_000_000_u64)))),
        ("two parts", parts[..2].join(".")),
        ("nothing", "x".into()),
    ] {
        let refused = get(&server, "/user").token(&token).send().await;
        assert_eq!((refused.status, &refused.json()["code"]), (403, &json!("bad_jwt")), "{what}: {}", refused.body);
        let listed = get(&server, "/admin/users").token(&token).send().await;
        assert_eq!(listed.status, 403, "{what}");
        let read = server.get("/notes").token(&token).send().await;
        assert_eq!(read.status, 401, "{what}: {}", read.body);
    }
    let missing = get(&server, "/user").send().await;
    assert_eq!((missing.status, &missing.json()["code"]), (401, &json!("no_authorization")));
    let basic = get(&server, "/user").header("authorization", "Basic YTpi").send().await;
    assert_eq!(basic.json()["code"], "no_authorization");
}

#[tokio::test]
async fn a_real_token_of_nobody_is_refused_by_name() {
    let server = start().await;
    let ada = sign_up(&server, "ada@example.com").await;
    let with = |name: &str, value: Value| {
        let mut claims = claims(&ada.access);
        claims[name] = value;
        sign(DEVELOPMENT_SECRET, &claims)
    };
    let refuse = async |token: String, status: u16, code: &str| {
        get(&server, "/user").token(&token).expect_error(status, code).await;
    };
    refuse(with("sub", json!("")), 403, "bad_jwt").await;
    refuse(with("sub", json!("x' or '1'='1")), 403, "bad_jwt").await;
    refuse(with("sub", json!(uuid::Uuid::new_v4())), 403, "user_not_found").await;
    refuse(with("session_id", json!(uuid::Uuid::new_v4())), 403, "session_not_found").await;
    refuse(with("aud", json!("another")), 400, "validation_failed").await;
    // Another user's session does not carry this one.
    let grace = sign_up(&server, "grace@example.com").await;
    refuse(with("session_id", claims(&grace.access)["session_id"].clone()), 403, "session_not_found").await;
}

#[tokio::test]
async fn an_anon_key_is_no_user_and_no_administrator() {
    let server = start().await;
    let anon = basalt_server::keys::Keys::development().anon;
    get(&server, "/user").token(&anon).expect_error(403, "bad_jwt").await;
    get(&server, "/admin/users").token(&anon).expect_error(403, "not_admin").await;
    let ada = sign_up(&server, "ada@example.com").await;
    get(&server, "/admin/users").token(&ada.access).expect_error(403, "not_admin").await;
}
