//! What writing promises: groups, isolation of failures, sequences, transactions' ends.

mod support;

use std::sync::atomic::Ordering;
use std::time::Duration;

use basalt_core::Error;
use basalt_db::{Format, Options, Request, TransactionEnd};
use support::{request, text, with_options, with_schema};

#[tokio::test]
async fn a_failed_write_fails_alone() {
    let db = with_schema("create table t (id int primary key); insert into t values (0);").await;
    let writes = (0..200).map(|i| {
        // Every tenth is a duplicate.
        let id = if i % 10 == 0 { 0 } else { i };
        let database = db.database.clone();
        tokio::spawn(async move { database.run(request("insert into t values ($1)", &[&id.to_string()])).await })
    });
    let mut failed = 0;
    for write in writes.collect::<Vec<_>>() {
        if let Err(error) = write.await.expect("no panic") {
            assert_eq!(error.code(), "23505");
            failed += 1;
        }
    }
    assert_eq!(failed, 20);
    assert_eq!(db.json("select count(*) from t", &[]).await, "[{\"count\":181}]");
    let stats = db.database.embedded().expect("embedded").stats();
    assert!(stats.largest_group.load(Ordering::Relaxed) > 1, "writes were grouped: {stats:?}");
}

#[tokio::test]
async fn a_write_that_fails_midway_leaves_nothing() {
    let schema = "create table u (id int primary key); insert into u values (1);
        create table t (id int primary key, of_u int references u, n int unique check (n < 100));
        insert into t values (50, 1, 50);";
    let db = with_schema(schema).await;
    // Each writes rows, then meets one that it can't write.
    let failing = [
        ("23505", "insert into t select x, 1, x from generate_series(41, 60) x"),
        ("23514", "insert into t select x, 1, x from generate_series(90, 110) x"),
        ("23503", "insert into t select x, x, x from generate_series(1, 9) x"),
        ("22012", "insert into t select x, 1, 10 / (3 - x) from generate_series(1, 9) x"),
        ("22012", "update t set of_u = 1, n = n / (id - 50)"),
        ("23503", "delete from u"),
        ("23505", "with w as (insert into t values (3, 1, 3)) insert into t values (4, 1, 50)"),
    ];
    let writes = failing.iter().cycle().take(70).map(|&(code, sql)| {
        let database = db.database.clone();
        tokio::spawn(async move {
            let mut request = request(sql, &[]);
            request.format = Format::None;
            let error = database.run(request).await.expect_err(sql);
            assert_eq!(error.code(), code, "{sql}");
        })
    });
    for write in writes.collect::<Vec<_>>() {
        write.await.expect("the expected error");
    }
    assert_eq!(db.json("select * from t", &[]).await, "[{\"id\":50,\"of_u\":1,\"n\":50}]");
    assert_eq!(db.json("select * from u", &[]).await, "[{\"id\":1}]");
}

#[tokio::test]
async fn a_write_without_a_body_counts_its_rows() {
    let db = with_schema("create table t (id int primary key, n int); insert into t values (1, 1);").await;
    let statements = [
        (2, "insert into t values (2, 2), (3, 3) returning 1 as \"basalt:one\""),
        (1, "insert into t values (3, 4), (4, 4) on conflict do nothing returning 1 as \"basalt:one\""),
        (3, "update t set n = 0 where id > 1 returning 1 as \"basalt:one\""),
        (0, "update t set n = 0 where id > 9 returning 1 as \"basalt:one\""),
        (4, "delete from t returning 1 as \"basalt:one\""),
    ];
    for (rows, sql) in statements {
        let mut request = request(sql, &[]);
        request.format = Format::None;
        assert_eq!(db.database.run(request).await.expect(sql).rows, rows, "{sql}");
    }
}

#[tokio::test]
async fn everyone_reads_what_was_acknowledged() {
    let db = with_schema("create table t (id int primary key);").await;
    for i in 0..100 {
        let id = i.to_string();
        db.run("insert into t values ($1)", &[&id]).await.expect("inserts");
        assert_eq!(db.json("select id from t where id = $1", &[&id]).await, format!("[{{\"id\":{i}}}]"));
    }
}

#[tokio::test]
async fn returning_gives_the_written_rows() {
    let db = with_schema("create table t (id bigserial primary key, name text not null default 'x');").await;
    assert_eq!(
        db.json("insert into t (name) values ('a'), (default) returning *", &[]).await,
        "[{\"id\":1,\"name\":\"a\"},{\"id\":2,\"name\":\"x\"}]"
    );
    let answer = db.run("update t set name = 'b'", &[]).await.expect("updates");
    assert_eq!((answer.rows, text(&answer).as_str()), (2, "[]"));
}

#[tokio::test]
async fn sequences_go_on_after_a_failure() {
    let db = with_schema("create table t (id serial primary key, n int unique); insert into t (n) values (1);").await;
    assert_eq!(db.error("insert into t (n) values (1)", &[]).await.code(), "23505");
    assert_eq!(db.json("insert into t (n) values (2) returning id", &[]).await, "[{\"id\":3}]");
    let (database, folder) = (db.database, db.folder);
    drop(database);
    let database = basalt_db::Database::open(support::options(&folder)).expect("opens");
    let db = support::Fixture { database, folder };
    assert_eq!(db.json("insert into t (n) values (3) returning id", &[]).await, "[{\"id\":4}]");
    assert_eq!(db.json("select setval('t_id_seq', 10)", &[]).await, "[{\"setval\":10}]");
    assert_eq!(
        db.json("insert into t (n) values (4) returning id, currval('t_id_seq')", &[]).await,
        "[{\"id\":11,\"currval\":11}]"
    );
    assert_eq!(db.error("select lastval()", &[]).await.code(), "55000");
    let error = db.error("select setval('t_id_seq', 0)", &[]).await;
    assert_eq!(error.message(), "setval: value 0 is out of bounds for sequence \"t_id_seq\" (1..2147483647)");
}

#[tokio::test]
async fn the_sequence_of_a_column_is_found_by_its_column() {
    let db = with_schema("create table t (id serial primary key); insert into t values (7), (9);").await;
    let set = "select setval(pg_get_serial_sequence('t', 'id'), (select max(id) from t))";
    assert_eq!(db.json(set, &[]).await, "[{\"setval\":9}]");
    assert_eq!(db.json("insert into t default values returning id", &[]).await, "[{\"id\":10}]");
    let error = db.error("select pg_get_serial_sequence(current_user, 'id')", &[]).await;
    assert_eq!(error.code(), "42P01");
    let error = db.error("select pg_get_serial_sequence(id::text, 'id') from t", &[]).await;
    assert_eq!((error.code(), error.hint()), ("0A000", Some("Name both by constants.")));
}

#[tokio::test]
async fn a_transaction_can_end_in_a_rollback() {
    let db = with_schema("create table t (id int primary key);").await;
    let request = Request { end: TransactionEnd::Rollback, ..request("insert into t values (1) returning id", &[]) };
    assert_eq!(text(&db.database.run(request).await.expect("runs")), "[{\"id\":1}]");
    assert_eq!(db.json("select count(*) from t", &[]).await, "[{\"count\":0}]");
}

#[tokio::test]
async fn a_check_can_undo_a_write() {
    let db = with_schema("create table t (id int primary key);").await;
    let request = Request {
        check: Some(Box::new(|answer| if answer.rows > 1 { Err(Error::new("PGRST116", "too many")) } else { Ok(()) })),
        ..request("insert into t values (1), (2) returning id", &[])
    };
    assert_eq!(db.database.run(request).await.expect_err("checked").code(), "PGRST116");
    assert_eq!(db.json("select count(*) from t", &[]).await, "[{\"count\":0}]");
}

#[tokio::test]
async fn deferred_keys_are_checked_at_commit_and_fail_alone() {
    let db = with_schema(
        "create table a (id int primary key);
         create table b (id int primary key, a_id int references a deferrable initially deferred);
         create table c (id int primary key);",
    )
    .await;
    let bad = (0..20).map(|i| format!("insert into b values ({i}, 99)"));
    let good = (0..20).map(|i| format!("insert into c values ({i})"));
    let runs = bad.zip(good).flat_map(|(bad, good)| [bad, good]).map(|sql| {
        let database = db.database.clone();
        tokio::spawn(async move { database.run(request(&sql, &[])).await })
    });
    for (i, run) in runs.collect::<Vec<_>>().into_iter().enumerate() {
        let result = run.await.expect("no panic");
        if i % 2 == 0 {
            let error = result.expect_err("violates");
            assert_eq!(error.code(), "23503");
            assert_eq!(
                error.message(),
                "insert or update on table \"b\" violates foreign key constraint \"b_a_id_fkey\""
            );
        } else {
            result.expect("innocent");
        }
    }
    let rolled_back = Request { end: TransactionEnd::Rollback, ..request("insert into b values (1, 99)", &[]) };
    assert_eq!(db.database.run(rolled_back).await.expect_err("violates").code(), "23503");
}

/// As PostgreSQL has it: the message is that of the row that was written.
#[tokio::test]
async fn a_deferred_key_names_the_table_that_was_written() {
    let db = with_schema(
        "create table a (id int primary key);
         create table b (id int primary key, n int, a_id int references a deferrable initially deferred);
         insert into a values (1), (2), (3);
         insert into b values (1, 0, 1), (2, 0, 2), (3, 0, null);",
    )
    .await;
    let referred = "insert or update on table \"b\" violates foreign key constraint \"b_a_id_fkey\"";
    let went = "update or delete on table \"a\" violates foreign key constraint \"b_a_id_fkey\" on table \"b\"";
    for (sql, message, detail) in [
        ("delete from a where id = 1", went, "Key is still referenced from table \"b\"."),
        ("update a set id = 9 where id = 2", went, "Key is still referenced from table \"b\"."),
        (
            "with u as (update b set n = 1 where id = 1 returning 1) delete from a where id = 1",
            went,
            "Key is still referenced from table \"b\".",
        ),
        ("update b set a_id = 9 where id = 1", referred, "Key is not present in table \"a\"."),
        ("insert into b values (4, 0, 9)", referred, "Key is not present in table \"a\"."),
    ] {
        let error = db.error(sql, &[]).await;
        assert_eq!((error.code(), error.message(), error.detail()), ("23503", message, Some(detail)), "{sql}");
    }
    assert_eq!(
        db.json("select id, a_id from b order by id", &[]).await,
        "[{\"id\":1,\"a_id\":1},{\"id\":2,\"a_id\":2},{\"id\":3,\"a_id\":null}]"
    );
    db.run("delete from a where id = 3", &[]).await.expect("nothing refers to it");
}

#[tokio::test]
async fn a_write_that_takes_too_long_takes_nobody_with_it() {
    let db = with_options("create table t (id int primary key); create table big (n bigint);", |options| Options {
        statement_timeout: Duration::from_millis(200),
        ..options
    })
    .await;
    let endless = "insert into big with recursive n as (select 1 as i union all select i + 1 from n) select i from n";
    let runs = (0..10).map(|i| {
        let sql = if i == 5 { endless.to_owned() } else { format!("insert into t values ({i})") };
        let database = db.database.clone();
        tokio::spawn(async move { database.run(request(&sql, &[])).await })
    });
    for (i, run) in runs.collect::<Vec<_>>().into_iter().enumerate() {
        let result = run.await.expect("no panic");
        assert_eq!(result.err().map(|e| e.code().to_owned()), (i == 5).then(|| "57014".to_owned()));
    }
    assert_eq!(
        db.json("select (select count(*) from t) as t, (select count(*) from big) as big", &[]).await,
        "[{\"t\":9,\"big\":0}]"
    );
}

#[tokio::test]
async fn a_full_queue_refuses() {
    let db = with_options("create table t (id int primary key);", |options| Options {
        readers: 1,
        queue: 1,
        statement_timeout: Duration::from_millis(300),
        ..options
    })
    .await;
    let endless = "with recursive n as (select 1 as i union all select i + 1 from n) select count(*) from n";
    let runs: Vec<_> = (0..5)
        .map(|_| {
            let database = db.database.clone();
            tokio::spawn(async move { database.run(request(endless, &[])).await })
        })
        .collect();
    let mut codes = Vec::new();
    for run in runs {
        codes.push(run.await.expect("no panic").expect_err("refused or cancelled").code().to_owned());
    }
    assert!(codes.iter().any(|code| code == "53300"), "{codes:?}");
    assert!(codes.iter().any(|code| code == "57014"), "{codes:?}");
}

#[tokio::test]
async fn functions_run_before_and_settings_come_out() {
    let db = with_schema(
        "create table t (id int primary key);
         create function before() returns void language sql as
           $$ select set_config('response.headers', '[{\"X-A\":\"1\"}]', true) $$;",
    )
    .await;
    let request = Request { pre_request: Some("public.before".to_owned()), ..request("select id from t", &[]) };
    let answer = db.database.run(request).await.expect("runs");
    assert_eq!(answer.response_settings, [("response.headers".to_owned(), "[{\"X-A\":\"1\"}]".to_owned())]);
}

#[tokio::test]
async fn upserts_tell_what_is_new() {
    let db = with_schema("create table t (id int primary key, n int); insert into t values (1, 1);").await;
    let answer = db
        .database
        .run(Request {
            format: Format::None,
            ..request(
                "insert into t values (1, 2), (2, 2) on conflict (id) do update set n = excluded.n returning id",
                &[],
            )
        })
        .await
        .expect("upserts");
    assert_eq!(answer.rows, 2);
    assert_eq!(db.json("select id, n from t order by id", &[]).await, "[{\"id\":1,\"n\":2},{\"id\":2,\"n\":2}]");
}

#[tokio::test]
async fn a_full_disk_acknowledges_nothing_and_loses_nothing() {
    let db = with_options("create table t (id int primary key, x text);", |options| Options {
        max_size: 1 << 20,
        ..options
    })
    .await;
    let large = "x".repeat(50_000);
    let runs: Vec<_> = (0..60)
        .map(|i| {
            let (database, large) = (db.database.clone(), large.clone());
            tokio::spawn(async move {
                database.run(request("insert into t values ($1, $2)", &[&i.to_string(), &large])).await
            })
        })
        .collect();
    let (mut kept, mut refused) = (0, 0);
    for run in runs {
        match run.await.expect("no panic") {
            Ok(_) => kept += 1,
            Err(error) => {
                assert_eq!(error.code(), "53100");
                refused += 1;
            }
        }
    }
    assert!(refused > 0, "{kept} were kept");
    assert_eq!(db.json("select count(*) from t", &[]).await, format!("[{{\"count\":{kept}}}]"));
    db.run("delete from t", &[]).await.expect("deletes");
    db.run("insert into t values (1, 'small')", &[]).await.expect("there is room again");
}

#[tokio::test]
async fn readers_do_not_wait_for_a_long_write() {
    let db = with_options("create table t (n bigint); insert into t values (1);", |options| Options {
        statement_timeout: Duration::from_millis(600),
        ..options
    })
    .await;
    let endless = "insert into t with recursive n as (select 1 as i union all select i + 1 from n) select i from n";
    let database = db.database.clone();
    let long = tokio::spawn(async move { database.run(request(endless, &[])).await });
    tokio::time::sleep(Duration::from_millis(100)).await;
    for _ in 0..20 {
        assert_eq!(db.json("select n from t", &[]).await, "[{\"n\":1}]");
    }
    assert!(!long.is_finished(), "the write was still running");
    assert_eq!(long.await.expect("no panic").expect_err("cancelled").code(), "57014");
}

#[tokio::test]
async fn the_log_is_moved_into_the_file() {
    let db = with_schema("create table t (id serial primary key, x text);").await;
    let large = "x".repeat(100_000);
    for _ in 0..150 {
        db.run("insert into t (x) values ($1)", &[&large]).await.expect("inserts");
    }
    let stats = db.database.embedded().expect("embedded").stats();
    for _ in 0..100 {
        if stats.checkpoints.load(Ordering::Relaxed) > 0 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("no checkpoint: {stats:?}");
}

#[tokio::test]
async fn sequences_end_or_cycle() {
    let db = with_schema(
        "create sequence up maxvalue 2; create sequence down increment -1 minvalue -2 maxvalue -1 start -1;
         create sequence round maxvalue 2 cycle;",
    )
    .await;
    for value in [1, 2] {
        assert_eq!(db.json("select nextval('up') as n", &[]).await, format!("[{{\"n\":{value}}}]"));
        assert_eq!(db.json("select nextval('down') as n", &[]).await, format!("[{{\"n\":-{value}}}]"));
    }
    let error = db.error("select nextval('up')", &[]).await;
    assert_eq!((error.code(), error.message()), ("2200H", "nextval: reached maximum value of sequence \"up\" (2)"));
    let error = db.error("select nextval('down')", &[]).await;
    assert_eq!(error.message(), "nextval: reached minimum value of sequence \"down\" (-2)");
    for value in [1, 2, 1] {
        assert_eq!(db.json("select nextval('round') as n", &[]).await, format!("[{{\"n\":{value}}}]"));
    }
    assert_eq!(db.error("select currval('round')", &[]).await.code(), "55000");
    db.database
        .run_script("alter sequence round restart with 2; alter sequence up rename to on_up;", |_| {})
        .await
        .expect("alters");
    assert_eq!(db.json("select nextval('round') as n", &[]).await, "[{\"n\":2}]");
    assert_eq!(db.error("select nextval('on_up')", &[]).await.code(), "2200H");
    assert_eq!(
        db.json("select setval('on_up', 1, false), nextval('on_up') as n", &[]).await,
        "[{\"setval\":1,\"n\":1}]"
    );
}
