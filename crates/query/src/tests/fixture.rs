//! A catalog of a publisher, and short ways to write what is asked of it.

use std::collections::BTreeMap;
use std::sync::Arc;

use basalt_sql::Name;
use basalt_sql::catalog::*;
use basalt_types::{EnumType, Type, Volatility};

use crate::ask::{
    self, Aggregate, Condition, Embed, Field, Filter, Item, Level, Operator, Order, PathKey, PathStep, Test,
};
use crate::{Planner, Settings, Statement};

pub fn name(name: &str) -> Name {
    let (schema, name) = name.split_once('.').unwrap_or(("public", name));
    Name::new(schema, name)
}

/// A table whose first `key` columns are its primary key.
fn table(table: &str, columns: &[(&str, Type)], key: usize) -> Relation {
    let column = |(name, ty): &(&str, Type)| Column {
        name: (*name).to_owned(),
        ty: ty.clone(),
        typmod: None,
        domain: None,
        not_null: false,
        default: None,
        generated: None,
        identity: None,
        sequence: None,
        grants: BTreeMap::new(),
        comment: None,
    };
    let relation = Relation {
        name: name(table),
        kind: RelationKind::Table,
        owner: "postgres".into(),
        columns: columns.iter().map(column).collect(),
        constraints: vec![],
        indexes: vec![],
        row_security: false,
        force_row_security: false,
        policies: vec![],
        triggers: vec![],
        grants: BTreeMap::new(),
        comment: None,
    };
    let columns = columns[..key].iter().map(|(name, _)| (*name).to_owned()).collect();
    if key == 0 { relation } else { with(relation, "pkey", ConstraintKind::PrimaryKey(columns)) }
}

fn with(mut relation: Relation, suffix: &str, kind: ConstraintKind) -> Relation {
    let name = format!("{}_{suffix}", relation.name.name);
    relation.constraints.push(Constraint { name, kind, initially_deferred: false, deferrable: false });
    relation
}

fn key(relation: Relation, columns: &[&str], target: &str) -> Relation {
    let names = |columns: &[&str]| columns.iter().map(|c| (*c).to_owned()).collect::<Vec<_>>();
    let suffix = format!("{}_fkey", columns.join("_"));
    let target_columns = if columns.len() == 1 { names(&["id"]) } else { names(columns) };
    let key = ForeignKey {
        columns: names(columns),
        target: name(target),
        target_columns,
        on_delete: ReferentialAction::NoAction,
        on_update: ReferentialAction::NoAction,
    };
    with(relation, &suffix, ConstraintKind::ForeignKey(key))
}

/// A view with the columns (name, source column) of one base table.
fn view(view: &str, base: &Relation, columns: &[(&str, &str)]) -> Relation {
    let typed: Vec<_> = columns.iter().map(|(name, of)| (*name, base.column(of).unwrap().ty.clone())).collect();
    let sources = columns.iter().map(|(_, of)| Some((base.name.clone(), (*of).to_owned()))).collect();
    let definition =
        View { query: String::new(), security_invoker: true, sources, materialized: false, updatable: true };
    Relation { kind: RelationKind::View(definition), ..table(view, &typed, 0) }
}

pub fn routine(function: &str, params: Vec<Param>, returns: Type) -> Routine {
    Routine {
        name: name(function),
        owner: "postgres".into(),
        params,
        returns,
        returns_relation: None,
        returns_set: false,
        language: "sql".into(),
        body: String::new(),
        volatility: Volatility::Stable,
        strict: false,
        security_definer: false,
        rows: None,
        settings: vec![],
        grants: BTreeMap::new(),
        comment: None,
    }
}

pub fn param(name: &str, ty: Type) -> Param {
    Param { name: name.into(), mode: ParamMode::In, ty, relation: None, default: None }
}

pub fn row(relation: &str) -> Param {
    Param { relation: Some(name(relation)), ..param("", Type::UNKNOWN) }
}

pub fn rows_of(routine: Routine, relation: &str) -> Routine {
    Routine { returns_relation: Some(name(relation)), returns_set: true, ..routine }
}

/// The publisher: authors write books, books have genres, orders have two addresses, employees have bosses.
pub fn catalog() -> Catalog {
    use Type as T;
    let int = T::INT4;
    let countries = table("countries", &[("id", int.clone()), ("name", T::TEXT)], 1);
    let authors = table("authors", &[("id", int.clone()), ("name", T::TEXT), ("country_id", int.clone())], 1);
    let authors = key(authors, &["country_id"], "countries");
    let mood = EnumType { schema: "public".into(), name: "Mood".into(), labels: vec!["sad".into(), "ok".into()] };
    let mut books = table(
        "books",
        &[
            ("id", int.clone()),
            ("title", T::TEXT),
            ("author_id", int.clone()),
            ("data", T::JSONB),
            ("tags", T::TEXT.array_of()),
            ("price", T::NUMERIC),
            ("words", T::TSVECTOR),
            ("mood", T::Enum(Arc::new(mood))),
        ],
        1,
    );
    books.columns[0].default = Some("nextval('books_id_seq')".into());
    books.columns[5].default = Some("9.99".into());
    let books = key(books, &["author_id"], "authors");
    let details = table("details", &[("book_id", int.clone()), ("pages", int.clone())], 1);
    let details = key(details, &["book_id"], "books");
    let genres = table("genres", &[("id", int.clone()), ("name", T::TEXT)], 1);
    let book_genres = table("book_genres", &[("book_id", int.clone()), ("genre_id", int.clone())], 2);
    let book_genres = key(key(book_genres, &["book_id"], "books"), &["genre_id"], "genres");
    let employees = table("employees", &[("id", int.clone()), ("name", T::TEXT), ("boss_id", int.clone())], 1);
    let employees = key(employees, &["boss_id"], "employees");
    let addresses = table("addresses", &[("id", int.clone()), ("street", T::TEXT)], 1);
    let orders = table("orders", &[("id", int.clone()), ("billing_id", int.clone()), ("shipping_id", int.clone())], 1);
    let orders = key(key(orders, &["billing_id"], "addresses"), &["shipping_id"], "addresses");
    let rooms = table("rooms", &[("floor", int.clone()), ("door", int.clone())], 2);
    let desks = table("desks", &[("id", int.clone()), ("floor", int.clone()), ("door", int.clone())], 1);
    let desks = key(desks, &["floor", "door"], "rooms");
    let shelf = view("shelf", &books, &[("id", "id"), ("name", "title"), ("writer_id", "author_id")]);
    let secret = table("private.notes", &[("id", int.clone()), ("author_id", int.clone())], 1);
    let secret = key(secret, &["author_id"], "authors");

    let full_title = routine("full_title", vec![row("books")], T::TEXT);
    let fans = rows_of(routine("fans", vec![row("authors")], T::UNKNOWN), "employees");
    let newest =
        Routine { rows: Some(1), ..rows_of(routine("newest_book", vec![row("authors")], T::UNKNOWN), "books") };

    let relations = [
        countries,
        authors,
        books,
        details,
        genres,
        book_genres,
        employees,
        addresses,
        orders,
        rooms,
        desks,
        shelf,
        secret,
    ];
    let mut catalog = Catalog::default();
    for relation in relations {
        catalog.relations.insert(relation.name.clone(), Arc::new(relation));
    }
    for routine in [full_title, fans, newest].into_iter().chain(functions()) {
        catalog.functions.entry(routine.name.clone()).or_default().push(Arc::new(routine));
    }
    catalog
}

/// Functions to call.
fn functions() -> Vec<Routine> {
    use Type as T;
    let optional = |name, ty| Param { default: Some("1".into()), ..param(name, ty) };
    let mode = |mode, param: Param| Param { mode, ..param };
    let table = [("title", T::TEXT), ("copies", T::INT4)];
    let columns = table.iter().map(|(name, ty)| ((*name).to_owned(), ty.clone())).collect();
    let mut sales_params = vec![param("year", T::INT4)];
    sales_params.extend(table.iter().map(|(name, ty)| mode(ParamMode::Table, param(name, ty.clone()))));
    vec![
        routine("add", vec![param("a", T::INT4), param("b", T::INT4)], T::INT4),
        Routine { volatility: Volatility::Volatile, ..routine("tick", vec![], T::VOID) },
        rows_of(routine("search_books", vec![param("term", T::TEXT), optional("page", T::INT4)], T::UNKNOWN), "books"),
        Routine {
            volatility: Volatility::Volatile,
            ..rows_of(routine("take_books", vec![param("n", T::INT4)], T::UNKNOWN), "books")
        },
        Routine { returns_set: true, ..routine("sales", sales_params, T::Record(Arc::new(columns))) },
        Routine { returns_set: true, ..routine("numbers", vec![], T::INT4) },
        routine("total", vec![mode(ParamMode::Variadic, param("of", T::INT4.array_of()))], T::INT8),
        routine("clash", vec![param("a", T::INT4)], T::INT4),
        routine("clash", vec![param("a", T::TEXT)], T::INT4),
        routine("ingest", vec![param("", T::JSON)], T::INT4),
        routine("shout", vec![param("", T::TEXT)], T::TEXT),
    ]
}

pub fn settings() -> Settings {
    Settings { aggregates: true, ..Settings::default() }
}

pub fn planner() -> Planner {
    Planner::new(Arc::new(catalog()), settings())
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
