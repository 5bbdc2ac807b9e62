//! How an embedded resource's name and hint find a relationship.

use super::fixture::*;
use crate::ask::*;
use crate::{PlanError, Planner, RelationshipCandidate, Suggestion};

/// The error of embedding `target` in `origin`.
fn refused(origin: &str, target: &str, hint: Option<&str>) -> PlanError {
    let item = Embed { hint: hint.map(str::to_owned), ..embed(target, all()) };
    planner().prepare_read(&name(origin), &select([Item::Embed(item)]), false).unwrap_err()
}

fn found(origin: &str, target: &str, hint: Option<&str>) -> bool {
    let item = Embed { hint: hint.map(str::to_owned), ..embed(target, all()) };
    planner().prepare_read(&name(origin), &select([Item::Embed(item)]), false).is_ok()
}

#[test]
fn keys_are_named_by_relation_constraint_or_column() {
    assert!(found("books", "authors", None));
    assert!(found("books", "books_author_id_fkey", None));
    assert!(found("books", "author_id", None));
    assert!(!found("books", "books_author_id", None));
    // A view is only known by its name.
    assert!(found("details", "shelf", None));
    assert!(!found("authors", "writer_id", None));
}

#[test]
fn hints_choose() {
    for hint in ["orders_billing_id_fkey", "billing_id"] {
        assert!(found("orders", "addresses", Some(hint)));
        assert!(found("addresses", "orders", Some(hint)));
    }
    assert!(found("books", "genres", Some("book_genres")));
    assert!(!found("books", "genres", Some("book_id")));
    assert!(!found("orders", "billing_id", Some("orders_billing_id_fkey")));
}

#[test]
fn a_relation_refers_to_itself_by_column_or_hint() {
    assert!(found("employees", "boss_id", None));
    assert!(found("employees", "employees", Some("boss_id")));
    assert!(!found("employees", "employees_boss_id_fkey", None));
    assert!(!found("employees", "boss_id", Some("boss_id")));
}

#[test]
fn schemas_do_not_mix() {
    assert!(!found("private.notes", "authors", None));
    assert!(!found("authors", "notes", None));
}

#[test]
fn a_function_replaces_the_relation_of_its_name() {
    let catalog = catalog_with(
        "create function authors(books) returns setof employees language sql stable as 'select * from employees';",
    );
    let planner = Planner::new(catalog.into(), settings());
    let statement = planner.prepare_read(&name("books"), &select([plain("authors", fields(["name"]))]), false).unwrap();
    assert!(statement.sql.contains(r#"FROM "public"."authors"("books".*) AS "employees_1""#), "{}", statement.sql);
}

#[test]
fn several_matches_are_told_apart() {
    let candidate = |which: &str| RelationshipCandidate {
        cardinality: "many-to-one",
        embedding: "orders with addresses".into(),
        relationship: format!("orders_{which}_id_fkey using orders({which}_id) and addresses(id)"),
        hint: format!("addresses!orders_{which}_id_fkey"),
    };
    let expected = PlanError::AmbiguousRelationship {
        origin: "orders".into(),
        target: "addresses".into(),
        candidates: vec![candidate("billing"), candidate("shipping")],
    };
    assert_eq!(refused("orders", "addresses", None), expected);
}

#[test]
fn a_column_that_several_keys_share_is_ambiguous() {
    let PlanError::AmbiguousRelationship { candidates, .. } = refused("books", "id", None) else { panic!() };
    let words: Vec<_> = candidates.iter().map(|c| c.cardinality).collect();
    assert_eq!(words, ["one-to-many", "one-to-one"]);
}

#[test]
fn junctions_are_described_by_both_keys() {
    let statement = crate::resolve::resolve(planner().relationships(), &name("books"), "id", None).map(|_| ());
    assert!(statement.is_err());
    let planner = planner();
    let relationships = planner.relationships();
    let of = relationships.of(&name("books"));
    let junctions = of.iter().filter(|known| matches!(known.kind, crate::relationship::Kind::Junction { .. }));
    assert_eq!(junctions.count(), 1);
}

#[test]
fn no_match_suggests_the_nearest() {
    let missing =
        |origin: &str, target: &str, hint: Option<&str>, suggestion: Option<(&str, &str)>| PlanError::NoRelationship {
            origin: origin.into(),
            target: target.into(),
            hint: hint.map(str::to_owned),
            schema: "public".into(),
            suggestion: suggestion.map(|(near, given)| Box::new(Suggestion { near: near.into(), given: given.into() })),
        };
    assert_eq!(refused("books", "author", None), missing("books", "author", None, Some(("authors", "author"))));
    assert_eq!(refused("books", "zzz", Some("h")), missing("books", "zzz", Some("h"), None));
}
