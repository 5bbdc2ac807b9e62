//! The way home: what a browser carries back to the application (contract: wire.md section 1.7).

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use url::Url;
use url::form_urlencoded::Serializer;

use crate::error::AuthError;
use crate::provider::ExternalUser;
use crate::session::SignedIn;

/// Why a flow failed, as the application is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Failure {
    error: String,
    code: Option<String>,
    description: String,
}

impl Failure {
    /// What the provider said itself.
    pub fn of_provider(error: &str, description: &str) -> Failure {
        let clip = |text: &str, most: usize| text.chars().take(most).collect();
        Failure { error: clip(error, 64), code: None, description: clip(description, 512) }
    }
}

impl From<AuthError> for Failure {
    fn from(error: AuthError) -> Self {
        const DENIED: [&str; 3] = ["signup_disabled", "user_banned", "provider_email_needs_verification"];
        let kind = match error.status() {
            _ if DENIED.contains(&error.code()) => "access_denied",
            400 => "invalid_request",
            401 => "unauthorized_client",
            403 => "access_denied",
            503 => "temporarily_unavailable",
            _ => "server_error",
        };
        Failure { error: kind.into(), code: Some(error.code().into()), description: error.message().into() }
    }
}

/// Sends the browser somewhere. Neither the address nor what it carries is kept or passed on.
pub(super) fn go(to: &str) -> Response<Bytes> {
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = StatusCode::FOUND;
    let headers = response.headers_mut();
    if let Ok(to) = HeaderValue::try_from(to) {
        headers.insert(header::LOCATION, to);
    }
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    response
}

/// Home with a code.
pub(super) fn with_code(home: &str, code: &str) -> Response<Bytes> {
    go(&address(home, &[("code", code)], &[]))
}

/// Home with a session.
pub(super) fn with_session(home: &str, session: &SignedIn, external: &ExternalUser) -> Response<Bytes> {
    let number = |name: &str| session.body.get(name).map(ToString::to_string).unwrap_or_default();
    let (expires_at, expires_in) = (number("expires_at"), number("expires_in"));
    let mut fields = vec![
        ("access_token", session.text("access_token")),
        ("expires_at", &expires_at),
        ("expires_in", &expires_in),
    ];
    fields.extend(external.refresh_token.as_deref().map(|token| ("provider_refresh_token", token)));
    fields.extend(external.access_token.as_deref().map(|token| ("provider_token", token)));
    fields.extend([("refresh_token", session.text("refresh_token")), ("sb", ""), ("token_type", "bearer")]);
    go(&address(home, &[], &fields))
}

/// Home with what went wrong.
pub(super) fn with_failure(home: &str, failure: &Failure) -> Response<Bytes> {
    let mut fields = vec![("error", failure.error.as_str())];
    fields.extend(failure.code.as_deref().map(|code| ("error_code", code)));
    fields.push(("error_description", &failure.description));
    let query = fields.clone();
    fields.push(("sb", ""));
    go(&address(home, &query, &fields))
}

/// An address with more in its query, and this fragment.
fn address(home: &str, query: &[(&str, &str)], fragment: &[(&str, &str)]) -> String {
    let Ok(mut url) = Url::parse(home) else { return home.to_owned() };
    if !query.is_empty() {
        url.query_pairs_mut().extend_pairs(query);
    }
    let fragment = (!fragment.is_empty()).then(|| Serializer::new(String::new()).extend_pairs(fragment).finish());
    url.set_fragment(fragment.as_deref());
    url.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn location(response: &Response<Bytes>) -> &str {
        response.headers()[header::LOCATION].to_str().unwrap()
    }

    #[test]
    fn a_code_joins_the_query() {
        assert_eq!(location(&with_code("https://app.example/cb?next=%2Fa&x=1#old", "c")), "https://app.example/cb?next=%2Fa&x=1&code=c");
        assert_eq!(location(&with_code("myapp://callback", "c")), "myapp://callback?code=c");
    }

    #[test]
    fn a_failure_stands_in_query_and_fragment() {
        let failure = AuthError::new(422, "signup_disabled", "Signups not allowed for this instance").into();
        let told = "error=access_denied&error_code=signup_disabled&error_description=Signups+not+allowed+for+this+instance";
        assert_eq!(location(&with_failure("https://app.example/cb", &failure)), format!("https://app.example/cb?{told}#{told}&sb="));
        let failure = Failure::of_provider("access_denied", "a&b=c\r\nLocation: x");
        let told = "error=access_denied&error_description=a%26b%3Dc%0D%0ALocation%3A+x";
        assert_eq!(location(&with_failure("https://app.example/", &failure)), format!("https://app.example/?{told}#{told}&sb="));
    }
}
