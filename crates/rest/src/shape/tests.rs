//! What a kept plan gives is what planning gives.

use std::sync::{Arc, LazyLock};

use basalt_query::{Planner, Settings};
use basalt_sql::Name;
use basalt_sql::ddl::{Session, apply, bootstrap};
use proptest::prelude::*;

use super::{Plan, Read, Shapes};
use crate::error::RestResult;
use crate::parse::query_string::QueryString;
use crate::read::legacy_warning;

static PLANNER: LazyLock<Planner> = LazyLock::new(|| {
    let mut catalog = bootstrap();
    let mut session = Session::default();
    for statement in [
        "create table authors (id int primary key, name text)",
        "create table books (id int primary key, author_id int references authors, title text, data jsonb)",
    ] {
        apply(&mut catalog, &mut session, statement).expect("a catalog");
    }
    Planner::new(Arc::new(catalog), Settings::default())
});

fn books() -> Name {
    Name::new("public", "books")
}

fn plan(query: &str, count: bool) -> RestResult<Plan> {
    let query = QueryString::parse(query, false)?;
    let (level, outdated) = query.level(true)?;
    let statement = PLANNER.prepare_read(&books(), &level, count)?;
    let location = format!("/books?{}", query.canonical());
    Ok(Plan {
        statement,
        location,
        offset: level.offset.unwrap_or(0),
        warning: legacy_warning(&outdated),
        whole: crate::handler::is_whole(&level),
    })
}

fn read(shapes: &Shapes, query: &str, count: bool) -> RestResult<Read> {
    shapes.read(&books(), count, query, |query| plan(query, count))
}

/// A read as a plan made for it alone would be.
fn filled(read: Read) -> Plan {
    let mut plan = read.plan.plan.clone();
    plan.statement.params = read.params;
    plan.location = read.location;
    plan
}

/// Parameters with a `{}` where a value goes.
fn parameter() -> impl Strategy<Value = String> {
    let key = prop::sample::select(vec![
        "id",
        "title",
        "author_id",
        "missing",
        "limit",
        "order",
        "select",
        "or",
        "authors.id",
        "a.name",
        "data->>x",
        "%69d",
        "\"id\"",
        "",
    ]);
    let operator = prop::sample::select(vec![
        "eq",
        "neq",
        "gt",
        "gte",
        "lt",
        "lte",
        "not.eq",
        "like",
        "in",
        "is",
        "eq(any)",
        "isdistinct",
        "e%71",
        "fts",
        "",
    ]);
    let fixed = prop::sample::select(vec![
        "select=*,authors(id)",
        "select=id,a:authors(name)",
        "order=id.desc",
        "limit=5",
        "offset=3",
        "or=(id.eq.1,id.gt.{})",
        "title=eq.~0~value~",
        "id",
        "title=eq.",
        "select=title",
        "title=eq.~1~value~&title=in.(~0~value~)",
        "limit={}",
    ]);
    prop_oneof![
        4 => (key, operator).prop_map(|(key, operator)| format!("{key}={operator}.{{}}")),
        1 => fixed.prop_map(str::to_owned),
    ]
}

fn value() -> impl Strategy<Value = String> {
    prop_oneof![
        "[0-9]{1,3}",
        "[a-z.*(){}\",+~-]{0,8}",
        prop::sample::select(vec![
            "%C3%A9",
            "%FF",
            "%00",
            "%",
            "a%26b%3Dc",
            "~0~value~",
            "~1~value~",
            "é",
            "null",
            "a=b"
        ])
        .prop_map(str::to_owned),
    ]
}

fn put(parameters: &[String], values: &[String]) -> String {
    let mut values = values.iter().cycle();
    let put = |parameter: &String| parameter.replace("{}", values.next().map_or("", String::as_str));
    parameters.iter().map(put).collect::<Vec<_>>().join("&")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn kept_plans_equal_made_ones(
        parameters in prop::collection::vec(parameter(), 0..5),
        first in prop::collection::vec(value(), 1..5),
        second in prop::collection::vec(value(), 1..5),
        count: bool,
    ) {
        let shapes = Shapes::new();
        for values in [&first, &second, &first] {
            let query = put(&parameters, values);
            prop_assert_eq!(read(&shapes, &query, count).map(filled), plan(&query, count), "{}", query);
        }
    }
}

#[test]
fn queries_that_differ_in_values_share_a_plan() {
    let shapes = Shapes::new();
    let one = read(&shapes, "title=neq.a&id=eq.1", false).expect("a plan");
    let two = read(&shapes, "title=neq.b%26&id=eq.22", false).expect("a plan");
    assert!(Arc::ptr_eq(&one.plan, &two.plan));
    assert_eq!(two.params, [Some("b&".to_owned()), Some("22".to_owned())]);
    assert_eq!(two.location, "/books?id=eq.22&title=neq.b%26");
    for other in ["title=neq.a&id=gt.1", "id=eq.1&title=neq.a"] {
        assert!(!Arc::ptr_eq(&one.plan, &read(&shapes, other, false).expect("a plan").plan), "{other}");
    }
    assert!(!Arc::ptr_eq(&one.plan, &read(&shapes, "title=neq.a&id=eq.1", true).expect("a plan").plan));
}

#[test]
fn no_value_is_kept() {
    let shapes = Shapes::new();
    let secret = read(&shapes, "title=eq.secret", false).expect("a plan");
    assert!(!format!("{:?}", secret.plan).contains("secret"));
}

#[test]
fn long_texts_are_not_kept() {
    let shapes = Shapes::new();
    let kept = |query: &str| {
        let [one, two] = [(); 2].map(|()| read(&shapes, query, false).expect("a plan").plan);
        Arc::ptr_eq(&one, &two)
    };
    let long = "x".repeat(2000);
    assert!(kept(&format!("title=eq.{long}")));
    assert!(!kept(&format!("title=like.{long}")));
}
