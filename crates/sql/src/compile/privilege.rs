//! Privileges, decided and worded as PostgreSQL does (manual, section 5.7): on relations and their columns, functions and schemas.

use std::collections::BTreeSet;

use basalt_core::{Error, Result};

use crate::Catalog;
use crate::catalog::{Privilege, Relation, RelationKind, Routine};

/// Demands `privilege` on the relation as a whole, or on each of `columns`; without any column (`count(*)`,
/// `default values`), on at least one. 42501 names the relation even where a column is what's missing.
pub(super) fn require_columns<'a>(
    catalog: &Catalog,
    role: &str,
    relation: &Relation,
    columns: impl IntoIterator<Item = &'a str>,
    privilege: Privilege,
) -> Result<()> {
    if catalog.allows(role, &relation.owner, &relation.grants, privilege) {
        return Ok(());
    }
    let held: BTreeSet<&str> = relation
        .columns
        .iter()
        .filter(|column| catalog.allows(role, &relation.owner, &column.grants, privilege))
        .map(|column| column.name.as_str())
        .collect();
    let mut columns = columns.into_iter().peekable();
    let allowed = match columns.peek() {
        None => !held.is_empty(),
        Some(_) => columns.all(|column| held.contains(column)),
    };
    if allowed { Ok(()) } else { Err(denied(relation)) }
}

/// Demands `privilege` on the relation as a whole (DELETE has no columns).
pub(super) fn require(catalog: &Catalog, role: &str, relation: &Relation, privilege: Privilege) -> Result<()> {
    if catalog.allows(role, &relation.owner, &relation.grants, privilege) { Ok(()) } else { Err(denied(relation)) }
}

/// Demands EXECUTE on a function.
pub(super) fn require_execute(catalog: &Catalog, role: &str, routine: &Routine) -> Result<()> {
    if catalog.allows(role, &routine.owner, &routine.grants, Privilege::Execute) {
        Ok(())
    } else {
        Err(Error::permission_denied("function", &routine.name.name))
    }
}

/// Demands USAGE on a schema that a name is qualified with. A schema that doesn't exist is the name's lookup's to report.
pub(super) fn require_usage(catalog: &Catalog, role: &str, schema: &str) -> Result<()> {
    if may_use(catalog, role, schema) { Ok(()) } else { Err(Error::permission_denied("schema", schema)) }
}

/// Whether `role` has USAGE on a schema; PostgreSQL passes over the others in a search path.
pub(super) fn may_use(catalog: &Catalog, role: &str, schema: &str) -> bool {
    match catalog.schemas.get(schema) {
        Some(found) => catalog.allows(role, basalt_core::Identity::OWNER, &found.grants, Privilege::Usage),
        None => true,
    }
}

fn denied(relation: &Relation) -> Error {
    let kind = match &relation.kind {
        RelationKind::Table => "table",
        RelationKind::View(view) if view.materialized => "materialized view",
        RelationKind::View(_) => "view",
    };
    Error::permission_denied(kind, &relation.name.name)
}
