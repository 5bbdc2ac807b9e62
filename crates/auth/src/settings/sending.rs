//! `[auth.email]` and `[auth.sms]`: what users are sent, and by what way.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// `[auth.email]`
#[derive(Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Email {
    /// Whether users may sign up and in by e-mail.
    pub enable_signup: bool,
    /// Whether a change of address is confirmed at both addresses.
    pub double_confirm_changes: bool,
    /// Whether an address must be confirmed before its user may sign in.
    pub enable_confirmations: bool,
    /// Whether a new password needs a recent sign-in or a nonce.
    pub secure_password_change: bool,
    /// Shortest time between two mails to one user.
    #[serde(with = "humantime_serde")]
    pub max_frequency: Duration,
    /// Digits of a code, 6 to 10.
    pub otp_length: usize,
    /// Seconds for which a code or link is valid.
    pub otp_expiry: u64,
    /// Whether mails land in the mailbox at `/studio/mail` where no server is configured. `dev` turns it on; anybody may read it.
    pub mailbox: bool,
    /// `[auth.email.smtp]`
    pub smtp: Smtp,
    /// `[auth.email.template.<name>]`: confirmation, invite, magic_link, recovery, email_change, reauthentication.
    pub template: BTreeMap<String, Template>,
}

/// `[auth.email.smtp]`
#[derive(Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Smtp {
    /// Whether mail goes out by this server.
    pub enabled: bool,
    /// Its name.
    pub host: String,
    /// Its port: 465 speaks TLS at once, others by STARTTLS.
    pub port: u16,
    /// The account; empty: none.
    pub user: String,
    /// Its password.
    pub pass: String,
    /// The sender's address.
    pub admin_email: String,
    /// The sender's name.
    pub sender_name: String,
    /// Whether an unencrypted connection will do (a relay on the same machine).
    pub plain: bool,
    /// A file (PEM), relative to the project, with the certificate of the authority that vouches for the server, where that is no public one.
    pub root_certificate: PathBuf,
}

/// A mail's subject and body.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Template {
    /// The subject; a template too.
    pub subject: String,
    /// A file with the body (HTML), relative to the project.
    pub content_path: PathBuf,
}

/// `[auth.sms]`
#[derive(Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Sms {
    /// Whether users may sign up and in by phone.
    pub enable_signup: bool,
    /// Whether a number must be confirmed before its user may sign in.
    pub enable_confirmations: bool,
    /// The message; `{{ .Code }}` stands for the code.
    pub template: String,
    /// Shortest time between two messages to one user.
    #[serde(with = "humantime_serde")]
    pub max_frequency: Duration,
    /// Digits of a code, 6 to 10.
    pub otp_length: usize,
    /// Seconds for which a code is valid.
    pub otp_expiry: u64,
    /// Numbers and the codes that always hold for them: for reviewers and tests.
    pub test_otp: BTreeMap<String, String>,
}

impl Default for Email {
    fn default() -> Self {
        Email {
            enable_signup: true,
            double_confirm_changes: true,
            enable_confirmations: false,
            secure_password_change: false,
            max_frequency: Duration::from_secs(60),
            otp_length: 6,
            otp_expiry: 3600,
            mailbox: false,
            smtp: Smtp::default(),
            template: BTreeMap::new(),
        }
    }
}

impl Default for Smtp {
    fn default() -> Self {
        Smtp {
            enabled: false,
            host: String::new(),
            port: 587,
            user: String::new(),
            pass: String::new(),
            admin_email: String::new(),
            sender_name: String::new(),
            plain: false,
            root_certificate: PathBuf::new(),
        }
    }
}

impl Default for Sms {
    fn default() -> Self {
        Sms {
            enable_signup: false,
            enable_confirmations: true,
            template: "Your code is {{ .Code }}".into(),
            max_frequency: Duration::from_secs(60),
            otp_length: 6,
            otp_expiry: 60,
            test_otp: BTreeMap::new(),
        }
    }
}
