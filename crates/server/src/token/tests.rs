//! Tokens of every kind, good and forged. The keys in `test_keys` serve these tests and nothing else.

use http::HeaderMap;
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{EncodingKey, Header};
use serde_json::{Value, json};

use super::*;
use crate::keys::sign;

const SECRET: &str = "a-secret-of-these-tests-that-is-long-enough";

fn verifier(change: impl FnOnce(&mut VerifierOptions)) -> Verifier {
    let mut options = VerifierOptions {
        secrets: vec![SECRET.into()],
        audience: None,
        role_path: "$.role".into(),
        anonymous_role: Some("anon".into()),
        apikey_header: true,
        opaque_keys: vec![("sb_secret_x".into(), "service_role".into())],
    };
    change(&mut options);
    Verifier::new(options).unwrap()
}

fn now() -> i64 {
    unix_time().as_secs() as i64
}

fn refused(verifier: &Verifier, token: &str) -> (u16, String, String) {
    let error = verifier.verify(token).unwrap_err();
    (error.status, error.body.code.to_string(), error.body.message.clone())
}

fn private_key(algorithm: Algorithm) -> EncodingKey {
    match algorithm {
        Algorithm::RS256 => EncodingKey::from_rsa_pem(include_bytes!("test_keys/rsa.pem")),
        Algorithm::ES256 => EncodingKey::from_ec_pem(include_bytes!("test_keys/ec.pem")),
        _ => EncodingKey::from_ed_pem(include_bytes!("test_keys/ed25519.pem")),
    }
    .unwrap()
}

#[test]
fn a_good_token_is_its_role_with_its_claims() {
    let token = sign(SECRET, &json!({"role": "authenticated", "sub": "u1", "exp": now() + 60}));
    let identity = verifier(|_| ()).verify(&token).unwrap();
    assert_eq!(&*identity.role, "authenticated");
    assert_eq!(identity.claims.sub(), Some("u1"));
}

#[test]
fn asymmetric_keys_come_as_a_jwk_set() {
    let algorithms = [Algorithm::RS256, Algorithm::ES256, Algorithm::EdDSA];
    let keys: Vec<Value> = algorithms
        .iter()
        .map(|algorithm| {
            let mut jwk = Jwk::from_encoding_key(&private_key(*algorithm), *algorithm).unwrap();
            jwk.common.key_id = Some(format!("{algorithm:?}"));
            serde_json::to_value(jwk).unwrap()
        })
        .collect();
    let verifier = verifier(|options| options.secrets = vec![json!({"keys": keys}).to_string()]);
    for algorithm in algorithms {
        let mut header = Header::new(algorithm);
        header.kid = Some(format!("{algorithm:?}"));
        let claims = json!({"role": "authenticated", "exp": now() + 60});
        let token = jsonwebtoken::encode(&header, &claims, &private_key(algorithm)).unwrap();
        assert_eq!(&*verifier.verify(&token).unwrap().role, "authenticated", "{algorithm:?}");

        header.kid = Some("another".into());
        let token = jsonwebtoken::encode(&header, &claims, &private_key(algorithm)).unwrap();
        assert_eq!(refused(&verifier, &token).1, "PGRST301");
    }
}

/// A set with a good key, and what reading it without the rest gives.
fn of_set(others: &[Value]) -> Verifier {
    let mut jwk = Jwk::from_encoding_key(&private_key(Algorithm::ES256), Algorithm::ES256).unwrap();
    jwk.common.key_id = Some("good".into());
    let keys: Vec<Value> = others.iter().cloned().chain([serde_json::to_value(jwk).unwrap()]).collect();
    verifier(|options| options.secrets = vec![json!({"keys": keys}).to_string()])
}

#[test]
fn keys_of_a_set_that_nothing_is_known_of_are_ignored() {
    let strange = [
        json!({"kty": "AKP", "alg": "ML-DSA-44", "kid": "later", "pub": "secretive"}),
        json!({"kty": "EC", "crv": "secp256k1", "x": "secretive", "y": "secretive"}),
        json!({"kty": "OKP", "crv": "X25519", "x": "secretive"}),
        json!({"kty": "RSA", "alg": "RSA-OAEP", "n": "sXch", "e": "AQAB"}),
        json!({"kty": "RSA", "n": "secretive"}),
        json!({"kty": "oct", "k": ""}),
        json!({"kty": "oct", "k": "c2VjcmV0aXZl"}),
        json!("no key"),
    ];
    let of_all = of_set(&strange);
    let ignored = of_all.ignored().join("\n");
    assert_eq!(of_all.ignored().len(), strange.len(), "{ignored}");
    assert!(ignored.contains("key 1 of a JWK set, `kid` \"later\"") && !ignored.contains("secretive"), "{ignored}");
    let mut header = Header::new(Algorithm::ES256);
    header.kid = Some("good".into());
    let claims = json!({"role": "authenticated", "exp": now() + 60});
    let token = jsonwebtoken::encode(&header, &claims, &private_key(Algorithm::ES256)).unwrap();
    assert!(of_all.verify(&token).is_ok());

    let refused = |secret: Value| {
        let options = VerifierOptions {
            secrets: vec![secret.to_string()],
            audience: None,
            role_path: "$.role".into(),
            anonymous_role: None,
            apikey_header: false,
            opaque_keys: Vec::new(),
        };
        Verifier::new(options).err().unwrap_or_default()
    };
    assert!(refused(json!({"keys": strange})).starts_with("no key of the JWK set can be used: key 1"));
    assert!(refused(strange[1].clone()).starts_with("the JWK can't be used: it is of a kind"));
    assert!(refused(json!({"keys": 1})).contains("`keys` is no array"));
}

#[test]
fn a_key_is_used_as_it_says() {
    let jwk = Jwk::from_encoding_key(&private_key(Algorithm::RS256), Algorithm::RS256).unwrap();
    let key = |add: Value| {
        let mut key = serde_json::to_value(&jwk).unwrap();
        key.as_object_mut().unwrap().remove("alg");
        add.as_object().unwrap().iter().for_each(|(name, value)| key[name] = value.clone());
        key
    };
    let takes = |key: Value, algorithm: Algorithm| {
        let claims = json!({"role": "authenticated", "exp": now() + 60});
        let token = jsonwebtoken::encode(&Header::new(algorithm), &claims, &private_key(Algorithm::RS256)).unwrap();
        of_set(&[key]).verify(&token).is_ok()
    };
    for (named, algorithm) in [("RS256", Algorithm::RS256), ("RS512", Algorithm::RS512), ("PS384", Algorithm::PS384)] {
        assert!(takes(key(json!({"alg": named, "use": "sig"})), algorithm), "{named}");
        assert!(!takes(key(json!({"alg": named, "use": "enc"})), algorithm), "{named}");
        assert_eq!(takes(key(json!({"alg": "RS256"})), algorithm), named == "RS256");
    }
    assert!(takes(key(json!({})), Algorithm::RS384) && !takes(key(json!({})), Algorithm::PS256));
    assert!(!takes(key(json!({"alg": "ES256"})), Algorithm::RS256));
}

#[test]
fn what_is_critical_and_not_understood_is_refused() {
    let mut header = Header::new(Algorithm::HS256);
    header.crit = Some(vec!["x".into()]);
    let claims = json!({"role": "authenticated", "exp": now() + 60});
    let token = jsonwebtoken::encode(&header, &claims, &EncodingKey::from_secret(SECRET.as_bytes())).unwrap();
    assert_eq!(refused(&verifier(|_| ()), &token).0, 401);
}

#[test]
fn a_public_key_is_no_hmac_secret() {
    let jwk = Jwk::from_encoding_key(&private_key(Algorithm::RS256), Algorithm::RS256).unwrap();
    let text = serde_json::to_string(&jwk).unwrap();
    let verifier = verifier(|options| options.secrets = vec![text.clone()]);
    let forged = sign(&text, &json!({"role": "service_role", "exp": now() + 60}));
    assert_eq!(refused(&verifier, &forged).0, 401);
}

#[test]
fn forged_and_malformed_tokens_are_refused() {
    let verifier = verifier(|_| ());
    let good = sign(SECRET, &json!({"role": "authenticated", "exp": now() + 60}));
    let other = sign("another-secret-that-is-also-long-enough", &json!({"role": "service_role"}));
    let mut parts = good.split('.');
    let (head, _, signature) = (parts.next().unwrap(), parts.next().unwrap(), parts.next().unwrap());
    let changed = other.split('.').nth(1).unwrap();
    let unsigned = "eyJhbGciOiJub25lIn0.eyJyb2xlIjoic2VydmljZV9yb2xlIn0.";
    assert_eq!(refused(&verifier, ""), (401, "PGRST301".into(), "Empty JWT is sent in Authorization header".into()));
    assert_eq!(refused(&verifier, "a.b"), (401, "PGRST301".into(), "Expected 3 parts in JWT; got 2".into()));
    for token in [&other, &format!("{head}.{changed}.{signature}"), unsigned, "x.y.z", &"a".repeat(20_000)] {
        assert_eq!((refused(&verifier, token).0, refused(&verifier, token).1), (401, "PGRST301".into()), "{token:.40}");
    }
}

#[test]
fn times_are_judged_with_thirty_seconds_leeway() {
    let verifier = verifier(|_| ());
    let verify = |claims: Value| verifier.verify(&sign(SECRET, &claims)).map_err(|e| e.body.message.clone());
    assert!(verify(json!({"role": "anon", "exp": now() - 10})).is_ok());
    assert_eq!(verify(json!({"role": "anon", "exp": now() - 40})).unwrap_err(), "JWT expired");
    assert_eq!(verify(json!({"role": "anon", "nbf": now() + 40})).unwrap_err(), "JWT not yet valid");
    assert_eq!(verify(json!({"role": "anon", "iat": now() + 40})).unwrap_err(), "JWT issued at future");
    assert_eq!(verify(json!({"role": "anon", "exp": "soon"})).unwrap_err(), "The JWT 'exp' claim must be a number");
    assert_eq!(verify(json!({"role": "anon", "exp": 1.5})).unwrap_err(), "JWT expired");
}

#[test]
fn a_remembered_token_expires_too() {
    let verifier = verifier(|_| ());
    let token = sign(SECRET, &json!({"role": "anon", "exp": now() - LEEWAY + 1}));
    assert!(verifier.verify(&token).is_ok());
    std::thread::sleep(std::time::Duration::from_millis(2100));
    assert_eq!(refused(&verifier, &token).2, "JWT expired");
}

#[test]
fn the_audience_is_pinned() {
    let verifier = verifier(|options| options.audience = Some("me".into()));
    let verify = |aud: Value| verifier.verify(&sign(SECRET, &json!({"role": "anon", "aud": aud}))).is_ok();
    assert!(verify(json!("me")) && verify(json!(["you", "me"])) && verify(json!([])) && verify(Value::Null));
    assert!(!verify(json!("you")) && !verify(json!(["you"])) && !verify(json!(7)));
}

#[test]
fn the_role_comes_from_its_path_or_is_anonymous() {
    let verifier = verifier(|options| options.role_path = ".app.roles[1]".into());
    let role = |claims: Value| verifier.verify(&sign(SECRET, &claims)).unwrap().role.to_string();
    assert_eq!(role(json!({"app": {"roles": ["a", "editor"]}})), "editor");
    assert_eq!(role(json!({"role": "service_role"})), "anon");
}

#[test]
fn the_bearer_counts_before_the_api_key() {
    let verifier = verifier(|_| ());
    let mut headers = HeaderMap::new();
    assert_eq!(&*verifier.identify(&headers).unwrap().role, "anon");
    headers.insert("apikey", "sb_secret_x".parse().unwrap());
    assert_eq!(&*verifier.identify(&headers).unwrap().role, "service_role");
    let token = sign(SECRET, &json!({"role": "authenticated"}));
    headers.insert("authorization", format!("bearer {token}").parse().unwrap());
    assert_eq!(&*verifier.identify(&headers).unwrap().role, "authenticated");
    headers.insert("authorization", "Basic eA==".parse().unwrap());
    assert_eq!(&*verifier.identify(&headers).unwrap().role, "service_role");
}

#[test]
fn anonymous_access_can_be_closed() {
    let verifier = verifier(|options| options.anonymous_role = None);
    let error = verifier.identify(&HeaderMap::new()).unwrap_err();
    assert_eq!((error.status, &*error.body.code), (401, "PGRST302"));
}
