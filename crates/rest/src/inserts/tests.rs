//! What a kept plan gives is what planning gives.

use std::sync::{Arc, LazyLock};

use basalt_query::ask::{Conflict, Level, Write, WriteKind};
use basalt_query::{Planner, Settings, Statement};
use basalt_sql::Name;
use basalt_sql::catalog::Representation;
use basalt_sql::ddl::{Session, apply, bootstrap};
use basalt_types::Type;
use http::{HeaderMap, HeaderValue};
use proptest::prelude::*;

use super::Inserts;
use crate::error::RestResult;
use crate::parse::body;
use crate::parse::media::Media;
use crate::parse::prefer::{Preferences, Return, Used};
use crate::parse::query_string::QueryString;
use crate::write::Plan;

static PLANNER: LazyLock<Planner> = LazyLock::new(|| {
    let mut catalog = bootstrap();
    let mut session = Session::default();
    for statement in [
        "create domain code as text",
        "create table authors (id int primary key, name text)",
        "create table books (id int primary key, author_id int references authors, title text default 'untitled', data jsonb,
           tags text[], at text, code code)",
    ] {
        apply(&mut catalog, &mut session, statement).expect("a catalog");
    }
    // As PostgreSQL's catalog has them: a column of a composite type, and a cast from json to a domain.
    let books = catalog.relations.get_mut(&books()).map(Arc::make_mut);
    let at = books.and_then(|books| books.columns.iter_mut().find(|column| column.name == "at")).expect("a column");
    at.ty = Type::Record(Arc::new(["x", "y"].map(|field| (field.to_owned(), Type::INT4)).into()));
    let from_json = Some(Name::new("public", "code"));
    let representation = Representation { from_json, ..Representation::default() };
    catalog.representations.insert(Name::new("public", "code"), representation);
    Planner::new(Arc::new(catalog), Settings::default())
});

fn books() -> Name {
    Name::new("public", "books")
}

fn plan(query: &str, preferences: &Preferences, json: &str) -> RestResult<Plan> {
    let query = QueryString::parse(query, false)?;
    let (level, _) = query.level(true)?;
    let missing = preferences.missing_default == Some(true);
    let body = body::rows(&Media::Json, json.as_bytes(), query.columns.as_deref(), missing)?;
    let returning = preferences.returning == Some(Return::Representation);
    let write = Write {
        relation: books(),
        level: if returning { level } else { Level::default() },
        returning,
        returning_key: preferences.returning == Some(Return::HeadersOnly),
        kind: WriteKind::Insert {
            body,
            conflict: preferences.merge.map(|merge| Conflict { columns: query.on_conflict.clone(), merge }),
        },
    };
    Ok(Plan {
        statement: PLANNER.prepare_write(&write),
        whole: false,
        used: Used::default(),
        merging: false,
        asks_nothing: false,
        warning: None,
    })
}

/// A statement or the reason why there is none, whichever comes first.
fn told(planned: RestResult<super::Planned>) -> Result<Statement, String> {
    let (plan, params) = planned.map_err(|error| format!("{error:?}"))?;
    let statement = plan.statement.clone().map_err(|error| format!("{error:?}"))?;
    Ok(Statement { params, ..statement })
}

fn check(inserts: &Inserts, query: &str, preferences: &Preferences, json: &str) {
    let kept = inserts.plan(&books(), query, preferences, json.as_bytes(), || plan(query, preferences, json));
    let fresh = plan(query, preferences, json).map(Inserts::whole);
    assert_eq!(told(kept), told(fresh), "{query} {preferences:?} {json}");
}

fn value() -> impl Strategy<Value = String> {
    prop::sample::select(vec![
        "null",
        "true",
        "7",
        "12345678901234567890.5e3",
        "\"text\"",
        "\"\\u0041\\n\\\"\"",
        "\"\\ud83d\\ude00\"",
        "\"\\ud83d\"",
        "\"\"",
        "\"null\"",
        "[1, null, [\"a,b\"]]",
        "{\"x\": 1, \"y\": \"2\"}",
        "{}",
        "[]",
        "nul",
    ])
    .prop_map(str::to_owned)
}

fn member() -> impl Strategy<Value = String> {
    let names = vec!["id", "title", "data", "tags", "at", "code", "author_id", "t\\u0069tle", "nothing", "a\\u0000"];
    (prop::sample::select(names), value()).prop_map(|(name, value)| format!("\"{name}\": {value}"))
}

fn body() -> impl Strategy<Value = String> {
    let object = || prop::collection::vec(member(), 0..4).prop_map(|members| format!(" {{{}}} ", members.join(" , ")));
    prop_oneof![8 => object(), 1 => object().prop_map(|object| format!("[{object}]")), 1 => value()]
}

fn preferences() -> impl Strategy<Value = Preferences> {
    let tokens = vec![
        "return=minimal",
        "return=headers-only",
        "return=representation",
        "missing=default",
        "missing=null",
        "resolution=merge-duplicates",
        "resolution=ignore-duplicates",
    ];
    prop::collection::vec(prop::sample::select(tokens), 0..3).prop_map(|tokens| {
        let mut headers = HeaderMap::new();
        headers.insert("prefer", HeaderValue::from_str(&tokens.join(",")).expect("a header"));
        Preferences::read(&headers)
    })
}

fn query() -> impl Strategy<Value = String> {
    let parts = vec![
        "select=id,title",
        "select=*,authors(name)",
        "authors.name=eq.Ann",
        "columns=title,data",
        "columns=title,id",
        "on_conflict=id",
        "order=title",
        "title=eq.x",
    ];
    prop::collection::vec(prop::sample::select(parts), 0..3).prop_map(|parts| parts.join("&"))
}

proptest! {
    #[test]
    fn a_kept_plan_is_the_plan(
        queries in prop::collection::vec(query(), 1..3),
        preferences in prop::collection::vec(preferences(), 1..3),
        bodies in prop::collection::vec(body(), 2..8),
    ) {
        let inserts = Inserts::new();
        for (query, preferences) in queries.iter().zip(&preferences) {
            for body in &bodies {
                check(&inserts, query, preferences, body);
            }
        }
    }
}

#[test]
fn objects_of_the_same_members_are_planned_once() {
    let (inserts, preferences) = (Inserts::new(), Preferences::default());
    let planned = std::cell::Cell::new(0);
    let ask = |json: &str| {
        let plan = || {
            planned.set(planned.get() + 1);
            plan("", &preferences, json)
        };
        told(inserts.plan(&books(), "", &preferences, json.as_bytes(), plan)).expect("a plan").params
    };
    let text = |text: &str| Some(text.to_owned());
    assert_eq!(ask(r#"{"id": 1, "title": "a"}"#), [text("1"), text("a")]);
    assert_eq!(ask(r#" {"id":2,"title":null}"#), [text("2"), None]);
    assert_eq!(ask(r#"{"id":2, "t\u0069tle": "b", "id": 3}"#), [text("3"), text("b")]);
    assert_eq!(planned.get(), 1);
    assert_eq!(ask(r#"{"title": "a", "id": 1}"#), [text("a"), text("1")]);
    assert_eq!(ask(r#"[{"id": 1, "title": "a"}]"#), [text("1"), text("a")]);
    assert_eq!(planned.get(), 3);
}

#[test]
fn a_kept_plan_has_no_values() {
    let inserts = Inserts::new();
    let preferences = Preferences::default();
    let json = r#"{"id": 1, "title": "secret", "code": "secret"}"#;
    inserts.plan(&books(), "", &preferences, json.as_bytes(), || plan("", &preferences, json)).expect("a plan");
    assert!(inserts.cache.iter().all(|(_, plan)| !format!("{:?}", plan.statement).contains("secret")));
}
