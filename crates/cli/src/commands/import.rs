//! `basalt import`: a script of psql or the output of pg_dump, all or nothing.

use std::path::PathBuf;
use std::time::Instant;

use basalt_server::project::Script;
use clap::Args;

use super::ProjectFlag;
use crate::migrating;
use crate::output::{self, FAINT, GOOD, styled};
use crate::report::{Failure, Report, io};
use crate::workspace::{Workspace, block_on};

/// Run a psql script or a pg_dump file, all or nothing
#[derive(Args)]
pub struct Import {
    /// The file, in UTF-8
    file: PathBuf,
    #[command(flatten)]
    project: ProjectFlag,
}

impl Import {
    pub fn run(self) -> Result<(), Failure> {
        let script = self.read()?;
        block_on(self.import(script))
    }

    async fn import(&self, script: Script) -> Result<(), Failure> {
        let workspace = Workspace::open(&self.project.project, &[]).await?;
        let before = workspace.database.catalog().relations.len();
        let started = Instant::now();
        let bar = output::progress("importing", script.source.len() as u64, output::BYTES);
        let shown = bar.clone();
        let result = migrating::import(&script, &workspace.database, move |progress| {
            shown.set_position(progress.bytes as u64);
        })
        .await;
        bar.finish_and_clear();
        let done = result?;
        let tables = workspace.database.catalog().relations.len().saturating_sub(before);
        output::result(format_args!(
            "{} {}: {}, {} {}",
            styled(GOOD, "imported"),
            self.file.display(),
            output::count(tables, "new table"),
            output::count(done.rows as usize, "row"),
            styled(FAINT, output::elapsed(started.elapsed()))
        ));
        for what in done.passed_over {
            output::note(format_args!("  not taken: {what}"));
        }
        Ok(())
    }

    fn read(&self) -> Result<Script, Failure> {
        let bytes = std::fs::read(&self.file).map_err(io("read", &self.file))?;
        let source = String::from_utf8(bytes).map_err(|error| {
            let valid = error.utf8_error().valid_up_to();
            let line = error.as_bytes()[..valid].iter().filter(|byte| **byte == b'\n').count() + 1;
            Report::error(format!("{}:{line}: the text is not UTF-8", self.file.display())).help(
                "Convert it (`iconv -f latin1 -t utf8`), or dump it again with `pg_dump --format plain --encoding UTF8`.",
            )
        })?;
        let source = source.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(source);
        Ok(Script { path: self.file.clone(), source })
    }
}
