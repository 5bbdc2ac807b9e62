//! Configuration: `basalt.toml` (or a Supabase `config.toml`), then `BASALT_*` environment variables, then flags.
//!
//! Environment: `BASALT_API__MAX_ROWS=500` sets `api.max_rows` (`environment`). An unknown key is an error that names the nearest known one.

mod api;
mod checks;
mod database;
mod environment;
mod explaining;
mod limits;
mod references;
mod server;
mod supabase;
mod supabase_keys;
mod syntax;
mod tables;
mod variables;

use std::path::{Path, PathBuf};

pub use basalt_webhooks::Settings as Webhook;
use figment::Figment;
use figment::providers::{Format, Serialized, Toml};
use serde::{Deserialize, Serialize};

pub use api::{Api, OpenApi, PoolTimeoutStatus, TransactionEnd};
pub use database::{Database, Engine, Pooler};
pub(crate) use limits::LEAST_HEADERS;
pub use limits::{Changes, Limits};
pub use server::{Log, LogFormat, Server};
pub(crate) use supabase::seed as supabase_seed;
pub use variables::files as environment_files;

use environment::Variable;
use explaining::explain;
use variables::Variables;

/// Everything that can be configured, with its defaults.
#[derive(Clone, Default, Serialize, Deserialize)]
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
    /// Changes that are told to channels.
    pub broadcasts: Vec<basalt_realtime::Broadcasts>,
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

/// A configuration that can't be used: what, where, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ConfigError(pub String);

impl Config {
    /// Reads a project's configuration. `flags` are `key.path` and value, strongest of all.
    pub fn load(project: &Path, flags: &[(String, figment::value::Value)]) -> Result<Config, ConfigError> {
        let variables = Variables::of_project(project)?;
        let (figment, referred) = of_file(project, &variables)?;
        let config = Config::finish(&figment, referred, &variables, flags)?;
        checks::origins(&config)?;
        Ok(config)
    }

    /// The same where something else than the environment and `flags` stands over the file.
    pub(crate) fn load_over(
        project: &Path,
        flags: &[(String, figment::value::Value)],
        change: impl FnOnce(&mut Config) -> Result<(), ConfigError>,
    ) -> Result<Config, ConfigError> {
        let variables = Variables::of_project(project)?;
        let (figment, referred) = of_file(project, &variables)?;
        let mut base = environment::extract(&figment, referred, &Figment::new())?;
        change(&mut base)?;
        Config::finish(&Figment::from(Serialized::defaults(base)), Vec::new(), &variables, flags)
    }

    /// `base`, under the environment and flags.
    pub(crate) fn overlaid(base: Config, flags: &[(String, figment::value::Value)]) -> Result<Config, ConfigError> {
        Config::finish(&Figment::from(Serialized::defaults(base)), Vec::new(), &Variables::default(), flags)
    }

    /// The file of private keys that sign tokens, if there is one. `project` is where relative paths begin.
    pub fn signing_keys(&self, project: &Path) -> Option<PathBuf> {
        let path = &self.auth.signing_keys_path;
        // Taken apart and put together, a path is without its `./`, of which there would be two.
        (!path.as_os_str().is_empty()).then(|| project.join(path).components().collect())
    }

    /// `referred` is weaker than the variables that set keys.
    fn finish(
        figment: &Figment,
        referred: Vec<Variable>,
        variables: &Variables,
        flags: &[(String, figment::value::Value)],
    ) -> Result<Config, ConfigError> {
        let merged = |flags: Figment, (key, value): &(String, figment::value::Value)| {
            flags.merge(Serialized::global(key, value.clone()))
        };
        let flags = flags.iter().fold(Figment::new(), merged);
        let mut all: Vec<Variable> =
            variables.settings().into_iter().map(|(key, text)| Variable::own(key, text)).collect();
        let weaker: Vec<Variable> =
            referred.into_iter().filter(|weak| all.iter().all(|strong| strong.key != weak.key)).collect();
        all.extend(weaker);
        let given = all.iter().fold(figment.clone(), |figment, variable| figment.merge(variable));
        tables::check(&given, &serde_json::to_value(Config::default()).unwrap_or_default())?;
        let config: Config = environment::extract(figment, all, &flags)?;
        checks::check(&config)?;
        Ok(config)
    }
}

/// The defaults under a project's file, and what that refers to.
fn of_file(project: &Path, variables: &Variables) -> Result<(Figment, Vec<Variable>), ConfigError> {
    let defaults = Figment::from(Serialized::defaults(Config::default()));
    let own = project.join("basalt.toml");
    let supabase = project.join("supabase").join("config.toml");
    let supabase = if supabase.exists() { supabase } else { project.join("config.toml") };
    if own.exists() {
        syntax::table(&own)?;
        return Ok((defaults.merge(Toml::file_exact(&own)), Vec::new()));
    }
    if !supabase.exists() {
        return Ok((defaults, Vec::new()));
    }
    let (read, referred) = supabase::read(&supabase, variables)?;
    Ok((defaults.merge(read), referred))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use bytesize::ByteSize;
    use tempfile::TempDir;

    use super::*;

    fn folder(file: &str, text: &str) -> TempDir {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
        folder
    }

    fn load(toml: &str) -> Result<Config, String> {
        Config::load(folder("basalt.toml", toml).path(), &[]).map_err(|error| error.0)
    }

    #[test]
    fn an_unknown_key_names_the_nearest_known_one() {
        let error = load("[api]\nmax_row = 3\n").err().unwrap();
        assert!(error.contains("unknown configuration key `api.max_row`"), "{error}");
        assert!(error.contains("did you mean `api.max_rows`?"), "{error}");
        assert!(error.contains("basalt.toml"), "{error}");
    }

    #[test]
    fn a_wrong_value_is_told_with_what_to_write() {
        for (toml, told) in [
            ("[server]\nport = 70000\n", "expected a number from 0 to 65535"),
            ("[limits]\nbody = -1\n", "expected a size, 0 or more"),
            ("[log]\nformat = \"xml\"\n", "found \"xml\", expected one of text, json"),
            ("[api]\nschemas = []\n", "`api.schemas` is empty"),
            ("server = 1\n", "found integer 1, expected a table: [server]"),
            ("auth = []\n", "found an array, expected a table: [auth]"),
            ("[api]\nsettings = 1\n", "found integer 1, expected a table: [api.settings]"),
            ("[auth]\nemail = []\n", "expected a table: [auth.email]"),
            ("[limits]\nbody = \"much\"\n", "found string \"much\", expected a size"),
            ("[limits]\nbody = true\n", "found boolean true, expected a size"),
            ("[database]\nstatement_timeout = 1\n", "found integer 1, expected a duration"),
            ("[server]\npublic_url = \"notaurl\"\n", "`server.public_url` is \"notaurl\""),
            ("[api]\ncors_origins = [\"not an origin\"]\n", "`api.cors_origins` names \"not an origin\""),
            ("[api]\ncors_origins = [\"https://app.test/\"]\n", "`api.cors_origins` names \"https://app.test/\""),
            ("[auth]\nleaked_passwords_url = \"zzz\"\n", "`auth.leaked_passwords_url` is \"zzz\""),
            ("[server]\nrest_path = \"/auth/v1\"\n", "`server.rest_path` is \"/auth/v1\""),
            ("[server]\nrest_path = \"/auth\"\n", "`server.rest_path` is \"/auth\""),
            ("[server]\nrest_path = \"/metrics/\"\n", "`server.rest_path` is \"/metrics/\""),
            ("[database]\nreaders = 100000\n", "`database.readers` is 100000; give at most"),
        ] {
            let error = load(toml).err().unwrap();
            assert!(error.contains(told), "{error}");
        }
    }

    #[test]
    fn a_limit_under_which_nothing_works_is_refused() {
        for (toml, told) in [
            ("headers = \"1 KiB\"", "`limits.headers` is 1.0 KiB; give at least 8.0 KiB"),
            ("requests = 0", "`limits.requests` is 0; give at least 1"),
            ("batch = 0", "`limits.batch` is 0; give at least 1"),
            ("body = 0", "`limits.body` is 0 B; give at least 1.0 KiB"),
            ("response = 0", "`limits.response` is 0 B; give at least 1.0 KiB"),
        ] {
            let error = load(&format!("[limits]\n{toml}\n")).err().unwrap();
            assert!(error.contains(told), "{error}");
        }
        let error = load("[server]\nheader_timeout = \"0s\"\n").err().unwrap();
        assert!(error.contains("`server.header_timeout`"), "{error}");
        assert!(load("[limits]\nheaders = \"8 KiB\"\nrequests = 1\nbatch = 1\nbody = \"1 KiB\"\n").is_ok());
        assert!(load("[server]\npublic_url = \"https://shop.test/api\"\nrest_path = \"/authors\"\n").is_ok());
        assert!(load("[api]\ncors_origins = [\"https://app.test\", \"http://localhost:3000\", \"null\"]\n").is_ok());
    }

    #[test]
    fn what_is_not_toml_is_told_once_with_its_place() {
        let error = load("[api]\nmax_rows = = 3\n").err().unwrap();
        assert!(error.contains("basalt.toml:2:12: ") && !error.contains('\n') && !error.contains("``"), "{error}");
    }

    #[test]
    fn flags_win_over_the_file() {
        let toml = "[server]\nport = 1234\n[limits]\nbody = \"1 MiB\"\n[database]\nstatement_timeout = \"3s\"\n";
        let folder = folder("basalt.toml", toml);
        let config = Config::load(folder.path(), &[]).unwrap();
        assert_eq!((config.server.port, config.limits.body), (1234, ByteSize::mib(1)));
        assert_eq!(config.database.statement_timeout, Duration::from_secs(3));
        let config = Config::load(folder.path(), &[("server.port".into(), 4321.into())]).unwrap();
        assert_eq!(config.server.port, 4321);
    }

    #[test]
    fn a_supabase_folder_is_a_project() {
        let toml = "project_id = \"x\"\n[api]\nenabled = true\nport = 5000\nschemas = [\"public\", \"graphql_public\"]\nmax_rows = 7\n[studio]\nport = 1\n";
        let config = Config::load(folder("supabase/config.toml", toml).path(), &[]).unwrap();
        assert_eq!((config.server.port, config.api.max_rows), (5000, 7));
        assert_eq!(config.api.schemas, ["public"]);
    }

    #[test]
    fn a_key_near_one_of_the_supabase_cli_is_told() {
        let load = |toml: &str| Config::load(folder("config.toml", toml).path(), &[]).map_err(|error| error.0);
        for (toml, told) in [("api = []\n", "a table: [api]"), ("auth = 1\n", "a table: [auth]")] {
            let error = load(toml).err().unwrap();
            assert!(error.contains(told) && error.contains("config.toml"), "{error}");
        }
        for (toml, wrong, right) in [
            ("[api]\nmaxrows = 3\n", "`api.maxrows`", "`api.max_rows`"),
            ("[auth]\nsite_ur = \"x\"\n", "`auth.site_ur`", "`auth.site_url`"),
            ("[auth.email]\nenable_sign_up = true\n", "`auth.email.enable_sign_up`", "`auth.email.enable_signup`"),
            (
                "[auth.external.github]\nclientid = \"x\"\n",
                "`auth.external.github.clientid`",
                "`auth.external.github.client_id`",
            ),
            ("[auth.emial]\nenable_signup = true\n", "`auth.emial`", "`auth.email`"),
            ("[api]\nprot = 5\n", "`api.prot`", "`api.port`"),
            ("[db.seed]\nsql_path = []\n", "`db.seed.sql_path`", "`db.seed.sql_paths`"),
        ] {
            let error = load(toml).err().unwrap();
            assert!(error.contains(wrong) && error.contains(right) && error.contains("config.toml"), "{error}");
        }
        // What only the CLI knows, and what nobody knows.
        let all = "[api.tls]\nenabled = true\n[studio]\nport = 1\n[auth.third_party.clerk]\nenabled = false\n[auth]\nzzz = 1\n\
            [auth.sms.twilio]\nenabled = false\n[auth.email.notification.password_changed]\nenabled = true\n\
            [auth.web3.solana]\nenabled = true\n[db.pooler]\npool_mode = \"session\"\n";
        load(all).unwrap();
    }
}
