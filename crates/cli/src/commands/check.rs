//! `basalt check`: lints a project by applying all of it to a throwaway database.

use std::path::PathBuf;

use basalt_sql::Name;
use basalt_sql::lint::{Finding, lint};
use basalt_sql::unprotected::Unprotected;
use clap::Args;

use super::project_root;
use crate::checking::{Refused, apply};
use crate::output::{self, GOOD, count, styled};
use crate::owners_rights;
use crate::report::{Failure, Report, Severity};
use crate::workspace::{Throwaway, block_on, load};

/// Lint a project: statements that can't run, tables without policies, policies without indexes
#[derive(Args)]
pub struct Check {
    /// The project's folder
    #[arg(default_value = ".", value_parser = project_root())]
    dir: PathBuf,
}

impl Check {
    pub fn run(self) -> Result<(), Failure> {
        let (project, config) = load(&self.dir, &[])?;
        let (refused, findings) = block_on(async {
            let throwaway = Throwaway::new(&config).await?;
            let refused = apply(&project, &throwaway.database).await?;
            let mut findings = lint(&throwaway.database.catalog(), &config.api.schemas);
            findings.extend(owners_rights::lint(&throwaway.database).await?);
            Ok((refused, findings))
        })?;
        let unprotected = Unprotected::new(&config.api.unprotected);
        let stands = |finding: &Finding| !refused.touches(&finding.relation);
        let found =
            findings.iter().filter(|finding| matters(finding, &unprotected) && stands(finding)).map(Report::from);
        let mut reports: Vec<Report> = found.collect();
        let Refused { reports: cannot_run, .. } = refused;
        reports.splice(0..0, cannot_run);
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

/// What the configuration opens may do without row security.
fn matters(finding: &Finding, unprotected: &Unprotected) -> bool {
    let opens = matches!(finding.code, "row-security-off" | "materialized-view" | "view-bypasses-policies");
    let name = finding.relation.split_once('.').map(|(schema, name)| Name::new(schema, name));
    !(opens && name.is_some_and(|name| unprotected.holds(&name)))
}
