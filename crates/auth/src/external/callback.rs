//! `GET` and `POST /callback`: the browser is back from the provider.

use bytes::Bytes;
use http::{Method, Response};
use url::form_urlencoded;

use super::account::Way;
use super::authorize::unavailable;
use super::state::Flow;
use crate::call::{Call, FORM};
use crate::error::{AuthError, Result};
use crate::landing::{Landing, redirect};
use crate::provider::{Answered, Provider, ProviderError};

/// Largest form that a provider posts.
const LARGEST_FORM: usize = 64 * 1024;

/// What a browser brings back.
struct Returned(Vec<(String, String)>);

impl Returned {
    /// From the query, or from the form that the provider has the browser post.
    fn read(call: &Call<'_>) -> Returned {
        let text: &[u8] = match *call.request.method {
            Method::POST if is_form(call) => &call.request.body,
            Method::POST => b"",
            _ => call.request.query.as_bytes(),
        };
        Returned(form_urlencoded::parse(text).into_owned().collect())
    }

    fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(key, value)| key == name && !value.is_empty()).map(|(_, value)| value.as_str())
    }
}

impl Call<'_> {
    /// `GET|POST /callback`. Whatever happens, the browser is sent home.
    pub async fn callback(&self) -> Response<Bytes> {
        let returned = Returned::read(self);
        // What went wrong stands in the query as well, whatever the flow.
        let landing = |url: &str| Landing { url: url.to_owned(), is_pkce: true };
        let flow = match self.returned_flow(&returned).await {
            Ok(flow) => flow,
            Err(error) => return redirect(302, &landing(self.auth.redirects.site()).with_error(&error)),
        };
        let home = landing(&self.auth.redirects.choose(flow.referrer.as_deref(), None));
        if let Some(error) = returned.get("error") {
            let description = returned.get("error_description").unwrap_or_default();
            return redirect(302, &home.with_fault(&clip(error, 64), "", &clip(description, 512)));
        }
        match self.exchange_external(&flow, &returned, &home).await {
            Ok(to) => redirect(302, &to),
            Err(error) => redirect(302, &home.with_error(&error)),
        }
    }

    /// Uses up the flow that the browser's state names.
    async fn returned_flow(&self, returned: &Returned) -> Result<Flow> {
        let missing = || AuthError::new(400, "bad_oauth_callback", "OAuth state parameter missing");
        let state = returned.get("state").ok_or_else(missing)?;
        let mut work = self.begin().await?;
        let flow = work.take_external_flow(state, self.now).await?;
        work.commit().await?;
        Ok(flow)
    }

    /// Exchanges the provider's code; gives the address that carries a code or a session home.
    async fn exchange_external(&self, flow: &Flow, returned: &Returned, home: &Landing) -> Result<String> {
        let missing = || AuthError::new(400, "bad_oauth_callback", "OAuth callback without an authorization code");
        let answered = Answered {
            code: returned.get("code").ok_or_else(missing)?,
            nonce: flow.nonce.as_deref().unwrap_or_default(),
            verifier: flow.provider_code_verifier.as_deref().unwrap_or_default(),
            user: returned.get("user"),
        };
        // The provider that was asked, whatever came back names.
        let provider = self.provider(&flow.provider_type)?;
        if !provider.may_have_answered(returned.get("iss")) {
            let message = "OAuth callback from another provider than the one that was asked";
            return Err(AuthError::new(400, "bad_oauth_callback", message));
        }
        let external = provider.exchange(answered).await.map_err(|error| not_exchanged(provider, error))?;
        let (mut work, mut user) = match flow.linking_target_id {
            Some(target) if flow.is_pkce() => {
                let mut work = self.begin().await?;
                work.judge_linkable(&external, target).await?;
                let code = work.issue_external_code(flow, target, &external, true, self.now).await?;
                work.commit().await?;
                return Ok(home.with_code(code));
            }
            Some(target) => self.account(provider, &external, Way::Link(target), &home.url).await?,
            None => self.account(provider, &external, Way::SignIn, &home.url).await?,
        };
        if flow.is_pkce() {
            let code = work.issue_external_code(flow, user.id, &external, false, self.now).await?;
            work.commit().await?;
            return Ok(home.with_code(code));
        }
        let begun = self.sign_in(&mut work, &mut user, "oauth").await?;
        self.audit(&mut work, "login", Some(&user), provider.name()).await?;
        let session = self.finish(work, begun).await?;
        let tokens = [("provider_refresh_token", &external.refresh_token), ("provider_token", &external.access_token)];
        let tokens: Vec<(&str, &str)> =
            tokens.iter().filter_map(|(name, token)| Some((*name, token.as_deref()?))).collect();
        Ok(home.with_session(&session, None, &tokens))
    }
}

/// Whether the body is a form, and not too large a one.
fn is_form(call: &Call<'_>) -> bool {
    call.request.body.len() <= LARGEST_FORM && call.declared().as_deref() == Some(FORM)
}

fn clip(text: &str, most: usize) -> String {
    text.chars().take(most).collect()
}

/// A code that led to nobody. What exactly went wrong is for the log.
fn not_exchanged(provider: &Provider, error: ProviderError) -> AuthError {
    match error {
        ProviderError::Refused { .. } | ProviderError::Token(_) => {
            tracing::warn!(provider = provider.name(), %error, "a code was not exchanged");
            AuthError::new(500, "unexpected_failure", "Unable to exchange external code")
        }
        ProviderError::Answer(_) => {
            tracing::warn!(provider = provider.name(), %error, "a profile could not be read");
            AuthError::new(500, "unexpected_failure", "Error getting user profile from external provider")
        }
        error => unavailable(provider, &error),
    }
}
