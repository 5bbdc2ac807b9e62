//! From `Authorization` and `apikey` to an [`Identity`] (RFC 7519, RFC 7515).

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use basalt_core::{Claims, Identity, constant_time_eq, unix_time};
use basalt_rest::RestError;
use http::{HeaderMap, HeaderValue, header};
use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, crypto};
use quick_cache::sync::Cache;
use serde_json::{Map, Value};
use serde_json_path::JsonPath;

use crate::keys::{PUBLISHED_SECRETS, PUBLISHED_SERVICE_KEY};

/// Clocks may differ by this many seconds.
const LEEWAY: i64 = 30;
/// Verified tokens that are remembered, so that the signature of each is computed once.
const CACHED: usize = 4096;
/// A longer token is refused before anything is computed.
const MAX_TOKEN: usize = 16 * 1024;
/// Bytes of a secret, or of a key that stands for `service_role`, at least.
pub(crate) const SHORTEST_SECRET: usize = 32;
/// The algorithms of a secret.
const HMAC: [Algorithm; 3] = [Algorithm::HS256, Algorithm::HS384, Algorithm::HS512];
/// The algorithms of an RSA key.
const RSA: [Algorithm; 6] =
    [Algorithm::RS256, Algorithm::RS384, Algorithm::RS512, Algorithm::PS256, Algorithm::PS384, Algorithm::PS512];
/// Those of them that are probabilistic.
const PSS: [Algorithm; 3] = [Algorithm::PS256, Algorithm::PS384, Algorithm::PS512];

/// Verifies tokens with the project's keys.
pub struct Verifier {
    keys: Vec<Key>,
    ignored: Vec<String>,
    audience: Option<String>,
    role_path: JsonPath,
    anonymous: Option<Identity>,
    /// Whether the header `apikey` counts.
    apikey_header: bool,
    /// Opaque API keys and the roles they stand for.
    opaque: Vec<(String, String)>,
    verified: Cache<String, Arc<Verified>>,
    asked: AtomicU64,
    found: AtomicU64,
    added: AtomicU64,
}

/// How verified tokens were remembered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Remembered {
    /// As often one was looked for.
    pub asked: u64,
    /// As often it was there.
    pub found: u64,
    /// Those that made place for others.
    pub forgotten: u64,
}

/// How to make a [`Verifier`].
#[derive(Clone)]
pub struct VerifierOptions {
    /// An HS256 secret of at least 32 bytes, a JWK, or a JWK set, as text.
    pub secrets: Vec<String>,
    /// The audience that tokens must name, if they name any.
    pub audience: Option<String>,
    /// JSON path (RFC 9535) of the role in the claims.
    pub role_path: String,
    /// The role of callers without a token.
    pub anonymous_role: Option<String>,
    /// Whether a token is also taken from the header `apikey`.
    pub apikey_header: bool,
    /// Opaque keys (`sb_publishable_...`, `sb_secret_...`) and their roles.
    pub opaque_keys: Vec<(String, String)>,
}

struct Key {
    id: Option<String>,
    algorithms: Vec<Algorithm>,
    key: DecodingKey,
}

/// A token whose signature holds.
struct Verified {
    identity: Result<Identity, RestError>,
    times: [Time; TIMES.len()],
    audience: Result<(), RestError>,
}

/// A claim that is a time, in seconds of the Unix epoch.
enum Time {
    Absent,
    At(i64),
    NoNumber,
}

/// Whether a claim's time is wrong at a moment.
type IsWrong = fn(at: i64, now: i64) -> bool;

/// Claims that are times, in the order in which they are judged, and what is said of a wrong one.
const TIMES: [(&str, IsWrong, &str); 3] = [
    ("exp", |exp, now| exp < now - LEEWAY, "JWT expired"),
    ("nbf", |nbf, now| nbf > now + LEEWAY, "JWT not yet valid"),
    ("iat", |iat, now| iat > now + LEEWAY, "JWT issued at future"),
];

impl Verifier {
    /// Reads the keys. The error says which one can't be used and why.
    pub fn new(options: VerifierOptions) -> Result<Verifier, String> {
        let (mut keys, mut ignored) = (Vec::new(), Vec::new());
        for secret in &options.secrets {
            keys.extend(read_keys(secret, &mut ignored)?);
        }
        let path = role_path::modern(&options.role_path);
        let role_path =
            JsonPath::parse(&path).map_err(|e| format!("`{}` is not a JSON path: {e}", options.role_path))?;
        Ok(Verifier {
            keys,
            ignored,
            audience: options.audience,
            role_path,
            anonymous: options.anonymous_role.as_deref().map(Identity::role),
            apikey_header: options.apikey_header,
            opaque: options.opaque_keys,
            verified: Cache::new(CACHED),
            asked: AtomicU64::default(),
            found: AtomicU64::default(),
            added: AtomicU64::default(),
        })
    }

    /// Whether anybody could sign a token, or hold a key, that is taken: with one of the published secrets, in whatever form it was
    /// given. A key is taken as it stands, so that it doesn't matter when a token that serves as one expires.
    pub fn takes_published(&self) -> bool {
        let verifies = |signature: &str| {
            let mut hmac = self.keys.iter().filter(|key| key.algorithms.contains(&Algorithm::HS256));
            hmac.any(|key| crypto::verify(signature, b"", &key.key, Algorithm::HS256).unwrap_or(false))
        };
        let signed = |secret: &&str| crypto::sign(b"", &EncodingKey::from_secret(secret.as_bytes()), Algorithm::HS256);
        PUBLISHED_SECRETS.iter().any(|secret| signed(secret).is_ok_and(|signature| verifies(&signature)))
            || self.opaque.iter().any(|(key, _)| is_published(key) || is_signed_with_published(key))
    }

    /// Keys of JWK sets that are not used, and why, without anything of the key but its id.
    pub fn ignored(&self) -> &[String] {
        &self.ignored
    }

    /// How verified tokens were remembered.
    pub fn remembered(&self) -> Remembered {
        let of = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let forgotten = of(&self.added).saturating_sub(self.verified.len() as u64);
        Remembered { asked: of(&self.asked), found: of(&self.found), forgotten }
    }

    /// The role of callers without a token.
    pub fn anonymous_role(&self) -> Option<&str> {
        self.anonymous.as_ref().map(|identity| &*identity.role)
    }

    /// The token of a request: `Authorization: Bearer`, else `apikey` where that header counts.
    pub fn token_of<'h>(&self, headers: &'h HeaderMap) -> Option<Cow<'h, str>> {
        let bearer = headers.get(header::AUTHORIZATION).and_then(|value| {
            let value = value.as_bytes();
            let (scheme, token) = value.split_at(value.iter().position(|byte| *byte == b' ').unwrap_or(value.len()));
            scheme.eq_ignore_ascii_case(b"bearer").then(|| token.trim_ascii())
        });
        let apikey = || headers.get("apikey").filter(|_| self.apikey_header).map(HeaderValue::as_bytes);
        // Bytes that are no ASCII make a bad token, not an anonymous caller.
        bearer.or_else(apikey).map(String::from_utf8_lossy)
    }

    /// Who a request's headers say is calling; without a token the caller is anonymous.
    pub fn identify(&self, headers: &HeaderMap) -> Result<Identity, RestError> {
        match self.token_of(headers) {
            Some(token) => self.verify(&token),
            None => self.anonymous.clone().ok_or_else(anonymous_disabled),
        }
    }

    /// Verifies one token.
    pub fn verify(&self, token: &str) -> Result<Identity, RestError> {
        if let Some(identity) = self.opaque_identity(token) {
            return Ok(identity);
        }
        let now = unix_time().as_secs() as i64;
        self.asked.fetch_add(1, Ordering::Relaxed);
        let verified = match self.verified.get(token) {
            Some(verified) => {
                self.found.fetch_add(1, Ordering::Relaxed);
                verified
            }
            None => {
                let claims = self.claims(token)?;
                let verified = Arc::new(Verified {
                    identity: self.identity(&claims),
                    times: TIMES.map(|(name, ..)| time(&claims, name)),
                    audience: self.judge_audience(&claims),
                });
                self.verified.insert(token.to_owned(), verified.clone());
                self.added.fetch_add(1, Ordering::Relaxed);
                verified
            }
        };
        // Times are judged at every use: a remembered token expires like any other.
        judge_times(&verified.times, now)?;
        verified.audience.clone()?;
        verified.identity.clone()
    }

    fn opaque_identity(&self, token: &str) -> Option<Identity> {
        let known = self.opaque.iter().fold(None, |found, (key, role)| {
            if constant_time_eq(key.as_bytes(), token.as_bytes()) { Some(role) } else { found }
        });
        known.map(|role| Identity::role(role))
    }

    /// Checks form and signature.
    fn claims(&self, token: &str) -> Result<Map<String, Value>, RestError> {
        if self.keys.is_empty() {
            return Err(RestError::new(500, "PGRST300", "Server lacks JWT secret"));
        }
        if token.is_empty() {
            return Err(invalid("Empty JWT is sent in Authorization header", None));
        }
        let parts: Vec<&str> = token.split('.').collect();
        if parts.len() != 3 {
            return Err(invalid(&format!("Expected 3 parts in JWT; got {}", parts.len()), None));
        }
        if token.len() > MAX_TOKEN {
            return Err(invalid("JWT couldn't be decoded", Some(format!("Tokens are limited to {MAX_TOKEN} bytes"))));
        }
        let header = jsonwebtoken::decode_header(token)
            .map_err(|e| invalid("Wrong or unsupported encoding algorithm", Some(e.to_string())))?;
        // RFC 7515, section 4.1.11: what is critical has to be understood, and none of it is here.
        if header.crit.is_some() {
            return Err(invalid(
                "JWT couldn't be decoded",
                Some("Its header has `crit`, of which nothing is known".into()),
            ));
        }
        let (message, signature) = token.rsplit_once('.').unwrap_or((token, ""));
        let mut candidates = self
            .keys
            .iter()
            .filter(|key| header.kid.is_none() || key.id.is_none() || key.id == header.kid)
            .filter(|key| key.algorithms.contains(&header.alg));
        let good =
            candidates.any(|key| crypto::verify(signature, message.as_bytes(), &key.key, header.alg).unwrap_or(false));
        if !good {
            return Err(invalid(
                "No suitable key or wrong key type",
                Some("None of the keys was able to decode the JWT".into()),
            ));
        }
        // The signature holds; what the claims say is the caller's to judge.
        match jsonwebtoken::dangerous::insecure_decode_claims(token) {
            Ok(Value::Object(claims)) => Ok(claims),
            _ => Err(expired("Parsing claims failed")),
        }
    }

    fn identity(&self, claims: &Map<String, Value>) -> Result<Identity, RestError> {
        let document = Value::Object(claims.clone());
        let role = match self.role_path.query(&document).first() {
            Some(Value::String(role)) => role.clone(),
            Some(Value::Null) | None => match &self.anonymous {
                Some(anonymous) => anonymous.role.to_string(),
                None => return Err(anonymous_disabled()),
            },
            Some(other) => other.to_string(),
        };
        let mut shown = claims.clone();
        shown.insert("role".into(), role.as_str().into());
        Ok(Identity { role: role.into(), claims: Arc::new(Claims::new(&shown)) })
    }

    /// `aud`.
    fn judge_audience(&self, claims: &Map<String, Value>) -> Result<(), RestError> {
        let Some(expected) = &self.audience else { return Ok(()) };
        let wrong_kind = || expired("The JWT 'aud' claim must be a string or an array of strings");
        let named = match claims.get("aud") {
            None | Some(Value::Null) => true,
            Some(Value::String(audience)) => audience == expected,
            Some(Value::Array(list)) => {
                let names: Option<Vec<&str>> = list.iter().map(Value::as_str).collect();
                let names = names.ok_or_else(wrong_kind)?;
                names.is_empty() || names.contains(&expected.as_str())
            }
            Some(_) => return Err(wrong_kind()),
        };
        if named { Ok(()) } else { Err(expired("JWT not in audience")) }
    }
}

/// A header's text. Most is ASCII, which is judged faster than it is repaired.
fn time(claims: &Map<String, Value>, name: &str) -> Time {
    match claims.get(name) {
        None | Some(Value::Null) => Time::Absent,
        // Only whole numbers are understood; a fraction counts as 0.
        Some(Value::Number(n)) => Time::At(n.as_i64().unwrap_or(0)),
        Some(_) => Time::NoNumber,
    }
}

fn judge_times(times: &[Time; TIMES.len()], now: i64) -> Result<(), RestError> {
    for (time, (name, is_wrong, message)) in times.iter().zip(TIMES) {
        match time {
            Time::NoNumber => return Err(expired(&format!("The JWT '{name}' claim must be a number"))),
            Time::At(at) if is_wrong(*at, now) => return Err(expired(message)),
            Time::At(_) | Time::Absent => {}
        }
    }
    Ok(())
}

/// Whether a key is one of those that everybody knows, or a secret that serves as one.
fn is_published(key: &str) -> bool {
    key == PUBLISHED_SERVICE_KEY || PUBLISHED_SECRETS.contains(&key)
}

/// Whether a token's signature is one that a published secret makes.
fn is_signed_with_published(token: &str) -> bool {
    let Some((message, signature)) = token.trim().rsplit_once('.') else { return false };
    PUBLISHED_SECRETS.iter().any(|secret| {
        let key = DecodingKey::from_secret(secret.as_bytes());
        HMAC.iter().any(|algorithm| crypto::verify(signature, message.as_bytes(), &key, *algorithm).unwrap_or(false))
    })
}

fn invalid(message: &str, details: Option<String>) -> RestError {
    RestError::token("PGRST301", message, details)
}

fn expired(message: &str) -> RestError {
    RestError::token("PGRST303", message, None)
}

fn anonymous_disabled() -> RestError {
    RestError::new(401, "PGRST302", "Anonymous access is disabled").header("WWW-Authenticate", "Bearer")
}

/// Reads a secret, a JWK or a JWK set. Of a set, keys that can't be used are ignored (RFC 7517, section 5), and told.
fn read_keys(text: &str, ignored: &mut Vec<String>) -> Result<Vec<Key>, String> {
    let text = text.trim();
    if !text.starts_with('{') {
        if text.len() < SHORTEST_SECRET {
            return Err(format!("`auth.jwt_secret` must have at least {SHORTEST_SECRET} bytes"));
        }
        return Ok(vec![Key { id: None, algorithms: HMAC.to_vec(), key: DecodingKey::from_secret(text.as_bytes()) }]);
    }
    let mut value: Value = serde_json::from_str(text).map_err(|e| format!("the JWK is not JSON: {e}"))?;
    let set = match value.get_mut("keys").map(Value::take) {
        None => return key_of(value).map(|key| vec![key]).map_err(|why| format!("the JWK can't be used: {why}")),
        Some(Value::Array(set)) => set,
        Some(_) => return Err("the JWK set can't be read: `keys` is no array".into()),
    };
    let (mut keys, mut useless) = (Vec::new(), Vec::new());
    for (index, jwk) in set.into_iter().enumerate() {
        let id = jwk.get("kid").and_then(Value::as_str).map(|id| format!(", `kid` {id:?}")).unwrap_or_default();
        match key_of(jwk) {
            Ok(key) => keys.push(key),
            Err(why) => useless.push(format!("key {} of a JWK set{id}: {why}", index + 1)),
        }
    }
    if keys.is_empty() && !useless.is_empty() {
        return Err(format!("no key of the JWK set can be used: {}", useless.join("; ")));
    }
    ignored.append(&mut useless);
    Ok(keys)
}

/// A key is used only with the algorithms of its kind, so that a public key can't be taken for an HMAC secret, and with the one that
/// it names alone.
fn key_of(jwk: Value) -> Result<Key, String> {
    let jwk: Jwk = serde_json::from_value(jwk).map_err(|e| format!("it is no JWK ({e})"))?;
    if jwk.common.public_key_use == Some(PublicKeyUse::Encryption) {
        return Err("its `use` is encryption".into());
    }
    let curve = |curve: &EllipticCurve| match curve {
        EllipticCurve::P256 => &[Algorithm::ES256][..],
        EllipticCurve::P384 => &[Algorithm::ES384],
        _ => &[],
    };
    let kind: &[Algorithm] = match &jwk.algorithm {
        AlgorithmParameters::RSA(_) => &RSA,
        AlgorithmParameters::EllipticCurve(key) => curve(&key.curve),
        AlgorithmParameters::OctetKeyPair(key) if key.curve == EllipticCurve::Ed25519 => &[Algorithm::EdDSA],
        AlgorithmParameters::OctetKey(_) => &HMAC,
        _ => &[],
    };
    if kind.is_empty() {
        return Err("it is of a kind that no supported algorithm uses".into());
    }
    let algorithms = match jwk.common.key_algorithm {
        Some(named) => kind.iter().copied().filter(|algorithm| named == (*algorithm).into()).collect(),
        // PSS is used where the key says so.
        None => kind.iter().copied().filter(|algorithm| !PSS.contains(algorithm)).collect::<Vec<_>>(),
    };
    if algorithms.is_empty() {
        return Err("its `alg` is none that is supported for a key of its kind".into());
    }
    let key = DecodingKey::from_jwk(&jwk).map_err(|e| e.to_string())?;
    if kind == HMAC && key.try_get_as_bytes().is_ok_and(|secret| secret.len() < SHORTEST_SECRET) {
        return Err(format!("it is a secret of fewer than {SHORTEST_SECRET} bytes"));
    }
    Ok(Key { id: jwk.common.key_id, algorithms, key })
}

mod role_path;
mod session;
#[cfg(test)]
mod tests;
