//! Privileges, decided and worded as PostgreSQL does (manual, section 5.7): on relations and their columns, functions and schemas.

use std::collections::BTreeSet;

use basalt_core::{Error, Identity, Result};

use super::Compiler;
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

/// Demands SELECT on a column.
pub(super) fn read_column(compiler: &Compiler<'_>, relation: &Relation, column: &str) -> Result<()> {
    require_columns(compiler.catalog, &compiler.role, relation, [column], Privilege::Select)
}

/// Demands SELECT on some column: a relation in FROM none of whose columns is read.
pub(super) fn read_any(compiler: &Compiler<'_>, relation: &Relation) -> Result<()> {
    require_columns(compiler.catalog, &compiler.role, relation, [], Privilege::Select)
}

/// Demands EXECUTE on a function, of whoever runs it: a view's owner does not.
pub(super) fn execute(compiler: &Compiler<'_>, routine: &Routine) -> Result<()> {
    if compiler.catalog.allows(&compiler.user, &routine.owner, &routine.grants, Privilege::Execute) {
        Ok(())
    } else {
        Err(Error::permission_denied("function", &routine.name.name))
    }
}

/// Demands USAGE on a schema, where names are looked up anew. One that doesn't exist is the name's lookup's to report.
pub(super) fn use_schema(compiler: &Compiler<'_>, schema: &str) -> Result<()> {
    if !compiler.names_anew {
        return Ok(());
    }
    let Some(found) = compiler.catalog.schemas.get(schema) else { return Ok(()) };
    if compiler.catalog.allows(&compiler.role, Identity::OWNER, &found.grants, Privilege::Usage) {
        Ok(())
    } else {
        Err(Error::permission_denied("schema", schema))
    }
}

fn denied(relation: &Relation) -> Error {
    let kind = match &relation.kind {
        RelationKind::Table => "table",
        RelationKind::Foreign(_) => "foreign table",
        RelationKind::View(view) if view.materialized => "materialized view",
        RelationKind::View(_) => "view",
    };
    Error::permission_denied(kind, &relation.name.name)
}
