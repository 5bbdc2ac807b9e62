//! `database.url`: a connection string as libpq reads it, with what the driver does not know: certificates and `sslmode`'s other words.

use std::path::{Path, PathBuf};
use std::time::Duration;

use basalt_core::{Error, Result};
use percent_encoding::percent_decode_str;
use rustls::SupportedProtocolVersion;
use rustls::version::{TLS12, TLS13};
use tokio_postgres::Config;
use tokio_postgres::config::SslMode;

use super::connection::Target;
use super::passfile;
use super::tls::{Terms, Tls, Trust};

/// How long connecting to a host may take.
const LONGEST_CONNECTING: Duration = Duration::from_secs(10);
/// How long a host may leave bytes unacknowledged, or say nothing before it is probed.
const LONGEST_SILENCE: Duration = Duration::from_secs(30);
/// Probes of a silent host, and the pause between them.
const PROBES: u32 = 3;
const BETWEEN_PROBES: Duration = Duration::from_secs(10);

/// What other clients read of a connection string, and the setting that stands for it here.
const OF_OTHERS: [(&str, &str); 7] = [
    ("pgbouncer", "`database.pooler = \"transaction\"`"),
    ("connection_limit", "`database.pool`"),
    ("pool_timeout", "`database.pool_timeout`"),
    ("schema", "`api.schemas`"),
    ("statement_cache_size", "`database.prepared_statements`"),
    ("supa", "nothing"),
    ("workaround", "nothing"),
];
/// What libpq reads that makes no difference here: there is neither compression nor Kerberos.
const WITHOUT_MEANING: [&str; 5] = ["sslcompression", "krbsrvname", "gsslib", "gssdelegation", "sslcertmode=allow"];

/// Reads `postgres://user:password@host:port/database?option=value`, or `host=... user=...`.
///
/// Errors: 08001 for a string that is none; 0A000 for what libpq does and Basalt does not; 58030 for a certificate that can't be read.
pub(super) fn target(url: &str) -> Result<Target> {
    let (url, options) = take_options(url)?;
    let mut config: Config = url.parse().map_err(|error: tokio_postgres::Error| {
        let reason = std::error::Error::source(&error).map_or_else(|| error.to_string(), ToString::to_string);
        no_connection_string(&reason).with_hint("Write it as postgres://user:password@host:5432/database.")
    })?;
    if config.get_dbname().is_none() {
        let user = config.get_user().unwrap_or("postgres").to_owned();
        config.dbname(user);
    }
    if config.get_application_name().is_none() {
        config.application_name(options.fallback_name.as_deref().unwrap_or("basalt"));
    }
    passfile::fill_in(&mut config, options.passwords.clone());
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
        _ => {
            let terms = Terms { versions: options.versions()?, names_host: !options.hides_host };
            Tls::new(trust, options.root.as_deref(), options.own()?, &terms)?
        }
    };
    Ok(Target { config, tls })
}

fn no_connection_string(reason: &str) -> Error {
    Error::new("08001", format!("`database.url` is no connection string: {reason}"))
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
    /// The oldest version of TLS, and the newest.
    oldest: Option<String>,
    newest: Option<String>,
    /// Whether TLS's beginning does not name the host.
    hides_host: bool,
    fallback_name: Option<String>,
    /// A file of passwords.
    passwords: Option<PathBuf>,
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

    /// The versions of TLS that may be spoken. There are no older ones than 1.2.
    fn versions(&self) -> Result<Vec<&'static SupportedProtocolVersion>> {
        let number = |option: &str, text: &Option<String>, otherwise| match text.as_deref().map(str::to_ascii_lowercase)
        {
            None => Ok(otherwise),
            Some(text) => ["tlsv1", "tlsv1.1", "tlsv1.2", "tlsv1.3"]
                .iter()
                .position(|known| *known == text)
                .ok_or_else(|| no_connection_string(&format!("`{option}` is none of TLSv1.2 and TLSv1.3"))),
        };
        let oldest = number("ssl_min_protocol_version", &self.oldest, 2)?;
        let newest = number("ssl_max_protocol_version", &self.newest, 3)?;
        let known = [(2, &TLS12), (3, &TLS13)];
        let versions: Vec<_> =
            known.into_iter().filter(|(at, _)| (oldest..=newest).contains(at)).map(|(_, version)| version).collect();
        match versions.is_empty() {
            true => {
                Err(Error::unsupported("TLS before version 1.2", "Let ssl_max_protocol_version be TLSv1.2 or TLSv1.3."))
            }
            false => Ok(versions),
        }
    }

    /// Takes a pair over; otherwise gives what the driver is to read.
    fn take(&mut self, pair: &str) -> Result<Option<String>> {
        let Some((name, raw)) = pair.split_once('=') else { return Ok(Some(pair.to_owned())) };
        let value = percent_decode_str(raw).decode_utf8_lossy().trim_matches('\'').to_owned();
        let given = || Some(value.clone()).filter(|value| !value.is_empty());
        let path = || given().map(PathBuf::from);
        let refused = |hint: &'static str| match value.as_str() {
            "" => Ok(None),
            _ => Err(Error::unsupported(format!("`{name}` in `database.url`"), hint)),
        };
        match (name, value.as_str()) {
            ("sslmode", mode) => {
                self.mode = Some(mode.to_owned());
                match mode {
                    // Without TLS first, and with it where the server insists: whoever allows it won't mind it being preferred.
                    "allow" => return Ok(Some("sslmode=prefer".into())),
                    _ if mode.starts_with("verify-") => {}
                    _ => return Ok(Some(pair.to_owned())),
                }
            }
            ("sslrootcert", "system") => {}
            ("sslrootcert", _) => self.root = path(),
            ("sslcert", _) => self.certificate = path(),
            ("sslkey", _) => self.key = path(),
            ("ssl_min_protocol_version", _) => self.oldest = given(),
            ("ssl_max_protocol_version", _) => self.newest = given(),
            ("sslsni", sends) => self.hides_host = sends == "0",
            ("sslcrl" | "sslcrldir", _) => return refused("Lists of revoked certificates are not read: leave it out."),
            ("sslpassword", _) => return refused("Let `sslkey` be a key without a passphrase."),
            // `prefer` finds nobody who speaks it here.
            ("gssencmode", "require") => return refused("Encrypt with TLS: sslmode=require, or a stricter one."),
            ("gssencmode", _) => {}
            ("require_auth", _) => {
                return refused(
                    "Leave it out; sslmode=verify-full and channel_binding=require prove who the server is.",
                );
            }
            ("requirepeer", _) => {
                return refused("Leave it out; nobody but the server's user may own the socket's folder.");
            }
            ("service", _) => return refused("Write what pg_service.conf says under that name."),
            ("client_encoding", encoding) => {
                if !["", "auto", "utf8", "utf-8", "unicode"].contains(&encoding.to_ascii_lowercase().as_str()) {
                    return refused("Texts are UTF-8: leave it out, or say `utf8`.");
                }
            }
            ("fallback_application_name", _) => self.fallback_name = given(),
            ("passfile", _) => self.passwords = path(),
            ("keepalives_count", _) => return Ok(Some(format!("keepalives_retries={raw}"))),
            ("target_session_attrs", "primary") => return Ok(Some("target_session_attrs=read-write".into())),
            _ if WITHOUT_MEANING.contains(&name) || WITHOUT_MEANING.contains(&pair) => {}
            _ => {
                let of_others = OF_OTHERS.iter().find(|(theirs, _)| *theirs == name);
                let Some((_, ours)) = of_others else { return Ok(Some(pair.to_owned())) };
                tracing::warn!("`{name}` in `database.url` is another client's and passed over; here {ours} says it");
            }
        }
        Ok(None)
    }
}

/// Takes what the driver does not read out of a connection string.
fn take_options(url: &str) -> Result<(String, Options)> {
    let mut options = Options::default();
    let mut kept = |pairs: &mut dyn Iterator<Item = &str>| -> Result<Vec<String>> {
        pairs.filter_map(|pair| options.take(pair).transpose()).collect()
    };
    let rest = match url.split_once('?') {
        Some((base, query)) => {
            let kept = kept(&mut query.split('&'))?;
            if kept.is_empty() { base.to_owned() } else { format!("{base}?{}", kept.join("&")) }
        }
        None if url.contains("://") => url.to_owned(),
        None => kept(&mut url.split_whitespace())?.join(" "),
    };
    Ok((rest, options))
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
        for option in [
            "gssencmode=require",
            "sslcrl=/revoked.pem",
            "require_auth=scram-sha-256",
            "service=shop",
            "client_encoding=latin1",
            "ssl_max_protocol_version=TLSv1.1",
        ] {
            let error = target(&format!("postgres://ann@db/shop?{option}")).err().expect(option);
            assert!(error.code() == "0A000" && error.hint().is_some(), "{option}: {error}");
        }
        let error = target("postgres://ann@db/shop?ssl_min_protocol_version=2").err().unwrap();
        assert_eq!(error.code(), "08001");
    }

    #[test]
    fn what_other_clients_read_is_no_obstacle() {
        let options = "client_encoding=UTF8&ssl_min_protocol_version=TLSv1.3&sslsni=0&sslcompression=0&sslcrl=&keepalives_count=7&\
            fallback_application_name=mine&target_session_attrs=primary&pgbouncer=true&connection_limit=1&pool_timeout=0&sslcertmode=allow";
        let read = target(&format!("postgres://ann@db.example/shop?{options}")).unwrap().config;
        assert_eq!((read.get_application_name(), read.get_keepalives_retries()), (Some("mine"), Some(7)));
        let named = target("host=db user=ann application_name=own fallback_application_name=mine").unwrap().config;
        assert_eq!(named.get_application_name(), Some("own"));
    }
}
