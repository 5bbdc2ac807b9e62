//! The SQL that a catalog keeps: bodies, queries and expressions.

use super::{Catalog, Relation};

impl Catalog {
    /// Every piece of SQL that statements of callers may run: functions' bodies, views' queries, and the expressions of policies, defaults, checks and
    /// triggers.
    pub fn stored_sql(&self) -> impl Iterator<Item = &str> {
        let bodies = self.functions.values().flatten().map(|routine| routine.body.as_str());
        let domains = self.domains.values().flat_map(|domain| {
            domain.default.iter().map(String::as_str).chain(domain.checks.iter().map(|(_, check)| check.as_str()))
        });
        bodies.chain(domains).chain(self.relations.values().flat_map(|relation| relation.stored_sql()))
    }
}

impl Relation {
    fn stored_sql(&self) -> impl Iterator<Item = &str> {
        let query = self.view().map(|view| view.query.as_str());
        let policies = self.policies.iter().flat_map(|policy| policy.using.iter().chain(&policy.check));
        let columns = self.columns.iter().flat_map(|column| column.default.iter().chain(&column.generated));
        let checks = self.constraints.iter().flat_map(|constraint| constraint.kind.sources());
        let triggers = self.triggers.iter().filter_map(|trigger| trigger.run.as_ref()?.when.as_ref());
        query.into_iter().chain(policies.chain(columns).chain(checks).chain(triggers).map(String::as_str))
    }
}
