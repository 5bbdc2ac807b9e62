//! ID tokens (OpenID Connect Core, section 3.1.3.7): issuer, audience, algorithm, key, times and nonce are all pinned.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, DecodingKey, Header, Validation};
use serde_json::Value;
use sha2::{Digest, Sha256, Sha384, Sha512};

use super::error::IdTokenError;
use super::template::fill;

/// Longest token that is looked at, in bytes.
const LONGEST: usize = 16 * 1024;

/// How far clocks may differ, in seconds.
const LEEWAY: u64 = 60;

/// Algorithms whose verification key is public: a token that is signed with a shared secret, or not at all, proves nothing here.
const ALGORITHMS: [Algorithm; 9] = [
    Algorithm::RS256,
    Algorithm::RS384,
    Algorithm::RS512,
    Algorithm::PS256,
    Algorithm::PS384,
    Algorithm::PS512,
    Algorithm::ES256,
    Algorithm::ES384,
    Algorithm::EdDSA,
];

/// What a token must be.
pub(super) struct Expected<'a> {
    /// Its issuer: one of these, which may have places for claims of the token.
    pub issuers: &'a [String],
    /// Its audience: one of these.
    pub audiences: &'a [&'a str],
}

/// How a nonce is compared.
pub(super) enum Nonce<'a> {
    /// The token must have exactly this one.
    Sent(&'a str),
    /// The app that brings the token says which one it made: in the token it stands as it is, or hashed. Both or none.
    Brought(Option<&'a str>),
    /// It is not.
    Unchecked,
}

/// A token's header, if the token is one that may be verified at all.
pub(super) fn header(token: &str) -> Result<Header, IdTokenError> {
    if token.len() > LONGEST {
        return Err(bad("it is too long"));
    }
    let header = jsonwebtoken::decode_header(token).map_err(|error| bad(&error.to_string()))?;
    if !ALGORITHMS.contains(&header.alg) {
        return Err(bad("its algorithm is not accepted"));
    }
    Ok(header)
}

/// Verifies a token and gives its claims.
pub(super) fn verify(token: &str, header: &Header, key: &Jwk, expected: &Expected<'_>) -> Result<Value, IdTokenError> {
    let key = DecodingKey::from_jwk(key).map_err(|error| bad(&error.to_string()))?;
    let mut validation = Validation::new(header.alg);
    validation.leeway = LEEWAY;
    validation.validate_nbf = true;
    validation.validate_aud = false; // below, where the error says what it is
    validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
    let claims =
        jsonwebtoken::decode::<Value>(token, &key, &validation).map_err(|error| bad(&error.to_string()))?.claims;
    let issuer = claims["iss"].as_str().unwrap_or_default();
    if !expected.issuers.iter().any(|accepted| fill(accepted, &claims).as_deref() == Some(issuer)) {
        return Err(IdTokenError::Issuer(issuer.to_owned()));
    }
    let audience: Vec<String> = match &claims["aud"] {
        Value::Array(several) => several.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        one => one.as_str().map(str::to_owned).into_iter().collect(),
    };
    let ours = |name: &str| expected.audiences.contains(&name);
    let party = claims["azp"].as_str();
    if !audience.iter().any(|name| ours(name)) || (audience.len() > 1 && party.is_some_and(|party| !ours(party))) {
        return Err(IdTokenError::Audience(audience));
    }
    let now = jsonwebtoken::get_current_timestamp();
    if claims["iat"].as_u64().is_some_and(|issued| issued > now + LEEWAY) {
        return Err(bad("it was issued in the future"));
    }
    Ok(claims)
}

/// Compares the nonce.
pub(super) fn judge_nonce(claims: &Value, nonce: &Nonce<'_>) -> Result<(), IdTokenError> {
    let claimed = claims["nonce"].as_str().filter(|nonce| !nonce.is_empty());
    let same =
        |a: &str, b: &str| a.len() == b.len() && a.bytes().zip(b.bytes()).fold(0, |all, (a, b)| all | (a ^ b)) == 0;
    match (nonce, claimed) {
        (Nonce::Unchecked, _) | (Nonce::Brought(None), None) => Ok(()),
        (Nonce::Sent(sent), Some(claimed)) if same(sent, claimed) => Ok(()),
        (Nonce::Brought(Some(brought)), Some(claimed)) => {
            let hashed =
                Sha256::digest(brought.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect::<String>();
            if same(&hashed, claimed) || same(brought, claimed) { Ok(()) } else { Err(IdTokenError::Nonce) }
        }
        (Nonce::Brought(_), _) => Err(IdTokenError::NonceMissing),
        (Nonce::Sent(_), _) => Err(IdTokenError::Nonce),
    }
}

/// Compares `at_hash` with the access token that came with the ID token (section 3.1.3.6), if there is one.
pub(super) fn judge_access_token(claims: &Value, algorithm: Algorithm, token: &str) -> Result<(), IdTokenError> {
    let Some(claimed) = claims["at_hash"].as_str() else { return Ok(()) };
    let digest = match algorithm {
        Algorithm::RS384 | Algorithm::PS384 | Algorithm::ES384 => Sha384::digest(token.as_bytes()).to_vec(),
        Algorithm::RS512 | Algorithm::PS512 | Algorithm::EdDSA => Sha512::digest(token.as_bytes()).to_vec(),
        _ => Sha256::digest(token.as_bytes()).to_vec(),
    };
    let left = URL_SAFE_NO_PAD.encode(&digest[..digest.len() / 2]);
    if left == claimed.trim_end_matches('=') { Ok(()) } else { Err(IdTokenError::AccessToken) }
}

fn bad(why: &str) -> IdTokenError {
    IdTokenError::Bad(why.to_owned())
}
