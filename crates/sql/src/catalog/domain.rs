//! Domains, and what holds of a value along the domains that its own is over.

use std::iter::successors;

use basalt_types::{Type, Typmod};
use serde::{Deserialize, Serialize};

use super::{Catalog, Column, Name};

/// A domain.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Domain {
    /// Base type.
    pub ty: Type,
    /// Its modifier.
    pub typmod: Option<Typmod>,
    /// The domain that it is over, whose NOT NULL and CHECKs hold too. The embedded engine's.
    #[serde(default)]
    pub over: Option<Name>,
    /// NOT NULL.
    pub not_null: bool,
    /// Default expression, as PostgreSQL source. What it was over had it when it was made: PostgreSQL copies that.
    pub default: Option<String>,
    /// CHECKs: name and expression over `value`, as PostgreSQL source.
    pub checks: Vec<(String, String)>,
}

/// A CHECK that a domain's values hold to.
#[derive(Debug, Clone, Copy)]
pub struct DomainCheck<'c> {
    /// The domain that has it: the values' own, or one that this is over.
    pub domain: &'c Name,
    /// Its name.
    pub name: &'c str,
    /// Its expression over `value`, as PostgreSQL source.
    pub source: &'c str,
}

impl Catalog {
    /// A domain and those that it is over, itself first.
    fn domains_under<'c>(&'c self, name: &Name) -> impl Iterator<Item = (&'c Name, &'c Domain)> {
        successors(self.domains.get_key_value(name), |(_, domain)| self.domains.get_key_value(domain.over.as_ref()?))
    }

    /// Whether values of a domain are `other`'s too.
    pub fn is_in_domain(&self, domain: &Name, other: &Name) -> bool {
        self.domains_under(domain).any(|(name, _)| name == other)
    }

    /// Whether a domain's values may not be NULL.
    pub fn refuses_null(&self, domain: &Name) -> bool {
        self.domains_under(domain).any(|(_, domain)| domain.not_null)
    }

    /// The CHECKs of a domain's values in PostgreSQL's order: those of what it is over first, each domain's by name.
    pub fn domain_checks<'c>(&'c self, domain: &Name) -> Vec<DomainCheck<'c>> {
        let mut domains: Vec<_> = self.domains_under(domain).collect();
        domains.reverse();
        let checks = domains.into_iter().flat_map(|(domain, of)| {
            let mut own: Vec<_> = of.checks.iter().map(|(name, source)| DomainCheck { domain, name, source }).collect();
            own.sort_by_key(|check| check.name);
            own
        });
        checks.collect()
    }

    /// Whether a domain asks anything of its values.
    pub fn is_demanding(&self, domain: &Name) -> bool {
        self.domains_under(domain).any(|(_, domain)| domain.not_null || !domain.checks.is_empty())
    }
}

impl Column {
    /// Takes from its domain what it does not say itself, as the domain is now.
    pub(crate) fn inherit(&mut self, catalog: &Catalog) {
        if std::mem::take(&mut self.not_null_by_domain) {
            self.not_null = false;
        }
        if std::mem::take(&mut self.default_by_domain) {
            self.default = None;
        }
        let Some(domain) = &self.domain else { return };
        if !self.not_null && catalog.refuses_null(domain) {
            (self.not_null, self.not_null_by_domain) = (true, true);
        }
        let is_filled = self.default.is_some() || self.generated.is_some() || self.sequence.is_some();
        if !is_filled && let Some(default) = catalog.domains.get(domain).and_then(|domain| domain.default.clone()) {
            (self.default, self.default_by_domain) = (Some(default), true);
        }
    }
}
