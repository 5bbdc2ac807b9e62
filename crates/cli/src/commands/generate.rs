//! `basalt gen`: code from the database.

use std::sync::Arc;

use basalt_server::Config;
use basalt_server::config::Engine;
use basalt_server::project::Project;
use basalt_sql::Catalog;
use clap::{Args, Subcommand, ValueEnum};

use super::ProjectFlag;
use crate::report::{Failure, Report};
use crate::stopping::{block_on, open_database};
use crate::workspace::{Throwaway, load};
use crate::{output, typescript};

/// Generate code from the database
#[derive(Args)]
pub struct Gen {
    #[command(subcommand)]
    what: What,
    #[command(flatten)]
    project: ProjectFlag,
}

#[derive(Subcommand)]
enum What {
    /// Print the types of tables, views, functions and enumerations
    Types {
        /// The language
        language: Language,
        /// Schemas; the first is the default. Without this, those that the API serves
        #[arg(long, value_name = "SCHEMA", value_delimiter = ',')]
        schema: Vec<String>,
    },
}

#[derive(Clone, Copy, ValueEnum)]
enum Language {
    Typescript,
}

impl Gen {
    pub fn run(self) -> Result<(), Failure> {
        let What::Types { language: Language::Typescript, schema } = self.what;
        let (project, config) = load(&self.project.project, &[])?;
        let catalog = block_on(catalog(&project, &config))?;
        let schemas = if schema.is_empty() { config.api.schemas } else { schema };
        if let Some(unknown) = schemas.iter().find(|schema| !catalog.schemas.contains_key(*schema)) {
            let known: Vec<&str> = catalog.schemas.keys().map(String::as_str).collect();
            return Err(Report::error(format!("schema {unknown} does not exist"))
                .help(format!("The database has {}.", known.join(", ")))
                .into());
        }
        output::result(typescript::generate(&catalog, &schemas).trim_end());
        Ok(())
    }
}

/// The catalog of the project's database; of its migrations alone where no database is there yet, or a running server holds it.
async fn catalog(project: &Project, config: &Config) -> Result<Arc<Catalog>, Failure> {
    let data = project.root.join(&config.database.data_dir);
    let is_there = match config.database.engine() {
        Engine::Sqlite => data.join("basalt.db").exists(),
        Engine::Postgres => !config.database.url.is_empty() || data.join("postgres").exists(),
    };
    if is_there {
        match open_database(&project.root, config).await {
            Ok(database) => return Ok(database.catalog()),
            Err(error) if error.code() == "55006" => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(Throwaway::migrated(project, config).await?.database.catalog())
}
