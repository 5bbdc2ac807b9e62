//! Configuration: `basalt.toml` (or a Supabase `config.toml`), then `BASALT_*` environment variables, then flags.
//!
//! Environment: `BASALT_API__MAX_ROWS=500` sets `api.max_rows`. An unknown key is an error that names the nearest known one.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use basalt_core::nearest;
pub use basalt_webhooks::Settings as Webhook;
use bytesize::ByteSize;
use figment::Figment;
use figment::providers::{Env, Format, Serialized, Toml};
use ipnet::IpNet;
use serde::{Deserialize, Serialize};

/// Everything that can be configured, with its defaults.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The project.
    pub project: Project,
    /// Where the server listens.
    pub server: Server,
    /// The database.
    pub database: Database,
    /// The APIs over tables.
    pub api: Api,
    /// Tokens, users and sessions.
    pub auth: basalt_auth::Settings,
    /// Limits on what a request may cost.
    pub limits: Limits,
    /// The change log.
    pub changes: Changes,
    /// Channels over WebSocket.
    pub realtime: basalt_realtime::Limits,
    /// How nodes reach each other.
    pub messaging: basalt_messaging::Settings,
    /// Changes that are sent to URLs.
    pub webhooks: Vec<Webhook>,
    /// Requests that the server makes for users.
    pub outbound: basalt_outbound::Settings,
    /// Logs.
    pub log: Log,
}

/// `[project]`
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Project {
    /// A name for people.
    pub name: String,
}

/// `[server]`
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Server {
    /// Address to listen on.
    pub host: String,
    /// Port to listen on; 0 takes a free one.
    pub port: u16,
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

/// `[database]`
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Database {
    /// `sqlite`: embedded; `postgres`: PostgreSQL, a private one unless `url` names another.
    pub engine: Engine,
    /// A connection string: PostgreSQL, whatever `engine` says.
    pub url: String,
    /// Connections to PostgreSQL for requests.
    pub pool: usize,
    /// How long a request may wait for a connection.
    #[serde(with = "humantime_serde")]
    pub pool_timeout: Duration,
    /// What is between Basalt and PostgreSQL.
    pub pooler: Pooler,
    /// Statements that each connection keeps prepared; 0: none.
    pub prepared_statements: usize,
    /// Whether the start fails while PostgreSQL can't be reached. If not, requests are answered with PGRST002 until it can.
    pub required: bool,
    /// Whether the roles, schemas and functions that projects rely on are made in PostgreSQL where they are missing.
    pub bootstrap: bool,
    /// The channel on which PostgreSQL asks for reloads (`notify pgrst, 'reload schema'`); empty: nobody listens.
    pub channel: String,
    /// The data folder, relative to the project.
    pub data_dir: PathBuf,
    /// Threads that read; 0 means one a core.
    pub readers: usize,
    /// Statements that may wait for a thread.
    pub queue: usize,
    /// Writes that one commit may group.
    pub group: usize,
    /// Longest time a statement may run.
    #[serde(with = "humantime_serde")]
    pub statement_timeout: Duration,
}

/// Engines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Engine {
    /// Embedded SQLite.
    #[default]
    Sqlite,
    /// PostgreSQL.
    Postgres,
}

/// What hands out connections to PostgreSQL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Pooler {
    /// Nothing, or a pooler that gives each of our connections one of its own.
    #[default]
    Session,
    /// A pooler that gives a connection for one transaction: nothing is prepared, and reloads are not heard of.
    Transaction,
}

/// `[api]`
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Api {
    /// Exposed schemas; the first is the default.
    pub schemas: Vec<String>,
    /// Schemas where functions may be found besides the request's.
    pub extra_search_path: Vec<String>,
    /// Most rows that a read gives at any level; 0 means no limit.
    pub max_rows: u64,
    /// How deep resources may be embedded.
    pub max_embed_depth: usize,
    /// The role of callers without a key; empty refuses them.
    pub anonymous_role: String,
    /// Tables (`schema.name`, `schema.*` or `*`) that are served to `anon` and `authenticated` although row security is off on them.
    pub unprotected: Vec<String>,
    /// Whether aggregates may be asked for.
    pub aggregates: bool,
    /// Whether plans (`application/vnd.pgrst.plan`) may be asked for.
    pub plans: bool,
    /// A function called before every statement.
    pub pre_request: String,
    /// A function that answers at the root instead of the description.
    pub root_function: String,
    /// What functions may read as `app.settings.<key>`.
    pub settings: BTreeMap<String, String>,
    /// Settings of a function (`create function ... set`) that hold for the whole transaction of its call.
    pub hoisted_settings: Vec<String>,
    /// How transactions end.
    pub transaction_end: TransactionEnd,
    /// Whether an aliased resource may be named by its relation in filters.
    pub legacy_target_names: bool,
    /// What the API's description shows.
    pub openapi: OpenApi,
    /// Whether the description at the root says that requests carry a token.
    pub openapi_security: bool,
    /// Whether answers carry `Server-Timing`.
    pub server_timing: bool,
    /// Allowed origins of browsers; empty allows any.
    pub cors_origins: Vec<String>,
    /// Whether errors carry details and hints.
    pub error_details: bool,
}

/// How transactions end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TransactionEnd {
    /// Always commit.
    #[default]
    Commit,
    /// Commit unless `Prefer: tx=rollback`.
    CommitAllowOverride,
    /// Always roll back.
    Rollback,
    /// Roll back unless `Prefer: tx=commit`.
    RollbackAllowOverride,
}

/// What the API's description shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OpenApi {
    /// What the caller may use.
    #[default]
    FollowPrivileges,
    /// Everything exposed.
    IgnorePrivileges,
    /// Nothing: 404.
    Disabled,
}

/// `[limits]`
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Largest request body (413).
    pub body: ByteSize,
    /// Largest answer (54000).
    pub response: ByteSize,
    /// Largest sum of request headers and request line (431 or 414).
    pub headers: ByteSize,
    /// Requests under way at once (503).
    pub requests: usize,
    /// Most requests of a batch (413).
    pub batch: usize,
}

/// `[changes]`: how large the change log may grow.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Changes {
    /// How long entries stay that every durable reader has passed.
    #[serde(with = "humantime_serde")]
    pub keep: Duration,
    /// Most entries, about.
    pub entries: u64,
    /// Most bytes of rows, about.
    pub bytes: ByteSize,
    /// The oldest entry.
    #[serde(with = "humantime_serde")]
    pub age: Duration,
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

impl Database {
    /// The engine that runs: a connection string means PostgreSQL.
    pub fn engine(&self) -> Engine {
        if self.url.is_empty() { self.engine } else { Engine::Postgres }
    }
}

impl Default for Server {
    fn default() -> Self {
        Server {
            host: "127.0.0.1".into(),
            port: 54321,
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

impl Default for Database {
    fn default() -> Self {
        Database {
            engine: Engine::Sqlite,
            url: String::new(),
            pool: 10,
            pool_timeout: Duration::from_secs(10),
            pooler: Pooler::Session,
            prepared_statements: 200,
            required: true,
            bootstrap: true,
            channel: "pgrst".into(),
            data_dir: ".basalt".into(),
            readers: 0,
            queue: 1024,
            group: 256,
            statement_timeout: Duration::from_secs(8),
        }
    }
}

impl Default for Api {
    fn default() -> Self {
        Api {
            schemas: vec!["public".into()],
            extra_search_path: vec!["public".into(), "extensions".into()],
            max_rows: 1000,
            max_embed_depth: 8,
            anonymous_role: "anon".into(),
            unprotected: Vec::new(),
            aggregates: false,
            plans: false,
            pre_request: String::new(),
            root_function: String::new(),
            settings: BTreeMap::new(),
            hoisted_settings: [
                "statement_timeout",
                "plan_filter.statement_cost_limit",
                "default_transaction_isolation",
            ]
            .map(str::to_owned)
            .into(),
            transaction_end: TransactionEnd::Commit,
            legacy_target_names: true,
            openapi: OpenApi::FollowPrivileges,
            openapi_security: false,
            server_timing: false,
            cors_origins: Vec::new(),
            error_details: true,
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            body: ByteSize::mib(10),
            response: ByteSize::mib(256),
            headers: ByteSize::kib(64),
            requests: 4096,
            batch: 100,
        }
    }
}

impl Default for Changes {
    fn default() -> Self {
        let basalt_db::changes::Limits { keep, entries, bytes, age } = basalt_db::changes::Limits::default();
        Changes { keep, entries, bytes: ByteSize::b(bytes), age }
    }
}

impl Changes {
    /// The same, as the database takes it.
    pub fn limits(&self) -> basalt_db::changes::Limits {
        let Changes { keep, entries, bytes, age } = self.clone();
        basalt_db::changes::Limits { keep, entries, bytes: bytes.as_u64(), age }
    }
}

impl Default for Log {
    fn default() -> Self {
        Log { level: "info".into(), format: LogFormat::Text }
    }
}

/// A configuration that can't be used: what, where, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ConfigError(pub String);

impl Config {
    /// Reads a project's configuration. `flags` are `key.path` and value, strongest of all.
    pub fn load(project: &Path, flags: &[(String, figment::value::Value)]) -> Result<Config, ConfigError> {
        let mut figment = Figment::from(Serialized::defaults(Config::default()));
        let own = project.join("basalt.toml");
        let supabase = project.join("supabase").join("config.toml");
        let supabase = if supabase.exists() { supabase } else { project.join("config.toml") };
        if own.exists() {
            figment = figment.merge(Toml::file_exact(&own));
        } else if supabase.exists() {
            figment = figment.merge(Serialized::globals(from_supabase(&supabase)?));
        }
        Config::finish(figment, flags)
    }

    /// `base`, under the environment and flags.
    pub(crate) fn overlaid(base: Config, flags: &[(String, figment::value::Value)]) -> Result<Config, ConfigError> {
        Config::finish(Figment::from(Serialized::defaults(base)), flags)
    }

    fn finish(mut figment: Figment, flags: &[(String, figment::value::Value)]) -> Result<Config, ConfigError> {
        figment = figment.merge(Env::prefixed("BASALT_").split("__"));
        for (key, value) in flags {
            figment = figment.merge(Serialized::global(key, value.clone()));
        }
        figment.extract().map_err(|error| ConfigError(explain(error)))
    }
}

/// What Basalt understands of the Supabase CLI's `config.toml`; the rest of that file configures other programs.
fn from_supabase(path: &Path) -> Result<serde_json::Value, ConfigError> {
    #[derive(Deserialize, Default)]
    #[serde(default)]
    struct File {
        project_id: String,
        api: SupabaseApi,
        auth: serde_json::Value,
    }
    #[derive(Deserialize)]
    #[serde(default)]
    struct SupabaseApi {
        port: u16,
        schemas: Vec<String>,
        extra_search_path: Vec<String>,
        max_rows: u64,
    }
    impl Default for SupabaseApi {
        fn default() -> Self {
            let api = Api::default();
            SupabaseApi {
                port: Server::default().port,
                schemas: api.schemas,
                extra_search_path: api.extra_search_path,
                max_rows: api.max_rows,
            }
        }
    }
    let file: File = Figment::from(Toml::file_exact(path)).extract().map_err(|e| ConfigError(explain(e)))?;
    let defaults = serde_json::to_value(basalt_auth::Settings::default()).unwrap_or_default();
    Ok(serde_json::json!({
        "project": {"name": file.project_id},
        "server": {"port": file.api.port},
        "api": {
            "schemas": file.api.schemas.into_iter().filter(|s| s != "graphql_public").collect::<Vec<_>>(),
            "extra_search_path": file.api.extra_search_path,
            "max_rows": file.api.max_rows,
        },
        "auth": known(file.auth, &defaults),
    }))
}

/// What of a table Basalt knows too; providers and templates are maps, whose tables are looked at one by one.
fn known(given: serde_json::Value, defaults: &serde_json::Value) -> serde_json::Value {
    use serde_json::Value;
    match (given, defaults) {
        (Value::Object(given), Value::Object(defaults)) if !defaults.is_empty() => {
            let kept = given.into_iter().filter_map(|(key, value)| {
                let default = defaults.get(&key)?;
                // The CLI's file writes `env(NAME)` for what the environment holds.
                let value = known(from_environment(value), default);
                (value.is_object() == default.is_object()).then_some((key, value))
            });
            kept.collect::<serde_json::Map<_, _>>().into()
        }
        (Value::Object(given), _) => {
            let tables = given.into_iter().map(|(key, value)| (key, from_environment(value)));
            tables.collect::<serde_json::Map<_, _>>().into()
        }
        (Value::Null, Value::Object(_)) => serde_json::Map::new().into(),
        (given, _) => given,
    }
}

/// The environment's value for `env(NAME)`, in tables too.
fn from_environment(value: serde_json::Value) -> serde_json::Value {
    use serde_json::Value;
    match value {
        Value::String(text) => {
            let name = text.strip_prefix("env(").and_then(|rest| rest.strip_suffix(')'));
            Value::String(name.map_or(text.clone(), |name| std::env::var(name).unwrap_or_default()))
        }
        Value::Object(table) => table.into_iter().map(|(key, value)| (key, from_environment(value))).collect(),
        other => other,
    }
}

/// One line an error: the key, where it stands, what is wrong with it, and the nearest known key.
fn explain(error: figment::Error) -> String {
    let lines: Vec<String> = error
        .into_iter()
        .map(|error| {
            let place = error
                .metadata
                .as_ref()
                .map(|m| m.source.as_ref().map_or_else(|| m.name.to_string(), |source| source.to_string()));
            let place = place.map_or_else(String::new, |place| format!(" ({place})"));
            let key = error.path.join(".");
            match &error.kind {
                figment::error::Kind::UnknownField(field, known) => {
                    let path: Vec<&str> = error.path.iter().map(String::as_str).collect();
                    let parent = match path.split_last() {
                        Some((last, parent)) if last == field => parent.join("."),
                        _ => path.join("."),
                    };
                    let dotted = |name: &str| if parent.is_empty() { name.into() } else { format!("{parent}.{name}") };
                    let hint = match nearest(field, known.iter().copied(), 0.3) {
                        Some(near) => format!("; did you mean `{}`?", dotted(near)),
                        None => format!("; known keys here: {}", known.join(", ")),
                    };
                    format!("unknown configuration key `{}`{place}{hint}", dotted(field))
                }
                kind => format!("configuration key `{key}`{place}: {kind}"),
            }
        })
        .collect();
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn project(toml: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("basalt-config-{}", uuid::Uuid::new_v4()));
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("basalt.toml"), toml).unwrap();
        folder
    }

    #[test]
    fn an_unknown_key_names_the_nearest_known_one() {
        let folder = project("[api]\nmax_row = 3\n");
        let error = Config::load(&folder, &[]).unwrap_err().0;
        assert!(error.contains("unknown configuration key `api.max_row`"), "{error}");
        assert!(error.contains("did you mean `api.max_rows`?"), "{error}");
        assert!(error.contains("basalt.toml"), "{error}");
    }

    #[test]
    fn flags_win_over_the_file() {
        let folder =
            project("[server]\nport = 1234\n[limits]\nbody = \"1 MiB\"\n[database]\nstatement_timeout = \"3s\"\n");
        let config = Config::load(&folder, &[]).unwrap();
        assert_eq!((config.server.port, config.limits.body), (1234, ByteSize::mib(1)));
        assert_eq!(config.database.statement_timeout, Duration::from_secs(3));
        let config = Config::load(&folder, &[("server.port".into(), 4321.into())]).unwrap();
        assert_eq!(config.server.port, 4321);
    }

    #[test]
    fn a_supabase_folder_is_a_project() {
        let folder = std::env::temp_dir().join(format!("basalt-config-{}", uuid::Uuid::new_v4()));
        std::fs::create_dir_all(folder.join("supabase")).unwrap();
        let toml = "project_id = \"x\"\n[api]\nenabled = true\nport = 5000\nschemas = [\"public\", \"graphql_public\"]\nmax_rows = 7\n[studio]\nport = 1\n";
        std::fs::write(folder.join("supabase/config.toml"), toml).unwrap();
        let config = Config::load(&folder, &[]).unwrap();
        assert_eq!((config.server.port, config.api.max_rows), (5000, 7));
        assert_eq!(config.api.schemas, ["public"]);
    }
}
