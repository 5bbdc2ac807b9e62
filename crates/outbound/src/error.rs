//! Why a request got no answer. Each kind has a stable code; no text tells an address that the caller did not name.

use std::time::Duration;

/// Why a request got no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The URL can't be asked for.
    #[error("the URL can't be requested: {0}")]
    Url(String),
    /// The host has only addresses that are not public and that no entry of `outbound.allow` opens.
    #[error("{host} is not a public address; `outbound.allow` in basalt.toml opens hosts and networks")]
    Closed {
        /// The host that was asked for.
        host: String,
    },
    /// The host has no address.
    #[error("{host} can't be resolved")]
    Unresolved {
        /// The host that was asked for.
        host: String,
    },
    /// No connection came about.
    #[error("no connection to {host}: {reason}")]
    Unreachable {
        /// The host that was asked for.
        host: String,
        /// What the system or TLS said.
        reason: String,
    },
    /// Connecting, or the whole request, took too long.
    #[error("no answer within {0:?}")]
    Timeout(Duration),
    /// The answer's body is too large.
    #[error("the answer is larger than {0} bytes")]
    BodyTooLarge(u64),
    /// The answer's headers are too large or too many.
    #[error("the answer's headers are larger than {0} bytes, or too many")]
    HeadersTooLarge(u64),
    /// More redirects than are followed.
    #[error("more than {0} redirects")]
    TooManyRedirects(u8),
    /// A redirect from `https` to `http`.
    #[error("a redirect leaves https for http")]
    Downgrade,
    /// As many requests as may be are under way.
    #[error("too many requests are under way; try again shortly")]
    Busy,
    /// The connection broke, or what came was no HTTP.
    #[error("the answer could not be read: {0}")]
    Broken(String),
}

impl Error {
    /// The stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Error::Url(_) => "outbound_url_invalid",
            Error::Closed { .. } => "outbound_address_closed",
            Error::Unresolved { .. } => "outbound_unresolved",
            Error::Unreachable { .. } => "outbound_unreachable",
            Error::Timeout(_) => "outbound_timeout",
            Error::BodyTooLarge(_) => "outbound_body_too_large",
            Error::HeadersTooLarge(_) => "outbound_headers_too_large",
            Error::TooManyRedirects(_) => "outbound_too_many_redirects",
            Error::Downgrade => "outbound_redirect_downgrade",
            Error::Busy => "outbound_busy",
            Error::Broken(_) => "outbound_broken",
        }
    }

    /// Whether the same request may succeed later without anybody mending anything.
    pub fn is_transient(&self) -> bool {
        matches!(
            self,
            Error::Unresolved { .. } | Error::Unreachable { .. } | Error::Timeout(_) | Error::Busy | Error::Broken(_)
        )
    }
}
