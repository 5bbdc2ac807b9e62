//! `basalt serve`: production, of a project or in PostgREST's place.

use std::path::{Path, PathBuf};

use basalt_db::Database;
use basalt_server::config::Config;
use basalt_server::postgrest::{Source, load_project};
use basalt_server::project::Project;
use basalt_server::{Basalt, check, takes_published_secret};
use clap::Args;

use super::{Override, override_of, project_root};
use crate::migrating;
use crate::output;
use crate::report::{Failure, Report};
use crate::serving::prepare;
use crate::stopping::serve_on;
use crate::workspace::{Workspace, has_secret};
use crate::{in_place, running};

/// Serve a project in production, or a database in PostgREST's place
#[derive(Args)]
pub struct Serve {
    /// The project's folder, or PostgREST's configuration file (*.conf)
    #[arg(default_value = ".", value_parser = project_root())]
    dir: PathBuf,
    /// Serve a database in PostgREST's place, by its configuration file
    #[arg(long, value_name = "FILE")]
    postgrest: Option<PathBuf>,
    /// Apply pending migrations before serving
    #[arg(long, conflicts_with = "postgrest")]
    migrate: bool,
    /// Address to listen on
    #[arg(long)]
    host: Option<String>,
    /// Port to listen on
    #[arg(long)]
    port: Option<u16>,
}

impl Serve {
    pub fn run(self) -> Result<(), Failure> {
        let in_place = self.in_place();
        let overrides: Vec<Override> = [override_of("server.host", self.host), override_of("server.port", self.port)]
            .into_iter()
            .flatten()
            .collect();
        if let Some(source) = in_place {
            return in_place::serve(&source, &overrides);
        }
        require_production(&self.dir, &Config::load(&self.dir, &overrides)?)?;
        serve_on(start(&self.dir, self.migrate, &overrides), async |(server, database), stop| {
            running::run(server, &database, stop, async |server| {
                let config = load_project(&self.dir, &database, &overrides).await?;
                require_production(&self.dir, &config)?;
                Ok(server.reconfigure(&self.dir, &config).await?)
            })
            .await;
            Ok(())
        })
    }

    /// PostgREST's configuration, if that is what is given: a file, or the environment where there is no project.
    fn in_place(&self) -> Option<Source> {
        let is_file = self.dir.extension().is_some_and(|extension| extension == "conf") && !self.dir.is_dir();
        match self.postgrest.clone().or_else(|| is_file.then(|| self.dir.clone())) {
            Some(file) => Some(Source { file: Some(file) }),
            None => Source::environment().filter(|_| !Project::is_in(&self.dir)),
        }
    }
}

async fn start(root: &Path, migrate: bool, overrides: &[Override]) -> Result<(Basalt, Database), Failure> {
    let workspace = Workspace::open(root, overrides).await?;
    prepare(&workspace.config)?;
    check(root, &workspace.config, workspace.database.clone())?;
    if migrate {
        migrating::migrate(&workspace.project, &workspace.database, |migration, time, passed_over| {
            let (version, name) = (&migration.version, &migration.name);
            tracing::info!(version, name, ms = time.as_secs_f64() * 1000.0, "migration applied");
            for what in passed_over {
                tracing::warn!(version, "passed over: {what}");
            }
        })
        .await?;
    } else {
        refuse_pending(&workspace).await?;
    }
    let database = workspace.database;
    // Migrations may have set what the database keeps.
    let config = load_project(root, &database, overrides).await?;
    require_production(root, &config)?;
    let server = Basalt::start(root, &config, database.clone()).await?;
    Ok((server, database))
}

/// The published secret, and none at all, would let anyone sign a service key; the mailbox would show everybody's links to anyone.
fn require_production(project: &Path, config: &Config) -> Result<(), Failure> {
    if config.auth.email.mailbox {
        return Err(Report::error("`auth.email.mailbox` is for development: anyone could read the links and codes that users are sent")
            .help("Remove it, and configure `[auth.email.smtp]` or the hook `send_email`; or turn `auth.email.enable_confirmations` off.")
            .into());
    }
    let problem = if takes_published_secret(project, config)? {
        "the published development secret, or a key made with it, is among `auth.jwt_secret`, `auth.jwks`, `auth.jwks_file`, \
         `auth.secret_key` and `auth.publishable_key`: anyone could act with the service key's rights"
    } else if !has_secret(config) {
        "no JWT secret is configured"
    } else {
        return Ok(());
    };
    Err(Report::error(problem)
        .help(
            "Run `basalt keys --new`, set BASALT_AUTH__JWT_SECRET to the secret that it prints, and give clients its keys. \
             (Or set `auth.jwks_file` to the public keys of your identity provider.)",
        )
        .into())
}

async fn refuse_pending(workspace: &Workspace) -> Result<(), Failure> {
    let applied = workspace.database.applied().await?;
    let standing = workspace.project.standing(&applied);
    let mut reports: Vec<Report> = standing.conflicts.iter().map(Report::from).collect();
    if !standing.pending.is_empty() {
        let names: Vec<String> = standing.pending.iter().map(|m| format!("{}_{}", m.version, m.name)).collect();
        let what = format!("{} not applied: {}", output::count(names.len(), "migration"), names.join(", "));
        reports.push(
            Report::error(what).help("Apply them with `basalt migrate up`, or start with `basalt serve --migrate`."),
        );
    }
    if reports.is_empty() { Ok(()) } else { Err(Failure(reports)) }
}
