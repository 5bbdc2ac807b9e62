//! What the configuration changes.

use basalt_server::Config;
use basalt_tests::waiting::comes_to;
use basalt_tests::{Server, token};
use reqwest::Method;
use serde_json::{Value, json};

use crate::world::server_with;

#[tokio::test(flavor = "multi_thread")]
async fn errors_may_be_told_without_details() {
    let server = server_with(|config| config.api.error_details = false).await;
    for path in ["/actor", "/actors?id=eq.x", "/actors?nope=eq.1", "/rpc/ad?a=1", "/actors?id=bad.1"] {
        let error = server.get(path).service().send().await.json();
        let members: Vec<&String> = error.as_object().expect("an error").keys().collect();
        assert_eq!(members, ["code", "message"], "{path}: {error}");
    }
    let twice = server.post("/actors", &json!({"id": 1, "name": "x"})).service().expect_error(409, "23505").await;
    assert_eq!(twice.json()["details"], Value::Null);
    let unknown = server.raw(Method::GET, "/nothing/here").expect_error(404, "BST003").await;
    assert_eq!(unknown.json()["hint"], Value::Null);
    let bad = server.get("/actors").token("a.b.c").expect_error(401, "PGRST301").await;
    assert_eq!(bad.json()["details"], Value::Null);
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_tell_how_long_each_stage_took() {
    let server = server_with(|config| config.api.server_timing = true).await;
    let insert = json!({"id": 70, "name": "x"});
    let asks = [
        server.get("/actors"),
        server.get("/rpc/add?a=1&b=2"),
        server.post("/actors", &insert),
        server.get("/"),
        server.ask(Method::HEAD, "/actors"),
        server.ask(Method::OPTIONS, "/actors"),
    ];
    for ask in asks {
        let answer = ask.service().send().await;
        let stages: Vec<(&str, &str)> =
            answer.header("server-timing").split(", ").filter_map(|stage| stage.split_once(";dur=")).collect();
        let names: Vec<&str> = stages.iter().map(|(name, _)| *name).collect();
        assert_eq!(names, ["jwt", "parse", "plan", "transaction", "response"], "{answer:?}");
        for (_, duration) in stages {
            let decimals = duration.split_once('.').map(|(_, decimals)| decimals.len());
            assert!(duration.parse::<f64>().is_ok() && decimals == Some(1), "{duration}");
        }
    }
    let failed = server.get("/nope").service().expect_error(404, "PGRST205").await;
    assert_eq!(failed.header("server-timing"), "");
    let silent = crate::world::server().await.get("/actors").service().send().await;
    assert_eq!(silent.header("server-timing"), "");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_is_counted() {
    let server = server_with(|_| ()).await;
    let waiting: &[&str] = match basalt_tests::on_postgres() {
        true => &["basalt_waiting{for=\"connection\"} 0", "pgrst_db_pool_waiting 0", "basalt_refused_total 0"],
        false => &["basalt_waiting{for=\"reader\"} 0", "basalt_waiting{for=\"writer\"} 0", "basalt_refused_total 0"],
    };
    // What the services write at the start may still wait.
    comes_to("what is missing of the metrics", None, async || {
        let text = server.raw(Method::GET, "/metrics").send().await.body;
        waiting.iter().find(|line| !text.lines().any(|found| found == **line))
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trace_header_is_repeated() {
    let server = server_with(|config| config.server.trace_header = "X-Trace".into()).await;
    for path in ["/rest/v1/actors", "/rest/v1/nope", "/health/live", "/nothing"] {
        let answer = server.raw(Method::GET, path).service().header("x-trace", "abc").send().await;
        assert_eq!(answer.header("x-trace"), "abc", "{path}");
        let answer = server.raw(Method::GET, path).service().send().await;
        assert_eq!(answer.headers.get("x-trace").map(|value| value.as_bytes()), Some(b"".as_slice()), "{path}");
    }
}

const GUARDED: &str = "
create table seen (path text, method text, agent text, who text);
grant select, insert on seen to anon;
create table t (id integer primary key);
insert into t values (1), (2);
create function guard() returns void language sql as $$
    select set_config('response.headers', '[{\"X-Guard\": \"passed\"}]', true)
$$;
create function refuse() returns void language sql as $$
    select 1 / (current_setting('request.headers', true)::json ->> 'x-divisor')::integer
$$;
create function asked() returns json language sql stable as $$
    select json_build_object(
        'method', current_setting('request.method', true),
        'path', current_setting('request.path', true),
        'agent', current_setting('request.headers', true)::json ->> 'user-agent',
        'cookie', current_setting('request.cookies', true)::json ->> 'a',
        'no_cookie_header', current_setting('request.headers', true)::json ->> 'cookie',
        'role', current_setting('request.jwt.claims', true)::json ->> 'role',
        'sub', current_setting('request.jwt.claims', true)::json ->> 'sub',
        'secret', current_setting('app.settings.region', true))
$$;
";

async fn guarded(change: impl FnOnce(&mut Config)) -> Server {
    Server::start_with(GUARDED, |config| {
        config.api.unprotected = vec!["public.t".into()];
        change(config);
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_check_may_ask_the_request() {
    let server = Server::start_with(
        "create table notes (id integer primary key,
            constraint from_app check (current_setting('request.headers', true)::json ->> 'x-app' = 'shop'));
         grant insert on notes to anon;",
        |config| config.api.unprotected = vec!["public.notes".into()],
    )
    .await;
    server.post("/notes", &json!({"id": 1})).header("x-app", "shop").expect(201, Value::Null).await;
    server.post("/notes", &json!({"id": 2})).header("x-app", "other").expect_error(400, "23514").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_is_called_before_every_statement() {
    let server = guarded(|config| config.api.pre_request = "public.guard".into()).await;
    let asks = [
        server.get("/t?id=eq.1"),
        server.post("/t", &json!({"id": 3})),
        server.patch("/t?id=eq.3", &json!({"id": 4})),
        server.patch("/t?id=eq.3", &json!({})),
        server.delete("/t?id=eq.4"),
        server.get("/rpc/asked"),
        server.post("/rpc/asked", &json!({})),
    ];
    for ask in asks {
        let answer = ask.send().await;
        assert_eq!((answer.status / 100, answer.header("x-guard")), (2, "passed"), "{answer:?}");
    }
    let server = guarded(|config| config.api.pre_request = "refuse".into()).await;
    server.get("/t").header("x-divisor", "1").expect(200, json!([{"id": 1}, {"id": 2}])).await;
    server.get("/t").header("x-divisor", "0").expect_error(400, "22012").await;
    // The description is a request like others, though no transaction has its headers; OPTIONS opens none.
    server.get("/").header("x-divisor", "0").expect_error(400, "22012").await;
    server.raw(Method::GET, "/openapi.json").header("x-divisor", "0").expect_error(400, "22012").await;
    assert_eq!(server.get("/").header("x-divisor", "1").send().await.status, 200);
    assert_eq!(server.ask(Method::OPTIONS, "/t").header("x-divisor", "0").send().await.status, 200);
    server.post("/t", &json!({"id": 9})).header("x-divisor", "0").expect_error(400, "22012").await;
    server.get("/t?id=eq.9").header("x-divisor", "1").expect(200, json!([])).await;
    // What asks nothing of the tables, and what is wrong with a request, is for those whom it lets pass.
    server.patch("/t?id=eq.1", &json!({})).header("x-divisor", "0").expect_error(400, "22012").await;
    server.post("/t", &json!([])).header("x-divisor", "0").expect_error(400, "22012").await;
    for path in ["/t?select=nope", "/t?nope=eq.1", "/t?id=eq.x"] {
        for prefer in ["", "count=exact"] {
            server.get(path).header("x-divisor", "0").prefer(prefer).expect_error(400, "22012").await;
        }
    }
    server.get("/t?select=nope").header("x-divisor", "1").expect_error(400, "42703").await;
    let asked = json!([{"method": "GET", "path": "/t?select=nope"}]);
    for (divisor, code) in [("0", "22012"), ("1", "42703")] {
        let batch = server.raw(Method::POST, "/batch/v1").json(&asked).header("x-divisor", divisor);
        batch.expect_error(400, code).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn functions_read_the_request_and_the_settings_of_the_application() {
    let server = guarded(|config| drop(config.api.settings.insert("region".into(), "eu".into()))).await;
    let ask = server.get("/rpc/asked").token(&token(json!({"role": "authenticated", "sub": "me"})));
    let expected = json!({"method": "GET", "path": "/rpc/asked", "agent": "tests", "cookie": "b", "no_cookie_header": null,
        "role": "authenticated", "sub": "me", "secret": "eu"});
    ask.header("user-agent", "tests").header("cookie", "a=b; c=d").expect(200, expected).await;
    // The path stands as it came.
    assert_eq!(server.get("/rpc/%61sked?x").send().await.json()["path"], "/rpc/%61sked");
    let anonymous = server.post("/rpc/asked", &json!({})).send().await.json();
    assert_eq!((&anonymous["role"], &anonymous["sub"]), (&json!("anon"), &Value::Null));
    assert_eq!(anonymous["method"], "POST");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_may_answer_at_the_root() {
    let server = guarded(|config| config.api.root_function = "asked".into()).await;
    let answer = server.get("/").send().await;
    assert_eq!((answer.status, &answer.json()["path"]), (200, &json!("/")), "{answer:?}");
    assert_eq!(answer.header("content-type"), "application/json; charset=utf-8");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_description_may_be_whole_or_absent() {
    let whole = server_with(|config| config.api.openapi = basalt_server::config::OpenApi::IgnorePrivileges).await;
    assert!(whole.get("/").send().await.json()["paths"]["/films"].is_object());
    let absent = server_with(|config| config.api.openapi = basalt_server::config::OpenApi::Disabled).await;
    absent.get("/").service().expect_error(404, "PGRST126").await;
    absent.raw(Method::GET, "/openapi.json").service().expect_error(404, "PGRST126").await;
    let named = server_with(|config| config.server.public_url = "https://api.example/".into()).await;
    let servers = named.raw(Method::GET, "/openapi.json").service().send().await.json()["servers"].clone();
    assert_eq!(servers[0]["url"], "https://api.example/rest/v1");
    // Never what a request's Host header says.
    let root = named.get("/").service().header("host", "evil.example").send().await.json();
    assert_eq!(
        (&root["host"], &root["basePath"], &root["schemes"]),
        (&json!("api.example"), &json!("/rest/v1"), &json!(["https"]))
    );
    assert_eq!((&root["security"], &root["securityDefinitions"]), (&Value::Null, &Value::Null));
    let unnamed = server_with(|config| config.api.openapi_security = true).await;
    let root = unnamed.get("/").service().header("host", "evil.example").send().await.json();
    assert_eq!(root["host"].as_str(), unnamed.url().strip_prefix("http://"));
    assert_eq!(
        (&root["security"], &root["securityDefinitions"]["JWT"]["name"]),
        (&json!([{"JWT": []}]), &json!("Authorization"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn transactions_end_as_configured() {
    use basalt_server::config::TransactionEnd::*;
    // Ending, preference, whether the row stays, and what the answer says was applied.
    for (end, prefer, stays, applied) in [
        (Commit, "", true, ""),
        (Commit, "tx=rollback", true, ""),
        (CommitAllowOverride, "", true, ""),
        (CommitAllowOverride, "tx=rollback", false, "tx=rollback"),
        (CommitAllowOverride, "tx=commit", true, "tx=commit"),
        (Rollback, "", false, ""),
        (Rollback, "tx=commit", false, ""),
        (RollbackAllowOverride, "", false, ""),
        (RollbackAllowOverride, "tx=commit", true, "tx=commit"),
        (RollbackAllowOverride, "tx=rollback", false, "tx=rollback"),
    ] {
        let server = guarded(|config| config.api.transaction_end = end).await;
        let ask = server.post("/t?select=id", &json!({"id": 7}));
        let ask = ask.prefer(&format!("return=representation, {prefer}"));
        let answer = ask.expect(201, json!([{"id": 7}])).await;
        let said = answer.header("preference-applied").replace("return=representation", "");
        assert_eq!(said.trim_start_matches(", "), applied, "{end:?} {prefer}");
        for method in [Method::GET, Method::HEAD] {
            let read = server.ask(method, "/t?id=eq.1").prefer(prefer).send().await;
            assert_eq!(read.header("preference-applied"), applied, "{end:?} {prefer}");
        }
        let left = server.get("/t?id=eq.7").send().await.json();
        assert_eq!(left.as_array().map(Vec::len), Some(usize::from(stays)), "{end:?} {prefer}");
    }
    let script = "create table a (id integer primary key);
        create table b (id integer references a deferrable initially deferred);";
    let server = Server::start_with(script, |config| config.api.transaction_end = Rollback).await;
    server.post("/b", &json!({"id": 1})).service().expect_error(409, "23503").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_configured_origins_are_let_in() {
    let server = server_with(|config| config.api.cors_origins = vec!["https://shop.example".into()]).await;
    let answer = server.get("/actors").header("origin", "https://shop.example").send().await;
    assert_eq!(answer.header("access-control-allow-origin"), "https://shop.example");
    assert_eq!(answer.header("access-control-allow-credentials"), "true");
    for stranger in ["https://shop.example.evil.example", "https://shop.example:8443", "http://shop.example", "null"] {
        let answer = server.get("/actors").header("origin", stranger).send().await;
        assert_eq!(answer.header("access-control-allow-origin"), "", "{stranger}");
        assert_eq!(answer.header("access-control-allow-credentials"), "", "{stranger}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_role_may_stand_anywhere_in_the_claims() {
    let server = server_with(|config| {
        config.auth.role_claim = "$.app.roles[0]".into();
        config.auth.jwt_audience = "shop".into();
    })
    .await;
    let ask = |claims: Value| server.get("/actors?select=id&id=eq.1").token(&token(claims));
    ask(json!({"app": {"roles": ["service_role"]}})).expect(200, json!([{"id": 1}])).await;
    ask(json!({"app": {"roles": ["service_role"]}, "aud": ["x", "shop"]})).expect(200, json!([{"id": 1}])).await;
    ask(json!({"role": "service_role"})).expect_error(401, "42501").await;
    let other = ask(json!({"app": {"roles": ["service_role"]}, "aud": "x"})).expect_error(401, "PGRST303").await;
    assert_eq!(other.json()["message"], "JWT not in audience");
}

#[tokio::test(flavor = "multi_thread")]
async fn opaque_keys_stand_for_roles() {
    let server = server_with(|config| {
        config.auth.publishable_key = "sb_publishable_0123456789".into();
        config.auth.secret_key = "sb_secret_0123456789_0123456789_01".into();
    })
    .await;
    let secret = server.get("/actors?select=id&id=eq.1").header("apikey", "sb_secret_0123456789_0123456789_01");
    secret.expect(200, json!([{"id": 1}])).await;
    server.get("/actors").header("apikey", "sb_publishable_0123456789").expect_error(401, "42501").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_schema_is_a_version_of_the_api() {
    let script = "
        create schema v1; create schema v2;
        create table people (id integer primary key, first text, last text);
        insert into people values (1, 'Ada', 'Lovelace');
        create view v1.people as select id, first || ' ' || last as name from people;
        create view v2.people as select id, first, last from people;
        create function v2.greet() returns text language sql stable as $$ select 'hello from v2' $$;
        grant usage on schema v1, v2 to service_role;
        grant all on v1.people, v2.people to service_role;";
    let server = Server::start_with(script, |config| config.api.schemas = vec!["v1".into(), "v2".into()]).await;
    let one = server.get("/people").service().expect(200, json!([{"id": 1, "name": "Ada Lovelace"}])).await;
    assert_eq!(one.header("content-profile"), "v1");
    let two = server.get("/people").service().header("accept-profile", "v2");
    let two = two.expect(200, json!([{"id": 1, "first": "Ada", "last": "Lovelace"}])).await;
    assert_eq!(two.header("content-profile"), "v2");
    // Writes, and POST of a function, name their version in the other header.
    let write = server.post("/people", &json!({"id": 2, "first": "Alan", "last": "Turing"})).service();
    write.header("accept-profile", "v1").header("content-profile", "v2").expect(201, Value::Null).await;
    let patch = server.patch("/people?id=eq.2&select=last", &json!({"last": "T"})).service();
    let patch = patch.header("content-profile", "v2").prefer("return=representation");
    patch.expect(200, json!([{"last": "T"}])).await;
    server
        .post("/rpc/greet", &json!({}))
        .service()
        .header("content-profile", "v2")
        .expect(200, json!("hello from v2"))
        .await;
    server.post("/rpc/greet", &json!({})).service().expect_error(404, "PGRST202").await;
    server.get("/rpc/greet").service().header("accept-profile", "v2").expect(200, json!("hello from v2")).await;
    server.delete("/people?id=eq.2").service().header("content-profile", "public").expect_error(406, "PGRST106").await;
    let root = server.get("/").service().header("accept-profile", "v2").send().await.json();
    assert!(root["definitions"]["people"]["properties"]["first"].is_object(), "{root}");
    // The first schema alone is not named when it is the only one and nobody asked.
    let alone = server_with(|_| ()).await.get("/actors").service().send().await;
    assert_eq!(alone.header("content-profile"), "");
}

#[test]
fn every_key_is_documented() {
    let documented = include_str!("../../docs/configuration.md");
    let config = serde_json::to_value(Config::default()).expect("a configuration");
    let sections = config.as_object().expect("sections");
    let mut missing = Vec::new();
    for (section, keys) in sections {
        let Some(keys) = keys.as_object() else {
            // A list of tables, `[[section]]`: its page has the keys.
            if !documented.contains(&format!("| `[[{section}]]` |")) {
                missing.push(format!("[[{section}]]"));
            }
            continue;
        };
        for key in keys.keys() {
            if !documented.contains(&format!("| `{section}.{key}` |")) {
                missing.push(format!("{section}.{key}"));
            }
        }
    }
    assert!(missing.is_empty(), "docs/configuration.md lacks {missing:?}");
}
