//! Reads: filters, order, limits, embedded resources, spreads, aggregates.

use super::fixture::*;
use crate::ask::*;

fn sql(relation: &str, level: Level) -> String {
    read(relation, level).sql
}

#[test]
fn dump() {
    let show = |label: &str, relation: &str, level: Level| {
        let s = planner().prepare_read(&name(relation), &level, true).unwrap();
        println!(
            "-- {label}\n{}\n-- {:?}\n{}\n-- {}",
            s.sql,
            params(&s),
            s.count_sql.as_ref().unwrap(),
            s.count_params
        );
    };
    show("plain", "authors", limited(ordered(filtered(all(), [eq("id", "1")]), [order("name")]), 3, Some(2)));
    show(
        "json",
        "books",
        filtered(
            fields(["data->a->>b", "tags->0", "data->-1", "full_title"]),
            [eq("data->>x", "1"), compare("data->n", Operator::Greater, "2"), eq("full_title", "x")],
        ),
    );
    show(
        "ops",
        "books",
        filtered(
            fields(["id"]),
            [
                test("id", Test::In(vec!["1".into(), "2".into()])),
                not(test("id", Test::Is(Is::Null))),
                test(
                    "title",
                    Test::Compare {
                        operator: Operator::ILike,
                        quantifier: Some(Quantifier::Any),
                        value: "{a%,b%}".into(),
                    },
                ),
                test("title", Test::IsDistinct("x".into())),
                test(
                    "words",
                    Test::Search { parser: SearchParser::Web, language: Some("english".into()), value: "x".into() },
                ),
                test(
                    "title",
                    Test::Search { parser: SearchParser::Query, language: Some("english".into()), value: "x".into() },
                ),
                test("title", Test::Search { parser: SearchParser::Query, language: None, value: "x".into() }),
                not(Condition::Or {
                    negated: false,
                    of: vec![
                        eq("id", "1"),
                        Condition::And { negated: false, of: vec![eq("id", "2"), eq("title", "b")] },
                    ],
                }),
                compare("tags", Operator::Contains, "{a}"),
                eq("mood", "ok"),
            ],
        ),
    );
    show(
        "embeds",
        "authors",
        select([
            field("name"),
            plain("countries", all()),
            plain("books", limited(ordered(filtered(fields(["title"]), [eq("price", "1")]), [order("id")]), 2, None)),
        ]),
    );
    show(
        "nested inner",
        "authors",
        select([
            field("name"),
            inner(
                "books",
                filtered(
                    select([field("title"), inner("genres", filtered(fields(["name"]), [eq("name", "x")]))]),
                    [eq("id", "1")],
                ),
            ),
        ]),
    );
    show(
        "anti",
        "authors",
        filtered(select([field("name"), plain("books", select([]))]), [test("books", Test::Is(Is::Null))]),
    );
    show(
        "computed",
        "authors",
        select([
            field("name"),
            plain("fans", fields(["name"])),
            plain("newest_book", fields(["title"])),
            spread("newest_book", fields(["title"])),
        ]),
    );
    show(
        "self",
        "employees",
        select([field("name"), plain("boss_id", fields(["name"])), plain("employees", fields(["name"]))]),
    );
    show("o2o", "books", select([plain("details", all())]));
    show(
        "spread1",
        "books",
        select([
            field("title"),
            spread("authors", select([field("name"), plain("fans", all()), spread("countries", fields(["name"]))])),
        ]),
    );
    show(
        "spreadn",
        "authors",
        select([
            field("name"),
            spread(
                "books",
                ordered(
                    select([
                        field("title"),
                        field("price"),
                        spread("details", fields(["pages"])),
                        spread("genres", fields(["name"])),
                    ]),
                    [order("title")],
                ),
            ),
        ]),
    );
    show("agg", "books", select([field("author_id"), aggregate(Aggregate::Sum, "price"), count()]));
    show(
        "agg2",
        "books",
        select([
            plain("authors", fields(["name"])),
            count(),
            spread("authors", select([aggregate(Aggregate::Max, "name")])),
        ]),
    );
    show("agg3", "authors", select([field("name"), plain("books", select([count()]))]));
    show(
        "related order",
        "books",
        ordered(
            select([field("title"), plain("authors", filtered(fields(["name"]), [eq("id", "1")]))]),
            [Order { embed: Some("authors".into()), descending: Some(true), ..order("name") }],
        ),
    );
    show("view", "shelf", select([Item::All, plain("authors", all()), plain("genres", all())]));
    let _ = sql;
}
