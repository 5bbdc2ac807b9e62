//! ORDER BY, LIMIT and OFFSET.

use std::collections::HashSet;

use super::writer::Writer;
use super::{condition, embed};
use crate::ask::Order;
use crate::plan::{Alias, Node};

/// What decides between rows that the asked order leaves alike.
pub(super) enum Ties<'a> {
    /// Nothing.
    Left,
    /// The relation's key.
    Key(&'a [String]),
    /// So many of its columns, as text: not every type has an order.
    Columns(Vec<&'a str>),
}

/// ORDER BY the level's terms, then what decides between rows that these leave alike.
pub(super) fn order<'a>(w: &mut Writer<'a>, node: &Node<'a>, alias: Alias<'a>, ties: &Ties<'a>) {
    let mut word = " ORDER BY ";
    let mut seen = HashSet::new();
    // A field that was ordered by before decides nothing.
    for term in node.level.order.iter().filter(|term| seen.insert((&term.embed, &term.field))) {
        w.push(std::mem::replace(&mut word, ", "));
        self::term(w, term, node, alias);
    }
    match ties {
        Ties::Left => {}
        Ties::Key(columns) => {
            for column in *columns {
                w.push(std::mem::replace(&mut word, ", "));
                w.column(alias, column);
            }
        }
        Ties::Columns(columns) => {
            for column in columns {
                w.push(std::mem::replace(&mut word, ", "));
                w.push("CAST(");
                w.column(alias, column);
                w.push(" AS text)");
            }
        }
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
