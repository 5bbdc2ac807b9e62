//! `basalt migrate`: begin a migration, apply what is pending, show how things stand.

use basalt_server::project::{Conflict, Project, Standing};
use clap::{Args, Subcommand};

use super::ProjectFlag;
use crate::migrating;
use crate::output;
use crate::report::{Failure, Report, io};
use crate::stopping::block_on;
use crate::workspace::{Workspace, load};

/// Begin a migration, apply what is pending, show how things stand
#[derive(Args)]
pub struct Migrate {
    #[command(subcommand)]
    action: Action,
    #[command(flatten)]
    project: ProjectFlag,
}

#[derive(Subcommand)]
enum Action {
    /// Make the file of the next migration
    New {
        /// What it does, such as `add_reviews`
        #[arg(value_parser = file_name)]
        name: String,
    },
    /// Apply the migrations that the database hasn't
    Up,
    /// List migrations and whether the database has them
    Status,
}

impl Migrate {
    pub fn run(self) -> Result<(), Failure> {
        let root = &self.project.project;
        match self.action {
            Action::New { name } => new(&load(root, &[])?.0, &name),
            Action::Up => block_on(async { up(&Workspace::open(root, &[]).await?).await }),
            Action::Status => block_on(async { status(&Workspace::open(root, &[]).await?).await }),
        }
    }
}

fn new(project: &Project, name: &str) -> Result<(), Failure> {
    let now = jiff::Timestamp::now().strftime("%Y%m%d%H%M%S").to_string();
    let folder = &project.migrations_dir;
    let path = folder.join(format!("{}_{name}.sql", project.next_version(&now)));
    std::fs::create_dir_all(folder).map_err(io("make", folder))?;
    let text = format!("-- {}\n", name.replace('_', " "));
    std::fs::write(&path, text).map_err(io("write", &path))?;
    output::result(output::path(&path));
    Ok(())
}

async fn up(workspace: &Workspace) -> Result<(), Failure> {
    if migrating::migrate(&workspace.project, &workspace.database, output::applied).await? == 0 {
        output::note("Nothing to apply: the database has every migration.");
    }
    Ok(())
}

async fn status(workspace: &Workspace) -> Result<(), Failure> {
    let applied = workspace.database.applied().await?;
    let standing = workspace.project.standing(&applied);
    for (name, state) in states(&workspace.project, &standing) {
        output::result(format_args!("{state:8}  {name}"));
    }
    if standing.conflicts.is_empty() {
        return Ok(());
    }
    Err(Failure(standing.conflicts.iter().map(Report::from).collect()))
}

/// Every migration of the folder and of the database, with its state.
fn states(project: &Project, standing: &Standing<'_>) -> Vec<(String, &'static str)> {
    let of_file = project.migrations.iter().map(|migration| {
        let conflict = standing.conflicts.iter().find_map(|conflict| match conflict {
            Conflict::Changed { path, .. } if *path == migration.script.path => Some("edited"),
            Conflict::OutOfOrder { path, .. } if *path == migration.script.path => Some("late"),
            _ => None,
        });
        let pending = standing.pending.contains(&migration);
        let state = conflict.unwrap_or(if pending { "pending" } else { "applied" });
        (format!("{}_{}", migration.version, migration.name), state)
    });
    let missing = standing.conflicts.iter().filter_map(|conflict| match conflict {
        Conflict::Missing { version, name } => Some((format!("{version}_{name}"), "missing")),
        _ => None,
    });
    of_file.chain(missing).collect()
}

/// A name for people as a part of a file's name: `Add reviews!` is `add_reviews`.
fn file_name(name: &str) -> Result<String, String> {
    let words: Vec<String> =
        name.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).map(str::to_lowercase).collect();
    if words.is_empty() { Err("a name needs letters or digits".into()) } else { Ok(words.join("_")) }
}

#[cfg(test)]
mod tests {
    #[test]
    fn names_become_parts_of_file_names() {
        assert_eq!(super::file_name("Add reviews & stars!").unwrap(), "add_reviews_stars");
        assert!(super::file_name("--").is_err());
    }
}
