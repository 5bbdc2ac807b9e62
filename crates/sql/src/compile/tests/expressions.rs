//! Types, names and values in expressions, and who may use what they name.

use super::*;

#[test]
fn literals_take_the_type_of_their_place() {
    lowers(&[
        ("select id from t where price > 10", r#"SELECT "t"."id" FROM "t" WHERE ("t"."price" > '10')"#),
        ("select id from t where price = '1.50'", r#"SELECT "t"."id" FROM "t" WHERE ("t"."price" = '1.50')"#),
        ("select id from t where mood > 'sad'", r#"SELECT "t"."id" FROM "t" WHERE ("t"."mood" > 'sad')"#),
        ("select id from t where a = '7'", r#"SELECT "t"."id" FROM "t" WHERE ("t"."a" = 7)"#),
        ("select id from t where ok = 'yes'", r#"SELECT "t"."id" FROM "t" WHERE ("t"."ok" = 1)"#),
        ("select date '2000-01-02'", r#"SELECT 1 AS "date""#),
        ("select '{1,2}'::int[]", r#"SELECT '[1,2]' AS "int4""#),
        (
            "select id from t where at = '2000-01-01 00:00:01Z'",
            r#"SELECT "t"."id" FROM "t" WHERE ("t"."at" = 1000000)"#,
        ),
    ]);
    // Without a zone it depends on the session, so it is read when the statement runs.
    assert!(lower("select id from t where at = '2000-01-01'").contains("pg_cast("));
    refuses(&[
        ("select 'x'::int", "22P02 invalid input syntax for type integer: \"x\" @7"),
        ("select id from t where mood = 'nope'", "22P02 invalid input value for enum mood: \"nope\" @23"),
    ]);
}

#[test]
fn parameters_take_the_type_of_their_first_place() {
    let types = |sql: &str| {
        let program = compile(&catalog(), "postgres", &["public".to_owned()], sql).expect("compiles");
        program.params.iter().map(|(ty, _)| ty.sql_name()).collect::<Vec<_>>().join(", ")
    };
    assert_eq!(types("select id from t where a = $1 and name = $2"), "integer, text");
    assert_eq!(types("select id from t where id = any($1)"), "bigint[]");
    assert_eq!(types("select $1, $2::uuid"), "text, uuid");
    assert_eq!(types("select id from t where a between $1 and $2 limit $3"), "integer, integer, bigint");
    assert_eq!(types("select add($1)"), "integer");
}

#[test]
fn comparisons_keep_to_the_collation_of_their_type() {
    lowers(&[
        (
            "select id from t where price + 1 > price",
            r#"SELECT "t"."id" FROM "t" WHERE ("pg_+(numeric,numeric)"("t"."price", '1') COLLATE "pg_numeric" > "t"."price")"#,
        ),
        ("select max(price), max(a) from t", r#"SELECT max("t"."price") AS "max", max("t"."a") AS "max_2" FROM "t""#),
        (
            "select mood::text from t order by mood::text",
            r#"SELECT ("t"."mood" COLLATE BINARY) AS "mood" FROM "t" ORDER BY ("t"."mood" COLLATE BINARY) NULLS LAST"#,
        ),
        (
            "select distinct price * 2 from t",
            r#"SELECT DISTINCT "pg_*(numeric,numeric)"("t"."price", '2') COLLATE "pg_numeric" AS "?column?" FROM "t""#,
        ),
    ]);
}

#[test]
fn nulls_stand_where_postgresql_puts_them() {
    lowers(&[
        ("select id from t order by id desc", r#"SELECT "t"."id" FROM "t" ORDER BY "t"."id" DESC"#),
        ("select id from t order by a", r#"SELECT "t"."id" FROM "t" ORDER BY "t"."a" NULLS LAST"#),
        ("select id from t order by a desc", r#"SELECT "t"."id" FROM "t" ORDER BY "t"."a" DESC NULLS FIRST"#),
        ("select id from t order by a nulls first", r#"SELECT "t"."id" FROM "t" ORDER BY "t"."a""#),
    ]);
}

#[test]
fn lists_and_arrays_are_served_by_indexes() {
    lowers(&[
        ("select id from t where a in (1, 2)", r#"SELECT "t"."id" FROM "t" WHERE ("t"."a" IN (1, 2))"#),
        ("select id from t where a = any(array[1, 2])", r#"SELECT "t"."id" FROM "t" WHERE ("t"."a" IN (1, 2))"#),
        (
            "select id from t where id = any($1)",
            r#"SELECT "t"."id" FROM "t" WHERE ("t"."id" IN (SELECT value FROM json_each(coalesce(pg_flat(?1), '[null]'))))"#,
        ),
        (
            "select id from t where id in (select t_id from child)",
            r#"SELECT "t"."id" FROM "t" WHERE ("t"."id" IN (SELECT "child"."t_id" FROM "child"))"#,
        ),
    ]);
}

#[test]
fn functions_are_inlined() {
    lowers(&[
        ("select add(a) from t", r#"SELECT "pg_+(int4,int4)"("t"."a", 1) AS "add" FROM "t""#),
        ("select add(b => a, a => 2) from t", r#"SELECT "pg_+(int4,int4)"(2, "t"."a") AS "add" FROM "t""#),
        ("select t.label from t", r#"SELECT ("t"."name" || '!') AS "label" FROM "t""#),
        ("select label(x) from t x", r#"SELECT ("x"."name" || '!') AS "label" FROM "t" AS "x""#),
        (
            "select id from cheap where id = 3",
            r#"SELECT "cheap"."id" FROM (SELECT "t"."id", "t"."price" FROM "t" WHERE ("t"."price" < '10')) AS "cheap" WHERE ("cheap"."id" = 3)"#,
        ),
    ]);
    refuses(&[
        ("select add('x'::text)", "42883 function add(text) does not exist @7"),
        ("select add()", "42883 function add() does not exist @7"),
        ("select nosuch.f(1)", "3F000 schema \"nosuch\" does not exist @7"),
    ]);
}

#[test]
fn errors_say_what_and_where() {
    refuses(&[
        ("select x from t", "42703 column \"x\" does not exist @7"),
        ("select t.x from t", "42703 column t.x does not exist @7"),
        ("select y.x from t", "42P01 missing FROM-clause entry for table \"y\" @7"),
        ("select *\nfrom nope", "42P01 relation \"nope\" does not exist @14"),
        ("select name = 1 from t", "42883 operator does not exist: text = integer @7"),
        ("select id from t where name", "42804 argument of WHERE must be type boolean, not type text @23"),
        ("select case when ok then 1 else 'x' end from t", "22P02 invalid input syntax for type integer: \"x\" @7"),
        ("select case when ok then a else name end from t", "42804 CASE types integer and text cannot be matched @7"),
        ("select id from t order by 3", "42P10 ORDER BY position 3 is not in select list @26"),
        (
            "select distinct a from t order by id",
            "42P10 for SELECT DISTINCT, ORDER BY expressions must appear in select list @34",
        ),
        ("select id from t limit -1", "2201W LIMIT must not be negative"),
        ("select select from", "42601 syntax error at end of input @18"),
    ]);
}

#[test]
fn privileges_are_asked_for() {
    let mut catalog = catalog();
    let mut hidden = (*catalog.relations[&Name::new("public", "child")]).clone();
    hidden.grants.clear();
    catalog.relations.insert(hidden.name.clone(), Arc::new(hidden));
    let path = ["public".to_owned()];
    for sql in ["select x from child", "select count(*) from child", "select 1 from t where exists (select from child)"]
    {
        let error = compile(&catalog, "anon", &path, sql).expect_err(sql);
        assert_eq!((error.code(), error.message()), ("42501", "permission denied for table child"), "{sql}");
    }
}
