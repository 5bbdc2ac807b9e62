//! SELECT of a level: the root, and the parts that embedded resources share with it.

use super::condition::{filters, inners};
use super::output::{Output, outputs};
use super::writer::{Clause, Writer};
use super::{embed, order};
use crate::plan::{Aliases, Node};
use crate::planner::Planner;
use crate::{Hidden, Statement};

/// What stands around the rows of a SELECT.
#[derive(Default)]
pub(super) struct Frame {
    /// What precedes SELECT.
    pub before: String,
    /// Hidden columns, each after a comma.
    pub hidden: String,
    /// Their names.
    pub hidden_names: Vec<String>,
    /// Whether the level's own conditions apply.
    pub filtered: bool,
    /// Whether there are no rows at all.
    pub empty: bool,
    /// Whether rows are counted without limits.
    pub count: bool,
}

/// A read of a relation.
pub(crate) fn read<'a>(planner: &'a Planner, root: &'a Node<'a>, aliases: Aliases<'a>, count: bool) -> Statement {
    let mut w = Writer::new(planner, aliases);
    from_relation(&mut w, root);
    finish(w, root, Frame { filtered: true, count, ..Frame::default() })
}

/// FROM the root's relation.
pub(super) fn from_relation(w: &mut Writer<'_>, root: &Node<'_>) {
    w.push(" FROM ");
    if let Some(relation) = root.source.relation() {
        w.name(&relation.name);
        w.push(" AS ");
    }
    w.alias(root.alias);
}

/// A SELECT whose FROM is written, up to the root's source. What decides which rows there are comes first, so that the
/// statement that counts them shares its text and its parameters.
pub(super) fn finish<'a>(mut w: Writer<'a>, root: &'a Node<'a>, frame: Frame) -> Statement {
    embed::joins(&mut w, root, root.alias);
    let mut clause = Clause::filter();
    if frame.empty {
        clause.next(&mut w);
        w.push("false");
    }
    if frame.filtered {
        filters(&mut w, &mut clause, root, root.alias);
    }
    inners(&mut w, &mut clause, root, root.alias);
    let rows = std::mem::take(&mut w.sql);
    let count_params = w.params.len();
    let count_sql = frame.count.then(|| ["SELECT count(*)", &rows].concat().into());

    let with = frame.before.len();
    w.sql = frame.before;
    w.sql.reserve(rows.len() + 512);
    w.push("SELECT ");
    let outputs = outputs(&w, root, root.alias);
    list(&mut w, &outputs);
    let columns = names(&outputs, &frame.hidden_names);
    w.push(&frame.hidden);
    w.push(&rows);
    group(&mut w, &outputs);
    order::order(&mut w, root, root.alias, &order::Ties::Left);
    order::limits(&mut w, root.limit, root.offset);
    let mut computed = w.computed;
    computed.extend(root.computed_relationships());
    Statement {
        sql: w.sql.into(),
        with,
        columns: columns.into(),
        params: w.params,
        count_sql,
        count_params,
        relation: root.source.relation().map(|relation| relation.name.clone()),
        embedded: root.embedded_relations(),
        computed,
        hidden: Hidden::default(),
        places: w.places,
    }
}

/// The names of the columns, where some are hidden.
pub(super) fn names(outputs: &[Output<'_>], hidden: &[String]) -> Vec<String> {
    let visible = outputs.iter().map(|output| output.name.to_owned());
    match (outputs, hidden) {
        ([], _) => std::iter::once("basalt:one".to_owned()).chain(hidden.iter().cloned()).collect(),
        (_, []) => Vec::new(),
        _ => visible.chain(hidden.iter().cloned()).collect(),
    }
}

/// The select list. A row without columns still counts, so it has a hidden one.
pub(super) fn list<'a>(w: &mut Writer<'a>, outputs: &[Output<'a>]) {
    if outputs.is_empty() {
        w.push("1 AS \"basalt:one\"");
    }
    for (index, output) in outputs.iter().enumerate() {
        w.comma(index);
        output.render(w);
        if !output.is_named(w) {
            w.push(" AS ");
            w.ident(output.name);
        }
    }
}

/// GROUP BY everything that is no aggregate, where there is one.
pub(super) fn group<'a>(w: &mut Writer<'a>, outputs: &[Output<'a>]) {
    if !outputs.iter().any(Output::is_aggregate) {
        return;
    }
    let mut word = " GROUP BY ";
    for (index, output) in outputs.iter().enumerate().filter(|(_, output)| !output.is_aggregate()) {
        w.push(std::mem::replace(&mut word, ", "));
        output.render_key(w, index + 1);
    }
}
