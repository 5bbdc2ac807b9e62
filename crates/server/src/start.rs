//! From a configuration to a running server, and back.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use basalt_core::Error;
use basalt_db::Database;
use basalt_query::Settings;
use basalt_rest::{Description, Door};
use basalt_sql::Name;
use http::HeaderName;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, oneshot};
use tokio::task::JoinHandle;

use crate::app::{App, REST};
use crate::config::{Config, Engine, OpenApi, Pooler, TransactionEnd};
use crate::cors::Cors;
use crate::token::{Verifier, VerifierOptions};
use crate::{listener, meter};

/// A server that can't start: what, and what to do.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The configuration can't be used.
    #[error("{0}")]
    Config(String),
    /// The database can't be opened.
    #[error("{0}")]
    Database(#[from] Error),
    /// The address can't be listened on.
    #[error("can't listen on {address}: {error}. Choose another with --port, or end what uses it.")]
    Listen {
        /// The address.
        address: String,
        /// Why.
        error: std::io::Error,
    },
}

/// A running server. Dropping it without [`Basalt::stop`] cuts the requests under way.
pub struct Basalt {
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    serving: JoinHandle<()>,
}

/// Opens the database that a project's configuration names.
///
/// Errors: those of [`Database::open`] and [`Database::connect`].
pub async fn open_database(project: &Path, config: &Config) -> Result<Database, Error> {
    let from = &config.database;
    let data_dir = project.join(&from.data_dir);
    let max_body = config.limits.response.as_u64() as usize;
    match from.engine() {
        Engine::Sqlite => {
            let mut options = basalt_db::Options {
                data_dir,
                queue: from.queue,
                group: from.group,
                statement_timeout: from.statement_timeout,
                max_body,
                ..basalt_db::Options::default()
            };
            if from.readers > 0 {
                options.readers = from.readers;
            }
            let open = tokio::task::spawn_blocking(move || Database::open(options));
            open.await.map_err(|error| Error::internal(error.to_string()))?
        }
        Engine::Postgres => {
            let options = basalt_db::PostgresOptions {
                url: Some(from.url.clone()).filter(|url| !url.is_empty()),
                data_dir,
                durable: true,
                connections: from.pool,
                queue: from.queue,
                wait: from.pool_timeout,
                statements: from.prepared_statements,
                statement_timeout: from.statement_timeout,
                max_body,
                transaction_pooler: from.pooler == Pooler::Transaction,
                bootstrap: from.bootstrap,
                channel: from.channel.clone(),
            };
            Database::connect(options).await
        }
    }
}

impl Basalt {
    /// Listens and serves `database` as `config` says. `project` is where relative paths begin.
    pub async fn start(project: &Path, config: &Config, database: Database) -> Result<Basalt, StartError> {
        let verifier = Verifier::new(verifier_options(project, config)?).map_err(StartError::Config)?;
        let address = format!("{}:{}", config.server.host, config.server.port);
        let listen = |error| StartError::Listen { address: address.clone(), error };
        let listener = TcpListener::bind(&address).await.map_err(listen)?;
        let address = listener.local_addr().map_err(listen)?;
        let public_url = match config.server.public_url.trim_end_matches('/') {
            "" => format!("http://{address}"),
            configured => configured.to_owned(),
        };
        let metrics = meter::recorder();
        let app = Arc::new(App {
            trace_header: trace_header(&config.server.trace_header)?,
            body_timeout: config.server.body_timeout,
            timed: config.api.server_timing,
            door: Door::new(database, door_options(config, format!("{public_url}{REST}"))),
            verifier,
            limits: config.limits.clone(),
            cors: Cors::new(config.api.cors_origins.clone()),
            under_way: Semaphore::new(config.limits.requests),
            ready: AtomicBool::new(false),
            metrics: metrics.clone(),
        });
        let (stop, stopped) = oneshot::channel();
        let server = config.server.clone();
        let serving = tokio::spawn(async move {
            let serve = listener::serve(listener, app, &server, async {
                let _ = stopped.await;
            });
            tokio::select! {
                () = serve => {}
                () = meter::tidy(metrics) => {}
            }
        });
        Ok(Basalt { address, stop, serving })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Refuses new connections, finishes the requests under way, and returns.
    pub async fn stop(self) {
        let _ = self.stop.send(());
        let _ = self.serving.await;
    }
}

fn verifier_options(project: &Path, config: &Config) -> Result<VerifierOptions, StartError> {
    let auth = &config.auth;
    let mut secrets: Vec<String> =
        [&auth.jwt_secret, &auth.jwks].into_iter().filter(|s| !s.is_empty()).cloned().collect();
    if !auth.jwks_file.as_os_str().is_empty() {
        let path = project.join(&auth.jwks_file);
        let text = std::fs::read_to_string(&path)
            .map_err(|e| StartError::Config(format!("`auth.jwks_file` {} can't be read: {e}", path.display())))?;
        secrets.push(text);
    }
    let opaque = [(&auth.publishable_key, "anon"), (&auth.secret_key, "service_role")];
    Ok(VerifierOptions {
        secrets,
        audience: some(&auth.jwt_audience),
        role_path: auth.role_claim.clone(),
        anonymous_role: some(&config.api.anonymous_role),
        opaque_keys: opaque
            .into_iter()
            .filter(|(key, _)| !key.is_empty())
            .map(|(key, role)| (key.clone(), role.to_owned()))
            .collect(),
    })
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
        unprotected: api
            .unprotected
            .iter()
            .map(|name| name.split_once('.').map_or_else(|| Name::new("public", name), |(s, n)| Name::new(s, n)))
            .collect(),
        plans: api.plans,
        pre_request: some(&api.pre_request),
        root_function: some(&api.root_function),
        app_settings: api.settings.iter().map(|(key, value)| (format!("app.settings.{key}"), value.clone())).collect(),
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
        batch: config.limits.batch,
    }
}

/// A configured text; empty means none.
fn some(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}
