//! A project with its configuration and its database, as the commands open them.

use std::path::{Path, PathBuf};

use basalt_db::{Database, Options, PostgresOptions};
use basalt_server::config::{Engine, environment_files};
use basalt_server::keys::DEVELOPMENT_SECRET;
use basalt_server::project::Project;
use basalt_server::{Config, SERVICES};
use figment::value::Value;
use tempfile::TempDir;

use crate::migrating;
use crate::report::{Failure, Report};
use crate::stopping;

/// A project, open.
pub struct Workspace {
    pub project: Project,
    pub config: Config,
    pub database: Database,
}

impl Workspace {
    /// Opens the project in `root`; `overrides` are flags for configuration keys.
    pub async fn open(root: &Path, overrides: &[(String, Value)]) -> Result<Workspace, Failure> {
        let (project, config) = load(root, overrides)?;
        let database = stopping::open_database(root, &config).await?;
        Ok(Workspace { project, config, database })
    }
}

/// Reads a project and its configuration.
pub fn load(root: &Path, overrides: &[(String, Value)]) -> Result<(Project, Config), Failure> {
    let config = Config::load(root, overrides)?;
    Ok((Project::load(root, config.database.engine())?, config))
}

/// The configuration as `basalt dev` runs it: without a secret of its own, a project has the published development one; without a mail
/// server, mails land in the mailbox.
pub fn for_development(mut config: Config) -> Config {
    config.auth.email.mailbox |= !config.auth.email.smtp.enabled;
    if !has_secret(&config) {
        config.auth.jwt_secret = DEVELOPMENT_SECRET.into();
    }
    config
}

/// The files besides the project's own that its configuration names, and those of its environment, and what they hold.
pub fn named_files(root: &Path, config: &Config) -> Vec<(PathBuf, Option<Vec<u8>>)> {
    let auth = &config.auth;
    let mails = &auth.email;
    [&auth.signing_keys_path, &auth.jwks_file, &mails.smtp.root_certificate]
        .into_iter()
        .chain(mails.template.values().map(|template| &template.content_path))
        .filter(|path| !path.as_os_str().is_empty())
        .map(|path| root.join(path))
        .chain(environment_files(root))
        .map(|path| (path.clone(), std::fs::read(path).ok()))
        .collect()
}

/// Whether the configuration says by what tokens are verified.
pub fn has_secret(config: &Config) -> bool {
    let auth = &config.auth;
    !(auth.jwt_secret.is_empty()
        && auth.jwks.is_empty()
        && auth.jwks_file.as_os_str().is_empty()
        && auth.signing_keys_path.as_os_str().is_empty())
}

/// A database that is gone when this is dropped.
pub struct Throwaway {
    pub database: Database,
    _folder: TempDir,
}

impl Throwaway {
    /// One without the project's migrations, on its engine.
    pub async fn new(config: &Config) -> Result<Throwaway, Failure> {
        let cannot = |error: std::io::Error| Report::error(format!("can't make a temporary folder: {error}"));
        let folder = tempfile::tempdir().map_err(cannot)?;
        let data_dir = folder.path().to_owned();
        let statement_timeout = config.database.statement_timeout;
        // Migrations may refer to what the services keep.
        let services = SERVICES.to_vec();
        let database = match config.database.engine() {
            Engine::Sqlite => {
                let few = Options { readers: 1, durable: false, ..Options::default() };
                Database::open(Options { data_dir, services, statement_timeout, ..few })?
            }
            Engine::Postgres => {
                let fleeting = PostgresOptions { durable: false, ..PostgresOptions::default() };
                stopping::start_postgres(PostgresOptions { data_dir, services, statement_timeout, ..fleeting }).await?
            }
        };
        Ok(Throwaway { database, _folder: folder })
    }

    /// One with the project's migrations.
    pub async fn migrated(project: &Project, config: &Config) -> Result<Throwaway, Failure> {
        let throwaway = Throwaway::new(config).await?;
        migrating::migrate(project, &throwaway.database, |_, _, _| {}).await?;
        Ok(throwaway)
    }
}
