//! API keys: the development ones that existing projects' `.env` files already hold, and fresh ones for production.

use std::path::Path;

use basalt_core::unix_time;
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey, crypto};
use serde_json::{Map, Value, json};

/// The published secret of local development, which `serve` refuses.
pub const DEVELOPMENT_SECRET: &str = "super-secret-jwt-token-with-at-least-32-characters-long";

/// The published secrets: of local development, of the example settings of Supabase's self-hosting, and of PostgREST's tutorial.
pub(crate) const PUBLISHED_SECRETS: [&str; 3] = [
    DEVELOPMENT_SECRET,
    "your-super-secret-jwt-token-with-at-least-32-characters-long",
    "reallyreallyreallyreallyverysafe",
];

/// The opaque service key of the Supabase CLI's local development, the same on every machine.
pub(crate) const PUBLISHED_SERVICE_KEY: &str = "sb_secret_N7UND0UgjKTVK-Uodkm0Hg_xSvEMPvz";

/// The two API keys of a project: tokens signed with its secret, or with its private key.
#[derive(Clone, PartialEq, Eq)]
pub struct Keys {
    /// For clients: role `anon`.
    pub anon: String,
    /// For servers: role `service_role`, which row policies do not bind.
    pub service: String,
}

impl Keys {
    /// The published development keys.
    pub fn development() -> Keys {
        let key =
            |role: &str| sign(DEVELOPMENT_SECRET, &json!({"iss": "supabase-demo", "role": role, "exp": 1_983_812_996}));
        Keys { anon: key("anon"), service: key("service_role") }
    }

    /// Keys for `secret`, issued now for `years`.
    pub fn issue(secret: &str, years: u64) -> Keys {
        if secret == DEVELOPMENT_SECRET {
            return Keys::development();
        }
        let key = |role: &str| sign(secret, &claims(role, years));
        Keys { anon: key("anon"), service: key("service_role") }
    }

    /// The same, signed with the first private key of `path` (`auth.signing_keys_path`).
    ///
    /// Errors: what of the file can't be used.
    pub fn signed(path: &Path, years: u64) -> Result<Keys, String> {
        let keys = basalt_auth::Keys::from_file(path)?;
        let key = |role: &str| {
            let claims = claims(role, years);
            keys.sign(claims.as_object().unwrap_or(&Map::new())).map_err(|error| error.to_string())
        };
        Ok(Keys { anon: key("anon")?, service: key("service_role")? })
    }
}

fn claims(role: &str, years: u64) -> Value {
    let now = unix_time().as_secs();
    json!({"iss": "basalt", "role": role, "iat": now, "exp": now + years * 31_557_600})
}

/// An HS256 token over `claims`. Members keep their order, so that the same claims always make the same token.
pub fn sign(secret: &str, claims: &Value) -> String {
    let header = BASE64_URL_SAFE_NO_PAD.encode(r#"{"alg":"HS256","typ":"JWT"}"#);
    let message = format!("{header}.{}", BASE64_URL_SAFE_NO_PAD.encode(claims.to_string()));
    let key = EncodingKey::from_secret(secret.as_bytes());
    // HS256 with a byte secret has no way to fail.
    let signature = crypto::sign(message.as_bytes(), &key, Algorithm::HS256).unwrap_or_default();
    format!("{message}.{signature}")
}

/// A random secret of 256 bits, in hexadecimal.
pub fn random_secret() -> String {
    format!("{}{}", uuid::Uuid::new_v4().simple(), uuid::Uuid::new_v4().simple())
}

/// A fresh private key (ES256), as the file of `auth.signing_keys_path` holds keys.
pub fn random_private_keys() -> Value {
    json!([basalt_auth::keys::generate()])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn development_keys_are_the_published_ones() {
        let keys = Keys::development();
        let head = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.";
        assert_eq!(
            keys.anon.strip_prefix(head),
            Some(
                "eyJpc3MiOiJzdXBhYmFzZS1kZW1vIiwicm9sZSI6ImFub24iLCJleHAiOjE5ODM4MTI5OTZ9.CRXP1A7WOeoJeXxjNni43kdQwgnWNReilDMblYTn_I0"
            )
        );
        assert_eq!(
            keys.service.strip_prefix(head),
            Some(
                "eyJpc3MiOiJzdXBhYmFzZS1kZW1vIiwicm9sZSI6InNlcnZpY2Vfcm9sZSIsImV4cCI6MTk4MzgxMjk5Nn0.EGIM96RAZx35lJzdJsyH-qQwv8Hdp7fsn3W0YpN81IU"
            )
        );
    }
}
