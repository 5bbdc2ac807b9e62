//! The providers of a project.

use std::collections::BTreeMap;

use basalt_outbound::Outbound;

use super::{External, Provider};

/// Names of identities that come from no provider.
const TAKEN: [&str; 5] = ["anonymous", "anonymous_users", "email", "phone", "web3"];

/// The providers that are enabled.
#[derive(Default)]
pub struct Providers(BTreeMap<String, Provider>);

impl Providers {
    /// Reads `[auth.external]`. `callback` is where providers send users back to.
    ///
    /// # Errors
    /// Says which setting is missing or wrong.
    pub fn new(
        settings: &BTreeMap<String, External>,
        callback: &str,
        outbound: &Outbound,
    ) -> Result<Providers, String> {
        let enabled = settings.iter().filter(|(_, external)| external.enabled);
        let provider = |(name, external): (&String, &External)| {
            let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'_' | b'-');
            if TAKEN.contains(&name.as_str()) || !name.bytes().all(plain) {
                return Err(format!(
                    "`auth.external.{name}` can't be a provider's name; use letters, digits, `_` and `-`"
                ));
            }
            Ok((name.clone(), Provider::new(name, external, callback, outbound)?))
        };
        enabled.map(provider).collect::<Result<_, _>>().map(Providers)
    }

    /// A provider by its name in the configuration.
    pub fn get(&self, name: &str) -> Option<&Provider> {
        self.0.get(name)
    }

    /// A provider by the issuer of its ID tokens and one of its client ids.
    pub fn by_issuer(&self, issuer: &str, client_id: &str) -> Option<&Provider> {
        self.0.values().find(|provider| provider.is_issuer(issuer) && provider.is_client(client_id))
    }
}
