//! What is refused.

use super::fixture::*;
use crate::ask::*;
use crate::{PlanError, Planner, Settings};

fn refused(relation: &str, level: Level) -> PlanError {
    planner().prepare_read(&name(relation), &level, false).unwrap_err()
}

#[test]
fn unknown_relations_suggest_the_nearest() {
    let unknown = |name: &str, suggestion: Option<&str>| PlanError::UnknownRelation {
        schema: "public".into(),
        name: name.into(),
        suggestion: suggestion.map(str::to_owned),
    };
    assert_eq!(refused("boks", all()), unknown("boks", Some("books")));
    assert_eq!(refused("shoes", all()), unknown("shoes", None));
    assert_eq!(refused("addreses", all()), unknown("addreses", Some("addresses")));
}

#[test]
fn only_embedded_to_one_resources_order() {
    let by = |name: &str| [Order { embed: Some(name.into()), ..order("name") }];
    let missing =
        |name: &str, alias: Option<&str>| PlanError::NotEmbedded { name: name.into(), alias: alias.map(str::to_owned) };
    assert_eq!(refused("books", ordered(all(), by("authors"))), missing("authors", None));
    let aliased = select([Item::Embed(Embed { alias: Some("by".into()), ..embed("authors", all()) })]);
    assert_eq!(refused("books", ordered(aliased, by("authors"))), missing("authors", Some("by")));
    let expected = PlanError::RelatedOrderNotPossible { origin: "books".into(), target: "genres".into() };
    assert_eq!(refused("books", ordered(select([plain("genres", all())]), by("genres"))), expected);
}

#[test]
fn aggregates_must_be_allowed_and_possible() {
    let planner = Planner::new(catalog().into(), Settings::default());
    let sum = || select([aggregate(Aggregate::Sum, "price")]);
    let nested = select([plain("books", sum())]);
    for (relation, level) in [("books", sum()), ("books", select([count()])), ("authors", nested)] {
        assert_eq!(planner.prepare_read(&name(relation), &level, false).unwrap_err(), PlanError::AggregatesDisabled);
    }
    assert_eq!(refused("authors", select([spread("books", sum())])), PlanError::AggregateInToManySpread);
    let through = select([spread("books", select([spread("details", select([count()]))]))]);
    assert_eq!(refused("authors", through), PlanError::AggregateInToManySpread);
    let inside = select([spread("books", select([plain("genres", select([count()]))]))]);
    assert!(planner_allows("authors", inside));
}

fn planner_allows(relation: &str, level: Level) -> bool {
    planner().prepare_read(&name(relation), &level, false).is_ok()
}

#[test]
fn embedding_has_a_depth() {
    let nested = |depth: usize| (0..depth).fold(all(), |level, _| select([plain("employees", level)]));
    assert!(planner_allows("employees", nested(8)));
    assert_eq!(refused("employees", nested(9)), PlanError::TooDeep { limit: 8 });
}
