//! Why a folder can't be read as a project, and what to do about it.

use std::path::PathBuf;

use super::file_name;

/// A folder that can't be read as a project: what is wrong, and what to do.
#[derive(Debug, thiserror::Error)]
pub enum ProjectError {
    /// The folder isn't there.
    #[error("{} is not a folder", .0.display())]
    NotAFolder(PathBuf),
    /// Nothing in the folder makes it a project.
    #[error("{} holds no project: neither basalt.toml, nor migrations/, nor supabase/", .0.display())]
    NoProject(PathBuf),
    /// Migrations of both layouts.
    #[error("{} and {} both hold migrations: a project has one folder of them", .first.display(), .second.display())]
    TwoLayouts {
        /// Basalt's folder.
        first: PathBuf,
        /// The Supabase CLI's.
        second: PathBuf,
    },
    /// A file can't be read.
    #[error("{} can't be read: {error}", path.display())]
    Unreadable {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// A migration's name has no version.
    #[error("{} has no version in its name", .0.display())]
    BadName(PathBuf),
    /// Two migrations share a version.
    #[error("{} and {} have the same version {version}", file_name(.first), file_name(.second))]
    Duplicate {
        /// The version.
        version: String,
        /// One file.
        first: PathBuf,
        /// The other file.
        second: PathBuf,
    },
    /// The Supabase CLI's configuration can't be read.
    #[error("{0}")]
    Config(String),
}

impl ProjectError {
    /// What to do about it.
    pub fn advice(&self) -> Option<&'static str> {
        match self {
            ProjectError::NotAFolder(_) => Some("Name a project's folder, or make one with `basalt init DIR`."),
            ProjectError::NoProject(_) => Some("Make a project here with `basalt init`, or name another folder."),
            ProjectError::TwoLayouts { .. } => {
                Some("Move the migrations into one of the folders, numbered in their order, and remove the other.")
            }
            ProjectError::BadName(_) => Some(
                "Name migrations NNNN_name.sql, as `basalt migrate new NAME` does; keep other files outside the folder.",
            ),
            ProjectError::Duplicate { .. } => Some("Rename one of them to another version."),
            ProjectError::Unreadable { .. } | ProjectError::Config(_) => None,
        }
    }
}
