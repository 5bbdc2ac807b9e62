//! What is checked before what: of several faults the first in order answers (contract: section 1).

use basalt_tests::Server;
use reqwest::Method;
use serde_json::{Value, json};

use crate::world::{SCHEMA, server};

#[tokio::test(flavor = "multi_thread")]
async fn the_first_fault_in_order_answers() {
    let server = server().await;
    let ask = |method: &str, path: &str| server.ask(method.parse().expect("a method"), path);
    // The token before the path, the path before the profile, the profile before the method.
    ask("GET", "/a/b").token("x").expect_error(401, "PGRST301").await;
    ask("GET", "/a/b").service().header("accept-profile", "x").expect_error(404, "PGRST125").await;
    ask("TRACE", "/films").service().header("accept-profile", "x").expect_error(406, "PGRST106").await;
    // The method before the query, the query before the range, the range before the body, the body before the relation.
    ask("TRACE", "/films?id=x").service().expect_error(405, "PGRST117").await;
    ask("GET", "/films?id=x&limit=-1").service().expect_error(400, "PGRST100").await;
    ask("POST", "/nope?select=(").service().body("{").expect_error(400, "PGRST100").await;
    ask("PUT", "/nope?limit=1").service().body("{").expect_error(400, "PGRST114").await;
    ask("GET", "/nope?limit=-1").service().expect_error(416, "PGRST103").await;
    ask("POST", "/nope").service().body("{").expect_error(400, "PGRST102").await;
    // The relation before what is asked of it, and that before what is written.
    ask("GET", "/nope?select=nowhere(*)").service().expect_error(404, "PGRST205").await;
    ask("GET", "/films?x.id=eq.1&select=nowhere(*)").service().expect_error(400, "PGRST108").await;
    ask("GET", "/films?select=nowhere(*),id.sum()&order=directors(id)").service().expect_error(400, "PGRST200").await;
    ask("POST", "/films?select=nowhere(*)").service().body("{\"x\":1}").expect_error(400, "PGRST200").await;
    ask("PUT", "/actors?name=eq.1").service().body("{\"x\":1}").expect_error(405, "PGRST105").await;
    // Planning before what is accepted; for reads that before preferences, for writes after them.
    let strict = |ask: basalt_tests::Ask| ask.service().header("accept", "image/png").prefer("handling=strict, foo");
    strict(ask("GET", "/films?select=nowhere(*)")).expect_error(400, "PGRST200").await;
    strict(ask("GET", "/films?nope=eq.1")).expect_error(406, "PGRST107").await;
    strict(ask("GET", "/rpc/add?a=1")).expect_error(406, "PGRST107").await;
    strict(ask("PATCH", "/actors").body("{\"name\":\"x\"}")).expect_error(400, "PGRST122").await;
    // All of it before the database.
    ask("GET", "/films?nope=eq.1").service().header("accept", "image/png").expect_error(406, "PGRST107").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_columns_are_the_databases_to_report_in_filters_and_the_planners_in_bodies() {
    let server = server().await;
    let error = server.get("/films?nope=eq.1").service().expect_error(400, "42703").await.json();
    assert_eq!(error["message"], "column films.nope does not exist");
    let error = server.post("/films", &json!({"nope": 1})).service().expect_error(400, "PGRST204").await.json();
    assert_eq!(error["message"], "Could not find the 'nope' column of 'films' in the schema cache");
    server.patch("/films?columns=nope", &json!({"nope": 1})).service().expect_error(400, "PGRST204").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_judged_after_the_statement_undoes_it() {
    let server = Server::start_with(SCHEMA, |_| ()).await;
    let object = "application/vnd.pgrst.object+json";
    let refused = |ask: basalt_tests::Ask| ask.service().header("accept", object);
    // The rows are counted though none are given back.
    refused(server.delete("/roles")).expect_error(406, "PGRST116").await;
    refused(server.patch("/actors", &json!({"name": "x"}))).expect_error(406, "PGRST116").await;
    refused(server.post("/actors", &json!([{"id": 70, "name": "a"}, {"id": 71, "name": "b"}])))
        .expect_error(406, "PGRST116")
        .await;
    server.get("/roles?select=count").service().expect(200, json!([{"count": 2}])).await;
    server.get("/actors?select=count&id=gte.70").service().expect(200, json!([{"count": 0}])).await;
    refused(server.delete("/roles?film_id=eq.1")).expect(204, Value::Null).await;
    refused(server.post("/actors", &json!({"id": 70, "name": "a"}))).expect(201, Value::Null).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn names_are_decoded_and_case_sensitive() {
    let server = server().await;
    server.get("/%66ilms?select=id&id=eq.1").service().expect(200, json!([{"id": 1}])).await;
    server.get("/Films").service().expect_error(404, "PGRST205").await;
    let near = server.get("/director").service().expect_error(404, "PGRST205").await.json();
    assert_eq!(near["message"], "Could not find the table 'public.director' in the schema cache");
    assert_eq!(near["hint"], "Perhaps you meant the table 'public.directors'");
    for path in ["/pg_class", "/pg_catalog.pg_class", "/information_schema.tables"] {
        server.get(path).service().expect_error(404, "PGRST205").await;
    }
    server.ask(Method::GET, "/rpc/add/").service().expect_error(404, "PGRST125").await;
    server.ask(Method::GET, "//films").service().expect_error(404, "PGRST125").await;
}
