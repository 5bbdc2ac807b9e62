//! Media types, methods, preferences, headers, schemas and tokens.

use basalt_tests::{Server, token};
use reqwest::Method;
use serde_json::{Value, json};

use crate::world::{is_error, server};

#[tokio::test(flavor = "multi_thread")]
async fn media_types() {
    let server = server().await;
    let accept = |path: &str, media: &str| server.get(path).service().header("accept", media);
    let one = "/films?select=id,mood,data,tags&id=eq.4";
    let object = accept(one, "application/vnd.pgrst.object+json").send().await;
    assert_eq!((object.status, object.body.as_str()), (200, r#"{"id":4,"mood":null,"data":null,"tags":null}"#));
    assert_eq!(object.header("content-type"), "application/vnd.pgrst.object+json; charset=utf-8");
    let stripped = accept(one, "application/vnd.pgrst.object+json;nulls=stripped").send().await;
    assert_eq!((stripped.status, stripped.body.as_str()), (200, r#"{"id":4}"#));
    assert_eq!(stripped.header("content-type"), "application/vnd.pgrst.object+json;nulls=stripped; charset=utf-8");
    let array = accept(one, "application/vnd.pgrst.array+json;nulls=stripped").expect(200, json!([{"id": 4}])).await;
    assert_eq!(array.header("content-type"), "application/vnd.pgrst.array+json;nulls=stripped; charset=utf-8");
    for (path, rows) in [("/films", 4), ("/films?id=eq.99", 0)] {
        let answer = accept(path, "application/vnd.pgrst.object+json").expect_error(406, "PGRST116").await;
        assert_eq!(answer.json()["details"], format!("The result contains {rows} rows"));
    }
    let csv = accept("/films?select=id,title,tags,released,data&order=id&id=in.(1,4)", "text/csv").send().await;
    assert_eq!(csv.header("content-type"), "text/csv; charset=utf-8");
    assert_eq!(
        csv.body,
        "id,title,tags,released,data\n1,Metropolis,\"{silent,city}\",1927-01-10,\"{\"\"a\"\": {\"\"b\"\": [10, 20]}, \"\"n\"\": 1}\"\n4,Lost,,,"
    );
    let csv = accept("/kinds?select=yes,instant", "text/csv").send().await;
    assert_eq!(csv.body, "yes,instant\nt,\"2024-01-31 10:00:00+00\"");
    let none = accept("/films", "text/plain, application/xml").expect_error(406, "PGRST107").await;
    assert_eq!(none.json()["message"], "None of these media types are available: text/plain, application/xml");
    let chosen =
        accept("/films?select=id&id=eq.1", "text/csv;q=0.2, application/json").expect(200, json!([{"id": 1}])).await;
    assert_eq!(chosen.header("content-type"), "application/json; charset=utf-8");
    let plan = accept("/films", "application/vnd.pgrst.plan+json").send().await;
    assert_eq!(plan.status, 200, "{}", plan.body);
    assert!(
        plan.header("content-type").starts_with("application/vnd.pgrst.plan+json; for=\"application/json\""),
        "{plan:?}"
    );
    let write = server
        .patch("/actors", &json!({"name": "lost"}))
        .service()
        .header("accept", "application/vnd.pgrst.object+json");
    write.prefer("return=representation").expect_error(406, "PGRST116").await;
    server.get("/actors?name=eq.lost").service().expect(200, json!([])).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn methods_and_headers() {
    let server = server().await;
    let get = server.get("/films?select=id&id=eq.1&order=id").service().send().await;
    assert_eq!(get.header("content-location"), "/films?id=eq.1&order=id&select=id");
    assert_eq!(get.header("content-range"), "0-0/*");
    assert_eq!(get.header("vary"), "Accept, Prefer, Range");
    assert_eq!(get.header("content-length"), get.body.len().to_string());
    assert_eq!(get.header("content-profile"), "");
    let head = server.ask(Method::HEAD, "/films?select=id").service().prefer("count=exact").send().await;
    assert_eq!((head.status, head.body.as_str(), head.header("content-range")), (200, "", "0-3/4"));
    assert_eq!(head.header("content-type"), "application/json; charset=utf-8");
    assert_eq!(head.header("content-length"), "");
    for (path, allow) in [
        ("/films", "OPTIONS,GET,HEAD,POST,PUT,PATCH,DELETE"),
        ("/keyless", "OPTIONS,GET,HEAD,POST,PATCH,DELETE"),
        ("/rpc/best", "OPTIONS,GET,HEAD,POST"),
        ("/", "OPTIONS,GET,HEAD"),
    ] {
        let answer = server.ask(Method::OPTIONS, path).service().send().await;
        assert_eq!((answer.status, answer.header("allow")), (200, allow), "{path}");
        assert_eq!(answer.header("content-length"), "0", "{path}");
    }
    server.ask(Method::OPTIONS, "/nope").service().expect_error(404, "PGRST205").await;
    server.ask(Method::TRACE, "/films").service().expect_error(405, "PGRST117").await;
    server.ask(Method::DELETE, "/").service().expect_error(405, "PGRST117").await;
    server.ask(Method::PATCH, "/rpc/add").service().expect_error(405, "PGRST101").await;
    let cors = server.get("/films").service().header("origin", "https://a.example").send().await;
    assert_eq!(cors.header("access-control-allow-origin"), "*");
    assert!(cors.header("access-control-expose-headers").contains("Content-Range"), "{cors:?}");
    let preflight = server.ask(Method::OPTIONS, "/films").header("origin", "https://a.example");
    let preflight =
        preflight.header("access-control-request-method", "POST").header("access-control-request-headers", "x-a");
    let preflight = preflight.send().await;
    assert_eq!((preflight.status, preflight.header("access-control-max-age")), (200, "86400"));
    assert!(preflight.header("access-control-allow-headers").to_lowercase().contains("x-a"), "{preflight:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn preferences() {
    let server = server().await;
    let get = |prefer: &str| server.get("/kinds?select=instant").service().prefer(prefer);
    let strict = get("handling=strict, foo, bar=1").expect_error(400, "PGRST122").await;
    assert_eq!(strict.json()["details"], "Invalid preferences: foo, bar=1");
    get("foo").expect(200, json!([{"instant": "2024-01-31T10:00:00+00:00"}])).await;
    let zone = get("timezone=America/New_York").expect(200, json!([{"instant": "2024-01-31T05:00:00-05:00"}])).await;
    assert_eq!(zone.header("preference-applied"), "timezone=America/New_York");
    get("timezone=Nowhere/None").expect_error(400, "22023").await;
    server.get("/kinds?select=nosuch").service().prefer("timezone=Nowhere/None").expect_error(400, "22023").await;
    // PostgreSQL's planner knows what ANALYZE has seen.
    server.script("analyze films;").await;
    for count in ["exact", "planned", "estimated"] {
        let answer = server.get("/films?limit=1").service().prefer(&format!("count={count}")).send().await;
        assert_eq!((answer.status, answer.header("content-range")), (206, "0-0/4"), "{count}");
    }
    let ignored = server.post("/actors", &json!({"id": 50, "name": "x"})).service().prefer("tx=rollback");
    assert_eq!(ignored.expect(201, Value::Null).await.header("preference-applied"), "");
    server.get("/actors?id=eq.50&select=id").service().expect(200, json!([{"id": 50}])).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn schemas() {
    let script = "create schema other; create table t (id integer); create table other.t (id integer, o integer);
        create schema hidden; create table hidden.h (id integer);
        grant usage on schema other to service_role; grant all on other.t to service_role;
        insert into t values (1); insert into other.t values (2, 3);";
    let server = Server::start_with(script, |config| config.api.schemas = vec!["public".into(), "other".into()]).await;
    let answer = server.get("/t").service().expect(200, json!([{"id": 1}])).await;
    assert_eq!(answer.header("content-profile"), "public");
    let answer =
        server.get("/t").service().header("accept-profile", "other").expect(200, json!([{"id": 2, "o": 3}])).await;
    assert_eq!(answer.header("content-profile"), "other");
    server.post("/t", &json!({"o": 4})).service().header("content-profile", "other").expect(201, Value::Null).await;
    let refused = server.get("/t").service().header("accept-profile", "hidden").expect_error(406, "PGRST106").await;
    assert_eq!(refused.json()["message"], "Invalid schema: hidden");
    assert_eq!(refused.json()["hint"], "Only the following schemas are exposed: public, other");
    server.get("/h").service().expect_error(404, "PGRST205").await;
    server.get("/hidden.h").service().expect_error(404, "PGRST205").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens() {
    let server = server().await;
    let bearer = |token: &str| server.get("/films?select=id&id=eq.1").token(token);
    let good = token(json!({"role": "service_role"}));
    bearer(&good).expect(200, json!([{"id": 1}])).await;
    server.get("/films?select=id&id=eq.1").header("apikey", &good).expect(200, json!([{"id": 1}])).await;
    server
        .get("/films?select=id&id=eq.1")
        .header("authorization", &format!("bearer {good}"))
        .expect(200, json!([{"id": 1}]))
        .await;
    let mut forged = good.clone();
    let last = if forged.pop() == Some('A') { 'Q' } else { 'A' };
    forged.insert(forged.len() - 4, last);
    forged.truncate(good.len());
    let unsigned = "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.eyJyb2xlIjoic2VydmljZV9yb2xlIn0.";
    for bad in [forged.as_str(), unsigned, "a.b", "", "a.b.c", "....", "é.é.é"] {
        let answer = bearer(bad).expect_error(401, "PGRST301").await;
        assert!(is_error(&answer, "PGRST301"), "{bad}: {answer:?}");
        let challenge = answer.header("www-authenticate");
        assert!(challenge.starts_with("Bearer error=\"invalid_token\", error_description="), "{bad}: {challenge}");
    }
    let sign = |claims: Value| basalt_server::keys::sign(basalt_server::keys::DEVELOPMENT_SECRET, &claims);
    let expired = bearer(&sign(json!({"role": "service_role", "exp": 1}))).expect_error(401, "PGRST303").await;
    assert_eq!(expired.json()["message"], "JWT expired");
    bearer(&sign(json!({"role": "service_role", "exp": 4_102_444_800_u64, "nbf": 4_102_444_700_u64})))
        .expect_error(401, "PGRST303")
        .await;
    bearer(&sign(json!({"role": "service_role", "exp": "soon"}))).expect_error(401, "PGRST303").await;
    let stranger = bearer(&token(json!({"role": "nobody"}))).send().await;
    assert!(stranger.status == 401, "{stranger:?}");
    let anonymous = server.get("/films").expect_error(401, "42501").await;
    assert_eq!(anonymous.header("www-authenticate"), "Bearer");
    let closed =
        Server::start_with("create table t (id integer);", |config| config.api.anonymous_role = String::new()).await;
    closed.get("/t").expect_error(401, "PGRST302").await;
}

/// A column of a domain is filled, or has to be, as the domain says.
#[tokio::test(flavor = "multi_thread")]
async fn descriptions_of_domains() {
    let script = "create domain named as text not null; create domain counted as integer default 4;
        create table t (id integer primary key, name named, n counted);";
    let server = Server::start(script).await;
    let root = server.get("/").service().send().await.json();
    assert_eq!(root["definitions"]["t"]["required"], json!(["id", "name"]));
    assert_eq!(root["definitions"]["t"]["properties"]["n"]["default"], json!(4));
}

#[tokio::test(flavor = "multi_thread")]
async fn descriptions() {
    let server = server().await;
    let answer = server.get("/").service().send().await;
    assert_eq!((answer.status, answer.header("content-type")), (200, "application/openapi+json; charset=utf-8"));
    let root = answer.json();
    assert_eq!(root["swagger"], "2.0");
    assert_eq!(root["definitions"]["films"]["required"], json!(["id", "title"]));
    assert_eq!(root["definitions"]["films"]["properties"]["mood"]["enum"], json!(["sad", "ok", "happy"]));
    assert!(root["paths"]["/rpc/add"]["get"].is_object() && root["paths"]["/rpc/remember"]["get"].is_null());
    assert!(server.raw(Method::GET, "/openapi.json").service().send().await.json()["openapi"].as_str().is_some());
    let nothing = server.get("/").send().await.json();
    assert!(nothing["paths"]["/nope"].is_null());
    server.get("/").service().header("accept", "text/csv").expect_error(406, "PGRST107").await;
}
