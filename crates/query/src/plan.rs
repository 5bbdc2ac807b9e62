//! What is asked, with names resolved against the catalog: a tree of levels, each with its relation and the relationships
//! to its embedded resources. Everything that can be refused without the database is refused here.

use basalt_core::Error;
use basalt_sql::Name;
use basalt_sql::catalog::Relation;
use basalt_sql::program::HIDDEN;
use basalt_types::Type;

use crate::ask::{self, Item, Level};
use crate::planner::Planner;
use crate::relationship::{Kind, Relationship};
use crate::resolve::resolve;
use crate::{PlanError, Settings};

/// One level: a source of rows, and what is asked of it.
pub(crate) struct Node<'a> {
    pub source: Source<'a>,
    /// The name of the source in the statement.
    pub alias: Alias<'a>,
    pub level: &'a Level,
    /// Limit and offset that hold: capped, and without effectless ones.
    pub limit: Option<i64>,
    pub offset: Option<i64>,
    /// The embedded resources, in the order of the level's items.
    pub embeds: Vec<Embedded<'a>>,
}

/// An embedded resource.
pub(crate) struct Embedded<'a> {
    pub ask: &'a ask::Embed,
    pub relationship: &'a Relationship,
    pub node: Node<'a>,
}

/// Where rows come from, as far as their columns go.
pub(crate) enum Source<'a> {
    /// A relation, or a function that returns its row type.
    Relation(&'a Relation),
    /// The rows that the statement has written to a relation.
    Written(&'a Relation),
    /// A function with these result columns.
    Columns(Vec<(&'a str, &'a Type)>),
}

/// A name in a FROM list: the source's own for the root, numbered below it.
#[derive(Clone, Copy)]
pub(crate) struct Alias<'a> {
    pub name: &'a str,
    /// 0 for the root.
    pub number: u32,
}

/// Gives out names that are unique in a statement.
#[derive(Clone, Copy)]
pub(crate) struct Aliases<'a> {
    root: &'a str,
    last: u32,
}

/// PostgreSQL cuts names at 63 bytes; what is left of a longer one must still hold the number.
const LONGEST_ALIAS: usize = 50;

impl<'a> Aliases<'a> {
    pub fn new(root: &'a str) -> Self {
        Aliases { root, last: 0 }
    }

    pub fn next(&mut self, name: &'a str) -> Alias<'a> {
        let cut = (0..=LONGEST_ALIAS.min(name.len())).rev().find(|at| name.is_char_boundary(*at));
        let name = &name[..cut.unwrap_or_default()];
        self.last += 1;
        let after_name = self.root.strip_prefix(name).and_then(|rest| rest.strip_prefix('_'));
        if after_name.is_some_and(|rest| rest.parse() == Ok(self.last)) {
            self.last += 1;
        }
        Alias { name, number: self.last }
    }
}

impl<'a> Source<'a> {
    /// The relation whose rows these are.
    pub fn relation(&self) -> Option<&'a Relation> {
        match self {
            Source::Relation(relation) | Source::Written(relation) => Some(relation),
            Source::Columns(_) => None,
        }
    }

    /// The type of a column, if it has one of that name.
    pub fn column(&self, name: &str) -> Option<&'a Type> {
        match self {
            Source::Relation(relation) | Source::Written(relation) => relation.column(name).map(|column| &column.ty),
            Source::Columns(columns) => columns.iter().find(|(column, _)| *column == name).map(|(_, ty)| *ty),
        }
    }

    /// Calls `each` with every column's name, in order.
    pub fn for_each_column(&self, mut each: impl FnMut(&'a str)) {
        match self {
            Source::Relation(relation) | Source::Written(relation) => {
                relation.columns.iter().for_each(|column| each(&column.name));
            }
            Source::Columns(columns) => columns.iter().for_each(|(name, _)| each(name)),
        }
    }
}

impl<'a> Node<'a> {
    /// A level without embedded resources.
    pub fn bare(source: Source<'a>, alias: Alias<'a>, level: &'a Level) -> Self {
        Node { source, alias, level, limit: None, offset: None, embeds: Vec::new() }
    }

    /// The embedded resource known by that name.
    pub fn embed(&self, key: &str) -> Option<&Embedded<'a>> {
        self.embeds.iter().find(|embedded| embedded.ask.key() == key)
    }

    /// Whether it gives nothing: no items, or only embedded resources that give nothing.
    pub fn is_empty(&self) -> bool {
        let only_embeds = self.level.items.iter().all(|item| matches!(item, Item::Embed(_)));
        only_embeds && self.embeds.iter().all(|embedded| embedded.node.is_empty())
    }

    /// The relations below this level, junctions included.
    pub fn embedded_relations(&self) -> Vec<Name> {
        let mut names = Vec::new();
        for embedded in &self.embeds {
            names.push(embedded.relationship.target.clone());
            if let Kind::Junction { junction, .. } = &embedded.relationship.kind {
                names.push(junction.clone());
            }
            names.extend(embedded.node.embedded_relations());
        }
        names
    }

    /// The computed relationships of this level and those below: the relation, and the function's name.
    pub fn computed_relationships(&self) -> Vec<(Name, String)> {
        let mut found = Vec::new();
        for embedded in &self.embeds {
            if let (Kind::Computed { function, .. }, Some(relation)) =
                (&embedded.relationship.kind, self.source.relation())
            {
                found.push((relation.name.clone(), function.name.clone()));
            }
            found.extend(embedded.node.computed_relationships());
        }
        found
    }

    /// Whether it has an aggregate, its own or one that rises from a to-one spread.
    pub fn has_aggregate(&self) -> bool {
        let own = self.level.items.iter().any(|item| match item {
            Item::Field { aggregate, .. } => aggregate.is_some(),
            Item::Count { .. } => true,
            Item::All | Item::Embed(_) => false,
        });
        own || self.embeds.iter().any(|embedded| embedded.is_spread_to_one() && embedded.node.has_aggregate())
    }
}

impl Embedded<'_> {
    pub fn is_spread_to_one(&self) -> bool {
        self.ask.spread && !self.relationship.is_to_many()
    }

    /// Whether it is neither a part of the rows nor joined to them.
    pub fn is_unseen(&self) -> bool {
        self.node.is_empty() && !self.is_joined()
    }

    /// Whether its relation can be joined to its parent's: a to-one spread along a foreign key.
    pub fn is_joined(&self) -> bool {
        self.is_spread_to_one() && matches!(self.relationship.kind, Kind::Key { .. })
    }
}

/// Builds the tree of a request.
pub(crate) struct Builder<'a> {
    pub planner: &'a Planner,
    /// The schema of the request.
    pub schema: &'a str,
    pub aliases: Aliases<'a>,
    /// Whether levels are capped at [`Settings::max_rows`].
    pub capped: bool,
}

impl<'a> Builder<'a> {
    /// The tree below a root.
    ///
    /// Errors: those of relationships, then of related orders, then of aggregates.
    pub fn root(&mut self, source: Source<'a>, alias: &'a str, level: &'a Level) -> Result<Node<'a>, PlanError> {
        let node = self.node(source, Alias { name: alias, number: 0 }, level, 0, true)?;
        if !node.embeds.is_empty() || level.order.iter().any(|term| term.embed.is_some()) {
            check_orders(&node)?;
        }
        check_aggregates(&node, self.planner.settings(), false)?;
        check_items(level)?;
        Ok(node)
    }

    fn node(
        &mut self,
        source: Source<'a>,
        alias: Alias<'a>,
        level: &'a Level,
        depth: usize,
        to_many: bool,
    ) -> Result<Node<'a>, PlanError> {
        let limit = if self.capped && to_many { self.cap(level.limit) } else { level.limit };
        let offset = level.offset.filter(|offset| *offset != 0 && limit != Some(0));
        let mut node = Node { limit, offset, ..Node::bare(source, alias, level) };
        for embed in level.embeds() {
            let embedded = self.embedded(&node.source, alias, embed, depth + 1)?;
            node.embeds.push(embedded);
        }
        Ok(node)
    }

    fn cap(&self, limit: Option<i64>) -> Option<i64> {
        let cap = self.planner.settings().max_rows.map(|most| i64::try_from(most).unwrap_or(i64::MAX));
        match (limit, cap) {
            (Some(limit), Some(cap)) => Some(limit.min(cap)),
            (limit, cap) => limit.or(cap),
        }
    }

    fn embedded(
        &mut self,
        source: &Source<'a>,
        parent: Alias<'a>,
        embed: &'a ask::Embed,
        depth: usize,
    ) -> Result<Embedded<'a>, PlanError> {
        let limit = self.planner.settings().max_depth;
        if depth > limit {
            return Err(PlanError::TooDeep { limit });
        }
        let without_relation = Name::new(self.schema, parent.name);
        let origin = source.relation().map_or(&without_relation, |relation| &relation.name);
        let relationship = resolve(self.planner.relationships(), origin, &embed.target, embed.hint.as_deref())?;
        let relation = self.planner.relation(&relationship.target)?;
        let alias = self.aliases.next(&relation.name.name);
        let to_many = relationship.is_to_many();
        let node = self.node(Source::Relation(relation), alias, &embed.level, depth, to_many)?;
        Ok(Embedded { ask: embed, relationship, node })
    }
}

fn check_orders(node: &Node<'_>) -> Result<(), PlanError> {
    for name in node.level.order.iter().filter_map(|term| term.embed.as_deref()) {
        match node.embed(name) {
            Some(embedded) if !embedded.relationship.is_to_many() => {}
            Some(_) => {
                let origin = node.source.relation().map_or(node.alias.name, |relation| &relation.name.name);
                return Err(PlanError::RelatedOrderNotPossible { origin: origin.to_owned(), target: name.to_owned() });
            }
            None => {
                let aliased = node.embeds.iter().find(|embedded| embedded.ask.target == name);
                let alias = aliased.map(|embedded| embedded.ask.key().to_owned());
                return Err(PlanError::NotEmbedded { name: name.to_owned(), alias });
            }
        }
    }
    node.embeds.iter().try_for_each(|embedded| check_orders(&embedded.node))
}

/// Names and types that SQL takes otherwise than they are meant.
///
/// Errors: 42939 for a name that hidden columns have, 42704 for `serial`, 42846 for `unknown`.
fn check_items(level: &Level) -> Result<(), PlanError> {
    for item in &level.items {
        let (name, casts) = match item {
            Item::All => continue,
            Item::Field { field, cast, aggregate_cast, alias, .. } => {
                (alias.as_deref().unwrap_or(field.key()), [cast, aggregate_cast].map(Option::as_deref))
            }
            Item::Count { cast, alias } => (alias.as_deref().unwrap_or_default(), [cast.as_deref(), None]),
            Item::Embed(embed) => {
                check_items(&embed.level)?;
                (embed.key(), [None, None])
            }
        };
        if name.starts_with(HIDDEN) {
            let hint = format!("Names that begin with \"{HIDDEN}\" are Basalt's own: take another alias.");
            return Err(Error::new("42939", format!("\"{name}\" is a reserved name")).with_hint(hint).into());
        }
        for ty in casts.into_iter().flatten().map(str::to_lowercase) {
            match ty.trim() {
                "serial" | "bigserial" | "smallserial" | "serial2" | "serial4" | "serial8" => {
                    return Err(Error::new("42704", format!("type \"{}\" does not exist", ty.trim())).into());
                }
                "unknown" => return Err(Error::new("42846", "cannot cast to type unknown").into()),
                _ => {}
            }
        }
    }
    Ok(())
}

fn check_aggregates(node: &Node<'_>, settings: &Settings, in_to_many_spread: bool) -> Result<(), PlanError> {
    let aggregated = node.has_aggregate();
    if aggregated && !settings.aggregates {
        return Err(PlanError::AggregatesDisabled);
    }
    if aggregated && in_to_many_spread {
        return Err(PlanError::AggregateInToManySpread);
    }
    node.embeds.iter().try_for_each(|embedded| {
        let to_many_spread = embedded.ask.spread && (embedded.relationship.is_to_many() || in_to_many_spread);
        check_aggregates(&embedded.node, settings, to_many_spread)
    })
}
