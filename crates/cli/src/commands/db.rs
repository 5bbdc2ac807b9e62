//! `basalt db`: the database as a whole.

use clap::{Args, Subcommand};

use super::{ProjectFlag, migrate};
use crate::migrating::{self, SeedMark};
use crate::output::{self, GOOD, styled};
use crate::report::{Failure, Report};
use crate::workspace::{Workspace, block_on};

/// The database as a whole
#[derive(Args)]
pub struct Db {
    #[command(subcommand)]
    action: Action,
    #[command(flatten)]
    project: ProjectFlag,
}

#[derive(Subcommand)]
enum Action {
    /// Empty the database, apply all migrations and run the seed: every row is lost
    Reset {
        /// Don't ask
        #[arg(long, short)]
        yes: bool,
    },
}

impl Db {
    pub fn run(self) -> Result<(), Failure> {
        let Action::Reset { yes } = self.action;
        let workspace = Workspace::open(&self.project.project, &[])?;
        let folder = workspace.project.root.join(&workspace.config.database.data_dir);
        let question = format!("Delete every row of the database in {}?", folder.display());
        match if yes { Some(true) } else { output::confirm(&question) } {
            Some(true) => block_on(reset(&workspace)),
            Some(false) => Err(Report::error("nothing was changed").into()),
            None => Err(Report::error("there is no terminal to ask whether every row may be lost")
                .help("Say so with --yes.")
                .into()),
        }
    }
}

async fn reset(workspace: &Workspace) -> Result<(), Failure> {
    let Workspace { project, config, database } = workspace;
    let mark = SeedMark::new(&project.root, config);
    database.engine().reset().await?;
    mark.set()?;
    migrate::up(workspace).await?;
    migrating::seed(project, database).await?;
    mark.clear()?;
    for seed in &project.seeds {
        output::result(format_args!("{} {}", styled(GOOD, "seeded"), output::path(&seed.path)));
    }
    Ok(())
}
