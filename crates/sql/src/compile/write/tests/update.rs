//! UPDATE and DELETE, RETURNING, and writes through views.

use super::*;

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
