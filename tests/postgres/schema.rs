//! The catalog: how much of it can be read how, and when it is read again.

use std::fmt::Write as _;
use std::time::Duration;

use basalt_tests::Server;
use basalt_tests::postgres::Cluster;
use basalt_tests::waiting::comes_to;
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn two_thousand_tables_are_read_while_requests_go_on() {
    let cluster = Cluster::start();
    let mut script = String::from("create table t0 (id integer primary key, a text); insert into t0 values (1, 'x');");
    for i in 1..2000 {
        let _ = write!(
            script,
            "create table t{i} (id integer primary key, other integer references t{} (id), a text, b numeric(9, 2));",
            i - 1
        );
    }
    let server = Server::start_on(&cluster, &script, |_| ()).await;
    assert_eq!(server.database.catalog().relations.keys().filter(|name| name.schema == "public").count(), 2000);
    let database = server.database.clone();
    let reload = tokio::spawn(async move { database.postgres().expect("PostgreSQL").reload().await });
    while !reload.is_finished() {
        server.get("/t0?select=a").service().expect(200, json!([{"a": "x"}])).await;
    }
    reload.await.expect("ends").expect("reads");
    server.get("/t7?select=id,t6(id)").service().expect(200, json!([])).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_database_asks_for_reloads() {
    let cluster = Cluster::start();
    let server = Server::start_on(&cluster, "create table one (id integer);", |_| ()).await;
    let session = cluster.connect_to(server.database_name()).await;
    // Nobody tells of this one by itself.
    session.script("drop event trigger basalt_ddl_watch; drop event trigger basalt_drop_watch").await;
    // Whoever begins to listen reads the catalog, too.
    let mut before = (0, 0);
    while before != loads(&server).await || before.0 < 3 {
        before = loads(&server).await;
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    // A column that no request asks for by its name is not missed.
    session.script("alter table one add column later integer; insert into one values (1, 2)").await;
    server.get("/one").service().expect(200, json!([{"id": 1}])).await;
    session.script("notify pgrst, 'reload schema'").await;
    let shown = async || server.get("/one").service().send().await.json();
    comes_to("what is served", json!([{"id": 1, "later": 2}]), shown).await;
    let after = loads(&server).await;
    assert!(after.0 > before.0 && after.1 == 0, "{before:?}, {after:?}");
}

/// How often the catalog was read: with success, and in vain.
async fn loads(server: &Server) -> (u64, u64) {
    let text = server.raw(reqwest::Method::GET, "/metrics").send().await.body;
    let of = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name));
        line.unwrap_or_else(|| panic!("{name} is not in\n{text}")).trim().to_owned()
    };
    let took: f64 = of("pgrst_schema_cache_query_time_seconds").parse().expect("a number");
    assert!(took > 0.0);
    let count = |status: &str| of(&format!("pgrst_schema_cache_loads_total{{status=\"{status}\"}}")).parse();
    (count("SUCCESS").expect("a number"), count("FAIL").expect("a number"))
}

#[tokio::test(flavor = "multi_thread")]
async fn views_show_the_keys_of_their_tables() {
    let cluster = Cluster::start();
    let script = "
        create schema private; create table private.authors (id integer primary key, name text, secret text);
        create table private.books (id integer primary key, title text, author_id integer constraint wrote references private.authors (id));
        insert into private.authors values (1, 'Ann', 's'); insert into private.books values (10, 'B', 1);
        create view authors as select id, name as pen_name from private.authors where secret is not null;
        create view books as select b.id, b.title, b.author_id, (select count(*) from private.books) as n from private.books b;
        create view shelf as select id as book_id, author_id as writer from books;
        grant select on authors, books, shelf to service_role;";
    let server = Server::start_on(&cluster, script, |_| ()).await;
    server
        .get("/books?select=title,authors(pen_name)")
        .service()
        .expect(200, json!([{"title": "B", "authors": {"pen_name": "Ann"}}]))
        .await;
    server
        .get("/authors?select=pen_name,books(title)")
        .service()
        .expect(200, json!([{"pen_name": "Ann", "books": [{"title": "B"}]}]))
        .await;
    server
        .get("/shelf?select=book_id,authors!wrote(pen_name)")
        .service()
        .expect(200, json!([{"book_id": 10, "authors": {"pen_name": "Ann"}}]))
        .await;
    server
        .get("/shelf?select=*,authors(pen_name)")
        .service()
        .expect(200, json!([{"book_id": 10, "writer": 1, "authors": {"pen_name": "Ann"}}]))
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn migrations_are_all_or_nothing() {
    let cluster = Cluster::start();
    let server = Server::start_on(&cluster, "create table t (id integer);", |_| ()).await;
    let database = &server.database;
    let broken = "create table half (id integer);\ninsert into half values (1);\nselect nonsense from half;\n";
    let failed = database.apply_migration("0001", "broken", broken).await.expect_err("fails");
    assert_eq!((failed.error.code(), &broken[failed.offset..failed.offset + 8]), ("42703", "nonsense"));
    assert!(database.applied().await.expect("reads").is_empty());
    server.get("/half").service().expect_error(404, "PGRST205").await;

    database.apply_migration("0001", "whole", "begin; create table half (id integer); commit;").await.expect("applies");
    database.apply_migration("0002", "index", "create index concurrently on half (id);").await.expect("applies");
    let mixed = "create table other (id integer); create index concurrently on other (id);";
    assert_eq!(database.apply_migration("0003", "mixed", mixed).await.expect_err("mixed").error.code(), "0A000");
    let versions: Vec<String> =
        database.applied().await.expect("reads").into_iter().map(|applied| applied.version).collect();
    assert_eq!(versions, ["0001", "0002"]);
    server.get("/half").service().expect(200, json!([])).await;

    let dump = "set statement_timeout = 0;\nset some_future_setting = on;\nselect pg_catalog.set_config('search_path', '', false);\n\
        create table public.copied (a integer, b text);\ncopy public.copied (a, b) from stdin;\n1\tone\n2\t\\N\n\\.\n\
        insert into public.copied values (3, N'three');\n";
    let done = database.run_script(dump, |_| ()).await.expect("imports");
    assert_eq!(done.rows, 3);
    server
        .get("/copied?order=a")
        .service()
        .expect(200, json!([{"a": 1, "b": "one"}, {"a": 2, "b": null}, {"a": 3, "b": "three"}]))
        .await;
}

/// A script is one transaction to its end.
#[tokio::test(flavor = "multi_thread")]
async fn a_script_can_not_end_its_transaction() {
    let cluster = Cluster::start();
    let server = Server::start_on(&cluster, "create table t (id integer);", |_| ()).await;
    let database = &server.database;
    let session = cluster.connect_to(server.database_name()).await;
    for word in [
        "rollback",
        "ROLLBACK/* all */WORK",
        "rollback and chain",
        "abort",
        "abort and chain",
        "prepare transaction 'x'",
    ] {
        let script = format!("create table k1 (id integer); {word}; create table k2 (id integer); select 1/0;");
        let failed = database.apply_migration("1", "ends", &script).await.expect_err(word);
        assert_eq!((failed.error.code(), failed.offset), ("0A000", 30), "{word}");
        assert!(failed.error.hint().is_some_and(|hint| hint.contains("one transaction")), "{word}");
        let failed = database.run_script(&script, |_| ()).await.expect_err(word);
        assert_eq!(failed.error.code(), "0A000", "{word}");
        let left = "select count(*)::text from pg_class where relname in ('k1', 'k2')";
        assert_eq!(session.ask(left).await.expect("reads").0.as_deref(), Some("0"), "{word}");
    }
    let idle = "begin; create table k1 (id integer); savepoint a; drop table k1; rollback to savepoint a; commit/* yet */and chain;
        rollback work to a; end; start transaction; select 1/0;";
    assert_eq!(database.apply_migration("1", "fails", idle).await.expect_err("fails").error.code(), "22012");
    assert_eq!(session.ask("select to_regclass('k1')::text").await.expect("reads").0, None);
    database.apply_migration("1", "whole", &idle.replace("select 1/0", "select 1")).await.expect("applies");
    assert_eq!(session.ask("select to_regclass('k1')::text").await.expect("reads").0.as_deref(), Some("k1"));
}

/// Whatever role a migration takes, it is recorded, and its views looked after, as the role that connects.
#[tokio::test(flavor = "multi_thread")]
async fn a_migration_may_end_as_another_role() {
    let cluster = Cluster::start();
    let server = Server::start_on(&cluster, "create table t (id integer);", |_| ()).await;
    for (version, take) in ["set role anon", "set session authorization anon", "set local role anon"].iter().enumerate()
    {
        let script = format!("create or replace view v as select id from t; {take};");
        server.database.apply_migration(&version.to_string(), "as another", &script).await.expect(take);
        server.database.run_script(&format!("{take};"), |_| ()).await.expect(take);
    }
    assert_eq!(server.database.applied().await.expect("reads").len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_no_script_may_hold_says_where_it_belongs() {
    let cluster = Cluster::start();
    let server = Server::start_on(&cluster, "create table t (id integer);", |_| ()).await;
    let script = "select 1; create index concurrently on t (id);";
    let failed = server.database.run_script(script, |_| ()).await.expect_err("is refused");
    assert_eq!((failed.error.code(), failed.offset), ("25001", 10));
    assert!(failed.error.hint().is_some_and(|hint| hint.contains("a migration of its own")), "{:?}", failed.error);
}

/// What no transaction holds leaves nothing either: neither the index that failed half-way nor those that were made before it.
#[tokio::test(flavor = "multi_thread")]
async fn an_index_that_fails_half_way_is_gone() {
    let cluster = Cluster::start();
    let schema = "create schema \"Odd One\"; create table \"Odd One\".\"the notes\" (id integer, body text);
        create index kept on \"Odd One\".\"the notes\" (id);
        insert into \"Odd One\".\"the notes\" values (1, 'same'), (2, 'same');";
    let server = Server::start_on(&cluster, schema, |_| ()).await;
    let session = cluster.connect_to(server.database_name()).await;
    let migration = "create index concurrently first on \"Odd One\".\"the notes\" (id);
        create index concurrently on only \"Odd One\".\"the notes\"(lower(body));
        create unique index concurrently if not exists \"Un\"\"ique\" on \"Odd One\".\"the notes\" using btree (body);";
    let indexes = async || {
        let sql = "select string_agg(indexrelid::regclass || ' ' || indisvalid, ', ' order by indexrelid::regclass::text) from pg_index
            where indrelid = '\"Odd One\".\"the notes\"'::regclass";
        session.ask(sql).await.expect("reads").0.unwrap_or_default()
    };
    let before = indexes().await;
    for _ in 0..2 {
        let failed = server.database.apply_migration("1", "indexes", migration).await.expect_err("is not unique");
        assert_eq!((failed.error.code(), failed.error.hint()), ("23505", None));
        assert_eq!(indexes().await, before);
    }
    session.script("update \"Odd One\".\"the notes\" set body = id::text").await;
    server.database.apply_migration("1", "indexes", migration).await.expect("is unique now");
    assert_eq!(indexes().await.matches("true").count(), 4);
}

/// What was dropped before something failed is there again.
#[tokio::test(flavor = "multi_thread")]
async fn an_index_that_was_dropped_is_made_again() {
    let cluster = Cluster::start();
    let schema = "create table notes (id integer, \"The Body\" text); insert into notes values (1, 'same'), (2, 'same');
        create unique index \"By Id\" on notes using btree (id desc nulls last) include (\"The Body\") with (fillfactor = 70) where id > 0;
        comment on index \"By Id\" is 'it''s quick'; create index other on notes (lower(\"The Body\"));";
    let server = Server::start_on(&cluster, schema, |_| ()).await;
    let session = cluster.connect_to(server.database_name()).await;
    let indexes = async || {
        let sql = "select string_agg(concat_ws(' ', pg_get_indexdef(indexrelid), indisvalid, obj_description(indexrelid, 'pg_class')), '; '
            order by indexrelid::regclass::text) from pg_index where indrelid = 'notes'::regclass";
        session.ask(sql).await.expect("reads").0.unwrap_or_default()
    };
    let before = indexes().await;
    let migration = "drop index concurrently \"By Id\";
        drop index concurrently if exists public.other;
        drop index concurrently if exists never_was;
        create unique index concurrently on notes (\"The Body\");";
    for _ in 0..2 {
        let failed = server.database.apply_migration("1", "indexes", migration).await.expect_err("is not unique");
        assert_eq!((failed.error.code(), failed.error.hint()), ("23505", None));
        assert_eq!(indexes().await, before);
    }
    session.script("update notes set \"The Body\" = id::text").await;
    server.database.apply_migration("1", "indexes", migration).await.expect("is unique now");
    assert_eq!(indexes().await.matches("CREATE").count(), 1);
}

/// What reindexing leaves when it fails, and PostgreSQL would have somebody drop by hand, is gone.
#[tokio::test(flavor = "multi_thread")]
async fn an_index_that_could_not_be_made_anew_leaves_nothing() {
    let cluster = Cluster::start();
    let schema = "create function shown(id integer) returns integer language plpgsql immutable as $$ begin return id; end $$;
        create table notes (id integer); insert into notes values (1); create index by_shown on notes (shown(id));
        create or replace function shown(id integer) returns integer language plpgsql immutable as $$ begin raise 'not today'; end $$;";
    let server = Server::start_on(&cluster, schema, |_| ()).await;
    let session = cluster.connect_to(server.database_name()).await;
    for migration in ["reindex index concurrently by_shown", "reindex (verbose) table concurrently notes"] {
        let failed = server.database.apply_migration("1", "again", migration).await.expect_err("can't be made");
        assert_eq!((failed.error.code(), failed.error.hint()), ("P0001", None));
        let left =
            "select string_agg(indexrelid::regclass::text, ', ') from pg_index where indrelid = 'notes'::regclass";
        assert_eq!(session.ask(left).await.expect("reads").0.as_deref(), Some("by_shown"));
    }
}

/// What nothing undoes is run only where nothing can fail after it.
#[tokio::test(flavor = "multi_thread")]
async fn what_nothing_undoes_has_a_migration_of_its_own() {
    let cluster = Cluster::start();
    let server = Server::start_on(&cluster, "create table notes (id integer);", |_| ()).await;
    let beside = "create index concurrently first on notes (id); alter system set work_mem = '5MB';";
    let failed = server.database.apply_migration("1", "settings", beside).await.expect_err("is refused");
    assert_eq!((failed.error.code(), &beside[failed.offset..failed.offset + 12]), ("0A000", "alter system"));
    let session = cluster.connect_to(server.database_name()).await;
    assert_eq!(session.ask("select to_regclass('first')").await.expect("reads").0, None);
    server.database.apply_migration("1", "settings", "alter system set work_mem = '5MB';").await.expect("applies");
}

/// Codes and relations of what `basalt check` says of a database's public schema.
fn findings(server: &Server) -> Vec<(&'static str, String)> {
    let findings = basalt_sql::lint::lint(&server.database.catalog(), &["public".to_owned()]).into_iter();
    findings.map(|f| (f.code, f.relation)).filter(|(_, relation)| relation.starts_with("public.")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_protects_and_what_does_not_is_seen_on_both_engines() {
    let script = "
        create table open (id integer primary key);
        create table shut (id integer primary key);
        create table notes (id integer primary key, owner uuid, team integer, quick uuid, part uuid, open_id integer references open);
        create table members (user_id uuid, team integer);
        create index notes_quick on notes (quick, id);
        create index notes_part on notes (part) where id > 0;
        create index notes_twice on notes (quick, id);
        create index notes_other_way on notes (quick desc, id);
        create index notes_key on notes (id);
        alter table shut enable row level security;
        alter table notes enable row level security;
        alter table members enable row level security;
        create policy own on notes for select to authenticated using (owner = (select auth.uid()));
        create policy quick on notes for update using (quick = auth.uid());
        create policy part on notes for delete using (part = auth.uid());
        create policy team on notes for select
            using (exists (select 1 from members m where m.team = notes.team and m.user_id = auth.uid()));
        create policy any_row on notes for insert with check (owner = auth.uid());
        create policy all_members on members using (true);
        create view through with (security_invoker = false) as select id from notes;
        create view as_caller with (security_invoker = true) as select id from notes;
        create function sly() returns bigint language sql stable security definer as $$ select count(*) from public.notes $$;
        create function careful() returns bigint language sql stable security definer set search_path = ''
            as $$ select count(*) from public.notes $$;
        create function closed() returns bigint language sql stable security definer set search_path = ''
            as $$ select count(*) from public.notes $$;
        revoke execute on function closed() from public, anon, authenticated;";
    let cluster = Cluster::start();
    if !cluster.has(15, "`security_invoker`") {
        return;
    }
    let server = Server::start_on(&cluster, script, |_| ()).await;
    let (mut found, of) = (findings(&server), |code, name: &str| (code, format!("public.{name}")));
    let mut expected = vec![
        of("row-security-off", "open"),
        of("no-policy", "shut"),
        // Of `owner`, of `part`, whose index is a partial one, and of `team`.
        of("policy-column-unindexed", "notes"),
        of("policy-column-unindexed", "notes"),
        of("policy-column-unindexed", "notes"),
        of("policy-column-unindexed", "members"),
        of("foreign-key-unindexed", "notes"),
        of("duplicate-index", "notes"),
        of("duplicate-index", "notes"),
        of("view-bypasses-policies", "through"),
        of("definer-exposed", "sly"),
        of("definer-search-path", "sly"),
        of("definer-exposed", "careful"),
    ];
    found.sort();
    expected.sort();
    assert_eq!(found, expected);
    let mut embedded = findings(&Server::start_embedded(script, |_| ()).await);
    embedded.sort();
    assert_eq!(embedded, expected);
}
