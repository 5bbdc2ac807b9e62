//! What a request to auth answers when it fails.

use std::time::Duration;

use basalt_core::Error;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use serde_json::{Map, Value, json};

/// The version of the API from which on errors carry their code as text.
const VERSION: &str = "2024-01-01";
const VERSION_HEADER: &str = "x-supabase-api-version";

/// A refusal: its status, its code (`docs/errors.md`), and a sentence for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthError {
    status: u16,
    code: &'static str,
    message: String,
    shape: Shape,
    /// Seconds after which it may be asked again.
    retry_after: Option<u64>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Shape {
    /// `code` and `message`.
    Plain,
    /// The same with the reasons why a password is weak.
    WeakPassword(Vec<&'static str>),
    /// `error` and `error_description` (RFC 6749 section 5.2).
    OAuth,
}

/// A `Result` whose error is [`AuthError`].
pub type Result<T, E = AuthError> = std::result::Result<T, E>;

impl AuthError {
    /// A refusal with a code of the contract.
    pub fn new(status: u16, code: &'static str, message: impl Into<String>) -> Self {
        AuthError { status, code, message: message.into(), shape: Shape::Plain, retry_after: None }
    }

    /// `400 validation_failed`.
    pub fn validation(message: impl Into<String>) -> Self {
        AuthError::new(400, "validation_failed", message)
    }

    /// A refusal in OAuth's own shape, always 400.
    pub fn oauth(error: &'static str, description: impl Into<String>) -> Self {
        AuthError { shape: Shape::OAuth, ..AuthError::new(400, error, description) }
    }

    /// `422 weak_password` with its reasons: `length`, `characters`, `pwned`.
    pub fn weak_password(message: impl Into<String>, reasons: Vec<&'static str>) -> Self {
        let shape = Shape::WeakPassword(reasons);
        AuthError { shape, ..AuthError::new(422, "weak_password", message) }
    }

    /// `429 over_request_rate_limit` for a time.
    pub fn rate_limit(wait: Duration) -> Self {
        AuthError::new(429, "over_request_rate_limit", "Request rate limit reached").retry_after(wait)
    }

    /// The same, and `Retry-After` says when it may be asked again: in so many seconds, at least one.
    pub fn retry_after(self, wait: Duration) -> Self {
        AuthError { retry_after: Some(wait.as_secs_f64().ceil().max(1.0) as u64), ..self }
    }

    /// A fault of the server's own. The cause goes to the log only.
    pub fn unexpected(cause: impl std::fmt::Display) -> Self {
        tracing::error!(%cause, "a request to auth failed");
        AuthError::new(500, "unexpected_failure", "Unexpected failure, please check server logs for more information")
    }

    /// A row of the users' that could not be stored: what the project's own triggers and keys refuse is told in the log only.
    pub fn of_database(error: Error, doing: &str) -> Self {
        // The latter two are of a text that no column takes.
        if is_passing(error.code()) || matches!(error.code(), "22021" | "22P05") {
            return error.into();
        }
        tracing::error!(cause = %error, "database error {doing}");
        AuthError::new(500, "unexpected_failure", format!("Database error {doing}"))
    }

    /// The HTTP status.
    pub fn status(&self) -> u16 {
        self.status
    }

    /// The code of the contract.
    pub fn code(&self) -> &'static str {
        self.code
    }

    /// The sentence.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// As an answer to a request with these headers.
    pub fn response(&self, request: &HeaderMap) -> Response<Bytes> {
        let versioned = request.get(VERSION_HEADER).is_some_and(|version| version.as_bytes() >= VERSION.as_bytes());
        let mut response = Response::new(Bytes::from(self.body(versioned).to_string()));
        *response.status_mut() = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert("x-sb-error-code", HeaderValue::from_static(self.code));
        if versioned {
            headers.insert(VERSION_HEADER, HeaderValue::from_static(VERSION));
        }
        if let Some(seconds) = self.retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }

    fn body(&self, versioned: bool) -> Value {
        let mut body = match (&self.shape, versioned) {
            (Shape::OAuth, _) => return json!({"error": self.code, "error_description": self.message}),
            (_, true) => json!({"code": self.code, "message": self.message}),
            (_, false) => json!({"code": self.status, "error_code": self.code, "msg": self.message}),
        };
        if let Shape::WeakPassword(reasons) = &self.shape {
            body["weak_password"] = json!({ "reasons": reasons });
        }
        if self.status >= 500 {
            body["error_id"] = uuid::Uuid::new_v4().to_string().into();
        }
        body
    }
}

/// Whether the database may do the same another time.
fn is_passing(code: &str) -> bool {
    code.starts_with("53")
        || ["PGRST003", "08001", "08006", "57P03", "57014", "25P03", "40001", "40P01", "55P03"].contains(&code)
}

impl From<Error> for AuthError {
    /// A failed statement. What the database lacks for the moment may be tried again; everything else is a fault of ours.
    fn from(error: Error) -> Self {
        match error.code() {
            "53100" => {
                tracing::error!(%error, hint = error.hint(), "the database has no room");
                AuthError::new(503, "database_full", "The database has no room for this at the moment")
            }
            code if code.starts_with("53") || ["PGRST003", "08001", "08006", "57P03"].contains(&code) => {
                AuthError::new(503, "request_timeout", "The database is busy or away; try again in a moment")
            }
            "57014" | "25P03" => AuthError::new(504, "request_timeout", "The database took too long; try again"),
            "40001" | "40P01" | "55P03" => {
                AuthError::new(409, "conflict", "Too many concurrent requests touched the same thing; try again")
            }
            // A text that no column takes, such as one with a NUL.
            code if code.starts_with("22") => AuthError::validation(format!("invalid value: {}", error.message())),
            _ => AuthError::unexpected(error),
        }
    }
}

/// An answer with a JSON body.
pub fn answer(status: u16, body: &impl serde::Serialize) -> Response<Bytes> {
    let text = serde_json::to_vec(body).unwrap_or_default();
    let mut response = Response::new(Bytes::from(text));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::OK);
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// `200 {}`.
pub fn done() -> Response<Bytes> {
    answer(200, &Map::new())
}
