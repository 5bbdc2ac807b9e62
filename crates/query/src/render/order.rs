//! ORDER BY, LIMIT and OFFSET.

use std::collections::HashSet;

use super::writer::Writer;
use super::{condition, embed};
use crate::ask::Order;
use crate::plan::{Alias, Node};

/// ORDER BY the level's terms, then by `last`, columns that make the order total.
pub(super) fn order<'a>(w: &mut Writer<'a>, node: &Node<'a>, alias: Alias<'a>, last: &[String]) {
    let mut word = " ORDER BY ";
    let mut seen = HashSet::new();
    // A field that was ordered by before decides nothing.
    for term in node.level.order.iter().filter(|term| seen.insert((&term.embed, &term.field))) {
        w.push(std::mem::replace(&mut word, ", "));
        self::term(w, term, node, alias);
    }
    for column in last {
        w.push(std::mem::replace(&mut word, ", "));
        w.column(alias, column);
    }
}

fn term<'a>(w: &mut Writer<'a>, term: &Order, node: &Node<'a>, alias: Alias<'a>) {
    match term.embed.as_deref().and_then(|name| node.embed(name)) {
        None => condition::field(w, &term.field, node, alias),
        Some(embedded) if embedded.is_joined() => {
            condition::field(w, &term.field, &embedded.node, embedded.node.alias);
        }
        Some(embedded) => embed::field(w, node, alias, embedded, &term.field),
    }
    match term.descending {
        Some(true) => w.push(" DESC"),
        Some(false) => w.push(" ASC"),
        None => {}
    }
    match term.nulls_first {
        Some(true) => w.push(" NULLS FIRST"),
        Some(false) => w.push(" NULLS LAST"),
        None => {}
    }
}

/// LIMIT and OFFSET.
pub(super) fn limits(w: &mut Writer<'_>, limit: Option<i64>, offset: Option<i64>) {
    if let Some(limit) = limit {
        w.push(" LIMIT ");
        w.bind(limit.to_string());
    }
    if let Some(offset) = offset {
        w.push(" OFFSET ");
        w.bind(offset.to_string());
    }
}
