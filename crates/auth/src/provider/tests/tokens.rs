//! ID tokens that must not be taken, and keys that change.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::stand_in::{STRANGERS, StandIn, claims, key_set, outbound, signed};
use crate::provider::{Answered, External, IdTokenError, Provider, ProviderError};

async fn stand_in() -> (StandIn, Provider) {
    stand_in_with(External::default()).await
}

async fn stand_in_with(settings: External) -> (StandIn, Provider) {
    let server = StandIn::start().await;
    let origin = server.origin.clone();
    let document = json!({
        "issuer": origin,
        "authorization_endpoint": format!("{origin}/authorize"),
        "token_endpoint": format!("{origin}/token"),
        "jwks_uri": format!("{origin}/keys"),
    });
    server.answer("/.well-known/openid-configuration", document);
    server.answer("/keys", key_set());
    let external = External { client_id: "the-client,the-app".into(), secret: "s".into(), url: origin, ..settings };
    (server, Provider::new("acme", &external, "https://x/callback", &outbound()).unwrap())
}

fn why(verified: Result<crate::provider::ExternalUser, ProviderError>) -> IdTokenError {
    match verified {
        Err(ProviderError::Token(error)) => error,
        Err(other) => panic!("{other:?}"),
        Ok(user) => panic!("{} is taken", user.subject),
    }
}

#[tokio::test]
async fn a_token_that_holds_is_taken() {
    let (server, provider) = stand_in().await;
    let token =
        signed(&claims(&server.origin, &json!({"aud": ["the-app"], "email": "A@x.org", "email_verified": true})));
    let user = provider.verify(&token, Some("the-nonce"), None).await.unwrap();
    assert_eq!(
        (user.subject.as_str(), user.emails[0].address.as_str(), user.emails[0].verified),
        ("s-1", "a@x.org", true)
    );
}

#[tokio::test]
async fn claims_that_are_wrong_are_refused() {
    let (server, provider) = stand_in().await;
    let now = jsonwebtoken::get_current_timestamp();
    let verify = async |changed: Value| {
        why(provider.verify(&signed(&claims(&server.origin, &changed)), Some("the-nonce"), None).await)
    };
    let other = "https://accounts.google.com";
    assert_eq!(verify(json!({ "iss": other })).await, IdTokenError::Issuer(other.into()));
    let longer = format!("{}/", server.origin);
    assert_eq!(verify(json!({ "iss": longer })).await, IdTokenError::Issuer(longer));
    assert_eq!(verify(json!({"aud": "another"})).await, IdTokenError::Audience(vec!["another".into()]));
    assert_eq!(verify(json!({"aud": []})).await, IdTokenError::Audience(vec![]));
    let shared = json!({"aud": ["the-client", "another"], "azp": "another"});
    assert_eq!(verify(shared).await, IdTokenError::Audience(vec!["the-client".into(), "another".into()]));
    for changed in [
        json!({"exp": now - 61}),
        json!({"exp": null}),
        json!({"exp": "tomorrow"}),
        json!({"nbf": now + 120}),
        json!({"iat": now + 120}),
        json!({"iss": null}),
        json!({"sub": null}),
        json!({"aud": null}),
    ] {
        let error = verify(changed.clone()).await;
        assert!(
            matches!(error, IdTokenError::Bad(_) | IdTokenError::Issuer(_) | IdTokenError::Audience(_)),
            "{changed}: {error}"
        );
    }
}

#[tokio::test]
async fn signatures_that_prove_nothing_are_refused() {
    let (server, provider) = stand_in().await;
    let claims = claims(&server.origin, &json!({}));
    let header = |header: Value| URL_SAFE_NO_PAD.encode(header.to_string());
    let body = URL_SAFE_NO_PAD.encode(claims.to_string());
    let good = signed(&claims);
    let (message, signature) = good.rsplit_once('.').unwrap();
    // The public key's own text as the secret of an HMAC.
    let public = key_set()["keys"][1].to_string();
    let confused = Header { kid: Some("one".into()), ..Header::new(Algorithm::HS256) };
    let confused = jsonwebtoken::encode(&confused, &claims, &EncodingKey::from_secret(public.as_bytes())).unwrap();
    let by_client_secret = jsonwebtoken::encode(&Header::default(), &claims, &EncodingKey::from_secret(b"s")).unwrap();
    let strangers = Header { kid: Some("one".into()), ..Header::new(Algorithm::ES256) };
    let strangers = jsonwebtoken::encode(&strangers, &claims, &STRANGERS).unwrap();
    let named = Header { kid: Some("two".into()), ..Header::new(Algorithm::ES256) };
    let named = jsonwebtoken::encode(&named, &claims, &STRANGERS).unwrap();
    let embedded =
        header(json!({"alg": "ES256", "jwk": key_set()["keys"][1], "jku": "https://evil.example/keys", "kid": "two"}));
    for token in [
        format!("{}.{body}.", header(json!({"alg": "none"}))),
        format!("{}.{body}.{signature}", header(json!({"alg": "None", "kid": "one"}))),
        format!("{}.{body}.", header(json!({"alg": "ES256", "kid": "one"}))),
        format!("{}.{body}.{signature}", header(json!({"alg": "RS256", "kid": "one"}))),
        format!("{embedded}.{body}.{signature}"),
        format!("{message}."),
        message.to_owned(),
        format!("{good}x"),
        confused,
        by_client_secret,
        strangers,
        named,
        "a.b.c".into(),
        String::new(),
        "x".repeat(20_000),
    ] {
        let error = why(provider.verify(&token, Some("the-nonce"), None).await);
        assert!(matches!(error, IdTokenError::Bad(_)), "{token}: {error}");
    }
    assert!(provider.verify(&good, Some("the-nonce"), None).await.is_ok());
}

#[tokio::test]
async fn nonces_are_there_on_both_sides_or_on_none() {
    let (server, provider) = stand_in().await;
    let with = |nonce: Value| signed(&claims(&server.origin, &json!({ "nonce": nonce })));
    let verify = async |token: String, nonce| provider.verify(&token, nonce, None).await.map(|user| user.subject);
    assert_eq!(verify(with("raw".into()), Some("raw")).await, Ok("s-1".into()));
    assert_eq!(verify(with(Value::Null), None).await, Ok("s-1".into()));
    assert_eq!(verify(with("raw".into()), None).await, Err(IdTokenError::NonceMissing.into()));
    assert_eq!(verify(with(Value::Null), Some("raw")).await, Err(IdTokenError::NonceMissing.into()));
    for wrong in ["RAW", "raw ", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"] {
        assert_eq!(verify(with(wrong.into()), Some("raw")).await, Err(IdTokenError::Nonce.into()), "{wrong}");
    }
    // sha256("abc")
    let known = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    assert_eq!(verify(with(known.into()), Some("abc")).await, Ok("s-1".into()));
    let (server, lenient) = stand_in_with(External { skip_nonce_check: true, ..External::default() }).await;
    let token = signed(&claims(&server.origin, &json!({"nonce": "made by an app"})));
    assert!(lenient.verify(&token, None, None).await.is_ok());
}

#[tokio::test]
async fn an_access_token_belongs_to_its_id_token() {
    let (server, provider) = stand_in().await;
    // OpenID Connect Core, section A.3, has this pair.
    let claims = claims(&server.origin, &json!({"at_hash": "77QmUPtjPfzWtF2AnpK9RQ"}));
    let verify = async |token| provider.verify(&signed(&claims), Some("the-nonce"), Some(token)).await;
    assert!(verify("jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y").await.is_ok());
    assert_eq!(why(verify("another").await), IdTokenError::AccessToken);
}

#[tokio::test]
async fn unknown_keys_are_looked_for_once_a_while() {
    let (server, provider) = stand_in().await;
    let token = signed(&claims(&server.origin, &json!({})));
    for _ in 0..3 {
        assert!(provider.verify(&token, Some("the-nonce"), None).await.is_ok());
    }
    let unknown = Header { kid: Some("two".into()), ..Header::new(Algorithm::ES256) };
    let unknown = jsonwebtoken::encode(&unknown, &claims(&server.origin, &json!({})), &STRANGERS).unwrap();
    for _ in 0..20 {
        why(provider.verify(&unknown, Some("the-nonce"), None).await);
    }
    assert_eq!(server.asked().matches("GET /keys").count(), 1);
    assert_eq!(server.asked().matches("GET /.well-known").count(), 1);
}

#[tokio::test]
async fn a_document_of_another_issuer_is_not_believed() {
    for (name, value) in [
        ("issuer", "https://evil.example"),
        ("jwks_uri", "http://evil.example/keys"),
        ("token_endpoint", "file:///etc/passwd"),
    ] {
        let (server, provider) = stand_in().await;
        server.answers.lock().unwrap().get_mut("/.well-known/openid-configuration").unwrap()[name] = value.into();
        let token = signed(&claims(&server.origin, &json!({})));
        let error = provider.verify(&token, Some("the-nonce"), None).await.err().unwrap();
        assert!(matches!(error, ProviderError::Configuration(_)), "{name}: {error}");
    }
}

#[tokio::test]
async fn the_answer_to_a_code_is_bound_to_its_flow() {
    let (server, provider) = stand_in().await;
    let exchange = async |nonce: Value, at_hash: Value| {
        let id_token = signed(&claims(&server.origin, &json!({ "nonce": nonce, "at_hash": at_hash })));
        server.answer("/token", json!({"access_token": "the-access-token", "id_token": id_token}));
        let answered = Answered { code: "c", nonce: "the-nonce", verifier: "v", user: None };
        provider.exchange(answered).await.map(|user| user.subject)
    };
    // The left half of SHA-256, as OpenID Connect Core, section 3.1.3.6, has it.
    let digest = Sha256::digest("the-access-token");
    let hash = URL_SAFE_NO_PAD.encode(&digest[..16]);
    assert_eq!(exchange("the-nonce".into(), hash.clone().into()).await, Ok("s-1".into()));
    for nonce in [json!("another"), json!(null), json!("")] {
        assert_eq!(exchange(nonce.clone(), hash.clone().into()).await, Err(IdTokenError::Nonce.into()), "{nonce}");
    }
    assert_eq!(exchange("the-nonce".into(), "x".into()).await, Err(IdTokenError::AccessToken.into()));
}

#[tokio::test]
async fn a_named_tenant_is_the_only_one() {
    let (ours, theirs) = ("72f988bf-86f1-41af-91ab-2d7cd011db47", "9188040d-6c67-4c5b-b112-36a304b66dad");
    let server = StandIn::start().await;
    for url in ["common", ours, "consumers"] {
        server.answer(&format!("/{url}/discovery/v2.0/keys"), key_set());
    }
    let verify = async |url: &str, issuer: &str, tenant: &str| {
        let url = format!("{}/{url}", server.origin);
        let external = External { client_id: "the-client".into(), url, ..External::default() };
        let provider = Provider::new("azure", &external, "https://x/callback", &outbound()).unwrap();
        let issuer = format!("{}/{issuer}/v2.0", server.origin);
        let token = signed(&claims(&issuer, &json!({ "tid": tenant })));
        provider.verify(&token, Some("the-nonce"), None).await.is_ok()
    };
    assert!(verify("common", ours, ours).await && verify("common", theirs, theirs).await);
    assert!(!verify("common", ours, theirs).await);
    assert!(verify(ours, ours, ours).await && !verify(ours, theirs, theirs).await && !verify(ours, theirs, ours).await);
    assert!(verify("consumers", theirs, theirs).await && !verify("consumers", ours, ours).await);
}
