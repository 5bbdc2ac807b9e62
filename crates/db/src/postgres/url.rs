//! `database.url`: a connection string as libpq reads it, with what the driver does not know: certificates and `sslmode`'s other words.

use std::path::{Path, PathBuf};
use std::time::Duration;

use basalt_core::{Error, Result};
use percent_encoding::percent_decode_str;
use tokio_postgres::Config;
use tokio_postgres::config::SslMode;

use super::connection::Target;
use super::tls::{Tls, Trust};

/// How long connecting to a host may take.
const LONGEST_CONNECTING: Duration = Duration::from_secs(10);
/// How long a host may leave bytes unacknowledged, or say nothing before it is probed.
const LONGEST_SILENCE: Duration = Duration::from_secs(30);
/// Probes of a silent host, and the pause between them.
const PROBES: u32 = 3;
const BETWEEN_PROBES: Duration = Duration::from_secs(10);

/// Reads `postgres://user:password@host:port/database?option=value`, or `host=... user=...`.
///
/// Errors: 08001 for a string that is none; 0A000 for encryption by GSSAPI; 58030 for a certificate that can't be read.
pub(super) fn target(url: &str) -> Result<Target> {
    let (url, options) = take_options(url);
    if options.requires_gss {
        return Err(Error::unsupported("gssencmode=require", "Encrypt with TLS: sslmode=require, or a stricter one."));
    }
    let mut config: Config = url.parse().map_err(|error: tokio_postgres::Error| {
        let reason = std::error::Error::source(&error).map_or_else(|| error.to_string(), ToString::to_string);
        Error::new("08001", format!("`database.url` is no connection string: {reason}"))
            .with_hint("Write it as postgres://user:password@host:5432/database.")
    })?;
    if config.get_dbname().is_none() {
        let user = config.get_user().unwrap_or("postgres").to_owned();
        config.dbname(user);
    }
    if config.get_application_name().is_none() {
        config.application_name("basalt");
    }
    give_up_on_the_silent(&mut config);
    let trust = match options.mode.as_deref() {
        Some("verify-full") => Trust::Host,
        Some("verify-ca") => Trust::Authority,
        // As libpq: a root certificate that is given is heeded.
        Some("require") if options.root.is_some() => Trust::Authority,
        _ => Trust::Nobody,
    };
    if trust != Trust::Nobody {
        config.ssl_mode(SslMode::Require);
    }
    let tls = match config.get_ssl_mode() {
        SslMode::Disable => Tls::Off,
        _ => Tls::new(trust, options.root.as_deref(), options.own()?)?,
    };
    Ok(Target { config, tls })
}

/// A host that is gone without a word (its machine, its network) is given up within a minute, unless the string says otherwise: nothing would
/// tell for hours.
fn give_up_on_the_silent(config: &mut Config) {
    let driver = Config::new();
    if config.get_connect_timeout().is_none() {
        config.connect_timeout(LONGEST_CONNECTING);
    }
    if config.get_tcp_user_timeout().is_none() {
        config.tcp_user_timeout(LONGEST_SILENCE);
    }
    if config.get_keepalives_idle() == driver.get_keepalives_idle() {
        config.keepalives_idle(LONGEST_SILENCE);
    }
    if config.get_keepalives_interval().is_none() {
        config.keepalives_interval(BETWEEN_PROBES);
    }
    if config.get_keepalives_retries().is_none() {
        config.keepalives_retries(PROBES);
    }
}

/// What the driver does not read itself.
#[derive(Default)]
struct Options {
    mode: Option<String>,
    root: Option<PathBuf>,
    certificate: Option<PathBuf>,
    key: Option<PathBuf>,
    requires_gss: bool,
}

impl Options {
    /// The files of the certificate to show and its private key.
    fn own(&self) -> Result<Option<(&Path, &Path)>> {
        match (&self.certificate, &self.key) {
            (Some(certificate), Some(key)) => Ok(Some((certificate, key))),
            (None, None) => Ok(None),
            _ => Err(Error::new("08001", "`database.url` names one of `sslcert` and `sslkey` without the other")),
        }
    }

    /// Takes a pair over; otherwise gives what the driver is to read.
    fn take(&mut self, pair: &str) -> Option<String> {
        let Some((name, value)) = pair.split_once('=') else { return Some(pair.to_owned()) };
        let path = || {
            let path = percent_decode_str(value).decode_utf8_lossy().into_owned();
            Some(PathBuf::from(path.trim_matches('\''))).filter(|path| !path.as_os_str().is_empty())
        };
        match (name, value) {
            ("sslmode", mode) => {
                self.mode = Some(mode.to_owned());
                match mode {
                    // Without TLS first, and with it where the server insists: whoever allows it won't mind it being preferred.
                    "allow" => return Some("sslmode=prefer".into()),
                    _ if mode.starts_with("verify-") => {}
                    _ => return Some(pair.to_owned()),
                }
            }
            ("sslrootcert", "system") => {}
            ("sslrootcert", _) => self.root = path(),
            ("sslcert", _) => self.certificate = path(),
            ("sslkey", _) => self.key = path(),
            // `prefer` finds nobody who speaks it here.
            ("gssencmode", mode) => self.requires_gss = mode == "require",
            _ => return Some(pair.to_owned()),
        }
        None
    }
}

/// Takes what the driver does not read out of a connection string.
fn take_options(url: &str) -> (String, Options) {
    let mut options = Options::default();
    let kept = match url.split_once('?') {
        Some((base, query)) => {
            let kept: Vec<String> = query.split('&').filter_map(|pair| options.take(pair)).collect();
            if kept.is_empty() { base.to_owned() } else { format!("{base}?{}", kept.join("&")) }
        }
        None if url.contains("://") => url.to_owned(),
        None => url.split_whitespace().filter_map(|pair| options.take(pair)).collect::<Vec<_>>().join(" "),
    };
    (kept, options)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modes_of_libpq_are_read() {
        let plain = target("postgres://ann:s%20x@db.example:6000/shop?sslmode=disable").unwrap();
        assert!(matches!(plain.tls, Tls::Off));
        assert_eq!((plain.config.get_user(), plain.config.get_dbname()), (Some("ann"), Some("shop")));
        let verified = target("host=db.example user=ann sslmode=verify-full").unwrap();
        assert_eq!(verified.config.get_ssl_mode(), SslMode::Require);
        assert_eq!(verified.config.get_dbname(), Some("ann"));
        for mode in ["allow", "prefer"] {
            let either = target(&format!("postgres://ann@db.example/shop?sslmode={mode}&gssencmode=prefer")).unwrap();
            assert_eq!(either.config.get_ssl_mode(), SslMode::Prefer);
        }
    }

    #[test]
    fn silent_hosts_are_given_up() {
        let config = target("postgres://ann@db.example/shop").unwrap().config;
        assert_eq!(config.get_connect_timeout(), Some(&LONGEST_CONNECTING));
        assert_eq!(
            (config.get_tcp_user_timeout(), config.get_keepalives_idle()),
            (Some(&LONGEST_SILENCE), LONGEST_SILENCE)
        );
        let config = target("postgres://ann@db.example/shop?connect_timeout=3&keepalives_idle=5").unwrap().config;
        assert_eq!(config.get_connect_timeout(), Some(&Duration::from_secs(3)));
        assert_eq!(config.get_keepalives_idle(), Duration::from_secs(5));
    }

    #[test]
    fn what_is_no_connection_string_is_said() {
        let error = target("postgres://ann@db.example/shop?sslmode=sometimes").err().unwrap();
        assert_eq!(error.code(), "08001");
        let error = target("postgres://ann@db/shop?sslmode=verify-ca&sslrootcert=/nowhere.pem").err().unwrap();
        assert_eq!(error.code(), "58030");
        let error = target("postgres://ann@db/shop?sslcert=/a.pem").err().unwrap();
        assert!(error.message().contains("without the other"), "{error}");
        let error = target("host=db user=ann sslcert=/nowhere.pem sslkey=/nowhere.key").err().unwrap();
        assert!(error.code() == "58030" && error.message().contains("`sslcert` /nowhere.pem"), "{error}");
        let error = target("postgres://ann@db/shop?gssencmode=require").err().unwrap();
        assert_eq!(error.code(), "0A000");
    }
}
