//! PostgREST's own configuration: read from its file, the environment and the database, and turned into Basalt's, so that a
//! running deployment can be swapped by changing the command.

mod file;
mod map;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use basalt_core::{Error, nearest};
use basalt_db::Database;

use crate::config::{Config, ConfigError};

/// Settings by name, as text.
pub(crate) type Settings = BTreeMap<String, String>;

/// What is configured so, and where.
#[derive(Debug, Clone)]
pub struct Source {
    /// The configuration file, if there is one.
    pub file: Option<PathBuf>,
}

/// Settings that answer to one name.
struct Known {
    name: &'static str,
    /// Its name in older versions.
    formerly: Option<&'static str>,
    /// Whether the database may keep it.
    stored: bool,
}

const fn known(name: &'static str) -> Known {
    Known { name, formerly: None, stored: false }
}

const fn stored(name: &'static str) -> Known {
    Known { name, formerly: None, stored: true }
}

const fn renamed(name: &'static str, formerly: &'static str) -> Known {
    Known { name, formerly: Some(formerly), stored: true }
}

/// Every setting but `app.settings.*`.
const KNOWN: [Known; 49] = [
    known("admin-server-host"),
    known("admin-server-port"),
    stored("client-error-verbosity"),
    stored("db-aggregates-enabled"),
    stored("db-anon-role"),
    known("db-channel"),
    known("db-channel-enabled"),
    known("db-config"),
    stored("db-extra-search-path"),
    stored("db-hoisted-tx-settings"),
    renamed("db-max-rows", "max-rows"),
    stored("db-plan-enabled"),
    known("db-pool"),
    known("db-pool-acquisition-timeout"),
    known("db-pool-automatic-recovery"),
    known("db-pool-max-idletime"),
    known("db-pool-max-lifetime"),
    known("db-pool-timeout"),
    stored("db-pre-config"),
    renamed("db-pre-request", "pre-request"),
    stored("db-prepared-statements"),
    renamed("db-root-spec", "root-spec"),
    renamed("db-schemas", "db-schema"),
    stored("db-timezone-enabled"),
    stored("db-tx-end"),
    known("db-uri"),
    known("db-use-legacy-gucs"),
    stored("jwt-aud"),
    stored("jwt-cache-max-entries"),
    stored("jwt-cache-max-lifetime"),
    renamed("jwt-role-claim-key", "role-claim-key"),
    stored("jwt-secret"),
    renamed("jwt-secret-is-base64", "secret-is-base64"),
    known("log-level"),
    known("log-query"),
    stored("openapi-mode"),
    stored("openapi-security-active"),
    renamed("openapi-server-proxy-uri", "server-proxy-uri"),
    known("raw-media-types"),
    stored("server-cors-allowed-origins"),
    known("server-host"),
    known("server-otel-enabled"),
    known("server-port"),
    known("server-reuseport"),
    stored("server-timing-enabled"),
    stored("server-trace-header"),
    known("server-unix-socket"),
    known("server-unix-socket-mode"),
    stored("url-use-legacy-target-names"),
];

/// What begins the name of a setting of the application.
const APP: &str = "app.settings.";

impl Source {
    /// The environment alone, if it says where the database is.
    pub fn environment() -> Option<Source> {
        std::env::var_os("PGRST_DB_URI").map(|_| Source { file: None })
    }

    /// Basalt's configuration for what the file and the environment say; the environment wins. `flags` are keys of Basalt's own.
    ///
    /// Errors: a line that can't be read, a value that is none.
    pub fn load(&self, flags: &[(String, figment::value::Value)]) -> Result<Config, ConfigError> {
        self.config(&self.settings()?, flags)
    }

    /// What the file and the environment name that is no setting, as sentences with its place and the nearest that is one. PostgREST
    /// passes over such names, so that deployments have some and run.
    ///
    /// Errors: a line that can't be read.
    pub fn unknown(&self) -> Result<Vec<String>, ConfigError> {
        Ok(self.read()?.unknown)
    }

    /// The same under what the database keeps (`alter role ... set pgrst.*`, `db-pre-config`), unless `db-config` says otherwise.
    ///
    /// Errors: as [`Source::load`], and the database's.
    pub async fn load_stored(
        &self,
        database: &Database,
        flags: &[(String, figment::value::Value)],
    ) -> Result<Config, StoredError> {
        let mut settings = self.settings()?;
        let is_stored = map::flag_of(&settings, "db-config", true)?;
        if let Some(postgres) = database.postgres().filter(|_| is_stored) {
            let pre_config = settings.get("db-pre-config").cloned();
            let ask =
                async |names: &[&str], function: Option<&str>| postgres.stored_settings(names, function, None).await;
            settings.extend(kept(pre_config, ask).await?);
        }
        Ok(self.config(&settings, flags)?)
    }

    /// Where relative paths begin.
    pub fn folder(&self) -> PathBuf {
        let parent = self.file.as_deref().and_then(Path::parent);
        parent.filter(|parent| !parent.as_os_str().is_empty()).map_or_else(|| PathBuf::from("."), Path::to_owned)
    }

    fn settings(&self) -> Result<Settings, ConfigError> {
        Ok(self.read()?.settings)
    }

    fn read(&self) -> Result<Given, ConfigError> {
        let mut given = Given::default();
        if let Some(path) = &self.file {
            let text = std::fs::read_to_string(path)
                .map_err(|error| ConfigError(format!("{} can't be read: {error}", path.display())))?;
            for (line, name, value) in file::read(&text, &|name| std::env::var(name))
                .map_err(|error| ConfigError(format!("{}:{error}", path.display())))?
            {
                given.add(&name, value, &format!("{}:{line}", path.display()));
            }
        }
        let variables = std::env::vars_os();
        given.add_environment(
            variables.filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?))),
        );
        Ok(given)
    }

    fn config(&self, settings: &Settings, flags: &[(String, figment::value::Value)]) -> Result<Config, ConfigError> {
        Config::overlaid(map::config(settings, &|name| std::env::var(name))?, flags)
    }
}

/// What a database keeps of the settings that it may keep. `ask` gives the values of settings after a function has run.
async fn kept(
    pre_config: Option<String>,
    ask: impl AsyncFn(&[&str], Option<&str>) -> Result<BTreeMap<String, String>, Error>,
) -> Result<Settings, Error> {
    let of_database: Vec<(&str, String)> =
        KNOWN.iter().filter(|known| known.stored).map(|known| (known.name, known.name.replace('-', "_"))).collect();
    let names: Vec<&str> = of_database.iter().map(|(_, name)| name.as_str()).collect();
    let mut found = ask(&names, None).await?;
    let pre_config = found.get("db_pre_config").cloned().or(pre_config);
    if let Some(function) = pre_config.filter(|function| !function.is_empty()) {
        found = ask(&names, Some(&function)).await?;
    }
    let named = of_database
        .into_iter()
        .filter_map(|(name, of_database)| found.remove(&of_database).map(|value| (name.to_owned(), value)));
    Ok(named.collect())
}

/// A project's configuration under what its database keeps for PostgREST, as long as `api.database_config` is on: over the project's file, as
/// PostgREST has it, and under the environment and `flags`.
///
/// Errors: as [`Config::load`], a setting that can't be used, and the database's.
pub async fn load_project(
    project: &Path,
    database: &Database,
    flags: &[(String, figment::value::Value)],
) -> Result<Config, StoredError> {
    let config = Config::load(project, flags)?;
    if !config.api.database_config || !database.is_loaded() {
        return Ok(config);
    }
    let ask = async |names: &[&str], function: Option<&str>| database.stored_settings(names, function).await;
    let settings = kept(None, ask).await?;
    let names: Vec<&str> = settings.keys().map(String::as_str).collect();
    if settings.is_empty() {
        return Ok(config);
    }
    tracing::info!(settings = names.join(", "), "the database configures the API");
    Ok(Config::load_over(project, flags, |config| map::apply(&settings, config))?)
}

/// Why what the database keeps can't be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoredError {
    /// A setting.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The database.
    #[error(transparent)]
    Database(#[from] Error),
}

/// What a file and an environment say, the later over the earlier.
#[derive(Default)]
struct Given {
    settings: Settings,
    /// Names that are no settings, as [`Source::unknown`] tells them.
    unknown: Vec<String>,
}

impl Given {
    /// Takes the settings among variables `PGRST_*`: `PGRST_DB_URI` is `db-uri`, `PGRST_APP_SETTINGS_X` is `app.settings.x`.
    fn add_environment(&mut self, variables: impl Iterator<Item = (String, String)>) {
        for (variable, value) in variables {
            let Some(rest) = variable.strip_prefix("PGRST_") else { continue };
            let rest = rest.to_ascii_lowercase();
            let name = match rest.strip_prefix("app_settings_") {
                Some(name) => format!("{APP}{name}"),
                None => rest.replace('_', "-"),
            };
            self.add(&name, value, &format!("environment variable {variable}"));
        }
    }

    /// Takes a setting under its name of today.
    fn add(&mut self, name: &str, value: String, place: &str) {
        let found =
            KNOWN.iter().find(|known| known.name == name || known.formerly == Some(name)).map(|known| known.name);
        if let Some(name) = found.or_else(|| name.starts_with(APP).then_some(name)) {
            self.settings.insert(name.to_owned(), value);
            return;
        }
        let near = nearest(name, KNOWN.iter().map(|known| known.name), 0.3);
        let hint = near.map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
        self.unknown.push(format!("unknown PostgREST setting `{name}` ({place}){hint}"));
    }
}

#[cfg(test)]
mod tests;
