//! A database that others look after, served at the root as PostgREST's configuration says: nothing is made in it, no migration runs.

use std::path::Path;

use basalt_db::Database;
use basalt_server::config::Config;
use basalt_server::postgrest::{Source, StoredError};
use basalt_server::{Basalt, takes_published_secret};
use figment::value::Value;

use crate::output;
use crate::report::{Failure, Report};
use crate::running;
use crate::serving::prepare;
use crate::stopping::{open_database, serve_on};

/// Serves until asked to stop. `overrides` are flags for Basalt's own keys.
pub fn serve(source: &Source, overrides: &[(String, Value)]) -> Result<(), Failure> {
    serve_on(start(source, overrides), async |(server, database), stop| {
        let folder = source.folder();
        running::run(server, &database, stop, async |server| {
            let config = source.load_stored(&database, overrides).await?;
            refuse_development_secret(&folder, &config)?;
            Ok(server.reconfigure(&folder, &config).await?)
        })
        .await;
        Ok(())
    })
}

async fn start(source: &Source, overrides: &[(String, Value)]) -> Result<(Basalt, Database), Failure> {
    let config = source.load(overrides)?;
    output::reports(&source.unknown()?.into_iter().map(Report::warning).collect::<Vec<_>>());
    prepare(&config)?;
    let folder = source.folder();
    let database = open_database(&folder, &config).await?;
    let config = match database.is_loaded() {
        true => source.load_stored(&database, overrides).await?,
        // What the database keeps is read as soon as it can be reached.
        false => config,
    };
    refuse_development_secret(&folder, &config)?;
    let server = Basalt::start(&folder, &config, database.clone()).await?;
    Ok((server, database))
}

/// Without any secret no token is taken, which is safe; the published one is known to everybody.
fn refuse_development_secret(folder: &Path, config: &Config) -> Result<(), Failure> {
    if !takes_published_secret(folder, config)? {
        return Ok(());
    }
    Err(Report::error("`jwt-secret` is the published development secret: anyone could sign a key with it")
        .help("Run `basalt keys --new`, set `jwt-secret` to the secret that it prints, and give clients its keys.")
        .into())
}

impl From<StoredError> for Failure {
    fn from(error: StoredError) -> Failure {
        match error {
            StoredError::Config(error) => error.into(),
            StoredError::Database(error) => error.into(),
        }
    }
}
