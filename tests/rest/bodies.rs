//! Bodies of writes and calls: forms, values, missing columns (contract: sections 12.1 and 13).

use basalt_tests::{Server, on_postgres};
use reqwest::Method;
use serde_json::{Value, json};

use crate::world::server;

const RETURN: &str = "return=representation";

#[tokio::test(flavor = "multi_thread")]
async fn bodies_that_are_none() {
    let server = server().await;
    let send = |kind: &str, body: &'static str| {
        server.ask(Method::POST, "/actors").service().header("content-type", kind).body(body)
    };
    for (kind, body, message) in [
        ("application/json", "", "Empty or invalid json"),
        ("application/json", "{", "Empty or invalid json"),
        ("application/json; charset=utf-8", "{\"id\" 1}", "Empty or invalid json"),
        ("application/json", "[{\"id\":1},{\"id\":2,\"name\":\"x\"}]", "All object keys must match"),
        ("application/json", "[{\"id\":1},2]", "All object keys must match"),
        ("text/csv", "id,name\n1,a\n2", "All lines must have same number of fields"),
        ("text/plain", "x", "Content-Type not acceptable: text/plain"),
        ("application/octet-stream", "x", "Content-Type not acceptable: application/octet-stream"),
        ("application/x-protobuf", "x", "Content-Type not acceptable: application/x-protobuf"),
    ] {
        let error = send(kind, body).expect_error(400, "PGRST102").await.json();
        assert_eq!(
            error,
            json!({"code": "PGRST102", "details": null, "hint": null, "message": message}),
            "{kind} {body}"
        );
    }
    // A scalar counts as no rows.
    for body in ["1", "\"x\"", "null"] {
        send("application/json", body).prefer(RETURN).expect(201, json!([])).await;
    }
    // With `columns` the body is the database's to read.
    let columns =
        server.ask(Method::POST, "/actors?columns=id,name").service().header("content-type", "application/json");
    columns.body("{\"id\":").expect_error(400, "22P02").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_of_every_form() {
    let server = server().await;
    let post = |path: &str, body: Value| server.post(path, &body).service().prefer(RETURN);
    post("/kinds?select=small,stamp", json!([{}, {}]))
        .expect(201, json!([{"small": null, "stamp": "fresh"}, {"small": null, "stamp": "fresh"}]))
        .await;
    // Columns: only these, whatever else an object has; what it lacks is NULL, or its default.
    post("/kinds?columns=small,stamp&select=small,stamp", json!([{"small": 1, "nope": 2}, {"stamp": "s"}]))
        .expect(201, json!([{"small": 1, "stamp": null}, {"small": null, "stamp": "s"}]))
        .await;
    post("/kinds?columns=\"small\",\"stamp\"&select=small,stamp", json!({"small": 1}))
        .prefer("missing=default")
        .expect(201, json!([{"small": 1, "stamp": "fresh"}]))
        .await;
    let applied =
        server.post("/kinds?columns=small", &json!({"small": 1})).service().prefer("missing=null").send().await;
    assert_eq!((applied.status, applied.header("preference-applied")), (201, "missing=null"));
    // Values go through their type's text.
    post(
        "/kinds?select=small,yes,exact,raw,numbers,word",
        json!({"small": "7", "yes": "on", "exact": "1.50", "raw": "text", "numbers": "{1,2}", "word": 12}),
    )
    .expect(201, json!([{"small": 7, "yes": true, "exact": 1.50, "raw": "text", "numbers": [1, 2], "word": "12"}]))
    .await;
    post(
        "/kinds?select=raw,binary_json,stamp",
        json!({"raw": [1, {"a": null}], "binary_json": null, "stamp": {"a": [1]}}),
    )
    .expect(201, json!([{"raw": [1, {"a": null}], "binary_json": null, "stamp": "{\"a\":[1]}"}]))
    .await;
    // CSV: NULL is null, nothing is the empty text.
    let csv = server.ask(Method::POST, "/kinds?select=word,stamp,small").service().prefer(RETURN);
    csv.header("content-type", "text/csv")
        .body("word,stamp,small\nNULL,,3\n\"NULL\",\"a \"\"b\"\"\",4")
        .expect(201, json!([{"word": null, "stamp": "", "small": 3}, {"word": null, "stamp": "a \"b\"", "small": 4}]))
        .await;
    // A PATCH takes the first object; one without columns changes nothing.
    let patch = |body: Value| server.patch("/actors?id=eq.1&select=name", &body).service().prefer(RETURN);
    patch(json!([{"name": "first"}])).expect(200, json!([{"name": "first"}])).await;
    for nothing in [json!({}), json!([]), json!([{}])] {
        let answer = patch(nothing).expect(200, json!([])).await;
        assert_eq!(answer.header("content-range"), "*/*");
    }
    let columns = server.patch("/actors?id=eq.1&columns=name&select=name", &json!({"name": "c", "id": 7})).service();
    columns.prefer(RETURN).expect(200, json!([{"name": "c"}])).await;
    // Updated columns that the body does not have stay; those it lists and lacks are NULL.
    let film =
        server.patch("/films?id=eq.1&columns=mood,rating&select=title,mood,rating", &json!({"rating": 1})).service();
    film.prefer(RETURN).expect(200, json!([{"title": "Metropolis", "mood": null, "rating": 1.0}])).await;
    // Limits are no matter of writes.
    let all = server.patch("/actors?limit=1&offset=1&select=id&order=id", &json!({"name": "all"})).service();
    all.prefer(RETURN).expect(200, json!([{"id": 1}, {"id": 2}])).await;
    let put = server.put("/actors?id=eq.1&columns=name", &json!({"id": 1, "name": "p"})).service();
    put.prefer(RETURN).expect(200, json!([{"id": 1, "name": "p"}])).await;
    let puts = server.put("/actors?id=eq.1", &json!([{"id": 1, "name": "p"}, {"id": 1, "name": "q"}])).service();
    puts.expect_error(500, "21000").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upsert_writes_what_its_body_has() {
    let server = server().await;
    let upsert = |path: &str, body: Value, how: &str| {
        server.post(path, &body).service().prefer(&format!("resolution={how}, {RETURN}"))
    };
    // Columns that the body does not have stay.
    upsert("/films?select=id,title,mood", json!({"id": 1, "title": "New"}), "merge-duplicates")
        .expect(200, json!([{"id": 1, "title": "New", "mood": "happy"}]))
        .await;
    upsert(
        "/films?select=id&columns=id,title",
        json!([{"id": 1, "title": "a", "mood": "sad"}, {"id": 50, "title": "b"}]),
        "merge-duplicates",
    )
    .expect(201, json!([{"id": 1}, {"id": 50}]))
    .await;
    upsert("/actors", json!({"id": 1, "name": "x"}), "ignore-duplicates").expect(201, json!([])).await;
    // Without a key an upsert is an insert.
    upsert("/keyless", json!({"a": 1}), "merge-duplicates").expect(201, json!([{"a": 1, "b": null}])).await;
    let minimal =
        server.post("/actors", &json!({"id": 1, "name": "x"})).service().prefer("resolution=merge-duplicates");
    let minimal = minimal.expect(200, Value::Null).await;
    assert_eq!(minimal.header("preference-applied"), "resolution=merge-duplicates");
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_take_their_arguments_in_every_form() {
    let script = "
        create function pair(a integer, b text default 'd') returns text language sql immutable as $$ select a || b $$;
        create function list(n integer[]) returns integer[] language sql immutable as $$ select n $$;
        create function doc(j json) returns json language sql immutable as $$ select j $$;
        create function nothing() returns integer language sql immutable as $$ select 1 $$;
        create function null_text() returns text language sql immutable as $$ select null::text $$;
        create function raw(text) returns text language sql immutable as $$ select upper($1) $$;
        create table t (id integer primary key, name text);
        insert into t values (1, 'a'), (2, 'b');
        create function rows_of() returns setof t language sql stable as $$ select * from t order by id $$;
        create function none_of() returns setof t language sql stable as $$ select * from t where false $$;
        create function one_of(i integer) returns t language sql stable as $$ select * from t where id = i $$;
        create function yes(b boolean) returns boolean language sql immutable as $$ select not b $$;
        create function names() returns setof text language sql stable as $$ select name from t order by id $$;";
    let server = Server::start(script).await;
    let post = |path: &str, body: &str| {
        server.ask(Method::POST, path).service().header("content-type", "application/json").body(body.to_owned())
    };
    post("/rpc/pair", r#"{"a": 1}"#).expect(200, json!("1d")).await;
    post("/rpc/pair", r#"[{"a": 1, "b": "x"}, {"a": 2}]"#).expect(200, json!("1x")).await;
    post("/rpc/pair", r#"{"a": "1", "b": null}"#).expect(200, Value::Null).await;
    post("/rpc/pair?columns=a", r#"{"a": 1, "b": "x"}"#).expect(200, json!("1d")).await;
    post("/rpc/nothing", "").expect(200, json!(1)).await;
    post("/rpc/nothing", "{}").expect(200, json!(1)).await;
    post("/rpc/list", r#"{"n": [1, null]}"#).expect(200, json!([1, null])).await;
    server.get("/rpc/list?n={1,2}").service().expect(200, json!([1, 2])).await;
    post("/rpc/doc", r#"{"j": {"a":  1}}"#).expect(200, json!({"a": 1})).await;
    server.get("/rpc/doc?j={\"a\":1}").service().expect(200, json!({"a": 1})).await;
    server.get("/rpc/yes?b=false").service().expect(200, json!(true)).await;
    let text = server.ask(Method::POST, "/rpc/raw").service().header("content-type", "text/plain").body("loud");
    text.expect(200, json!("LOUD")).await;
    let csv = server.ask(Method::POST, "/rpc/pair").service().header("content-type", "text/csv").body("a,b\n3,c");
    csv.expect(200, json!("3c")).await;
    // An argument whose value reads like a filter is one; words that commit to a filter must be one.
    server.get("/rpc/pair?a=1&b=eq.x").service().expect_error(400, "42703").await;
    server.get("/rpc/pair?a=1&b=eqx").service().expect(200, json!("1eqx")).await;
    server.get("/rpc/pair?a=1&b=in.x").service().expect_error(400, "PGRST100").await;
    server.get("/rpc/pair?a=1&b=not.x").service().expect_error(400, "PGRST100").await;
    // Shapes.
    assert_eq!(server.get("/rpc/null_text").service().send().await.body, "null");
    assert_eq!(server.get("/rpc/names").service().send().await.body, "[\"a\", \"b\"]");
    assert_eq!(server.get("/rpc/one_of?i=2").service().send().await.body, r#"{"id":2,"name":"b"}"#);
    server.get("/rpc/none_of").service().expect(200, json!([])).await;
    let object = |path: &str| server.get(path).service().header("accept", "application/vnd.pgrst.object+json");
    object("/rpc/rows_of?id=eq.2").expect(200, json!({"id": 2, "name": "b"})).await;
    object("/rpc/rows_of").expect_error(406, "PGRST116").await;
    object("/rpc/one_of?i=1&select=name").expect(200, json!({"name": "a"})).await;
    object("/rpc/nothing").expect(200, json!(1)).await;
    let csv = server.get("/rpc/rows_of").service().header("accept", "text/csv").send().await;
    assert_eq!(csv.body, "id,name\n1,a\n2,b");
    server.get("/rpc/nothing").service().header("accept", "text/csv").expect_error(406, "PGRST107").await;
    // Rows are filtered by columns that are not shown, ordered, limited and counted.
    let counted = server.get("/rpc/rows_of?select=name&id=gt.0&order=id.desc&limit=1").service().prefer("count=exact");
    let counted = counted.expect(206, json!([{"name": "b"}])).await;
    assert_eq!((counted.header("content-range"), counted.header("content-location")), ("0-0/2", ""));
    server.get("/rpc/rows_of?offset=5").service().prefer("count=exact").expect_error(416, "PGRST103").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn functions_that_are_not_there() {
    let server = server().await;
    for (path, message, details, hint) in [
        (
            "/rpc/nope",
            "Could not find the function public.nope without parameters in the schema cache",
            "Searched for the function public.nope without parameters, but no matches were found in the schema cache.",
            Value::Null,
        ),
        (
            "/rpc/add?a=1&bb=2",
            "Could not find the function public.add(a, bb) in the schema cache",
            "Searched for the function public.add with parameters a, bb, but no matches were found in the schema cache.",
            json!("Perhaps you meant to call the function public.add(a, b)"),
        ),
        (
            "/rpc/nombers?n=1",
            "Could not find the function public.nombers(n) in the schema cache",
            "Searched for the function public.nombers with parameter n, but no matches were found in the schema cache.",
            json!("Perhaps you meant to call the function public.numbers"),
        ),
        (
            "/rpc/first_films?n=1",
            "Could not find the function public.first_films(n) in the schema cache",
            "Searched for the function public.first_films with parameter n, but no matches were found in the schema cache.",
            json!("Perhaps you meant to call the function public.first_film"),
        ),
    ] {
        let error = server.get(path).service().expect_error(404, "PGRST202").await.json();
        assert_eq!(error, json!({"code": "PGRST202", "details": details, "hint": hint, "message": message}), "{path}");
    }
    let json = server.post("/rpc/add", &json!({"c": 1})).service().expect_error(404, "PGRST202").await.json();
    assert_eq!(
        json["details"],
        "Searched for the function public.add with parameter c or with a single unnamed json/jsonb parameter, but no matches were found in the schema cache."
    );
    let raw = server.ask(Method::POST, "/rpc/add").service().header("content-type", "text/plain").body("x");
    let raw = raw.expect_error(404, "PGRST202").await.json();
    assert_eq!(raw["message"], "Could not find the function public.add in the schema cache");
    assert_eq!(
        raw["details"],
        "Searched for the function public.add with a single unnamed text parameter, but no matches were found in the schema cache."
    );
    let several = server.get("/rpc/over?a=1").service().expect_error(300, "PGRST203").await.json();
    assert_eq!(
        several,
        json!({"code": "PGRST203", "details": null,
               "hint": "Try renaming the parameters or the function itself in the database so function overloading can be resolved",
               "message": "Could not choose the best candidate function between: public.over(a => integer), public.over(a => text)"})
    );
    let method = server.ask(Method::DELETE, "/rpc/add").service().expect_error(405, "PGRST101").await.json();
    assert_eq!(method["message"], "Cannot use the DELETE method on RPC");
    server.ask(Method::OPTIONS, "/rpc/greet").expect_error(404, "PGRST202").await;
}

/// No text of PostgreSQL's has a NUL: a body with one is refused wherever it stands, as `json_to_recordset` refuses it.
#[tokio::test(flavor = "multi_thread")]
async fn no_text_has_a_nul() {
    let server = server().await;
    let refused = async |method: Method, path: &str, kind: &str, body: &str| {
        let ask = server.ask(method, path).service().header("content-type", kind);
        let found = ask.body(body.to_owned()).expect_error(400, "22P05").await.json();
        let expected = json!({"code": "22P05", "details": "\\u0000 cannot be converted to text.", "hint": null,
            "message": "unsupported Unicode escape sequence"});
        assert_eq!(found, expected, "{path} {body}");
    };
    for (method, path, body) in [
        (Method::POST, "/kinds", r#"{"stamp": "a\u0000b"}"#),
        (Method::POST, "/kinds", r#"[{"stamp": "a"}, {"stamp": "a\u0000b"}]"#),
        // A `json` value would keep it, if it came there.
        (Method::POST, "/kinds", r#"{"raw": {"a": "\u0000"}}"#),
        (Method::POST, "/kinds", r#"{"raw": {"\u0000": 1}}"#),
        (Method::POST, "/kinds", r#"{"binary_json": ["\u0000"]}"#),
        (Method::POST, "/kinds", r#"{"small": "\u0000"}"#),
        (Method::POST, "/kinds", r#"{"numbers": ["\u0000"]}"#),
        (Method::POST, "/kinds?columns=small", r#"{"small": 1, "stamp": "\u0000"}"#),
        (Method::POST, "/kinds?columns=small", r#"[{"small": 1, "stamp": "\u0000"}]"#),
        (Method::PATCH, "/kinds?id=eq.1", r#"{"raw": "\u0000"}"#),
        (Method::PUT, "/actors?id=eq.1", r#"{"id": 1, "name": "\u0000"}"#),
        (Method::POST, "/rpc/greet", r#"{"name": "\u0000"}"#),
        (Method::POST, "/rpc/greet?columns=name", r#"{"name": "a", "other": "\u0000"}"#),
    ] {
        // A shape that was planned before finds the same.
        let sound = body.replace("\\u0000", "1");
        let ask = server.ask(method.clone(), path).service().header("content-type", "application/json");
        let answer = ask.body(sound.clone()).send().await;
        assert!(answer.status < 300, "{path} {sound}: {}", answer.body);
        refused(method, path, "application/json", body).await;
    }
    refused(Method::POST, "/kinds", "text/csv", "stamp\na\0b").await;
    refused(Method::POST, "/kinds", "application/x-www-form-urlencoded", "stamp=a%00b").await;
    refused(Method::POST, "/rpc/greet", "text/csv", "name\na\0b").await;

    let post = |path: &str, body: &'static str| {
        server.ask(Method::POST, path).service().header("content-type", "application/json").body(body)
    };
    // A body that is one `json` argument is nobody's to take apart. PostgreSQL does so with what a function gives.
    let echoed = post("/rpc/echo", r#"{"a": "\u0000"}"#);
    match on_postgres() {
        true => _ = echoed.expect_error(400, "22P05").await,
        false => assert_eq!(echoed.send().await.body, r#"{"a": "\u0000"}"#),
    }
    // A backslash before it makes it six characters.
    let stamped = post("/kinds?select=stamp", r#"{"stamp": "\\u0000"}"#).prefer(RETURN);
    stamped.expect(201, json!([{"stamp": "\\u0000"}])).await;
    let half = post("/kinds", r#"{"raw": "\ud800"}"#).expect_error(400, "22P02").await.json();
    assert_eq!(half["details"], "Unicode low surrogate must follow a high surrogate.");
}
