//! The rows of a body: their values, defaults, and what is refused.

use super::*;

#[test]
fn one_row_has_a_parameter_for_each_value() {
    let json = r#" {"title":"a\"b","tags":["x","y,z",null],"data":{"a": [1]},"price":1.50} "#;
    is(
        silent(insert(body(json, &["title", "tags", "data", "price"])), all()),
        r#"INSERT INTO "public"."books" ("title", "tags", "data", "price") VALUES ($1, $2, $3, $4) RETURNING 1 AS
        "basalt:one""#,
        &[r#"a"b"#, r#"{"x","y,z",NULL}"#, r#"{"a": [1]}"#, "1.50"],
    );
    is(
        silent(insert(body(r#"[{"title":null}]"#, &["title", "price"])), all()),
        r#"INSERT INTO "public"."books" ("title", "price") VALUES ($1, $2) RETURNING 1 AS "basalt:one""#,
        &["NULL", "NULL"],
    );
}

#[test]
fn several_rows_are_one_parameter() {
    is(
        silent(insert(body(TWO, &["title", "mood", "tags"])), all()),
        r#"INSERT INTO "public"."books" ("title", "mood", "tags") SELECT "title", "mood", "tags" FROM
        json_to_recordset($1) AS _("title" text, "mood" "public"."Mood", "tags" text[]) RETURNING 1 AS "basalt:one""#,
        &[r#"[{"title":"a","mood":"ok"},{"title":"b","mood":"sad"}]"#],
    );
}

#[test]
fn plain_results_stand_in_returning() {
    let level = fields(["id", "data->x", "full_title"]);
    is(
        returning(insert(body(r#"{"title":"a"}"#, &["title"])), level),
        r#"INSERT INTO "public"."books" ("title") VALUES ($1) RETURNING "books"."id", "books"."data"->'x' AS "x",
        "public"."full_title"("books".*) AS "full_title""#,
        &["a"],
    );
}

#[test]
fn missing_columns_take_their_defaults() {
    let some = r#"[{"title":"a","price":1},{"title":"b"}]"#;
    is(
        silent(insert(with_defaults(some, &["title", "price", "tags"])), all()),
        r#"INSERT INTO "public"."books" ("title", "price") SELECT "title", CASE WHEN "basalt:default:0" THEN 9.99 ELSE
        "price" END FROM json_to_recordset($1) AS _("title" text, "price" numeric, "basalt:default:0" boolean)
        RETURNING 1 AS "basalt:one""#,
        &[r#"[{"title":"a","price":1},{"title":"b","basalt:default:0":true}]"#],
    );
    is(
        silent(insert(with_defaults(r#"{"title":"a"}"#, &["title", "price", "tags"])), all()),
        r#"INSERT INTO "public"."books" ("title") VALUES ($1) RETURNING 1 AS "basalt:one""#,
        &["a"],
    );
    let update = WriteKind::Update { body: with_defaults(r#"{"title":"x"}"#, &["title", "price", "tags"]) };
    is(
        silent(update, all()),
        r#"UPDATE "public"."books" SET "title" = $1, "price" = 9.99, "tags" = $2 RETURNING 1 AS "basalt:one""#,
        &["x", "NULL"],
    );
}

#[test]
fn a_missing_key_takes_the_next_number() {
    let some = r#"[{"id":1},{"name":"b"}]"#;
    let kind = insert(with_defaults(some, &["id", "name"]));
    is(
        planner().prepare_write(&write("codes", kind, all(), false)).unwrap(),
        r#"INSERT INTO "public"."codes" ("id", "name") SELECT CASE WHEN "basalt:default:0" THEN
        nextval('"public"."codes_id_seq"') ELSE "id" END, "name" FROM json_to_recordset($1) AS _("id" integer, "name"
        text, "basalt:default:0" boolean) RETURNING 1 AS "basalt:one""#,
        &[r#"[{"id":1},{"name":"b","basalt:default:0":true}]"#],
    );
    let kind = insert(with_defaults("[{},{}]", &["id", "twice"]));
    let statement = planner().prepare_write(&write("entries", kind, all(), false)).unwrap();
    is(
        statement,
        r#"INSERT INTO "public"."entries" ("id") VALUES (DEFAULT), (DEFAULT) RETURNING 1 AS "basalt:one""#,
        &[],
    );
}

#[test]
fn empty_objects_are_rows_of_defaults() {
    is(
        silent(insert(body("{}", &[])), all()),
        r#"INSERT INTO "public"."books" DEFAULT VALUES RETURNING 1 AS "basalt:one""#,
        &[],
    );
    is(
        silent(insert(body("[{},{}]", &[])), all()),
        r#"INSERT INTO "public"."books" ("id") VALUES (DEFAULT), (DEFAULT) RETURNING 1 AS "basalt:one""#,
        &[],
    );
    is(
        silent(upsert(body("{}", &[]), None, true), all()),
        r#"INSERT INTO "public"."books" DEFAULT VALUES ON CONFLICT ("id") DO NOTHING RETURNING 1 AS "basalt:one""#,
        &[],
    );
}

#[test]
fn nothing_to_write_asks_the_same_rights() {
    is(
        silent(insert(body("[]", &[])), all()),
        r#"INSERT INTO "public"."books" SELECT FROM (SELECT 1) AS _ WHERE false RETURNING 1 AS "basalt:one""#,
        &[],
    );
    is(
        returning(insert(body("5", &["id"])), fields(["id"])),
        r#"INSERT INTO "public"."books" ("id") SELECT "id" FROM json_to_recordset($1) AS _("id" integer) RETURNING "books"."id""#,
        &["[]"],
    );
    is(
        returning(update("{}", &[]), filtered(fields(["id"]), [eq("id", "1")])),
        r#"SELECT "books"."id" FROM "public"."books" AS "books" WHERE false AND "books"."id" = $1"#,
        &["1"],
    );
    is(
        silent(update("[]", &["title"]), filtered(fields(["title"]), [eq("id", "1")])),
        r#"SELECT 1 AS "basalt:one" FROM "public"."books" AS "books" WHERE false AND "books"."id" = $1"#,
        &["1"],
    );
}

#[test]
fn bodies_are_checked() {
    let unknown = PlanError::UnknownColumn { column: "nope".into(), relation: "books".into() };
    assert_eq!(refused(insert(body(r#"{"nope":1}"#, &["nope"])), all()), unknown);
    let code = |json: &str| match refused(insert(body(json, &["title"])), all()) {
        PlanError::Database(error) => error.code().to_owned(),
        other => panic!("{other:?}"),
    };
    assert_eq!(code("{"), "22P02");
    assert_eq!(code("[1]"), "22023");
    assert_eq!(code(r#"{"title":"\ud800"}"#), "22P02");
    let nested = |depth: usize| format!("{{\"tags\":{}{}}}", "[".repeat(depth), "]".repeat(depth));
    planner().prepare_write(&write("books", insert(body(&nested(6), &["tags"])), all(), false)).unwrap();
    for depth in [7, 100_000] {
        match refused(insert(body(&nested(depth), &["tags"])), all()) {
            PlanError::Database(error) => assert_eq!(error.code(), "54000"),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn values_become_text_as_their_columns_read_it() {
    use basalt_types::Type as T;
    let fields = vec![("a".to_owned(), T::INT4), ("b".to_owned(), T::TEXT)];
    let row = T::Record(std::sync::Arc::new(fields));
    let cases = [
        (r#""x\n""#, T::TEXT, Some("x\n")),
        (r#""x""#, T::JSONB, Some(r#""x""#)),
        ("null", T::JSON, None),
        ("true", T::BOOL, Some("true")),
        ("12345678901234567890.10", T::NUMERIC, Some("12345678901234567890.10")),
        (r#"{"a": 1}"#, T::TEXT, Some(r#"{"a": 1}"#)),
        ("[[1,2],[3,null]]", T::INT4.array_of(), Some(r#"{{"1","2"},{"3",NULL}}"#)),
        ("[]", T::TEXT.array_of(), Some("{}")),
        ("[[1],\"a\"]", T::JSONB.array_of(), Some(r#"{"[1]","\"a\""}"#)),
        (r#"{"b":"x, \"y\"","a":1}"#, row.clone(), Some(r#"("1","x, \"y\"")"#)),
        (r#"{"b":null}"#, row, Some("(,)")),
    ];
    for (json, ty, expected) in cases {
        let raw: &serde_json::value::RawValue = serde_json::from_str(json).unwrap();
        assert_eq!(crate::body::text(raw, &ty).unwrap().as_deref(), expected, "{json}");
    }
}
