//! INSERT: defaults, keys, domains, and the policies and privileges that it asks.

use super::*;

#[test]
fn defaults_are_part_of_the_insert_and_the_rowid_comes_last() {
    let sql = statement(&catalog(), "insert into notes (title) values ($1)");
    holds(&sql, r#"INSERT INTO "notes" ("owner", "title", "rank", "id") VALUES ("#);
    holds(&sql, "pg_nextval('public.notes_id_seq')");
    lacks(&sql, "coalesce");
    lacks(&sql, "WITH");
}

#[test]
fn parameters_take_the_columns_types() {
    let program = program(&catalog(), "insert into people (id, name) values ($1, $2)");
    assert_eq!(program.params, vec![(Type::INT4, None), (Type::TEXT, None)]);
}

#[test]
fn an_insert_policy_is_asked_before_the_first_value_is_stored() {
    let sql = statement(&owned(), "insert into notes (owner, title) values ($1, $2)");
    holds(&sql, "VALUES (iif(pg_require(");
    holds(&sql, r#"'42501', 'new row violates row-level security policy for table "notes"')"#);
    lacks(&sql, "SELECT");
}

#[test]
fn a_policy_that_reads_a_volatile_default_has_the_row_computed_first() {
    let catalog = guarded(&[policy("even", PolicyCommand::Insert, None, Some("id > 0"))]);
    let sql = statement(&catalog, "insert into notes (title) values ($1)");
    holds(&sql, r#"WITH "new" AS MATERIALIZED (SELECT "#);
    assert_eq!(sql.matches("pg_nextval").count(), 1, "{sql}");
    holds(&sql, r#"iif(pg_require("#);
    holds(&sql, r#"FROM "new" WHERE 1"#);
}

#[test]
fn without_a_permissive_policy_nothing_may_be_written() {
    let sql = statement(&guarded(&[]), "insert into notes (title) values ($1)");
    holds(&sql, "pg_require(0, '42501'");
    let sql = statement(&guarded(&[]), "update notes set title = $1");
    holds(&sql, "WHERE 0");
}

#[test]
fn a_restrictive_policy_is_named() {
    let mut strict = policy("short", PolicyCommand::Insert, None, Some("rank < 10"));
    strict.permissive = false;
    let catalog = guarded(&[policy("any", PolicyCommand::Insert, None, Some("true")), strict]);
    let sql = statement(&catalog, "insert into notes (title) values ($1)");
    holds(&sql, r#"'new row violates row-level security policy "short" for table "notes"'"#);
    lacks(&sql, "policy for table");
}

#[test]
fn what_is_returned_must_be_visible() {
    let catalog = guarded(&[
        policy("write", PolicyCommand::Insert, None, Some("true")),
        policy("read", PolicyCommand::Select, Some(OWN), None),
    ]);
    lacks(&statement(&catalog, "insert into notes (title) values ('x')"), "pg_require(?");
    holds(&statement(&catalog, "insert into notes (title) values ('x') returning id"), "'42501'");
    holds(&statement(&catalog, "insert into notes (title) values ('x') returning *"), "'42501'");
    lacks(&statement(&catalog, "insert into notes (title) values ('x') returning 1"), "'42501'");
    holds(&statement(&catalog, "insert into notes (title) values ('x') on conflict (id) do nothing"), "'42501'");
}

#[test]
fn policies_bind_members_of_their_roles_only() {
    let mut other = policy("others", PolicyCommand::Insert, None, Some("true"));
    other.roles = vec!["anon".to_owned()];
    let mut catalog = guarded(&[other]);
    holds(&statement(&catalog, "insert into notes (title) values ('x')"), "pg_require(0, '42501'");
    catalog.roles.get_mut("authenticated").expect("a role").member_of.insert("anon".to_owned());
    lacks(&statement(&catalog, "insert into notes (title) values ('x')"), "'42501'");
}

#[test]
fn the_owner_is_not_bound_by_policies() {
    let program = compile_as(&owned(), "postgres", "insert into notes (title) values ('x')").expect("a program");
    lacks(&program.steps[0].sql, "42501");
}

#[test]
fn several_rows_are_one_values_list() {
    let sql = statement(&catalog(), "insert into people (id, name) values (1, 'a'), (2, default)");
    holds(&sql, r#"FROM (VALUES (1, 'a'), (2, NULL)) AS "rows" WHERE 1"#);
}

#[test]
fn a_missing_integer_key_is_postgresqls_error_rather_than_a_new_number() {
    let sql = statement(&catalog(), "insert into people (name) values ('a')");
    holds(
        &sql,
        r#"coalesce(NULL, pg_require(0, '23502', 'null value in column "id" of relation "people" violates not-null constraint'))"#,
    );
    let sql = statement(&catalog(), "update people set id = $1");
    holds(&sql, r#""id" = coalesce(?1, pg_require(0, '23502'"#);
}

#[test]
fn domains_are_checked() {
    let sql = statement(&catalog(), "insert into notes (title, rank) values ('x', $1)");
    holds(&sql, "'23514', 'value for domain positive violates check constraint \"positive_check\"'");
}

#[test]
fn identity_and_generated_columns_take_no_values() {
    let catalog = catalog();
    let message = "cannot insert a non-DEFAULT value into column \"id\"".to_owned();
    assert_eq!(refused(&catalog, "insert into notes (id) values (1)"), ("428C9".to_owned(), message));
    let message = "column \"next_rank\" can only be updated to DEFAULT".to_owned();
    assert_eq!(refused(&catalog, "update notes set next_rank = 1"), ("428C9".to_owned(), message));
    let sql = statement(&catalog, "insert into notes (id, title) overriding system value values (7, 'x')");
    lacks(&sql, "pg_nextval");
    let sql = statement(&catalog, "insert into notes overriding system value values (7)");
    lacks(&sql, "pg_nextval");
    let sql = statement(&catalog, "insert into notes (id, title) overriding user value values (7, 'x')");
    holds(&sql, "pg_nextval");
    statement(&catalog, "insert into notes (id, title, next_rank) values (default, 'x', default)");
}

#[test]
fn what_does_not_fit_is_refused_as_postgresql_does() {
    let catalog = catalog();
    let cases = [
        ("insert into notes (title, title) values (1, 2)", "42701", "column \"title\" specified more than once"),
        ("insert into notes (title) values ('a', 'b')", "42601", "INSERT has more expressions than target columns"),
        ("insert into notes (title, rank) values ('a')", "42601", "INSERT has more target columns than expressions"),
        ("insert into notes (zz) values (1)", "42703", "column \"zz\" of relation \"notes\" does not exist"),
        ("update notes set zz = 1", "42703", "column \"zz\" of relation \"notes\" does not exist"),
        ("update people set id = 1, id = 2", "42601", "multiple assignments to same column \"id\""),
        (
            "insert into people (id) values (true)",
            "42804",
            "column \"id\" is of type integer but expression is of type boolean",
        ),
        (
            "insert into people (id) values (1) on conflict (name) do nothing",
            "42P10",
            "there is no unique or exclusion constraint matching the ON CONFLICT specification",
        ),
        (
            "insert into people (id) values (1) on conflict on constraint zz do nothing",
            "42704",
            "constraint \"zz\" for table \"people\" does not exist",
        ),
        (
            "insert into people (id) values (1) on conflict do update set name = 'x'",
            "42601",
            "ON CONFLICT DO UPDATE requires inference specification or constraint name",
        ),
        ("insert into nope values (1)", "42P01", "relation \"nope\" does not exist"),
    ];
    for (sql, code, message) in cases {
        assert_eq!(refused(&catalog, sql), (code.to_owned(), message.to_owned()), "{sql}");
    }
}

#[test]
fn privileges_are_asked_by_column() {
    let mut catalog = catalog();
    change(&mut catalog, "people", |people| {
        people.grants.clear();
        let grant = |privileges: &[Privilege]| -> Grants {
            [("authenticated".to_owned(), privileges.iter().copied().collect())].into()
        };
        people.columns[0].grants = grant(&[Privilege::Select, Privilege::Insert]);
        people.columns[1].grants = grant(&[Privilege::Update, Privilege::Insert]);
    });
    let denied = ("42501".to_owned(), "permission denied for table people".to_owned());
    statement(&catalog, "insert into people (id, name) values (1, 'x') returning id");
    assert_eq!(refused(&catalog, "insert into people (id, updated_at) values (1, now())"), denied);
    assert_eq!(refused(&catalog, "insert into people (id) values (1) returning name"), denied);
    statement(&catalog, "update people set name = 'x' where id = 1");
    assert_eq!(refused(&catalog, "update people set id = 2"), denied);
    assert_eq!(refused(&catalog, "update people set name = name || 'x'"), denied);
    assert_eq!(refused(&catalog, "delete from people"), denied);
    let upsert = "insert into people (id, name) values (1, 'x') on conflict (id) do update set name =";
    statement(&catalog, &format!("{upsert} 'y'"));
    assert_eq!(refused(&catalog, &format!("{upsert} excluded.name")), denied);
}
