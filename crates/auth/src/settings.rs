//! `[auth]` of the configuration. Names and meanings are those of the Supabase CLI's `config.toml`, where it has them.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use self::sending::{Email, Sms, Smtp, Template};
use crate::provider::External;

mod sending;

/// The longest life of an access token, in seconds.
const WEEK: u64 = 604_800;

/// `[auth]`
#[derive(Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Whether `/auth/v1` is served.
    pub enabled: bool,
    /// The HS256 secret, at least 32 bytes. `dev` falls back to the published development secret.
    pub jwt_secret: String,
    /// A JWK set (JSON text) of further keys: RS256, ES256, EdDSA, HS256.
    pub jwks: String,
    /// A file with a JWK set, relative to the project.
    pub jwks_file: PathBuf,
    /// The audience that tokens must name, if they name any.
    pub jwt_audience: String,
    /// JSON path of the role in the claims.
    pub role_claim: String,
    /// Whether a token is also taken from the header `apikey`.
    pub apikey_header: bool,
    /// Opaque key that stands for `anon`.
    pub publishable_key: String,
    /// Opaque key that stands for `service_role`.
    pub secret_key: String,

    /// A file with private JWKs (ES256, RS256), relative to the project. The first signs; all verify.
    pub signing_keys_path: PathBuf,
    /// `iss` of access tokens; empty: the API's own URL.
    pub jwt_issuer: String,
    /// Further issuers whose users' tokens `/auth/v1` takes: this API under an address that it had before, or has besides.
    pub additional_issuers: Vec<String>,
    /// Seconds for which an access token is valid, at most a week.
    pub jwt_expiry: u64,
    /// The application's address: where links lead, and the first address that `redirect_to` may name.
    pub site_url: String,
    /// Further addresses that `redirect_to` may name; `*` stands for what is between `.` and `/`, `**` for anything.
    pub additional_redirect_urls: Vec<String>,
    /// Whether new users may sign up.
    pub enable_signup: bool,
    /// Whether users may sign in without an address.
    pub enable_anonymous_sign_ins: bool,
    /// Whether a user may link further identities by hand.
    pub enable_manual_linking: bool,
    /// Whether a refresh token is good for one use.
    pub enable_refresh_token_rotation: bool,
    /// Seconds for which a used refresh token may be used again.
    pub refresh_token_reuse_interval: u64,
    /// Most bytes of a user's `user_metadata`, and of their `app_metadata`, as JSON.
    pub max_metadata_bytes: usize,
    /// Fewest characters of a password.
    pub minimum_password_length: usize,
    /// Classes of characters that a password must have.
    pub password_requirements: PasswordRequirements,
    /// Whether the commonest leaked passwords (a bundled list) are refused.
    pub refuse_common_passwords: bool,
    /// A range API of leaked passwords, such as `https://api.pwnedpasswords.com/range/`; empty: none is asked.
    pub leaked_passwords_url: String,
    /// `[auth.rate_limit]`
    pub rate_limit: RateLimit,
    /// `[auth.email]`
    pub email: Email,
    /// `[auth.sms]`
    pub sms: Sms,
    /// `[auth.sessions]`
    pub sessions: Sessions,
    /// `[auth.mfa]`
    pub mfa: Mfa,
    /// `[auth.oauth_server]`
    pub oauth_server: OAuthServer,
    /// `[auth.passkey]`
    pub passkey: Passkey,
    /// `[auth.webauthn]`
    pub webauthn: WebAuthn,
    /// `[auth.captcha]`
    pub captcha: Captcha,
    /// `[auth.hook]`
    pub hook: Hooks,
    /// `[auth.external.<provider>]`
    pub external: BTreeMap<String, External>,
}

/// Classes of characters that a password must have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)] // each says its classes
pub enum PasswordRequirements {
    #[default]
    #[serde(rename = "")]
    None,
    LettersDigits,
    LowerUpperLettersDigits,
    LowerUpperLettersDigitsSymbols,
}

/// `[auth.rate_limit]`: counts by client address in five minutes, unless said otherwise.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RateLimit {
    /// Mails an hour, of all users together.
    pub email_sent: u32,
    /// Text messages an hour, of all users together.
    pub sms_sent: u32,
    /// Anonymous sign-ins an hour.
    pub anonymous_users: u32,
    /// Uses of `/token`.
    pub token_refresh: u32,
    /// Sign-ups, and requests for a link or code.
    pub sign_in_sign_ups: u32,
    /// Uses of `/verify`.
    pub token_verifications: u32,
    /// Challenges and verifications of second factors, in a minute.
    pub mfa: u32,
    /// Wrong passwords or codes of one account in a row, after which each further attempt waits twice as long as the one before.
    pub failures: u32,
}

/// `[auth.sessions]`
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Sessions {
    /// Longest life of a session; zero: no limit.
    #[serde(with = "humantime_serde")]
    pub timebox: Duration,
    /// Longest time without a refresh; zero: no limit.
    #[serde(with = "humantime_serde")]
    pub inactivity_timeout: Duration,
    /// Whether a sign-in ends the user's other sessions at their next refresh.
    pub single_per_user: bool,
}

/// `[auth.mfa]`
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Mfa {
    /// Most factors of a user.
    pub max_enrolled_factors: usize,
    /// `[auth.mfa.totp]`
    pub totp: Factor,
    /// `[auth.mfa.phone]`
    pub phone: Factor,
    /// `[auth.mfa.web_authn]`
    pub web_authn: Factor,
}

/// What may be done with a kind of factor.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Factor {
    /// Whether new ones may be enrolled.
    pub enroll_enabled: bool,
    /// Whether enrolled ones may be used.
    pub verify_enabled: bool,
}

/// `[auth.oauth_server]`
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct OAuthServer {
    /// Whether other services may sign users in by this one.
    pub enabled: bool,
    /// Whether services may register themselves (RFC 7591).
    pub allow_dynamic_registration: bool,
    /// Most services that have registered themselves.
    pub max_dynamic_clients: u64,
    /// The page of `site_url` on which users agree; it is given `authorization_id`.
    pub authorization_url_path: String,
}

impl Default for OAuthServer {
    fn default() -> Self {
        OAuthServer {
            enabled: false,
            allow_dynamic_registration: false,
            max_dynamic_clients: 1000,
            authorization_url_path: "/oauth/consent".into(),
        }
    }
}

/// `[auth.passkey]`
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Passkey {
    /// Whether users may register passkeys and sign in with them.
    pub enabled: bool,
    /// Most passkeys of a user.
    pub max_passkeys: usize,
}

/// `[auth.webauthn]`: the application as browsers know it, for passkeys and WebAuthn factors.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WebAuthn {
    /// The domain that credentials belong to; empty: the host of `site_url`.
    pub rp_id: String,
    /// Origins of the pages that may ask; empty: that of `site_url`.
    pub rp_origins: Vec<String>,
    /// The name that browsers show; empty: `rp_id`.
    pub rp_display_name: String,
}

/// `[auth.captcha]`
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Captcha {
    /// Whether sign-ups and sign-ins need a solved captcha.
    pub enabled: bool,
    /// `hcaptcha` or `turnstile`.
    pub provider: String,
    /// The service's secret.
    pub secret: String,
    /// Where answers are verified; empty: the service's own address.
    pub url: String,
}

/// `[auth.hook]`
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Hooks {
    /// Changes the claims of access tokens.
    pub custom_access_token: Hook,
    /// Sends mails in place of SMTP.
    pub send_email: Hook,
    /// Sends text messages.
    pub send_sms: Hook,
}

/// One hook.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Hook {
    /// Whether it is called.
    pub enabled: bool,
    /// `pg-functions://postgres/<schema>/<function>`, or an HTTP address.
    pub uri: String,
    /// Secrets of the Standard Webhooks scheme (`v1,whsec_...`), separated by `|`: the first signs.
    pub secrets: String,
}

impl Settings {
    /// Judges what the types can't.
    ///
    /// Errors: which key can't be used, and why.
    pub(crate) fn judge(&self) -> Result<(), String> {
        if self.jwt_expiry == 0 || self.jwt_expiry > WEEK {
            return Err(format!("`auth.jwt_expiry` is {}: it must be 1 to {WEEK} seconds", self.jwt_expiry));
        }
        if !(6..=10).contains(&self.email.otp_length) || !(6..=10).contains(&self.sms.otp_length) {
            return Err("`otp_length` of `auth.email` and `auth.sms` must be 6 to 10".into());
        }
        let captcha = &self.captcha;
        if captcha.enabled && !["hcaptcha", "turnstile"].contains(&captcha.provider.as_str()) {
            let provider = &captcha.provider;
            return Err(format!("`auth.captcha.provider` is \"{provider}\": it must be `hcaptcha` or `turnstile`"));
        }
        if captcha.enabled && captcha.secret.is_empty() {
            return Err("`auth.captcha.secret` is empty: the service's own secret belongs there".into());
        }
        url::Url::parse(&self.site_url)
            .map(drop)
            .map_err(|error| format!("`auth.site_url` \"{}\" is no URL: {error}", self.site_url))
    }
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            enabled: true,
            jwt_secret: String::new(),
            jwks: String::new(),
            jwks_file: PathBuf::new(),
            jwt_audience: String::new(),
            role_claim: "$.role".into(),
            apikey_header: true,
            publishable_key: String::new(),
            secret_key: String::new(),
            signing_keys_path: PathBuf::new(),
            jwt_issuer: String::new(),
            additional_issuers: Vec::new(),
            jwt_expiry: 3600,
            site_url: "http://127.0.0.1:3000".into(),
            additional_redirect_urls: Vec::new(),
            enable_signup: true,
            enable_anonymous_sign_ins: false,
            enable_manual_linking: false,
            enable_refresh_token_rotation: true,
            refresh_token_reuse_interval: 10,
            max_metadata_bytes: 4096,
            minimum_password_length: 6,
            password_requirements: PasswordRequirements::None,
            refuse_common_passwords: false,
            leaked_passwords_url: String::new(),
            rate_limit: RateLimit::default(),
            email: Email::default(),
            sms: Sms::default(),
            sessions: Sessions::default(),
            mfa: Mfa::default(),
            oauth_server: OAuthServer::default(),
            passkey: Passkey::default(),
            webauthn: WebAuthn::default(),
            captcha: Captcha::default(),
            hook: Hooks::default(),
            external: BTreeMap::new(),
        }
    }
}

impl Default for RateLimit {
    fn default() -> Self {
        RateLimit {
            email_sent: 30,
            sms_sent: 30,
            anonymous_users: 30,
            token_refresh: 150,
            sign_in_sign_ups: 30,
            token_verifications: 30,
            mfa: 15,
            failures: 10,
        }
    }
}

impl Default for Mfa {
    fn default() -> Self {
        let on = Factor { enroll_enabled: true, verify_enabled: true };
        Mfa { max_enrolled_factors: 10, totp: on, phone: Factor::default(), web_authn: on }
    }
}

impl Default for Passkey {
    fn default() -> Self {
        Passkey { enabled: false, max_passkeys: 10 }
    }
}
