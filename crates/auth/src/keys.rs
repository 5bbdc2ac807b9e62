//! The keys that sign access tokens (RFC 7517, RFC 7518): the project's HS256 secret, or private keys of its own.

use std::path::Path;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use p256::pkcs8::EncodePrivateKey;
use rsa::BigUint;
use rsa::pkcs1::EncodeRsaPrivateKey;
use serde_json::{Map, Value, json};

/// Members of a JWK that nobody else may see (RFC 7518 sections 6.2.2, 6.3.2, 6.4.1).
const PRIVATE: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

/// Keys that sign and verify.
pub struct Keys {
    signing: EncodingKey,
    header: Header,
    public: Vec<Value>,
    /// What is secret of each key that has something secret, the signing one's first.
    secrets: Vec<Vec<u8>>,
}

impl Keys {
    /// HS256 with the project's secret.
    pub fn secret(secret: &str) -> Keys {
        Keys {
            signing: EncodingKey::from_secret(secret.as_bytes()),
            header: Header::default(),
            public: Vec::new(),
            secrets: vec![secret.as_bytes().to_vec()],
        }
    }

    /// The private keys of a file: a JWK set, or an array of JWKs. The first signs, the others only verify.
    ///
    /// Errors: what of the file can't be used, for the one who configured it.
    pub fn from_file(path: &Path) -> Result<Keys, String> {
        let place = path.display();
        let text = std::fs::read_to_string(path)
            .map_err(|error| format!("`auth.signing_keys_path` {place} can't be read: {error}"))?;
        Keys::from_json(&text).map_err(|error| format!("`auth.signing_keys_path` {place}: {error}"))
    }

    fn from_json(text: &str) -> Result<Keys, String> {
        let mut document: Value = serde_json::from_str(text).map_err(|error| format!("it is not JSON: {error}"))?;
        let list = match document.get_mut("keys") {
            Some(keys) => keys.take(),
            None => document,
        };
        let Value::Array(list) = list else { return Err("it holds no array of JWKs".into()) };
        let keys: Vec<Map<String, Value>> = list
            .into_iter()
            .map(|key| serde_json::from_value(key).map_err(|_| "one of its keys is no JWK".to_owned()))
            .collect::<Result<_, _>>()?;
        let first = keys.first().ok_or("it holds no key")?;
        let (algorithm, signing) = private_key(first)?;
        let mut header = Header::new(algorithm);
        header.kid = text_of(first, "kid").map(str::to_owned);
        let secrets = keys.iter().filter(|key| key.contains_key("d")).map(|key| bytes_of(key, "d"));
        let secrets = secrets.collect::<Result<_, _>>()?;
        Ok(Keys { signing, header, public: keys.iter().map(public_key).collect(), secrets })
    }

    /// What further keys are derived of: the secret of each key, the signing one's first.
    pub(crate) fn secrets(&self) -> impl Iterator<Item = &[u8]> {
        self.secrets.iter().map(Vec::as_slice)
    }

    /// The public keys as a JWK set; empty while the project's secret signs.
    pub fn jwks(&self) -> Value {
        json!({ "keys": self.public })
    }

    /// Whether tokens are signed with a key that others can verify.
    pub fn is_asymmetric(&self) -> bool {
        !self.public.is_empty()
    }

    /// The algorithm that signs, by its name in RFC 7518.
    pub fn algorithm(&self) -> &'static str {
        match self.header.alg {
            Algorithm::ES256 => "ES256",
            Algorithm::RS256 => "RS256",
            _ => "HS256",
        }
    }

    /// A signed token with these claims.
    pub fn sign(&self, claims: &Map<String, Value>) -> Result<String, jsonwebtoken::errors::Error> {
        jsonwebtoken::encode(&self.header, claims, &self.signing)
    }
}

/// A new ES256 key as a private JWK with an id of its own.
pub fn generate() -> Value {
    let secret = p256::SecretKey::random(&mut p256::elliptic_curve::rand_core::OsRng);
    let mut key: Map<String, Value> = serde_json::from_str(&secret.to_jwk_string()).unwrap_or_default();
    key.insert("kid".into(), uuid::Uuid::new_v4().to_string().into());
    key.insert("alg".into(), "ES256".into());
    key.insert("use".into(), "sig".into());
    Value::Object(key)
}

fn private_key(key: &Map<String, Value>) -> Result<(Algorithm, EncodingKey), String> {
    match text_of(key, "kty") {
        Some("EC") if text_of(key, "crv") == Some("P-256") => {
            let secret = p256::SecretKey::from_slice(&bytes_of(key, "d")?)
                .map_err(|_| "the first key is no P-256 private key".to_owned())?;
            let der = secret.to_pkcs8_der().map_err(|error| error.to_string())?;
            Ok((Algorithm::ES256, EncodingKey::from_ec_der(der.as_bytes())))
        }
        Some("RSA") => {
            let number = |name| bytes_of(key, name).map(|bytes| BigUint::from_bytes_be(&bytes));
            let primes = vec![number("p")?, number("q")?];
            let secret = rsa::RsaPrivateKey::from_components(number("n")?, number("e")?, number("d")?, primes)
                .map_err(|error| format!("the first key is no RSA private key: {error}"))?;
            let der = secret.to_pkcs1_der().map_err(|error| error.to_string())?;
            Ok((Algorithm::RS256, EncodingKey::from_rsa_der(der.as_bytes())))
        }
        _ => Err("the first key is neither an EC key on P-256 nor an RSA key".into()),
    }
}

fn public_key(key: &Map<String, Value>) -> Value {
    let mut public: Map<String, Value> = key.clone();
    public.retain(|name, _| !PRIVATE.contains(&name.as_str()));
    public.insert("key_ops".into(), json!(["verify"]));
    if !public.contains_key("alg") {
        public.insert("alg".into(), if text_of(key, "kty") == Some("RSA") { "RS256" } else { "ES256" }.into());
    }
    Value::Object(public)
}

fn text_of<'a>(key: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    key.get(name).and_then(Value::as_str)
}

fn bytes_of(key: &Map<String, Value>, name: &str) -> Result<Vec<u8>, String> {
    let text = text_of(key, name).ok_or_else(|| format!("the first key lacks `{name}`: only private keys sign"))?;
    BASE64_URL_SAFE_NO_PAD.decode(text).map_err(|_| format!("`{name}` of a key is not base64url"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_generated_key_signs_what_its_public_part_verifies() {
        let document = json!([generate()]).to_string();
        let keys = Keys::from_json(&document).unwrap();
        let claims = json!({"sub": "1", "exp": 4_000_000_000_u64});
        let token = keys.sign(claims.as_object().unwrap()).unwrap();
        let public = &keys.jwks()["keys"][0];
        assert!(public.get("d").is_none());
        let jwk = serde_json::from_value(public.clone()).unwrap();
        let key = jsonwebtoken::DecodingKey::from_jwk(&jwk).unwrap();
        let decoded = jsonwebtoken::decode::<Value>(&token, &key, &jsonwebtoken::Validation::new(Algorithm::ES256));
        assert_eq!(decoded.unwrap().claims["sub"], "1");
    }

    #[test]
    fn a_public_key_does_not_sign() {
        let mut key = generate();
        key.as_object_mut().unwrap().remove("d");
        let refused = Keys::from_json(&json!({ "keys": [key] }).to_string()).err().unwrap();
        assert!(refused.contains("lacks `d`"), "{refused}");
    }
}
