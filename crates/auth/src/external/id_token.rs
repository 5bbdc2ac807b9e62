//! `POST /token?grant_type=id_token`: an app brings the ID token that a provider gave it.

use bytes::Bytes;
use http::Response;
use serde::Deserialize;

use super::account::Way;
use super::authorize::unavailable;
use crate::call::Call;
use crate::error::{AuthError, Result};
use crate::provider::{IdTokenError, Provider, ProviderError};
use crate::user::present;

#[derive(Deserialize)]
struct Body {
    #[serde(default)]
    provider: String,
    #[serde(default)]
    id_token: String,
    access_token: Option<String>,
    nonce: Option<String>,
    #[serde(default)]
    client_id: String,
    #[serde(default)]
    issuer: String,
    #[serde(default)]
    link_identity: bool,
}

impl Call<'_> {
    /// `POST /token?grant_type=id_token`
    pub async fn id_token_grant(&self) -> Result<Response<Bytes>> {
        let body: Body = self.body()?;
        if body.id_token.is_empty() {
            return Err(AuthError::oauth("invalid_request", "id_token required"));
        }
        let provider = self.token_provider(&body)?;
        let way = if body.link_identity { Way::Link(self.linking_user().await?) } else { Way::SignIn };
        let verified = provider.verify(&body.id_token, present(&body.nonce), present(&body.access_token)).await;
        let external = verified.map_err(|error| refused(provider, error))?;
        let home = self.auth.redirects.site();
        let (mut work, mut user) = self.account(provider, &external, way, home).await?;
        let begun = self.sign_in(&mut work, &mut user, "oauth").await?;
        self.audit(&mut work, "login", Some(&user), provider.name()).await?;
        Ok(self.finish(work, begun).await?.response())
    }

    /// The provider by name, or by the issuer and the client that the body names.
    fn token_provider(&self, body: &Body) -> Result<&Provider> {
        let off = |name: &str| {
            let message =
                format!("Provider (issuer \"{}\") is not enabled", name.chars().take(128).collect::<String>());
            AuthError::new(400, "provider_disabled", message)
        };
        if !body.provider.is_empty() {
            let name = body.provider.to_lowercase();
            return self.auth.providers.get(&name).ok_or_else(|| off(&name));
        }
        if body.issuer.is_empty() || body.client_id.is_empty() {
            return Err(AuthError::oauth("invalid_request", "provider or client_id and issuer required"));
        }
        self.auth.providers.by_issuer(&body.issuer, &body.client_id).ok_or_else(|| off(&body.issuer))
    }

    /// The user who adds an identity.
    async fn linking_user(&self) -> Result<uuid::Uuid> {
        self.require_manual_linking()?;
        let mut work = self.begin().await?;
        Ok(self.bearer(&mut work, false).await?.user.id)
    }
}

/// Why a token is not taken, in OAuth's shape.
fn refused(provider: &Provider, error: ProviderError) -> AuthError {
    let invalid = |description: String| AuthError::oauth("invalid_request", description);
    match error {
        ProviderError::Token(IdTokenError::Audience(audience)) => {
            invalid(format!("Unacceptable audience in id_token: {audience:?}"))
        }
        ProviderError::Token(IdTokenError::NonceMissing) => {
            invalid("Passed nonce and nonce in id_token should either both exist or not.".into())
        }
        ProviderError::Token(IdTokenError::Nonce) => AuthError::oauth("invalid_nonce", "Nonces mismatch"),
        ProviderError::Token(why) => {
            tracing::info!(provider = provider.name(), %why, "an ID token was not taken");
            invalid("Bad ID token".into())
        }
        ProviderError::Answer(_) => invalid("Bad ID token".into()),
        ProviderError::Configuration(_) if !provider.has_id_tokens() => {
            AuthError::new(400, "provider_disabled", format!("Provider {} gives no ID tokens", provider.name()))
        }
        error => unavailable(provider, &error),
    }
}
