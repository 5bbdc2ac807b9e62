//! Each of PostgREST's settings as what it is in `basalt.toml` (`docs/postgrest.md` has the table).

use std::env::VarError;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::{APP, Settings};
use crate::config::{Config, ConfigError, OpenApi, PoolTimeoutStatus, TransactionEnd};

/// Reads a variable of the environment.
pub(super) type Variable<'a> = &'a dyn Fn(&str) -> Result<String, VarError>;

/// The configuration. What PostgREST does not do is off: nothing is made in the database, and its tables are open to whomever
/// its own grants and policies let in.
pub(super) fn config(settings: &Settings, variable: Variable<'_>) -> Result<Config, ConfigError> {
    let text = |name: &str| settings.get(name).map(String::as_str).filter(|text| !text.is_empty());
    let owned = |name: &str| text(name).unwrap_or_default().to_owned();
    let flag = |name: &str, default: bool| flag_of(settings, name, default);
    // Heeded where the database's settings are read; refused here where it is neither.
    flag("db-config", true)?;
    let mut config = Config::default();

    let server = &mut config.server;
    server.host = host(text("server-host").unwrap_or("!4"));
    server.port = number(settings, "server-port", 3000)?;
    server.admin_host = text("admin-server-host").map(host).unwrap_or_default();
    server.admin_port = number(settings, "admin-server-port", 0)?;
    server.rest_path = String::new();
    server.unix_socket = owned("server-unix-socket").into();
    if let Some(mode) = text("server-unix-socket-mode") {
        server.unix_socket_mode = mode.to_owned();
    }
    server.reuse_port = flag("server-reuseport", false)?;

    let database = &mut config.database;
    database.url = uri(&contents(text("db-uri").unwrap_or("postgresql://"), "db-uri")?, variable);
    database.bootstrap = false;
    database.required = false;
    database.pool = number(settings, "db-pool", 10)?;
    database.pool_timeout = Duration::from_secs(number(settings, "db-pool-acquisition-timeout", 10)?);
    database.pool_idle = Duration::from_secs(number(settings, "db-pool-max-idletime", 30)?);
    database.pool_lifetime = Duration::from_secs(number(settings, "db-pool-max-lifetime", 1800)?);
    database.statement_timeout = Duration::ZERO;
    if !flag("db-prepared-statements", true)? {
        database.prepared_statements = 0;
    }
    database.channel = match flag("db-channel-enabled", true)? {
        true => text("db-channel").unwrap_or("pgrst").to_owned(),
        false => String::new(),
    };

    let api = &mut config.api;
    api.extra_search_path = vec!["public".into()];
    api.max_rows = 0;
    api.anonymous_role = String::new();
    api.unprotected = vec!["*".into()];
    api.estimates = true;
    api.pool_timeout_status = PoolTimeoutStatus::GatewayTimeout;
    let of_application = settings.iter().filter_map(|(name, value)| Some((name.strip_prefix(APP)?, value)));
    api.settings = of_application.map(|(name, value)| (name.to_owned(), value.clone())).collect();

    let auth = &mut config.auth;
    auth.enabled = false;
    auth.apikey_header = false;
    config.messaging.notify = false;

    config.log.level = match text("log-level").unwrap_or("error") {
        "crit" => "error".into(),
        level @ ("error" | "warn" | "info" | "debug") => level.to_owned(),
        _ => return Err(wrong("log-level", "crit, error, warn, info or debug")),
    };
    let logs_queries = match text("log-query") {
        Some("main-query") => true,
        Some("disabled") => false,
        _ => flag("log-query", false)?,
    };
    if logs_queries {
        config.log.level.push_str(",basalt_db::queries=trace");
    }
    apply(settings, &mut config)?;
    Ok(config)
}

/// Has a configuration say what those of the settings say that the database may keep, too. What they don't name stays.
pub(super) fn apply(settings: &Settings, config: &mut Config) -> Result<(), ConfigError> {
    let text = |name: &str| settings.get(name).map(String::as_str).filter(|text| !text.is_empty());
    let set_text = |name: &str, key: &mut String| {
        if let Some(text) = text(name) {
            *key = text.to_owned();
        }
    };
    let set_list = |name: &str, key: &mut Vec<String>| {
        // An empty list is one.
        if let Some(text) = settings.get(name) {
            *key = list(text);
        }
    };
    let set_flag = |name: &str, key: &mut bool| flag_of(settings, name, *key).map(|flag| *key = flag);

    set_text("openapi-server-proxy-uri", &mut config.server.public_url);
    set_text("server-trace-header", &mut config.server.trace_header);

    let api = &mut config.api;
    if let Some(schemas) = text("db-schemas") {
        api.schemas = list(schemas);
    }
    set_list("db-extra-search-path", &mut api.extra_search_path);
    api.max_rows = number(settings, "db-max-rows", api.max_rows)?;
    set_text("db-anon-role", &mut api.anonymous_role);
    set_flag("db-aggregates-enabled", &mut api.aggregates)?;
    set_flag("db-plan-enabled", &mut api.plans)?;
    set_text("db-pre-request", &mut api.pre_request);
    set_text("db-root-spec", &mut api.root_function);
    set_list("db-hoisted-tx-settings", &mut api.hoisted_settings);
    api.transaction_end = match text("db-tx-end") {
        None => api.transaction_end,
        Some("commit") => TransactionEnd::Commit,
        Some("commit-allow-override") => TransactionEnd::CommitAllowOverride,
        Some("rollback") => TransactionEnd::Rollback,
        Some("rollback-allow-override") => TransactionEnd::RollbackAllowOverride,
        Some(_) => {
            return Err(wrong("db-tx-end", "commit, commit-allow-override, rollback or rollback-allow-override"));
        }
    };
    set_flag("url-use-legacy-target-names", &mut api.legacy_target_names)?;
    api.openapi = match text("openapi-mode") {
        None => api.openapi,
        Some("follow-privileges") => OpenApi::FollowPrivileges,
        Some("ignore-privileges") => OpenApi::IgnorePrivileges,
        Some("disabled") => OpenApi::Disabled,
        Some(_) => return Err(wrong("openapi-mode", "follow-privileges, ignore-privileges or disabled")),
    };
    set_flag("openapi-security-active", &mut api.openapi_security)?;
    set_flag("server-timing-enabled", &mut api.server_timing)?;
    set_list("server-cors-allowed-origins", &mut api.cors_origins);
    api.error_details = match text("client-error-verbosity") {
        None => api.error_details,
        Some("verbose") => true,
        Some("minimal") => false,
        Some(_) => return Err(wrong("client-error-verbosity", "verbose or minimal")),
    };

    let auth = &mut config.auth;
    if let Some(secret) = text("jwt-secret") {
        let secret = contents(secret, "jwt-secret")?;
        match flag_of(settings, "jwt-secret-is-base64", false)? {
            true => auth.jwks = decoded(&secret)?,
            false if secret.trim_start().starts_with('{') => auth.jwks = secret,
            false => auth.jwt_secret = secret,
        }
    }
    set_text("jwt-aud", &mut auth.jwt_audience);
    set_text("jwt-role-claim-key", &mut auth.role_claim);
    Ok(())
}

/// A setting that is on or off.
pub(super) fn flag_of(settings: &Settings, name: &str, default: bool) -> Result<bool, ConfigError> {
    match settings.get(name).map(|text| text.to_ascii_lowercase()).as_deref() {
        None | Some("") => Ok(default),
        Some("true" | "t" | "on" | "yes" | "y" | "1") => Ok(true),
        Some("false" | "f" | "off" | "no" | "n" | "0") => Ok(false),
        Some(_) => Err(wrong(name, "true or false")),
    }
}

fn number<T: std::str::FromStr>(settings: &Settings, name: &str, default: T) -> Result<T, ConfigError> {
    match settings.get(name).map(|text| text.trim()).filter(|text| !text.is_empty()) {
        None => Ok(default),
        Some(text) => text.parse().map_err(|_| wrong(name, "a number in its range")),
    }
}

fn wrong(name: &str, expected: &str) -> ConfigError {
    ConfigError(format!("the PostgREST setting `{name}` can't be used as it is; expected: {expected}"))
}

/// `a, b`.
fn list(text: &str) -> Vec<String> {
    text.split(',').map(|part| part.trim().trim_matches('"').to_owned()).filter(|part| !part.is_empty()).collect()
}

/// The names that stand for every address.
fn host(given: &str) -> String {
    match given {
        "*" | "*4" | "!4" => "0.0.0.0".into(),
        "*6" | "!6" => "::".into(),
        host => host.to_owned(),
    }
}

/// A value, or that of the file which `@path` names.
fn contents(value: &str, name: &str) -> Result<String, ConfigError> {
    let Some(path) = value.strip_prefix('@') else { return Ok(value.to_owned()) };
    let text = std::fs::read_to_string(path).map_err(|error| {
        ConfigError(format!("the file of the PostgREST setting `{name}`, {path}, can't be read: {error}"))
    })?;
    Ok(text.trim_end_matches(['\n', '\r']).to_owned())
}

/// What libpq's environment completes a connection string by.
const COMPLETIONS: [(&str, &str); 9] = [
    ("PGHOST", "host"),
    ("PGPORT", "port"),
    ("PGUSER", "user"),
    ("PGPASSWORD", "password"),
    ("PGDATABASE", "dbname"),
    ("PGSSLMODE", "sslmode"),
    ("PGSSLROOTCERT", "sslrootcert"),
    ("PGSSLCERT", "sslcert"),
    ("PGSSLKEY", "sslkey"),
];

/// What stands in a URI's query as it is.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'/');

/// Where PostgreSQL's Unix socket usually is: libpq looks there when nobody names a host.
const SOCKETS: &str = "/var/run/postgresql";

/// A connection string, completed as libpq does it.
fn uri(given: &str, variable: Variable<'_>) -> String {
    let (is_uri, said) = match given.split_once("://") {
        Some((_, rest)) => (true, said_by_uri(rest)),
        None => (false, given.split_whitespace().filter_map(|part| part.split_once('=')).map(|(key, _)| key).collect()),
    };
    let mut added: Vec<(&str, String)> = COMPLETIONS
        .iter()
        .filter(|(_, key)| !said.contains(key))
        .filter_map(|(name, key)| Some((*key, variable(name).ok()?)))
        .collect();
    if !said.contains(&"host") && !added.iter().any(|(key, _)| *key == "host") {
        let port = added.iter().find(|(key, _)| *key == "port").map_or("5432", |(_, port)| port);
        let has_socket = std::path::Path::new(SOCKETS).join(format!(".s.PGSQL.{port}")).exists();
        added.push(("host", if has_socket { SOCKETS } else { "localhost" }.to_owned()));
    }
    let mut completed = given.to_owned();
    for (key, value) in added {
        match is_uri {
            true => {
                completed.push(if completed.contains('?') { '&' } else { '?' });
                let value = utf8_percent_encode(&value, ENCODED);
                completed.push_str(&format!("{key}={value}"));
            }
            false => completed.push_str(&format!(" {key}='{}'", value.replace('\\', "\\\\").replace('\'', "\\'"))),
        }
    }
    completed
}

/// The parts that a URI names, which follow its scheme.
fn said_by_uri(rest: &str) -> Vec<&str> {
    let (before, query) = rest.split_once('?').unwrap_or((rest, ""));
    let (authority, database) = before.split_once('/').unwrap_or((before, ""));
    let (user, address) = authority.rsplit_once('@').unwrap_or(("", authority));
    let (user, password) = user.split_once(':').unwrap_or((user, ""));
    let port =
        address.rsplit_once(':').filter(|(_, port)| port.bytes().all(|b| b.is_ascii_digit())).map(|(_, port)| port);
    let parts = [
        ("host", address),
        ("port", port.unwrap_or_default()),
        ("user", user),
        ("password", password),
        ("dbname", database),
    ];
    let named = parts.iter().filter(|(_, text)| !text.is_empty()).map(|(key, _)| *key);
    named.chain(query.split('&').filter_map(|part| part.split_once('=')).map(|(key, _)| key)).collect()
}

/// A secret in base64: the JSON of keys, or the bytes of one, as a key of that kind.
fn decoded(secret: &str) -> Result<String, ConfigError> {
    let standard = secret.trim().replace('_', "/").replace('-', "+").replace('.', "=");
    let bytes =
        BASE64_STANDARD.decode(standard).map_err(|_| wrong("jwt-secret", "base64, as `jwt-secret-is-base64` says"))?;
    if bytes.trim_ascii_start().starts_with(b"{") {
        return String::from_utf8(bytes).map_err(|_| wrong("jwt-secret", "a JWK in UTF-8"));
    }
    if bytes.len() < 32 {
        return Err(wrong("jwt-secret", "at least 32 bytes"));
    }
    Ok(serde_json::json!({"kty": "oct", "k": BASE64_URL_SAFE_NO_PAD.encode(bytes)}).to_string())
}
