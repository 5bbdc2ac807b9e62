//! `limit`, `offset` and `order` of PATCH and DELETE, where the configuration lets them hold.

use basalt_tests::{Ask, Server};
use reqwest::Method;
use serde_json::{Value, json};

const SCHEMA: &str = "
create table owners (id integer primary key, name text not null);
create table jobs (id integer primary key, rank integer, done boolean not null default false, owner text default 'ann',
    owner_id integer references owners (id));
create table pairs (a integer, b integer, note text, primary key (a, b));
create table keyless (n integer, note text);
create view open_jobs as select id, rank, done from jobs where not done;
create view ranks as select rank, done from jobs;
insert into owners values (1, 'zoe'), (2, 'bob');
insert into jobs (id, rank, owner, owner_id) values (1, 30, 'ann', 1), (2, 20, 'ann', 2), (3, 10, 'bob', 1), (4, 40, 'ann', 2);
insert into pairs values (1, 1, 'x'), (1, 2, 'x'), (2, 1, 'x');
insert into keyless values (1, 'x'), (1, 'x'), (2, 'x');
alter table jobs enable row level security;
create policy own on jobs for all to authenticated using (owner = auth.jwt() ->> 'email');
";

async fn server() -> Server {
    Server::start_with(SCHEMA, |config| config.api.limited_writes = true).await
}

fn returning(ask: Ask) -> Ask {
    ask.service().header("Prefer", "return=representation")
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_first_rows_are_written() {
    let server = server().await;
    let done = json!({"done": true});
    returning(server.patch("/jobs?select=id&order=rank&limit=2", &done))
        .expect(200, json!([{"id": 3}, {"id": 2}]))
        .await;
    returning(server.patch("/jobs?select=id&done=is.false&order=rank.desc&limit=1&offset=1", &done))
        .expect(200, json!([{"id": 1}]))
        .await;
    returning(server.patch("/jobs?select=id&order=id&limit=0", &done)).expect(200, json!([])).await;
    returning(server.delete("/jobs?select=id&order=rank&offset=2")).expect(200, json!([{"id": 1}, {"id": 4}])).await;
    let answer = server
        .delete("/jobs?order=rank.desc&limit=1")
        .service()
        .header("Prefer", "count=exact, handling=strict, max-affected=1")
        .send()
        .await;
    assert_eq!((answer.status, answer.header("content-range")), (204, "*/1"), "{answer:?}");
    server.get("/jobs?select=id,done").service().expect(200, json!([{"id": 3, "done": true}])).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn more_than_max_affected_is_undone_although_limited() {
    let server = server().await;
    let strict = "handling=strict, max-affected=1";
    server.delete("/jobs?order=id&limit=2").service().header("Prefer", strict).expect_error(400, "PGRST124").await;
    assert_eq!(server.get("/jobs").service().send().await.json().as_array().map(Vec::len), Some(4));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_kind_of_key_tells_rows_apart() {
    let server = server().await;
    let note = json!({"note": "y"});
    returning(server.patch("/pairs?order=a.desc,b&limit=1", &note))
        .expect(200, json!([{"a": 2, "b": 1, "note": "y"}]))
        .await;
    returning(server.delete("/pairs?select=a,b&a=eq.1&order=b.desc&limit=1"))
        .expect(200, json!([{"a": 1, "b": 2}]))
        .await;
    // Two rows are the same, and one is written.
    returning(server.patch("/keyless?order=n&limit=1", &note)).expect(200, json!([{"n": 1, "note": "y"}])).await;
    returning(server.delete("/keyless?select=n&order=n.desc&limit=1")).expect(200, json!([{"n": 2}])).await;
    server
        .get("/keyless?order=note")
        .service()
        .expect(200, json!([{"n": 1, "note": "x"}, {"n": 1, "note": "y"}]))
        .await;
    returning(server.patch("/open_jobs?select=id&order=rank&limit=1", &json!({"rank": 1})))
        .expect(200, json!([{"id": 3}]))
        .await;
    let refused = returning(server.patch("/ranks?order=rank&limit=1", &json!({"done": true})));
    refused.expect_error(400, "BST013").await;
    server.delete("/ranks?order=rank&limit=1").service().expect_error(400, "BST013").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn policies_choose_before_limits_do() {
    let server = server().await;
    let ann = Value::String("ann".into());
    let claims = json!({"role": "authenticated", "sub": "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", "email": ann});
    let token = basalt_tests::token(claims);
    let answer = server
        .delete("/jobs?select=id&order=rank&limit=1")
        .token(&token)
        .header("Prefer", "return=representation")
        .send()
        .await;
    assert_eq!((answer.status, answer.json()), (200, json!([{"id": 2}])));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_order_may_be_by_an_embedded_resource() {
    let server = server().await;
    let done = json!({"done": true});
    let path = "/jobs?select=id,owners(name)&order=owners(name),id&limit=3";
    returning(server.patch(path, &done))
        .expect(
            200,
            json!([{"id": 2, "owners": {"name": "bob"}}, {"id": 4, "owners": {"name": "bob"}}, {"id": 1, "owners": {"name": "zoe"}}]),
        )
        .await;
    assert_eq!(
        server
            .delete("/jobs?select=id,...owners(name)&order=owners(name),id.desc&limit=1")
            .service()
            .send()
            .await
            .status,
        204
    );
    server
        .get("/jobs?select=id,done&order=id")
        .service()
        .expect(200, json!([{"id": 1, "done": true}, {"id": 2, "done": true}, {"id": 3, "done": false}]))
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_said_clearly_writes_nothing() {
    let server = server().await;
    for path in ["/jobs?limit=1", "/jobs?offset=1", "/jobs?limit=1&id=gt.1", "/keyless?limit=0"] {
        let refused = server.delete(path).service().expect_error(400, "PGRST109").await.json();
        assert_eq!(refused["message"], "A 'limit' was applied without an explicit 'order'");
        assert_eq!(refused["hint"], "Apply an 'order' using unique column(s)");
        server.patch(path, &json!({"note": "z"})).service().expect_error(400, "PGRST109").await;
    }
    server.delete("/jobs?order=id&limit=x").service().expect_error(400, "PGRST100").await;
    server.delete("/jobs?order=id&limit=1&offset=").service().expect_error(400, "PGRST100").await;
    server.delete("/jobs?order=id&limit=-1").service().expect_error(416, "PGRST103").await;
    server.delete("/jobs?order=id&offset=-1").service().expect_error(400, "2201X").await;
    server.delete("/jobs?order=nope&limit=1").service().expect_error(400, "42703").await;
    assert_eq!(server.get("/jobs").service().send().await.json().as_array().map(Vec::len), Some(4));
    // No limit is none.
    returning(server.ask(Method::DELETE, "/jobs?select=id&id=eq.1&offset=0")).expect(200, json!([{"id": 1}])).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn limits_are_nothing_to_writes_unless_configured() {
    let server = Server::start_with(SCHEMA, |_| ()).await;
    let answer = server.delete("/pairs?limit=1").service().header("Prefer", "count=exact").send().await;
    assert_eq!((answer.status, answer.header("content-range")), (204, "*/3"));
}
