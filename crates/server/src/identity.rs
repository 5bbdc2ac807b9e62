//! What the auth API needs of the server, and the development mailbox.

use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;

use axum::body::Body;
use basalt_auth::{AuthError, Keys, State, Verify};
use basalt_core::Identity;
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, header};
use ipnet::IpNet;
use uuid::Uuid;

use crate::config::Config;
use crate::start::StartError;
use crate::token::Verifier;

/// Where the auth API is mounted.
pub const AUTH: &str = "/auth/v1";
/// Where the development mailbox is.
pub const MAIL: &str = "/studio/mail";

/// Largest style that the mailbox's pages need: what a mail holds must not run.
const PAGE_POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; style-src 'unsafe-inline'; img-src https: data:; sandbox allow-popups",
);

impl Verify for Verifier {
    fn verify(&self, token: &str) -> Result<Identity, String> {
        Verifier::verify(self, token).map_err(|error| error.body.message)
    }
}

/// The keys that sign access tokens: the configured private keys, else the secret. None where only somebody else signs.
///
/// Errors: what of the keys can't be used.
pub(crate) fn keys(project: &Path, config: &Config) -> Result<Option<Arc<Keys>>, StartError> {
    let auth = &config.auth;
    if !auth.signing_keys_path.as_os_str().is_empty() {
        let keys = Keys::from_file(&project.join(&auth.signing_keys_path)).map_err(StartError::Config)?;
        return Ok(Some(Arc::new(keys)));
    }
    Ok((!auth.jwt_secret.is_empty()).then(|| Arc::new(Keys::secret(&auth.jwt_secret))))
}

/// The client's address: the peer's, or what a trusted proxy says that it forwards for.
pub(crate) fn client(trusted: &[IpNet], peer: IpAddr, headers: &HeaderMap) -> IpAddr {
    let peer = peer.to_canonical();
    let is_trusted = |address: &IpAddr| trusted.iter().any(|network| network.contains(address));
    if !is_trusted(&peer) {
        return peer;
    }
    // Each proxy appends whom it heard; the last that is no proxy of ours is the client. What stands before it anybody can write.
    let forwarded = headers.get_all("x-forwarded-for").iter().filter_map(|value| value.to_str().ok());
    let hops: Vec<&str> = forwarded.flat_map(|value| value.split(',')).collect();
    let known = hops.into_iter().rev().map_while(|hop| hop.trim().parse::<IpAddr>().ok());
    known.map(|hop| hop.to_canonical()).find(|hop| !is_trusted(hop)).unwrap_or(peer)
}

/// An answer to a body that did not come whole.
pub(crate) fn unreadable(status: u16, message: &str, headers: &HeaderMap) -> Response<Body> {
    let code = if status == 413 { "request_entity_too_large" } else { "bad_json" };
    AuthError::new(status, code, message).response(headers).map(Body::from)
}

/// The mailbox: a list and each mail as pages, all of them as JSON.
///
/// `GET /studio/mail` is the list, `/studio/mail/ID` a mail, `/studio/mail/messages[?to=ADDRESS]` all mails as JSON, newest first;
/// `DELETE /studio/mail/messages` throws them away.
pub(crate) fn mail(state: &State, request: &Request<Body>) -> Response<Body> {
    let rest = request.uri().path().strip_prefix(MAIL).unwrap_or_default().trim_matches('/');
    let mailbox = &state.mailbox;
    match (request.method().as_str(), rest) {
        ("GET", "") => page(&list(&mailbox.mails(None))),
        ("GET", "messages") => {
            let query = request.uri().query().unwrap_or_default();
            let to = url::form_urlencoded::parse(query.as_bytes())
                .find(|(key, _)| key == "to")
                .map(|(_, to)| to.into_owned());
            json(&mailbox.mails(to.as_deref()))
        }
        ("DELETE", "messages") => {
            mailbox.empty();
            status(StatusCode::NO_CONTENT)
        }
        ("GET", id) => match Uuid::parse_str(id).ok().and_then(|id| mailbox.mail(id)) {
            Some(mail) => page(&mail.html),
            None => status(StatusCode::NOT_FOUND),
        },
        _ => status(StatusCode::METHOD_NOT_ALLOWED),
    }
}

fn list(mails: &[basalt_auth::Mail]) -> String {
    let row = |mail: &basalt_auth::Mail| {
        format!(
            "<tr><td>{}</td><td>{}</td><td><a href=\"{MAIL}/{}\">{}</a></td><td><code>{}</code></td></tr>",
            mail.sent_at.strftime("%H:%M:%S"),
            escaped(&mail.to),
            mail.id,
            escaped(&mail.subject),
            escaped(&mail.token),
        )
    };
    let rows: String = mails.iter().map(row).collect();
    format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Mail</title>\
         <style>body{{font:16px/1.5 system-ui;margin:2rem auto;max-width:60rem;padding:0 1rem}}table{{width:100%;border-collapse:collapse}}\
         td,th{{text-align:left;padding:.4rem;border-bottom:1px solid #8884}}</style>\
         <h1>Mail</h1><p>What would have been sent, newest first.</p>\
         <table><tr><th>Time (UTC)</th><th>To</th><th>Subject</th><th>Code</th></tr>{rows}</table></html>"
    )
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

fn page(html: &str) -> Response<Body> {
    let mut response = Response::new(Body::from(html.to_owned()));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    headers.insert(header::CONTENT_SECURITY_POLICY, PAGE_POLICY);
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    response
}

fn json(body: &impl serde::Serialize) -> Response<Body> {
    let mut response = Response::new(Body::from(serde_json::to_vec(body).unwrap_or_default()));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

fn status(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response
}

#[cfg(test)]
mod tests {
    use http::HeaderName;

    use super::*;

    fn headers(forwarded: &[&str]) -> HeaderMap {
        forwarded.iter().map(|value| (HeaderName::from_static("x-forwarded-for"), value.parse().unwrap())).collect()
    }

    #[test]
    fn only_a_trusted_proxy_says_for_whom_it_asks() {
        let trusted = ["10.0.0.0/8".parse().unwrap()];
        let seen =
            |peer: &str, forwarded: &[&str]| client(&trusted, peer.parse().unwrap(), &headers(forwarded)).to_string();
        assert_eq!(seen("203.0.113.7", &["1.2.3.4"]), "203.0.113.7");
        assert_eq!(seen("10.0.0.1", &["1.2.3.4"]), "1.2.3.4");
        assert_eq!(seen("10.0.0.1", &["6.6.6.6, 1.2.3.4, 10.0.0.2"]), "1.2.3.4");
        assert_eq!(seen("10.0.0.1", &["6.6.6.6", "1.2.3.4"]), "1.2.3.4");
        assert_eq!(seen("10.0.0.1", &["junk, 1.2.3.4"]), "1.2.3.4");
        assert_eq!(seen("10.0.0.1", &["1.2.3.4, junk"]), "10.0.0.1");
        assert_eq!(seen("10.0.0.1", &[]), "10.0.0.1");
    }
}
