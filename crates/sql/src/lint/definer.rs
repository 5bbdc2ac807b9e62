//! What steps around row policies and can be reached from outside: views and functions with their owner's rights, and stored copies.

use std::collections::BTreeSet;

use super::{Finding, OUTSIDE, Severity, enters, uses};
use crate::catalog::{Catalog, Name, Privilege, Relation, Routine};
use crate::definition_path;
use crate::reach::Reach;

/// What each role from outside comes to through what is served.
pub(super) struct Reached([(BTreeSet<Name>, BTreeSet<Name>); 2]);

impl Reached {
    /// Follows every view and function of the schemas `exposed` that the roles may use.
    pub(super) fn from_outside(catalog: &Catalog, exposed: &[String]) -> Reached {
        Reached(OUTSIDE.map(|role| {
            let (mut relations, mut routines) = (BTreeSet::new(), BTreeSet::new());
            for schema in exposed.iter().filter(|schema| enters(catalog, role, schema)) {
                let path = definition_path(schema);
                let served = catalog.relations.values().filter(|one| one.name.schema == *schema);
                let served = served.filter(|relation| uses(catalog, role, relation));
                let called = catalog.functions.values().flatten().filter(|one| one.name.schema == *schema);
                let called = called.filter(|routine| may_call(catalog, role, routine));
                let reaches = served
                    .map(|relation| Reach::of_relation(catalog, &relation.name, &path))
                    .chain(called.map(|routine| Reach::of_routine(catalog, routine, &path)));
                for reach in reaches {
                    relations.extend(reach.relations);
                    routines.extend(reach.definers);
                }
            }
            (relations, routines)
        }))
    }

    fn roles_of_relation(&self, catalog: &Catalog, relation: &Relation) -> Vec<&'static str> {
        let reaches = |index: usize| self.0[index].0.contains(&relation.name);
        let comes = |role: &str, index| enters(catalog, role, &relation.name.schema) || reaches(index);
        roles(|role, index| comes(role, index) && uses(catalog, role, relation))
    }

    fn roles_of_routine(&self, catalog: &Catalog, routine: &Routine) -> Vec<&'static str> {
        let reaches = |index: usize| self.0[index].1.contains(&routine.name);
        let comes = |role: &str, index| enters(catalog, role, &routine.name.schema) || reaches(index);
        roles(|role, index| comes(role, index) && may_call(catalog, role, routine))
    }
}

fn roles(is_one: impl Fn(&str, usize) -> bool) -> Vec<&'static str> {
    OUTSIDE.into_iter().enumerate().filter(|(index, role)| is_one(role, *index)).map(|(_, role)| role).collect()
}

fn may_call(catalog: &Catalog, role: &str, routine: &Routine) -> bool {
    catalog.allows(role, &routine.owner, &routine.grants, Privilege::Execute)
}

pub(super) fn view(catalog: &Catalog, reached: &Reached, relation: &Relation, findings: &mut Vec<Finding>) {
    let Some(view) = relation.view().filter(|view| !view.security_invoker) else { return };
    let roles = reached.roles_of_relation(catalog, relation);
    if roles.is_empty() {
        return;
    }
    let (name, roles) = (&relation.name, roles.join(" and "));
    let (code, message, remedy) = match view.materialized {
        true => (
            "materialized-view",
            format!("materialized view {name} is granted to {roles}: no policy holds for the rows that it keeps"),
            format!("revoke all on {} from anon, authenticated;", name.quoted()),
        ),
        false => (
            "view-bypasses-policies",
            format!("view {name} runs with its owner's rights for {roles}: no policy holds for the rows it reads"),
            format!("alter view {} set (security_invoker = true);", name.quoted()),
        ),
    };
    findings.push(Finding { code, severity: Severity::Warning, relation: name.to_string(), message, remedy });
}

pub(super) fn routine(
    catalog: &Catalog,
    reached: &Reached,
    exposed: &[String],
    routine: &Routine,
    findings: &mut Vec<Finding>,
) {
    let args: Vec<String> = routine.inputs().map(|param| param.ty.sql_name()).collect();
    let signature = format!("{}({})", routine.name.quoted(), args.join(", "));
    let roles = reached.roles_of_routine(catalog, routine);
    // Only triggers call those that are for triggers.
    if !roles.is_empty() && !routine.is_fired() {
        findings.push(Finding {
            code: "definer-exposed",
            severity: Severity::Hint,
            relation: routine.name.to_string(),
            message: format!(
                "{} may be called by {} and runs with its owner's rights",
                routine.name,
                roles.join(" and ")
            ),
            remedy: format!(
                "If they have no business with it: revoke execute on function {signature} from public, {};",
                roles.join(", ")
            ),
        });
    }
    let matters = !roles.is_empty() || exposed.contains(&routine.name.schema);
    if matters && !routine.settings.iter().any(|(name, _)| name == "search_path") {
        findings.push(Finding {
            code: "definer-search-path",
            severity: Severity::Warning,
            relation: routine.name.to_string(),
            message: format!(
                "{} runs with its owner's rights, but finds its tables along its caller's search path",
                routine.name
            ),
            remedy: format!("alter function {signature} set search_path = '';"),
        });
    }
}
