//! UPDATE and DELETE of some rows only: a SELECT finds them first, as a read would, and the write takes those that it found.

use basalt_sql::Name;
use basalt_sql::catalog::{Relation, RelationKind};

use super::condition::filters;
use super::writer::{Clause, Writer};
use super::{embed, order, select};
use crate::PlanError;
use crate::plan::{Alias, Node, Source};

/// What tells a table's rows apart where there is no key.
const ROW: &str = "ctid";

/// WHERE of a write to the rows that `root`'s conditions, order, limit and offset choose.
///
/// Errors: [`PlanError::NoRowKey`].
pub(super) fn restrict<'a>(w: &mut Writer<'a>, relation: &Relation, root: &Node<'a>) -> Result<(), PlanError> {
    let key = key(relation)?;
    w.push(" WHERE (");
    columns(w, root.alias, &key);
    w.push(") IN (SELECT ");
    columns(w, root.alias, &key);
    select::from_relation(w, root);
    embed::joins(w, root, root.alias);
    let source = root.source.relation().map_or_else(|| Source::Columns(Vec::new()), Source::Relation);
    filters(w, &mut Clause::filter(), &Node::bare(source, root.alias, root.level), root.alias);
    order::order(w, root, root.alias, &order::Ties::Left);
    order::limits(w, root.limit, root.offset);
    w.push(")");
    Ok(())
}

fn columns(w: &mut Writer<'_>, alias: Alias<'_>, names: &[&str]) {
    for (index, name) in names.iter().enumerate() {
        w.comma(index);
        w.column(alias, name);
    }
}

/// The columns that tell the relation's rows apart. Those of partitions have no common one but a key.
fn key(relation: &Relation) -> Result<Vec<&str>, PlanError> {
    if let Some(key) = relation.primary_key() {
        return Ok(key.iter().map(String::as_str).collect());
    }
    match relation.kind {
        RelationKind::Table if !relation.partitioned => Ok(vec![ROW]),
        _ => Err(PlanError::NoRowKey { relation: Name::clone(&relation.name) }),
    }
}
