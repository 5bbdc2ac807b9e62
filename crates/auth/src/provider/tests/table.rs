//! Each provider's flow: what is asked of it, and what is made of its answer (`profiles.json`).

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::stand_in::{StandIn, claims, key_set, outbound, signed};
use crate::provider::{Answered, Asked, External, Provider, ProviderError, Providers, known_providers};

fn external(url: &str) -> External {
    External {
        enabled: true,
        client_id: "the-client, another".into(),
        secret: "the secret".into(),
        url: url.into(),
        ..External::default()
    }
}

fn provider(name: &str, url: &str) -> Provider {
    Provider::new(name, &external(url), "https://api.example.com/auth/v1/callback", &outbound()).unwrap()
}

fn asked<'a>(extra: &'a [(String, String)]) -> Asked<'a> {
    Asked { state: "the-state", nonce: "the-nonce", verifier: "the-verifier", scopes: "", extra }
}

const ANSWERED: Answered<'_> = Answered { code: "the-code", nonce: "the-nonce", verifier: "the-verifier", user: None };

fn cases() -> Map<String, Value> {
    serde_json::from_str(include_str!("profiles.json")).unwrap()
}

/// The texts of a list.
fn texts(list: &Value) -> Vec<&str> {
    list.as_array().into_iter().flatten().filter_map(Value::as_str).collect()
}

#[test]
fn every_row_has_a_case() {
    let cases = cases();
    let rows: Vec<&str> = known_providers().collect();
    assert!(rows.len() >= 22, "{rows:?}");
    for name in rows.iter().filter(|name| !["linkedin", "slack", "twitter"].contains(name)) {
        assert!(cases.contains_key(*name), "{name}");
    }
}

#[test]
fn every_row_is_documented() {
    let page = include_str!("../../../../../docs/auth-providers.md");
    for name in known_providers() {
        assert!(page.contains(&format!("`{name}`")), "{name}");
    }
}

#[tokio::test]
async fn every_provider_says_who_the_user_is() {
    for (name, case) in cases() {
        let server = StandIn::start().await;
        let above = format!("{}/{name}", server.origin);
        let url = format!("{above}{}", case["below"].as_str().unwrap_or_default());
        let place = |text: &str| text.replace("{url}", &url).replace("{above}", &above);
        let placed = |value: &Value| serde_json::from_str::<Value>(&place(&value.to_string())).unwrap();
        for (path, answer) in case["answers"].as_object().into_iter().flatten() {
            server.answer(&format!("/{name}{path}"), answer.clone());
        }
        if let Some(path) = case["keys"].as_str() {
            server.answer(&format!("/{name}{path}"), key_set());
        }
        if case["discovery"] == true {
            let document = json!({
                "issuer": url,
                "authorization_endpoint": format!("{url}/discovered-authorize"),
                "token_endpoint": format!("{url}/discovered-token"),
                "userinfo_endpoint": format!("{url}/discovered-userinfo"),
                "jwks_uri": format!("{url}/keys"),
                "code_challenge_methods_supported": ["plain", "S256"],
            });
            server.answer(&format!("/{name}/.well-known/openid-configuration"), document);
        }
        let provider = provider(&name, &url);
        let authorize = provider.authorize_url(asked(&[])).await.unwrap();
        let wanted = [
            "client_id=the-client&",
            "response_type=code",
            "state=the-state",
            "redirect_uri=https%3A%2F%2Fapi.example.com%2Fauth%2Fv1%2Fcallback",
        ];
        for part in wanted.into_iter().chain(texts(&case["authorize"])) {
            assert!(authorize.contains(part), "{name}: {part} in {authorize}");
        }
        assert!(!authorize.contains("secret") && !authorize.contains("the-verifier"), "{name}: {authorize}");

        let mut tokens =
            json!({"access_token": "the-access-token", "refresh_token": "the-refresh-token", "token_type": "bearer"});
        if case["id_token"].is_object() {
            tokens["id_token"] = signed(&claims(&url, &placed(&case["id_token"]))).into();
        }
        // Where the code is exchanged is what the provider asks first and gets no answer for.
        let refused = provider.exchange(ANSWERED).await.err().unwrap();
        assert!(matches!(refused, ProviderError::Answer(_)), "{name}: {refused}");
        let requests = server.asked();
        let path = requests.split("\n---\n").find_map(|request| request.strip_prefix("POST ")).unwrap();
        server.answer(path.split(' ').next().unwrap(), tokens);
        let user = provider.exchange(Answered { user: case["user"].as_str(), ..ANSWERED }).await;
        let user = user.unwrap_or_else(|error| panic!("{name}: {error}\n{}", server.asked()));

        for part in texts(&case["asked"]).into_iter().chain(["the-code", "authorization_code"]) {
            assert!(server.asked().contains(part), "{name}: {part} in {}", server.asked());
        }
        let mut data = placed(&case["data"]);
        data["provider_id"] = data["sub"].clone();
        data["phone_verified"] = false.into();
        assert_eq!(Value::from(user.identity_data), data, "{name}");
        let emails: Vec<Value> = user.emails.iter().map(|email| json!([email.address, email.verified])).collect();
        assert_eq!(Value::from(emails), case["emails"], "{name}");
        assert_eq!(user.subject, data["sub"], "{name}");
        assert_eq!(user.access_token.as_deref(), Some("the-access-token"));
        assert_eq!(user.refresh_token.as_deref(), Some("the-refresh-token"));
    }
}

#[tokio::test]
async fn callers_add_scopes_and_parameters_but_replace_nothing() {
    let provider = provider("github", "");
    let pairs = [
        ("prompt", "consent"),
        ("state", "mine"),
        ("client_id", "mine"),
        ("redirect_uri", "https://evil.example"),
        ("code_challenge", "mine"),
        ("response_type", "token"),
        ("response_mode", "fragment"),
        ("request_uri", "urn:x"),
        ("scope", "admin"),
        ("nonce", "mine"),
        ("login", "a&state=b"),
    ];
    let extra: Vec<(String, String)> = pairs.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
    let url = provider.authorize_url(Asked { scopes: "repo user:email", ..asked(&extra) }).await.unwrap();
    let url = url::Url::parse(&url).unwrap();
    let query: Vec<(String, String)> = url.query_pairs().into_owned().collect();
    let values =
        |name: &str| query.iter().filter(|(key, _)| key == name).map(|(_, value)| value.as_str()).collect::<Vec<_>>();
    assert_eq!(url.host_str(), Some("github.com"));
    assert_eq!(values("scope"), ["user:email repo"]);
    assert_eq!(values("state"), ["the-state"]);
    assert_eq!(values("client_id"), ["the-client"]);
    assert_eq!(values("redirect_uri"), ["https://api.example.com/auth/v1/callback"]);
    assert_eq!(values("response_type"), ["code"]);
    assert_eq!(values("code_challenge"), ["sP6XQ2T7IHwj7eBkdcI9xyC8WxEik0RMQk0tVGDKZPI"]);
    assert_eq!(values("prompt"), ["consent"]);
    assert_eq!(values("login"), ["a&state=b"]);
    for absent in ["response_mode", "request_uri", "nonce"] {
        assert_eq!(values(absent), [""; 0], "{absent}");
    }
}

#[test]
fn settings_that_can_not_work_are_named() {
    let new = |name: &str, external: External| Provider::new(name, &external, "https://x/callback", &outbound());
    let refused =
        |name: &str, external: External| new(name, external).err().unwrap_or_else(|| panic!("{name} was taken"));
    assert!(refused("keycloak", external("")).contains("`auth.external.keycloak.url` is missing"));
    assert!(refused("acme", external("")).contains("`auth.external.acme.url` is missing"));
    let nobody = External { client_id: " , ".into(), ..external("") };
    assert!(refused("github", nobody).contains("`auth.external.github.client_id` is missing"));
    for url in ["http://id.example.com", "ftp://x", "nonsense", "https://x/?y=1", "http://127.0.0.1.example.com"] {
        assert!(refused("acme", external(url)).contains("`auth.external.acme.url` must be an https URL"), "{url}");
    }
    assert!(refused("azure", external("https://login.microsoftonline.com/contoso.com")).contains("tenant's id"));
    assert!(new("azure", external("https://login.microsoftonline.com/72f988bf-86f1-41af-91ab-2d7cd011db47/")).is_ok());
}

#[tokio::test]
async fn a_refusal_is_told_although_its_status_is_200() {
    let server = StandIn::start().await;
    server
        .answer("/login/oauth/access_token", json!({"error": "bad_verification_code", "error_description": "expired"}));
    let refused = provider("github", &server.origin).exchange(ANSWERED).await.err().unwrap();
    assert_eq!(
        refused,
        ProviderError::Refused { error: "bad_verification_code".into(), description: "expired".into() }
    );
}

#[tokio::test]
async fn a_profile_without_an_id_and_one_of_another_user_are_no_users() {
    let server = StandIn::start().await;
    server.answer("/api/oauth2/token", json!({"access_token": "the-access-token"}));
    server.answer("/api/users/@me", json!({"email": "ada@example.com", "verified": true}));
    assert!(matches!(provider("discord", &server.origin).exchange(ANSWERED).await, Err(ProviderError::Answer(_))));

    let tokens =
        json!({"access_token": "the-access-token", "id_token": signed(&claims(&server.origin, &json!({"sub": "me"})))});
    server.answer("/protocol/openid-connect/token", tokens);
    server.answer("/protocol/openid-connect/certs", key_set());
    server.answer(
        "/protocol/openid-connect/userinfo",
        json!({"sub": "you", "email": "you@example.com", "email_verified": true}),
    );
    assert!(matches!(provider("keycloak", &server.origin).exchange(ANSWERED).await, Err(ProviderError::Answer(_))));
}

#[test]
fn providers_are_found_by_name_and_by_issuer() {
    let settings = |names: &[&str]| {
        let one =
            |name: &&str| ((*name).to_owned(), external(if *name == "acme" { "https://id.acme.example" } else { "" }));
        names.iter().map(one).collect()
    };
    let providers =
        Providers::new(&settings(&["acme", "google", "azure", "github"]), "https://x/callback", &outbound()).unwrap();
    let by_issuer = |issuer, client| providers.by_issuer(issuer, client).map(Provider::name);
    assert_eq!(by_issuer("https://id.acme.example", "another"), Some("acme"));
    assert_eq!(by_issuer("https://id.acme.example", "a stranger's"), None);
    assert_eq!(by_issuer("https://accounts.google.com", "the-client"), Some("google"));
    assert_eq!(by_issuer("https://login.microsoftonline.com/x/v2.0", "the-client"), Some("azure"));
    assert_eq!(by_issuer("https://evil.example/x/v2.0", "the-client"), None);
    assert_eq!(by_issuer("", "the-client"), None);
    assert_eq!(providers.get("github").map(Provider::name), Some("github"));
    assert!(providers.get("gitlab").is_none());
    for name in ["email", "phone", "anonymous", "a b", "A", "a.b"] {
        assert!(Providers::new(&settings(&[name]), "https://x/callback", &outbound()).is_err(), "{name}");
    }
    let off = BTreeMap::from([("email".to_owned(), External::default())]);
    assert!(Providers::new(&off, "https://x/callback", &outbound()).is_ok());
}
