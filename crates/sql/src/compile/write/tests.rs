use std::collections::BTreeSet;
use std::sync::Arc;

use basalt_core::Error;
use basalt_types::{Type, Typmod};

use crate::catalog::*;
use crate::program::{Bind, Output, Session};
use crate::{Catalog, Name, Program};

/// A catalog: `notes` with policies of their owners, `people` and `tags` without, and domain `positive`.
fn catalog() -> Catalog {
    let mut catalog = Catalog::default();
    let usage: Grants = [(PUBLIC.to_owned(), BTreeSet::from([Privilege::Usage]))].into();
    for schema in ["public", "auth"] {
        catalog.schemas.insert(schema.to_owned(), Schema { comment: None, grants: usage.clone() });
    }
    let role = |superuser, bypass| Role { superuser, bypass_row_security: bypass, ..Role::default() };
    catalog.roles.insert("postgres".to_owned(), role(true, true));
    catalog.roles.insert("authenticated".to_owned(), role(false, false));
    catalog.roles.insert("anon".to_owned(), role(false, false));
    let positive = Domain {
        ty: Type::INT4,
        typmod: None,
        not_null: false,
        default: None,
        checks: vec![("positive_check".to_owned(), "value > 0".to_owned())],
    };
    catalog.domains.insert(Name::new("public", "positive"), positive);
    let sequence = Sequence {
        start: 1,
        increment: 1,
        min: 1,
        max: i64::MAX,
        cycle: false,
        owned_by: None,
        grants: Grants::default(),
    };
    catalog.sequences.insert(Name::new("public", "notes_id_seq"), sequence);

    let mut id = column("id", Type::INT8);
    (id.not_null, id.identity) = (true, Some(Identity::Always));
    id.sequence = Some(Name::new("public", "notes_id_seq"));
    let mut owner = column("owner", Type::UUID);
    (owner.not_null, owner.default) = (true, Some("auth.uid()".to_owned()));
    let mut title = column("title", Type::VARCHAR);
    (title.not_null, title.typmod) = (true, Some(Typmod::Length(20)));
    let mut rank = column("rank", Type::INT4);
    (rank.domain, rank.default) = (Some(Name::new("public", "positive")), Some("1".to_owned()));
    let mut next = column("next_rank", Type::INT4);
    next.generated = Some("rank + 1".to_owned());
    let mut notes = table("notes", vec![id, owner, title, rank, next]);
    notes.constraints = vec![key("notes_pkey", &["id"]), unique("notes_title_key", &["owner", "title"])];
    catalog.relations.insert(notes.name.clone(), Arc::new(notes));

    let mut id = column("id", Type::INT4);
    id.not_null = true;
    let mut people = table("people", vec![id, column("name", Type::TEXT), column("updated_at", Type::TIMESTAMPTZ)]);
    people.constraints = vec![key("people_pkey", &["id"])];
    people.triggers = vec![Trigger {
        name: "touch".to_owned(),
        on_insert: false,
        on_update: true,
        function: Name::new("extensions", "moddatetime"),
        args: vec!["updated_at".to_owned()],
        after: BTreeSet::new(),
        run: None,
        disabled: false,
    }];
    catalog.relations.insert(people.name.clone(), Arc::new(people));
    catalog
}

fn column(name: &str, ty: Type) -> Column {
    crate::compile::tests::column(name, ty, false)
}

fn table(name: &str, columns: Vec<Column>) -> Relation {
    use Privilege::*;
    Relation {
        name: Name::new("public", name),
        kind: RelationKind::Table,
        owner: "postgres".to_owned(),
        columns,
        constraints: Vec::new(),
        indexes: Vec::new(),
        row_security: false,
        force_row_security: false,
        replica_identity: Default::default(),
        partitioned: false,
        policies: Vec::new(),
        triggers: Vec::new(),
        grants: [("authenticated".to_owned(), BTreeSet::from([Select, Insert, Update, Delete]))].into(),
        comment: None,
    }
}

fn key(name: &str, columns: &[&str]) -> Constraint {
    constraint(name, ConstraintKind::PrimaryKey(columns.iter().map(|c| c.to_string()).collect()))
}

fn unique(name: &str, columns: &[&str]) -> Constraint {
    constraint(name, ConstraintKind::Unique(columns.iter().map(|c| c.to_string()).collect()))
}

fn constraint(name: &str, kind: ConstraintKind) -> Constraint {
    Constraint { name: name.to_owned(), kind, initially_deferred: false, deferrable: false }
}

/// The catalog with row security on `notes` and these policies.
fn guarded(policies: &[Policy]) -> Catalog {
    let mut catalog = catalog();
    change(&mut catalog, "notes", |notes| {
        notes.row_security = true;
        notes.policies = policies.to_vec();
    });
    catalog
}

fn change(catalog: &mut Catalog, table: &str, f: impl FnOnce(&mut Relation)) {
    let relation = catalog.relations.get_mut(&Name::new("public", table)).expect("a known table");
    f(Arc::make_mut(relation));
}

fn policy(name: &str, command: PolicyCommand, using: Option<&str>, check: Option<&str>) -> Policy {
    Policy {
        name: name.to_owned(),
        permissive: true,
        command,
        roles: Vec::new(),
        using: using.map(str::to_owned),
        check: check.map(str::to_owned),
    }
}

const OWN: &str = "owner = auth.uid()";

fn owned() -> Catalog {
    guarded(&[policy("own", PolicyCommand::All, Some(OWN), None)])
}

fn compile_as(catalog: &Catalog, role: &str, sql: &str) -> Result<Program, Error> {
    crate::compile::compile(catalog, role, &["public".to_owned()], sql)
}

fn program(catalog: &Catalog, sql: &str) -> Program {
    compile_as(catalog, "authenticated", sql).unwrap_or_else(|error| panic!("{sql}: {error}"))
}

/// The SQLite statement of a program of one step.
#[track_caller]
fn statement(catalog: &Catalog, sql: &str) -> String {
    let program = program(catalog, sql);
    assert_eq!(program.steps.len(), 1, "{:#?}", program.steps);
    assert!(program.writes);
    program.steps[0].sql.clone()
}

#[track_caller]
fn refused(catalog: &Catalog, sql: &str) -> (String, String) {
    let error = compile_as(catalog, "authenticated", sql).expect_err(sql);
    (error.code().to_owned(), error.message().to_owned())
}

#[track_caller]
fn holds(sql: &str, part: &str) {
    assert!(sql.contains(part), "{part}\nis not in\n{sql}");
}

#[track_caller]
fn lacks(sql: &str, part: &str) {
    assert!(!sql.contains(part), "{part}\nis in\n{sql}");
}

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

#[test]
fn an_upsert_asks_three_policies() {
    let catalog = guarded(&[
        policy("i", PolicyCommand::Insert, None, Some("title <> 'i'")),
        policy("s", PolicyCommand::Select, Some("title <> 's'"), None),
        policy("u", PolicyCommand::Update, Some("title <> 'u'"), Some("title <> 'c'")),
    ]);
    let sql = statement(
        &catalog,
        "insert into notes (owner, title) values ($1, $2) on conflict (owner, title) do update set title = excluded.title",
    );
    let (insert, update) = sql.split_once(" ON CONFLICT (\"owner\", \"title\") DO UPDATE SET ").expect("an upsert");
    holds(insert, "'i'");
    holds(insert, "'s'");
    lacks(insert, "'u'");
    holds(update, "(USING expression) for table");
    for literal in ["'u'", "'c'", "'s'"] {
        holds(update, literal);
    }
    holds(update, r#"excluded."title""#);
}

#[test]
fn an_upsert_looks_at_no_row_before_its_policies() {
    let catalog = guarded(&[policy("own", PolicyCommand::All, Some(OWN), None)]);
    // SQLite computes `title` first, whatever the order of SET.
    let sql = statement(
        &catalog,
        "insert into notes (title) values ('x') on conflict (owner, title) do update set rank = 2, title = 'y'",
    );
    holds(&sql, r#"DO UPDATE SET "title" = iif(pg_require("#);
}

#[test]
fn an_upsert_of_several_rows_meets_each_row_once() {
    let upsert = "on conflict (id) do update set name = excluded.name";
    let several = format!("insert into people (id, name) values (1, 'a'), (2, 'b') {upsert}");
    let sql = statement(&catalog(), &several);
    holds(&sql, "'21000', 'ON CONFLICT DO UPDATE command cannot affect row a second time'");
    holds(&sql, r#"GROUP BY "new"."id" HAVING count(*) > 1"#);
    let one = format!("insert into people (id, name) values (1, 'a') {upsert}");
    lacks(&statement(&catalog(), &one), "21000");
}

#[test]
fn returning_tells_new_rows_from_updated_ones() {
    let insert = "insert into people (id, name) values (1, 'a')";
    let sql = statement(
        &catalog(),
        &format!("{insert} on conflict (id) do update set name = 'b' returning (xmax = 0) as \"basalt:inserted\""),
    );
    holds(&sql, "DO UPDATE SET \"name\" = iif(pg_set_config('basalt.updated', '1', 1) IS NOT NULL");
    holds(&sql, "pg_setting('basalt.updated', 1)");
    let plain = program(&catalog(), &format!("{insert} returning id, (xmax = 0) as \"basalt:inserted\""));
    assert_eq!(plain.columns[1].name, "basalt:inserted");
    assert_eq!(plain.columns[1].ty, Type::BOOL);
    lacks(&plain.steps[0].sql, "pg_setting");
}

#[test]
fn an_update_reads_by_the_policies_of_update_and_of_select() {
    let catalog = guarded(&[
        policy("s", PolicyCommand::Select, Some("title <> 's'"), None),
        policy("u", PolicyCommand::Update, Some("title <> 'u'"), Some("title <> 'c'")),
    ]);
    let blind = statement(&catalog, "update notes set title = $1");
    holds(&blind, "'u'");
    holds(&blind, "'c'");
    lacks(&blind, "'s'");
    let seeing = statement(&catalog, "update notes set title = $1 where rank = 2");
    assert_eq!(seeing.matches("'s'").count(), 2, "{seeing}");
    holds(&seeing, r#"UPDATE "notes" SET "title" = iif(pg_require("#);
    let delete = statement(&catalog, "delete from notes where rank = 2");
    holds(&delete, "WHERE 0");
}

#[test]
fn an_update_with_subqueries_computes_its_rows_first() {
    let sql = statement(&catalog(), "update people set name = (select max(p.name) from people p) where id = 1");
    holds(&sql, "WITH \"new\" AS MATERIALIZED (SELECT \"people_2\".rowid AS c0, ");
    holds(&sql, r#"UPDATE "people" SET "name" = "new".c1"#);
    holds(&sql, r#"WHERE "people".rowid = "new".c0"#);
}

#[test]
fn what_only_counts_rows_is_not_returned() {
    let written = program(&catalog(), "update people set name = 'a' returning 1 as \"basalt:one\"");
    lacks(&written.steps[0].sql, "RETURNING");
    assert_eq!((&written.steps[0].output, written.columns.len()), (&Output::Result, 0));
    holds(
        &statement(&catalog(), "update people set name = 'a' returning 1 as \"basalt:one\", id as \"basalt:key\""),
        "RETURNING 1, ",
    );
    holds(&statement(&catalog(), "update people set name = 'a' returning 1 as one"), "RETURNING 1");
}

#[test]
fn an_update_from_other_tables_updates_each_row_once() {
    let sql =
        statement(&catalog(), "update people p set name = n.title from notes n where n.rank = p.id returning p.name");
    holds(&sql, "GROUP BY 1");
    holds(&sql, r#"RETURNING "people"."name""#);
    let steps =
        program(&catalog(), "update people p set name = n.title from notes n where n.rank = p.id returning n.id").steps;
    let outputs: Vec<&Output> = steps.iter().map(|step| &step.output).collect();
    assert!(matches!(outputs[..], [Output::Capture(_), Output::Capture(_), Output::Result]), "{outputs:?}");
}

#[test]
fn moddatetime_sets_its_column() {
    let program = program(&catalog(), "update people set name = 'x'");
    holds(&program.steps[0].sql, r#""updated_at" = ?1"#);
    assert_eq!(program.steps[0].binds, vec![Bind::Session(Session::Now)]);
}

#[test]
fn rows_are_assigned_column_by_column() {
    let sql = statement(&catalog(), "update people set (id, name) = (3, 'x')");
    holds(&sql, r#""id" = 3, "name" = 'x'"#);
}

#[test]
fn a_delete_with_other_tables_finds_its_rows_first() {
    let sql = statement(&catalog(), "delete from people p using notes n where n.rank = p.id");
    holds(&sql, r#"DELETE FROM "people" WHERE "people".rowid IN (SELECT "people_2".rowid FROM "#);
    let steps =
        program(&catalog(), "delete from people p using notes n where n.rank = p.id returning p.id, n.title").steps;
    assert_eq!(steps.len(), 3);
    holds(&steps[2].sql, "SELECT c1, c2 FROM pg_rows(0)");
    assert_eq!(steps[2].output, Output::Result);
}

#[test]
fn a_subquery_in_returning_is_a_step_of_its_own() {
    let steps = program(&catalog(), "insert into people (id) values (1) returning (select count(*) from notes)").steps;
    assert_eq!(steps.len(), 2);
    holds(&steps[0].sql, r#"RETURNING "id", "name", "updated_at""#);
    assert_eq!(steps[0].output, Output::Capture(0));
}

#[test]
fn probes_give_rows_as_they_would_be_stored() {
    let insert = program(&catalog(), "insert into notes (title, rank) values ('x', $1)");
    let probe = insert.steps[0].probe.as_ref().expect("a probe");
    assert_eq!(probe.relation, Name::new("public", "notes"));
    assert!(probe.show_values);
    assert!(probe.sql.matches("?1").count() > 2, "the rank and what is generated of it: {}", probe.sql);
    assert!(
        !program(&owned(), "insert into notes (title) values ($1)").steps[0]
            .probe
            .as_ref()
            .expect("a probe")
            .show_values
    );
    let update = program(&catalog(), "update people set name = $1 where id = 2");
    let probe = update.steps[0].probe.as_ref().expect("a probe");
    holds(&probe.sql, r#"FROM "people" WHERE ("people"."id" = 2)"#);
}

#[test]
fn a_policy_that_reaches_its_own_table_is_endless() {
    let own = "exists (select 1 from notes n where n.owner = auth.uid())";
    let catalog = guarded(&[policy("p", PolicyCommand::All, Some(own), None)]);
    let (code, message) = refused(&catalog, "update notes set title = 'x'");
    assert_eq!(
        (code.as_str(), message.as_str()),
        ("42P17", "infinite recursion detected in policy for relation \"notes\"")
    );
}

#[test]
fn a_view_passes_writes_on() {
    let mut catalog = catalog();
    let mut view = table("mine", vec![column("number", Type::INT4), column("name", Type::TEXT)]);
    let people = Name::new("public", "people");
    view.kind = RelationKind::View(View {
        query: "select id as number, name from people p where p.name <> 'x'".to_owned(),
        security_invoker: true,
        owners_by_default: false,
        key: Vec::new(),
        sources: vec![Some((people.clone(), "id".to_owned())), Some((people, "name".to_owned()))],
        materialized: false,
        updatable: true,
        takes: None,
        reads: None,
        calls: Vec::new(),
    });
    catalog.relations.insert(view.name.clone(), Arc::new(view));
    let sql = statement(&catalog, "insert into mine (number) values (3) returning number");
    holds(&sql, r#"INSERT INTO "people" ("name", "updated_at", "id") VALUES (NULL, NULL, 3) RETURNING "people"."id""#);
    let sql = statement(&catalog, "update mine set name = 'y' where number = 3");
    holds(&sql, r#"UPDATE "people" SET "name" = 'y'"#);
    holds(&sql, r#""people"."name" <> 'x'"#);
    holds(&sql, r#""people"."id" = 3"#);
}

#[test]
fn merge_is_refused_with_advice() {
    let sql = "merge into people p using notes n on n.rank = p.id when matched then delete";
    let error = compile_as(&catalog(), "authenticated", sql).expect_err("a refusal");
    assert_eq!((error.code(), error.message()), ("0A000", "MERGE is not supported"));
    assert!(error.hint().is_some());
}
