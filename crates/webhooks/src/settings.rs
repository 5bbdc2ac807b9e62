//! A hook, as written (in `[[webhooks]]` of basalt.toml, or to the admin API) and as judged.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use basalt_core::Operation;
use basalt_outbound::webhook::Secrets;
use basalt_sql::Name;
use http::{HeaderMap, HeaderName, HeaderValue, Uri};
use serde::{Deserialize, Serialize};

/// The longest time that an answer may be waited for.
const LONGEST_TIMEOUT: Duration = Duration::from_secs(5 * 60);

/// One `[[webhooks]]`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Its name: letters, digits, `_` and `-`.
    pub name: String,
    /// The table, `schema.name`; without a schema in `public`.
    pub table: String,
    /// What is sent.
    #[serde(default = "all_events")]
    pub events: BTreeSet<Operation>,
    /// Where it is sent, by POST.
    pub url: String,
    /// Headers besides.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// `whsec_` and base64; several, separated by `|`, sign each message each. Empty: messages are not signed.
    #[serde(default)]
    pub secret: String,
    /// How long an answer is waited for.
    #[serde(default = "timeout", with = "humantime_serde")]
    pub timeout: Duration,
    /// Attempts before a message is dead.
    #[serde(default = "attempts")]
    pub attempts: u32,
}

fn all_events() -> BTreeSet<Operation> {
    [Operation::Insert, Operation::Update, Operation::Delete].into()
}

fn timeout() -> Duration {
    Duration::from_secs(5)
}

fn attempts() -> u32 {
    10
}

/// A hook that can't be used: which, why, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BadHook(pub String);

/// Where a hook is defined.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    /// In basalt.toml, where alone it can be changed.
    File,
    /// In the database, by the admin API.
    Api,
}

/// A hook that can be used.
pub(crate) struct Hook {
    pub name: String,
    pub origin: Origin,
    pub table: Name,
    pub operations: BTreeSet<Operation>,
    pub url: Uri,
    pub headers: HeaderMap,
    pub secrets: Option<Secrets>,
    pub timeout: Duration,
    pub attempts: u32,
}

impl Hook {
    pub fn new(settings: &Settings, origin: Origin) -> Result<Hook, BadHook> {
        let name = settings.name.clone();
        let bad = |what: String| BadHook(format!("webhook \"{name}\": {what}"));
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
        if name.is_empty() || name.len() > 64 || !name.chars().all(plain) {
            return Err(bad("`name` is 1 to 64 letters, digits, `_` and `-`".into()));
        }
        let url: Uri = settings.url.parse().map_err(|error| bad(format!("`url` can't be read: {error}")))?;
        if !matches!(url.scheme_str(), Some("http" | "https")) || url.host().is_none() {
            return Err(bad("`url` is an absolute one of http or https".into()));
        }
        if settings.timeout.is_zero() || settings.timeout > LONGEST_TIMEOUT {
            return Err(bad("`timeout` is more than nothing and at most 5 minutes".into()));
        }
        if settings.events.contains(&Operation::Truncate) {
            return Err(bad("`events` are INSERT, UPDATE and DELETE, not TRUNCATE".into()));
        }
        let mut headers = HeaderMap::new();
        for (name, value) in &settings.headers {
            let header = HeaderName::try_from(name).map_err(|_| bad(format!("\"{name}\" is no name of a header")))?;
            let mut value =
                HeaderValue::try_from(value).map_err(|_| bad(format!("the value of header {name} can't be sent")))?;
            // Whatever it is, it is for this URL alone.
            value.set_sensitive(true);
            headers.insert(header, value);
        }
        let secrets = match settings.secret.as_str() {
            "" => None,
            text => Some(Secrets::parse(text).map_err(|error| bad(format!("`secret`: {error}")))?),
        };
        Ok(Hook {
            table: Name::named(&settings.table),
            operations: settings.events.clone(),
            url,
            headers,
            secrets,
            timeout: settings.timeout,
            attempts: settings.attempts.max(1),
            name: settings.name.clone(),
            origin,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(change: impl FnOnce(&mut Settings)) -> Settings {
        let mut settings = Settings {
            name: "orders".into(),
            table: "orders".into(),
            events: all_events(),
            url: "https://example.com/hook".into(),
            headers: BTreeMap::new(),
            secret: String::new(),
            timeout: timeout(),
            attempts: attempts(),
        };
        change(&mut settings);
        settings
    }

    #[test]
    fn a_table_without_a_schema_is_public() {
        assert_eq!(Hook::new(&settings(|_| ()), Origin::File).unwrap().table, Name::new("public", "orders"));
        let other = Hook::new(&settings(|s| s.table = "shop.orders".into()), Origin::File).unwrap();
        assert_eq!(other.table, Name::new("shop", "orders"));
    }

    #[test]
    fn what_can_t_be_used_is_named_and_secrets_are_not_told() {
        let refused = |change: fn(&mut Settings)| Hook::new(&settings(change), Origin::File).err().expect("refused").0;
        assert!(refused(|s| s.name = "a b".into()).contains("`name`"));
        assert!(refused(|s| s.url = "/hook".into()).contains("`url`"));
        assert!(refused(|s| s.timeout = Duration::ZERO).contains("`timeout`"));
        assert!(refused(|s| s.timeout = Duration::from_secs(301)).contains("`timeout`"));
        assert!(refused(|s| s.url = "ftp://example.com/".into()).contains("`url`"));
        assert!(refused(|s| _ = s.headers.insert("a b".into(), "x".into())).contains("a b"));
        assert!(!refused(|s| s.secret = "hunter2".into()).contains("hunter2"));
    }
}
