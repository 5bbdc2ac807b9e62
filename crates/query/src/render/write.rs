//! Writes: INSERT, UPDATE, DELETE and PUT, and what they give back.

use basalt_core::Error;
use basalt_sql::Name;
use basalt_sql::catalog::{Column, Relation, RelationKind};
use basalt_sql::program::{IS_NOT_UPDATED, NOTE_UPDATE};

use super::condition::{self, filters};
use super::limited;
use super::output::{Output, outputs};
use super::select::{self, Frame};
use super::values::{self, Values};
use super::writer::{Clause, Writer};
use crate::ask::{Body, Condition, Conflict, Field, Filter, Item, Level, Operator, Test, Write, WriteKind};
use crate::plan::{Aliases, Builder, Node, Source};
use crate::planner::Planner;
use crate::relationship::Kind;
use crate::{Hidden, PlanError, Statement};

/// A write. What it gives back stands in RETURNING where that can say it; else a SELECT reads the written rows.
pub(crate) fn write(planner: &Planner, write: &Write) -> Result<Statement, PlanError> {
    let relation = planner.relation(&write.relation)?;
    let alias = relation.name.name.as_str();
    let mut builder = Builder { planner, schema: &relation.name.schema, aliases: Aliases::new(alias), capped: false };
    let mut root = builder.root(Source::Relation(relation), alias, &write.level)?;

    let mut w = Writer::new(planner, builder.aliases);
    let written = command(&mut w, planner, relation, &root, &write.kind)?;
    // The limits are of what is written: all of that is given back.
    (root.limit, root.offset) = (None, None);
    if written == Written::Nothing {
        let level = Level { items: Vec::new(), order: Vec::new(), ..write.level.clone() };
        return Ok(match write.returning {
            true => nothing(w, &root),
            false => nothing(w, &Node::bare(Source::Relation(relation), root.alias, &level)),
        });
    }
    let key = relation.primary_key().filter(|_| write.returning_key).unwrap_or_default();
    let hidden = Hidden { inserted: written == Written::Upsert, key: key.to_vec(), total: false };
    w.push(" RETURNING ");
    let aggregated = outputs(&w, &root, root.alias).iter().any(Output::is_aggregate);
    if write.returning && (aggregated || !root.embeds.is_empty() || !root.level.order.is_empty()) {
        root.source = Source::Written(relation);
        return Ok(selected(w, &root, relation, hidden, aggregated));
    }
    let outputs = if write.returning { outputs(&w, &root, root.alias) } else { Vec::new() };
    returning(&mut w, &outputs, &hidden, relation);
    let relation = Some(relation.name.clone());
    let columns = match hidden.names() {
        // A hidden column alone makes the row.
        names if outputs.is_empty() && !names.is_empty() => names,
        names => select::names(&outputs, &names),
    };
    Ok(Statement {
        sql: w.sql.into(),
        with: 0,
        columns: columns.into(),
        params: w.params,
        count_sql: None,
        count_params: 0,
        relation,
        embedded: root.embedded_relations(),
        computed: w.computed.into_iter().chain(root.computed_relationships()).collect(),
        hidden,
        places: w.places,
    })
}

/// What a command does.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Written {
    /// It sets nothing, so there is no command.
    Nothing,
    /// It inserts or updates, as each row has it.
    Upsert,
    /// It writes in one way.
    Rows,
}

/// The command, up to RETURNING.
fn command<'a>(
    w: &mut Writer<'a>,
    planner: &Planner,
    relation: &Relation,
    root: &Node<'a>,
    kind: &WriteKind,
) -> Result<Written, PlanError> {
    match kind {
        WriteKind::Insert { body, conflict } => {
            let merges = conflict.as_ref().is_some_and(|conflict| conflict.merge);
            let values = Values::to_insert(planner.catalog(), relation, body, merges)?;
            values.insert(w, planner.catalog(), relation)?;
            Ok(conflict.as_ref().map_or(Written::Rows, |conflict| on_conflict(w, relation, conflict, &values.columns)))
        }
        WriteKind::Put { body } => {
            let key = put_key(relation, root)?;
            put(w, planner, relation, body, &key)
        }
        WriteKind::Update { body } => {
            let values = Values::to_update(planner.catalog(), relation, body)?;
            if !values.assigns() {
                return Ok(Written::Nothing);
            }
            w.push("UPDATE ");
            w.name(&relation.name);
            values.assign(w)?;
            restrict(w, relation, root)?;
            Ok(Written::Rows)
        }
        WriteKind::Delete => {
            w.push("DELETE FROM ");
            w.name(&relation.name);
            restrict(w, relation, root)?;
            Ok(Written::Rows)
        }
    }
}

/// WHERE of an UPDATE or DELETE. An embedded resource's name is no more than a column's here.
fn restrict<'a>(w: &mut Writer<'a>, relation: &Relation, root: &Node<'a>) -> Result<(), PlanError> {
    if root.limit.is_some() || root.offset.is_some() {
        return limited::restrict(w, relation, root);
    }
    let source = root.source.relation().map_or_else(|| Source::Columns(Vec::new()), Source::Relation);
    let rows = Node::bare(source, root.alias, root.level);
    filters(w, &mut Clause::filter(), &rows, root.alias);
    Ok(())
}

/// ON CONFLICT over the given columns or the primary key, if there are any.
fn on_conflict(w: &mut Writer<'_>, relation: &Relation, conflict: &Conflict, written: &[&Column]) -> Written {
    let key = conflict.columns.as_deref().or(relation.primary_key()).unwrap_or_default();
    if key.is_empty() {
        return Written::Rows;
    }
    w.push(" ON CONFLICT (");
    w.idents(key.iter().map(String::as_str));
    if !conflict.merge || written.is_empty() {
        w.push(") DO NOTHING");
        return Written::Rows;
    }
    w.push(") DO UPDATE SET ");
    for (index, column) in written.iter().enumerate() {
        w.comma(index);
        w.ident(&column.name);
        w.push(" = EXCLUDED.");
        w.ident(&column.name);
    }
    if !tells_by_xmax(relation) {
        w.push(" WHERE ");
        w.push(NOTE_UPDATE);
    }
    Written::Upsert
}

/// Whether a row's `xmax` tells whether it is a new one. A view has none, a partitioned table can't give it back, and who may select only
/// some columns may not read it: there a setting tells, which is made while a row is updated and taken back when the row is given back.
fn tells_by_xmax(relation: &Relation) -> bool {
    let has_own_rows = matches!(relation.kind, RelationKind::Table) && !relation.partitioned;
    has_own_rows && relation.columns.iter().all(|column| column.grants.is_empty())
}

/// The hidden column that tells new rows from updated ones.
fn inserted(w: &mut Writer<'_>, relation: &Relation) {
    w.push(if tells_by_xmax(relation) { "(xmax = 0)" } else { IS_NOT_UPDATED });
    w.push(" AS \"basalt:inserted\"");
}

/// The filters of a PUT: exactly the primary key's columns, by `eq`.
fn put_key<'n>(relation: &'n Relation, root: &Node<'n>) -> Result<Vec<(&'n Column, &'n str)>, PlanError> {
    let by_equality = |condition: &'n Condition| match condition {
        Condition::Filter(Filter {
            field,
            negated: false,
            test: Test::Compare { operator: Operator::Equal, quantifier: None, value },
        }) if field.path.is_empty() => Some((relation.column(&field.name)?, value.as_str())),
        _ => None,
    };
    let filters: Option<Vec<_>> = root.level.conditions.iter().map(by_equality).collect();
    let key = relation.primary_key().unwrap_or_default();
    let is_key = |filters: &Vec<(&Column, &str)>| {
        let all = key.iter().all(|name| filters.iter().any(|(column, _)| column.name == *name));
        !key.is_empty() && all && filters.len() == key.len()
    };
    filters.filter(is_key).ok_or(PlanError::PutFilters)
}

/// INSERT of the body's rows that have the key, updating the one that has it already.
fn put(
    w: &mut Writer<'_>,
    planner: &Planner,
    relation: &Relation,
    body: &Body,
    key: &[(&Column, &str)],
) -> Result<Written, PlanError> {
    let mut columns = values::columns(relation, body)?;
    if columns.is_empty() {
        columns.extend(key.iter().map(|(column, _)| *column));
    }
    let mut known = columns.clone();
    known.extend(key.iter().map(|(column, _)| *column).filter(|column| !columns.iter().any(|c| c.name == column.name)));
    let json = body.json.trim_ascii();
    let json = match json.as_bytes().first() {
        Some(b'[') => json.to_owned(),
        Some(b'{') => format!("[{json}]"),
        // A scalar has no rows.
        _ => "[]".to_owned(),
    };

    values::insert_into(w, relation, &columns);
    w.push(" SELECT ");
    for (index, column) in columns.iter().enumerate() {
        w.comma(index);
        values::recorded(w, column);
    }
    values::recordset(w, planner.catalog(), json, &known, &[]);
    let mut clause = Clause::filter();
    for (column, value) in key {
        clause.next(w);
        values::recorded(w, column);
        w.push(" = ");
        match w.representation(column).and_then(|representation| representation.from_text.as_ref()) {
            None => w.bind(*value),
            Some(reader) => condition::read(w, reader, value),
        }
    }
    Ok(on_conflict(w, relation, &Conflict { columns: None, merge: true }, &columns))
}

/// The rows of RETURNING, hidden columns included; always at least one column, so that rows are counted.
fn returning<'a>(w: &mut Writer<'a>, outputs: &[Output<'a>], hidden: &Hidden, relation: &Relation) {
    let is_hidden = hidden.inserted || !hidden.key.is_empty();
    if !outputs.is_empty() || !is_hidden {
        select::list(w, outputs);
    }
    let mut written = usize::from(!outputs.is_empty());
    if hidden.inserted {
        w.comma(written);
        inserted(w, relation);
        written += 1;
    }
    for column in &hidden.key {
        w.comma(written);
        key_column(w, &relation.name, column);
        written += 1;
    }
}

fn key_column(w: &mut Writer<'_>, relation: &Name, column: &str) {
    w.ident(&relation.name);
    w.push(".");
    w.ident(column);
    w.push(" AS ");
    w.ident(&format!("basalt:key:{column}"));
}

/// A SELECT over the written rows, for embedded resources, order and aggregates.
fn selected<'a>(
    mut w: Writer<'a>,
    root: &'a Node<'a>,
    relation: &Relation,
    hidden: Hidden,
    aggregated: bool,
) -> Statement {
    // Hidden columns are a row's; aggregates make groups of rows.
    let hidden = if aggregated { Hidden::default() } else { hidden };
    needed_columns(&mut w, root, relation, &hidden);
    let before = ["WITH \"written\" AS (", &w.sql, ") "].concat();

    w.sql.clear();
    if hidden.inserted {
        w.push(", ");
        w.column(root.alias, "basalt:inserted");
    }
    for column in &hidden.key {
        w.push(", ");
        key_column(&mut w, &relation.name, column);
    }
    let columns = std::mem::take(&mut w.sql);

    w.push(" FROM \"written\" AS ");
    w.alias(root.alias);
    let statement =
        select::finish(w, root, Frame { before, hidden: columns, hidden_names: hidden.names(), ..Frame::default() });
    Statement { hidden, ..statement }
}

/// The columns and computed fields of a written row that the SELECT over it reads.
fn needed_columns<'n>(w: &mut Writer<'_>, root: &Node<'n>, relation: &'n Relation, hidden: &Hidden) {
    let mut needed: Vec<&str> = Vec::new();
    let mut need = |name: &'n str| {
        if !needed.contains(&name) {
            needed.push(name);
        }
    };
    let computed = |kind: &Kind| matches!(kind, Kind::Computed { .. });
    if root.embeds.iter().any(|embedded| computed(&embedded.relationship.kind)) {
        relation.columns.iter().for_each(|column| need(&column.name));
    }
    for item in &root.level.items {
        match item {
            Item::All => relation.columns.iter().for_each(|column| need(&column.name)),
            Item::Field { field, .. } => need(&field.name),
            Item::Count { .. } | Item::Embed(_) => {}
        }
    }
    for embedded in &root.embeds {
        embedded.relationship.origin_columns().for_each(&mut need);
    }
    root.level.order.iter().filter(|term| term.embed.is_none()).for_each(|term| need(&term.field.name));
    let key = relation.primary_key().filter(|_| !hidden.key.is_empty());
    key.unwrap_or_default().iter().for_each(|column| need(column));

    let rows = Node::bare(Source::Relation(relation), root.alias, root.level);
    for (index, name) in needed.iter().enumerate() {
        w.comma(index);
        condition::field(w, &Field { name: (*name).to_owned(), path: Vec::new() }, &rows, root.alias);
        if relation.column(name).is_none() {
            w.push(" AS ");
            w.ident(name);
        }
    }
    if hidden.inserted {
        w.comma(needed.len());
        inserted(w, relation);
    } else if needed.is_empty() {
        w.push("1 AS \"basalt:one\"");
    }
}

/// An update that sets nothing: none of the rows that it would find, for which its filters must be sound and the caller may have to read.
fn nothing<'a>(mut w: Writer<'a>, root: &'a Node<'a>) -> Statement {
    select::from_relation(&mut w, root);
    select::finish(w, root, Frame { empty: true, filtered: true, ..Frame::default() })
}

/// `column` must be one of the relation's.
pub(super) fn column<'r>(relation: &'r Relation, column: &str) -> Result<&'r Column, PlanError> {
    let unknown = || PlanError::UnknownColumn { column: column.to_owned(), relation: relation.name.name.clone() };
    relation.column(column).ok_or_else(unknown)
}

/// The error of a table into which a row of defaults can't be written by name.
pub(super) fn no_column(relation: &Relation) -> Error {
    Error::unsupported(
        format!("several rows of defaults for \"{}\", whose columns are all generated", relation.name.name),
        "insert them one at a time",
    )
}
