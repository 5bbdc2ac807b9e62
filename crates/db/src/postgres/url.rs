//! `database.url`: a connection string as libpq reads it, `sslmode=verify-*` and `sslrootcert` included.

use std::path::PathBuf;

use basalt_core::{Error, Result};
use tokio_postgres::Config;
use tokio_postgres::config::SslMode;

use super::connection::Target;
use super::tls::{Tls, Trust};

/// Reads `postgres://user:password@host:port/database?option=value`, or `host=... user=...`.
///
/// Errors: 08001 for a string that is none; 58030 for a root certificate that can't be read.
pub(super) fn target(url: &str) -> Result<Target> {
    let (url, options) = take_options(url);
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
        _ => Tls::new(trust, options.root.as_deref())?,
    };
    Ok(Target { config, tls, greeting: None })
}

/// What the driver does not read itself.
#[derive(Default)]
struct Options {
    mode: Option<String>,
    root: Option<PathBuf>,
}

/// Takes `sslmode=verify-*` and `sslrootcert` out of a connection string; another `sslmode` stays as well.
fn take_options(url: &str) -> (String, Options) {
    let mut options = Options::default();
    let mut keep = |pair: &str| match pair.split_once('=') {
        Some(("sslmode", mode)) => {
            options.mode = Some(mode.to_owned());
            !mode.starts_with("verify-")
        }
        Some(("sslrootcert", root)) => {
            options.root = Some(root.into()).filter(|root: &PathBuf| root.as_os_str() != "system");
            false
        }
        _ => true,
    };
    let kept = match url.split_once('?') {
        Some((base, query)) => {
            let kept: Vec<&str> = query.split('&').filter(|pair| keep(pair)).collect();
            if kept.is_empty() { base.to_owned() } else { format!("{base}?{}", kept.join("&")) }
        }
        None if url.contains("://") => url.to_owned(),
        None => url.split_whitespace().filter(|pair| keep(pair)).collect::<Vec<_>>().join(" "),
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
    }

    #[test]
    fn what_is_no_connection_string_is_said() {
        let error = target("postgres://ann@db.example/shop?sslmode=sometimes").err().unwrap();
        assert_eq!(error.code(), "08001");
        let error = target("postgres://ann@db/shop?sslmode=verify-ca&sslrootcert=/nowhere.pem").err().unwrap();
        assert_eq!(error.code(), "58030");
    }
}
