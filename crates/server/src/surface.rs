//! What the configuration decides of a running server: how requests are judged and answered. A reload replaces it whole.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use basalt_auth::{Auth, Setup, State};
use basalt_db::Database;
use basalt_outbound::Outbound;
use basalt_query::Settings;
use basalt_realtime::Openness;
use basalt_rest::{Description, Door, Unprotected};
use http::HeaderName;
use ipnet::IpNet;

use crate::auth;
use crate::config::{Config, Limits, OpenApi, PoolTimeoutStatus, TransactionEnd};
use crate::cors::Cors;
use crate::hosts::Hosts;
use crate::start::StartError;
use crate::token::{SHORTEST_SECRET, Verifier, VerifierOptions};

/// The face of a server.
pub(crate) struct Surface {
    pub door: Door,
    pub verifier: Arc<Verifier>,
    /// The auth API, if there is one.
    pub auth: Option<Auth>,
    /// The client of all requests on users' behalf.
    pub outbound: Outbound,
    /// Whether mails land in the development mailbox.
    pub has_mailbox: bool,
    /// The names by which the mailbox may be asked.
    pub mail_hosts: Hosts,
    /// Proxies that tell a client's address.
    pub trusted_proxies: Vec<IpNet>,
    pub limits: Limits,
    pub cors: Cors,
    /// How long a body may take to arrive.
    pub body_timeout: Duration,
    /// Where the REST API is mounted: empty, or a path without a slash at its end.
    pub rest_path: String,
    /// A request header that every answer repeats.
    pub trace_header: Option<HeaderName>,
    /// Whether answers carry `Server-Timing`.
    pub timed: bool,
}

impl Surface {
    /// The face of a server that listens at `address`. `project` is where relative paths begin. Files
    /// that the configuration names are read.
    ///
    /// Errors: what of the configuration can't be used.
    pub fn new(
        project: &Path,
        config: &Config,
        database: Database,
        address: SocketAddr,
        state: State,
    ) -> Result<Surface, StartError> {
        for schema in &config.api.schemas {
            if schema == "pg_catalog" || schema == "information_schema" {
                return Err(StartError::Config(format!(
                    "`api.schemas` must not name {schema}: it describes the database itself"
                )));
            }
        }
        let public_url = match config.server.public_url.trim_end_matches('/') {
            "" => format!("http://{address}"),
            configured => configured.to_owned(),
        };
        let rest_path = rest_path(&config.server.rest_path)?;
        let keys = auth::keys(project, config)?;
        let mut options = verifier_options(project, config)?;
        options.secrets.extend(keys.iter().filter(|keys| keys.is_asymmetric()).map(|keys| keys.jwks().to_string()));
        let verifier = Arc::new(Verifier::new(options).map_err(StartError::Config)?);
        verifier.ignored().iter().for_each(|key| tracing::warn!("ignored: {key}"));
        let outbound = Outbound::new(&config.outbound).map_err(|error| StartError::Config(error.to_string()))?;
        let auth = match keys.filter(|_| config.auth.enabled) {
            Some(keys) => {
                let (settings, url) = (config.auth.clone(), format!("{public_url}{}", auth::AUTH));
                let (database, outbound, verify) = (database.clone(), outbound.clone(), verifier.clone());
                let setup = Setup { database, settings, project, url, keys, verify, outbound, state };
                Some(Auth::new(setup).map_err(StartError::Config)?)
            }
            None => None,
        };
        Ok(Surface {
            auth,
            outbound,
            verifier,
            has_mailbox: config.auth.email.mailbox,
            mail_hosts: Hosts::new(&config.server),
            trusted_proxies: config.server.trusted_proxies.clone(),
            door: Door::new(database, door_options(config, format!("{public_url}{rest_path}"))),
            body_timeout: config.server.body_timeout,
            limits: config.limits.clone(),
            cors: Cors::new(config.api.cors_origins.clone()),
            rest_path,
            trace_header: trace_header(&config.server.trace_header)?,
            timed: config.api.server_timing,
        })
    }
}

impl Surface {
    /// How realtime judges.
    ///
    /// Errors: what of the configuration can't be used.
    pub fn realtime(&self, config: &Config) -> Result<basalt_realtime::Settings, StartError> {
        let openness = Openness {
            unprotected: Unprotected::new(&config.api.unprotected),
            anonymous: some(&config.api.anonymous_role),
        };
        basalt_realtime::Settings::new(config.realtime.clone(), self.verifier.clone(), openness, &config.broadcasts)
            .map_err(StartError::Config)
    }
}

/// A mount point that paths can be cut off.
fn rest_path(configured: &str) -> Result<String, StartError> {
    let path = configured.trim_end_matches('/');
    if path.is_empty() || (path.starts_with('/') && !path.contains(['?', '#', '%', ' '])) {
        return Ok(path.to_owned());
    }
    Err(StartError::Config(format!(
        "`server.rest_path` \"{configured}\" is no path: write it as \"/rest/v1\", or \"\" for the root"
    )))
}

/// Whether tokens and keys are taken that anybody could make, since their secret is published.
///
/// Errors: what of the configuration can't be used.
pub fn takes_published_secret(project: &Path, config: &Config) -> Result<bool, StartError> {
    let verifier = Verifier::new(verifier_options(project, config)?).map_err(StartError::Config)?;
    Ok(verifier.takes_published())
}

fn verifier_options(project: &Path, config: &Config) -> Result<VerifierOptions, StartError> {
    let auth = &config.auth;
    let mut secrets: Vec<String> =
        [&auth.jwt_secret, &auth.jwks].into_iter().filter(|s| !s.is_empty()).cloned().collect();
    if !auth.jwks.is_empty() {
        check_key_set("`auth.jwks`", &auth.jwks)?;
    }
    if !auth.jwks_file.as_os_str().is_empty() {
        let path = project.join(&auth.jwks_file);
        let text = std::fs::read_to_string(&path)
            .map_err(|e| StartError::Config(format!("`auth.jwks_file` {} can't be read: {e}", path.display())))?;
        check_key_set(&format!("`auth.jwks_file` {}", path.display()), &text)?;
        secrets.push(text);
    }
    judge_secret_key(&auth.secret_key, &auth.publishable_key)?;
    let opaque = [(&auth.publishable_key, "anon"), (&auth.secret_key, "service_role")];
    Ok(VerifierOptions {
        secrets,
        audience: some(&auth.jwt_audience),
        role_path: auth.role_claim.clone(),
        anonymous_role: some(&config.api.anonymous_role),
        apikey_header: auth.apikey_header,
        opaque_keys: opaque
            .into_iter()
            .filter(|(key, _)| !key.is_empty())
            .map(|(key, role)| (key.clone(), role.to_owned()))
            .collect(),
    })
}

/// Refuses a secret key that could be guessed, or that every client has.
fn judge_secret_key(secret: &str, publishable: &str) -> Result<(), StartError> {
    if secret.is_empty() {
        return Ok(());
    }
    if secret == publishable {
        return Err(StartError::Config(
            "`auth.secret_key` is the same as `auth.publishable_key`: every client would have the service key's rights"
                .into(),
        ));
    }
    match secret.len() < SHORTEST_SECRET {
        true => Err(StartError::Config(format!("`auth.secret_key` must have at least {SHORTEST_SECRET} bytes"))),
        false => Ok(()),
    }
}

/// Refuses what would otherwise be taken for a secret.
fn check_key_set(name: &str, text: &str) -> Result<(), StartError> {
    match serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(text) {
        Ok(_) => Ok(()),
        Err(error) => Err(StartError::Config(format!(
            "{name} holds neither a JWK nor a JWK set, which are JSON objects: {error}"
        ))),
    }
}

/// The header's name, if there is one.
fn trace_header(name: &str) -> Result<Option<HeaderName>, StartError> {
    if name.is_empty() {
        return Ok(None);
    }
    let bad = |_| StartError::Config(format!("`server.trace_header` \"{name}\" is no name of a header"));
    HeaderName::try_from(name).map(Some).map_err(bad)
}

fn door_options(config: &Config, url: String) -> basalt_rest::Options {
    let api = &config.api;
    let (end, end_override) = match api.transaction_end {
        TransactionEnd::Commit => (basalt_db::TransactionEnd::Commit, false),
        TransactionEnd::CommitAllowOverride => (basalt_db::TransactionEnd::Commit, true),
        TransactionEnd::Rollback => (basalt_db::TransactionEnd::Rollback, false),
        TransactionEnd::RollbackAllowOverride => (basalt_db::TransactionEnd::Rollback, true),
    };
    basalt_rest::Options {
        planning: Settings {
            schemas: api.schemas.clone(),
            extra_search_path: api.extra_search_path.clone(),
            max_rows: (api.max_rows > 0).then_some(api.max_rows),
            max_depth: api.max_embed_depth,
            aggregates: api.aggregates,
            legacy_target_names: api.legacy_target_names,
        },
        unprotected: Unprotected::new(&api.unprotected),
        plans: api.plans,
        estimates: api.estimates,
        limited_writes: api.limited_writes,
        pre_request: some(&api.pre_request),
        root_function: some(&api.root_function),
        app_settings: api.settings.iter().map(|(key, value)| (format!("app.settings.{key}"), value.clone())).collect(),
        hoisted: api.hoisted_settings.clone(),
        end,
        end_override,
        description: match api.openapi {
            OpenApi::FollowPrivileges => Description::FollowPrivileges,
            OpenApi::IgnorePrivileges => Description::IgnorePrivileges,
            OpenApi::Disabled => Description::Disabled,
        },
        describe_security: api.openapi_security,
        url,
        error_details: api.error_details,
        gateway_timeouts: api.pool_timeout_status == PoolTimeoutStatus::GatewayTimeout,
        batch: config.limits.batch,
        body: usize::try_from(config.limits.body.as_u64()).unwrap_or(usize::MAX),
        response: usize::try_from(config.limits.response.as_u64()).unwrap_or(usize::MAX),
    }
}

/// A configured text; empty means none.
fn some(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}
