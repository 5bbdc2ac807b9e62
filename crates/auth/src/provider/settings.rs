//! What an operator writes about a provider: `[auth.external.NAME]`, with the names of the Supabase CLI's config.toml.

use serde::{Deserialize, Serialize};

/// `[auth.external.NAME]`
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct External {
    /// Whether users may sign in through it.
    pub enabled: bool,
    /// The client id that the provider gave. Several, separated by commas: the first asks, ID tokens for any are taken.
    pub client_id: String,
    /// The client secret that the provider gave; Apple's is a JWT that the operator signs.
    pub secret: String,
    /// Where the provider sends users back to; empty: `/auth/v1/callback` of the public URL.
    pub redirect_uri: String,
    /// Where the provider is, if it runs in several places: a GitLab, a Keycloak realm, an Azure tenant, any OpenID issuer.
    pub url: String,
    /// Whether ID tokens that apps bring are taken without comparing their nonce.
    pub skip_nonce_check: bool,
    /// Whether users without an address may sign in.
    pub email_optional: bool,
}
