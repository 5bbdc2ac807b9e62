//! The output columns of a level, those that rise from its spreads included.

use basalt_sql::Name;

use super::writer::Writer;
use super::{condition, embed};
use crate::ask::{Aggregate, Field, Item};
use crate::plan::{Alias, Embedded, Node};
use crate::relationship::Kind;

/// An output column.
pub(super) struct Output<'p> {
    pub name: &'p str,
    value: Value<'p>,
    node: &'p Node<'p>,
    /// The alias of the source that the value is of.
    alias: Alias<'p>,
    /// The joined spread that the column rises from.
    risen: Option<&'p Embedded<'p>>,
}

enum Value<'p> {
    /// A column, by `*`.
    Column,
    /// A field, perhaps cast and aggregated.
    Field { field: &'p Field, cast: Option<&'p str>, aggregate: Option<(Aggregate, Option<&'p str>)> },
    /// The number of rows.
    Count { cast: Option<&'p str> },
    /// An embedded resource.
    Embed(&'p Embedded<'p>),
    /// One output column of a spread that isn't joined.
    Spread { embedded: &'p Embedded<'p>, column: usize },
}

/// The output columns of `node`, whose source is named `alias`.
pub(super) fn outputs<'p>(w: &Writer<'_>, node: &'p Node<'p>, alias: Alias<'p>) -> Vec<Output<'p>> {
    let mut outputs = Vec::with_capacity(node.level.items.len().max(16));
    collect(w, node, alias, None, &mut outputs);
    outputs
}

fn collect<'p>(
    w: &Writer<'_>,
    node: &'p Node<'p>,
    alias: Alias<'p>,
    risen: Option<&'p Embedded<'p>>,
    outputs: &mut Vec<Output<'p>>,
) {
    let mut embeds = node.embeds.iter();
    let add = |outputs: &mut Vec<_>, name, value| outputs.push(Output { name, value, node, alias, risen });
    for item in &node.level.items {
        match item {
            Item::All => node.source.for_each_column(|name| add(outputs, name, Value::Column)),
            Item::Field { field, cast, aggregate, aggregate_cast, alias } => {
                let cast = cast.as_deref();
                let name = alias.as_deref();
                match aggregate {
                    Some(aggregate) => {
                        let name = name.unwrap_or(word(*aggregate));
                        let aggregate = Some((*aggregate, aggregate_cast.as_deref()));
                        add(outputs, name, Value::Field { field, cast, aggregate });
                    }
                    None if is_row_count(w, node, field) => {
                        add(outputs, name.unwrap_or("count"), Value::Count { cast })
                    }
                    None => add(outputs, name.unwrap_or(field.key()), Value::Field { field, cast, aggregate: None }),
                }
            }
            Item::Count { cast, alias } => {
                add(outputs, alias.as_deref().unwrap_or("count"), Value::Count { cast: cast.as_deref() });
            }
            Item::Embed(_) => {
                let Some(embedded) = embeds.next() else { continue };
                if embedded.is_joined() {
                    collect(w, &embedded.node, embedded.node.alias, Some(embedded), outputs);
                } else if embedded.ask.spread {
                    for (column, of_spread) in self::outputs(w, &embedded.node, embedded.node.alias).iter().enumerate()
                    {
                        add(outputs, of_spread.name, Value::Spread { embedded, column });
                    }
                } else if !embedded.node.is_empty() {
                    add(outputs, embedded.ask.key(), Value::Embed(embedded));
                }
            }
        }
    }
}

/// `select=count`: PostgREST's old way to ask for the number of rows, where no column has that name.
fn is_row_count(w: &Writer<'_>, node: &Node<'_>, field: &Field) -> bool {
    let is_column = || {
        let relation = node.source.relation();
        let computed = relation.and_then(|relation| w.relationships.field(&relation.name, &field.name));
        node.source.column(&field.name).is_some() || computed.is_some()
    };
    field.name == "count" && field.path.is_empty() && !is_column()
}

fn word(aggregate: Aggregate) -> &'static str {
    match aggregate {
        Aggregate::Sum => "sum",
        Aggregate::Avg => "avg",
        Aggregate::Count => "count",
        Aggregate::Max => "max",
        Aggregate::Min => "min",
    }
}

impl<'p> Output<'p> {
    pub fn is_aggregate(&self) -> bool {
        matches!(self.value, Value::Count { .. } | Value::Field { aggregate: Some(_), .. })
    }

    /// The column of the level's own source that it shows, or shows something of.
    pub fn column_of(&self, node: &Node<'p>) -> Option<&'p str> {
        let name = match self.value {
            Value::Column => self.name,
            Value::Field { field, aggregate: None, .. } => &field.name,
            _ => return None,
        };
        (self.risen.is_none() && node.source.column(name).is_some()).then_some(name)
    }

    /// Whether SQL names the value so by itself: a column under its own name.
    pub fn is_named(&self, w: &Writer<'_>) -> bool {
        if self.shown_by(w).is_some() {
            return false;
        }
        match self.value {
            Value::Column => true,
            Value::Field { field, cast: None, aggregate: None } => {
                let is_column = self.node.source.column(self.name).is_some();
                field.path.is_empty() && field.name == self.name && is_column
            }
            _ => false,
        }
    }

    /// Its value as a key of GROUP BY: repeated where it is short, else by its position (from 1).
    pub fn render_key(&self, w: &mut Writer<'p>, position: usize) {
        match self.value {
            Value::Embed(_) | Value::Spread { .. } => w.push(&position.to_string()),
            // What is shown of a domain is JSON, which makes no groups.
            _ if self.shown_by(w).is_some() => self.value(w),
            _ => self.render(w),
        }
    }

    /// Its value, as its domain shows it.
    pub fn render(&self, w: &mut Writer<'p>) {
        match self.shown_by(w) {
            None => self.value(w),
            Some(function) => {
                w.name(function);
                w.push("(");
                self.value(w);
                w.push(")");
            }
        }
    }

    /// The function of its domain that makes it JSON: of a column as it is, not of what is computed from it.
    fn shown_by<'w>(&self, w: &Writer<'w>) -> Option<&'w Name> {
        if w.representations.is_empty() {
            return None;
        }
        let name = match self.value {
            Value::Column => self.name,
            Value::Field { field, cast: None, aggregate: None } if field.path.is_empty() => &field.name,
            _ => return None,
        };
        let column = self.node.source.relation()?.column(name)?;
        w.representation(column)?.to_json.as_ref()
    }

    fn value(&self, w: &mut Writer<'p>) {
        match &self.value {
            Value::Column => w.column(self.alias, self.name),
            Value::Field { field, cast, aggregate } => {
                let (function, result_cast) = aggregate.map_or((None, None), |(function, cast)| (Some(function), cast));
                open_cast(w, result_cast);
                if let Some(function) = function {
                    w.push(word(function));
                    w.push("(");
                }
                open_cast(w, *cast);
                condition::field(w, field, self.node, self.alias);
                close_cast(w, *cast);
                w.push(if function.is_some() { ")" } else { "" });
                close_cast(w, result_cast);
            }
            Value::Count { cast } => {
                open_cast(w, *cast);
                w.push("count(*)");
                close_cast(w, *cast);
            }
            Value::Embed(embedded) => self.guarded(w, |w| embed::value(w, self.node, self.alias, embedded)),
            Value::Spread { embedded, column } => {
                self.guarded(w, |w| embed::spread(w, self.node, self.alias, embedded, *column));
            }
        }
    }

    /// A value that is never NULL must become NULL where the row that it rises from is absent.
    fn guarded(&self, w: &mut Writer<'p>, value: impl FnOnce(&mut Writer<'p>)) {
        let columns = self.risen.and_then(|embedded| match &embedded.relationship.kind {
            Kind::Key { columns, .. } => columns.first(),
            _ => None,
        });
        match columns {
            None => value(w),
            Some((_, column)) => {
                w.push("CASE WHEN ");
                w.column(self.alias, column);
                w.push(" IS NOT NULL THEN ");
                value(w);
                w.push(" END");
            }
        }
    }
}

fn open_cast(w: &mut Writer<'_>, cast: Option<&str>) {
    w.push(if cast.is_some() { "CAST(" } else { "" });
}

fn close_cast(w: &mut Writer<'_>, cast: Option<&str>) {
    let Some(ty) = cast else { return };
    w.push(" AS ");
    // The type's name is the user's text: words stand as they are, so that `double precision` works; anything else is one name.
    let words = ty.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | ' '));
    if words && !ty.trim().is_empty() {
        w.push(ty)
    } else {
        w.ident(ty)
    }
    w.push(")");
}
