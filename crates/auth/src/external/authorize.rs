//! `GET /authorize` and `GET /user/identities/authorize`: the browser leaves for the provider.

use bytes::Bytes;
use http::Response;
use serde_json::json;
use url::form_urlencoded;
use uuid::Uuid;

use super::state::{Flow, unguessable};
use crate::call::Call;
use crate::error::{AuthError, Result, answer};
use crate::flow::Challenge;
use crate::landing::redirect;
use crate::limit::Kind;
use crate::provider::{Asked, Provider, ProviderError};

/// Most parameters of a caller that are passed on.
const MOST_EXTRA: usize = 32;

/// Longest nonce of a caller that is kept with the flow.
const LONGEST_NONCE: usize = 255;

impl Call<'_> {
    /// `GET /authorize`
    pub async fn authorize(&self) -> Result<Response<Bytes>> {
        self.limit(Kind::Authorize)?;
        Ok(redirect(302, &self.leave_for_provider(None).await?))
    }

    /// `GET /user/identities/authorize`: the same for a user who is signed in.
    pub async fn authorize_link(&self) -> Result<Response<Bytes>> {
        self.require_manual_linking()?;
        let mut work = self.begin().await?;
        let user = self.bearer(&mut work, false).await?.user;
        drop(work);
        let url = self.leave_for_provider(Some(user.id)).await?;
        match self.query("skip_http_redirect").as_deref() {
            Some("true") => Ok(answer(200, &json!({ "url": url }))),
            _ => Ok(redirect(302, &url)),
        }
    }

    /// The provider that a request names.
    ///
    /// Errors: `validation_failed`.
    pub(super) fn provider(&self, name: &str) -> Result<&Provider> {
        let provider = self.auth.providers.get(name);
        provider.ok_or_else(|| match self.auth.settings.external.contains_key(name) {
            true => AuthError::validation("Unsupported provider: provider is not enabled"),
            false => AuthError::validation(format!("Unsupported provider: Provider {} could not be found", clip(name))),
        })
    }

    /// Stores a flow; gives the URL at which the provider asks the user.
    async fn leave_for_provider(&self, linking_target_id: Option<Uuid>) -> Result<String> {
        let provider = self.provider(&self.query("provider").unwrap_or_default().to_lowercase())?;
        let challenge = Challenge {
            code_challenge: self.query("code_challenge"),
            code_challenge_method: self.query("code_challenge_method"),
        };
        let pkce = challenge.read()?;
        let (scopes, given) = (self.query("scopes").unwrap_or_default(), self.query("nonce"));
        if given.as_ref().is_some_and(|nonce| nonce.len() > LONGEST_NONCE) {
            return Err(AuthError::validation(format!("nonce has to be at most {LONGEST_NONCE} characters")));
        }
        let (nonce, verifier) = (given.unwrap_or_else(unguessable), unguessable());
        let pairs = form_urlencoded::parse(self.request.query.as_bytes()).into_owned();
        let extra: Vec<(String, String)> = pairs.take(MOST_EXTRA).collect();
        let flow = Flow {
            id: Uuid::new_v4(),
            provider_type: provider.name().to_owned(),
            code_challenge: pkce.as_ref().map(|pkce| pkce.challenge.clone()),
            code_challenge_method: pkce.as_ref().map(|pkce| pkce.method.to_owned()),
            referrer: Some(self.redirect_to()),
            linking_target_id,
            nonce: Some(nonce.clone()),
            provider_code_verifier: Some(verifier.clone()),
            created_at: self.now,
        };
        let state = flow.id.to_string();
        let asked = Asked { state: &state, nonce: &nonce, verifier: &verifier, scopes: &scopes, extra: &extra };
        let url = provider.authorize_url(asked).await.map_err(|error| unavailable(provider, &error))?;
        let mut work = self.begin().await?;
        work.begin_external_flow(&flow).await?;
        work.commit().await?;
        Ok(url)
    }
}

/// A provider that can't be asked. What is wrong goes to the log: it is the operator's to mend.
pub(super) fn unavailable(provider: &Provider, error: &ProviderError) -> AuthError {
    tracing::error!(provider = provider.name(), %error, "an identity provider can't be asked");
    AuthError::new(500, "unexpected_failure", format!("Error asking the provider {}", provider.name()))
}

fn clip(text: &str) -> String {
    text.chars().take(64).collect()
}
