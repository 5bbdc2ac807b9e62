//! Closed unless opened, for changes of tables as for their rows (`api.unprotected`).

use basalt_sql::catalog::Relation;
use basalt_sql::unprotected::{self, Closed, Unprotected};

/// What callers from outside may follow.
#[derive(Debug, Clone, Default)]
pub struct Openness {
    /// Tables that are open although row security is off on them.
    pub unprotected: Unprotected,
    /// The role of callers without a token.
    pub anonymous: Option<String>,
}

impl Openness {
    /// Why a table's changes are closed to a role, if they are.
    pub(crate) fn closes(&self, table: &Relation, role: &str) -> Option<Closed> {
        let is_outside = unprotected::is_outside(role) || self.anonymous.as_deref() == Some(role);
        is_outside.then(|| self.unprotected.closes(table)).flatten()
    }
}
