//! Answers that the server makes itself.

use axum::body::Body;
use http::{HeaderValue, Response, StatusCode, header};

/// What a body is.
pub(crate) const JSON: &str = "application/json; charset=utf-8";
pub(crate) const PAGE: &str = "text/html; charset=utf-8";
pub(crate) const TEXT: &str = "text/plain; charset=utf-8";

/// An answer with a body.
pub(crate) fn answer(status: StatusCode, kind: &'static str, body: impl Into<Body>) -> Response<Body> {
    let mut response = empty(status);
    *response.body_mut() = body.into();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}

/// An answer without one.
pub(crate) fn empty(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response
}

/// The answer to a method that is not among `allowed`.
pub(crate) fn not_allowed(allowed: &'static str) -> Response<Body> {
    let mut response = empty(StatusCode::METHOD_NOT_ALLOWED);
    response.headers_mut().insert(header::ALLOW, HeaderValue::from_static(allowed));
    response
}
