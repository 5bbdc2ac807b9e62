//! What `dev` and `serve` share: logs, and what a person needs to know to call the server.

use std::io::IsTerminal;
use std::net::SocketAddr;
use std::path::Path;

use basalt_core::Identity;
use basalt_db::{Database, Request};
use basalt_server::config::{Config, LogFormat};
use basalt_server::{Basalt, keys};
use basalt_sql::catalog::{Relation, RelationKind};
use tracing_subscriber::EnvFilter;

use crate::output::shell_quoted;
use crate::report::{Failure, Report};

/// Years for which the keys of a project's own secret or private key are issued.
const KEY_YEARS: u64 = 10;

/// Makes the process one that serves: it may hold as many connections as the system lets it, and logs to stderr as the configuration
/// says.
pub fn prepare(config: &Config) -> Result<(), Failure> {
    open_many_files();
    let filter = logged(config)?;
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    match config.log.format {
        LogFormat::Text => log.with_ansi(std::io::stderr().is_terminal()).init(),
        LogFormat::Json => log.json().flatten_event(true).init(),
    }
    Ok(())
}

/// What is logged.
///
/// Errors: `log.level` can't be used.
pub fn logged(config: &Config) -> Result<EnvFilter, Failure> {
    log_filter(&config.log.level).map_err(|wrong| {
        Report::error(format!("configuration key `log.level`: {wrong}"))
            .help("Write a level (off, error, warn, info, debug, trace), or a filter such as `info,basalt_db=debug`.")
            .into()
    })
}

/// A word alone has to be a level: taken for the name of a module, as filters elsewhere have it, a slip would silence the whole log. Finer
/// ones than `info` are Basalt's own: what libraries tell then has requests' values in it, secrets too.
fn log_filter(configured: &str) -> Result<EnvFilter, String> {
    let mut directives = Vec::new();
    for part in configured.split(',').map(str::trim) {
        directives.push(match part.to_ascii_lowercase().as_str() {
            "debug" | "trace" => format!("info,basalt={part}"),
            "off" | "error" | "warn" | "info" => part.to_owned(),
            _ if part.contains(['=', '[']) => part.to_owned(),
            _ => return Err(format!("`{part}` is no level")),
        });
    }
    EnvFilter::try_new(directives.join(",")).map_err(|error| error.to_string())
}

/// A connection is an open file, and of those a shell's usual limit is 1,024; the system's own is far higher.
fn open_many_files() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    // Where it is refused, the limit stays.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
}

/// The server's address as a client on this machine writes it.
pub fn url(address: SocketAddr) -> String {
    let host = if address.ip().is_unspecified() { "127.0.0.1".to_owned() } else { address.ip().to_string() };
    let host = if host.contains(':') { format!("[{host}]") } else { host };
    format!("http://{host}:{}", address.port())
}

/// Where a server listens, for people: its URL, or its Unix socket.
pub fn place(server: &Basalt) -> String {
    server.socket().map_or_else(|| url(server.address()), |socket| format!("the socket {}", socket.display()))
}

/// The API keys to show: the opaque ones of the configuration, or tokens of its secret or its private key. `None` where only somebody else
/// signs.
///
/// Errors: private keys that can't be used.
pub fn api_keys(root: &Path, config: &Config) -> Result<Option<keys::Keys>, String> {
    let auth = &config.auth;
    if !auth.publishable_key.is_empty() && !auth.secret_key.is_empty() {
        return Ok(Some(keys::Keys { anon: auth.publishable_key.clone(), service: auth.secret_key.clone() }));
    }
    if !auth.jwt_secret.is_empty() {
        return Ok(Some(keys::Keys::issue(&auth.jwt_secret, KEY_YEARS)));
    }
    config.signing_keys(root).map(|path| keys::Keys::signed(&path, KEY_YEARS)).transpose()
}

/// A curl line that answers with rows, if any table has rows for anyone; else with whatever the service key may read.
pub async fn curl_line(database: &Database, config: &Config, server: &Basalt, keys: &keys::Keys) -> String {
    let schema = config.api.schemas.first().map_or("public", String::as_str);
    let anonymous = Identity::role(&config.api.anonymous_role);
    let (path, key) = match sample(database, schema, &anonymous).await {
        Some(path) => (path, &keys.anon),
        None => match sample(database, schema, &Identity::role("service_role")).await {
            Some(path) => (path, &keys.service),
            None => ("/".to_owned(), &keys.anon),
        },
    };
    let rest = config.server.rest_path.trim_end_matches('/');
    let (through, url) = match server.socket() {
        Some(socket) => {
            (format!("--unix-socket {} ", shell_quoted(&socket.to_string_lossy())), "http://localhost".into())
        }
        None => (String::new(), url(server.address())),
    };
    format!("curl {through}'{url}{rest}{path}' -H 'apikey: {key}'")
}

/// The path of a read that gives the caller rows: of a table before a view, of one that tells much before one that tells little.
async fn sample(database: &Database, schema: &str, identity: &Identity) -> Option<String> {
    let catalog = database.catalog();
    let bypasses = catalog.roles.get(&*identity.role).is_some_and(|role| role.superuser || role.bypass_row_security);
    let mut candidates: Vec<&Relation> = catalog
        .relations
        .values()
        .map(|relation| &**relation)
        .filter(|r| {
            r.name.schema == schema && plain(&r.name.name) && (r.row_security || r.view().is_some() || bypasses)
        })
        .collect();
    let tells = |r: &Relation| r.columns.iter().filter(|c| rank(&c.name) < 2).count();
    candidates.sort_by_key(|r| (!matches!(r.kind, RelationKind::Table), usize::MAX - tells(r)));
    for relation in candidates {
        let columns = shown_columns(relation);
        let list: Vec<String> = columns.iter().map(|column| format!("\"{column}\"")).collect();
        let sql = format!("select {} from {} limit 1", list.join(", "), relation.name.quoted());
        let answer = database.run(Request::new(identity.clone(), sql, Vec::new())).await;
        if answer.is_ok_and(|answer| answer.rows > 0) {
            return Some(format!("/{}?select={}&limit=3", relation.name.name, columns.join(",")));
        }
    }
    None
}

/// The two columns that tell a person most: a name and what else isn't a key.
fn shown_columns(relation: &Relation) -> Vec<&str> {
    let keys: Vec<&String> =
        relation.unique_keys().flatten().chain(relation.foreign_keys().flat_map(|(_, k)| &k.columns)).collect();
    let mut columns: Vec<&str> = relation.columns.iter().map(|c| c.name.as_str()).filter(|name| plain(name)).collect();
    columns.sort_by_key(|name| (rank(name), keys.iter().any(|key| key == name)));
    columns.truncate(2);
    columns
}

/// How much a column of this name tells a person, 0 most.
fn rank(name: &str) -> u8 {
    match name {
        "name" | "title" => 0,
        "price" | "total" | "author" | "body" => 1,
        _ => 2,
    }
}

/// A name that stands in a URL as it is.
fn plain(name: &str) -> bool {
    name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
}

#[cfg(test)]
mod tests {
    use super::log_filter;

    #[test]
    fn fine_levels_are_basalts_own() {
        let read = |configured: &str| log_filter(configured).map(|filter| filter.to_string());
        let fine = read("debug").unwrap();
        assert!(
            fine.contains("basalt=debug") && fine.contains("info") && !fine.split(',').any(|one| one == "debug"),
            "{fine}"
        );
        assert_eq!(read("warn").unwrap(), "warn");
        assert!(read("info,tokio_postgres=debug").unwrap().contains("tokio_postgres=debug"));
        assert_eq!(read("info,verbose"), Err("`verbose` is no level".to_owned()));
    }
}
