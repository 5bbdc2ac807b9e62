//! Plain reads: columns, filters, logic, order, limits, counts.

use super::fixture::*;
use super::{is, is_refused};
use crate::ask::*;
use crate::{Planner, Settings};

/// The WHERE clause of a read of the books' ids.
#[track_caller]
fn is_where(condition: Condition, sql: &str, params: &[&str]) {
    let sql = format!("SELECT \"books\".\"id\" FROM \"public\".\"books\" AS \"books\" WHERE {sql}");
    is(read("books", filtered(fields(["id"]), [condition])), &sql, params);
}

#[test]
fn a_read_filters_orders_and_limits() {
    let level = limited(ordered(filtered(all(), [eq("id", "1"), eq("name", "x")]), [order("name")]), 3, Some(2));
    is(
        read("authors", level),
        r#"SELECT "authors"."id", "authors"."name", "authors"."country_id" FROM "public"."authors" AS "authors" WHERE
        "authors"."id" = $1 AND "authors"."name" = $2 ORDER BY "authors"."name" LIMIT $3 OFFSET $4"#,
        &["1", "x", "3", "2"],
    );
}

#[test]
fn a_count_shares_filters_and_inner_joins_but_no_limits() {
    let level = select([field("name"), inner("books", filtered(fields(["title"]), [eq("price", "2")]))]);
    let level = limited(filtered(level, [eq("id", "1")]), 1, None);
    let statement = planner().prepare_read(&name("authors"), &level, true).unwrap();
    let expected = r#"SELECT count(*) FROM "public"."authors" AS "authors" WHERE "authors"."id" = $1 AND EXISTS (SELECT 1 FROM "public"."books" AS "books_2" WHERE "books_2"."author_id" = "authors"."id" AND "books_2"."price" = $2)"#;
    assert_eq!(statement.count_sql.as_deref(), Some(expected));
    assert_eq!(statement.count_params, 2);
    assert_eq!(params(&statement)[..2], ["1", "2"]);
}

#[test]
fn rows_are_capped_at_every_level() {
    let settings = Settings { max_rows: Some(10), ..settings() };
    let planner = Planner::new(catalog().into(), settings);
    let level =
        limited(select([field("name"), plain("books", fields(["id"])), plain("countries", fields(["id"]))]), 50, None);
    is(
        planner.prepare_read(&name("authors"), &level, false).unwrap(),
        r#"SELECT "authors"."name", (SELECT coalesce(jsonb_agg(_e.*), '[]') FROM (SELECT "books_1"."id" FROM
        "public"."books" AS "books_1" WHERE "books_1"."author_id" = "authors"."id" LIMIT $1) AS _e) AS "books",
        (SELECT to_jsonb(_e.*) FROM (SELECT "countries_2"."id" FROM "public"."countries" AS "countries_2" WHERE
        "countries_2"."id" = "authors"."country_id") AS _e) AS "countries" FROM "public"."authors" AS "authors"
        LIMIT $2"#,
        &["10", "10"],
    );
}

#[test]
fn no_rows_need_no_offset() {
    is(
        read("genres", limited(fields(["id"]), 0, Some(3))),
        r#"SELECT "genres"."id" FROM "public"."genres" AS "genres" LIMIT $1"#,
        &["0"],
    );
}

#[test]
fn paths_lead_into_json_and_into_what_becomes_json() {
    is(
        read("books", fields(["data->a->>b", "tags->0", "data->-1", "data->k->1"])),
        r#"SELECT "books"."data"->'a'->>'b' AS "b", to_jsonb("books"."tags")-> 0 AS "tags", "books"."data"-> -1 AS
        "data", "books"."data"->'k'-> 1 AS "k" FROM "public"."books" AS "books""#,
        &[],
    );
    is_where(eq("data->>x", "1"), r#"("books"."data"->>'x') = $1"#, &["1"]);
    is_where(compare("data->n", Operator::Greater, "2"), r#"("books"."data"->'n') > $1"#, &["2"]);
    is(
        read("books", ordered(fields(["id"]), [order("data->>it's")])),
        r#"SELECT "books"."id" FROM "public"."books" AS "books" ORDER BY "books"."data"->>'it''s'"#,
        &[],
    );
}

#[test]
fn casts_take_the_type_as_written() {
    let cast = |ty: &str, alias: Option<&str>| Item::Field {
        field: path("price"),
        cast: Some(ty.into()),
        aggregate: None,
        aggregate_cast: None,
        alias: alias.map(str::to_owned),
    };
    is(
        read("books", select([cast("double precision", None), cast("text", Some("a\"b"))])),
        r#"SELECT CAST("books"."price" AS double precision) AS "price", CAST("books"."price" AS text) AS "a""b" FROM
        "public"."books" AS "books""#,
        &[],
    );
    is_refused(
        read("books", select([cast("x) --", None)])),
        r#"SELECT CAST("books"."price" AS "x) --") AS "price" FROM "public"."books" AS "books""#,
        &[],
        "42704",
    );
}

#[test]
fn computed_fields_are_used_like_columns() {
    let level = filtered(fields(["full_title"]), [eq("full_title", "x"), eq("full_title->>a", "y")]);
    is(
        read("books", ordered(level, [order("full_title")])),
        r#"SELECT "public"."full_title"("books".*) AS "full_title" FROM "public"."books" AS "books" WHERE
        "public"."full_title"("books".*) = $1 AND (to_jsonb("public"."full_title"("books".*))->>'a') = $2 ORDER BY
        "public"."full_title"("books".*)"#,
        &["x", "y"],
    );
}

#[test]
fn every_operator_has_its_symbol() {
    use Operator::*;
    let operators = [
        (Equal, "="),
        (NotEqual, "<>"),
        (Greater, ">"),
        (GreaterEqual, ">="),
        (Less, "<"),
        (LessEqual, "<="),
        (Like, "LIKE"),
        (ILike, "ILIKE"),
        (Match, "~"),
        (IMatch, "~*"),
        (Contains, "@>"),
        (ContainedIn, "<@"),
        (Overlap, "&&"),
        (StrictlyLeft, "<<"),
        (StrictlyRight, ">>"),
        (NotExtendRight, "&<"),
        (NotExtendLeft, "&>"),
        (Adjacent, "-|-"),
    ];
    for (operator, symbol) in operators {
        let statement = read("books", filtered(fields(["id"]), [compare("title", operator, "v")]));
        assert!(statement.sql.ends_with(&format!(" WHERE \"books\".\"title\" {symbol} $1")), "{}", statement.sql);
    }
}

#[test]
fn any_and_all_take_an_array() {
    let quantified =
        |quantifier| Test::Compare { operator: Operator::Like, quantifier: Some(quantifier), value: "{a%,b%}".into() };
    is_where(test("title", quantified(Quantifier::Any)), r#""books"."title" ~~ ANY ($1)"#, &["{a%,b%}"]);
    is_where(not(test("title", quantified(Quantifier::All))), r#"NOT ("books"."title" ~~ ALL ($1))"#, &["{a%,b%}"]);
}

#[test]
fn a_list_is_one_array() {
    let list = |values: &[&str]| test("id", Test::In(values.iter().map(|v| (*v).to_owned()).collect()));
    is_where(list(&["1", "a,b", "say \"hi\\"]), r#""books"."id" = ANY ($1)"#, &[r#"{"1","a,b","say \"hi\\"}"#]);
    is_where(not(list(&["1"])), r#"NOT ("books"."id" = ANY ($1))"#, &[r#"{"1"}"#]);
    is_where(list(&[""]), r#""books"."id" = ANY ($1)"#, &["{}"]);
}

#[test]
fn is_takes_fixed_words() {
    for (is, sql) in [
        (Is::Null, "NULL"),
        (Is::NotNull, "NOT NULL"),
        (Is::True, "TRUE"),
        (Is::False, "FALSE"),
        (Is::Unknown, "UNKNOWN"),
    ] {
        let field = if matches!(is, Is::Null | Is::NotNull) { "title" } else { "sold" };
        is_where(test(field, Test::Is(is)), &format!("\"books\".\"{field}\" IS {sql}"), &[]);
    }
    is_where(not(test("title", Test::IsDistinct("x".into()))), r#"NOT ("books"."title" IS DISTINCT FROM $1)"#, &["x"]);
}

#[test]
fn a_search_wraps_what_is_no_tsvector() {
    let search = |field: &str, parser, language: Option<&str>| {
        test(field, Test::Search { parser, language: language.map(str::to_owned), value: "cat".into() })
    };
    is_where(search("title", SearchParser::Query, None), r#"to_tsvector("books"."title") @@ to_tsquery($1)"#, &["cat"]);
    is_where(
        search("title", SearchParser::Plain, Some("english")),
        r#"to_tsvector('english', "books"."title") @@ plainto_tsquery('english', $1)"#,
        &["cat"],
    );
    is_where(
        search("words", SearchParser::Web, Some("english")),
        r#""books"."words" @@ websearch_to_tsquery('english', $1)"#,
        &["cat"],
    );
    is_where(
        search("data->>a", SearchParser::Phrase, None),
        r#"to_tsvector(("books"."data"->>'a')) @@ phraseto_tsquery($1)"#,
        &["cat"],
    );
}

#[test]
fn logic_nests() {
    let either = Condition::Or {
        negated: false,
        of: vec![eq("id", "1"), Condition::And { negated: true, of: vec![eq("id", "2"), not(eq("title", "b"))] }],
    };
    is_where(
        not(either),
        r#"NOT ("books"."id" = $1 OR NOT ("books"."id" = $2 AND NOT ("books"."title" = $3)))"#,
        &["1", "2", "b"],
    );
}

#[test]
fn order_says_only_what_was_said() {
    let terms = [
        Order { descending: Some(true), ..order("id") },
        Order { descending: Some(false), nulls_first: Some(true), ..order("title") },
        Order { nulls_first: Some(false), ..order("price") },
    ];
    is(
        read("books", ordered(fields(["id"]), terms)),
        r#"SELECT "books"."id" FROM "public"."books" AS "books" ORDER BY "books"."id" DESC, "books"."title" ASC NULLS
        FIRST, "books"."price" NULLS LAST"#,
        &[],
    );
}

#[test]
fn names_and_values_cannot_break_out() {
    is_refused(
        read("books", filtered(fields(["id"]), [eq("a\"; drop table books; --", "'; drop table books; --")])),
        r#"SELECT "books"."id" FROM "public"."books" AS "books" WHERE "books"."a""; drop table books; --" = $1"#,
        &["'; drop table books; --"],
        "42703",
    );
}
