//! Joins, groups, subqueries and row policies.

use super::*;

#[test]
fn a_rest_request_is_one_lean_statement() {
    let sql = r#"SELECT "t"."id", "t"."name" AS "n",
        (SELECT coalesce(jsonb_agg(_e), '[]') FROM (SELECT c."id", c."x" FROM "public"."child" AS c
            WHERE c."t_id" = "t"."id" AND c."x" > $2 ORDER BY c."x" DESC LIMIT 5) AS _e) AS "children",
        (SELECT to_jsonb(_e) FROM (SELECT p."id" FROM "public"."parent" AS p WHERE p."id" = "t"."parent_id") AS _e) AS "parent"
        FROM "public"."t" AS "t" WHERE "t"."a" = $1 ORDER BY "t"."a" DESC NULLS LAST LIMIT 10 OFFSET 0"#;
    let expected = [
        r#"SELECT "t"."id", "t"."name" AS "n", "#,
        r#"(SELECT coalesce(pg_rows_agg('[true,[["id",{"Base":"Int8"}],["x",{"Base":"Int4"}]]]', "_e"."id", "_e"."x"), '[]') AS "coalesce" "#,
        r#"FROM (SELECT "c"."id", "c"."x" FROM "child" AS "c" WHERE ("c"."t_id" = "t"."id") AND ("c"."x" > ?1) "#,
        r#"ORDER BY "c"."x" DESC NULLS FIRST LIMIT 5) AS "_e") AS "children", "#,
        r#"(SELECT pg_row('[true,[["id",{"Base":"Int8"}]]]', "_e_2"."id") AS "to_jsonb" "#,
        r#"FROM (SELECT "p"."id" FROM "parent" AS "p" WHERE ("p"."id" = "t"."parent_id")) AS "_e_2") AS "parent" "#,
        r#"FROM "t" WHERE ("t"."a" = ?2) ORDER BY "t"."a" DESC LIMIT 10 OFFSET 0"#,
    ];
    let lowered = lower(sql);
    // Which parameter comes first is the order of binding.
    let lowered = lowered.replace("> ?2", "> ?1").replace("= ?1)", "= ?2)");
    assert_eq!(lowered, expected.concat());
}

#[test]
fn joins_say_on() {
    lowers(&[
        (
            "select t.id from t left join parent p on p.id = t.parent_id",
            r#"SELECT "t"."id" FROM "t" LEFT JOIN "parent" AS "p" ON ("p"."id" = "t"."parent_id")"#,
        ),
        (
            "select id from t join parent using (id)",
            r#"SELECT "t"."id" FROM "t" JOIN "parent" ON ("t"."id" = "parent"."id")"#,
        ),
        (
            "select id from t full join parent using (id)",
            r#"SELECT coalesce("t"."id", "parent"."id") AS "id" FROM "t" FULL JOIN "parent" ON ("t"."id" = "parent"."id")"#,
        ),
    ]);
    refuses(&[
        ("select id from t join parent on true", "42702 column reference \"id\" is ambiguous @7"),
        ("select 1 from t join t on true", "42712 table name \"t\" specified more than once"),
    ]);
}

#[test]
fn lateral_reads_what_stands_before_it() {
    lowers(&[
        (
            "select t.id, l.n from t left join lateral (select count(*) as n from child c where c.t_id = t.id) l on true",
            concat!(
                r#"SELECT "t"."id", ("l".value ->> 0) AS "n" FROM "t" LEFT JOIN json_each((SELECT json_group_array(json_array("_l"."n")) "#,
                r#"FROM (SELECT count(*) AS "n" FROM "child" AS "c" WHERE ("c"."t_id" = "t"."id")) AS "_l")) AS "l" ON 1"#
            ),
        ),
        (
            "select tag from t, unnest(tags) as tag",
            r#"SELECT "tag".value AS "tag" FROM "t", json_each(pg_flat("t"."tags")) AS "tag""#,
        ),
        (
            "select x.a from json_to_recordset($1) as x(a int)",
            r#"SELECT "x".c0 AS "a" FROM pg_recordset(?1, '[["a",{"Base":"Int4"},null]]') AS "x""#,
        ),
    ]);
}

#[test]
fn groups_determine_what_stands_over_them() {
    lowers(&[
        (
            "select a, count(*) from t group by a having count(*) > 1 order by count(*) desc",
            r#"SELECT "t"."a", count(*) AS "count" FROM "t" GROUP BY "t"."a" HAVING (count(*) > 1) ORDER BY count(*) DESC"#,
        ),
        ("select name from t group by id", r#"SELECT "t"."name" FROM "t" GROUP BY "t"."id""#),
        (
            "select a + 1 as b, count(*) from t group by b",
            r#"SELECT "pg_+(int4,int4)"("t"."a", 1) AS "b", count(*) AS "count" FROM "t" GROUP BY "pg_+(int4,int4)"("t"."a", 1)"#,
        ),
    ]);
    let ungrouped = "must appear in the GROUP BY clause or be used in an aggregate function";
    refuses(&[
        ("select name from t group by a", &format!("42803 column \"t.name\" {ungrouped} @7")),
        ("select count(*) from t order by id", &format!("42803 column \"t.id\" {ungrouped} @32")),
        ("select 1 from t where count(*) > 1", "42803 aggregate functions are not allowed in WHERE @22"),
        ("select sum(sum(a)) from t", "42803 aggregate function calls cannot be nested @11"),
    ]);
}

#[test]
fn a_subquery_that_may_give_several_rows_is_watched() {
    assert_eq!(
        lower("select (select name from parent where id = t.parent_id) from t"),
        r#"SELECT (SELECT "parent"."name" FROM "parent" WHERE ("parent"."id" = "t"."parent_id")) AS "name" FROM "t""#
    );
    assert!(lower("select (select name from parent) from t").contains("'21000'"));
}

#[test]
fn a_subquery_of_a_session_parameter_is_the_parameter() {
    assert_eq!(
        lower_as("anon", "select id from secret where owner = (select auth.uid())"),
        r#"SELECT "secret"."id" FROM "secret" WHERE (?1 = "secret"."owner") AND ("secret"."owner" = ?1)"#
    );
}

#[test]
fn numerics_wait_for_policies_that_ask_queries() {
    let lowered = |policy: &str, condition: &str| {
        let mut catalog = catalog();
        let t = Arc::make_mut(catalog.relations.get_mut(&Name::new("public", "t")).unwrap());
        t.row_security = true;
        let using = Some(policy.to_owned());
        let command = PolicyCommand::All;
        t.policies.push(Policy { name: "p".into(), permissive: true, command, roles: vec![], using, check: None });
        let sql = format!("select id from t where {condition}");
        compile(&catalog, "anon", &["public".to_owned()], &sql).unwrap().steps[0].sql.clone()
    };
    let correlated = "exists (select 1 from child c where c.t_id = t.id)";
    for waits in
        ["price > 5", "price in (1, 2)", "price is distinct from 1", "(price, a) < (1, 2)", "price = any ('{1}')"]
    {
        assert!(lowered(correlated, waits).contains("CASE WHEN"), "{waits}");
        assert!(lowered("upper(name) = 'A'", waits).contains("CASE WHEN"), "{waits}");
    }
    for quick in ["a > 5", "at > '2024-01-01'", "name = 'x'", "price is null"] {
        assert!(!lowered(correlated, quick).contains("CASE WHEN"), "{quick}");
    }
    assert!(!lowered("parent_id = 1 and ok", "price > 5").contains("CASE WHEN"));
}

#[test]
fn what_leaks_sees_no_hidden_row() {
    let guarded = r#"CASE WHEN (?1 = "secret"."owner") THEN"#;
    assert!(lower_as("anon", "select id from secret where n::int = 3").contains(guarded));
    // Nor does what takes longer for one value than for another.
    for slow in [
        "to_jsonb(n) @> '{}'",
        "upper(n) = 'X'",
        "n || n = 'xx'",
        "string_to_array(n, ',') @> array['x']",
        "array[n] in (array['x'], array['y'])",
        "secret.*::text = 'x'",
        "row(n)::text = 'x'",
        "secret is not distinct from secret",
        "to_json(secret)::text = 'x'",
    ] {
        let sql = lower_as("anon", &format!("select id from secret where {slow}"));
        assert!(sql.contains(guarded), "{sql}");
    }
    // Where an outer join made the row up, there is nothing to hide.
    let outer = lower_as("anon", "select t.id from t left join secret s on s.id = t.id where s.n::int > 1");
    assert!(outer.contains(r#"ON ("s"."id" = "t"."id") AND (?1 = "s"."owner")"#), "{outer}");
    assert!(outer.contains(r#"CASE WHEN ((?1 = "s"."owner") OR "s"."id" IS NULL) THEN"#), "{outer}");
    // Nothing is moved into a subquery over a protected table.
    let derived = lower_as("anon", "select id from (select * from secret) s where n::int = 3");
    assert!(derived.contains("LIMIT -1) AS \"s\""), "{derived}");
    // Neither side of a full join shows hidden rows as unmatched ones.
    let full = lower_as("anon", "select t.id from t full join secret s on s.id = t.id");
    assert!(full.contains(r#"FULL JOIN (SELECT * FROM "secret" AS "s" WHERE"#), "{full}");
}

#[test]
fn what_a_query_computes_is_computed_of_visible_rows() {
    let lower = |sql: &str| lower_as("anon", sql);
    let query = "from (select id, n, n::int as i from secret) s";
    // A plain column is searched by the table's index.
    for plain in ["where id = 3", "where n = 'x' order by i", "where id = 3 group by i having count(*) > 1"] {
        let sql = lower(&format!("select i {query} {plain}"));
        assert!(!sql.contains("LIMIT"), "{sql}");
    }
    for computed in ["where i = 3", "where exists (select 1 from t where t.id = s.i)", "where random() < i"] {
        let sql = lower(&format!("select id {query} {computed}"));
        assert!(sql.contains("LIMIT -1) AS \"s\""), "{sql}");
    }
    let both = lower(&format!("select id {query} where i = 3 and id = 1"));
    assert!(both.contains(r#"AS "s" WHERE ("s"."id" = 1) LIMIT -1) AS "s""#), "{both}");
    for through in [
        "with w as (select n::int as i from secret) select i from w where i = 3",
        "select t.id from t join (select n::int as id from secret) s using (id)",
        "select i from (select n::int as i from secret union all select id from t) s where i = 3",
        "select i from (select * from (select n::int as i from secret) a) b where i = 3",
    ] {
        let sql = lower(through);
        assert!(sql.contains(" LIMIT -1)"), "{sql}");
    }
    let grouped = lower("select n::int from secret group by n::int having n::int > 3");
    assert!(grouped.contains("HAVING CASE WHEN count(*) THEN"), "{grouped}");
    // What hides nothing needs no barrier.
    let open = lower("select i from (select name::int as i from t) s where i = 3");
    assert!(!open.contains("LIMIT"), "{open}");
}

#[test]
fn common_table_expressions_have_names_of_their_own() {
    lowers(&[
        (
            "with t as (select id from t) select id from t",
            r#"WITH "with t" ("c0") AS (SELECT "t"."id" FROM "t") SELECT "t_2"."c0" AS "id" FROM "with t" AS "t_2""#,
        ),
        (
            "with recursive r(n) as (select 1 union all select n + 1 from r where n < 5) select n from r",
            concat!(
                r#"WITH RECURSIVE "with r" ("c0") AS (SELECT 1 AS "?column?" UNION ALL SELECT "pg_+(int4,int4)"("r"."c0", 1) AS "?column?" "#,
                r#"FROM "with r" AS "r" WHERE ("r"."c0" < 5)) SELECT "r_2"."c0" AS "n" FROM "with r" AS "r_2""#
            ),
        ),
    ]);
}

#[test]
fn set_operations_have_one_type_and_order_by_output_columns() {
    assert_eq!(
        lower("select a from t union select x from child order by a"),
        r#"SELECT "t"."a" FROM "t" UNION SELECT "child"."x" FROM "child" ORDER BY 1 NULLS LAST"#
    );
    refuses(&[
        ("select id from t union select name from t", "42804 UNION types bigint and text cannot be matched"),
        ("select 1, 2 union select 1", "42601 each UNION query must have the same number of columns"),
    ]);
    assert_eq!(
        lower("select a from t except all select x from child"),
        concat!(
            r#"SELECT "a" FROM (SELECT "a" AS "a", row_number() OVER (PARTITION BY "a" ORDER BY "a") FROM (SELECT "t"."a" FROM "t") "#,
            r#"EXCEPT SELECT "x" AS "x", row_number() OVER (PARTITION BY "x" ORDER BY "x") FROM (SELECT "child"."x" FROM "child"))"#
        )
    );
}

#[test]
fn grouping_sets_are_counted_before_they_are_made() {
    let rollup = |count: usize| format!("rollup ({})", vec!["id"; count].join(", "));
    let too_many = "54001 too many grouping sets present (maximum 500)";
    for grouped in [rollup(500), format!("{}, {}", rollup(24), rollup(20)), "cube (id, id), ".repeat(5) + "id"] {
        assert_eq!(refusal(&format!("select count(*) from t group by {grouped}")), too_many, "{grouped}");
    }
    let cube = format!("cube ({})", ["id"; 13].join(", "));
    assert_eq!(refusal(&format!("select 1 from t group by {cube}")), "54011 CUBE is limited to 12 elements");
    assert!(lower(&format!("select count(*) from t group by {}", rollup(24))).contains("UNION ALL"));
}
