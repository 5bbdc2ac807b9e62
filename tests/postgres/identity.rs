//! Roles, claims and settings belong to one transaction.

use basalt_tests::Server;
use basalt_tests::postgres::Cluster;
use serde_json::json;

const ANN: &str = "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11";
const BEA: &str = "b0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11";

#[tokio::test(flavor = "multi_thread")]
async fn an_identity_never_stays_on_a_connection() {
    let cluster = Cluster::start();
    let schema = "
        create table letters (id integer primary key, owner uuid, body text);
        alter table letters enable row level security;
        create policy own on letters for all using (owner = auth.uid()) with check (owner = auth.uid());
        insert into letters values (1, 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', 'of Ann'), (2, 'b0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', 'of Bea');
        create function whoami() returns text language sql stable as $$ select current_user || ' ' || coalesce(auth.uid()::text, '-') $$;
        create function leave() returns void language plpgsql volatile as $$
        begin
          perform set_config('request.jwt.claims', '{\"sub\": \"a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11\"}', false);
        end $$;";
    let server = Server::start_on(&cluster, schema, |config| config.database.pool = 1).await;
    for _ in 0..3 {
        server.get("/letters?select=body").user(ANN).expect(200, json!([{"body": "of Ann"}])).await;
        server.get("/letters?select=body").expect(200, json!([])).await;
        server.get("/letters?select=body").user(BEA).expect(200, json!([{"body": "of Bea"}])).await;
        server.get("/letters?select=id").service().expect(200, json!([{"id": 1}, {"id": 2}])).await;
        server.get("/rpc/whoami").expect(200, json!("anon -")).await;
        server.get("/letters?id=eq.x").user(ANN).expect_error(400, "22P02").await;
        // What a function sets for the session is the next request's no more.
        server.post("/rpc/leave", &json!({})).service().expect(204, json!(null)).await;
    }
    let stolen = json!({"id": 3, "owner": ANN, "body": "forged"});
    let refused = server.post("/letters", &stolen).user(BEA).expect_error(403, "42501").await;
    assert_eq!(refused.json()["message"], "new row violates row-level security policy for table \"letters\"");
    for role in ["postgres", "pg_read_all_data", "authenticator"] {
        let token = basalt_tests::token(json!({"role": role}));
        let answer = server.get("/letters").token(&token).send().await;
        assert!(answer.status == 403 || answer.status == 401, "{role}: {} {}", answer.status, answer.body);
    }
    let token = basalt_tests::token(json!({"role": "nobody"}));
    server.get("/letters").token(&token).expect_error(401, "22023").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_is_told_to_functions() {
    let cluster = Cluster::start();
    let schema = "
        create function told() returns json language sql stable as $$
          select json_build_object(
            'method', current_setting('request.method', true), 'path', current_setting('request.path', true),
            'agent', current_setting('request.headers', true)::json ->> 'x-agent',
            'cookie', current_setting('request.cookies', true)::json ->> 'taste',
            'claims', current_setting('request.jwt.claims', true)::json,
            'read_only', current_setting('transaction_read_only'), 'isolation', current_setting('transaction_isolation'))
        $$;
        create function strictly() returns text language sql volatile set default_transaction_isolation = 'serializable'
          as $$ select current_setting('transaction_isolation') $$;
        create function scribble() returns void language plpgsql volatile as $$ begin create table scribbled (); end $$;";
    let server = Server::start_on(&cluster, schema, |_| ()).await;
    let told = server.get("/rpc/told").header("x-agent", "me").header("cookie", "taste=sweet; a=b").send().await;
    assert_eq!(
        told.json(),
        json!({"method": "GET", "path": "/rpc/told", "agent": "me", "cookie": "sweet", "claims": {"role": "anon"},
            "read_only": "on", "isolation": "read committed"})
    );
    server.post("/rpc/strictly", &json!({})).expect(200, json!("serializable")).await;
    server.get("/rpc/scribble").service().expect_error(405, "25006").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tables_without_row_security_stay_closed() {
    let cluster = Cluster::start();
    let schema = "create table open_by_accident (id integer); create view through as select * from open_by_accident;
        create table named (id integer); create table kept (id integer); alter table kept enable row level security;
        insert into kept values (1); create view over_kept as select * from kept;";
    let server = Server::start_on(&cluster, schema, |config| config.api.unprotected = vec!["named".into()]).await;
    for path in ["/open_by_accident", "/through"] {
        let refused = server.get(path).expect_error(401, "42501").await;
        assert!(refused.json()["hint"].as_str().unwrap().contains("enable row level security"), "{}", refused.body);
        server.get(path).user(ANN).expect_error(403, "42501").await;
        server.get(path).service().expect(200, json!([])).await;
    }
    server.get("/named").expect(200, json!([])).await;
}

/// A view that a migration makes is no way around row policies: it runs with its caller's rights, or, before PostgreSQL 15, is
/// nobody's until it is granted.
#[tokio::test(flavor = "multi_thread")]
async fn views_of_migrations_are_no_way_around_row_policies() {
    let cluster = Cluster::start();
    let schema = "create table kept (id integer, note text); alter table kept enable row level security;
        insert into kept values (1, 'n'); create view by_others as select id from kept;";
    let mut server = Server::start_on(&cluster, schema, |_| ()).await;
    let migrate = async |version: &str, sql: &str| {
        server.database.apply_migration(version, "views", sql).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
    };
    migrate("1", "create view views as select id from kept; create materialized view stored as select id from kept;")
        .await;
    let seen = |path: &'static str| server.get(path).send();
    let is_closed = |answer: &basalt_tests::Answer| answer.body == "[]" || answer.json()["code"] == "42501";
    assert!(is_closed(&seen("/views").await));
    server.get("/views").service().expect(200, json!([{"id": 1}])).await;
    // Replaced, it would forget whose rights it runs with.
    migrate("2", "create or replace view views as select id, note from kept;").await;
    assert!(is_closed(&seen("/views").await));
    migrate("3", "create or replace view views as select id, note from kept;").await;
    assert!(is_closed(&seen("/views").await));
    // What no migration touches stays as it is, and is not served.
    for path in ["/by_others", "/stored"] {
        server.get(path).expect_error(401, "42501").await;
    }
    if cluster.version() >= 15 {
        migrate("4", "create view opened with (security_invoker = false) as select id from kept;").await;
        migrate("5", "create view another as select id from kept; alter view another set (security_invoker = off);")
            .await;
        server.get("/another").expect(200, json!([{"id": 1}])).await;
    } else {
        migrate("4", "create view opened as select id from kept; grant select on opened to anon;").await;
        server.get("/opened").expect_error(401, "42501").await;
        server.restart(|config| config.api.unprotected = vec!["opened".into()]).await;
        let refused =
            server.database.apply_migration("5", "v", "create view v with (security_invoker) as select 1;").await;
        let error = refused.expect_err("is refused").error;
        assert!(error.hint().is_some_and(|hint| hint.contains("PostgreSQL 15")), "{error:?}");
    }
    server.get("/opened").expect(200, json!([{"id": 1}])).await;
}
