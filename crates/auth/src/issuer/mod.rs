//! The project as an OAuth 2.1 and OpenID provider for its own services (RFC 6749, RFC 7636, RFC 7662,
//! OpenID Connect Core).
//!
//! ```text
//! authorize   the browser comes from a service; what it asks for is stored; it goes on to the project's own page of consent
//! consent     that page, signed in as the user, reads what is asked for and answers; the browser takes a code back
//! token       the service exchanges the code, with its PKCE verifier, for tokens; and refreshes them
//! introspect  the gateway, or a service, asks whether a token still counts
//! clients     services, registered by an administrator, or by themselves where that is allowed
//! seen        what of its user a service's token opens
//! ```

mod authorize;
mod client;
mod clients;
mod consent;
mod introspect;
mod seen;
mod token;

use crate::call::Call;
use crate::error::{AuthError, Result};

/// Scopes that a service may ask for.
const SCOPES: [&str; 4] = ["openid", "email", "profile", "phone"];

impl Call<'_> {
    /// Errors: `feature_disabled` where the project is no provider.
    fn require_issuer(&self) -> Result<()> {
        match self.auth.settings.oauth_server.enabled {
            true => Ok(()),
            false => Err(AuthError::new(404, "feature_disabled", "OAuth server is disabled")),
        }
    }
}
