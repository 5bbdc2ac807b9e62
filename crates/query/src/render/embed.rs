//! Embedded resources: correlated subqueries over the relation that a relationship leads to.

use super::condition::{self, filters, inners};
use super::order::{self, Ties};
use super::output::{Output, outputs};
use super::select;
use super::writer::{Clause, Writer};
use crate::ask::Field;
use crate::plan::{Alias, Embedded, Node, Source};
use crate::relationship::Kind;

/// An embedded resource as JSON: an array, or an object or NULL.
pub(super) fn value<'a>(w: &mut Writer<'a>, parent: &Node<'a>, parent_alias: Alias<'a>, embedded: &'a Embedded<'a>) {
    let many = embedded.relationship.is_to_many();
    w.push(if many {
        "(SELECT coalesce(jsonb_agg(_e.*), '[]') FROM (SELECT "
    } else {
        "(SELECT to_jsonb(_e.*) FROM (SELECT "
    });
    let outputs = outputs(w, &embedded.node, embedded.node.alias);
    select::list(w, &outputs);
    rows(w, parent, parent_alias, embedded, &outputs, &Ties::Left);
    w.push(") AS _e)");
}

/// One output column of a spread: an array over its rows, or the value of its one row.
pub(super) fn spread<'a>(
    w: &mut Writer<'a>,
    parent: &Node<'a>,
    parent_alias: Alias<'a>,
    embedded: &'a Embedded<'a>,
    column: usize,
) {
    let many = embedded.relationship.is_to_many();
    let outputs = outputs(w, &embedded.node, embedded.node.alias);
    w.push(if many { "(SELECT coalesce(jsonb_agg(_e.v), '[]') FROM (SELECT " } else { "(SELECT " });
    outputs[column].render(w);
    w.push(" AS v");
    // The arrays of all columns must have the same order, whichever index serves each.
    let ties = if many { ties(embedded, &outputs) } else { Ties::Left };
    rows(w, parent, parent_alias, embedded, &outputs, &ties);
    w.push(if many { ") AS _e)" } else { ")" });
}

/// What tells the rows of a to-many spread apart, as far as whoever reads them may read it.
fn ties<'a>(embedded: &'a Embedded<'a>, outputs: &[Output<'a>]) -> Ties<'a> {
    let node = &embedded.node;
    let relation = node.source.relation();
    // Rights to single columns may leave out the key.
    let by_columns = relation.is_some_and(|relation| relation.columns.iter().any(|column| !column.grants.is_empty()));
    match relation.and_then(|relation| relation.primary_key()) {
        Some(key) if !by_columns => Ties::Key(key),
        _ if outputs.len() == 1 => Ties::Left,
        _ if by_columns => Ties::Columns(outputs.iter().filter_map(|output| output.column_of(node)).collect()),
        _ => {
            let mut columns = Vec::new();
            node.source.for_each_column(|column| columns.push(column));
            Ties::Columns(columns)
        }
    }
}

/// A field of a to-one resource, to order by.
pub(super) fn field<'a>(
    w: &mut Writer<'a>,
    parent: &Node<'a>,
    parent_alias: Alias<'a>,
    embedded: &Embedded<'a>,
    field: &Field,
) {
    let alias = w.aliases.next(embedded.node.alias.name);
    w.push("(SELECT ");
    condition::field(w, field, &embedded.node, alias);
    let junction = target(w, parent, parent_alias, embedded, alias);
    matching(w, &mut Clause::filter(), parent_alias, embedded, alias, junction);
    w.push(if embedded.relationship.is_unique() { ")" } else { " LIMIT 1)" });
}

/// Whether an embedded resource has rows.
pub(super) fn exists<'a>(w: &mut Writer<'a>, parent: &Node<'a>, parent_alias: Alias<'a>, embedded: &Embedded<'a>) {
    let alias = w.aliases.next(embedded.node.alias.name);
    w.push("EXISTS (SELECT 1");
    let junction = target(w, parent, parent_alias, embedded, alias);
    matching(w, &mut Clause::filter(), parent_alias, embedded, alias, junction);
    let node = &embedded.node;
    order::limits(w, node.limit.filter(|limit| *limit == 0), node.offset);
    w.push(")");
}

/// FROM to the end of an embedded resource's query.
fn rows<'a>(
    w: &mut Writer<'a>,
    parent: &Node<'a>,
    parent_alias: Alias<'a>,
    embedded: &'a Embedded<'a>,
    outputs: &[Output<'a>],
    ties: &Ties<'a>,
) {
    let node = &embedded.node;
    let junction = target(w, parent, parent_alias, embedded, node.alias);
    joins(w, node, node.alias);
    matching(w, &mut Clause::filter(), parent_alias, embedded, node.alias, junction);
    select::group(w, outputs);
    order::order(w, node, node.alias, ties);
    order::limits(w, node.limit, node.offset);
    let relationship = embedded.relationship;
    if node.limit.is_none() && !relationship.is_to_many() && !relationship.is_unique() {
        w.push(" LIMIT 1");
    }
}

/// FROM the relation at the other end; gives the alias of the junction that leads there.
fn target<'a>(
    w: &mut Writer<'a>,
    parent: &Node<'a>,
    parent_alias: Alias<'a>,
    embedded: &Embedded<'a>,
    alias: Alias<'a>,
) -> Option<Alias<'a>> {
    let relationship = embedded.relationship;
    w.push(" FROM ");
    match &relationship.kind {
        Kind::Key { .. } => {
            named(w, relationship, alias);
            None
        }
        Kind::Junction { junction, target_columns, .. } => {
            let through = w.aliases.next(&junction.name);
            w.name(junction);
            w.push(" AS ");
            w.alias(through);
            w.push(" JOIN ");
            named(w, relationship, alias);
            let mut on = Clause::on();
            for (ours, theirs) in target_columns {
                on.next(w);
                equal(w, (alias, theirs), (through, ours));
            }
            Some(through)
        }
        Kind::Computed { function, .. } => {
            w.name(function);
            w.push("(");
            match parent.source {
                // What was written may bring computed fields along, which are no part of the row.
                Source::Written(relation) => {
                    w.push("ROW(");
                    for (index, column) in relation.columns.iter().enumerate() {
                        w.comma(index);
                        w.column(parent_alias, &column.name);
                    }
                    w.push(")::");
                    w.name(&relation.name);
                }
                _ => w.row(parent_alias),
            }
            w.push(") AS ");
            w.alias(alias);
            None
        }
    }
}

fn named(w: &mut Writer<'_>, relationship: &crate::relationship::Relationship, alias: Alias<'_>) {
    w.name(&relationship.target);
    w.push(" AS ");
    w.alias(alias);
}

/// The conditions of an embedded resource: its rows are the parent's, and pass its filters and inner resources.
fn matching<'a>(
    w: &mut Writer<'a>,
    clause: &mut Clause,
    parent: Alias<'a>,
    embedded: &Embedded<'a>,
    alias: Alias<'a>,
    junction: Option<Alias<'a>>,
) {
    let columns = match &embedded.relationship.kind {
        Kind::Key { columns, .. } => columns.as_slice(),
        Kind::Junction { origin_columns, .. } => origin_columns,
        Kind::Computed { .. } => &[],
    };
    for (ours, theirs) in columns {
        clause.next(w);
        equal(w, (junction.unwrap_or(alias), theirs), (parent, ours));
    }
    filters(w, clause, &embedded.node, alias);
    inners(w, clause, &embedded.node, alias);
}

fn equal(w: &mut Writer<'_>, left: (Alias<'_>, &str), right: (Alias<'_>, &str)) {
    w.column(left.0, left.1);
    w.push(" = ");
    w.column(right.0, right.1);
}

/// The left joins of a level's to-one spreads, and of theirs.
pub(super) fn joins<'a>(w: &mut Writer<'a>, node: &Node<'a>, alias: Alias<'a>) {
    for embedded in node.embeds.iter().filter(|embedded| embedded.is_joined()) {
        let joined = &embedded.node;
        w.push(" LEFT JOIN ");
        named(w, embedded.relationship, joined.alias);
        let mut on = Clause::on();
        matching(w, &mut on, alias, embedded, joined.alias, None);
        if joined.limit == Some(0) || joined.offset.is_some() {
            on.next(w);
            w.push("false");
        }
        joins(w, joined, joined.alias);
    }
}
