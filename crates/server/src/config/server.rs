//! `[server]` and `[log]`: where the server listens, and what it says.

use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use super::ConfigError;
use crate::start::StartError;

/// `[server]`
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Server {
    /// Address to listen on.
    pub host: String,
    /// Port to listen on; 0 takes a free one.
    pub port: u16,
    /// A Unix socket to listen on instead, relative to the project; empty: none.
    pub unix_socket: PathBuf,
    /// Who may use that socket: the file's mode, in octal digits.
    pub unix_socket_mode: String,
    /// Whether other processes may listen on the same port; the system deals out connections.
    pub reuse_port: bool,
    /// How long a shutdown waits for requests under way.
    #[serde(with = "humantime_serde")]
    pub shutdown_timeout: Duration,
    /// How long a client may take to send its headers.
    #[serde(with = "humantime_serde")]
    pub header_timeout: Duration,
    /// How long a client may take to send a request's body.
    #[serde(with = "humantime_serde")]
    pub body_timeout: Duration,
    /// How long a client may take none of an answer that waits for it.
    #[serde(with = "humantime_serde")]
    pub send_timeout: Duration,
    /// Where clients find the server, if a proxy stands before it.
    pub public_url: String,
    /// Networks of proxies whose `X-Forwarded-For` tells the client's address.
    pub trusted_proxies: Vec<IpNet>,
    /// A request header that every answer repeats.
    pub trace_header: String,
    /// Where the REST API is mounted; empty: at the root, where then nothing else answers.
    pub rest_path: String,
    /// Port of `/live`, `/ready` and `/metrics` for operators; 0: none of its own.
    pub admin_port: u16,
    /// Address of that port; empty: `host`.
    pub admin_host: String,
}

impl Server {
    /// Refuses times within which no request could come.
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        if self.header_timeout < Duration::from_millis(1) {
            return Err(ConfigError(
                "`server.header_timeout` is too short: no request could come; give at least 1ms".into(),
            ));
        }
        Ok(())
    }

    /// [`Server::unix_socket_mode`] as a number.
    ///
    /// Errors: a text that is no mode.
    pub(crate) fn socket_mode(&self) -> Result<u32, StartError> {
        let mode = u32::from_str_radix(&self.unix_socket_mode, 8).ok().filter(|mode| (0o600..=0o777).contains(mode));
        let wrong =
            || format!("`server.unix_socket_mode` is \"{}\"; give octal digits from 600 to 777", self.unix_socket_mode);
        mode.ok_or_else(|| StartError::Config(wrong()))
    }
}

impl Default for Server {
    fn default() -> Self {
        Server {
            host: "127.0.0.1".into(),
            port: 54321,
            unix_socket: PathBuf::new(),
            unix_socket_mode: "660".into(),
            reuse_port: false,
            shutdown_timeout: Duration::from_secs(30),
            header_timeout: Duration::from_secs(15),
            body_timeout: Duration::from_secs(60),
            send_timeout: Duration::from_secs(30),
            public_url: String::new(),
            trusted_proxies: Vec::new(),
            trace_header: String::new(),
            rest_path: "/rest/v1".into(),
            admin_port: 0,
            admin_host: String::new(),
        }
    }
}

/// `[log]`
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Log {
    /// `error`, `warn`, `info`, `debug`, `trace`, or a filter such as `info,basalt_db=debug`.
    pub level: String,
    /// `text` or `json`.
    pub format: LogFormat,
}

/// Forms of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// A line for people.
    #[default]
    Text,
    /// A JSON object a line.
    Json,
}

impl Default for Log {
    fn default() -> Self {
        Log { level: "info".into(), format: LogFormat::Text }
    }
}
