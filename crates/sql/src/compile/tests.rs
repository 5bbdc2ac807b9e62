//! PostgreSQL in, SQLite out.

use std::sync::Arc;

use basalt_types::{EnumType, Type, Volatility};

use super::compile;
use crate::catalog::*;
use crate::{Catalog, Name};

fn column(name: &str, ty: Type, not_null: bool) -> Column {
    Column {
        name: name.to_owned(),
        ty,
        typmod: None,
        domain: None,
        composite: None,
        not_null,
        default: None,
        generated: None,
        identity: None,
        sequence: None,
        grants: Grants::new(),
        comment: None,
    }
}

fn table(name: &str, columns: Vec<Column>) -> Relation {
    let key = Constraint {
        name: format!("{name}_pkey"),
        kind: ConstraintKind::PrimaryKey(vec!["id".to_owned()]),
        initially_deferred: false,
        deferrable: false,
    };
    Relation {
        name: Name::new("public", name),
        kind: RelationKind::Table,
        owner: "postgres".to_owned(),
        columns,
        constraints: vec![key],
        indexes: vec![],
        row_security: false,
        force_row_security: false,
        replica_identity: Default::default(),
        policies: vec![],
        triggers: vec![],
        grants: Grants::from([("anon".to_owned(), [Privilege::Select].into())]),
        comment: None,
    }
}

fn view(name: &str, query: &str, columns: Vec<Column>) -> Relation {
    let view = View {
        query: query.to_owned(),
        security_invoker: true,
        owners_by_default: false,
        key: Vec::new(),
        sources: vec![None; columns.len()],
        materialized: false,
        updatable: false,
        takes: None,
        reads: None,
        calls: Vec::new(),
    };
    Relation { kind: RelationKind::View(view), constraints: vec![], ..table(name, columns) }
}

fn function(name: &str, params: Vec<Param>, returns: Type, body: &str) -> Routine {
    Routine {
        name: Name::new("public", name),
        owner: "postgres".to_owned(),
        params,
        returns,
        returns_relation: None,
        returns_domain: None,
        returns_set: false,
        language: "sql".to_owned(),
        body: body.to_owned(),
        volatility: Volatility::Stable,
        strict: false,
        security_definer: false,
        rows: None,
        settings: vec![],
        grants: Grants::from([(PUBLIC.to_owned(), [Privilege::Execute].into())]),
        comment: None,
    }
}

fn param(name: &str, ty: Type) -> Param {
    Param { name: name.to_owned(), mode: ParamMode::In, ty, relation: None, default: None }
}

fn catalog() -> Catalog {
    let mood = Arc::new(EnumType {
        schema: "public".to_owned(),
        name: "mood".to_owned(),
        labels: vec!["sad".to_owned(), "ok".to_owned(), "happy".to_owned()],
    });
    let mut catalog = Catalog::default();
    let everyone = Grants::from([(PUBLIC.to_owned(), [Privilege::Usage].into())]);
    catalog.schemas.insert("public".to_owned(), Schema { comment: None, grants: everyone });
    for role in ["postgres", "anon"] {
        let role_of = Role { superuser: role == "postgres", ..Role::default() };
        catalog.roles.insert(role.to_owned(), role_of);
    }
    let parent = table("parent", vec![column("id", Type::INT8, true), column("name", Type::TEXT, false)]);
    let t = table(
        "t",
        vec![
            column("id", Type::INT8, true),
            column("name", Type::TEXT, true),
            column("a", Type::INT4, false),
            column("price", Type::NUMERIC, false),
            column("tags", Type::TEXT.array_of(), false),
            column("doc", Type::JSONB, false),
            column("at", Type::TIMESTAMPTZ, false),
            column("mood", Type::Enum(mood.clone()), false),
            column("ok", Type::BOOL, false),
            column("parent_id", Type::INT8, false),
        ],
    );
    let child = table(
        "child",
        vec![column("id", Type::INT8, true), column("t_id", Type::INT8, true), column("x", Type::INT4, false)],
    );
    let mut secret = table(
        "secret",
        vec![column("id", Type::INT8, true), column("owner", Type::UUID, false), column("n", Type::TEXT, false)],
    );
    secret.row_security = true;
    secret.policies.push(Policy {
        name: "own".to_owned(),
        permissive: true,
        command: PolicyCommand::All,
        roles: vec![],
        using: Some("(select auth.uid()) = owner".to_owned()),
        check: None,
    });
    let cheap = view(
        "cheap",
        "select id, price from t where price < 10",
        vec![column("id", Type::INT8, false), column("price", Type::NUMERIC, false)],
    );
    for relation in [parent, t, child, secret, cheap] {
        catalog.relations.insert(relation.name.clone(), Arc::new(relation));
    }
    catalog.enums.insert(Name::new("public", "mood"), mood);
    let mut label = function(
        "label",
        vec![Param { relation: Some(Name::new("public", "t")), ..param("row", Type::Record(Default::default())) }],
        Type::TEXT,
        "select row.name || '!'",
    );
    label.strict = false;
    let mut children = function(
        "children",
        vec![Param { relation: Some(Name::new("public", "t")), ..param("", Type::Record(Default::default())) }],
        Type::Record(Default::default()),
        "select * from child where t_id = $1.id",
    );
    children.returns_set = true;
    children.returns_relation = Some(Name::new("public", "child"));
    let add = function(
        "add",
        vec![param("a", Type::INT4), Param { default: Some("1".to_owned()), ..param("b", Type::INT4) }],
        Type::INT4,
        "select a + b",
    );
    for routine in [label, children, add] {
        catalog.functions.entry(routine.name.clone()).or_default().push(Arc::new(routine));
    }
    catalog
}

fn lower_as(role: &str, sql: &str) -> String {
    match compile(&catalog(), role, &["public".to_owned()], sql) {
        Ok(program) => program.steps.iter().map(|s| s.sql.as_str()).collect::<Vec<_>>().join("; "),
        Err(error) => format!("{} {} @{:?}", error.code(), error.message(), error.position()),
    }
}

fn lower(sql: &str) -> String {
    lower_as("postgres", sql)
}

/// The error of a statement as `SQLSTATE message @offset`.
fn refusal(sql: &str) -> String {
    match compile(&catalog(), "postgres", &["public".to_owned()], sql) {
        Ok(_) => panic!("{sql} compiles"),
        Err(error) => {
            let place = error.position().map(|p| format!(" @{p}")).unwrap_or_default();
            format!("{} {}{place}", error.code(), error.message())
        }
    }
}

/// Asserts what each of these lowers to.
fn lowers(cases: &[(&str, &str)]) {
    for (sql, expected) in cases {
        assert_eq!(lower(sql), *expected, "{sql}");
    }
}

/// Asserts how each of these is refused.
fn refuses(cases: &[(&str, &str)]) {
    for (sql, expected) in cases {
        assert_eq!(refusal(sql), *expected, "{sql}");
    }
}

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
            r#"SELECT "t"."id" FROM "t" WHERE ("t"."id" IN (SELECT value FROM json_each(coalesce(?1, '[null]'))))"#,
        ),
        (
            "select id from t where id in (select t_id from child)",
            r#"SELECT "t"."id" FROM "t" WHERE ("t"."id" IN (SELECT "child"."t_id" FROM "child"))"#,
        ),
    ]);
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
            r#"SELECT "tag".value AS "tag" FROM "t", json_each("t"."tags") AS "tag""#,
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
fn what_leaks_sees_no_hidden_row() {
    let guarded = r#"CASE WHEN (?1 = "secret"."owner") THEN"#;
    assert!(lower_as("anon", "select id from secret where n::int = 3").contains(guarded));
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
