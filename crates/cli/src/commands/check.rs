//! `basalt check`: lints a project by applying all of it to a throwaway database.

use std::path::PathBuf;

use basalt_db::Database;
use basalt_server::Config;
use basalt_server::project::Project;
use basalt_sql::Name;
use basalt_sql::lint::{Finding, lint};
use basalt_sql::unprotected::Unprotected;
use clap::Args;

use super::project_root;
use crate::checking::{Refused, apply};
use crate::output::{self, GOOD, count, styled};
use crate::owners_rights;
use crate::report::{Failure, Report, Severity};
use crate::serving::logged;
use crate::stopping::block_on;
use crate::workspace::{Throwaway, for_development, load};

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
        // Production has a secret of its own, which need not be known here.
        let config = for_development(config);
        let (refused, mut misfits, findings) = block_on(async {
            let throwaway = Throwaway::new(&config).await?;
            let refused = apply(&project, &throwaway.database).await?;
            let misfits = misfits(&project, &config, &throwaway.database);
            let mut findings = lint(&throwaway.database.catalog(), &config.api.schemas);
            findings.extend(owners_rights::lint(&throwaway.database).await?);
            Ok((refused, misfits, findings))
        })?;
        let unprotected = Unprotected::new(&config.api.unprotected);
        let stands = |finding: &Finding| !refused.touches(&finding.relation);
        let found =
            findings.iter().filter(|finding| matters(finding, &unprotected) && stands(finding)).map(Report::from);
        let mut reports: Vec<Report> = found.collect();
        let Refused { reports: cannot_run, .. } = refused;
        misfits.extend(cannot_run);
        reports.splice(0..0, misfits);
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

/// What of the configuration no server would start with, and what it names that is not there.
fn misfits(project: &Project, config: &Config, database: &Database) -> Vec<Report> {
    let refused = basalt_server::check(&project.root, config, database.clone());
    let mut reports = refused.map_err(Failure::from).map_or_else(|failure| failure.0, |()| Vec::new());
    reports.extend(logged(config).err().into_iter().flat_map(|failure| failure.0));
    for schema in basalt_server::missing_schemas(config, database) {
        let told = Report::error(format!("`api.schemas` names the schema \"{schema}\", which no migration makes"))
            .help("Create it in a migration, or take it off the list. What another makes later is served once it is there.");
        reports.push(Report { severity: Severity::Warning, ..told });
    }
    reports
}

/// What the configuration opens may do without row security.
fn matters(finding: &Finding, unprotected: &Unprotected) -> bool {
    let opens = matches!(finding.code, "row-security-off" | "materialized-view" | "view-bypasses-policies");
    let name = finding.relation.split_once('.').map(|(schema, name)| Name::new(schema, name));
    !(opens && name.is_some_and(|name| unprotected.holds(&name)))
}
