//! What SQLite keeps of a function that is replaced: checks, generated columns and indexes have its body in them.

use std::sync::Arc;

use basalt_core::Result;

use super::super::depend::bare_key;
use super::super::source::Uses;
use super::super::{Action, Change, physical};
use crate::Catalog;
use crate::catalog::Relation;
use crate::quote::ident;

impl Change<'_> {
    /// Rebuilds the tables that have another body of a function in them than they had. Rows that are there are not judged by it, as in
    /// PostgreSQL.
    pub(super) fn rebuild_callers(&mut self, before: &Catalog) -> Result<()> {
        let calls = |source: &str| !Uses::of_expr(source).functions.is_empty();
        let may_call = |table: &Relation| {
            let generated = table.columns.iter().filter_map(|column| column.generated.as_deref());
            let checks = table.constraints.iter().flat_map(|constraint| constraint.kind.sources());
            let mut keys = table.indexes.iter().flat_map(|index| index.keys.iter().chain(&index.predicate));
            generated.chain(checks.map(String::as_str)).any(calls) || keys.any(|key| calls(&bare_key(key)))
        };
        let tables = self.catalog.relations.values().filter(|relation| relation.view().is_none());
        let callers: Vec<Arc<Relation>> = tables.filter(|table| may_call(table)).cloned().collect();
        for table in callers {
            let mut loose = (*table).clone();
            loose.constraints.iter_mut().for_each(|constraint| constraint.not_valid = true);
            let kept = |catalog| physical::rebuild(catalog, &table, &loose, |column| Some(ident(&column.name)));
            let after = kept(&self.catalog)?;
            if kept(before).ok().as_ref() != Some(&after) {
                self.actions.push(Action::Rebuild(after));
            }
        }
        Ok(())
    }
}
