//! Closed unless opened: a table without row security is not served to the roles of browsers, by whatever way one comes to it.

use basalt_tests::Server;
use serde_json::json;

const SCHEMA: &str = "
create table open (id integer primary key, name text);
create table closed (id integer primary key, open_id integer references open (id), secret text);
create view windows as select id, secret from closed;
alter table open enable row level security;
create policy \"all read\" on open for select using (true);
insert into open values (1, 'a');
insert into closed values (1, 1, 's');
";

#[tokio::test(flavor = "multi_thread")]
async fn a_table_without_row_security_is_refused_and_the_answer_says_how_to_open_it() {
    let server = Server::start(SCHEMA).await;
    server.get("/open").expect(200, json!([{"id": 1, "name": "a"}])).await;
    let answer = server.get("/closed").expect_error(401, "42501").await;
    let hint = answer.json()["hint"].as_str().unwrap_or_default().to_owned();
    assert!(hint.contains("alter table public.closed enable row level security"), "{hint}");
    assert!(hint.contains("api.unprotected"), "{hint}");
    server.get("/closed").user("11111111-1111-4111-8111-111111111111").expect_error(403, "42501").await;
    server.post("/closed", &json!({"id": 2})).expect_error(401, "42501").await;
    server.delete("/closed?id=eq.1").expect_error(401, "42501").await;
    server.get("/closed").service().expect(200, json!([{"id": 1, "open_id": 1, "secret": "s"}])).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn embedding_and_views_are_no_way_around() {
    let server = Server::start(SCHEMA).await;
    server.get("/open?select=id,closed(secret)").expect_error(401, "42501").await;
    server.get("/windows").expect_error(401, "42501").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_configuration_may_name_a_table_as_unprotected() {
    let server = Server::start_with(SCHEMA, |config| config.api.unprotected = vec!["public.closed".into()]).await;
    server.get("/closed?select=secret").expect(200, json!([{"secret": "s"}])).await;
}
