//! `[outbound]` of basalt.toml, and the limits that a caller may tighten for its own requests.

use std::time::Duration;

use bytesize::ByteSize;
use serde::{Deserialize, Serialize};

/// `[outbound]`: requests that the server makes for users.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Hosts and networks that may be reached although they are not public (see [`AllowList`](crate::AllowList)).
    pub allow: Vec<String>,
    /// Longest time to resolve a host, connect and shake hands.
    #[serde(with = "humantime_serde")]
    pub connect_timeout: Duration,
    /// Longest time of a request with its redirects and its answer's body.
    #[serde(with = "humantime_serde")]
    pub timeout: Duration,
    /// Largest body of an answer.
    pub response: ByteSize,
    /// Largest sum of an answer's headers; at least 8 KiB.
    pub headers: ByteSize,
    /// Redirects that are followed.
    pub redirects: u8,
    /// Requests under way at once.
    pub requests: usize,
    /// Requests under way at once to one host and port.
    pub requests_per_host: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            allow: Vec::new(),
            connect_timeout: Duration::from_secs(5),
            timeout: Duration::from_secs(30),
            response: ByteSize::mib(10),
            headers: ByteSize::kib(64),
            redirects: 5,
            requests: 256,
            requests_per_host: 64,
        }
    }
}

/// The limits of one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Longest time of the request with its redirects and its answer's body.
    pub timeout: Duration,
    /// Largest body of the answer, in bytes.
    pub response: u64,
    /// Redirects that are followed; 0: a redirect is an answer like another.
    pub redirects: u8,
}

impl Limits {
    /// Within `other` too.
    pub(crate) fn within(self, other: Limits) -> Limits {
        Limits {
            timeout: self.timeout.min(other.timeout),
            response: self.response.min(other.response),
            redirects: self.redirects.min(other.redirects),
        }
    }
}
