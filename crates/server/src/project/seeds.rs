//! The scripts that fill a new database.

use std::path::{Path, PathBuf};

use super::{ProjectError, sql_files};
use crate::config::supabase_seed;

/// `seed.sql`, or what the Supabase CLI's configuration names instead (`[db.seed]`: files, or `folder/*.sql`); and those of its patterns that no
/// file matches. `root` is the project's.
pub(super) fn paths(root: &Path, base: &Path) -> Result<(Vec<PathBuf>, Vec<String>), ProjectError> {
    let config = base.join("config.toml");
    let patterns = match config.is_file() {
        true => supabase_seed(root, &config).map_err(|error| ProjectError::Config(error.0))?,
        false => None,
    };
    let Some(patterns) = patterns else {
        let default = base.join("seed.sql");
        return Ok((Some(default).filter(|path| path.is_file()).into_iter().collect(), Vec::new()));
    };
    let (mut paths, mut unmatched) = (Vec::new(), Vec::new());
    for pattern in patterns {
        let name = pattern.strip_prefix("./").unwrap_or(&pattern);
        let found = match name.strip_suffix("*.sql") {
            Some(folder) => sql_files(&base.join(folder))?,
            None => Some(base.join(name)).filter(|path| path.is_file()).into_iter().collect(),
        };
        if found.is_empty() {
            unmatched.push(pattern);
        }
        paths.extend(found);
    }
    Ok((paths, unmatched))
}
