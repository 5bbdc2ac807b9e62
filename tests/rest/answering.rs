//! What a function says about its own answer: status, headers, and the media type of its result.

use basalt_tests::Server;
use reqwest::Method;
use serde_json::{Value, json};

const SCHEMA: &str = "
create table t (id integer primary key);
insert into t values (1), (2), (3);
create function say(name text, value text) returns text language sql as $$ select set_config(name, value, true) $$;
create function said(name text, value text) returns integer language sql as $$
    insert into t values (50);
    select set_config(name, value, true);
    select 1;
$$;
create function said_nothing(name text, value text) returns void language sql as $$ select set_config(name, value, true) $$;
create function drop_some(most integer) returns setof t language sql as $$ delete from t where id <= most returning * $$;
create function slow() returns integer language sql stable set statement_timeout = '50ms' as $$
    with recursive n(i) as (select 1 union all select i + 1 from n) select count(*)::integer from n
$$;

create domain \"text/html\" as text;
create domain \"application/octet-stream\" as bytea;
create domain \"image/png\" as bytea;
create domain \"text/csv\" as text;
create domain \"*/*\" as bytea;
create function page(title text) returns \"text/html\" language sql stable as $$ select '<h1>' || title || '</h1>' $$;
create function bytes() returns \"application/octet-stream\" language sql stable as $$ select '\\x00ff10'::bytea $$;
create function picture() returns \"image/png\" language sql stable as $$ select '\\x89504e47'::bytea $$;
create function lines() returns \"text/csv\" language sql stable as $$ select 'a;b' $$;
create function nothing() returns \"text/html\" language sql stable as $$ select null::text $$;
create function anything(kind text default null) returns \"*/*\" language sql as $$
    select set_config('response.headers', json_build_array(json_build_object('Content-Type', kind))::text, true)
        where kind is not null;
    select '\\x6869'::bytea;
$$;
";

async fn server() -> Server {
    Server::start_with(SCHEMA, |config| config.api.plans = true).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_statement_sets_status_and_headers() {
    let server = server().await;
    let say = |function: &str, name: &str, value: &str| {
        server.post(&format!("/rpc/{function}"), &json!({"name": name, "value": value})).service()
    };
    assert_eq!(say("say", "response.status", "418").send().await.status, 418);
    assert_eq!(say("said_nothing", "response.status", "202").send().await.status, 202);
    let headers = r#"[{"Cache-Control": "public"}, {"Set-Cookie": "a=1"}, {"set-cookie": "b=2"}, {"Vary": "Origin"}]"#;
    let answer = say("say", "response.headers", headers).send().await;
    assert_eq!((answer.status, answer.header("cache-control"), answer.header("vary")), (200, "public", "Origin"));
    let cookies: Vec<_> = answer.headers.get_all("set-cookie").iter().filter_map(|v| v.to_str().ok()).collect();
    assert_eq!(cookies, ["a=1", "b=2"]);
    let typed = say("say", "response.headers", r#"[{"Content-Type": "text/x"}]"#).send().await;
    assert_eq!(typed.header("content-type"), "text/x");
    // Where the body ends is not the function's to say.
    let framing = r#"[{"Content-Length": "5"}, {"transfer-encoding": "chunked"}, {"X-Own": "1"}]"#;
    let framed = say("say", "response.headers", framing).send().await;
    assert_eq!((framed.header("x-own"), framed.body.as_str()), ("1", format!("{framing:?}").as_str()));
    // A setting is its transaction's own.
    let next = server.get("/t?limit=1").service().expect(200, json!([{"id": 1}])).await;
    assert_eq!((next.header("cache-control"), next.header("vary")), ("", "Accept, Prefer, Range"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_status_or_header_that_is_none_loses_the_answer_and_not_the_write() {
    let server = server().await;
    let message = "response.headers guc must be a JSON array composed of objects with a single key and a string value";
    let bad =
        ["{}", "x", r#"[{"a": "1", "b": "2"}]"#, r#"[{"a": 1}]"#, r#"[{"a b": "1"}]"#, r#"[{"a": "1\n2"}]"#, "[{}]"];
    for value in bad {
        let ask = server.post("/rpc/say", &json!({"name": "response.headers", "value": value})).service();
        assert_eq!(ask.expect_error(500, "PGRST111").await.json()["message"], message, "{value}");
    }
    for value in ["x", "0", "99", "100", "199", "1000", "-200", "200.5"] {
        let ask = server.post("/rpc/say", &json!({"name": "response.status", "value": value})).service();
        let error = ask.expect_error(500, "PGRST112").await.json();
        assert_eq!(error["message"], "response.status guc must be a valid status code", "{value}");
    }
    // A setting is the empty text where nobody sets it.
    let empty = json!({"name": "response.status", "value": ""});
    server.post("/rpc/say", &empty).service().expect(200, json!("")).await;
    server
        .post("/rpc/said", &json!({"name": "response.status", "value": "x"}))
        .service()
        .expect_error(500, "PGRST112")
        .await;
    server.get("/t?id=eq.50").service().expect(200, json!([{"id": 50}])).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn more_rows_than_wanted_are_not_touched() {
    let server = server().await;
    let strict = |most: u32| format!("handling=strict, max-affected={most}");
    let refused = server.delete("/t?id=lte.3").service().prefer(&strict(2)).expect_error(400, "PGRST124").await;
    assert_eq!(refused.json()["message"], "Query result exceeds max-affected preference constraint");
    assert_eq!(refused.json()["details"], "The query affects 3 rows");
    server.patch("/t?id=lte.1", &json!({"id": 9})).service().prefer(&strict(0)).expect_error(400, "PGRST124").await;
    let call = server.post("/rpc/drop_some", &json!({"most": 2})).service().prefer(&strict(1));
    call.expect_error(400, "PGRST124").await;
    server.get("/t").service().expect(200, json!([{"id": 1}, {"id": 2}, {"id": 3}])).await;
    let kept = server.delete("/t?id=eq.1").service().prefer(&strict(1)).expect(204, Value::Null).await;
    assert_eq!(kept.header("preference-applied"), "handling=strict, max-affected=1");
    // Without strict handling it is no limit.
    let lenient = server.delete("/t").service().prefer("max-affected=1").expect(204, Value::Null).await;
    assert_eq!(lenient.header("preference-applied"), "");
}

/// Those that a cascade within the table takes before their turn are among them.
#[tokio::test(flavor = "multi_thread")]
async fn rows_that_go_with_others_of_the_same_delete_are_counted_and_shown() {
    let server = Server::start(
        "create table tree (id integer primary key, up integer references tree on delete cascade);
         create table list (id integer primary key, up integer references list on delete set null);
         insert into tree values (1, null), (2, 1), (3, 2);
         insert into list values (1, null), (2, 1), (3, 2);",
    )
    .await;
    let strict = server.delete("/tree").service().prefer("handling=strict, max-affected=2");
    let refused = strict.expect_error(400, "PGRST124").await;
    assert_eq!(refused.json()["details"], "The query affects 3 rows");
    server.get("/tree?id=eq.3").service().expect(200, json!([{"id": 3, "up": 2}])).await;
    let counted = server.delete("/tree?id=gte.2").service().prefer("count=exact").expect(204, Value::Null).await;
    assert_eq!(counted.header("content-range"), "*/2");
    let whole = json!([{"id": 1, "up": null}, {"id": 2, "up": 1}, {"id": 3, "up": 2}]);
    server.delete("/list").service().prefer("return=representation").expect(200, whole).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_may_have_less_time() {
    let server = server().await;
    server.get("/rpc/slow").service().expect_error(500, "57014").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_that_returns_a_media_type_writes_its_own_body() {
    let server = server().await;
    let ask = |path: &str, accept: &str| server.get(path).service().header("accept", accept);
    for accept in ["text/html", "*/*", "text/html,application/xml;q=0.9,*/*;q=0.8", "image/png, TEXT/HTML"] {
        let page = ask("/rpc/page?title=x", accept).send().await;
        assert_eq!((page.status, page.body.as_str()), (200, "<h1>x</h1>"), "{accept}");
        assert_eq!(page.header("content-type"), "text/html", "{accept}");
        assert_eq!(page.header("content-range"), "0-0/*");
    }
    let post = server.post("/rpc/page", &json!({"title": "y"})).service().header("accept", "text/html").send().await;
    assert_eq!((post.status, post.body.as_str()), (200, "<h1>y</h1>"));
    let bytes = ask("/rpc/bytes", "application/octet-stream").bytes().await;
    assert_eq!(bytes, [0x00, 0xff, 0x10]);
    assert_eq!(ask("/rpc/picture", "image/png").bytes().await, *b"\x89PNG");
    let csv = ask("/rpc/lines", "text/csv").send().await;
    assert_eq!((csv.body.as_str(), csv.header("content-type")), ("a;b", "text/csv; charset=utf-8"));
    assert_eq!(ask("/rpc/nothing", "text/html").send().await.body, "");
    let head = server.ask(Method::HEAD, "/rpc/page?title=x").service().header("accept", "text/html").send().await;
    assert_eq!((head.status, head.header("content-type"), head.body.as_str()), (200, "text/html", ""));
    // The plan of a body is found like the body.
    let of = |media: &str| ask("/rpc/page?title=x", &format!("application/vnd.pgrst.plan+json; for=\"{media}\""));
    let plan = of("text/html").send().await;
    let media = "application/vnd.pgrst.plan+json; for=\"text/html\"; charset=utf-8";
    assert_eq!((plan.status, plan.header("content-type")), (200, media), "{plan:?}");
    assert!(plan.json().is_array(), "{plan:?}");
    of("image/webp").expect_error(406, "PGRST107").await;
    // Other types are what they are for any text.
    ask("/rpc/page?title=x", "application/json").expect(200, json!("<h1>x</h1>")).await;
    let none = ask("/rpc/page?title=x", "image/webp").expect_error(406, "PGRST107").await;
    assert_eq!(none.json()["message"], "None of these media types are available: image/webp");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_may_answer_any_media_type() {
    let server = server().await;
    for accept in ["image/webp", "*/*", "application/json", "text/csv"] {
        let answer = server.post("/rpc/anything", &json!({})).service().header("accept", accept).send().await;
        assert_eq!((answer.status, answer.body.as_str()), (200, "hi"), "{accept}");
        assert_eq!(answer.header("content-type"), "application/octet-stream", "{accept}");
    }
    let said = server.post("/rpc/anything", &json!({"kind": "image/gif"})).service().send().await;
    assert_eq!((said.header("content-type"), said.body.as_str()), ("image/gif", "hi"));
    let own = server.post("/rpc/anything", &json!({})).service().header("accept", "application/vnd.pgrst.object+json");
    own.expect(200, json!("\\x6869")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn relations_have_no_handlers_of_their_own() {
    let server = server().await;
    server.get("/t").service().header("accept", "text/html").expect_error(406, "PGRST107").await;
    if basalt_tests::on_postgres() {
        // There they may have.
        return;
    }
    let script = "create aggregate page_of(t) (sfunc = f, stype = \"text/html\");";
    let refused = server.database.run_script(script, |_| ()).await;
    let error = refused.err().map(|error| error.to_string()).unwrap_or_default();
    assert!(error.contains("aggregates of your own"), "{error}");
}
