//! The scripts that fill a new database.

use std::path::{Path, PathBuf};

use figment::Figment;
use figment::providers::{Format, Toml};
use serde::Deserialize;

use super::{ProjectError, sql_files};

/// `seed.sql`, or what the Supabase CLI's configuration names instead (`[db.seed]`: files, or `folder/*.sql`).
pub(super) fn paths(base: &Path) -> Result<Vec<PathBuf>, ProjectError> {
    #[derive(Deserialize, Default)]
    #[serde(default)]
    struct File {
        db: Db,
    }
    #[derive(Deserialize, Default)]
    #[serde(default)]
    struct Db {
        seed: Seed,
    }
    #[derive(Deserialize)]
    #[serde(default)]
    struct Seed {
        enabled: bool,
        sql_paths: Vec<String>,
    }
    impl Default for Seed {
        fn default() -> Self {
            Seed { enabled: true, sql_paths: vec!["./seed.sql".into()] }
        }
    }
    let config = base.join("config.toml");
    let file: File = match config.is_file() {
        true => Figment::from(Toml::file_exact(&config))
            .extract()
            .map_err(|error| ProjectError::Config(format!("{}: {error}", config.display())))?,
        false => File::default(),
    };
    let mut paths = Vec::new();
    for pattern in file.db.seed.sql_paths.iter().filter(|_| file.db.seed.enabled) {
        let pattern = pattern.strip_prefix("./").unwrap_or(pattern);
        match pattern.strip_suffix("*.sql") {
            Some(folder) => paths.extend(sql_files(&base.join(folder))?),
            None => paths.extend(Some(base.join(pattern)).filter(|path| path.is_file())),
        }
    }
    Ok(paths)
}
