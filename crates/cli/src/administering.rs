//! A running server's auth API, asked with the project's service key as any administrator's program asks it.

use std::path::Path;

use basalt_outbound::{Outbound, Settings};
use basalt_server::Config;
use bytes::Bytes;
use http::{Method, Request, header};
use serde_json::Value;
use url::Url;

use crate::report::{Failure, Report};
use crate::serving::api_keys;

/// Where the API is, and the key to it.
pub struct Administration {
    base: Url,
    key: String,
    client: Outbound,
}

impl Administration {
    /// The server that `url` names, or else the one that the configuration describes.
    ///
    /// Errors: an address that is none; a project that has no service key of its own.
    pub fn of(root: &Path, config: &Config, url: Option<&str>) -> Result<Administration, Failure> {
        let url = url.map_or_else(|| own_url(config), str::to_owned);
        let base = Url::parse(&format!("{}/auth/v1", url.trim_end_matches('/')))
            .map_err(|error| Report::error(format!("{url} is no URL: {error}")))?;
        let key = api_keys(root, config).map_err(Report::error)?.ok_or_else(|| {
            Report::error("the project has no service key: somebody else signs its tokens")
                .help("Set `auth.secret_key`, `auth.jwt_secret` or `auth.signing_keys_path`.")
        })?;
        // Whoever calls the command chose the server.
        let allow = base.host_str().map(str::to_owned).into_iter().collect();
        let client = Outbound::new(&Settings { allow, ..Settings::default() })
            .map_err(|error| Report::error(format!("{url} can't be asked: {error}")))?;
        Ok(Administration { base, key: key.service, client })
    }

    /// Asks; gives the answer's body.
    ///
    /// Errors: no server, or its refusal.
    pub async fn ask(
        &self,
        method: Method,
        path: &[&str],
        query: &[(&str, &str)],
        body: Option<&Value>,
    ) -> Result<Value, Failure> {
        let mut url = self.base.clone();
        if let Ok(mut parts) = url.path_segments_mut() {
            parts.extend(path);
        }
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        let request = Request::builder()
            .method(method)
            .uri(url.as_str())
            .header("apikey", &self.key)
            .header(header::AUTHORIZATION, format!("Bearer {}", self.key))
            .header(header::CONTENT_TYPE, "application/json")
            .body(body.map(|body| Bytes::from(body.to_string())).unwrap_or_default())
            .map_err(|error| Report::error(error.to_string()))?;
        let response = self.client.send(request).await.map_err(|error| {
            Report::error(format!("no answer from {}: {error}", self.base))
                .help("Start the server (`basalt dev`, `basalt serve`), or name another with --url.")
        })?;
        let body: Value = serde_json::from_slice(response.body()).unwrap_or_default();
        if response.status().is_success() {
            return Ok(body);
        }
        let text = |name| body.get(name).and_then(Value::as_str);
        let message = text("msg").or(text("message")).unwrap_or("it is no server of this project");
        let report = Report::error(format!("the server answered {}: {message}", response.status().as_u16()));
        Err(match text("error_code") {
            Some("bad_jwt" | "not_admin") => {
                report.help("The server has another secret than this project's configuration.")
            }
            _ => report,
        }
        .into())
    }
}

/// Where the configured server is found on this machine, or in public.
fn own_url(config: &Config) -> String {
    let server = &config.server;
    if !server.public_url.is_empty() {
        return server.public_url.clone();
    }
    let host = match server.host.as_str() {
        "0.0.0.0" | "::" => "127.0.0.1".to_owned(),
        host if host.contains(':') => format!("[{host}]"),
        host => host.to_owned(),
    };
    format!("http://{host}:{}", server.port)
}
