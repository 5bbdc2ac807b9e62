//! What a redirect asks for next, as browsers understand it (RFC 9110, section 15.4; the Fetch standard).

use bytes::Bytes;
use http::{HeaderMap, HeaderName, Method, Request, Response, StatusCode, header};
use url::Url;

use crate::Error;

/// Headers that belong to one origin, besides those that are marked as sensitive.
const CREDENTIALS: [HeaderName; 3] = [header::AUTHORIZATION, header::COOKIE, header::PROXY_AUTHORIZATION];

/// Where a response redirects to, if it does.
pub(crate) fn target<B>(response: &Response<B>, from: &Url) -> Result<Option<Url>, Error> {
    use StatusCode as S;
    let redirects = [S::MOVED_PERMANENTLY, S::FOUND, S::SEE_OTHER, S::TEMPORARY_REDIRECT, S::PERMANENT_REDIRECT];
    let Some(location) = response.headers().get(header::LOCATION).filter(|_| redirects.contains(&response.status()))
    else {
        return Ok(None);
    };
    let bad = || Error::Url("a redirect leads to what is no URL".into());
    let to = from.join(location.to_str().map_err(|_| bad())?).map_err(|_| bad())?;
    if from.scheme() == "https" && to.scheme() == "http" {
        return Err(Error::Downgrade);
    }
    Ok(Some(to))
}

/// The request that a redirect with this status asks for.
pub(crate) fn follow(request: &Request<Bytes>, status: StatusCode, from: &Url, to: &Url) -> (Method, HeaderMap, Bytes) {
    let (mut method, mut headers, mut body) =
        (request.method().clone(), request.headers().clone(), request.body().clone());
    let becomes_get = match status {
        StatusCode::SEE_OTHER => method != Method::HEAD,
        StatusCode::MOVED_PERMANENTLY | StatusCode::FOUND => method == Method::POST,
        _ => false,
    };
    if becomes_get {
        method = Method::GET;
        body = Bytes::new();
        for name in [header::CONTENT_TYPE, header::CONTENT_ENCODING, header::CONTENT_LANGUAGE, header::CONTENT_LENGTH] {
            headers.remove(name);
        }
    }
    if from.origin() != to.origin() {
        let secret = |(name, value): (&HeaderName, &http::HeaderValue)| {
            (value.is_sensitive() || CREDENTIALS.contains(name)).then(|| name.clone())
        };
        for name in headers.iter().filter_map(secret).collect::<Vec<_>>() {
            headers.remove(name);
        }
    }
    (method, headers, body)
}
