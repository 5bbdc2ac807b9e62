//! Back to the application: a redirect that carries a session, a code or an error.

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use url::{Url, form_urlencoded};
use uuid::Uuid;

use crate::error::AuthError;
use crate::session::SignedIn;

/// Where a user comes back, an address that was judged.
pub(crate) struct Landing {
    pub url: String,
    /// Whether the application expects a code, and errors in the query.
    pub is_pkce: bool,
}

impl Landing {
    /// With the tokens in the fragment, which no server sees. `more` are further members, such as the provider's tokens.
    pub fn with_session(&self, signed_in: &SignedIn, kind: Option<&str>, more: &[(&str, &str)]) -> String {
        let (at, seconds) = (signed_in.expires_at().to_string(), signed_in.body.get("expires_in"));
        let seconds = seconds.map(ToString::to_string).unwrap_or_default();
        let mut pairs =
            vec![("access_token", signed_in.text("access_token")), ("expires_at", &at), ("expires_in", &seconds)];
        pairs.extend_from_slice(more);
        pairs.extend([("refresh_token", signed_in.text("refresh_token")), ("sb", ""), ("token_type", "bearer")]);
        pairs.extend(kind.map(|kind| ("type", kind)));
        self.with_fragment(&pairs)
    }

    /// With a code to exchange.
    pub fn with_code(&self, code: Uuid) -> String {
        self.with_query(&[("code", &code.to_string())])
    }

    /// With what went wrong.
    pub fn with_error(&self, error: &AuthError) -> String {
        let name = match (error.code(), error.status()) {
            ("signup_disabled" | "user_banned" | "provider_email_needs_verification", _) => "access_denied",
            (_, 400) => "invalid_request",
            (_, 401) => "unauthorized_client",
            (_, 403) => "access_denied",
            (_, 503) => "temporarily_unavailable",
            _ => "server_error",
        };
        self.with_fault(name, error.code(), error.message())
    }

    /// With an error in OAuth's terms. A provider's own has no code of ours.
    pub fn with_fault(&self, error: &str, code: &str, description: &str) -> String {
        let mut pairs = vec![("error", error), ("error_code", code), ("error_description", description)];
        pairs.retain(|(name, value)| *name != "error_code" || !value.is_empty());
        let fragment = [&pairs[..], &[("sb", "")]].concat();
        match self.is_pkce {
            true => Landing { url: self.with_query(&pairs), is_pkce: true }.with_fragment(&fragment),
            false => self.with_fragment(&fragment),
        }
    }

    pub fn with_fragment(&self, pairs: &[(&str, &str)]) -> String {
        let base = self.url.split('#').next().unwrap_or_default();
        format!("{base}#{}", encode(pairs))
    }

    fn with_query(&self, pairs: &[(&str, &str)]) -> String {
        match Url::parse(&self.url) {
            Ok(mut url) => {
                url.query_pairs_mut().extend_pairs(pairs);
                url.into()
            }
            Err(_) => self.url.clone(),
        }
    }
}

fn encode(pairs: &[(&str, &str)]) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
}

/// A redirect. Nobody keeps it, and the next page does not learn where the user came from.
pub(crate) fn redirect(status: u16, to: &str) -> Response<Bytes> {
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::SEE_OTHER);
    let headers = response.headers_mut();
    if let Ok(to) = HeaderValue::try_from(to) {
        headers.insert(header::LOCATION, to);
    }
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    response
}
