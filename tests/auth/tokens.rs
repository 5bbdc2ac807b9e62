//! Forged tokens: none is taken, here or by the REST API.

use basalt_server::keys::{DEVELOPMENT_SECRET, sign};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as BASE64;
use reqwest::Method;
use serde_json::{Value, json};

use crate::stand_in::StandIn;
use crate::world::{PASSWORD, ask, claims, get, post, session, sign_up, start, start_with};

/// Where the API was before.
const ADDRESS: &str = "https://before.example/auth/v1";

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

/// A session is always a new one: nobody who was handed an old one gets in with its user.
#[tokio::test]
async fn a_sign_in_goes_on_with_no_session_of_before() {
    let server = start().await;
    let eve = sign_up(&server, "eve@example.com").await;
    sign_up(&server, "ada@example.com").await;
    let body = json!({"email": "ada@example.com", "password": PASSWORD, "session_id": claims(&eve.access)["session_id"],
        "refresh_token": eve.refresh});
    let answer = post(&server, "/token?grant_type=password", body)
        .token(&eve.access)
        .header("cookie", &format!("sb-access-token={}; sb-refresh-token={}", eve.access, eve.refresh))
        .send()
        .await;
    let ada = session(&answer);
    assert_ne!(claims(&ada.access)["session_id"], claims(&eve.access)["session_id"]);
    assert_ne!(ada.refresh, eve.refresh);
    assert_eq!(get(&server, "/user").token(&eve.access).send().await.json()["email"], "eve@example.com");
}

/// Nothing is done by a cookie, so that no other site can have it done.
#[tokio::test]
async fn cookies_are_neither_set_nor_taken() {
    let server = start().await;
    let answer = post(&server, "/signup", json!({"email": "ada@example.com", "password": PASSWORD})).send().await;
    assert!(answer.headers.get("set-cookie").is_none());
    let ada = session(&answer);
    let cookie = format!("sb-access-token={0}; access_token={0}; Authorization=Bearer {0}", ada.access);
    for (method, path) in
        [(Method::GET, "/user"), (Method::PUT, "/user"), (Method::POST, "/logout"), (Method::POST, "/factors")]
    {
        let asked = ask(&server, method, path).header("cookie", &cookie).json(&json!({"factor_type": "totp"}));
        let refused = asked.expect_error(401, "no_authorization").await;
        assert!(refused.headers.get("set-cookie").is_none(), "{path}");
    }
    assert_eq!(server.get("/notes").header("cookie", &cookie).send().await.json(), json!([]));
    assert_eq!(get(&server, "/user").token(&ada.access).send().await.status, 200);
}

/// Claims of one's own over HTTP: asked for at each token, signed; what verification needs stays.
#[tokio::test]
async fn a_hook_over_http_changes_claims() {
    let kept = json!({"sub": "22222222-2222-4222-8222-222222222222", "aud": "authenticated", "exp": 4_102_444_800_u64, "iat": 1, "role": "authenticated",
        "aal": "aal1", "session_id": "33333333-3333-4333-8333-333333333333", "is_anonymous": false, "plan": "gold"});
    let mut short = kept.clone();
    short.as_object_mut().unwrap().remove("session_id");
    let hook = StandIn::start(&[
        ("/claims", json!({ "claims": kept }).to_string()),
        ("/short", json!({ "claims": short }).to_string()),
        ("/no", json!({"error": {"http_code": 403, "message": "not today"}}).to_string()),
    ])
    .await;
    let secret = "v1,whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";
    for (path, status, message) in
        [("/claims", 200, ""), ("/short", 500, "output claims do not conform"), ("/no", 403, "not today")]
    {
        let server = start_with(|config| {
            let own = &mut config.auth.hook.custom_access_token;
            own.enabled = true;
            own.uri = format!("{}{path}", hook.url);
            own.secrets = secret.into();
            config.outbound.allow = vec!["127.0.0.1".into()];
        })
        .await;
        let answer = post(&server, "/signup", json!({"email": "ada@example.com", "password": PASSWORD})).send().await;
        assert_eq!(answer.status, status, "{path}: {}", answer.body);
        match status {
            200 => assert_eq!(claims(&session(&answer).access)["plan"], "gold"),
            _ => assert!(answer.json()["message"].as_str().unwrap().contains(message), "{}", answer.body),
        }
    }
    let asked = hook.asked().remove(0);
    let (head, body) = asked.split_once("\r\n\r\n").unwrap();
    let event: Value = serde_json::from_str(body).unwrap();
    assert_eq!(
        (&event["authentication_method"], &event["claims"]["email"]),
        (&json!("password"), &json!("ada@example.com"))
    );
    assert!(head.to_ascii_lowercase().contains("webhook-signature: v1,"), "{head}");
}

/// Whoever writes the configuration may not know what else listens in the network: what is not public is named, or not asked.
#[tokio::test]
async fn what_is_not_public_is_asked_by_nobody() {
    let hook = StandIn::start(&[("/claims", json!({}).to_string())]).await;
    let server = start_with(|config| {
        let own = &mut config.auth.hook.custom_access_token;
        own.enabled = true;
        own.uri = format!("{}/claims", hook.url);
        own.secrets = "v1,whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=".into();
    })
    .await;
    let answer = post(&server, "/signup", json!({"email": "ada@example.com", "password": PASSWORD})).send().await;
    assert_eq!((answer.status, &answer.json()["code"]), (500, &json!("unexpected_failure")), "{}", answer.body);
    assert!(hook.asked().is_empty());
    // Nothing of the sign-up stands: she can come again.
    let listed = get(&server, "/admin/users").service().send().await.json();
    assert_eq!(listed["users"], json!([]));
}

/// Whoever shares a secret with others takes their users for nobody's; where one API has several addresses, they are named.
#[tokio::test]
async fn a_user_s_token_of_another_issuer_is_refused() {
    let server = start_with(|config| config.auth.additional_issuers = vec![ADDRESS.into()]).await;
    let ada = sign_up(&server, "ada@example.com").await;
    let of = |issuer: Value| {
        let mut claims = claims(&ada.access);
        claims["iss"] = issuer;
        sign(DEVELOPMENT_SECRET, &claims)
    };
    for issuer in [json!("https://evil.example/auth/v1"), json!(""), json!(7), json!([ADDRESS])] {
        let token = of(issuer.clone());
        for (method, path) in [(Method::GET, "/user"), (Method::PUT, "/user"), (Method::POST, "/logout")] {
            ask(&server, method, path).token(&token).json(&json!({})).expect_error(403, "bad_jwt").await;
        }
        assert_eq!(server.get("/notes").token(&token).send().await.status, 200, "{issuer}");
    }
    // A server without a public address does not know the other nodes' addresses.
    let node = json!("http://10.0.0.2:54321/auth/v1");
    for issuer in [json!(ADDRESS), json!(null), claims(&ada.access)["iss"].clone(), node.clone()] {
        assert_eq!(get(&server, "/user").token(&of(issuer.clone())).send().await.status, 200, "{issuer}");
    }
    let server = start_with(|config| config.server.public_url = "https://api.example".into()).await;
    let ada = sign_up(&server, "ada@example.com").await;
    assert_eq!(get(&server, "/user").token(&ada.access).send().await.status, 200);
    let mut of_node = claims(&ada.access);
    of_node["iss"] = node;
    get(&server, "/user").token(&sign(DEVELOPMENT_SECRET, &of_node)).expect_error(403, "bad_jwt").await;
}

#[tokio::test]
async fn an_api_key_stands_in_for_a_missing_authorization() {
    let keys = basalt_server::keys::Keys::development();
    let server = start_with(|config| config.auth.secret_key = "sb_secret_0123456789_0123456789_01".into()).await;
    for key in [keys.service.as_str(), "sb_secret_0123456789_0123456789_01"] {
        let listed = get(&server, "/admin/users").header("apikey", key).send().await;
        assert_eq!(listed.status, 200, "{key}: {}", listed.body);
    }
    get(&server, "/admin/users").header("apikey", &keys.anon).expect_error(403, "not_admin").await;
    get(&server, "/user").header("apikey", &keys.anon).expect_error(401, "no_authorization").await;
    // What is sent as the bearer counts, whatever it is.
    let ada = sign_up(&server, "ada@example.com").await;
    get(&server, "/admin/users")
        .header("apikey", &keys.service)
        .token(&ada.access)
        .expect_error(403, "not_admin")
        .await;
    let basic = get(&server, "/admin/users").header("apikey", &keys.service).header("authorization", "Basic YTpi");
    basic.expect_error(401, "no_authorization").await;
    let server = start_with(|config| config.auth.apikey_header = false).await;
    get(&server, "/admin/users").header("apikey", &keys.service).expect_error(401, "no_authorization").await;
}

#[tokio::test]
async fn a_sign_up_may_name_its_audience() {
    let server = start_with(|config| config.auth.enable_anonymous_sign_ins = true).await;
    for body in [json!({"email": "ada@example.com", "password": PASSWORD}), json!({})] {
        let sign_up = |audience: &str| post(&server, "/signup", body.clone()).header("x-jwt-aud", audience);
        sign_up(&"x".repeat(256)).expect_error(400, "validation_failed").await;
        let ada = session(&sign_up("shop").send().await);
        assert_eq!(claims(&ada.access)["aud"], "shop");
        get(&server, "/user").token(&ada.access).expect_error(400, "validation_failed").await;
        let user = get(&server, "/user").token(&ada.access).header("x-jwt-aud", "shop").send().await;
        assert_eq!((user.status, &user.json()["aud"]), (200, &json!("shop")));
    }
}
