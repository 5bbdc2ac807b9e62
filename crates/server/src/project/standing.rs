//! How a folder's migrations stand to those that a database has applied.

use std::path::PathBuf;

use basalt_db::migrate::{Applied, checksum};

use super::{Migration, Project, file_name};

/// How a folder's migrations and a database's stand to each other.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Standing<'a> {
    /// Migrations to apply, in order.
    pub pending: Vec<&'a Migration>,
    /// What keeps them from being applied.
    pub conflicts: Vec<Conflict>,
}

/// A difference between the folder and the database that applying migrations can't mend.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Conflict {
    /// An applied migration's file was edited.
    #[error("migration {} was edited after it was applied", file_name(.path))]
    Changed {
        /// Its file.
        path: PathBuf,
        /// Its version, as it was recorded.
        version: String,
    },
    /// An applied migration's file is gone.
    #[error("migration {version}_{name} was applied, but its file is gone")]
    Missing {
        /// Its version.
        version: String,
        /// Its name.
        name: String,
    },
    /// A new migration stands before one that was applied.
    #[error("migration {} is new, but {after} was applied already", file_name(.path))]
    OutOfOrder {
        /// Its file.
        path: PathBuf,
        /// The last applied version.
        after: String,
    },
}

impl Conflict {
    /// What to do about it.
    pub fn advice(&self) -> &'static str {
        match self {
            Conflict::Changed { .. } => {
                "Undo the edit and put the change into a new migration (`basalt migrate new NAME`), or, where the data may be \
                 lost, run `basalt db reset`."
            }
            Conflict::Missing { .. } => {
                "Bring the file back (version control has it), or, where the data may be lost, run `basalt db reset`."
            }
            Conflict::OutOfOrder { .. } => {
                "Rename it to a version after the last applied one, or, where the data may be lost, run `basalt db reset`."
            }
        }
    }
}

impl Project {
    /// Compares the folder with what a database has applied.
    pub fn standing(&self, applied: &[Applied]) -> Standing<'_> {
        let mut standing = Standing::default();
        let last = applied.iter().max_by_key(|a| order(&a.version));
        for migration in &self.migrations {
            let path = || migration.script.path.clone();
            match applied.iter().find(|a| order(&a.version) == order(&migration.version)) {
                Some(known) => {
                    let comparable = !known.checksum.is_empty();
                    if comparable && known.checksum != checksum(&migration.script.source) {
                        standing.conflicts.push(Conflict::Changed { path: path(), version: known.version.clone() });
                    }
                }
                None => match last {
                    Some(last) if order(&last.version) > order(&migration.version) => {
                        standing.conflicts.push(Conflict::OutOfOrder { path: path(), after: last.version.clone() });
                    }
                    _ => standing.pending.push(migration),
                },
            }
        }
        for known in applied {
            if !self.migrations.iter().any(|m| order(&m.version) == order(&known.version)) {
                let (version, name) = (known.version.clone(), known.name.clone());
                standing.conflicts.push(Conflict::Missing { version, name });
            }
        }
        standing
    }
}

/// Versions compare as numbers, however many digits they have.
pub fn order(version: &str) -> (usize, &str) {
    let digits = version.trim_start_matches('0');
    (digits.len(), digits)
}
