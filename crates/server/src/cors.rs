//! Cross-origin requests (Fetch standard).

use axum::body::Body;
use http::{HeaderMap, HeaderValue, Method, Response, header};

const METHODS: HeaderValue = HeaderValue::from_static("GET, POST, PATCH, PUT, DELETE, OPTIONS, HEAD");
const EXPOSED: HeaderValue = HeaderValue::from_static(
    "Content-Encoding, Content-Location, Content-Profile, Content-Range, Content-Type, Date, Link, Location, \
     Preference-Applied, Range-Unit, Server, Transfer-Encoding, X-Request-Id, X-Supabase-Api-Version, X-Total-Count",
);

/// Which origins may call.
pub(crate) struct Cors {
    /// Allowed origins; empty allows any, without credentials.
    origins: Vec<String>,
}

impl Cors {
    pub(crate) fn new(origins: Vec<String>) -> Self {
        Cors { origins }
    }

    /// The answer to a preflight request, if this is one.
    pub(crate) fn preflight(&self, method: &Method, headers: &HeaderMap) -> Option<Response<Body>> {
        if method != Method::OPTIONS || !headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD) {
            return None;
        }
        headers.get(header::ORIGIN)?;
        let mut response = Response::new(Body::empty());
        let answer = response.headers_mut();
        answer.insert(header::ACCESS_CONTROL_ALLOW_METHODS, METHODS);
        let asked = headers.get(header::ACCESS_CONTROL_REQUEST_HEADERS).and_then(|v| v.to_str().ok());
        let allowed = match asked {
            Some(asked) => format!("Authorization, {asked}, Accept, Accept-Language, Content-Language"),
            None => "Authorization, Accept, Accept-Language, Content-Language".into(),
        };
        answer.extend(HeaderValue::from_str(&allowed).ok().map(|v| (header::ACCESS_CONTROL_ALLOW_HEADERS, v)));
        answer.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("86400"));
        Some(response)
    }

    /// Adds what every answer to a browser carries.
    pub(crate) fn decorate(&self, origin: Option<&HeaderValue>, answer: &mut HeaderMap) {
        let Some(origin) = origin else { return };
        if self.origins.is_empty() {
            answer.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
        } else if self.origins.iter().any(|allowed| allowed.as_bytes() == origin.as_bytes()) {
            answer.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
            answer.insert(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
            answer.append(header::VARY, HeaderValue::from_static("Origin"));
        }
        answer.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
    }
}
