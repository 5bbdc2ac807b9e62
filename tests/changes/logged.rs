//! Every way of writing is logged once, and what is undone is not.

use std::collections::BTreeSet;

use basalt_core::{Identity, Operation};
use basalt_db::{Format, Isolation, Request, TransactionEnd};
use basalt_tests::Server;
use serde_json::json;

use crate::world::{end, lines, logged, script};

const SCHEMA: &str = "
create table parents (id integer primary key, name text, at timestamptz);
create table children (id integer primary key, parent_id integer references parents (id) on delete cascade on update cascade, n numeric);
create table quiet (id integer primary key, name text);
create function add_two(a integer, b integer) returns void language sql volatile as $$
    insert into parents (id) values (a);
    insert into parents (id) values (b);
$$;
alter table parents enable row level security;
create policy everyone on parents using (true);
alter publication supabase_realtime add table parents, children;
";

#[tokio::test(flavor = "multi_thread")]
async fn each_way_of_writing_is_logged_once() {
    let server = Server::start(SCHEMA).await;
    let start = end(&server).await;
    let user = "00000000-0000-0000-0000-00000000000a";
    server
        .post("/parents", &json!({"id": 1, "name": "one", "at": "2024-01-31T10:00:00+02:00"}))
        .user(user)
        .expect(201, json!(null))
        .await;
    server
        .post("/parents", &json!([{"id": 1, "name": "uno"}, {"id": 2, "name": "two"}]))
        .service()
        .prefer("resolution=merge-duplicates")
        .expect(201, json!(null))
        .await;
    server
        .patch("/parents?id=eq.2", &json!({"name": "zwei"}))
        .service()
        .prefer("return=representation")
        .expect(200, json!([{"id": 2, "name": "zwei", "at": null}]))
        .await;
    server.post("/children", &json!([{"id": 1, "parent_id": 1, "n": 1.25}])).service().expect(201, json!(null)).await;
    server.patch("/parents?id=eq.1", &json!({"id": 9})).service().expect(204, json!(null)).await;
    server.delete("/parents?id=eq.9").service().expect(204, json!(null)).await;
    server.post("/rpc/add_two", &json!({"a": 3, "b": 4})).service().expect(204, json!(null)).await;
    server.post("/quiet", &json!({"id": 1})).service().expect(201, json!(null)).await;
    let changes = logged(&server, start).await;
    let at = "2024-01-31T08:00:00+00:00";
    let mut told = lines(&changes);
    // Whether a row or those that follow it by a foreign key are told first is each engine's.
    told[5..7].sort();
    told[7..9].sort();
    assert_eq!(
        told,
        [
            format!(r#"INSERT public.parents - {{"id":1,"name":"one","at":"{at}"}}"#),
            format!(r#"UPDATE public.parents {{"id":1,"name":"one","at":"{at}"}} {{"id":1,"name":"uno","at":"{at}"}}"#),
            r#"INSERT public.parents - {"id":2,"name":"two","at":null}"#.into(),
            r#"UPDATE public.parents {"id":2,"name":"two","at":null} {"id":2,"name":"zwei","at":null}"#.into(),
            r#"INSERT public.children - {"id":1,"parent_id":1,"n":1.25}"#.into(),
            r#"UPDATE public.children {"id":1,"parent_id":1,"n":1.25} {"id":1,"parent_id":9,"n":1.25}"#.into(),
            format!(r#"UPDATE public.parents {{"id":1,"name":"uno","at":"{at}"}} {{"id":9,"name":"uno","at":"{at}"}}"#),
            r#"DELETE public.children {"id":1,"parent_id":9,"n":1.25} -"#.into(),
            format!(r#"DELETE public.parents {{"id":9,"name":"uno","at":"{at}"}} -"#),
            r#"INSERT public.parents - {"id":3,"name":null,"at":null}"#.into(),
            r#"INSERT public.parents - {"id":4,"name":null,"at":null}"#.into(),
        ]
    );
    let first = &changes[0];
    assert_eq!((&*first.role, first.sub.as_deref()), ("authenticated", Some(user)));
    assert_eq!((&*changes[1].role, changes[1].sub.as_deref()), ("service_role", None));
    let transactions: Vec<u64> = changes.iter().map(|change| change.transaction).collect();
    let same = |a: usize, b: usize| transactions[a] == transactions[b];
    assert!(!same(0, 1) && same(1, 2) && !same(2, 3) && same(5, 6) && same(7, 8) && same(9, 10), "{transactions:?}");
    let columns: Vec<(&str, &str)> = first.table.columns.iter().map(|c| (c.name.as_str(), c.ty.as_str())).collect();
    assert_eq!(columns, [("id", "int4"), ("name", "text"), ("at", "timestamptz")]);
    assert_eq!(first.table.key, ["id"]);
    let now = basalt_core::unix_time().as_micros() as i64;
    assert!((now - first.committed_at).abs() < 600_000_000, "{} is about now", first.committed_at);
}

#[tokio::test(flavor = "multi_thread")]
async fn scripts_are_logged_and_definitions_are_not() {
    let server = Server::start(SCHEMA).await;
    let seed = "insert into parents values (1, 'one', null);
        copy children (id, parent_id, n) from stdin;\n1\t1\t2.5\n\\.\n
        update children set n = n + 1; insert into quiet values (1, 'x');";
    assert_eq!(
        script(&server, seed).await,
        [
            r#"INSERT public.parents - {"id":1,"name":"one","at":null}"#,
            r#"INSERT public.children - {"id":1,"parent_id":1,"n":2.5}"#,
            r#"UPDATE public.children {"id":1,"parent_id":1,"n":2.5} {"id":1,"parent_id":1,"n":3.5}"#,
        ]
    );
    // The form of a table changes, and its rows are told in the new form.
    let alter = "alter table parents add column extra text not null default 'e';
        alter table parents drop column at;
        alter table children alter column n type text using n::text;
        insert into parents values (2, 'two', 'f');";
    assert_eq!(script(&server, alter).await, [r#"INSERT public.parents - {"id":2,"name":"two","extra":"f"}"#]);
    let rename = "alter table parents rename to people; alter table people rename column name to title;
        update people set title = 'zwei' where id = 2;";
    assert_eq!(
        script(&server, rename).await,
        [r#"UPDATE public.people {"id":2,"title":"two","extra":"f"} {"id":2,"title":"zwei","extra":"f"}"#]
    );
    assert_eq!(
        script(&server, "truncate people, children;").await,
        ["TRUNCATE public.people - -", "TRUNCATE public.children - -"]
    );
    assert_eq!(script(&server, "drop table children; drop table people;").await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_undone_leaves_no_entry() {
    let server = Server::start(SCHEMA).await;
    let start = end(&server).await;
    server.post("/parents", &json!([{"id": 1}, {"id": 1}])).service().expect_error(409, "23505").await;
    let failing = server.database.run_script("insert into parents values (3); select 1/0 from parents;", |_| ()).await;
    assert!(failing.is_err());
    let insert = |id: &str| Request {
        format: Format::None,
        ..Request::new(Identity::role("service_role"), "insert into parents (id) values ($1)", vec![Some(id.into())])
    };
    server.database.run(Request { end: TransactionEnd::Rollback, ..insert("2") }).await.unwrap();
    let mut transaction = server.database.begin(Isolation::default()).await.unwrap();
    transaction.run(insert("4")).await.unwrap();
    assert!(transaction.run(insert("4")).await.is_err());
    transaction.run(insert("5")).await.unwrap();
    transaction.commit().await.unwrap();
    let mut undone = server.database.begin(Isolation::default()).await.unwrap();
    undone.run(insert("6")).await.unwrap();
    undone.rollback().await.unwrap();
    let changes = logged(&server, start).await;
    assert_eq!(
        lines(&changes),
        [
            r#"INSERT public.parents - {"id":4,"name":null,"at":null}"#,
            r#"INSERT public.parents - {"id":5,"name":null,"at":null}"#,
        ]
    );
    assert_eq!(changes[0].transaction, changes[1].transaction);
}

#[tokio::test(flavor = "multi_thread")]
async fn publications_say_what_is_watched() {
    let server = Server::start(SCHEMA).await;
    let watched = || {
        let names = server.database.changes().watched().into_keys();
        names.filter(|name| name.schema == "public").map(|name| name.name).collect::<Vec<_>>()
    };
    assert_eq!(watched(), ["children", "parents"]);
    let before = end(&server).await;
    // On PostgreSQL a trigger comes and goes with the reload, not within the transaction.
    script(&server, "alter publication supabase_realtime drop table parents;").await;
    assert_eq!(script(&server, "insert into parents values (1);").await, Vec::<String>::new());
    script(&server, "alter publication supabase_realtime set table quiet;").await;
    script(&server, "alter publication supabase_realtime set (publish = 'insert, delete');").await;
    server.post("/quiet", &json!({"id": 1})).service().expect(201, json!(null)).await;
    server.patch("/quiet?id=eq.1", &json!({"name": "x"})).service().expect(204, json!(null)).await;
    server.delete("/quiet?id=eq.1").service().expect(204, json!(null)).await;
    server.post("/parents", &json!({"id": 2})).service().expect(201, json!(null)).await;
    assert_eq!(watched(), ["quiet"]);
    let changes = logged(&server, before).await;
    assert_eq!(
        lines(&changes),
        [r#"INSERT public.quiet - {"id":1,"name":null}"#, r#"DELETE public.quiet {"id":1,"name":"x"} -"#]
    );

    // A service watches tables of its own, besides, and of them what it asks for.
    let name = basalt_sql::Name::new("public", "parents");
    let inserts = BTreeSet::from([Operation::Insert]);
    let all = BTreeSet::from(Operation::ALL);
    let changes = server.database.changes();
    for operations in [&inserts, &all, &inserts] {
        changes.watch("test", std::slice::from_ref(&name), operations).await.unwrap();
        assert!(changes.watched()[&name].iter().eq(operations));
    }
    let before = end(&server).await;
    server.post("/parents", &json!({"id": 3})).service().expect(201, json!(null)).await;
    server.delete("/parents?id=eq.3").service().expect(204, json!(null)).await;
    assert_eq!(lines(&logged(&server, before).await), [r#"INSERT public.parents - {"id":3,"name":null,"at":null}"#]);
    changes.watch("test", &[], &all).await.unwrap();
    assert_eq!(watched(), ["quiet"]);
    let refused = changes.watch("test", &[basalt_sql::Name::new("public", "nothing")], &all).await;
    assert_eq!(refused.unwrap_err().code(), "42P01");
}
