//! USAGE of a schema is asked where a statement names an object. What was parsed when it was made (policies, views, defaults,
//! checks, generated columns, atomic bodies) named its objects then; EXECUTE is asked all the same.

use basalt_server::Config;
use basalt_tests::{Server, on_postgres_before};
use serde_json::{Value, json};

const SCHEMA: &str = "
create schema hidden;
create function hidden.fine(name text) returns boolean language sql immutable as $$ select name <> 'bad' $$;
create function hidden.loud(name text) returns text language sql immutable as $$ select upper(name) $$;
create function hidden.locked(name text) returns boolean language sql immutable as $$ select true $$;
revoke execute on function hidden.locked(text) from public;
create table hidden.words (name text primary key);
grant select on hidden.words to anon;
insert into hidden.words values ('ant');

create table notes (
    id integer primary key,
    name text default hidden.loud('new') check (hidden.fine(name)),
    loud text generated always as (hidden.loud(name)) stored
);
alter table notes enable row level security;
create policy fine on notes using (hidden.fine(name)) with check (hidden.fine(name));
create view shouted with (security_invoker = true) as select id, hidden.loud(name) as name from notes;
create function same() returns trigger language plpgsql as $$ begin return new; end $$;
create trigger same before insert on notes for each row when (hidden.fine(new.name)) execute function same();
create table known (name text);
alter table known enable row level security;
create policy known on known for select using (exists (select from hidden.words w where w.name = known.name));
create table locked (name text);
alter table locked enable row level security;
create policy locked on locked for select using (hidden.locked(name));
insert into notes (id, name) values (1, 'ant');
insert into known values ('ant'), ('bee');
insert into locked values ('ant');

create function anew() returns text language sql stable as $$ select hidden.loud('a') $$;
create function stored(name text default hidden.loud('b')) returns text language sql stable as $$ select name $$;
";

const ATOMIC: &str =
    "create function atomic() returns text language sql stable begin atomic select hidden.loud('a'); end;";

#[tokio::test(flavor = "multi_thread")]
async fn stored_text_needs_no_usage_of_the_schemas_that_it_names() {
    // Views with their caller's rights are of 15.
    if on_postgres_before(15) {
        return;
    }
    let server = Server::start(SCHEMA).await;
    server.get("/notes").expect(200, json!([{"id": 1, "name": "ant", "loud": "ANT"}])).await;
    server.get("/shouted").expect(200, json!([{"id": 1, "name": "ANT"}])).await;
    server.get("/known").expect(200, json!([{"name": "ant"}])).await;
    server
        .post("/notes", &json!({"id": 2}))
        .prefer("return=representation")
        .expect(201, json!([{"id": 2, "name": "NEW", "loud": "NEW"}]))
        .await;
    server.post("/notes", &json!({"id": 3, "name": "bad"})).expect_error(401, "42501").await;
    server.post("/notes", &json!({"id": 3, "name": "bad"})).service().expect_error(400, "23514").await;
    server.get("/rpc/stored").expect(200, json!("B")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_names_an_object_anew_needs_usage_and_every_call_needs_execute() {
    // Views with their caller's rights are of 15.
    if on_postgres_before(15) {
        return;
    }
    let server = Server::start(SCHEMA).await;
    let answer = server.get("/rpc/anew").expect_error(401, "42501").await;
    assert_eq!(answer.json()["message"], "permission denied for schema hidden");
    let answer = server.get("/locked").expect_error(401, "42501").await;
    assert_eq!(answer.json()["message"], "permission denied for function locked");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_atomic_body_is_stored_text() {
    // Views with their caller's rights are of 15.
    if on_postgres_before(15) {
        return;
    }
    let server = Server::start(&format!("{SCHEMA}\n{ATOMIC}")).await;
    server.get("/rpc/atomic").expect(200, json!("A")).await;
}

const LOCKED: &str = "
create schema app;
create type app.mood as enum ('glad');
create sequence app.numbers;
grant usage on sequence app.numbers to authenticated;
create table app.i (id int primary key, n int);
alter table app.i enable row level security;
create policy p on app.i using (true) with check (true);
grant all on app.i to authenticated;
insert into app.i values (1, 1);
create table notes (id int primary key, mood app.mood default 'glad'::app.mood, number bigint default nextval('app.numbers'));
alter table notes enable row level security;
create policy p on notes using (true) with check (true);
create view seen with (security_invoker = true) as select * from app.i;
grant all on seen to authenticated;
create role keeper;
grant all on app.i to keeper;
grant create, usage on schema public to keeper;

create function forget(k int) returns void language sql as $$ delete from app.i where id = k $$;
create function add(k int) returns void language plpgsql as $$ begin insert into app.i values (k); end $$;
create function run(k int) returns void language plpgsql as $$ begin execute 'update app.i set n = 9 where id = $1' using k; end $$;
create function kept(k int) returns void language sql security definer as $$ delete from app.i where id = k $$;
alter function kept(int) owner to keeper;
create function drawn() returns bigint language sql volatile as $$ select nextval('app.numbers') $$;
create function cast_to(word text) returns text language sql stable as $$ select word::app.mood::text $$;
create function copied() returns trigger language plpgsql as $$ begin insert into app.i values (new.id); return new; end $$;
create table watched (id int primary key);
alter table watched enable row level security;
create policy p on watched using (true) with check (true);
create trigger copied after insert on watched for each row execute function copied();
";

#[tokio::test(flavor = "multi_thread")]
async fn a_write_names_its_table_anew() {
    // Views with their caller's rights are of 15.
    if on_postgres_before(15) {
        return;
    }
    let schemas = |config: &mut Config| config.api.schemas = vec!["public".into(), "app".into()];
    let server = Server::start_with(LOCKED, schemas).await;
    let row = json!({"id": 2, "n": 2});
    let none = json!({});
    let call = |name: &str, k: i64| server.post(&format!("/rpc/{name}"), &json!({"k": k}));
    let refused = [
        server.post("/i", &row).header("content-profile", "app"),
        server
            .post("/i", &json!({"id": 1, "n": 2}))
            .header("content-profile", "app")
            .prefer("resolution=merge-duplicates"),
        server.patch("/i?id=eq.1", &json!({"n": 5})).header("content-profile", "app"),
        server.delete("/i?id=eq.1").header("content-profile", "app"),
        call("forget", 1),
        call("add", 2),
        call("run", 1),
        call("kept", 1),
        server.post("/watched", &json!({"id": 2})),
        server.post("/rpc/drawn", &none),
        server.post("/rpc/cast_to", &json!({"word": "glad"})),
    ];
    for request in refused {
        let answer = request.user("ada").expect_error(403, "42501").await;
        assert_eq!(answer.json()["message"], "permission denied for schema app");
    }
    server.get("/i").header("accept-profile", "app").service().expect_error(403, "42501").await;
    assert_eq!(server.value("select json_agg(i) as value from app.i").await, json!([{"id": 1, "n": 1}]));

    // What was parsed when it was made named its objects then.
    server.post("/notes", &json!({"id": 1})).user("ada").expect(201, Value::Null).await;
    server.patch("/seen?id=eq.1", &json!({"n": 7})).user("ada").expect(204, Value::Null).await;
    assert_eq!(server.value("select json_agg(i) as value from app.i").await, json!([{"id": 1, "n": 7}]));

    server.script("revoke usage on schema public from public, anon, authenticated").await;
    let answer = server.post("/notes", &json!({"id": 2})).expect_error(401, "42501").await;
    assert_eq!(answer.json()["message"], "permission denied for schema public");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_parsed_body_names_its_tables_when_it_is_made() {
    // Such bodies are of 14.
    if on_postgres_before(15) {
        return;
    }
    let parsed =
        "create function parsed(k int) returns void language sql begin atomic delete from app.i where id = k; end;";
    // Roles are those of all databases.
    let server = Server::start(&format!("{}\n{parsed}", LOCKED.replace("keeper", "other_keeper"))).await;
    server.post("/rpc/parsed", &json!({"k": 1})).user("ada").expect(204, Value::Null).await;
    assert_eq!(server.value("select count(*) as value from app.i").await, json!(0));
}
