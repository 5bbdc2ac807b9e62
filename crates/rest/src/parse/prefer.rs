//! The `Prefer` header (RFC 7240, with PostgREST's preferences; contract: section 10.2).

use http::HeaderMap;

use crate::error::{RestError, RestResult};

/// What the caller prefers. The first of a group wins.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Preferences {
    /// `return=`.
    pub returning: Option<Return>,
    /// `count=`.
    pub count: Option<Count>,
    /// `resolution=`: merge duplicates (true) or ignore them.
    pub merge: Option<bool>,
    /// `missing=`: default (true) or null.
    pub missing_default: Option<bool>,
    /// `handling=`: strict (true) or lenient.
    pub strict: Option<bool>,
    /// `max-affected=`.
    pub max_affected: Option<u64>,
    /// `timezone=`.
    pub timezone: Option<String>,
    /// `tx=`: commit (true) or rollback.
    pub commit: Option<bool>,
    /// Tokens that mean nothing.
    pub unknown: Vec<String>,
}

/// What a write gives back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Return {
    /// Nothing.
    Minimal,
    /// A `Location`.
    HeadersOnly,
    /// The rows.
    Representation,
}

/// How rows are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Count {
    /// All of them.
    Exact,
    /// The planner's estimate.
    Planned,
    /// Exact up to the row limit, estimated beyond.
    Estimated,
}

impl Preferences {
    /// Reads all `Prefer` headers.
    pub(crate) fn read(headers: &HeaderMap) -> Preferences {
        let mut preferences = Preferences::default();
        for value in headers.get_all("prefer") {
            for token in String::from_utf8_lossy(value.as_bytes()).split(',') {
                preferences.take(token.trim());
            }
        }
        preferences
    }

    fn take(&mut self, token: &str) {
        fn first<T>(slot: &mut Option<T>, value: T) {
            slot.get_or_insert(value);
        }
        match token {
            "" => {}
            "return=minimal" => first(&mut self.returning, Return::Minimal),
            "return=headers-only" => first(&mut self.returning, Return::HeadersOnly),
            "return=representation" => first(&mut self.returning, Return::Representation),
            "count=exact" => first(&mut self.count, Count::Exact),
            "count=planned" => first(&mut self.count, Count::Planned),
            "count=estimated" => first(&mut self.count, Count::Estimated),
            "resolution=merge-duplicates" => first(&mut self.merge, true),
            "resolution=ignore-duplicates" => first(&mut self.merge, false),
            "missing=default" => first(&mut self.missing_default, true),
            "missing=null" => first(&mut self.missing_default, false),
            "handling=strict" => first(&mut self.strict, true),
            "handling=lenient" => first(&mut self.strict, false),
            "tx=commit" => first(&mut self.commit, true),
            "tx=rollback" => first(&mut self.commit, false),
            other => {
                if let Some(zone) = other.strip_prefix("timezone=") {
                    first(&mut self.timezone, zone.to_owned());
                } else if let Some(most) = other.strip_prefix("max-affected=").and_then(|n| n.parse().ok()) {
                    first(&mut self.max_affected, most);
                } else {
                    self.unknown.push(other.to_owned());
                }
            }
        }
    }

    /// Under `handling=strict`, refuses unknown preferences (PGRST122).
    pub(crate) fn judge(&self) -> RestResult<()> {
        if self.strict == Some(true) && !self.unknown.is_empty() {
            return Err(RestError::new(400, "PGRST122", "Invalid preferences given with handling=strict")
                .details(format!("Invalid preferences: {}", self.unknown.join(", "))));
        }
        Ok(())
    }

    /// The most rows that a write or call may touch: counts only under `handling=strict`.
    pub(crate) fn limit_affected(&self) -> Option<u64> {
        self.max_affected.filter(|_| self.strict == Some(true))
    }

    /// `Preference-Applied`, in PostgREST's fixed order. What applies to the request is the caller's to say.
    pub(crate) fn applied(&self, used: Used) -> Option<String> {
        let mut list: Vec<String> = Vec::new();
        let mut add = |text: &str| list.push(text.to_owned());
        if let (true, Some(merge)) = (used.resolution, self.merge) {
            add(if merge { "resolution=merge-duplicates" } else { "resolution=ignore-duplicates" });
        }
        if let (true, Some(default)) = (used.missing, self.missing_default) {
            add(if default { "missing=default" } else { "missing=null" });
        }
        if let (true, Some(returning)) = (used.returning, self.returning) {
            add(match returning {
                Return::Minimal => "return=minimal",
                Return::HeadersOnly => "return=headers-only",
                Return::Representation => "return=representation",
            });
        }
        if let Some(count) = self.count {
            add(match count {
                Count::Exact => "count=exact",
                Count::Planned => "count=planned",
                Count::Estimated => "count=estimated",
            });
        }
        if let (true, Some(commit)) = (used.transaction, self.commit) {
            add(if commit { "tx=commit" } else { "tx=rollback" });
        }
        if let Some(strict) = self.strict {
            add(if strict { "handling=strict" } else { "handling=lenient" });
        }
        if let Some(zone) = &self.timezone {
            add(&format!("timezone={zone}"));
        }
        if let (true, Some(most)) = (used.max_affected, self.limit_affected()) {
            add(&format!("max-affected={most}"));
        }
        (!list.is_empty()).then(|| list.join(", "))
    }
}

/// Which preferences mean something for a request.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Used {
    pub(crate) resolution: bool,
    pub(crate) missing: bool,
    pub(crate) returning: bool,
    pub(crate) transaction: bool,
    pub(crate) max_affected: bool,
}
