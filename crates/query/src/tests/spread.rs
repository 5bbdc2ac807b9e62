//! Spreads and aggregates.

use super::fixture::*;
use super::is;
use crate::ask::*;

#[test]
fn to_one_columns_rise_from_a_join() {
    let authors = filtered(select([field("name"), spread("countries", fields(["name"]))]), [eq("id", "1")]);
    is(
        read("books", select([field("title"), spread("authors", authors)])),
        r#"SELECT "books"."title", "authors_1"."name", "countries_2"."name" FROM "public"."books" AS "books" LEFT JOIN
        "public"."authors" AS "authors_1" ON "authors_1"."id" = "books"."author_id" AND "authors_1"."id" = $1 LEFT
        JOIN "public"."countries" AS "countries_2" ON "countries_2"."id" = "authors_1"."country_id""#,
        &["1"],
    );
}

#[test]
fn an_absent_row_has_no_arrays() {
    is(
        read("books", select([spread("authors", select([plain("fans", fields(["name"]))]))])),
        r#"SELECT CASE WHEN "authors_1"."id" IS NOT NULL THEN (SELECT coalesce(jsonb_agg(_e.*), '[]') FROM (SELECT
        "employees_2"."name" FROM "public"."fans"("authors_1".*) AS "employees_2") AS _e) END AS "fans" FROM
        "public"."books" AS "books" LEFT JOIN "public"."authors" AS "authors_1" ON "authors_1"."id" =
        "books"."author_id""#,
        &[],
    );
}

#[test]
fn a_limit_may_leave_nothing_to_rise() {
    is(
        read("books", select([spread("authors", limited(fields(["name"]), 0, None))])),
        r#"SELECT "authors_1"."name" FROM "public"."books" AS "books" LEFT JOIN "public"."authors" AS "authors_1" ON
        "authors_1"."id" = "books"."author_id" AND false"#,
        &[],
    );
}

#[test]
fn inner_holds_for_spreads() {
    is(
        read("books", select([Item::Embed(Embed { spread: true, inner: true, ..embed("authors", fields(["name"])) })])),
        r#"SELECT "authors_1"."name" FROM "public"."books" AS "books" LEFT JOIN "public"."authors" AS "authors_1" ON
        "authors_1"."id" = "books"."author_id" WHERE EXISTS (SELECT 1 FROM "public"."authors" AS "authors_2" WHERE
        "authors_2"."id" = "books"."author_id")"#,
        &[],
    );
}

#[test]
fn to_many_columns_rise_as_arrays_in_one_order() {
    is(
        read("authors", select([spread("books", ordered(fields(["title", "price"]), [order("title")]))])),
        r#"SELECT (SELECT coalesce(jsonb_agg(_e.v), '[]') FROM (SELECT "books_1"."title" AS v FROM "public"."books" AS
        "books_1" WHERE "books_1"."author_id" = "authors"."id" ORDER BY "books_1"."title", "books_1"."id") AS _e) AS
        "title", (SELECT coalesce(jsonb_agg(_e.v), '[]') FROM (SELECT "books_1"."price" AS v FROM "public"."books"
        AS "books_1" WHERE "books_1"."author_id" = "authors"."id" ORDER BY "books_1"."title", "books_1"."id") AS _e)
        AS "price" FROM "public"."authors" AS "authors""#,
        &[],
    );
}

#[test]
fn without_a_key_that_all_may_read_other_columns_decide() {
    is(
        read("authors", select([spread("letters", ordered(fields(["sent", "body"]), [order("sent")]))])),
        r#"SELECT (SELECT coalesce(jsonb_agg(_e.v), '[]') FROM (SELECT "letters_1"."sent" AS v FROM "public"."letters" AS
        "letters_1" WHERE "letters_1"."author_id" = "authors"."id" ORDER BY "letters_1"."sent",
        CAST("letters_1"."author_id" AS text), CAST("letters_1"."sent" AS text), CAST("letters_1"."body" AS text)) AS
        _e) AS "sent", (SELECT coalesce(jsonb_agg(_e.v), '[]') FROM (SELECT "letters_1"."body" AS v FROM
        "public"."letters" AS "letters_1" WHERE "letters_1"."author_id" = "authors"."id" ORDER BY "letters_1"."sent",
        CAST("letters_1"."author_id" AS text), CAST("letters_1"."sent" AS text), CAST("letters_1"."body" AS text)) AS
        _e) AS "body" FROM "public"."authors" AS "authors""#,
        &[],
    );
    is(
        read("authors", select([spread("prizes", fields(["title"]))])),
        r#"SELECT (SELECT coalesce(jsonb_agg(_e.v), '[]') FROM (SELECT "prizes_1"."title" AS v FROM "public"."prizes" AS
        "prizes_1" WHERE "prizes_1"."author_id" = "authors"."id") AS _e) AS "title" FROM "public"."authors" AS
        "authors""#,
        &[],
    );
}

#[test]
fn spreads_within_spreads() {
    let books = select([spread("details", fields(["pages"])), spread("genres", fields(["name"]))]);
    is(
        read("authors", select([spread("books", books)])),
        r#"SELECT (SELECT coalesce(jsonb_agg(_e.v), '[]') FROM (SELECT "details_2"."pages" AS v FROM "public"."books"
        AS "books_1" LEFT JOIN "public"."details" AS "details_2" ON "details_2"."book_id" = "books_1"."id" WHERE
        "books_1"."author_id" = "authors"."id" ORDER BY "books_1"."id") AS _e) AS "pages", (SELECT
        coalesce(jsonb_agg(_e.v), '[]') FROM (SELECT (SELECT coalesce(jsonb_agg(_e.v), '[]') FROM (SELECT
        "genres_3"."name" AS v FROM "public"."book_genres" AS "book_genres_4" JOIN "public"."genres" AS "genres_3"
        ON "genres_3"."id" = "book_genres_4"."genre_id" WHERE "book_genres_4"."book_id" = "books_1"."id" ORDER BY
        "genres_3"."id") AS _e) AS v FROM "public"."books" AS "books_1" LEFT JOIN "public"."details" AS "details_2"
        ON "details_2"."book_id" = "books_1"."id" WHERE "books_1"."author_id" = "authors"."id" ORDER BY
        "books_1"."id") AS _e) AS "name" FROM "public"."authors" AS "authors""#,
        &[],
    );
}

#[test]
fn a_computed_row_is_spread_by_subqueries() {
    is(
        read("authors", select([spread("newest_book", fields(["title"]))])),
        r#"SELECT (SELECT "books_1"."title" AS v FROM "public"."newest_book"("authors".*) AS "books_1" LIMIT 1) AS
        "title" FROM "public"."authors" AS "authors""#,
        &[],
    );
}

#[test]
fn aggregates_group_by_everything_else() {
    let items = [
        field("author_id"),
        field("data->>a"),
        plain("authors", fields(["name"])),
        aggregate(Aggregate::Sum, "price"),
        count(),
    ];
    is(
        read("books", select(items)),
        r#"SELECT "books"."author_id", "books"."data"->>'a' AS "a", (SELECT to_jsonb(_e.*) FROM (SELECT
        "authors_1"."name" FROM "public"."authors" AS "authors_1" WHERE "authors_1"."id" = "books"."author_id") AS
        _e) AS "authors", sum("books"."price") AS "sum", count(*) AS "count" FROM "public"."books" AS "books" GROUP
        BY "books"."author_id", "books"."data"->>'a', 3"#,
        &[],
    );
    is(read("books", select([count()])), r#"SELECT count(*) AS "count" FROM "public"."books" AS "books""#, &[]);
}

#[test]
fn aggregates_are_cast_inside_and_outside() {
    let item = Item::Field {
        field: path("data->n"),
        cast: Some("numeric".into()),
        aggregate: Some(Aggregate::Avg),
        aggregate_cast: Some("int".into()),
        alias: Some("mean".into()),
    };
    is(
        read("books", select([item, Item::Count { cast: Some("text".into()), alias: Some("n".into()) }])),
        r#"SELECT CAST(avg(CAST("books"."data"->'n' AS numeric)) AS int) AS "mean", CAST(count(*) AS text) AS "n" FROM
        "public"."books" AS "books""#,
        &[],
    );
}

#[test]
fn aggregates_rise_from_to_one_spreads() {
    is(
        read(
            "books",
            select([field("title"), spread("authors", select([aggregate(Aggregate::Max, "name"), field("id")]))]),
        ),
        r#"SELECT "books"."title", max("authors_1"."name") AS "max", "authors_1"."id" FROM "public"."books" AS "books"
        LEFT JOIN "public"."authors" AS "authors_1" ON "authors_1"."id" = "books"."author_id" GROUP BY
        "books"."title", "authors_1"."id""#,
        &[],
    );
}

#[test]
fn aggregates_of_an_embed_stay_in_it() {
    is(
        read("authors", select([field("name"), plain("books", select([count()]))])),
        r#"SELECT "authors"."name", (SELECT coalesce(jsonb_agg(_e.*), '[]') FROM (SELECT count(*) AS "count" FROM
        "public"."books" AS "books_1" WHERE "books_1"."author_id" = "authors"."id") AS _e) AS "books" FROM
        "public"."authors" AS "authors""#,
        &[],
    );
}

#[test]
fn the_old_count_needs_no_permission() {
    let planner = crate::Planner::new(catalog().into(), crate::Settings::default());
    is(
        planner.prepare_read(&name("books"), &fields(["count"]), false).unwrap(),
        r#"SELECT count(*) AS "count" FROM "public"."books" AS "books""#,
        &[],
    );
}
