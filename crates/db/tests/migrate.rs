//! Migrations, seeds and imports.

mod support;

use std::sync::{Arc, Mutex};

use basalt_db::migrate::Progress;
use support::{text, with_schema};

#[tokio::test]
async fn a_migration_is_all_or_nothing_and_remembered() {
    let db = with_schema("").await;
    let engine = &db.database;
    engine.apply_migration("1", "first", "create table t (id int primary key);").await.expect("applies");
    let source = "create table u (id int primary key);\ninsert into t values (1);\ninsert into t values (1);";
    let failed = engine.apply_migration("2", "second", source).await.expect_err("fails");
    assert_eq!(failed.error.code(), "23505");
    assert_eq!((failed.offset, failed.statement.as_str()), (63, "insert into t values (1)"));
    assert!(db.database.catalog().relation("public", "u").is_none());
    assert_eq!(db.json("select count(*) from t", &[]).await, "[{\"count\":0}]");
    let applied = engine.applied().await.expect("reads");
    let names: Vec<_> = applied.iter().map(|a| (a.version.as_str(), a.name.as_str())).collect();
    assert_eq!(names, [("1", "first")]);
    assert_eq!(applied[0].checksum.len(), 64);
    let again = engine.apply_migration("1", "first", "select 1;").await.expect_err("recorded");
    assert_eq!(again.error.code(), "23505");
}

#[tokio::test]
async fn readers_see_the_new_catalog_at_once() {
    let db = with_schema("create table t (id int primary key, a text); insert into t values (1, 'x');").await;
    for i in 0..20 {
        let sql = format!("alter table t add column c{i} int not null default {i};");
        let reads: Vec<_> = (0..8)
            .map(|_| {
                let database = db.database.clone();
                tokio::spawn(async move { database.run(support::request("select * from t", &[])).await })
            })
            .collect();
        db.database.run_script(&sql, |_| {}).await.expect("alters");
        for read in reads {
            read.await.expect("no panic").expect("reads");
        }
        assert!(db.json("select * from t", &[]).await.contains(&format!("\"c{i}\":{i}")));
    }
    db.database.run_script("alter table t drop column a;", |_| {}).await.expect("drops");
    assert!(!db.json("select * from t", &[]).await.contains("\"a\""));
}

#[tokio::test]
async fn copy_reads_text_and_csv() {
    let db = with_schema("create table t (id int primary key, a text, n numeric);").await;
    let rows: String = (10..260).map(|i| format!("{i}\trow {i}\t{i}.50\n")).collect();
    let source = format!(
        "copy public.t (id, a, n) from stdin;\n1\ta\\tb\\\\c\t1.5\n2\t\\N\t\\N\n{rows}\\.\n\n\
         copy t from stdin with (format csv, header);\nid,a,n\n3,\"x, \"\"y\"\"\nz\",2\n4,,\n\\.\n"
    );
    let seen = Arc::new(Mutex::new(Vec::<Progress>::new()));
    let report = seen.clone();
    let done = db
        .database
        .run_script(&source, move |progress| report.lock().expect("unpoisoned").push(progress))
        .await
        .expect("imports");
    assert_eq!(done.rows, 254);
    assert!(seen.lock().expect("unpoisoned").len() > 2);
    assert_eq!(
        db.json("select id, a, n from t where id < 10 order by id", &[]).await,
        "[{\"id\":1,\"a\":\"a\\tb\\\\c\",\"n\":1.5},{\"id\":2,\"a\":null,\"n\":null},\
          {\"id\":3,\"a\":\"x, \\\"y\\\"\\nz\",\"n\":2},{\"id\":4,\"a\":null,\"n\":null}]"
    );
}

#[tokio::test]
async fn a_bad_row_is_found_in_its_line() {
    let db = with_schema("create table t (id int primary key);").await;
    let rows: String = (0..150).map(|i| if i == 120 { "x\n".to_owned() } else { format!("{i}\n") }).collect();
    let source = format!("copy t (id) from stdin;\n{rows}\\.\n");
    let failed = db.database.run_script(&source, |_| {}).await.expect_err("fails");
    assert_eq!(failed.error.code(), "22P02");
    assert_eq!(basalt_sql::script::position(&source, failed.offset), (122, 1));
    let missing = db.database.run_script("copy t (id) from stdin;\n1\t2\n\\.\n", |_| {}).await.expect_err("fails");
    assert_eq!(missing.error.message(), "extra data after last expected column");
}

#[tokio::test]
async fn keys_of_rows_that_are_there_are_checked() {
    let db = with_schema("create table a (id int primary key); create table b (id int primary key, a_id int); insert into b values (1, 5);").await;
    let sql = "alter table b add constraint b_a foreign key (a_id) references a (id);";
    let failed = db.database.run_script(sql, |_| {}).await.expect_err("violates");
    assert_eq!(failed.error.code(), "23503");
    assert_eq!(failed.error.message(), "insert or update on table \"b\" violates foreign key constraint \"b_a\"");
    assert_eq!(failed.error.detail(), Some("Key (a_id)=(5) is not present in table \"a\"."));
    db.run("insert into a values (5)", &[]).await.expect("inserts");
    db.database.run_script(sql, |_| {}).await.expect("holds now");
    assert_eq!(db.error("delete from a", &[]).await.code(), "23503");
}

#[tokio::test]
async fn a_failed_migration_leaves_sequences_as_they_were() {
    let db = with_schema("create table t (id serial primary key); insert into t default values;").await;
    let failing = "insert into t default values; insert into t default values; select 1/0;";
    db.database.run_script(failing, |_| {}).await.expect_err("fails");
    assert_eq!(db.json("insert into t default values returning id", &[]).await, "[{\"id\":2}]");
}

#[tokio::test]
async fn a_reset_leaves_a_new_database() {
    let db =
        with_schema("create schema app; create table app.t (id serial primary key); insert into app.t default values;")
            .await;
    let engine = &db.database;
    engine.apply_migration("1", "x", "create view v as select id from app.t;").await.expect("applies");
    engine.reset().await.expect("resets");
    assert!(engine.applied().await.expect("reads").is_empty());
    assert!(db.database.catalog().relation("app", "t").is_none());
    engine.run_script("create table t (id int primary key); insert into t values (1);", |_| {}).await.expect("runs");
    let answer = db.run("select * from t", &[]).await.expect("reads");
    assert_eq!(text(&answer), "[{\"id\":1}]");
}

#[tokio::test]
async fn an_error_in_a_block_is_told_at_its_statement() {
    let db = with_schema("create table t (id int primary key);").await;
    for script in [
        "select 1;\ndo $$\nbegin\n  perform 1;\n  insert into t values (7), (7);\nend $$;",
        "do $$ begin perform 1;\n  insert into t (nope) values (7);\nend $$;",
    ] {
        let failed = db.database.run_script(script, |_| {}).await.expect_err("fails");
        assert_eq!(Some(failed.offset), script.find("insert"), "{script}: {}", failed.error);
    }
}
