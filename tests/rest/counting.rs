//! How many rows: the most that are given, and how the others are counted (contract: sections 6, 10.2 and 11).

use basalt_tests::Ask;
use serde_json::{Value, json};

use crate::world::server_with;

/// Sends it and gives status, the number of rows and `Content-Range`.
async fn told(ask: Ask) -> (u16, Option<usize>, String) {
    let answer = ask.service().send().await;
    (answer.status, answer.json().as_array().map(Vec::len), answer.header("content-range").to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_most_rows_hold_for_what_is_read_and_not_for_what_is_written() {
    let server = server_with(|config| config.api.max_rows = 2).await;
    let range = |status: u16, rows: usize, range: &str| (status, Some(rows), range.to_owned());
    assert_eq!(told(server.get("/films")).await, range(200, 2, "0-1/*"));
    assert_eq!(told(server.get("/films?limit=3")).await, range(200, 2, "0-1/*"));
    assert_eq!(told(server.get("/films?limit=1&offset=1")).await, range(200, 1, "1-1/*"));
    assert_eq!(told(server.get("/films").prefer("count=exact")).await, range(206, 2, "0-1/4"));
    assert_eq!(told(server.get("/rpc/numbers?n=5")).await, range(200, 2, "0-1/*"));
    assert_eq!(told(server.post("/rpc/best", &json!({})).prefer("count=exact")).await, range(206, 2, "0-1/3"));
    server
        .get("/directors?select=id,films(id),...films(titles:title)&order=id&limit=1")
        .service()
        .expect(200, json!([{"id": 1, "films": [{"id": 1}, {"id": 2}], "titles": ["Metropolis", "M"]}]))
        .await;
    let actor = |id: i32| json!({"id": id, "name": "x"});
    let many = server.post("/actors", &json!([actor(5), actor(6), actor(7)])).prefer("return=representation");
    assert_eq!(told(many).await, range(201, 3, "*/*"));
    let all = server.patch("/actors", &json!({"name": "y"})).prefer("return=representation, count=exact");
    assert_eq!(told(all).await, range(200, 5, "0-4/5"));
    assert_eq!(told(server.delete("/actors?id=gte.5").prefer("return=representation")).await, range(200, 3, "*/*"));
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_are_counted_or_estimated() {
    let server = server_with(|config| config.api.max_rows = 2).await;
    // The planner knows what ANALYZE has seen.
    server.script("analyze films;").await;
    for (count, path, expected) in [
        ("exact", "/films", (206, Some(2), "0-1/4")),
        ("planned", "/films", (206, Some(2), "0-1/4")),
        // Beyond the most rows an estimate counts, up to them the number itself.
        ("estimated", "/films", (206, Some(2), "0-1/4")),
        ("estimated", "/films?director_id=eq.1", (200, Some(2), "0-1/2")),
        ("estimated", "/films?id=eq.99", (200, Some(0), "*/0")),
        ("exact", "/films?id=eq.99", (200, Some(0), "*/0")),
    ] {
        let ask = server.get(path).prefer(&format!("count={count}"));
        let found = told(ask).await;
        assert_eq!((found.0, found.1, found.2.as_str()), expected, "{count} {path}");
    }
    let unlimited = server_with(|config| config.api.max_rows = 0).await;
    assert_eq!(told(unlimited.get("/films").prefer("count=estimated")).await.1, Some(4));
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_are_remembered_and_counted() {
    let server = server_with(|_| ()).await;
    for _ in 0..3 {
        server.get("/actors?id=eq.9").service().expect(200, json!([])).await;
    }
    server.get("/actors").token("a.b.c").expect_error(401, "PGRST301").await;
    server.get("/addresses").expect_error(401, "42501").await;
    let metrics = server.raw(reqwest::Method::GET, "/metrics").send().await;
    assert_eq!((metrics.status, metrics.header("content-type")), (200, "text/plain; charset=utf-8"));
    for line in [
        "# TYPE pgrst_jwt_cache_requests_total counter",
        "pgrst_jwt_cache_requests_total 4",
        "pgrst_jwt_cache_hits_total 2",
        "pgrst_jwt_cache_evictions_total 0",
    ] {
        assert!(metrics.body.lines().any(|found| found == line), "{line} is not in\n{}", metrics.body);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_off_is_refused() {
    let server = server_with(|config| {
        config.api.plans = false;
        config.api.aggregates = false;
    })
    .await;
    let plan = "application/vnd.pgrst.plan+json";
    let refused = server.get("/actors").service().header("accept", plan).expect_error(406, "PGRST107").await.json();
    let message = "None of these media types are available: application/vnd.pgrst.plan+json; for=\"application/json\"";
    assert_eq!(refused, json!({"code": "PGRST107", "details": null, "hint": null, "message": message}));
    let sum = server.get("/actors?select=id.sum()").service().expect_error(400, "PGRST123").await.json();
    let message = "Use of aggregate functions is not allowed";
    assert_eq!(sum, json!({"code": "PGRST123", "details": null, "hint": null, "message": message}));
    server.get("/actors?select=count()").service().expect_error(400, "PGRST123").await;
    // The older spelling counts all the same.
    server.get("/actors?select=count").service().expect(200, json!([{"count": 2}])).await;
    for schema in ["pg_catalog", "information_schema"] {
        let config = server.configuration(|config| config.api.schemas = vec!["public".into(), schema.into()]);
        let refused =
            server.basalt().reconfigure(server.folder.path(), &config).await.expect_err("refused").to_string();
        assert_eq!(refused, format!("`api.schemas` must not name {schema}: it describes the database itself"));
    }
    server.post("/actors", &json!({"id": 4, "name": "x"})).service().expect(201, Value::Null).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_may_be_measured() {
    let server = server_with(|_| ()).await;
    let plan = |form: &str| server.get("/films?select=id&id=gt.1").service().header("accept", form);
    let measured = plan("application/vnd.pgrst.plan+json; options=analyze").send().await.json();
    let last = measured.as_array().and_then(|plans| plans.last()).expect("a plan");
    assert!(last["Plan"]["Actual Rows"].as_f64().is_some(), "{measured}");
    assert!(last["Execution Time"].as_f64().is_some(), "{measured}");
    let only_planned = plan("application/vnd.pgrst.plan+json").send().await;
    assert!(!only_planned.body.contains("Execution Time"), "{}", only_planned.body);
    let text = plan("application/vnd.pgrst.plan+text; options=analyze").send().await.body;
    assert!(text.ends_with(" ms\n") && text.contains("Execution Time: "), "{text:?}");
    if !basalt_tests::on_postgres() {
        assert_eq!(last["Plan"]["Actual Rows"], 3);
    }
}
