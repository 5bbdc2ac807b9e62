//! Tables that somebody else changes: a request that was planned over what was there is planned again, and no caller sees it.

use basalt_db::{Database, PostgresOptions};
use basalt_server::config::Pooler;
use basalt_tests::postgres::{Cluster, Session};
use basalt_tests::waiting::comes_to;
use basalt_tests::{Server, token};
use reqwest::Method;
use serde_json::{Value, json};

const SCHEMA: &str = "
    create table notes (id integer primary key, body text, stars integer);
    create table lines (id integer primary key, note integer);
    alter table notes enable row level security;
    create policy everyone on notes using (true) with check (true);
    insert into notes values (1, 'one', 3);
    create function half(of_what integer) returns integer language sql immutable as $$ select of_what / 2 $$;";

const ANN: &str = "a0000000-0000-4000-8000-00000000000a";

/// Whether anybody tells of changes (`notify`), or nobody does: behind a pooler.
const WAYS: [bool; 2] = [true, false];

async fn start(cluster: &Cluster, is_told: bool) -> Server {
    Server::start_on(cluster, SCHEMA, |config| {
        if !is_told {
            config.database.pooler = Pooler::Transaction;
        }
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_changed_a_moment_ago_is_served_as_it_is_now() {
    for is_told in WAYS {
        let cluster = Cluster::start();
        let server = start(&cluster, is_told).await;
        let session = cluster.connect_to(server.database_name()).await;
        server.get("/notes").expect(200, json!([{"id": 1, "body": "one", "stars": 3}])).await;
        // Prepared on each of its ways.
        server.get("/notes?select=stars").expect(200, json!([{"stars": 3}])).await;

        session.script("alter table notes drop column body").await;
        server.get("/notes").expect(200, json!([{"id": 1, "stars": 3}])).await;

        session.script("alter table notes alter stars type text").await;
        server.post("/notes", &json!({"id": 2, "stars": "four"})).service().expect(201, Value::Null).await;

        session.script("alter table notes rename column stars to marks").await;
        let answer = server.get("/notes?id=eq.2").prefer("count=exact").send().await;
        assert_eq!((answer.status, answer.json()), (200, json!([{"id": 2, "marks": "four"}])));
        let head = server.ask(Method::HEAD, "/notes").send().await;
        assert_eq!(head.status, 200);

        session.script("drop table lines").await;
        server.get("/lines").service().expect_error(404, "PGRST205").await;

        server.post("/rpc/half", &json!({"of_what": 8})).service().expect(200, json!(4)).await;
        session.script("drop function half(integer)").await;
        server.post("/rpc/half", &json!({"of_what": 8})).service().expect_error(404, "PGRST202").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_is_planned_again_as_a_whole() {
    for is_told in WAYS {
        let cluster = Cluster::start();
        let server = start(&cluster, is_told).await;
        let session = cluster.connect_to(server.database_name()).await;
        server.get("/notes").expect(200, json!([{"id": 1, "body": "one", "stars": 3}])).await;
        session.script("alter table notes drop column body").await;
        let batch = json!([
            {"method": "POST", "path": "/lines", "body": {"id": 1, "note": 1}},
            {"method": "GET", "path": "/notes"},
        ]);
        let answer = server.raw(Method::POST, "/batch/v1").service().json(&batch).send().await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        assert_eq!(answer.json()[1]["body"], json!([{"id": 1, "stars": 3}]));
        server.get("/lines").service().expect(200, json!([{"id": 1, "note": 1}])).await;
    }
}

const MORE: &str = "
    create type mood as enum ('ok');
    create schema shop; grant usage on schema shop to anon, authenticated, service_role;
    create table shop.goods (id integer primary key, name text); grant select on shop.goods to service_role;
    create table feelings (id integer primary key, mood mood, about text);
    create table keyless (id integer, body text);
    create table closed (id integer primary key, body text);
    insert into closed values (1, 'c');
    create table guarded (id integer primary key, body text);
    alter table guarded enable row level security;
    create policy everyone on guarded using (true) with check (true);
    create function told(of_what text) returns text language sql stable as $$ select of_what $$;
    create function named(of_what integer) returns text language sql stable as $$ select of_what::text $$;";

/// What a plan knows nothing of yet, or knows otherwise.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_new_a_moment_ago_is_served() {
    for is_told in WAYS {
        let cluster = Cluster::start();
        let server = Server::start_on(&cluster, &format!("{SCHEMA}{MORE}"), |config| {
            config.api.schemas = vec!["public".into(), "shop".into()];
            if !is_told {
                config.database.pooler = Pooler::Transaction;
            }
        })
        .await;
        let session = cluster.connect_to(server.database_name()).await;
        tables_and_columns(&server, &session).await;
        functions_and_types(&server, &session).await;
        roles_and_rights(&server, &session).await;
    }
}

async fn tables_and_columns(server: &Server, session: &Session) {
    server.get("/lines?select=id,notes(id)").service().expect_error(400, "PGRST200").await;
    session.script("alter table lines add foreign key (note) references notes").await;
    server.get("/lines?select=id,notes(id)").service().expect(200, json!([])).await;

    session.script("create table more (id integer primary key)").await;
    server.post("/more", &json!({"id": 1})).service().expect(201, Value::Null).await;
    session.script("alter table more add column body text").await;
    server.post("/more", &json!({"id": 2, "body": "two"})).service().expect(201, Value::Null).await;

    // The body's values are told in other words for another type.
    session.script("alter table more alter body type text[] using array[body]").await;
    server.post("/more", &json!({"id": 3, "body": ["a", "b"]})).service().expect(201, Value::Null).await;
    session.script("alter table more alter body type jsonb using to_jsonb(body)").await;
    server.patch("/more?id=eq.3", &json!({"body": "c"})).service().expect(204, Value::Null).await;
    server.get("/more?id=eq.3").service().expect(200, json!([{"id": 3, "body": "c"}])).await;

    let put = || server.put("/keyless?id=eq.1", &json!({"id": 1, "body": "k"})).service();
    put().expect_error(405, "PGRST105").await;
    session.script("alter table keyless add primary key (id)").await;
    put().expect(204, Value::Null).await;

    let goods = || server.get("/goods").header("accept-profile", "shop").service();
    goods().expect(200, json!([])).await;
    session
        .script(
            "drop schema shop cascade; create schema shop; grant usage on schema shop to service_role;
             create table shop.goods (id integer primary key, price integer); insert into shop.goods values (1, 2);
             grant all on shop.goods to service_role",
        )
        .await;
    goods().expect(200, json!([{"id": 1, "price": 2}])).await;
}

async fn functions_and_types(server: &Server, session: &Session) {
    let named = |value: Value| server.post("/rpc/named", &json!({"of_what": value})).service();
    named(json!(1)).expect(200, json!("1")).await;
    session
        .script(
            "drop function named; create function named(of_what text) returns text language sql stable as $$ select of_what || '!' $$",
        )
        .await;
    named(json!("x")).expect(200, json!("x!")).await;
    // Another function of the same arguments: neither is the better one.
    session
        .script("create function told(of_what text, how text default '?') returns text language sql as 'select how'")
        .await;
    server.post("/rpc/told", &json!({"of_what": "x"})).service().expect_error(300, "PGRST203").await;
    server.post("/rpc/later", &json!({})).service().expect_error(404, "PGRST202").await;
    session.script("create function later() returns integer language sql as 'select 5'").await;
    server.post("/rpc/later", &json!({})).service().expect(200, json!(5)).await;

    let feel = |id: i32, mood: &str| server.post("/feelings", &json!({"id": id, "mood": mood})).service();
    feel(1, "ok").expect(201, Value::Null).await;
    feel(2, "sad").expect_error(400, "22P02").await;
    session.script("alter type mood add value 'sad'").await;
    feel(2, "sad").expect(201, Value::Null).await;
    // Another type of the same name: what was prepared has parameters of a type that is gone.
    session
        .script(
            "alter table feelings drop column mood; drop type mood; create type mood as enum ('sad', 'new');
             alter table feelings add column mood mood",
        )
        .await;
    feel(3, "new").expect(201, Value::Null).await;
    server.get("/feelings?mood=eq.new&select=id,mood").service().expect(200, json!([{"id": 3, "mood": "new"}])).await;
    session.script("alter type mood rename to humour").await;
    feel(4, "sad").expect(201, Value::Null).await;
}

async fn roles_and_rights(server: &Server, session: &Session) {
    server.get("/closed").expect_error(401, "42501").await;
    session.script("alter table closed enable row level security; create policy everyone on closed using (true)").await;
    server.get("/closed").expect(200, json!([{"id": 1, "body": "c"}])).await;
    session.script("revoke select on closed from anon").await;
    server.get("/closed").expect_error(401, "42501").await;

    let upsert =
        || server.post("/guarded", &json!({"id": 1, "body": "g"})).user(ANN).prefer("resolution=merge-duplicates");
    upsert().expect(201, Value::Null).await;
    // Who may read only some columns may not read those that tell a new row.
    session.script("revoke all on guarded from authenticated; grant insert, update, select (id, body) on guarded to authenticated").await;
    upsert().expect(200, Value::Null).await;

    let role = format!("editor_{}", server.database_name());
    let read = || server.get("/closed").token(&token(json!({"role": role})));
    read().expect_error(401, "22023").await;
    session
        .script(&format!(
            "create role {role}; grant usage on schema public to {role}; grant select on closed to {role}"
        ))
        .await;
    // The catalog that is read now knows it as one that no token may name.
    server.get("/nowhere").service().expect_error(404, "PGRST205").await;
    read().expect_error(403, "42501").await;
    session.script(&format!("grant {role} to authenticator")).await;
    read().expect(200, json!([{"id": 1, "body": "c"}])).await;
    session
        .script(&format!(
            "drop owned by {role}; drop role {role}; create role {role}; grant {role} to authenticator;
             grant usage on schema public to {role}; grant select on closed to {role}"
        ))
        .await;
    read().expect(200, json!([{"id": 1, "body": "c"}])).await;
    session.script(&format!("drop owned by {role}; drop role {role}")).await;
}

/// A caller's own mistake is the caller's to hear of, and nothing is read for it.
#[tokio::test(flavor = "multi_thread")]
async fn what_never_was_has_nothing_read() {
    let cluster = Cluster::start();
    let session = cluster.create("app").await;
    session.script(SCHEMA).await;
    let url = Some(format!("{} dbname=app", cluster.url()));
    let options = PostgresOptions { url, transaction_pooler: true, ..PostgresOptions::default() };
    let database = Database::connect(options).await.expect("connects");
    let (version, loads) = (database.catalog_version(), || database.postgres().expect("PostgreSQL").loads().succeeded);
    let before = loads();
    for code in ["42703", "42883", "42704", "42P01", "22P02", "42501", "PGRST202", "PGRST205", "23505"] {
        assert!(!database.is_outdated(version, code).await, "{code}");
    }
    // Statistics are no change, nor is what functions make for themselves.
    session.script("analyze; create temp table mine (id integer); create temp view all_mine as table mine").await;
    assert!(!database.is_outdated(version, "42703").await);
    assert_eq!(loads(), before);
    session.script("alter table notes drop column body").await;
    assert!(!database.is_outdated(version, "23505").await);
    assert!(database.is_outdated(version, "42703").await);
    assert_eq!(loads(), before + 1);
}

/// The catalog can't be read while somebody locks a view: whoever fails meanwhile is answered at once, and once it can be, it is.
#[tokio::test(flavor = "multi_thread")]
async fn nobody_waits_for_a_catalog_that_can_not_be_read() {
    let cluster = Cluster::start();
    let session = cluster.create("app").await;
    session.script(&format!("{SCHEMA} create view seen as select * from notes;")).await;
    let url = Some(format!("{} dbname=app", cluster.url()));
    let options = PostgresOptions { url, transaction_pooler: true, ..PostgresOptions::default() };
    let database = Database::connect(options).await.expect("connects");
    let version = database.catalog_version();
    let locking = cluster.connect_to("app").await;
    locking.script("begin; lock table seen in access exclusive mode").await;
    session.script("create table more (id integer)").await;
    let asked = async {
        for _ in 0..50 {
            assert!(!database.is_outdated(version, "42501").await);
        }
    };
    // Each would wait for five seconds.
    tokio::time::timeout(std::time::Duration::from_secs(100), asked).await.expect("all but the first at once");
    locking.script("commit").await;
    comes_to("a new catalog", true, async || database.is_outdated(version, "42501").await).await;
}

/// A view's own tables are locked after its query was analysed: what it calls may be dropped in between.
#[tokio::test(flavor = "multi_thread")]
async fn a_function_that_is_gone_before_it_is_planned_is_looked_up_again() {
    for is_told in WAYS {
        let cluster = Cluster::start();
        let server = start(&cluster, is_told).await;
        let function = "create function short(seen) returns text language sql stable as $$ select left($1.body, 1) $$;";
        server.script(&format!("create view seen as select * from notes; {function}")).await;
        let session = cluster.connect_to(server.database_name()).await;
        // What others do is seen once a transaction.
        let watching = cluster.connect_to(server.database_name()).await;
        session.script("begin; lock table notes in access exclusive mode").await;
        let asked = server.get("/seen?select=id,short").service().send();
        let replaced = async {
            let waits = "select count(*)::text from pg_stat_activity
                where wait_event_type = 'Lock' and query like '%short%' and pid <> pg_backend_pid()";
            while watching.ask(waits).await.expect("reads").0.as_deref() == Some("0") {
                tokio::time::sleep(std::time::Duration::from_millis(10)).await;
            }
            session.script(&format!("drop function short(seen); {function} commit")).await;
        };
        let (answer, ()) = tokio::join!(asked, replaced);
        assert_eq!((answer.status, answer.body.as_str()), (200, "[{\"id\":1,\"short\":\"o\"}]"));
    }
}

/// PL/pgSQL keeps a column's type with the plans of its connection: after a change they are other connections.
#[tokio::test(flavor = "multi_thread")]
async fn what_functions_keep_of_types_goes_with_a_change() {
    let cluster = Cluster::start();
    let script = "
        create table rooms (id integer primary key, capacity smallint);
        create table bookings (id integer generated always as identity, room integer, people integer);
        insert into rooms values (1, 4);
        create function fits() returns trigger language plpgsql as $$ declare found rooms%rowtype; begin
            select * into found from rooms where id = new.room;
            if new.people > found.capacity then raise exception 'full'; end if;
            return new; end $$;
        create trigger fits before insert on bookings for each row execute function fits();";
    let server = Server::start_on(&cluster, script, |config| config.database.pool = 1).await;
    let book = || server.post("/bookings", &json!({"room": 1, "people": 2})).service().send();
    assert_eq!(book().await.status, 201);
    let session = cluster.connect_to(server.database_name()).await;
    session.script("alter table rooms alter capacity type integer").await;
    comes_to("a booking", 201, async || book().await.status).await;
}
