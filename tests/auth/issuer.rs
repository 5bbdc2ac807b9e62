//! The project as an OAuth and OpenID provider for its own services.

use basalt_tests::{Answer, Server};
use reqwest::Method;
use serde_json::{Value, json};

use crate::world::{Session, ask, base64_url, claims, get, parameter, post, refresh, sign_up, start, start_with};

/// The pair of RFC 7636, appendix B.
pub const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
pub const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
pub const BACK: &str = "https://service.example/back";

pub struct World {
    pub server: Server,
    pub ada: Session,
    pub client: Value,
    _folder: tempfile::TempDir,
}

/// A provider with one user and one registered service.
pub async fn world() -> World {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("keys.json");
    std::fs::write(&path, json!([basalt_auth::keys::generate()]).to_string()).expect("a file");
    let server = start_with(|config| {
        config.auth.signing_keys_path = path;
        config.auth.oauth_server.enabled = true;
        config.auth.site_url = "https://shop.example".into();
    })
    .await;
    let body = json!({"client_name": "Reports", "redirect_uris": [BACK]});
    let made = ask(&server, Method::POST, "/admin/oauth/clients").service().json(&body).send().await;
    assert_eq!(made.status, 201, "{}", made.body);
    let ada = sign_up(&server, "ada@example.com").await;
    World { client: made.json(), server, ada, _folder: folder }
}

impl World {
    pub fn id(&self) -> &str {
        self.client["client_id"].as_str().unwrap()
    }

    /// What a service sends a browser to.
    pub async fn authorize(&self, change: &[(&str, &str)]) -> Answer {
        let mut pairs = vec![
            ("client_id", self.id()),
            ("redirect_uri", BACK),
            ("response_type", "code"),
            ("scope", "openid email"),
            ("state", "s t"),
            ("nonce", "n1"),
            ("code_challenge", CHALLENGE),
            ("code_challenge_method", "S256"),
        ];
        for (name, value) in change {
            pairs.retain(|(known, _)| known != name);
            pairs.push((*name, *value));
        }
        let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
        self.server.raw(Method::GET, &format!("/auth/v1/oauth/authorize?{query}")).send().await
    }

    /// The id that the page of consent is given.
    pub async fn asked(&self) -> String {
        self.asked_for("openid email").await
    }

    /// The same for these scopes.
    pub async fn asked_for(&self, scopes: &str) -> String {
        let page = self.authorize(&[("scope", scopes)]).await;
        let to = page.header("location").to_owned();
        assert!(page.status == 302 && to.starts_with("https://shop.example/oauth/consent?authorization_id="), "{to}");
        parameter(&to, "authorization_id").unwrap()
    }

    pub async fn decide(&self, id: &str, action: &str) -> String {
        let path = format!("/oauth/authorizations/{id}/consent");
        let answer = post(&self.server, &path, json!({ "action": action })).token(&self.ada.access).send().await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.json()["redirect_url"].as_str().unwrap().to_owned()
    }

    pub async fn code(&self) -> String {
        let to = self.decide(&self.asked().await, "approve").await;
        parameter(&to, "code").unwrap()
    }

    pub async fn token(&self, pairs: &[(&str, &str)]) -> Answer {
        let form = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
        let asked = self.server.raw(Method::POST, "/auth/v1/oauth/token");
        asked.header("content-type", "application/x-www-form-urlencoded").body(form).send().await
    }

    pub fn credentials(&self) -> [(&'static str, String); 2] {
        let secret = self.client["client_secret"].as_str().unwrap().to_owned();
        [("client_id", self.id().to_owned()), ("client_secret", secret)]
    }

    pub async fn exchange(&self, code: &str, verifier: &str, redirect: &str) -> Answer {
        let [id, secret] = self.credentials();
        self.token(&[
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", redirect),
            ("code_verifier", verifier),
            (id.0, &id.1),
            (secret.0, &secret.1),
        ])
        .await
    }

    pub async fn introspect(&self, token: &str) -> Value {
        let [id, secret] = self.credentials();
        let pairs = [("token", token), (id.0, &id.1), (secret.0, &secret.1)];
        let form = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
        let asked = self.server.raw(Method::POST, "/auth/v1/oauth/introspect");
        let asked = asked.header("content-type", "application/x-www-form-urlencoded").body(form);
        asked.send().await.json()
    }
}

#[tokio::test]
async fn a_service_signs_a_user_in() {
    let world = world().await;
    let id = world.asked().await;
    let details =
        get(&world.server, &format!("/oauth/authorizations/{id}")).token(&world.ada.access).send().await.json();
    assert_eq!((&details["client"]["name"], &details["scope"]), (&json!("Reports"), &json!("openid email")));
    assert_eq!(details["user"], json!({"id": world.ada.user, "email": "ada@example.com"}));
    let to = world.decide(&id, "approve").await;
    assert!(to.starts_with("https://service.example/back?code=") && to.contains("&state=s+t&iss="), "{to}");
    let answer = world.exchange(&parameter(&to, "code").unwrap(), VERIFIER, BACK).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let tokens = answer.json();
    let token = tokens["access_token"].as_str().unwrap();
    assert_eq!(
        (&claims(token)["client_id"], &claims(token)["sub"]),
        (&world.client["client_id"], &json!(world.ada.user))
    );

    // The ID token is verified by the published key, as any service would.
    let id_token = tokens["id_token"].as_str().unwrap();
    let told = claims(id_token);
    assert_eq!(
        (&told["aud"], &told["nonce"], &told["email"]),
        (&world.client["client_id"], &json!("n1"), &json!("ada@example.com"))
    );
    let discovery = get(&world.server, "/.well-known/openid-configuration").send().await.json();
    assert_eq!(
        (&told["iss"], discovery["jwks_uri"].as_str().unwrap().ends_with("/.well-known/jwks.json")),
        (&discovery["issuer"], true)
    );
    let header: Value = serde_json::from_slice(&base64_url(id_token.split('.').next().unwrap())).unwrap();
    let keys = get(&world.server, "/.well-known/jwks.json").send().await.json();
    assert_eq!(header["kid"], keys["keys"][0]["kid"]);

    // An address that was only typed in is not verified, though its user may sign in with it; one that somebody proved is.
    assert_eq!(told["email_verified"], false);
    for verified in [false, true] {
        let info = get(&world.server, "/oauth/userinfo").token(token).send().await.json();
        assert_eq!(info, json!({"sub": world.ada.user, "email": "ada@example.com", "email_verified": verified}));
        let path = format!("/admin/users/{}", world.ada.user);
        let confirm = ask(&world.server, Method::PUT, &path).service().json(&json!({"email_confirm": true}));
        assert_eq!(confirm.send().await.status, 200);
    }
    // It reads as the user, within the user's policies, but does not manage the account.
    world.server.get("/notes").token(token).expect(200, json!([])).await;
    let manage = crate::world::put(&world.server, "/user", json!({"password": "taken-over-1"})).token(token);
    manage.expect_error(403, "no_authorization").await;
    // The user is not asked twice for the same.
    let again = world.asked().await;
    let at_once = get(&world.server, &format!("/oauth/authorizations/{again}")).token(&world.ada.access).send().await;
    assert!(at_once.json()["redirect_url"].as_str().unwrap().contains("code="), "{}", at_once.body);
}

#[tokio::test]
async fn a_code_is_good_once_for_one_client_one_address_and_one_verifier() {
    let world = world().await;
    let code = world.code().await;
    assert_eq!(world.exchange(&code, VERIFIER, BACK).await.status, 200);
    for (what, answer) in [
        ("again", world.exchange(&code, VERIFIER, BACK).await),
        ("another verifier", world.exchange(&world.code().await, &VERIFIER.replace('d', "e"), BACK).await),
        ("another address", world.exchange(&world.code().await, VERIFIER, "https://service.example/other").await),
        ("a guess", world.exchange("0", VERIFIER, BACK).await),
    ] {
        assert_eq!((answer.status, &answer.json()["error"]), (400, &json!("invalid_grant")), "{what}: {}", answer.body);
    }
    // A code whose verifier was guessed at is gone.
    let code = world.code().await;
    world.exchange(&code, "guess", BACK).await;
    assert_eq!(world.exchange(&code, VERIFIER, BACK).await.json()["error"], "invalid_grant");
    let wrong =
        world.token(&[("grant_type", "authorization_code"), ("client_id", world.id()), ("client_secret", "x")]).await;
    assert_eq!((wrong.status, &wrong.json()["error"]), (400, &json!("invalid_client")));
    let both = ask(&world.server, Method::POST, "/oauth/token").header("authorization", "Basic bad").send().await;
    assert_eq!(both.json()["error"], "invalid_client");
}

#[tokio::test]
async fn a_client_is_one_account_however_its_id_is_written() {
    let world = world().await;
    let id = world.id();
    let written = [id.to_uppercase(), id.replace('-', ""), format!("{{{id}}}"), format!("urn:uuid:{id}")];
    let guess = async |id: &str| {
        let form = [("grant_type", "authorization_code"), ("client_id", id), ("client_secret", "x")];
        world.token(&form).await.status
    };
    for id in written.iter().cycle().take(10) {
        assert_eq!(guess(id).await, 400);
    }
    assert_eq!(guess(id).await, 429);
}

/// Whoever brings a code once more has it from somebody: what it gave may be in their hands (RFC 6749 section 4.1.2).
#[tokio::test]
async fn a_replayed_code_ends_what_it_gave() {
    let world = world().await;
    let code = world.code().await;
    let tokens = world.exchange(&code, VERIFIER, BACK).await.json();
    let (access, held) = (tokens["access_token"].as_str().unwrap(), tokens["refresh_token"].as_str().unwrap());
    assert_eq!(world.introspect(access).await["active"], true);
    let other = world.exchange(&world.code().await, VERIFIER, BACK).await.json();
    assert_eq!(world.exchange(&code, "guess", BACK).await.json()["error"], "invalid_grant");
    assert_eq!(world.introspect(access).await, json!({"active": false}));
    get(&world.server, "/oauth/userinfo").token(access).expect_error(403, "session_not_found").await;
    let [id, secret] = world.credentials();
    let pairs = [
        ("grant_type", "refresh_token"),
        ("refresh_token", held),
        (id.0, id.1.as_str()),
        (secret.0, secret.1.as_str()),
    ];
    assert_eq!(world.token(&pairs).await.json()["error"], "invalid_grant");
    // Nothing else ends: not what another code gave, and not the user's own session.
    assert_eq!(world.introspect(other["access_token"].as_str().unwrap()).await["active"], true);
    assert_eq!(get(&world.server, "/user").token(&world.ada.access).send().await.status, 200);
}

#[tokio::test]
async fn clients_have_bounds() {
    let server = start_with(|config| {
        config.auth.oauth_server.enabled = true;
        config.auth.oauth_server.allow_dynamic_registration = true;
        config.auth.oauth_server.max_dynamic_clients = 2;
    })
    .await;
    let uris = |count: usize| (0..count).map(|n| format!("https://app{n}.example/back")).collect::<Vec<_>>();
    let register = |count: usize| {
        post(&server, "/oauth/clients/register", json!({"client_name": "x", "redirect_uris": uris(count)})).send()
    };
    assert_eq!(register(10).await.status, 201, "ten addresses");
    let over = register(11).await;
    assert_eq!((over.status, &over.json()["code"]), (400, &json!("validation_failed")), "{}", over.body);
    assert_eq!(register(1).await.status, 201);
    let over = register(1).await;
    assert_eq!((over.status, &over.json()["code"]), (403, &json!("oauth_too_many_clients")), "{}", over.body);
    // Administrators go on.
    let body = json!({"client_name": "x", "redirect_uris": uris(1)});
    assert_eq!(ask(&server, Method::POST, "/admin/oauth/clients").service().json(&body).send().await.status, 201);
}

#[tokio::test]
async fn clients_that_register_at_once_are_as_many_as_may() {
    let server = start_with(|config| {
        config.auth.oauth_server.enabled = true;
        config.auth.oauth_server.allow_dynamic_registration = true;
        config.auth.oauth_server.max_dynamic_clients = 3;
    })
    .await;
    let body = json!({"client_name": "x", "redirect_uris": [BACK]});
    let tries: Vec<_> =
        (0..20).map(|_| tokio::spawn(post(&server, "/oauth/clients/register", body.clone()).send())).collect();
    let mut made = 0;
    for attempt in tries {
        let answer = attempt.await.expect("an answer");
        match answer.status {
            201 => made += 1,
            _ => assert_eq!((answer.status, &answer.json()["code"]), (403, &json!("oauth_too_many_clients"))),
        }
    }
    assert_eq!(made, 3);
}

#[tokio::test]
async fn nobody_is_sent_to_an_address_that_is_not_the_client_s() {
    let world = world().await;
    for change in [
        ("redirect_uri", "https://evil.example/back"),
        ("redirect_uri", "https://service.example/back/.."),
        // The same place in other letters.
        ("redirect_uri", "https://SERVICE.example/back"),
        ("redirect_uri", "https://service.example:443/back"),
        ("redirect_uri", "https://service.example/b%61ck"),
        ("client_id", "x"),
    ] {
        let answer = world.authorize(&[change]).await;
        assert_eq!((answer.status, answer.header("location")), (400, ""), "{change:?}");
    }
    for (change, error) in [
        (("response_type", "token"), "unsupported_response_type"),
        (("code_challenge_method", "plain"), "invalid_request"),
        (("code_challenge", ""), "invalid_request"),
        (("scope", "openid admin"), "invalid_scope"),
    ] {
        let answer = world.authorize(&[change]).await;
        let to = answer.header("location");
        assert!(to.starts_with(&format!("{BACK}?error={error}&")) && to.contains("state=s+t"), "{change:?} {to}");
    }
}

#[tokio::test]
async fn only_the_user_who_opened_it_answers_and_no_is_no() {
    let world = world().await;
    let grace = sign_up(&world.server, "grace@example.com").await;
    let id = world.asked().await;
    get(&world.server, &format!("/oauth/authorizations/{id}")).token(&world.ada.access).send().await;
    let path = format!("/oauth/authorizations/{id}/consent");
    let other = post(&world.server, &path, json!({"action": "approve"})).token(&grace.access);
    other.expect_error(404, "oauth_authorization_not_found").await;
    post(&world.server, &path, json!({"action": "approve"})).expect_error(401, "no_authorization").await;
    let to = world.decide(&id, "deny").await;
    assert!(to.starts_with(&format!("{BACK}?error=access_denied")), "{to}");
    let late = post(&world.server, &path, json!({"action": "approve"})).token(&world.ada.access);
    late.expect_error(404, "oauth_authorization_not_found").await;
}

#[tokio::test]
async fn tokens_are_refreshed_by_their_client_introspected_and_revoked() {
    let world = world().await;
    let tokens = world.exchange(&world.code().await, VERIFIER, BACK).await.json();
    let (access, held) = (tokens["access_token"].as_str().unwrap(), tokens["refresh_token"].as_str().unwrap());
    assert_eq!(
        refresh(&world.server, held).await.json()["code"],
        "refresh_token_not_found",
        "not at the users' endpoint"
    );
    let [id, secret] = world.credentials();
    let again = |token: String| {
        let (id, secret) = (id.clone(), secret.clone());
        let world = &world;
        async move {
            world
                .token(&[
                    ("grant_type", "refresh_token"),
                    ("refresh_token", &token),
                    (id.0, &id.1),
                    (secret.0, &secret.1),
                ])
                .await
        }
    };
    let renewed = again(held.to_owned()).await;
    assert_eq!(renewed.status, 200, "{}", renewed.body);
    let told = world.introspect(access).await;
    assert_eq!(
        (&told["active"], &told["client_id"], &told["scope"]),
        (&json!(true), &world.client["client_id"], &json!("openid email"))
    );
    assert_eq!(world.introspect(&world.ada.access).await["active"], true);
    assert_eq!(world.introspect("nonsense").await, json!({"active": false}));
    let nobody = post(&world.server, "/oauth/introspect", json!({ "token": access })).send().await;
    assert_eq!((nobody.status, &nobody.json()["error"]), (400, &json!("invalid_client")));

    let grants = get(&world.server, "/user/oauth/grants").token(&world.ada.access).send().await.json();
    assert_eq!((&grants[0]["client"]["name"], &grants[0]["scopes"]), (&json!("Reports"), &json!(["openid", "email"])));
    let path = format!("/user/oauth/grants?client_id={}", world.id());
    ask(&world.server, Method::DELETE, &path).token(&world.ada.access).expect(200, json!({})).await;
    assert_eq!(world.introspect(access).await, json!({"active": false}));
    let gone = again(renewed.json()["refresh_token"].as_str().unwrap().to_owned()).await;
    assert_eq!(gone.json()["error"], "invalid_grant");
    ask(&world.server, Method::DELETE, &path)
        .token(&world.ada.access)
        .expect_error(404, "oauth_consent_not_found")
        .await;
}

#[tokio::test]
async fn clients_are_the_administrators_affair() {
    let world = world().await;
    let path = format!("/admin/oauth/clients/{}", world.id());
    get(&world.server, &path).token(&world.ada.access).expect_error(403, "not_admin").await;
    let shown = get(&world.server, &path).service().send().await.json();
    assert!(shown.get("client_secret").is_none(), "a secret is shown once");
    let renewed = ask(&world.server, Method::POST, &format!("{path}/regenerate_secret")).service().send().await.json();
    assert_ne!(renewed["client_secret"], world.client["client_secret"]);
    assert_eq!(world.exchange("0", VERIFIER, BACK).await.json()["error"], "invalid_client", "the old secret is dead");
    let named =
        ask(&world.server, Method::PUT, &path).service().json(&json!({"client_name": "Audits"})).send().await.json();
    assert_eq!((&named["client_name"], &named["redirect_uris"]), (&json!("Audits"), &json!([BACK])));
    let list = get(&world.server, "/admin/oauth/clients").service().send().await.json();
    assert_eq!(list["clients"].as_array().unwrap().len(), 1);
    let open = post(&world.server, "/oauth/clients/register", json!({"redirect_uris": [BACK]}));
    open.expect_error(403, "oauth_dynamic_client_registration_disabled").await;
    let bad = json!({"client_name": "x", "redirect_uris": ["javascript:alert(1)"]});
    let refused = ask(&world.server, Method::POST, "/admin/oauth/clients").service().json(&bad);
    refused.expect_error(400, "validation_failed").await;
    ask(&world.server, Method::DELETE, &path).service().expect(200, json!({})).await;
    get(&world.server, &path).service().expect_error(404, "oauth_client_not_found").await;
    let off = start().await;
    get(&off, "/oauth/authorize").expect_error(404, "feature_disabled").await;
}
