//! What the auth API needs of the server: its keys, who verifies tokens, and the client's address.

use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;

use axum::body::Body;
use basalt_auth::{AuthError, Keys, Verify};
use basalt_core::Identity;
use http::{HeaderMap, Response};
use ipnet::IpNet;

use crate::config::Config;
use crate::start::StartError;
use crate::token::Verifier;

/// Where the auth API is mounted.
pub const AUTH: &str = "/auth/v1";

impl Verify for Verifier {
    fn verify(&self, token: &str) -> Result<Identity, String> {
        Verifier::verify(self, token).map_err(|error| error.body.message)
    }
}

/// The keys that sign access tokens: the configured private keys, else the secret. None where only somebody else signs.
///
/// Errors: what of the keys can't be used.
pub(crate) fn keys(project: &Path, config: &Config) -> Result<Option<Arc<Keys>>, StartError> {
    if let Some(path) = config.signing_keys(project) {
        return Ok(Some(Arc::new(Keys::from_file(&path).map_err(StartError::Config)?)));
    }
    let secret = &config.auth.jwt_secret;
    Ok((!secret.is_empty()).then(|| Arc::new(Keys::secret(secret))))
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
