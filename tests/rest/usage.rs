//! USAGE of a schema is asked where a statement names an object. What was parsed when it was made (policies, views, defaults,
//! checks, generated columns, atomic bodies) named its objects then; EXECUTE is asked all the same.

use basalt_tests::{Server, on_postgres_before};
use serde_json::json;

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
