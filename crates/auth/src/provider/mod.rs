//! Identity providers: where a user is sent, and who the provider then says it was.
//!
//! A [`Provider`] joins its row of the table (`providers.toml`, read by `definition`) with what an operator wrote ([`External`]). It
//! keeps no state of a flow: state, nonce and verifier come from the caller. Everything that it asks for leaves through `outbound`.
//!
//! ```text
//! authorize_url(state, nonce, ...) -> the browser goes to the provider and comes back with a code
//! exchange(code, nonce, verifier)  -> token endpoint -> ID token verified, or profile fetched -> ExternalUser
//! verify(id token)                 -> the same for a token that an app got by itself
//! ```

mod asking;
mod definition;
mod discovery;
mod error;
mod exchange;
mod id_token;
mod registry;
mod settings;
mod template;
#[cfg(test)]
mod tests;
mod user;

pub use definition::known_providers;
pub use error::{IdTokenError, ProviderError};
pub use exchange::{Answered, Asked, Provider};
pub use registry::Providers;
pub use settings::External;
pub use user::{ExternalEmail, ExternalUser};
