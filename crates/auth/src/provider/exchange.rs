//! A provider in use: the URL that asks, who the user is once a code or an ID token came back.

use std::sync::Arc;
use std::time::Duration;

use basalt_outbound::{Limits, Outbound};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::Jwk;
use serde_json::Value;
use sha2::{Digest, Sha256};
use url::Url;

use super::definition::{Client, Definition, Source};
use super::discovery::{self, Kept, Metadata};
use super::error::ProviderError;
use super::id_token::{self, Expected, Nonce};
use super::template::text;
use super::user::Origin;
use super::{External, ExternalUser};

/// What the server decides in a request to a provider; callers' own parameters don't replace these.
const OURS: [&str; 17] = [
    "apikey",
    "client_id",
    "client_secret",
    "code_challenge",
    "code_challenge_method",
    "invite_token",
    "nonce",
    "provider",
    "redirect_to",
    "redirect_uri",
    "request",
    "request_uri",
    "response_mode",
    "response_type",
    "scopes",
    "skip_http_redirect",
    "state",
];

/// Largest answer of a provider, in bytes.
const LARGEST: u64 = 1024 * 1024;

/// A provider, ready to be asked.
pub struct Provider {
    name: String,
    pub(super) row: Definition,
    pub(super) settings: External,
    pub(super) redirect_uri: String,
    pub(super) outbound: Outbound,
    metadata: Kept<Metadata>,
    keys: Kept<Vec<Jwk>>,
}

/// What is asked of a provider in a browser.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// The flow's state.
    pub state: &'a str,
    /// What the ID token will have to carry; sent to OpenID providers.
    pub nonce: &'a str,
    /// The verifier of PKCE towards the provider, where that is known to be understood.
    pub verifier: &'a str,
    /// Scopes besides the provider's own, separated by spaces.
    pub scopes: &'a str,
    /// The caller's own parameters.
    pub extra: &'a [(String, String)],
}

/// What a provider answered through the browser.
#[derive(Debug, Clone, Copy)]
pub struct Answered<'a> {
    /// The code.
    pub code: &'a str,
    /// The nonce of the [`Asked`].
    pub nonce: &'a str,
    /// The verifier of the [`Asked`].
    pub verifier: &'a str,
    /// The form's field `user` (Apple, the first time only): JSON.
    pub user: Option<&'a str>,
}

/// Where a provider's endpoints are.
pub(super) struct Endpoints {
    authorize: String,
    pub token: String,
    profile: String,
    keys: String,
    issuers: Vec<String>,
    pub client: Client,
    pub pkce: bool,
}

impl Provider {
    /// A provider of the configuration. `callback` is where it sends users back to unless its settings name another place.
    ///
    /// # Errors
    /// Says which setting is missing or wrong.
    pub fn new(name: &str, settings: &External, callback: &str, outbound: &Outbound) -> Result<Provider, String> {
        let row = Definition::resolve(name, settings)?;
        if settings.client_ids().next().is_none() {
            return Err(format!("`auth.external.{name}.client_id` is missing"));
        }
        let redirect_uri = if settings.redirect_uri.is_empty() { callback } else { &settings.redirect_uri };
        let limits = Limits { timeout: Duration::from_secs(15), response: LARGEST, redirects: 0 };
        Ok(Provider {
            name: name.to_owned(),
            row,
            settings: settings.clone(),
            redirect_uri: redirect_uri.to_owned(),
            outbound: outbound.limited(limits),
            metadata: Kept::default(),
            keys: Kept::default(),
        })
    }

    /// Its name in the configuration.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether users without an address may sign in through it.
    pub fn email_optional(&self) -> bool {
        self.settings.email_optional
    }

    /// The URL at which the provider asks the user.
    ///
    /// # Errors
    /// If its discovery document is needed and can't be had.
    pub async fn authorize_url(&self, asked: Asked<'_>) -> Result<String, ProviderError> {
        if self.settings.secret.is_empty() {
            return Err(ProviderError::Configuration(format!("`auth.external.{}.secret` is missing", self.name)));
        }
        let endpoints = self.endpoints().await?;
        let mut url = Url::parse(&endpoints.authorize)
            .map_err(|error| ProviderError::Configuration(format!("{}: {error}", endpoints.authorize)))?;
        let mut scopes: Vec<&str> = self.row.scopes.iter().map(String::as_str).collect();
        for scope in asked.scopes.split_whitespace() {
            if !scopes.contains(&scope) {
                scopes.push(scope);
            }
        }
        let mut query = url.query_pairs_mut();
        query.append_pair("client_id", self.client_id());
        query.append_pair("redirect_uri", &self.redirect_uri);
        query.append_pair("response_type", "code");
        if !scopes.is_empty() {
            query.append_pair("scope", &scopes.join(" "));
        }
        query.append_pair("state", asked.state);
        if self.is_openid() {
            query.append_pair("nonce", asked.nonce);
        }
        if endpoints.pkce {
            query.append_pair("code_challenge", &URL_SAFE_NO_PAD.encode(Sha256::digest(asked.verifier.as_bytes())));
            query.append_pair("code_challenge_method", "S256");
        }
        for (name, value) in &self.row.parameters {
            query.append_pair(name, value);
        }
        let free = |name: &str| !OURS.contains(&name) && !self.row.parameters.contains_key(name) && name != "scope";
        for (name, value) in asked.extra.iter().filter(|(name, _)| free(name)) {
            query.append_pair(name, value);
        }
        drop(query);
        Ok(url.into())
    }

    /// Exchanges the code and finds out who the user is.
    ///
    /// # Errors
    /// Any [`ProviderError`].
    pub async fn exchange(&self, answered: Answered<'_>) -> Result<ExternalUser, ProviderError> {
        let endpoints = self.endpoints().await?;
        let tokens = self.tokens(&endpoints, &answered).await?;
        let token = |name: &str| tokens.get(name).and_then(text);
        let access = token("access_token").ok_or_else(|| ProviderError::Answer("it has no access_token".into()))?;
        let mut user = if self.is_openid() {
            let id_token = token("id_token").ok_or_else(|| ProviderError::Answer("it has no id_token".into()))?;
            let mut claims = self.verified(&endpoints, &id_token, Nonce::Sent(answered.nonce), Some(&access)).await?;
            let complete = claims.get("email").is_some() && claims.get("name").is_some();
            if !complete && !endpoints.profile.is_empty() {
                let profile = self.get(&endpoints.profile, &access).await?;
                // OpenID Connect Core, section 5.3.2: a profile of somebody else is not used.
                if profile.get("sub") != claims.get("sub") {
                    return Err(ProviderError::Answer("the profile is another user's".into()));
                }
                complete_with(&mut claims, profile);
            }
            self.user(Origin::Token, &claims, None)?
        } else {
            let profile = self.get(&endpoints.profile, &access).await?;
            let listed = match self.row.emails.as_ref().filter(|emails| !emails.from.is_empty()) {
                Some(emails) => Some(self.get(&emails.from, &access).await?),
                None => None,
            };
            self.user(Origin::Profile, &profile, listed.as_ref())?
        };
        if let Some(form) = answered.user.filter(|form| form.len() <= 4096) {
            user.name_once(&serde_json::from_str(form).unwrap_or_default());
        }
        user.access_token = Some(access);
        user.refresh_token = token("refresh_token");
        Ok(user)
    }

    /// Verifies an ID token that an app got from the provider by itself, and says whose it is. `access_token` is the one that came with it.
    ///
    /// # Errors
    /// [`ProviderError::Token`] if it does not hold, else why the provider's keys can't be had.
    pub async fn verify(
        &self,
        token: &str,
        nonce: Option<&str>,
        access_token: Option<&str>,
    ) -> Result<ExternalUser, ProviderError> {
        if !self.has_id_tokens() {
            return Err(ProviderError::Configuration(format!("{} gives no ID tokens", self.name)));
        }
        let nonce = if self.settings.skip_nonce_check { Nonce::Unchecked } else { Nonce::Brought(nonce) };
        let endpoints = self.endpoints().await?;
        let claims = self.verified(&endpoints, token, nonce, access_token).await?;
        let mut user = self.user(Origin::Token, &claims, None)?;
        user.access_token = access_token.map(str::to_owned);
        Ok(user)
    }

    /// Whether it gives ID tokens.
    pub fn has_id_tokens(&self) -> bool {
        !self.row.issuer.is_empty()
    }

    /// Whether ID tokens of this issuer may be this provider's.
    pub fn is_issuer(&self, issuer: &str) -> bool {
        let issuer = issuer.trim_end_matches('/');
        let own = |accepted: &String| match accepted.split_once("{/").map(|(start, rest)| (start, rest.split_once('}')))
        {
            Some((start, Some((_, end)))) => issuer.starts_with(start) && issuer.ends_with(end),
            _ => !accepted.is_empty() && accepted.trim_end_matches('/') == issuer,
        };
        own(&self.row.issuer) || self.row.issuers.iter().any(own)
    }

    /// Whether a browser that says it comes from this issuer (RFC 9207) may come from this provider.
    pub fn may_have_answered(&self, issuer: Option<&str>) -> bool {
        !self.is_openid() || issuer.is_none_or(|issuer| self.is_issuer(issuer))
    }

    /// Whether a client id is this provider's.
    pub fn is_client(&self, client_id: &str) -> bool {
        self.settings.client_ids().any(|own| own == client_id)
    }

    fn user(&self, origin: Origin, profile: &Value, listed: Option<&Value>) -> Result<ExternalUser, ProviderError> {
        ExternalUser::read(&self.name, &self.row, origin, profile, listed).map_err(ProviderError::Answer)
    }

    pub(super) fn client_id(&self) -> &str {
        self.settings.client_ids().next().unwrap_or_default()
    }

    fn is_openid(&self) -> bool {
        !self.row.issuer.is_empty() && self.row.source == Source::Token
    }

    async fn endpoints(&self) -> Result<Endpoints, ProviderError> {
        let row = &self.row;
        let mut endpoints = Endpoints {
            authorize: row.authorize.clone(),
            token: row.token.clone(),
            profile: row.profile.clone(),
            keys: row.keys.clone(),
            issuers: std::iter::once(&row.issuer).chain(&row.issuers).cloned().collect(),
            client: row.client,
            pkce: row.pkce,
        };
        if !row.issuer.is_empty() && (row.authorize.is_empty() || row.keys.is_empty()) {
            let found: Arc<Metadata> = discovery::metadata(&self.metadata, &self.outbound, &row.issuer).await?;
            let fill = |endpoint: &mut String, found: &str| {
                if endpoint.is_empty() {
                    found.clone_into(endpoint);
                }
            };
            fill(&mut endpoints.authorize, &found.authorization_endpoint);
            fill(&mut endpoints.token, &found.token_endpoint);
            fill(&mut endpoints.profile, &found.userinfo_endpoint);
            fill(&mut endpoints.keys, &found.jwks_uri);
            endpoints.issuers[0] = found.issuer.clone();
            endpoints.pkce |= found.code_challenge_methods_supported.iter().any(|method| method == "S256");
            if endpoints.client == Client::Discovered {
                let methods = &found.token_endpoint_auth_methods_supported;
                let basic = methods.is_empty() || methods.iter().any(|method| method == "client_secret_basic");
                endpoints.client = if basic { Client::Basic } else { Client::Post };
            }
        }
        Ok(endpoints)
    }

    async fn verified(
        &self,
        endpoints: &Endpoints,
        token: &str,
        nonce: Nonce<'_>,
        access_token: Option<&str>,
    ) -> Result<Value, ProviderError> {
        let header = id_token::header(token)?;
        let key = discovery::key(&self.keys, &self.outbound, &endpoints.keys, &header).await?;
        let audiences: Vec<&str> = self.settings.client_ids().collect();
        let expected = Expected { issuers: &endpoints.issuers, audiences: &audiences };
        let claims = id_token::verify(token, &header, &key, &expected)?;
        id_token::judge_nonce(&claims, &nonce)?;
        if let Some(access_token) = access_token {
            id_token::judge_access_token(&claims, header.alg, access_token)?;
        }
        Ok(claims)
    }
}

/// Adds what an ID token did not tell; what it told is not replaced. An address comes with its own word on whether it is verified.
fn complete_with(claims: &mut Value, profile: Value) {
    let (Value::Object(claims), Value::Object(mut profile)) = (claims, profile) else { return };
    if claims.contains_key("email") {
        profile.remove("email_verified");
    } else {
        claims.remove("email_verified");
    }
    for (name, value) in profile {
        claims.entry(name).or_insert(value);
    }
}
