//! `basalt import`: a script of psql or the output of pg_dump, all or nothing.

use std::path::PathBuf;
use std::time::Instant;

use basalt_server::project::Script;
use clap::Args;

use super::ProjectFlag;
use crate::migrating;
use crate::output::{self, FAINT, GOOD, shell_quoted, styled};
use crate::report::{Failure, Report, io};
use crate::stopping::block_on;
use crate::workspace::Workspace;

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
        for role in done.roles {
            output::note(format_args!("  role made, without login: {role}"));
        }
        for what in done.passed_over {
            output::note(format_args!("  not taken: {what}"));
        }
        Ok(())
    }

    fn read(&self) -> Result<Script, Failure> {
        let bytes = std::fs::read(&self.file).map_err(io("read", &self.file))?;
        if let Some((what, convert)) = other_form(&bytes) {
            let (file, shell) = (self.file.display(), shell_quoted(&self.file.to_string_lossy()));
            return Err(Report::error(format!("{file} is {what}, not SQL"))
                .help(format!("Make SQL of it: {}", convert.replace("FILE", &shell)))
                .into());
        }
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

/// What a file is that begins so and is no text, and how SQL is made of it.
fn other_form(bytes: &[u8]) -> Option<(&'static str, &'static str)> {
    const FORMS: [(&[u8], &str, &str); 3] = [
        (b"PGDMP", "a dump in PostgreSQL's custom format (`pg_dump -Fc`)", "`pg_restore --file dump.sql FILE`"),
        (b"\x1f\x8b", "compressed by gzip", "`gunzip --stdout FILE > dump.sql`"),
        (b"\x28\xb5\x2f\xfd", "compressed by zstd", "`zstd --decompress --stdout FILE > dump.sql`"),
    ];
    FORMS.into_iter().find(|(magic, ..)| bytes.starts_with(magic)).map(|(_, what, convert)| (what, convert))
}
