//! Who a connection or a channel speaks for.

use std::time::Duration;

use basalt_core::{Identity, unix_time};
use tokio::time::Instant;

/// Verifies tokens; the server's own verifier stands behind it.
pub trait Tokens: Send + Sync {
    /// Who a token speaks for, and until when.
    fn verify(&self, token: &str) -> Result<Session, TokenFault>;
}

/// A verified token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// Who it is.
    pub identity: Identity,
    /// The end, in seconds of the Unix epoch. Opaque keys have none.
    pub expires: Option<i64>,
}

/// Why a token does not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenFault {
    /// It ended this many seconds ago.
    Expired(i64),
    /// `role` or `exp` is missing.
    Claims,
    /// It is no token.
    Malformed,
    /// No key verifies it, or its claims don't hold.
    Signature,
    /// It names a role that requests may not have.
    Role,
}

impl TokenFault {
    /// As a join is refused.
    pub(crate) fn reason(self) -> String {
        let code = match self {
            TokenFault::Expired(_) | TokenFault::Claims | TokenFault::Role => "InvalidJWTToken",
            TokenFault::Malformed => "MalformedJWT",
            TokenFault::Signature => "JwtSignatureError",
        };
        format!("{code}: {}", self.message())
    }

    /// As a channel is told.
    pub(crate) fn message(self) -> String {
        match self {
            TokenFault::Expired(seconds) => format!("Token has expired {seconds} seconds ago"),
            other => other.short().to_owned(),
        }
    }

    /// As a connection is refused.
    pub(crate) fn short(self) -> &'static str {
        match self {
            TokenFault::Expired(_) => "Token has expired",
            TokenFault::Claims => "Fields `role` and `exp` are required in JWT",
            TokenFault::Malformed => "The token provided is not a valid JWT",
            TokenFault::Signature => "Failed to validate JWT signature",
            TokenFault::Role => "The role of the JWT is not one that requests may have",
        }
    }
}

impl Session {
    /// Seconds since its end, if it is over.
    pub(crate) fn overdue(&self) -> Option<i64> {
        let now = unix_time().as_secs() as i64;
        self.expires.filter(|end| *end <= now).map(|end| now - end)
    }

    /// When to look at it again: at its end, and every five minutes, since the clock may be set.
    pub(crate) fn look_again(&self) -> Option<Instant> {
        const OFTEN: Duration = Duration::from_secs(300);
        let end = Duration::from_secs(self.expires?.try_into().unwrap_or(0));
        let left = end.saturating_sub(unix_time());
        Some(Instant::now() + left.min(OFTEN))
    }
}
