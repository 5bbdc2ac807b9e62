//! What is refused of a configuration whose values are of the right types: limits under which nothing works, addresses that are none.

use std::fmt::Display;

use bytesize::ByteSize;
use url::Url;

use super::{Config, ConfigError, LEAST_HEADERS};
use crate::place::taken_by;

/// The fewest bytes that a body or an answer may be limited to.
const LEAST_SIZE: ByteSize = ByteSize::kib(1);

/// The most threads that read, of either kind: each has a connection and a stack.
const MOST_READERS: usize = 1024;

/// Errors: the first value that can't be used, and what to write.
pub(super) fn check(config: &Config) -> Result<(), ConfigError> {
    let (limits, database) = (&config.limits, &config.database);
    at_least("limits.headers", limits.headers, LEAST_HEADERS)?;
    at_least("limits.requests", limits.requests, 1)?;
    at_least("limits.batch", limits.batch, 1)?;
    at_least("limits.body", limits.body, LEAST_SIZE)?;
    at_least("limits.response", limits.response, LEAST_SIZE)?;
    at_most("database.readers", database.readers, MOST_READERS)?;
    at_most("database.long_readers", database.long_readers, MOST_READERS)?;
    if database.data_dir.as_os_str().is_empty() {
        return Err(ConfigError(
            "`database.data_dir` is empty: name a folder, such as \".basalt\", which belongs to the database alone"
                .into(),
        ));
    }
    config.server.check()?;
    config.api.check()?;
    address("server.public_url", &config.server.public_url)?;
    address("auth.leaked_passwords_url", &config.auth.leaked_passwords_url)?;
    let path = &config.server.rest_path;
    match taken_by(path.trim_end_matches('/')) {
        Some(other) => {
            Err(ConfigError(format!("`server.rest_path` is \"{path}\", which would hide {other}: choose another")))
        }
        None => Ok(()),
    }
}

/// Refuses what no browser would ever send. PostgREST takes it.
pub(super) fn origins(config: &Config) -> Result<(), ConfigError> {
    match config.api.cors_origins.iter().find(|origin| !is_origin(origin)) {
        Some(wrong) => Err(ConfigError(format!(
            "`api.cors_origins` names \"{wrong}\", which is no origin: write it as browsers do, \"https://app.example.com\"; for any \
             origin leave the list empty"
        ))),
        None => Ok(()),
    }
}

fn at_least<T: PartialOrd + Display>(key: &str, value: T, least: T) -> Result<(), ConfigError> {
    match value < least {
        true => Err(ConfigError(format!("`{key}` is {value}; give at least {least}"))),
        false => Ok(()),
    }
}

fn at_most(key: &str, value: usize, most: usize) -> Result<(), ConfigError> {
    match value > most {
        true => Err(ConfigError(format!("`{key}` is {value}; give at most {most}"))),
        false => Ok(()),
    }
}

/// An address in the web, or none.
fn address(key: &str, text: &str) -> Result<(), ConfigError> {
    let is_one = |url: Url| matches!(url.scheme(), "http" | "https") && url.has_host();
    match text.is_empty() || Url::parse(text).is_ok_and(is_one) {
        true => Ok(()),
        false => Err(ConfigError(format!("`{key}` is \"{text}\"; write an address, such as \"https://example.com\""))),
    }
}

/// Whether it is an origin as browsers send it: nothing else would ever be equal to one. Apps have schemes of their own.
fn is_origin(text: &str) -> bool {
    let Ok(url) = Url::parse(text) else { return text == "null" };
    match url.origin() {
        origin if origin.is_tuple() => origin.ascii_serialization() == text,
        _ => url.has_host() && url.path().is_empty() && url.query().is_none() && url.fragment().is_none(),
    }
}
