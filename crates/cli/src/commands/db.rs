//! `basalt db`: the database as a whole.

use std::time::Duration;

use basalt_server::Config;
use basalt_server::project::Project;
use clap::{Args, Subcommand};

use super::ProjectFlag;
use crate::copying;
use crate::migrating::{self, FAILED, Mark, TAKEN_UP};
use crate::output;
use crate::report::{Failure, Report};
use crate::stopping::{block_on, open_database};
use crate::workspace::load;

/// How long a running `basalt dev` has to take up a request.
const ANSWER: Duration = Duration::from_secs(5);
/// How long it is waited for once it has.
const MOST_WAITED: Duration = Duration::from_mins(2);
/// How often it is looked.
const STEP: Duration = Duration::from_millis(50);

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
    /// Carry the project's rows over to another database: tables by the project's migrations, then every row and sequence
    Copy {
        /// A connection string: from the project's database to this PostgreSQL
        #[arg(long, value_name = "URL", required_unless_present = "from", conflicts_with = "from")]
        to: Option<String>,
        /// A connection string: from this PostgreSQL to the project's database
        #[arg(long, value_name = "URL")]
        from: Option<String>,
        /// Replace the rows of a target that has the project's tables already
        #[arg(long)]
        replace: bool,
    },
}

impl Db {
    pub fn run(self) -> Result<(), Failure> {
        let root = &self.project.project;
        let yes = match self.action {
            Action::Reset { yes } => yes,
            Action::Copy { to, from, replace } => return block_on(copying::run(root, to, from, replace)),
        };
        let (project, config) = load(root, &[])?;
        let folder = project.root.join(&config.database.data_dir);
        let question = match config.database.url.is_empty() {
            true => format!("Delete every row of the database in {}?", output::path(&folder)),
            false => "Delete every schema of the database that `database.url` names?".to_owned(),
        };
        match if yes { Some(true) } else { output::confirm(&question) } {
            Some(true) => block_on(reset(&project, &config)),
            Some(false) => Err(Report::error("nothing was changed").into()),
            None => Err(Report::error("there is no terminal to ask whether every row may be lost")
                .help("Say so with --yes.")
                .into()),
        }
    }
}

async fn reset(project: &Project, config: &Config) -> Result<(), Failure> {
    let database = match open_database(&project.root, config).await {
        Ok(database) => database,
        Err(error) if error.code() == "55006" => return ask_the_owner(project, config, error.into()).await,
        Err(error) => return Err(error.into()),
    };
    migrating::reset(project, config, &database, output::applied).await?;
    project.seeds.iter().for_each(output::seeded);
    Ok(())
}

/// Another process has the database. `basalt dev` takes up the request; `basalt serve` never does.
async fn ask_the_owner(project: &Project, config: &Config, in_use: Failure) -> Result<(), Failure> {
    let request = Mark::reset_requested(&project.root, config);
    request.set()?;
    if !comes(ANSWER, || request.says().as_deref() != Some("")).await {
        request.clear()?;
        return Err(in_use);
    }
    comes(MOST_WAITED, || request.says().as_deref() != Some(TAKEN_UP)).await;
    match request.says().as_deref() {
        None => output::result("The running `basalt dev` has started over."),
        Some(FAILED) => {
            request.clear()?;
            return Err(Report::error("the running `basalt dev` could not start over")
                .help("Its terminal says why.")
                .into());
        }
        Some(_) => output::result("The running `basalt dev` is still starting over; its terminal shows how it goes."),
    }
    Ok(())
}

/// Waits until something is so; tells whether it was in time.
async fn comes(most: Duration, is_so: impl Fn() -> bool) -> bool {
    for _ in 0..most.as_millis() / STEP.as_millis() {
        if is_so() {
            return true;
        }
        tokio::time::sleep(STEP).await;
    }
    is_so()
}
