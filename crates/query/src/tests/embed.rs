//! Embedded resources: of every kind of relationship, filtered, inner, tested for absence, ordered by.

use super::fixture::*;
use super::{is, is_refused};
use crate::ask::*;

#[test]
fn to_one_is_an_object_and_to_many_an_array() {
    let books = limited(ordered(filtered(fields(["title"]), [eq("price", "1")]), [order("id")]), 2, Some(1));
    is(
        read("authors", select([field("name"), plain("countries", all()), plain("books", books)])),
        r#"SELECT "authors"."name", (SELECT to_jsonb(_e.*) FROM (SELECT "countries_1"."id", "countries_1"."name" FROM
        "public"."countries" AS "countries_1" WHERE "countries_1"."id" = "authors"."country_id") AS _e) AS
        "countries", (SELECT coalesce(jsonb_agg(_e.*), '[]') FROM (SELECT "books_2"."title" FROM "public"."books" AS
        "books_2" WHERE "books_2"."author_id" = "authors"."id" AND "books_2"."price" = $1 ORDER BY "books_2"."id"
        LIMIT $2 OFFSET $3) AS _e) AS "books" FROM "public"."authors" AS "authors""#,
        &["1", "2", "1"],
    );
}

#[test]
fn an_alias_is_the_key() {
    let aliased = Embed { alias: Some("by".into()), ..embed("authors", fields(["name"])) };
    is(
        read("books", select([Item::Embed(aliased)])),
        r#"SELECT (SELECT to_jsonb(_e.*) FROM (SELECT "authors_1"."name" FROM "public"."authors" AS "authors_1" WHERE
        "authors_1"."id" = "books"."author_id") AS _e) AS "by" FROM "public"."books" AS "books""#,
        &[],
    );
}

#[test]
fn one_to_one_goes_both_ways() {
    is(
        read("books", select([plain("details", fields(["pages"]))])),
        r#"SELECT (SELECT to_jsonb(_e.*) FROM (SELECT "details_1"."pages" FROM "public"."details" AS "details_1" WHERE
        "details_1"."book_id" = "books"."id") AS _e) AS "details" FROM "public"."books" AS "books""#,
        &[],
    );
    is(
        read("details", select([plain("books", fields(["title"]))])),
        r#"SELECT (SELECT to_jsonb(_e.*) FROM (SELECT "books_1"."title" FROM "public"."books" AS "books_1" WHERE
        "books_1"."id" = "details"."book_id") AS _e) AS "books" FROM "public"."details" AS "details""#,
        &[],
    );
}

#[test]
fn a_junction_is_joined() {
    is(
        read("books", select([plain("genres", ordered(fields(["name"]), [order("name")]))])),
        r#"SELECT (SELECT coalesce(jsonb_agg(_e.*), '[]') FROM (SELECT "genres_1"."name" FROM "public"."book_genres" AS
        "book_genres_2" JOIN "public"."genres" AS "genres_1" ON "genres_1"."id" = "book_genres_2"."genre_id" WHERE
        "book_genres_2"."book_id" = "books"."id" ORDER BY "genres_1"."name") AS _e) AS "genres" FROM
        "public"."books" AS "books""#,
        &[],
    );
}

#[test]
fn a_key_of_two_columns() {
    is(
        read("desks", select([plain("rooms", all())])),
        r#"SELECT (SELECT to_jsonb(_e.*) FROM (SELECT "rooms_1"."floor", "rooms_1"."door" FROM "public"."rooms" AS
        "rooms_1" WHERE "rooms_1"."floor" = "desks"."floor" AND "rooms_1"."door" = "desks"."door") AS _e) AS "rooms"
        FROM "public"."desks" AS "desks""#,
        &[],
    );
}

#[test]
fn a_relation_refers_to_itself() {
    is(
        read("employees", select([plain("boss_id", fields(["name"])), plain("employees", fields(["name"]))])),
        r#"SELECT (SELECT to_jsonb(_e.*) FROM (SELECT "employees_1"."name" FROM "public"."employees" AS "employees_1"
        WHERE "employees_1"."id" = "employees"."boss_id") AS _e) AS "boss_id", (SELECT coalesce(jsonb_agg(_e.*), '[]')
        FROM (SELECT "employees_2"."name" FROM "public"."employees" AS "employees_2" WHERE "employees_2"."boss_id" =
        "employees"."id") AS _e) AS "employees" FROM "public"."employees" AS "employees""#,
        &[],
    );
}

#[test]
fn functions_relate() {
    is(
        read("authors", select([plain("fans", fields(["name"])), plain("newest_book", fields(["title"]))])),
        r#"SELECT (SELECT coalesce(jsonb_agg(_e.*), '[]') FROM (SELECT "employees_1"."name" FROM
        "public"."fans"("authors".*) AS "employees_1") AS _e) AS "fans", (SELECT to_jsonb(_e.*) FROM (SELECT
        "books_2"."title" FROM "public"."newest_book"("authors".*) AS "books_2" LIMIT 1) AS _e) AS "newest_book" FROM
        "public"."authors" AS "authors""#,
        &[],
    );
}

#[test]
fn views_relate_as_their_tables() {
    is(
        read("shelf", select([field("name"), plain("authors", fields(["name"])), plain("genres", fields(["id"]))])),
        r#"SELECT "shelf"."name", (SELECT to_jsonb(_e.*) FROM (SELECT "authors_1"."name" FROM "public"."authors" AS
        "authors_1" WHERE "authors_1"."id" = "shelf"."writer_id") AS _e) AS "authors", (SELECT
        coalesce(jsonb_agg(_e.*), '[]') FROM (SELECT "genres_2"."id" FROM "public"."book_genres" AS "book_genres_3"
        JOIN "public"."genres" AS "genres_2" ON "genres_2"."id" = "book_genres_3"."genre_id" WHERE
        "book_genres_3"."book_id" = "shelf"."id") AS _e) AS "genres" FROM "public"."shelf" AS "shelf""#,
        &[],
    );
    is(
        read("details", select([plain("shelf", fields(["name"]))])),
        r#"SELECT (SELECT to_jsonb(_e.*) FROM (SELECT "shelf_1"."name" FROM "public"."shelf" AS "shelf_1" WHERE
        "shelf_1"."id" = "details"."book_id" LIMIT 1) AS _e) AS "shelf" FROM "public"."details" AS "details""#,
        &[],
    );
}

#[test]
fn an_empty_embed_is_left_out() {
    let nested = select([plain("books", select([plain("genres", select([]))]))]);
    is(
        read("authors", nested),
        r#"SELECT 1 AS "basalt:one" FROM "public"."authors" AS "authors" WHERE EXISTS (SELECT 1 FROM "public"."books" AS
        "books_3" WHERE "books_3"."author_id" = "authors"."id" AND EXISTS (SELECT 1 FROM "public"."book_genres" AS
        "book_genres_5" JOIN "public"."genres" AS "genres_4" ON "genres_4"."id" = "book_genres_5"."genre_id" WHERE
        "book_genres_5"."book_id" = "books_3"."id") IS NOT NULL) IS NOT NULL"#,
        &[],
    );
}

#[test]
fn inner_keeps_parents_with_a_match_at_every_level() {
    let genres = filtered(fields(["name"]), [eq("name", "x")]);
    let books = filtered(select([inner("genres", genres)]), [eq("price", "1")]);
    is(
        read("authors", select([field("name"), inner("books", books)])),
        r#"SELECT "authors"."name", (SELECT coalesce(jsonb_agg(_e.*), '[]') FROM (SELECT (SELECT coalesce(jsonb_agg(_e.*),
        '[]') FROM (SELECT "genres_2"."name" FROM "public"."book_genres" AS "book_genres_6" JOIN "public"."genres"
        AS "genres_2" ON "genres_2"."id" = "book_genres_6"."genre_id" WHERE "book_genres_6"."book_id" =
        "books_1"."id" AND "genres_2"."name" = $3) AS _e) AS "genres" FROM "public"."books" AS "books_1" WHERE
        "books_1"."author_id" = "authors"."id" AND "books_1"."price" = $4 AND EXISTS (SELECT 1 FROM
        "public"."book_genres" AS "book_genres_8" JOIN "public"."genres" AS "genres_7" ON "genres_7"."id" =
        "book_genres_8"."genre_id" WHERE "book_genres_8"."book_id" = "books_1"."id" AND "genres_7"."name" = $5)) AS
        _e) AS "books" FROM "public"."authors" AS "authors" WHERE EXISTS (SELECT 1 FROM "public"."books" AS
        "books_3" WHERE "books_3"."author_id" = "authors"."id" AND "books_3"."price" = $1 AND EXISTS (SELECT 1 FROM
        "public"."book_genres" AS "book_genres_5" JOIN "public"."genres" AS "genres_4" ON "genres_4"."id" =
        "book_genres_5"."genre_id" WHERE "book_genres_5"."book_id" = "books_3"."id" AND "genres_4"."name" = $2))"#,
        &["1", "x", "x", "1", "x"],
    );
}

#[test]
fn inner_honours_limits_that_leave_nothing() {
    is(
        read("authors", select([field("name"), inner("books", limited(select([]), 0, None))])),
        r#"SELECT "authors"."name" FROM "public"."authors" AS "authors" WHERE EXISTS (SELECT 1 FROM "public"."books" AS
        "books_2" WHERE "books_2"."author_id" = "authors"."id" LIMIT $1)"#,
        &["0"],
    );
    is(
        read("authors", select([field("name"), inner("books", limited(select([]), 5, Some(1)))])),
        r#"SELECT "authors"."name" FROM "public"."authors" AS "authors" WHERE EXISTS (SELECT 1 FROM "public"."books" AS
        "books_2" WHERE "books_2"."author_id" = "authors"."id" OFFSET $1)"#,
        &["1"],
    );
}

#[test]
fn absence_can_be_asked_for() {
    let authors = || select([field("name"), plain("books", filtered(select([]), [eq("price", "1")]))]);
    let null = || test("books", Test::Is(Is::Null));
    is(
        read("authors", filtered(authors(), [null()])),
        r#"SELECT "authors"."name" FROM "public"."authors" AS "authors" WHERE NOT EXISTS (SELECT 1 FROM
        "public"."books" AS "books_2" WHERE "books_2"."author_id" = "authors"."id" AND "books_2"."price" = $1)"#,
        &["1"],
    );
    let either = Condition::Or { negated: false, of: vec![not(null()), eq("id", "7")] };
    is(
        read("authors", filtered(authors(), [either])),
        r#"SELECT "authors"."name" FROM "public"."authors" AS "authors" WHERE (EXISTS (SELECT 1 FROM "public"."books"
        AS "books_2" WHERE "books_2"."author_id" = "authors"."id" AND "books_2"."price" = $1) OR "authors"."id" =
        $2)"#,
        &["1", "7"],
    );
    is_refused(
        read("authors", filtered(authors(), [test("books", Test::Is(Is::NotNull))])),
        r#"SELECT "authors"."name" FROM "public"."authors" AS "authors" WHERE "authors"."books" IS NOT NULL AND
        EXISTS (SELECT 1 FROM "public"."books" AS "books_2" WHERE "books_2"."author_id" = "authors"."id" AND
        "books_2"."price" = $1) IS NOT NULL"#,
        &["1"],
        "42703",
    );
}

#[test]
fn a_to_one_resource_orders_its_parents() {
    let by_author = Order { embed: Some("authors".into()), descending: Some(true), ..order("name") };
    let level = select([field("title"), plain("authors", filtered(fields(["name"]), [eq("id", "1")]))]);
    is(
        read("books", ordered(level, [by_author.clone()])),
        r#"SELECT "books"."title", (SELECT to_jsonb(_e.*) FROM (SELECT "authors_1"."name" FROM "public"."authors" AS
        "authors_1" WHERE "authors_1"."id" = "books"."author_id" AND "authors_1"."id" = $1) AS _e) AS "authors" FROM
        "public"."books" AS "books" ORDER BY (SELECT "authors_2"."name" FROM "public"."authors" AS "authors_2" WHERE
        "authors_2"."id" = "books"."author_id" AND "authors_2"."id" = $2) DESC"#,
        &["1", "1"],
    );
    is(
        read("books", ordered(select([field("title"), spread("authors", fields(["name"]))]), [by_author])),
        r#"SELECT "books"."title", "authors_1"."name" FROM "public"."books" AS "books" LEFT JOIN "public"."authors" AS
        "authors_1" ON "authors_1"."id" = "books"."author_id" ORDER BY "authors_1"."name" DESC"#,
        &[],
    );
}

#[test]
fn an_alias_never_hides_the_root() {
    let mut aliases = crate::plan::Aliases::new("authors_1");
    assert_eq!(aliases.next("authors").number, 2);
    assert_eq!(aliases.next("authors").number, 3);
    assert_eq!(aliases.next(&"é".repeat(60)).name.len(), 50);
}

#[test]
fn a_path_descends_by_alias_or_by_an_outdated_target() {
    let mut level = select([Item::Embed(Embed { alias: Some("by".into()), ..embed("authors", all()) })]);
    let mut outdated = Vec::new();
    assert!(level.descend(&["by"], false, &mut outdated).is_ok());
    assert!(level.descend(&["authors"], true, &mut outdated).is_ok());
    assert_eq!(outdated, [("authors".to_owned(), "by".to_owned())]);
    let refused = level.descend(&["authors"], false, &mut outdated).unwrap_err();
    assert_eq!(refused, crate::PlanError::NotEmbedded { name: "authors".into(), alias: Some("by".into()) });
    let unknown = level.descend(&["by", "x"], true, &mut outdated).unwrap_err();
    assert_eq!(unknown, crate::PlanError::NotEmbedded { name: "x".into(), alias: None });
}
