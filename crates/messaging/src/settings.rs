//! `[messaging]` in `basalt.toml`.

use std::path::PathBuf;
use std::time::Duration;

use bytesize::ByteSize;
use serde::{Deserialize, Serialize};

/// How the nodes of a project reach each other. It holds from the start to the end of a process.
#[derive(Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Servers of NATS, separated by commas: `nats://host:4222`, `tls://host:4222`, a user and password or a token in it where they are
    /// wanted. Empty: PostgreSQL's notify.
    pub nats: String,
    /// NATS's user.
    pub nats_user: String,
    /// The user's password.
    pub nats_password: String,
    /// A token instead of a user.
    pub nats_token: String,
    /// A credentials file (`*.creds`) instead of a user, relative to the project.
    pub nats_credentials: PathBuf,
    /// Certificates (PEM) of the authorities to trust instead of the system's, relative to the project.
    pub nats_ca: PathBuf,
    /// The subject of the nodes' messages; empty: one that is made of the secret.
    pub subject: String,
    /// Whether nodes talk over PostgreSQL's notify where no NATS is named.
    pub notify: bool,
    /// What nodes seal their messages with; empty: a key that is made of the one that signs tokens.
    pub secret: String,
    /// How often a node says that it lives.
    #[serde(with = "humantime_serde")]
    pub heartbeat: Duration,
    /// How long a node may say nothing before the others take it for dead. Messages that could not leave for so long are dropped.
    #[serde(with = "humantime_serde")]
    pub timeout: Duration,
    /// Messages that may wait to leave; further ones are dropped.
    pub queue: usize,
    /// Bytes that may wait to leave.
    pub queue_bytes: ByteSize,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            nats: String::new(),
            nats_user: String::new(),
            nats_password: String::new(),
            nats_token: String::new(),
            nats_credentials: PathBuf::new(),
            nats_ca: PathBuf::new(),
            subject: String::new(),
            notify: true,
            secret: String::new(),
            heartbeat: Duration::from_secs(2),
            timeout: Duration::from_secs(10),
            queue: 4096,
            queue_bytes: ByteSize::mib(16),
        }
    }
}

impl Settings {
    /// Errors: what of the settings can't be used, and what to write instead.
    pub fn judge(&self) -> Result<(), String> {
        if self.heartbeat < Duration::from_millis(50) {
            return Err("`messaging.heartbeat` must be at least 50ms".into());
        }
        if self.timeout / 2 < self.heartbeat {
            return Err(
                "`messaging.timeout` must be at least twice `messaging.heartbeat`: one heartbeat may be late".into()
            );
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_have_living_nodes_die_is_refused() {
        assert_eq!(Settings::default().judge(), Ok(()));
        let of = |heartbeat, timeout| Settings {
            heartbeat: Duration::from_millis(heartbeat),
            timeout: Duration::from_millis(timeout),
            ..Settings::default()
        };
        assert!(of(10, 1000).judge().unwrap_err().contains("messaging.heartbeat"));
        assert!(of(1000, 1999).judge().unwrap_err().contains("messaging.timeout"));
        assert_eq!(of(1000, 2000).judge(), Ok(()));
        assert!(of(u64::MAX, u64::MAX).judge().unwrap_err().contains("messaging.timeout"));
    }
}
