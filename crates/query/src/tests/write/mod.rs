//! Writes: conflicts, what comes back, which rows are meant.

mod body;

use super::fixture::*;
use super::{is, is_refused};
use crate::ask::*;
use crate::{PlanError, Statement};

fn body(json: &str, columns: &[&str]) -> Body {
    Body { json: json.into(), columns: names(columns), missing_default: false }
}

/// A body whose listed columns take their defaults where a row lacks them.
fn with_defaults(json: &str, columns: &[&str]) -> Body {
    Body { missing_default: true, ..body(json, columns) }
}

fn names(columns: &[&str]) -> Vec<String> {
    columns.iter().map(|column| (*column).to_owned()).collect()
}

fn insert(body: Body) -> WriteKind {
    WriteKind::Insert { body, conflict: None }
}

fn upsert(body: Body, columns: Option<&[&str]>, merge: bool) -> WriteKind {
    WriteKind::Insert { body, conflict: Some(Conflict { columns: columns.map(names), merge }) }
}

fn update(json: &str, columns: &[&str]) -> WriteKind {
    WriteKind::Update { body: body(json, columns) }
}

/// A write of books that gives nothing back.
fn silent(kind: WriteKind, level: Level) -> Statement {
    planner().prepare_write(&write("books", kind, level, false)).unwrap()
}

/// A write of books that gives the rows back.
fn returning(kind: WriteKind, level: Level) -> Statement {
    planner().prepare_write(&write("books", kind, level, true)).unwrap()
}

fn refused(kind: WriteKind, level: Level) -> PlanError {
    planner().prepare_write(&write("books", kind, level, true)).unwrap_err()
}

const TWO: &str = r#"[{"title":"a","mood":"ok"},{"title":"b","mood":"sad"}]"#;

#[test]
fn conflicts_merge_or_are_ignored() {
    let row = || body(r#"{"id":1,"title":"a"}"#, &["id", "title"]);
    let merged = returning(upsert(row(), None, true), fields(["id"]));
    assert!(merged.hidden.inserted);
    is(
        merged,
        r#"INSERT INTO "public"."books" ("id", "title") VALUES ($1, $2) ON CONFLICT ("id") DO UPDATE SET "id" =
        EXCLUDED."id", "title" = EXCLUDED."title" RETURNING "books"."id", (xmax = 0) AS "basalt:inserted""#,
        &["1", "a"],
    );
    let ignored = silent(upsert(row(), Some(&["title"]), false), all());
    assert!(!ignored.hidden.inserted);
    is_refused(
        ignored,
        r#"INSERT INTO "public"."books" ("id", "title") VALUES ($1, $2) ON CONFLICT ("title") DO NOTHING RETURNING 1 AS
        "basalt:one""#,
        &["1", "a"],
        "42P10",
    );
}

#[test]
fn the_rows_of_a_view_tell_by_a_setting_whether_they_are_new() {
    let kind = upsert(body(r#"{"id":1}"#, &["id"]), Some(&["id"]), true);
    let statement = planner().prepare_write(&write("shelf", kind, all(), false)).unwrap();
    assert!(statement.hidden.inserted);
    is(
        statement,
        r#"INSERT INTO "public"."shelf" ("id") VALUES ($1) ON CONFLICT ("id") DO UPDATE SET "id" = EXCLUDED."id" WHERE
        set_config('basalt.updated', '1', true) IS NOT NULL RETURNING CASE WHEN current_setting('basalt.updated', true) = '1'
        THEN set_config('basalt.updated', '', true) IS NULL ELSE true END AS "basalt:inserted""#,
        &["1"],
    );
}

#[test]
fn the_key_comes_back_hidden() {
    let kind = upsert(body(r#"{"id":1}"#, &["id"]), None, true);
    let ask = Write { returning_key: true, ..write("books", kind, all(), false) };
    let statement = planner().prepare_write(&ask).unwrap();
    assert_eq!(statement.hidden.key, ["id"]);
    is(
        statement,
        r#"INSERT INTO "public"."books" ("id") VALUES ($1) ON CONFLICT ("id") DO UPDATE SET "id" = EXCLUDED."id"
        RETURNING (xmax = 0) AS "basalt:inserted", "books"."id" AS "basalt:key:id""#,
        &["1"],
    );
}

#[test]
fn embedded_resources_are_read_over_the_written_rows() {
    let kind = upsert(body(r#"{"id":1,"title":"a"}"#, &["id", "title"]), None, true);
    let embeds =
        [plain("authors", fields(["name"])), inner("genres", fields(["name"])), spread("details", fields(["pages"]))];
    let level = select([field("title"), field("full_title")].into_iter().chain(embeds));
    let ask = Write { returning_key: true, ..write("books", kind, level, true) };
    is(
        planner().prepare_write(&ask).unwrap(),
        r#"WITH "written" AS (INSERT INTO "public"."books" ("id", "title") VALUES ($1, $2) ON CONFLICT ("id") DO UPDATE
        SET "id" = EXCLUDED."id", "title" = EXCLUDED."title" RETURNING "books"."title",
        "public"."full_title"("books".*) AS "full_title", "books"."author_id", "books"."id", (xmax = 0) AS
        "basalt:inserted") SELECT "books"."title", "books"."full_title" AS "full_title", (SELECT to_jsonb(_e.*) FROM (SELECT
        "authors_1"."name" FROM "public"."authors" AS "authors_1" WHERE "authors_1"."id" = "books"."author_id") AS
        _e) AS "authors", (SELECT coalesce(jsonb_agg(_e.*), '[]') FROM (SELECT "genres_2"."name" FROM
        "public"."book_genres" AS "book_genres_6" JOIN "public"."genres" AS "genres_2" ON "genres_2"."id" =
        "book_genres_6"."genre_id" WHERE "book_genres_6"."book_id" = "books"."id") AS _e) AS "genres",
        "details_3"."pages", "books"."basalt:inserted", "books"."id" AS "basalt:key:id" FROM "written" AS "books" LEFT JOIN
        "public"."details" AS "details_3" ON "details_3"."book_id" = "books"."id" WHERE EXISTS (SELECT 1 FROM
        "public"."book_genres" AS "book_genres_5" JOIN "public"."genres" AS "genres_4" ON "genres_4"."id" =
        "book_genres_5"."genre_id" WHERE "book_genres_5"."book_id" = "books"."id")"#,
        &["1", "a"],
    );
}

#[test]
fn order_and_aggregates_read_the_written_rows() {
    is(
        returning(insert(body(TWO, &["title"])), ordered(fields(["id"]), [order("title")])),
        r#"WITH "written" AS (INSERT INTO "public"."books" ("title") SELECT "title" FROM json_to_recordset($1) AS
        _("title" text) RETURNING "books"."id", "books"."title") SELECT "books"."id" FROM "written" AS "books" ORDER
        BY "books"."title""#,
        &[r#"[{"title":"a","mood":"ok"},{"title":"b","mood":"sad"}]"#],
    );
    is(
        returning(upsert(body(TWO, &["title"]), None, true), select([count()])),
        r#"WITH "written" AS (INSERT INTO "public"."books" ("title") SELECT "title" FROM json_to_recordset($1) AS
        _("title" text) ON CONFLICT ("id") DO UPDATE SET "title" = EXCLUDED."title" RETURNING 1 AS "basalt:one") SELECT
        count(*) AS "count" FROM "written" AS "books""#,
        &[r#"[{"title":"a","mood":"ok"},{"title":"b","mood":"sad"}]"#],
    );
}

#[test]
fn functions_of_a_written_row_take_it_as_its_type() {
    let kind = insert(body(r#"{"id":9}"#, &["id"]));
    let ask = write("authors", kind, select([plain("fans", fields(["name"]))]), true);
    is(
        planner().prepare_write(&ask).unwrap(),
        r#"WITH "written" AS (INSERT INTO "public"."authors" ("id") VALUES ($1) RETURNING "authors"."id",
        "authors"."name", "authors"."country_id") SELECT (SELECT coalesce(jsonb_agg(_e.*), '[]') FROM (SELECT
        "employees_1"."name" FROM "public"."fans"(ROW("authors"."id", "authors"."name",
        "authors"."country_id")::"public"."authors") AS "employees_1") AS _e) AS "fans"
        FROM "written" AS "authors""#,
        &["9"],
    );
}

#[test]
fn updates_and_deletes_take_the_filters() {
    let level = || filtered(fields(["id"]), [eq("id", "1"), eq("full_title", "y")]);
    is(
        returning(update(r#"{"title":"x","data":null}"#, &["title", "data", "price"]), level()),
        r#"UPDATE "public"."books" SET "title" = $1, "data" = $2, "price" = $3 WHERE "books"."id" = $4 AND
        "public"."full_title"("books".*) = $5 RETURNING "books"."id""#,
        &["x", "NULL", "NULL", "1", "y"],
    );
    is(
        silent(update(r#"[{"title":"x"},{"title":"y"}]"#, &["title"]), all()),
        r#"UPDATE "public"."books" SET "title" = $1 RETURNING 1 AS "basalt:one""#,
        &["x"],
    );
    is(
        silent(WriteKind::Delete, level()),
        r#"DELETE FROM "public"."books" WHERE "books"."id" = $1 AND "public"."full_title"("books".*) = $2 RETURNING 1 AS
        "basalt:one""#,
        &["1", "y"],
    );
    is(
        returning(
            WriteKind::Delete,
            filtered(select([field("id"), plain("authors", fields(["name"]))]), [eq("id", "1")]),
        ),
        r#"WITH "written" AS (DELETE FROM "public"."books" WHERE "books"."id" = $1 RETURNING "books"."id",
        "books"."author_id") SELECT "books"."id", (SELECT to_jsonb(_e.*) FROM (SELECT "authors_1"."name" FROM
        "public"."authors" AS "authors_1" WHERE "authors_1"."id" = "books"."author_id") AS _e) AS "authors" FROM
        "written" AS "books""#,
        &["1"],
    );
}

#[test]
fn limited_writes_take_the_rows_that_a_read_finds() {
    let level = ordered(filtered(fields(["id"]), [eq("id", "1")]), [order("title")]);
    is(
        silent(WriteKind::Delete, limited(level, 2, Some(1))),
        r#"DELETE FROM "public"."books" WHERE ("books"."id") IN (SELECT "books"."id" FROM "public"."books" AS "books"
        WHERE "books"."id" = $1 ORDER BY "books"."title" LIMIT $2 OFFSET $3) RETURNING 1 AS "basalt:one""#,
        &["1", "2", "1"],
    );
}

#[test]
fn an_embedded_resource_does_not_restrict_what_is_written() {
    let level = filtered(select([field("id"), plain("genres", all())]), [test("genres", Test::Is(Is::Null))]);
    let sql = silent(WriteKind::Delete, level).sql;
    assert_eq!(&*sql, r#"DELETE FROM "public"."books" WHERE "books"."genres" IS NULL RETURNING 1 AS "basalt:one""#);
}

#[test]
fn put_inserts_the_row_of_its_key() {
    let by_key = |level| filtered(level, [eq("id", "1")]);
    let put = |json: &str, columns: &[&str]| WriteKind::Put { body: body(json, columns) };
    is(
        returning(put(r#"{"id":1,"title":"a"}"#, &["id", "title"]), by_key(fields(["id"]))),
        r#"INSERT INTO "public"."books" ("id", "title") SELECT "id", "title" FROM json_to_recordset($1) AS _("id"
        integer, "title" text) WHERE "id" = $2 ON CONFLICT ("id") DO UPDATE SET "id" = EXCLUDED."id", "title" =
        EXCLUDED."title" RETURNING "books"."id", (xmax = 0) AS "basalt:inserted""#,
        &[r#"[{"id":1,"title":"a"}]"#, "1"],
    );
    is(
        silent(put(r#"{"title":"a"}"#, &["title"]), by_key(all())),
        r#"INSERT INTO "public"."books" ("title") SELECT "title" FROM json_to_recordset($1) AS _("title" text, "id"
        integer) WHERE "id" = $2 ON CONFLICT ("id") DO UPDATE SET "title" = EXCLUDED."title" RETURNING (xmax = 0) AS
        "basalt:inserted""#,
        &[r#"[{"title":"a"}]"#, "1"],
    );
    is(
        silent(put("{}", &[]), by_key(all())),
        r#"INSERT INTO "public"."books" ("id") SELECT "id" FROM json_to_recordset($1) AS _("id" integer) WHERE "id" =
        $2 ON CONFLICT ("id") DO UPDATE SET "id" = EXCLUDED."id" RETURNING (xmax = 0) AS "basalt:inserted""#,
        &["[{}]", "1"],
    );
}

#[test]
fn put_filters_are_the_key_by_equality() {
    let put = || WriteKind::Put { body: body(r#"{"id":1}"#, &["id"]) };
    let wrong = [
        vec![],
        vec![eq("title", "1")],
        vec![eq("id", "1"), eq("title", "1")],
        vec![eq("id", "1"), eq("id", "1")],
        vec![not(eq("id", "1"))],
        vec![eq("id->>a", "1")],
        vec![compare("id", Operator::Greater, "1")],
        vec![Condition::And { negated: false, of: vec![eq("id", "1")] }],
    ];
    for conditions in wrong {
        assert_eq!(refused(put(), filtered(all(), conditions)), PlanError::PutFilters);
    }
}
