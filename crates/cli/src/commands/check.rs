//! `basalt check`: lints a project by applying all of it to a throwaway database.

use std::path::PathBuf;

use basalt_server::Config;
use basalt_sql::lint::{Finding, lint};
use clap::Args;

use crate::migrating;
use crate::output::{self, GOOD, count, styled};
use crate::report::{Failure, Report, Severity};
use crate::workspace::{Throwaway, block_on, load};

/// Lint a project: statements that can't run, tables without policies, policies without indexes
#[derive(Args)]
pub struct Check {
    /// The project's folder
    #[arg(default_value = ".")]
    dir: PathBuf,
}

impl Check {
    pub fn run(self) -> Result<(), Failure> {
        let (project, config) = load(&self.dir, &[])?;
        let catalog = block_on(async {
            let throwaway = Throwaway::migrated(&project, &config).await?;
            migrating::seed(&project, &throwaway.database).await?;
            Ok(throwaway.database.catalog())
        })?;
        let findings = lint(&catalog);
        let mut reports: Vec<Report> = findings.iter().filter(|f| matters(f, &config)).map(Report::from).collect();
        let of = |severity: Severity| reports.iter().filter(|report| report.severity == severity).count();
        let (errors, warnings, hints) = (of(Severity::Error), of(Severity::Warning), of(Severity::Hint));
        let summary = format!(
            "{}: {}, {}, {}",
            count(project.migrations.len(), "migration"),
            count(errors, "error"),
            count(warnings, "warning"),
            count(hints, "hint")
        );
        if errors > 0 {
            let (worst, rest) = reports.drain(..).partition(|report| report.severity == Severity::Error);
            let rest: Vec<Report> = rest;
            output::reports(&rest);
            output::result(summary);
            return Err(Failure(worst));
        }
        output::reports(&reports);
        output::result(format_args!("{} {summary}", styled(GOOD, "checked")));
        Ok(())
    }
}

/// A table that the configuration opens, or whose schema isn't served, may do without row security.
fn matters(finding: &Finding, config: &Config) -> bool {
    let schema = finding.relation.split('.').next().unwrap_or_default();
    let served = config.api.schemas.iter().any(|served| served == schema);
    let opened =
        config.api.unprotected.iter().any(|name| {
            *name == finding.relation || (!name.contains('.') && format!("public.{name}") == finding.relation)
        });
    served && !(opened && finding.code == "row-security-off")
}
