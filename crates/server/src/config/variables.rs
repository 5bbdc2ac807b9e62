//! The variables that a configuration is made with: the process's, and those of the project's `.env` files, which the Supabase CLI reads too.

use std::path::{Path, PathBuf};

use figment::providers::Env;

use super::ConfigError;

pub(super) const PREFIX: &str = "BASALT_";

/// Of a variable that several have, the first's is taken; the process's before all.
const FILES: [&str; 4] = ["supabase/.env.local", "supabase/.env", ".env.local", ".env"];

/// The `.env` files that a project may have.
pub fn files(project: &Path) -> [PathBuf; 4] {
    FILES.map(|file| project.join(file))
}

/// What stands beside the process's environment.
#[derive(Default)]
pub(super) struct Variables {
    of_files: Vec<(String, String)>,
}

impl Variables {
    /// Reads a project's files.
    ///
    /// Errors: a file that can't be read, with the line.
    pub fn of_project(project: &Path) -> Result<Variables, ConfigError> {
        let mut of_files: Vec<(String, String)> = Vec::new();
        for path in files(project).into_iter().filter(|path| path.is_file()) {
            let lines = dotenvy::from_path_iter(&path).map_err(|error| unreadable(&path, &error))?;
            for line in lines {
                let (name, text) = line.map_err(|error| unreadable(&path, &error))?;
                if of_files.iter().all(|(known, _)| *known != name) {
                    of_files.push((name, text));
                }
            }
        }
        Ok(Variables { of_files })
    }

    /// What a variable holds.
    pub fn get(&self, name: &str) -> Option<String> {
        let of_file = || self.of_files.iter().find(|(known, _)| known == name).map(|(_, text)| text.clone());
        std::env::var(name).ok().or_else(of_file)
    }

    /// Those that set keys: the paths of their keys, and their texts.
    pub fn settings(&self) -> Vec<(String, String)> {
        let process = Env::prefixed(PREFIX).split("__");
        let mut settings: Vec<_> = process.iter().map(|(key, text)| (key.as_str().to_owned(), text)).collect();
        for (name, text) in &self.of_files {
            let Some(key) = name.strip_prefix(PREFIX).map(|key| key.to_lowercase().replace("__", ".")) else {
                continue;
            };
            if settings.iter().all(|(known, _)| *known != key) {
                settings.push((key, text.clone()));
            }
        }
        settings
    }
}

/// Without the line's text, which may be a secret.
fn unreadable(path: &Path, error: &dotenvy::Error) -> ConfigError {
    let shown = path.display();
    match error {
        dotenvy::Error::LineParse(line, _) => {
            let text = std::fs::read_to_string(path).unwrap_or_default();
            let first = line.lines().next().unwrap_or_default();
            let number =
                text.lines().position(|known| !first.is_empty() && known.contains(first)).map_or(1, |at| at + 1);
            ConfigError(format!("{shown}:{number}: write NAME=value, and the value in quotes where it holds spaces"))
        }
        other => ConfigError(format!("{shown} can't be read: {other}")),
    }
}
