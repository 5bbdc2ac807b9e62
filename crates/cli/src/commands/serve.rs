//! `basalt serve`: production.

use std::path::PathBuf;

use basalt_server::Basalt;
use basalt_server::config::Config;
use basalt_server::keys::DEVELOPMENT_SECRET;
use clap::Args;

use super::{Override, override_of};
use crate::migrating;
use crate::output;
use crate::report::{Failure, Report};
use crate::serving::{asked_to_stop, start_log, url};
use crate::workspace::{Workspace, block_on, has_secret};

/// Serve a project in production
#[derive(Args)]
pub struct Serve {
    /// The project's folder
    #[arg(default_value = ".")]
    dir: PathBuf,
    /// Apply pending migrations before serving
    #[arg(long)]
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
        let overrides: Vec<Override> = [override_of("server.host", self.host), override_of("server.port", self.port)]
            .into_iter()
            .flatten()
            .collect();
        require_production_secret(&Config::load(&self.dir, &overrides)?)?;
        block_on(async {
            let workspace = Workspace::open(&self.dir, &overrides).await?;
            start_log(&workspace.config)?;
            serve(workspace, self.migrate).await
        })
    }
}

async fn serve(workspace: Workspace, migrate: bool) -> Result<(), Failure> {
    if migrate {
        migrating::migrate(&workspace.project, &workspace.database, |migration, time| {
            let (version, name) = (&migration.version, &migration.name);
            tracing::info!(version, name, ms = time.as_secs_f64() * 1000.0, "migration applied");
        })
        .await?;
    } else {
        refuse_pending(&workspace).await?;
    }
    let Workspace { project, config, database } = workspace;
    let server = Basalt::start(&project.root, &config, database).await?;
    tracing::info!(url = url(server.address()), "serving");
    asked_to_stop().await;
    tracing::info!("stopping: finishing the requests under way");
    // A second signal does not wait for them.
    tokio::select! {
        () = server.stop() => tracing::info!("stopped"),
        () = asked_to_stop() => tracing::warn!("stopped at once; requests under way were cut"),
    }
    Ok(())
}

/// The published secret, and none at all, would let anyone sign a service key.
fn require_production_secret(config: &Config) -> Result<(), Failure> {
    let auth = &config.auth;
    let problem = if auth.jwt_secret == DEVELOPMENT_SECRET || auth.jwks.contains(DEVELOPMENT_SECRET) {
        "`auth.jwt_secret` is the published development secret: anyone could sign a service key with it"
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
