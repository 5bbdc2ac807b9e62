//! What a function leaves on its connection does not reach the next request.

use std::time::Duration;

use basalt_tests::Server;
use basalt_tests::postgres::Cluster;
use basalt_tests::waiting::comes_to;
use serde_json::{Value, json};

pub const SCHEMA: &str = "
    create table notes (id integer primary key);
    alter table notes enable row level security;
    create policy everyone on notes for select using (true);
    insert into notes values (1);
    create function litter() returns void language plpgsql as $$
    begin
      perform set_config('app.tenant', 'one', false);
      set row_security = off;
      set search_path = pg_catalog;
      set role service_role;
      perform pg_advisory_lock(7);
      create temp table notes (id text);
      insert into notes values ('forged');
    end $$;
    create function found() returns json language sql stable as $$
      select json_build_object(
        'tenant', coalesce(current_setting('app.tenant', true), ''),
        'row_security', current_setting('row_security'),
        'role', current_user::text,
        'temporary', exists (select from pg_catalog.pg_class where relnamespace = pg_my_temp_schema()),
        'locks', (select count(*) from pg_catalog.pg_locks where locktype = 'advisory' and pid = pg_backend_pid()))
    $$;
    create function count_notes() returns text language plpgsql stable as $$
    begin return (select string_agg(id::text, ',') from notes); end $$;";

pub fn nothing() -> Value {
    json!({"tenant": "", "row_security": "on", "role": "anon", "temporary": false, "locks": 0})
}

/// A lock of the session is given up when its request is over, not when somebody needs its connection again.
#[tokio::test(flavor = "multi_thread")]
async fn a_lock_does_not_outlive_its_request() {
    let cluster = Cluster::start();
    let server = Server::start_on(&cluster, SCHEMA, |config| config.database.pool = 2).await;
    let session = cluster.connect_to(server.database_name()).await;
    let locked = "select count(*) from pg_locks where locktype = 'advisory' and objid = 7";
    let locks = async || session.ask(locked).await.expect("counts").0.unwrap_or_default();
    let is_free = async || comes_to("the number of locks", "0".to_owned(), locks).await;
    server.post("/rpc/litter", &json!({})).service().expect(204, Value::Null).await;
    is_free().await;
    // Nor that of a batch, kept or undone, nor one that was given up before its end.
    let keep = json!([{"method": "POST", "path": "/rpc/litter", "body": {}}]);
    let answer = server.raw(reqwest::Method::POST, "/batch/v1").service().json(&keep).send().await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    is_free().await;
    let undo = json!([{"method": "POST", "path": "/rpc/litter", "body": {}}, {"method": "GET", "path": "/nowhere"}]);
    let answer = server.raw(reqwest::Method::POST, "/batch/v1").service().json(&undo).send().await;
    assert_eq!(answer.status, 404, "{}", answer.body);
    is_free().await;
    server.get("/rpc/found").expect(200, nothing()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_finds_nothing_of_another() {
    let cluster = Cluster::start();
    let server = Server::start_on(&cluster, SCHEMA, |config| config.database.pool = 1).await;
    for _ in 0..3 {
        server.post("/rpc/litter", &json!({})).service().expect(204, Value::Null).await;
        server.get("/rpc/found").expect(200, nothing()).await;
        server.post("/rpc/litter", &json!({})).service().expect(204, Value::Null).await;
        server.get("/rpc/count_notes").expect(200, json!("1")).await;
        // Nor do several in one transaction.
        server.post("/rpc/litter", &json!({})).service().expect(204, Value::Null).await;
        let batch = json!([{"method": "GET", "path": "/rpc/found"}]);
        let answer = server.raw(reqwest::Method::POST, "/batch/v1").json(&batch).send().await;
        assert_eq!(answer.json()[0]["body"], nothing(), "{}", answer.body);
    }
    // Nobody who litters comes back: whoever was told so before is none the wiser.
    server.script("drop function litter()").await;
    server.get("/rpc/found").expect(200, nothing()).await;
}

/// What a function sets for itself holds for its request of a batch alone.
#[tokio::test(flavor = "multi_thread")]
async fn a_functions_settings_end_with_its_request_of_a_batch() {
    let cluster = Cluster::start();
    let schema = "create function hurried() returns text language sql volatile set statement_timeout = '7s'
            as $$ select current_setting('statement_timeout') $$;
        create function limit_now() returns text language sql volatile as $$ select current_setting('statement_timeout') $$;";
    let server = Server::start_on(&cluster, schema, |config| config.database.statement_timeout = Duration::ZERO).await;
    let calls = json!([{"method": "POST", "path": "/rpc/limit_now", "body": {}}, {"method": "POST", "path": "/rpc/hurried", "body": {}},
        {"method": "POST", "path": "/rpc/limit_now", "body": {}}]);
    let answer = server.raw(reqwest::Method::POST, "/batch/v1").service().json(&calls).send().await;
    let bodies: Vec<Value> = answer.json().as_array().into_iter().flatten().map(|one| one["body"].clone()).collect();
    assert_eq!(bodies, [json!("0"), json!("7s"), json!("0")], "{}", answer.body);
}
