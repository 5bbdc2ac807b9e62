//! Violated constraints speak as PostgreSQL does.

mod support;

use support::{Fixture, with_schema};

const SCHEMA: &str = "
create table authors (id int primary key, name text not null unique, age int constraint grown check (age >= 18));
create table books (
  id int primary key, author_id int not null references authors, isbn text, parent int references books on delete cascade,
  unique (author_id, isbn)
);
create table loans (id int primary key, book_id int references books);
create unique index books_size on books (abs(id));
insert into authors values (1, 'ann', 30), (2, 'bob', 40);
insert into books values (1, 1, 'x', null), (2, 1, 'y', 1);
insert into loans values (1, 2);
";

async fn fails(db: &Fixture, sql: &str, code: &str, message: &str, detail: Option<&str>) {
    let error = db.error(sql, &[]).await;
    assert_eq!((error.code(), error.message(), error.detail()), (code, message, detail), "{sql}");
}

#[tokio::test]
async fn unique() {
    let db = with_schema(SCHEMA).await;
    let message = "duplicate key value violates unique constraint \"authors_pkey\"";
    fails(&db, "insert into authors values (1, 'c', 20)", "23505", message, Some("Key (id)=(1) already exists.")).await;
    let message = "duplicate key value violates unique constraint \"authors_name_key\"";
    let detail = Some("Key (name)=(bob) already exists.");
    fails(&db, "insert into authors values (3, 'c', 20), (4, 'bob', 20)", "23505", message, detail).await;
    fails(&db, "update authors set name = 'bob' where id = 1", "23505", message, detail).await;
    let message = "duplicate key value violates unique constraint \"books_author_id_isbn_key\"";
    let detail = Some("Key (author_id, isbn)=(1, y) already exists.");
    fails(&db, "insert into books values (3, 1, 'y', null)", "23505", message, detail).await;
    let message = "duplicate key value violates unique constraint \"books_size\"";
    fails(&db, "insert into books values (-1, 2, 'z', null)", "23505", message, None).await;
    let message = "duplicate key value violates unique constraint \"authors_name_key\"";
    let detail = Some("Key (name)=(new) already exists.");
    fails(&db, "insert into authors values (5, 'new', 20), (6, 'new', 20)", "23505", message, detail).await;
}

#[tokio::test]
async fn not_null_and_check() {
    let db = with_schema(SCHEMA).await;
    let message = "null value in column \"name\" of relation \"authors\" violates not-null constraint";
    let detail = Some("Failing row contains (5, null, 20).");
    fails(&db, "insert into authors values (4, 'd', 20), (5, null, 20)", "23502", message, detail).await;
    let message = "new row for relation \"authors\" violates check constraint \"grown\"";
    let detail = Some("Failing row contains (7, f, 3).");
    fails(&db, "insert into authors values (6, 'e', 20), (7, 'f', 3)", "23514", message, detail).await;
    fails(&db, "update authors set age = 1 where id = 1", "23514", message, Some("Failing row contains (1, ann, 1)."))
        .await;
}

#[tokio::test]
async fn foreign_keys() {
    let db = with_schema(SCHEMA).await;
    let message = "insert or update on table \"books\" violates foreign key constraint \"books_author_id_fkey\"";
    let detail = Some("Key (author_id)=(9) is not present in table \"authors\".");
    fails(&db, "insert into books values (5, 9, 'z', null)", "23503", message, detail).await;
    fails(&db, "update books set author_id = 9 where id = 1", "23503", message, detail).await;
    let message = "update or delete on table \"authors\" violates foreign key constraint \"books_author_id_fkey\" on table \"books\"";
    let detail = Some("Key (id)=(1) is still referenced from table \"books\".");
    fails(&db, "delete from authors where id = 1", "23503", message, detail).await;
    fails(&db, "update authors set id = 7 where id = 1", "23503", message, detail).await;
    // Through a cascade: book 1 takes book 2 along, which is on loan.
    let message =
        "update or delete on table \"books\" violates foreign key constraint \"loans_book_id_fkey\" on table \"loans\"";
    let detail = Some("Key (id)=(2) is still referenced from table \"loans\".");
    fails(&db, "delete from books where id = 1", "23503", message, detail).await;
}

#[tokio::test]
async fn keys_are_quoted_where_their_names_need_it() {
    let db = with_schema(
        "create table t (\"Id\" int primary key, \"order\" int, b int, unique (\"order\", b)); insert into t values (1, 2, 3);",
    )
    .await;
    let message = "duplicate key value violates unique constraint \"t_pkey\"";
    fails(&db, "insert into t values (1, 1, 1)", "23505", message, Some("Key (\"Id\")=(1) already exists.")).await;
    let message = "duplicate key value violates unique constraint \"t_order_b_key\"";
    let detail = Some("Key (\"order\", b)=(2, 3) already exists.");
    fails(&db, "insert into t values (2, 2, 3)", "23505", message, detail).await;
}

#[tokio::test]
async fn a_default_that_refers_to_nothing_is_named() {
    let db = with_schema(
        "create table p (id int primary key);
         create table c (id int, p_id int default 9 references p on delete set default on update set default);
         insert into p values (1), (2); insert into c values (1, 1);",
    )
    .await;
    let message = "insert or update on table \"c\" violates foreign key constraint \"c_p_id_fkey\"";
    let detail = Some("Key (p_id)=(9) is not present in table \"p\".");
    fails(&db, "delete from p where id = 1", "23503", message, detail).await;
    fails(&db, "update p set id = 3 where id = 1", "23503", message, detail).await;
    let error = db.error("delete from p where id = 1", &[]).await;
    assert_eq!(error.constraint(), Some("c_p_id_fkey"));
    db.run("delete from p where id = 2", &[]).await.expect("nothing refers to it");
}

#[tokio::test]
async fn the_failing_row_shows_the_drawn_value() {
    let db = with_schema("create table t (id serial primary key, n int not null);").await;
    let message = "null value in column \"n\" of relation \"t\" violates not-null constraint";
    fails(&db, "insert into t (n) values (null)", "23502", message, Some("Failing row contains (1, null).")).await;
    fails(&db, "insert into t (n) values (null)", "23502", message, Some("Failing row contains (2, null).")).await;
    assert_eq!(db.json("insert into t (n) values (1) returning id", &[]).await, "[{\"id\":3}]");
}

#[tokio::test]
async fn enums_and_numbers_sort_as_they_should() {
    let db = with_schema(
        "create type mood as enum ('sad', 'ok', 'happy');
         create table t (id int primary key, m mood, n numeric, ms mood[]);
         insert into t values (1, 'happy', 10, '{happy}'), (2, 'sad', 9.5, '{sad}'), (3, 'ok', 100, '{ok,sad}');",
    )
    .await;
    assert_eq!(db.json("select id from t order by m", &[]).await, "[{\"id\":2},{\"id\":3},{\"id\":1}]");
    assert_eq!(db.json("select id from t order by n", &[]).await, "[{\"id\":2},{\"id\":1},{\"id\":3}]");
    assert_eq!(db.json("select id from t order by ms desc", &[]).await, "[{\"id\":1},{\"id\":3},{\"id\":2}]");
    assert_eq!(db.json("select id from t where m > 'sad' order by id", &[]).await, "[{\"id\":1},{\"id\":3}]");
    db.database.run_script("alter type mood add value 'low' before 'ok';", |_| {}).await.expect("alters");
    db.run("insert into t values (4, 'low', 0, null)", &[]).await.expect("inserts");
    assert_eq!(db.json("select id from t order by m", &[]).await, "[{\"id\":2},{\"id\":4},{\"id\":3},{\"id\":1}]");
}

#[tokio::test]
async fn checks_may_ask_the_session() {
    let db = with_schema(
        "create domain past as timestamptz check (value <= now());
         create table visits (
           id int primary key, at timestamptz check (at <= now() + interval '1 hour'), born date check (born < current_date),
           day timestamp check (day < localtimestamp), seen timestamptz check (seen <= current_timestamp), done past,
           tenant text check (tenant = current_setting('app.tenant', true)), zone text check (zone = current_setting('timezone')),
           who text check (who = current_user)
         );",
    )
    .await;
    db.run("insert into visits (id, at, born, day, done, zone, who) values (1, now(), '2000-01-01', '2000-01-01', now(), 'UTC', 'postgres')", &[])
        .await
        .expect("inserts");
    for (column, value) in [
        ("at", "now() + interval '2 hours'"),
        ("born", "current_date"),
        ("day", "localtimestamp + interval '1 day'"),
        ("seen", "now() + interval '1 second'"),
        ("done", "now() + interval '1 second'"),
        ("zone", "'CET'"),
        ("who", "'anon'"),
    ] {
        let insert = format!("insert into visits (id, {column}) values (2, {value})");
        assert_eq!(db.error(&insert, &[]).await.code(), "23514", "{column}");
    }
    // A setting that is not there makes the check NULL, which holds.
    db.run("insert into visits (id, tenant) values (3, 'a')", &[]).await.expect("inserts");
    for refused in [
        "create table g (a timestamptz, b bool generated always as (a < now()) stored)",
        "create index on visits ((at < now()))",
        "create index on visits (id) where zone = current_setting('timezone')",
    ] {
        let failed = db.database.run_script(refused, |_| {}).await.expect_err(refused);
        assert_eq!(failed.error.code(), "42P17", "{refused}");
    }
}

#[tokio::test]
async fn a_new_key_tells_which_rows_are_equal() {
    let db = with_schema(
        "create type mood as enum ('sad', 'ok');
         create table u (id int primary key, n text, m mood, d numeric, t timestamptz);
         insert into u values (1, 'a', 'ok', 1.50, '2024-01-01'), (2, 'A', 'ok', 1.5, '2024-01-01'), (3, null, null, null, null);",
    )
    .await;
    for (script, index, detail) in [
        ("alter table u add x int not null default 5 unique", "u_x_key", "Key (x)=(5) is duplicated."),
        ("alter table u add x timestamptz default now() unique", "u_x_key", ""),
        ("alter table u add unique (m, t)", "u_m_t_key", "Key (m, t)=(ok, 2024-01-01 00:00:00+00) is duplicated."),
        ("create unique index um on u (m)", "um", "Key (m)=(ok) is duplicated."),
        ("create unique index ud on u (d)", "ud", "Key (d)=(1.50) is duplicated."),
        ("create unique index un on u (lower(n))", "un", "Key (lower(n))=(a) is duplicated."),
        ("create unique index up on u (m) where id < 3", "up", "Key (m)=(ok) is duplicated."),
        ("alter table u alter id type bigint using id / 4", "u_pkey", "Key (id)=(0) is duplicated."),
    ] {
        let error = db.database.run_script(script, |_| {}).await.expect_err(script).error;
        if detail.is_empty() {
            assert_eq!(error.code(), "23505", "{script}: {error:?}");
            continue;
        }
        let message = format!("could not create unique index \"{index}\"");
        assert_eq!((error.code(), error.message()), ("23505", message.as_str()), "{script}");
        assert_eq!((error.detail(), error.constraint()), (Some(detail), Some(index)), "{script}");
    }
    let done =
        db.database.run_script("alter table u add s serial unique; create unique index on u (m) where id < 2", |_| {});
    done.await.expect("unique");
    assert_eq!(db.json("select s from u order by id", &[]).await, "[{\"s\":1},{\"s\":2},{\"s\":3}]");
}

#[tokio::test]
async fn what_sqlite_cannot_keep_or_join_is_told() {
    let db = with_schema(
        "create table o (id int primary key, a int);
         create function known(x int) returns bool language sql immutable as 'select exists (select 1 from o where o.id = x)';
         create domain known_id as int check (known(value));",
    )
    .await;
    for script in [
        "create table c (a int check (known(a)))",
        "create table c (a int, b bool generated always as (known(a)) stored)",
        "alter table o add check (known(a))",
        "create index on o (known(a))",
        "create index on o (id) where known(a)",
    ] {
        let error = db.database.run_script(script, |_| {}).await.expect_err(script).error;
        assert_eq!(error.code(), "0A000", "{script}: {error:?}");
        assert!(error.hint().is_some(), "{script}");
    }
    let joins: String = (1..70).map(|n| format!(" join o o{n} on o{n}.id = o0.id")).collect();
    let error = db.error(&format!("select o0.id from o o0{joins}"), &[]).await;
    assert_eq!((error.code(), error.hint().is_some()), ("54000", true), "{error:?}");
}
