//! What is asked to be read: levels, what they select, and in what order.

use super::Condition;
use crate::PlanError;

/// One level of a read: the root, or an embedded resource.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Level {
    /// What to give, in order. Empty means nothing at this level (a door writes `Item::All` for `*`).
    pub items: Vec<Item>,
    /// Conditions, and-ed.
    pub conditions: Vec<Condition>,
    /// Order terms.
    pub order: Vec<Order>,
    /// Most rows to give (per parent, for an embedded resource), or to update or delete.
    pub limit: Option<i64>,
    /// Rows to skip.
    pub offset: Option<i64>,
}

/// One thing selected.
#[derive(Debug, Clone, PartialEq)]
pub enum Item {
    /// `*`: all columns.
    All,
    /// A column, perhaps into its JSON, cast, or aggregated.
    Field {
        /// The column and path.
        field: Field,
        /// Cast of the value, before aggregation: a type name as written.
        cast: Option<String>,
        /// Aggregate over it.
        aggregate: Option<Aggregate>,
        /// Cast of the aggregate's result.
        aggregate_cast: Option<String>,
        /// Output name.
        alias: Option<String>,
    },
    /// `count()`: the number of rows.
    Count {
        /// Cast of the result.
        cast: Option<String>,
        /// Output name; `count` if none.
        alias: Option<String>,
    },
    /// A related resource.
    Embed(Embed),
}

/// A related resource.
#[derive(Debug, Clone, PartialEq)]
pub struct Embed {
    /// As written: a relation, a foreign key's column or constraint, or a function.
    pub target: String,
    /// Which relationship is meant, when there are several.
    pub hint: Option<String>,
    /// `!inner` (true) or `!left` (false, the default).
    pub inner: bool,
    /// Output name; the target if none.
    pub alias: Option<String>,
    /// `...`: its columns rise to the parent.
    pub spread: bool,
    /// What is asked of it.
    pub level: Level,
}

/// A column, and a path into it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Hash)]
pub struct Field {
    /// The column's name.
    pub name: String,
    /// Steps into its JSON.
    pub path: Vec<PathStep>,
}

/// A step into JSON.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct PathStep {
    /// `->>` rather than `->`.
    pub as_text: bool,
    /// Where.
    pub key: PathKey,
}

/// Where a JSON step leads.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum PathKey {
    /// An object's member.
    Key(String),
    /// An array's element, from the end if negative.
    Index(i32),
}

/// Aggregates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)] // SQL's own words
pub enum Aggregate {
    Sum,
    Avg,
    Count,
    Max,
    Min,
}

/// An order term.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// A to-one embedded resource (its alias, if it has one) whose column it is.
    pub embed: Option<String>,
    /// The column.
    pub field: Field,
    /// `asc` (false) or `desc` (true).
    pub descending: Option<bool>,
    /// `nullsfirst` (true) or `nullslast` (false).
    pub nulls_first: Option<bool>,
}

impl Field {
    /// Its output name: the last key of its path that is a name.
    pub fn key(&self) -> &str {
        let last = self.path.iter().rev().find_map(|step| match &step.key {
            PathKey::Key(key) => Some(key.as_str()),
            PathKey::Index(_) => None,
        });
        last.unwrap_or(&self.name)
    }
}

impl Embed {
    /// The name by which the rest of the request knows it, and its output name: the alias, else the target as written.
    pub fn key(&self) -> &str {
        self.alias.as_deref().unwrap_or(&self.target)
    }
}

impl Level {
    /// The resources embedded at this level.
    pub fn embeds(&self) -> impl Iterator<Item = &Embed> {
        self.items.iter().filter_map(|item| match item {
            Item::Embed(embed) => Some(embed),
            _ => None,
        })
    }

    /// The level that a path of embedded resources leads to, for a filter, order or limit on it.
    ///
    /// A resource is known by its alias, else its target. With `legacy`, the first one with that target is also found by the
    /// target although it has an alias; the pair (target, alias) is then added to `outdated`, for a warning.
    ///
    /// Errors: [`PlanError::NotEmbedded`].
    pub fn descend<S: AsRef<str>>(
        &mut self,
        path: &[S],
        legacy: bool,
        outdated: &mut Vec<(String, String)>,
    ) -> Result<&mut Level, PlanError> {
        let mut level = self;
        for name in path {
            let name = name.as_ref();
            let index = level.position(name, legacy, outdated)?;
            let missing = || PlanError::NotEmbedded { name: name.to_owned(), alias: None };
            level = &mut level.embeds_mut().nth(index).ok_or_else(missing)?.level;
        }
        Ok(level)
    }

    fn embeds_mut(&mut self) -> impl Iterator<Item = &mut Embed> {
        self.items.iter_mut().filter_map(|item| match item {
            Item::Embed(embed) => Some(embed),
            _ => None,
        })
    }

    /// Which of the embedded resources `name` is.
    fn position(&self, name: &str, legacy: bool, outdated: &mut Vec<(String, String)>) -> Result<usize, PlanError> {
        if let Some(index) = self.embeds().position(|embed| embed.key() == name) {
            return Ok(index);
        }
        match self.embeds().enumerate().find(|(_, embed)| embed.target == name) {
            Some((index, embed)) if legacy => {
                outdated.push((name.to_owned(), embed.key().to_owned()));
                Ok(index)
            }
            found => {
                let alias = found.map(|(_, embed)| embed.key().to_owned());
                Err(PlanError::NotEmbedded { name: name.to_owned(), alias })
            }
        }
    }
}
