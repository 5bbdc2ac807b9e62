//! Filters, as clients write them.

use std::sync::LazyLock;

use basalt_sql::ddl::{Session, apply, bootstrap};
use basalt_sql::{Catalog, Name};
use proptest::prelude::*;

use super::filter::{Row, parse};

static CATALOG: LazyLock<Catalog> = LazyLock::new(|| {
    let mut catalog = bootstrap();
    let table =
        "create table public.t (id int primary key, n numeric, name text, at timestamptz, ok boolean, key uuid)";
    apply(&mut catalog, &mut Session::default(), table).unwrap();
    catalog
});

/// Whether a row passes a filter.
fn passes(filter: &str, row: &str) -> bool {
    let table = &CATALOG.relations[&Name::new("public", "t")];
    let row: Row<'_> = serde_json::from_str(row).unwrap();
    let conditions = parse(filter).unwrap();
    conditions.iter().for_each(|condition| condition.check(table, None).unwrap());
    conditions.iter().all(|condition| condition.matches(table, &row))
}

const ROW: &str = r#"{"id":7,"n":1.50,"name":"a, \"b\" (c)","at":"2026-01-01T00:00:00+00:00","ok":null,
    "key":"aaaaaaaa-0000-4000-8000-000000000000"}"#;

#[test]
fn filters_judge_as_postgresql_does() {
    let yes = [
        "id=eq.7",
        "id=neq.8",
        "id=lt.10",
        "id=lte.7",
        "id=gt.-1",
        "id=gte.7",
        "id=in.(1,7)",
        "n=eq.1.5",
        "n=lt.10",
        "name=like.a%",
        "name=ilike.A%",
        "name=match.^a",
        "name=imatch.^A",
        r#"name=eq."a, \"b\" (c)""#,
        r#"name=in.(x,"a, \"b\" (c)")"#,
        "ok=is.null",
        "ok=is.unknown",
        "ok=isdistinct.true",
        "ok=not.isdistinct.null",
        "id=not.is.null",
        "id=isdistinct.null",
        "id=not.eq.8",
        "at=gte.2025-12-31T23:00:00-01:00",
        "key=eq.AAAAAAAA-0000-4000-8000-000000000000",
        "id=eq.7,n=gt.1,name=like.*%",
    ];
    for filter in &yes[..yes.len() - 1] {
        assert!(passes(filter, ROW), "{filter}");
    }
    let no = [
        yes[yes.len() - 1],
        "id=eq.8",
        "id=not.in.(7)",
        // What is unknown does not match, whichever way it is asked.
        "ok=eq.true",
        "ok=neq.true",
        "ok=not.eq.true",
        "ok=is.true",
        "id=eq.7,id=eq.8",
    ];
    for filter in no {
        assert!(!passes(filter, ROW), "{filter}");
    }
    // A column that the row lacks.
    assert!(!passes("id=eq.7", "{}") && !passes("id=not.eq.7", "{}"));
}

#[test]
fn bad_filters_are_explained() {
    let explained = |filter| parse(filter).unwrap_err();
    assert_eq!(explained("foo=hey"), r#"Error parsing `filter` params: ["foo", "hey"]"#);
    assert_eq!(explained("foo"), r#"Error parsing `filter` params: ["foo"]"#);
    for filter in ["", "=eq.1", "id=in.1", "id=of.1", "id=eq.1,"] {
        assert!(explained(filter).starts_with("Error parsing `filter` params: ["), "{filter}");
    }
    let table = &CATALOG.relations[&Name::new("public", "t")];
    let fault = |filter| parse(filter).unwrap()[0].check(table, None).unwrap_err();
    assert_eq!(fault("other=eq.1").message(), "invalid column for filter other");
    assert_eq!((fault("id=eq.x").code(), fault("name=match.(").code()), ("22P02", "2201B"));
    assert_eq!(fault("id=is.7").code(), "P0001");
}

proptest! {
    #[test]
    fn no_filter_breaks_the_reader(filter in ".{0,60}", operator in "(eq|in|is|match|not.in|isdistinct)", value in ".{0,20}") {
        let table = &CATALOG.relations[&Name::new("public", "t")];
        let row: Row<'_> = serde_json::from_str(ROW).unwrap();
        for filter in [filter, format!("id={operator}.{value}"), format!("name={operator}.({value})")] {
            for condition in parse(&filter).unwrap_or_default() {
                let _ = condition.check(table, None);
                condition.matches(table, &row);
            }
        }
    }
}
