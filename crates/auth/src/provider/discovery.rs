//! What an OpenID provider publishes of itself: its discovery document and its keys, kept for a while.
//!
//! One fetch is under way at a time; a failed one is not tried again for some seconds. Keys are fetched again when a token names an unknown
//! one, but not more often than [`KEYS_REST`], so that tokens with invented key ids don't make requests.

use std::sync::Arc;
use std::time::{Duration, Instant};

use basalt_outbound::{Limits, Outbound};
use bytes::Bytes;
use http::{Request, header};
use jsonwebtoken::jwk::{Jwk, KeyAlgorithm, PublicKeyUse};
use serde::Deserialize;
use serde_json::Value;
use tokio::sync::Mutex;

use super::definition::is_trustworthy;
use super::error::{IdTokenError, ProviderError};

const FRESH: Duration = Duration::from_secs(3600);
const FAILURE_RESTS: Duration = Duration::from_secs(5);
const KEYS_REST: Duration = Duration::from_secs(60);
const MOST_KEYS: usize = 64;
const LARGEST: u64 = 256 * 1024;

/// A discovery document (OpenID Connect Discovery, section 3): what is used of it.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Metadata {
    pub issuer: String,
    pub authorization_endpoint: String,
    pub token_endpoint: String,
    pub userinfo_endpoint: String,
    pub jwks_uri: String,
    pub token_endpoint_auth_methods_supported: Vec<String>,
    pub code_challenge_methods_supported: Vec<String>,
}

/// What was fetched, or why it was not, and when.
pub(super) struct Kept<T>(Mutex<Option<Fetched<T>>>);

type Fetched<T> = (Instant, Result<Arc<T>, ProviderError>);

impl<T> Default for Kept<T> {
    fn default() -> Self {
        Kept(Mutex::new(None))
    }
}

impl<T> Kept<T> {
    /// What is kept, if it is younger than `age`; else what `fetch` brings.
    async fn get<F>(&self, age: Duration, fetch: impl FnOnce() -> F) -> Result<Arc<T>, ProviderError>
    where
        F: Future<Output = Result<T, ProviderError>>,
    {
        let mut kept = self.0.lock().await;
        if let Some((at, found)) = &*kept {
            let age = if found.is_ok() { age } else { FAILURE_RESTS };
            if at.elapsed() < age {
                return found.clone();
            }
        }
        let found = fetch().await.map(Arc::new);
        *kept = Some((Instant::now(), found.clone()));
        found
    }
}

/// The discovery document of an issuer.
pub(super) async fn metadata(
    kept: &Kept<Metadata>,
    outbound: &Outbound,
    issuer: &str,
) -> Result<Arc<Metadata>, ProviderError> {
    kept.get(FRESH, || async {
        let url = format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/'));
        let found: Metadata = fetch(outbound, &url).await?;
        if found.issuer.trim_end_matches('/') != issuer.trim_end_matches('/') {
            return Err(ProviderError::Configuration(format!(
                "{url} is the document of another issuer: {}",
                found.issuer
            )));
        }
        for endpoint in [&found.authorization_endpoint, &found.token_endpoint, &found.jwks_uri] {
            if !is_trustworthy(endpoint.split(['?', '#']).next().unwrap_or_default()) {
                return Err(ProviderError::Configuration(format!(
                    "{url} names an endpoint that is no https URL: {endpoint}"
                )));
            }
        }
        Ok(found)
    })
    .await
}

/// The issuer's key that a token's header names.
pub(super) async fn key(
    kept: &Kept<Vec<Jwk>>,
    outbound: &Outbound,
    url: &str,
    header: &jsonwebtoken::Header,
) -> Result<Jwk, ProviderError> {
    for age in [FRESH, KEYS_REST] {
        let keys = kept.get(age, || keys(outbound, url)).await?;
        let mut fitting = keys.iter().filter(|key| fits(key, header));
        // Without a key id there must be no choice.
        match (fitting.next(), fitting.next()) {
            (Some(key), None) => return Ok(key.clone()),
            (Some(key), Some(_)) if header.kid.is_some() => return Ok(key.clone()),
            _ => {}
        }
    }
    Err(IdTokenError::Bad("it is signed with a key that the issuer does not publish".into()).into())
}

fn fits(key: &Jwk, header: &jsonwebtoken::Header) -> bool {
    let common = &key.common;
    let id = header.kid.is_none() || common.key_id == header.kid;
    let signs = common.public_key_use.as_ref().is_none_or(|usage| *usage == PublicKeyUse::Signature);
    let named = |algorithm: KeyAlgorithm| algorithm.to_string() == format!("{:?}", header.alg);
    id && signs && common.key_algorithm.is_none_or(named)
}

async fn keys(outbound: &Outbound, url: &str) -> Result<Vec<Jwk>, ProviderError> {
    #[derive(Deserialize)]
    struct Set {
        keys: Vec<Value>,
    }
    let set: Set = fetch(outbound, url).await?;
    // A key of a kind that is not known here does not spoil the others.
    Ok(set.keys.into_iter().take(MOST_KEYS).filter_map(|key| serde_json::from_value(key).ok()).collect())
}

async fn fetch<T: serde::de::DeserializeOwned>(outbound: &Outbound, url: &str) -> Result<T, ProviderError> {
    let limits = Limits { timeout: Duration::from_secs(10), response: LARGEST, redirects: 2 };
    let request = Request::get(url).header(header::ACCEPT, "application/json").body(Bytes::new());
    let request = request.map_err(|error| ProviderError::Configuration(format!("{url} is no URL: {error}")))?;
    let response = outbound.limited(limits).send(request).await?;
    if !response.status().is_success() {
        return Err(ProviderError::Answer(format!("{url} answered {}", response.status())));
    }
    serde_json::from_slice(response.body()).map_err(|error| ProviderError::Answer(format!("{url}: {error}")))
}
