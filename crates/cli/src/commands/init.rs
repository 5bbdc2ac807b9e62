//! `basalt init`: a small project that runs.

use std::path::{Path, PathBuf};

use clap::Args;

use crate::output::{self, LINK, STRONG, shell_quoted, styled};
use crate::report::{Failure, Report, io};

/// Make a small project that runs
#[derive(Args)]
pub struct Init {
    /// The folder to make it in
    #[arg(default_value = ".")]
    dir: PathBuf,
}

/// The project's files; `$name` stands for the folder's name.
const FILES: &[(&str, &str)] = &[
    ("basalt.toml", include_str!("../../template/basalt.toml")),
    ("migrations/0001_guestbook.sql", include_str!("../../template/migrations/0001_guestbook.sql")),
    ("seed.sql", include_str!("../../template/seed.sql")),
    (GITIGNORE, include_str!("../../template/gitignore")),
    ("README.md", include_str!("../../template/README.md")),
];

/// Files that a folder may have already without being a project; they stay as they are.
const KEPT: &[&str] = &[GITIGNORE, "README.md"];

/// Of one that is there, what the template's names and it lacks is put at its end.
const GITIGNORE: &str = ".gitignore";

impl Init {
    pub fn run(self) -> Result<(), Failure> {
        self.refuse_a_project()?;
        let name = project_name(&self.dir);
        for (file, text) in FILES {
            let path = self.dir.join(file);
            if *file == GITIGNORE && path.exists() {
                ignore(&path, text)?;
            }
            if KEPT.contains(file) && path.exists() {
                continue;
            }
            let folder = path.parent().unwrap_or(&self.dir);
            std::fs::create_dir_all(folder).map_err(io("make", folder))?;
            std::fs::write(&path, text.replace("$name", &name)).map_err(io("write", &path))?;
        }
        output::result(format_args!("Made the project {} in {}", styled(STRONG, &name), self.dir.display()));
        let run = match self.dir.as_os_str() == "." {
            true => "basalt dev".to_owned(),
            false => format!("basalt dev {}", shell_quoted(&self.dir.to_string_lossy())),
        };
        output::result(format_args!("Run it with  {}", styled(LINK, run)));
        Ok(())
    }

    fn refuse_a_project(&self) -> Result<(), Failure> {
        let taken = ["basalt.toml", "migrations", "seed.sql", "supabase"];
        match taken.iter().map(|name| self.dir.join(name)).find(|path| path.exists()) {
            None => Ok(()),
            Some(path) => Err(Report::error(format!("{} exists already", path.display()))
                .help("Nothing was changed. `basalt dev` runs the project that is here; `basalt init DIR` makes one elsewhere.")
                .into()),
        }
    }
}

/// Puts the lines of `text` that a `.gitignore` lacks at its end.
fn ignore(path: &Path, text: &str) -> Result<(), Failure> {
    let there = std::fs::read_to_string(path).map_err(io("read", path))?;
    let bare = |line: &str| line.trim().trim_matches('/').to_owned();
    let lacks = |line: &&str| there.lines().all(|known| bare(known) != bare(line));
    let missing: String = text.lines().filter(lacks).map(|line| format!("{line}\n")).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let end = if there.is_empty() || there.ends_with('\n') { "" } else { "\n" };
    std::fs::write(path, format!("{there}{end}{missing}")).map_err(io("write", path))
}

/// The folder's own name, in the characters that every file of the template takes.
fn project_name(dir: &Path) -> String {
    let path = std::path::absolute(dir).unwrap_or_else(|_| dir.to_owned());
    let name = path.components().next_back().map(|c| c.as_os_str().to_string_lossy().into_owned()).unwrap_or_default();
    let name: String = name.chars().filter(|c| c.is_alphanumeric() || matches!(c, '-' | '_' | '.' | ' ')).collect();
    if name.is_empty() { "app".into() } else { name }
}
