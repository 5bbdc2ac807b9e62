//! What a request may cost.

use std::time::{Duration, Instant};

use basalt_tests::Server;
use reqwest::Method;
use serde_json::json;

use crate::world::{refuses, server_with};

#[tokio::test(flavor = "multi_thread")]
async fn a_runaway_statement_is_ended() {
    let script = "create function endless() returns bigint language sql stable as $$
        with recursive n(i) as (select 1 union all select i + 1 from n) select count(*) from n $$;";
    let server =
        Server::start_with(script, |config| config.database.statement_timeout = Duration::from_millis(300)).await;
    let started = Instant::now();
    let answer = server.ask(Method::POST, "/rpc/endless").service().json(&json!({})).expect_error(500, "57014").await;
    assert_eq!(answer.json()["message"], "canceling statement due to statement timeout");
    assert!(started.elapsed() < Duration::from_secs(10));
    server.get("/rpc/endless").service().expect_error(500, "57014").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_has_a_largest_size() {
    let server = server_with(|config| config.limits.response = "2 KiB".parse().expect("a size")).await;
    let wide = |n: usize| format!("/rpc/numbers?n={n}");
    server.get("/actors?select=id&order=id").service().expect(200, json!([{"id": 1}, {"id": 2}])).await;
    refuses(
        &server,
        &[
            (Method::GET, &wide(5_000), "", 400, "54000"),
            (Method::POST, "/rpc/numbers", r#"{"n":5000}"#, 400, "54000"),
            (Method::POST, "/rpc/greet", &json!({"name": "x".repeat(4_000)}).to_string(), 400, "54000"),
        ],
    )
    .await;
    // A write whose answer would be too large is undone: who gets an error must not have written.
    let big = json!({"id": 90, "name": "x".repeat(4_000)});
    server.post("/actors", &big).service().prefer("return=representation").expect_error(400, "54000").await;
    server.get("/actors?id=eq.90&select=id").service().expect(200, json!([])).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn embedding_has_a_deepest_level() {
    let server = server_with(|config| config.api.max_embed_depth = 2).await;
    server.get("/directors?select=films(roles(part))&limit=0").service().expect(200, json!([])).await;
    refuses(&server, &[(Method::GET, "/directors?select=films(roles(actors(id)))", "", 400, "BST004")]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_beyond_the_most_are_told_to_come_again() {
    let server = server_with(|config| config.limits.requests = 0).await;
    let answer = server.get("/actors").service().expect_error(503, "BST002").await;
    assert_eq!(answer.header("retry-after"), "1");
    // Whoever watches the server learns what it does all the same.
    for path in ["/health/live", "/health/ready", "/metrics"] {
        assert_eq!(server.raw(Method::GET, path).send().await.status, 200, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_more_than_a_statement_holds_is_refused() {
    let server = server_with(|_| ()).await;
    let list = |n: usize, item: &dyn Fn(usize) -> String| (0..n).map(item).collect::<Vec<_>>().join(",");
    let column = |i: usize| format!("c{i}:id");
    let columns = |n: usize| format!("/films?select={}", list(n, &column));
    for path in [columns(1_665), columns(2_001), format!("/directors?select=films({})", list(2_001, &column))] {
        let answer = server.get(&path).service().expect_error(400, "54011").await;
        assert_eq!(answer.json()["message"], "target lists can have at most 1664 entries");
    }
    for path in [columns(1_664), format!("/directors?select=films({})", list(1_600, &column))] {
        assert_eq!(server.get(&path).service().send().await.status, 200);
    }
    let path = format!("/actors?id=eq.1&select={}", list(2_001, &column));
    let write = server.patch(&path, &json!({"name": "changed"})).service().prefer("return=representation");
    write.expect_error(400, "54011").await;
    server.get("/actors?id=eq.1").service().expect(200, json!([{"id": 1, "name": "Helm"}])).await;
    // What was ordered by before decides nothing.
    let again = format!("/actors?order=id{}&select=id", ",name.desc,id.desc".repeat(1_050));
    server.get(&again).service().expect(200, json!([{"id": 1}, {"id": 2}])).await;
    if basalt_tests::on_postgres() {
        return;
    }
    let spreads = |n: usize| format!("/films?select={}", list(n, &|i| format!("...directors(d{i}:name)")));
    for (path, code) in [
        (spreads(66), "54000"),
        (spreads(210), "54000"),
        (format!("/films?order={}", list(2_100, &|i| format!("data->k{i}"))), "54000"),
    ] {
        let answer = server.get(&path).service().expect_error(400, code).await;
        assert!(answer.json()["hint"].is_string(), "{}", answer.body);
    }
}
