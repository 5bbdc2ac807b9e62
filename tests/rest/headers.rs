//! The headers of answers, byte for byte (contract: section 11).

use basalt_tests::{Answer, Ask, Server};
use reqwest::Method;
use serde_json::{Value, json};

use crate::world::{SCHEMA, server, server_with};

/// The headers of an answer that a client may look at, without those that differ by the moment or that every answer has.
fn headers(answer: &Answer) -> Vec<String> {
    let passing = ["date", "x-request-id", "server", "access-control-allow-origin", "x-content-type-options"];
    let shown = answer.headers.iter().filter(|(name, _)| !passing.contains(&name.as_str()));
    let mut list: Vec<String> =
        shown.map(|(name, value)| format!("{name}: {}", value.to_str().expect("text"))).collect();
    list.sort();
    list
}

#[tokio::test(flavor = "multi_thread")]
async fn every_kind_of_answer_has_its_headers() {
    let server = server().await;
    let vary = "vary: Accept, Prefer, Range";
    let json = "content-type: application/json; charset=utf-8";
    let cases: Vec<(&str, Ask, u16, Vec<&str>)> = vec![
        (
            "a read",
            server.get("/actors?select=id&order=id"),
            200,
            vec![
                "content-length: 22",
                "content-location: /actors?order=id&select=id",
                "content-range: 0-1/*",
                json,
                vary,
            ],
        ),
        (
            "a read without parameters",
            server.get("/addresses"),
            200,
            vec!["content-length: 49", "content-location: /addresses", "content-range: 0-1/*", json, vary],
        ),
        (
            "HEAD",
            server.ask(Method::HEAD, "/actors"),
            200,
            vec!["content-location: /actors", "content-range: 0-1/*", json, vary],
        ),
        (
            "HEAD as CSV",
            server.ask(Method::HEAD, "/actors").header("accept", "text/csv"),
            200,
            vec!["content-location: /actors", "content-range: 0-1/*", "content-type: text/csv; charset=utf-8", vary],
        ),
        ("a call", server.get("/rpc/add?a=1"), 200, vec!["content-length: 2", "content-range: 0-0/*", json, vary]),
        (
            "a call of rows",
            server.get("/rpc/best?select=id&id=eq.1"),
            200,
            vec!["content-length: 10", "content-range: 0-0/*", json, vary],
        ),
        (
            "a void call",
            server.post("/rpc/remember", &json!({"id": 80, "name": "x"})),
            204,
            vec!["content-range: 0-0/*", vary],
        ),
        (
            "an insert",
            server.post("/actors", &json!({"id": 81, "name": "x"})),
            201,
            vec!["content-length: 0", "content-range: */*", vary],
        ),
        (
            "its key",
            server.post("/actors", &json!({"id": 82, "name": "x"})).prefer("return=headers-only"),
            201,
            vec![
                "content-length: 0",
                "content-range: */*",
                "location: /actors?id=eq.82",
                "preference-applied: return=headers-only",
                vary,
            ],
        ),
        (
            "its row",
            server
                .post("/actors?select=id", &json!({"id": 83, "name": "x"}))
                .prefer("return=representation, missing=default, resolution=merge-duplicates, count=exact"),
            201,
            vec![
                "content-length: 11",
                "content-range: */1",
                json,
                "preference-applied: resolution=merge-duplicates, missing=default, return=representation, count=exact",
                vary,
            ],
        ),
        (
            "two rows have no place",
            server
                .post("/actors", &json!([{"id": 84, "name": "x"}, {"id": 85, "name": "x"}]))
                .prefer("return=headers-only"),
            201,
            vec!["content-length: 0", "content-range: */*", "preference-applied: return=headers-only", vary],
        ),
        (
            "a table without key has none",
            server.post("/keyless", &json!({"a": 1})).prefer("return=headers-only, resolution=merge-duplicates"),
            201,
            vec!["content-length: 0", "content-range: */*", "preference-applied: return=headers-only", vary],
        ),
        (
            "an update",
            server
                .patch("/actors?id=gte.84", &json!({"name": "y"}))
                .prefer("return=minimal, count=exact, max-affected=9"),
            204,
            vec!["content-range: 0-1/2", "preference-applied: return=minimal, count=exact", vary],
        ),
        (
            "an update of nothing",
            server.patch("/actors?id=eq.99", &json!({"name": "y"})).prefer("count=planned"),
            204,
            vec!["content-range: */*", "preference-applied: count=planned", vary],
        ),
        (
            "a replacement",
            server.put("/actors?id=eq.84", &json!({"id": 84, "name": "z"})).prefer("missing=default"),
            204,
            vec![vary],
        ),
        (
            "a removal",
            server.delete("/actors?id=gte.84").prefer("handling=strict, max-affected=5, count=exact"),
            204,
            vec!["content-range: */2", "preference-applied: count=exact, handling=strict, max-affected=5", vary],
        ),
        (
            "a choice",
            server.ask(Method::OPTIONS, "/films"),
            200,
            vec!["allow: OPTIONS,GET,HEAD,POST,PUT,PATCH,DELETE", "content-length: 0", vary],
        ),
    ];
    let mut wrong = Vec::new();
    for (what, ask, status, expected) in cases {
        let answer = ask.service().send().await;
        let found = headers(&answer);
        if answer.status != status || found != expected {
            wrong.push(format!(
                "{what}\n  expected {status} {expected:#?}\n  found    {} {found:#?} {}",
                answer.status, answer.body
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_have_theirs() {
    let server = server().await;
    let error = server.get("/actors?id=eq.x").service().send().await;
    assert_eq!(
        headers(&error),
        [
            format!("content-length: {}", error.body.len()),
            "content-type: application/json; charset=utf-8".into(),
            "proxy-status: PostgREST; error=22P02".into()
        ]
    );
    let head = server.ask(Method::HEAD, "/nope").service().send().await;
    assert_eq!((head.status, head.body.as_str(), head.header("proxy-status")), (404, "", "PostgREST; error=PGRST205"));
    let csv = server.get("/nope").service().header("accept", "text/csv").send().await;
    assert_eq!(csv.header("content-type"), "application/json; charset=utf-8");
    let object = server.get("/actors").service().header("accept", "application/vnd.pgrst.object+json").send().await;
    assert_eq!(
        object.body,
        r#"{"code":"PGRST116","details":"The result contains 2 rows","hint":null,"message":"Cannot coerce the result to a single JSON object"}"#
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn content_location_and_location_are_encoded() {
    let server = server().await;
    let read = server.get("/Odd%20name?select=id&\"a b\"=eq.spaced&id=gt.0").service().send().await;
    assert_eq!(read.header("content-location"), "/Odd name?%22a%20b%22=eq.spaced&id=gt.0&select=id");
    let pair = json!({"a": 3, "b": 4});
    let made = server.post("/pairs", &pair).service().prefer("return=headers-only").expect(201, Value::Null).await;
    assert_eq!(made.header("location"), "/pairs?a=eq.3&b=eq.4");
    let text = Server::start("create table t (k text primary key); create table \"o d\" (k text primary key);").await;
    let made = text.post("/t", &json!({"k": "a b&c=ü"})).service().prefer("return=headers-only").send().await;
    assert_eq!((made.status, made.header("location")), (201, "/t?k=eq.a%20b%26c%3D%C3%BC"));
}

#[tokio::test(flavor = "multi_thread")]
async fn profiles_and_origins() {
    let server = Server::start_with(SCHEMA, |config| {
        config.api.schemas = vec!["public".into(), "extensions".into()];
    })
    .await;
    let profile = |answer: Answer| answer.header("content-profile").to_owned();
    assert_eq!(profile(server.get("/actors").service().send().await), "public");
    let body = server.post("/actors", &json!({"id": 90, "name": "x"})).service().prefer("return=representation");
    assert_eq!(profile(body.send().await), "public");
    assert_eq!(profile(server.delete("/actors?id=eq.90").service().send().await), "");
    assert_eq!(profile(server.get("/rpc/add?a=1").service().send().await), "public");
    let one = server_with(|_| ()).await;
    assert_eq!(profile(one.get("/actors").service().header("accept-profile", "public").send().await), "public");
    let preflight = one.ask(Method::OPTIONS, "/actors").header("origin", "https://a.example");
    let preflight = preflight.header("access-control-request-method", "PATCH");
    let preflight = preflight.header("access-control-request-headers", "Foo,Bar").send().await;
    assert_eq!(preflight.header("access-control-allow-methods"), "GET, POST, PATCH, PUT, DELETE, OPTIONS, HEAD");
    assert_eq!(
        preflight.header("access-control-allow-headers"),
        "Authorization, Foo,Bar, Accept, Accept-Language, Content-Language"
    );
    let exposed = one.get("/actors").service().header("origin", "https://a.example").send().await;
    for name in [
        "Content-Encoding",
        "Content-Location",
        "Content-Range",
        "Content-Type",
        "Date",
        "Location",
        "Server",
        "Transfer-Encoding",
        "Range-Unit",
    ] {
        assert!(exposed.header("access-control-expose-headers").split(", ").any(|known| known == name), "{name}");
    }
    let same = one.get("/actors").service().send().await;
    assert_eq!(same.header("access-control-expose-headers"), "");
}
