//! The keys of the Supabase CLI's `config.toml` in the sections that Basalt reads: a key near one of them, and not among them, is a
//! slip of the pen. Other unknown keys pass, for the CLI gains some with every version.
//!
//! Source: https://supabase.com/docs/guides/local-development/cli/config

use std::path::Path;

use basalt_core::nearest;
use toml::{Table, Value};

use super::ConfigError;

/// How alike two names are that are taken for one.
const NEAR: f64 = 0.7;

/// Sections and their keys; `*` stands for any name.
const KEYS: &[(&str, &[&str])] = &[
    (
        "",
        &[
            "project_id",
            "api",
            "auth",
            "db",
            "realtime",
            "studio",
            "inbucket",
            "local_smtp",
            "storage",
            "edge_runtime",
            "functions",
            "analytics",
            "experimental",
            "remotes",
        ],
    ),
    (
        "api",
        &[
            "enabled",
            "port",
            "schemas",
            "extra_search_path",
            "max_rows",
            "tls",
            "external_url",
            "auto_expose_new_tables",
        ],
    ),
    (
        "db",
        &[
            "port",
            "shadow_port",
            "health_timeout",
            "major_version",
            "root_key",
            "pooler",
            "migrations",
            "seed",
            "settings",
            "vault",
            "network_restrictions",
            "ssl_enforcement",
        ],
    ),
    ("db.seed", &["enabled", "sql_paths"]),
    (
        "auth",
        &[
            "enabled",
            "site_url",
            "external_url",
            "additional_redirect_urls",
            "jwt_expiry",
            "jwt_issuer",
            "signing_keys_path",
            "enable_refresh_token_rotation",
            "refresh_token_reuse_interval",
            "enable_manual_linking",
            "enable_signup",
            "enable_anonymous_sign_ins",
            "minimum_password_length",
            "password_requirements",
            "rate_limit",
            "captcha",
            "hook",
            "mfa",
            "sessions",
            "email",
            "sms",
            "external",
            "web3",
            "oauth_server",
            "passkey",
            "webauthn",
            "third_party",
            "publishable_key",
            "secret_key",
            "jwt_secret",
            "anon_key",
            "service_role_key",
            "jwks",
            "jwks_file",
            "jwt_audience",
            "role_claim",
            "apikey_header",
            "refuse_common_passwords",
            "leaked_passwords_url",
        ],
    ),
    (
        "auth.rate_limit",
        &[
            "anonymous_users",
            "token_refresh",
            "sign_in_sign_ups",
            "token_verifications",
            "email_sent",
            "sms_sent",
            "web3",
            "mfa",
            "failures",
        ],
    ),
    ("auth.captcha", &["enabled", "provider", "secret", "url"]),
    (
        "auth.hook",
        &[
            "mfa_verification_attempt",
            "password_verification_attempt",
            "custom_access_token",
            "send_sms",
            "send_email",
            "before_user_created",
            "after_user_created",
        ],
    ),
    ("auth.hook.*", &["enabled", "uri", "secrets"]),
    ("auth.mfa", &["max_enrolled_factors", "totp", "phone", "web_authn"]),
    ("auth.mfa.*", &["enroll_enabled", "verify_enabled", "otp_length", "template", "max_frequency"]),
    ("auth.sessions", &["timebox", "inactivity_timeout", "single_per_user"]),
    (
        "auth.email",
        &[
            "enable_signup",
            "double_confirm_changes",
            "enable_confirmations",
            "secure_password_change",
            "template",
            "notification",
            "smtp",
            "max_frequency",
            "otp_length",
            "otp_expiry",
            "mailbox",
        ],
    ),
    (
        "auth.email.smtp",
        &["enabled", "host", "port", "user", "pass", "admin_email", "sender_name", "plain", "root_certificate"],
    ),
    ("auth.email.template.*", &["subject", "content", "content_path"]),
    (
        "auth.sms",
        &[
            "enable_signup",
            "enable_confirmations",
            "template",
            "twilio",
            "twilio_verify",
            "messagebird",
            "textlocal",
            "vonage",
            "test_otp",
            "max_frequency",
            "otp_length",
            "otp_expiry",
        ],
    ),
    (
        "auth.external.*",
        &["enabled", "client_id", "secret", "url", "redirect_uri", "skip_nonce_check", "email_optional"],
    ),
    ("auth.oauth_server", &["enabled", "allow_dynamic_registration", "authorization_url_path"]),
];

/// Errors: the first key that is near a known one without being one, and that one's name.
pub(super) fn check(path: &Path, file: &Table) -> Result<(), ConfigError> {
    look_at(file, &mut Vec::new()).map_err(|wrong| ConfigError(format!("{wrong} ({})", path.display())))
}

/// Looks at the table at `path` and those in it.
fn look_at<'t>(table: &'t Table, path: &mut Vec<&'t str>) -> Result<(), String> {
    let section = KEYS.iter().find(|(pattern, _)| matches(pattern, path));
    for (key, value) in table {
        if let Some((_, known)) = section.filter(|(_, known)| !known.contains(&key.as_str()))
            && let Some(near) = nearest(key, known.iter().copied(), NEAR).or_else(|| transposed(key, known))
        {
            let dotted = |name: &str| path.iter().copied().chain([name]).collect::<Vec<_>>().join(".");
            return Err(format!("unknown configuration key `{}`; did you mean `{}`?", dotted(key), dotted(near)));
        }
        if let Value::Table(inner) = value {
            path.push(key);
            look_at(inner, path)?;
            path.pop();
        }
    }
    Ok(())
}

fn matches(pattern: &str, path: &[&str]) -> bool {
    let parts: Vec<&str> = pattern.split('.').filter(|part| !part.is_empty()).collect();
    parts.len() == path.len() && parts.iter().zip(path).all(|(part, name)| *part == "*" || part == name)
}

/// The known name that has two letters of `key` the other way round.
fn transposed<'k>(key: &str, known: &[&'k str]) -> Option<&'k str> {
    let swapped = |at: usize| {
        let mut letters: Vec<char> = key.chars().collect();
        letters.swap(at, at + 1);
        letters.into_iter().collect::<String>()
    };
    let last = key.chars().count().saturating_sub(1);
    (0..last).map(swapped).find_map(|name| known.iter().find(|known| **known == name).copied())
}
