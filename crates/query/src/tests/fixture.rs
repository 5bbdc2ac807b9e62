//! The catalog of a publisher, and short ways to write what is asked of it.

use std::sync::LazyLock;

use basalt_sql::ddl::{Session, apply, bootstrap};
use basalt_sql::script::{Piece, split};
use basalt_sql::{Catalog, Name};

use crate::ask::{
    self, Aggregate, Condition, Embed, Field, Filter, Item, Level, Operator, Order, PathKey, PathStep, Test,
};
use crate::{Planner, Settings, Statement};

pub fn name(name: &str) -> Name {
    let (schema, name) = name.split_once('.').unwrap_or(("public", name));
    Name::new(schema, name)
}

/// The catalog that `fixture.sql` and then `more` define.
pub fn catalog_with(more: &str) -> Catalog {
    let mut catalog = bootstrap();
    let mut session = Session::default();
    for script in [include_str!("fixture.sql"), more] {
        for piece in split(script).unwrap() {
            let Piece::Statement { sql, .. } = piece else { continue };
            apply(&mut catalog, &mut session, sql).unwrap_or_else(|error| panic!("{sql}: {error}"));
        }
    }
    catalog
}

pub fn catalog() -> Catalog {
    catalog_with("")
}

pub fn settings() -> Settings {
    Settings { aggregates: true, ..Settings::default() }
}

/// A planner over the catalog, with aggregates.
pub fn planner() -> &'static Planner {
    static PLANNER: LazyLock<Planner> = LazyLock::new(|| Planner::new(catalog().into(), settings()));
    &PLANNER
}

/// The read of `relation`, as SQL.
pub fn read(relation: &str, level: Level) -> Statement {
    planner().prepare_read(&name(relation), &level, false).unwrap()
}

pub fn select(items: impl IntoIterator<Item = Item>) -> Level {
    Level { items: items.into_iter().collect(), ..Level::default() }
}

pub fn fields<const N: usize>(names: [&str; N]) -> Level {
    select(names.map(field))
}

/// A field: `column`, or `column->key->>key`.
pub fn path(text: &str) -> Field {
    let mut rest = text;
    let mut field = Field::default();
    let mut as_text = None;
    while !rest.is_empty() {
        let end = rest.find("->").unwrap_or(rest.len());
        let word = &rest[..end];
        let key = || word.parse().map_or(PathKey::Key(word.to_owned()), PathKey::Index);
        match as_text {
            None => field.name = word.to_owned(),
            Some(as_text) => field.path.push(PathStep { as_text, key: key() }),
        }
        rest = &rest[end..];
        as_text = Some(rest.starts_with("->>"));
        rest = rest.trim_start_matches('-').trim_start_matches('>');
    }
    field
}

pub fn field(name: &str) -> Item {
    Item::Field { field: path(name), cast: None, aggregate: None, aggregate_cast: None, alias: None }
}

pub fn aggregate(function: Aggregate, name: &str) -> Item {
    Item::Field { field: path(name), cast: None, aggregate: Some(function), aggregate_cast: None, alias: None }
}

pub fn count() -> Item {
    Item::Count { cast: None, alias: None }
}

pub fn embed(target: &str, level: Level) -> Embed {
    Embed { target: target.to_owned(), hint: None, inner: false, alias: None, spread: false, level }
}

pub fn inner(target: &str, level: Level) -> Item {
    Item::Embed(Embed { inner: true, ..embed(target, level) })
}

pub fn spread(target: &str, level: Level) -> Item {
    Item::Embed(Embed { spread: true, ..embed(target, level) })
}

pub fn plain(target: &str, level: Level) -> Item {
    Item::Embed(embed(target, level))
}

pub fn test(field: &str, test: Test) -> Condition {
    Condition::Filter(Filter { field: path(field), negated: false, test })
}

pub fn not(condition: Condition) -> Condition {
    match condition {
        Condition::Filter(filter) => Condition::Filter(Filter { negated: true, ..filter }),
        Condition::And { of, .. } => Condition::And { negated: true, of },
        Condition::Or { of, .. } => Condition::Or { negated: true, of },
    }
}

pub fn compare(field: &str, operator: Operator, value: &str) -> Condition {
    test(field, Test::Compare { operator, quantifier: None, value: value.to_owned() })
}

pub fn eq(field: &str, value: &str) -> Condition {
    compare(field, Operator::Equal, value)
}

pub fn order(field: &str) -> Order {
    Order { embed: None, field: path(field), descending: None, nulls_first: None }
}

pub fn filtered(mut level: Level, conditions: impl IntoIterator<Item = Condition>) -> Level {
    level.conditions.extend(conditions);
    level
}

pub fn ordered(level: Level, order: impl IntoIterator<Item = Order>) -> Level {
    Level { order: order.into_iter().collect(), ..level }
}

pub fn limited(level: Level, limit: i64, offset: Option<i64>) -> Level {
    Level { limit: Some(limit), offset, ..level }
}

pub fn all() -> Level {
    select([Item::All])
}

/// The parameters, NULL as `NULL`.
pub fn params(statement: &Statement) -> Vec<&str> {
    statement.params.iter().map(|value| value.as_deref().unwrap_or("NULL")).collect()
}

pub fn write(relation: &str, kind: ask::WriteKind, level: Level, returning: bool) -> ask::Write {
    ask::Write { relation: name(relation), kind, level, returning, returning_key: false }
}
