//! A request's transaction: its settings and their order, how it ends, what errors become (contract: sections 14 and 16).

use basalt_tests::postgres::Cluster;
use basalt_tests::{Server, token};
use reqwest::Method;
use serde_json::{Value, json};

const SCHEMA: &str = r#"
create table t (id integer primary key, name text);
insert into t values (1, 'a');
create function setting(name text) returns text language sql stable as $$ select current_setting(name, true) $$;
create function path() returns text language sql stable set search_path from current as $$ select 'kept' $$;
create function searched() returns text language sql stable as $$ select current_setting('search_path') $$;
create function slow() returns void language sql stable set statement_timeout = '1min' as $$ select pg_sleep(0) $$;
create function its_timeout() returns text language sql volatile set statement_timeout = '7s' as $$ select current_setting('statement_timeout') $$;
create function its_memory() returns text language sql volatile set work_mem = '5MB' as $$ select current_setting('work_mem') $$;
create function isolation() returns text language sql volatile as $$ select current_setting('transaction_isolation') $$;
create function own_isolation() returns text language sql volatile set default_transaction_isolation = 'repeatable read'
    as $$ select current_setting('transaction_isolation') $$;
create function fail(state text, message text default 'm') returns void language plpgsql as $$ begin raise exception using errcode = state, message = message; end $$;
create function write_quietly() returns integer language plpgsql stable as $$ begin insert into t values (9, 'x'); return 1; end $$;
create role patient nologin; create role hasty nologin;
grant patient, hasty to authenticator;
grant execute on all functions in schema public to patient, hasty;
alter role patient set statement_timeout = '11s';
alter role patient set default_transaction_isolation = 'serializable';
alter role hasty set work_mem = '6MB';
alter role hasty set jit = on;
create function check_request() returns void language plpgsql as $$
begin
  if current_setting('request.headers', true)::json ->> 'x-bad' is not null then
    raise sqlstate 'PT403' using message = 'Bad';
  end if;
  perform set_config('response.headers', '[{"X-Checked": "yes"}]', true);
  perform set_config('response.status', current_setting('request.headers', true)::json ->> 'x-status', true);
end $$;
"#;

#[tokio::test(flavor = "multi_thread")]
async fn settings_are_the_transactions_own_and_in_order() {
    let cluster = Cluster::start();
    let server = Server::start_on(&cluster, SCHEMA, |config| {
        config.api.extra_search_path = vec!["extensions".into(), "Odd \"one\"".into()];
        config.api.settings.insert("x".into(), "y".into());
        config.api.hoisted_settings = vec!["statement_timeout".into(), "default_transaction_isolation".into()];
        config.database.statement_timeout = std::time::Duration::ZERO;
    })
    .await;
    let call =
        |role: &str, name: &str| server.post(&format!("/rpc/{name}"), &json!({})).token(&token(json!({"role": role})));
    server.get("/rpc/searched").service().expect(200, json!("\"public\", \"extensions\", \"Odd \"\"one\"\"\"")).await;
    let setting = |name: &str| server.get(&format!("/rpc/setting?name={name}"));
    setting("app.settings.x").service().expect(200, json!("y")).await;
    setting("request.jwt.claims").expect(200, json!("{\"role\":\"anon\"}")).await;
    setting("request.path").expect(200, json!("/rpc/setting")).await;
    setting("timezone").service().prefer("timezone=Asia/Tokyo").expect(200, json!("Asia/Tokyo")).await;
    setting("timezone").service().expect(200, json!("UTC")).await;
    setting("role").expect(200, json!("anon")).await;
    let cookies = setting("request.cookies").header("cookie", "a=1; b=2").send().await.json();
    assert_eq!(cookies, json!("{\"a\":\"1\",\"b\":\"2\"}"));
    // A role's settings, then those of the function that are hoisted.
    call("patient", "isolation").expect(200, json!("serializable")).await;
    call("patient", "own_isolation").expect(200, json!("repeatable read")).await;
    let timeout = |role: &str| server.get("/rpc/setting?name=statement_timeout").token(&token(json!({"role": role})));
    timeout("patient").expect(200, json!("11s")).await;
    timeout("hasty").expect(200, json!("0")).await;
    call("patient", "its_timeout").expect(200, json!("7s")).await;
    let memory = server.get("/rpc/setting?name=work_mem").token(&token(json!({"role": "hasty"})));
    memory.expect(200, json!("6MB")).await;
    call("hasty", "its_memory").expect(200, json!("5MB")).await;
    // No time limit would stop PostgreSQL while it compiles a statement to machine code.
    let compiles = |role: &str| server.get("/rpc/setting?name=jit").token(&token(json!({"role": role})));
    compiles("patient").expect(200, json!("off")).await;
    compiles("hasty").expect(200, json!("on")).await;
    // Reads are read-only, and so are calls of what promises not to write.
    for ask in [server.get("/rpc/write_quietly"), server.post("/rpc/write_quietly", &json!({}))] {
        let refused = ask.service().send().await;
        assert!(refused.status == 405 || refused.status == 400, "{refused:?}");
    }
    server.get("/t?id=eq.9").service().expect(200, json!([])).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_comes_before_everything() {
    let cluster = Cluster::start();
    let server =
        Server::start_on(&cluster, SCHEMA, |config| config.api.pre_request = "public.check_request".into()).await;
    let asks = |bad: bool| {
        let all = [
            server.get("/t"),
            server.ask(Method::HEAD, "/t"),
            server.patch("/t?id=eq.1", &json!({"name": "b"})),
            server.post("/rpc/isolation", &json!({})),
            server.get("/rpc/searched"),
        ];
        all.map(|ask| if bad { ask.service().header("x-bad", "1") } else { ask.service() })
    };
    for ask in asks(false) {
        let answer = ask.send().await;
        assert_eq!((answer.status / 100, answer.header("x-checked")), (2, "yes"), "{answer:?}");
    }
    for ask in asks(true) {
        let answer = ask.send().await;
        assert_eq!((answer.status, answer.header("proxy-status")), (403, "PostgREST; error=PT403"), "{answer:?}");
    }
    // It may say the status, too, and one that is none is the answer's failure, not the write's.
    server
        .patch("/t?id=eq.1", &json!({"name": "c"}))
        .service()
        .header("x-status", "299")
        .expect(299, Value::Null)
        .await;
    server
        .patch("/t?id=eq.1", &json!({"name": "d"}))
        .service()
        .header("x-status", "x")
        .expect_error(500, "PGRST112")
        .await;
    server.get("/t?select=name").service().header("x-status", "203").expect(203, json!([{"name": "d"}])).await;
    // OPTIONS opens no transaction.
    assert_eq!(server.ask(Method::OPTIONS, "/t").header("x-bad", "1").send().await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn states_become_statuses() {
    let cluster = Cluster::start();
    let server = Server::start_on(&cluster, SCHEMA, |_| ()).await;
    let mut wrong = Vec::new();
    for (state, status) in [
        ("08000", 503),
        ("09000", 500),
        ("0L000", 403),
        ("0P000", 403),
        ("23503", 409),
        ("23505", 409),
        ("23514", 400),
        ("25006", 405),
        ("21000", 500),
        ("22023", 400),
        ("25001", 500),
        ("28000", 403),
        ("2D000", 500),
        ("38000", 500),
        ("39000", 500),
        ("3B000", 500),
        ("40001", 500),
        ("53000", 503),
        ("53400", 500),
        ("54000", 400),
        ("55000", 500),
        ("57P01", 503),
        ("57014", 500),
        ("58000", 500),
        ("F0000", 500),
        ("HV000", 500),
        ("P0001", 400),
        ("P0002", 500),
        ("XX000", 500),
        ("42883", 404),
        ("42P01", 404),
        ("42P17", 500),
        ("42501", 403),
        ("PT402", 402),
        ("PT999", 999),
        ("PTABC", 500),
        ("22P02", 400),
        ("23502", 400),
        ("0A000", 400),
        ("ZZ999", 400),
    ] {
        let answer = server.post("/rpc/fail", &json!({"state": state})).service().send().await;
        let code = answer.json()["code"].clone();
        if (answer.status, &code) != (status, &json!(state)) && !(state.starts_with("08") && answer.status == status) {
            wrong.push(format!("{state}: expected {status}, found {} {}", answer.status, answer.body));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let where_clause = json!({"state": "21000", "message": "DELETE requires a WHERE clause"});
    server.post("/rpc/fail", &where_clause).service().expect_error(400, "21000").await;
    let role = json!({"state": "22023", "message": "role \"x\" does not exist"});
    server.post("/rpc/fail", &role).service().expect_error(401, "22023").await;
    let anonymous = server.post("/rpc/fail", &json!({"state": "42501"})).expect_error(401, "42501").await;
    assert_eq!(anonymous.header("www-authenticate"), "Bearer");
    server
        .post("/rpc/fail", &json!({"state": "42883", "message": "function xmlagg(x) does not exist"}))
        .service()
        .expect_error(406, "42883")
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_are_rendered_as_postgresql_renders_them() {
    let cluster = Cluster::start();
    let script = r#"
        create extension if not exists hstore schema extensions;
        create table v (id integer primary key, f real, d double precision, n numeric, b bigint, t text, ts timestamp, tz timestamptz, dd date,
            i interval, j json, jb jsonb, c char(4), a text[], aa integer[][], u uuid, h extensions.hstore, bits varbit, e bytea);
        insert into v values
          (1, 'NaN', 'Infinity', 'NaN', 9223372036854775807, E'\u0001\n\t"/\\é', '2024-01-31 10:00:00.120', '2024-01-31 10:00:00+02', '0044-03-15 BC',
           '1 year 2 mons 3 days 04:05:06.7', '{"b": 1,   "a":null}', '{"bb":1.50, "a":2, "a":3}', 'ab', '{a,NULL,"b,c"}', '{{1,2},{3,4}}',
           'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11', 'k=>v', B'101', '\x00ff'),
          (2, 1e10, 1e-7, 1.500, -1, '', 'infinity', '-infinity', 'infinity', '-1 day', 'null', 'null', '', '{}', '{}', null, '', B'', '');
        create view w as select id, t from v;
        grant select on w to service_role;"#;
    let server = Server::start_on(&cluster, script, |_| ()).await;
    let read = |path: &str| server.get(path).service();
    assert_eq!(
        read("/v?order=id").send().await.body,
        concat!(
            r#"[{"id":1,"f":"NaN","d":"Infinity","n":"NaN","b":9223372036854775807,"t":"\u0001\n\t\"/\\é","ts":"2024-01-31T10:00:00.12","tz":"2024-01-31T08:00:00+00:00","dd":"0044-03-15 BC","#,
            r#""i":"1 year 2 mons 3 days 04:05:06.7","j":{"b": 1,   "a":null},"jb":{"a": 3, "bb": 1.50},"c":"ab  ","a":["a",null,"b,c"],"aa":[[1,2],[3,4]],"#,
            r#""u":"a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11","h":{"k": "v"},"bits":"101","e":"\\x00ff"}, "#,
            "\n ",
            r#"{"id":2,"f":1e+10,"d":1e-07,"n":1.500,"b":-1,"t":"","ts":"infinity","tz":"-infinity","dd":"infinity","i":"-1 days","j":null,"jb":null,"c":"    ","a":[],"aa":[],"u":null,"h":{},"bits":"","e":"\\x"}]"#
        )
    );
    let csv = read("/v?select=id,t,tz,a,jb,u,c&order=id").header("accept", "text/csv").send().await;
    assert_eq!(
        csv.body,
        "id,t,tz,a,jb,u,c\n1,\"\u{1}\n\t\"\"/\\\\é\",\"2024-01-31 08:00:00+00\",\"{a,NULL,\"\"b,c\"\"}\",\"{\"\"a\"\": 3, \"\"bb\"\": 1.50}\",a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11,\"ab  \"\n2,\"\",-infinity,{},null,,\"    \""
    );
    let empty = read("/v?id=eq.9").header("accept", "text/csv").send().await;
    assert_eq!((empty.status, empty.body.as_str()), (200, "\n"));
    let stripped = read("/v?select=j,u,a&order=id")
        .header("accept", "application/vnd.pgrst.array+json;nulls=stripped")
        .send()
        .await;
    assert_eq!(
        stripped.body.replace(['\n', ' '], ""),
        r#"[{"j":{"b":1},"u":"a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11","a":["a",null,"b,c"]},{"a":[]}]"#
    );
    let object = read("/w?id=eq.2")
        .header("accept", "application/vnd.pgrst.object")
        .expect(200, json!({"id": 2, "t": ""}))
        .await;
    assert_eq!(object.header("content-type"), "application/vnd.pgrst.object+json; charset=utf-8");
    read("/v?select=id&jb=eq.null").expect(200, json!([{"id": 2}])).await;
    read("/v?select=id&jb->a=eq.3").expect(200, json!([{"id": 1}])).await;
}

/// A batch begins before its first request is planned.
#[tokio::test(flavor = "multi_thread")]
async fn a_batch_is_kept_apart_as_its_role_and_functions_ask() {
    let cluster = Cluster::start();
    let roles = "create role careful nologin; grant careful to authenticator; grant execute on all functions in schema public to careful;
        alter role careful set default_transaction_isolation = 'repeatable read';
        create function strict_isolation() returns text language sql volatile set default_transaction_isolation = 'serializable'
            as $$ select current_setting('transaction_isolation') $$;";
    let server = Server::start_on(&cluster, &format!("{SCHEMA}{roles}"), |_| ()).await;
    let batch = async |role: &str, functions: &[&str]| {
        let calls = functions.iter().map(|name| json!({"method": "POST", "path": name, "body": {}})).collect::<Value>();
        let answer =
            server.raw(Method::POST, "/batch/v1").token(&token(json!({"role": role}))).json(&calls).send().await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.json().as_array().expect("answers").iter().map(|one| one["body"].clone()).collect::<Value>()
    };
    let plain = "/rpc/isolation";
    assert_eq!(batch("anon", &[plain]).await, json!(["read committed"]));
    assert_eq!(batch("careful", &[plain]).await, json!(["repeatable read"]));
    assert_eq!(batch("patient", &[plain]).await, json!(["serializable"]));
    assert_eq!(batch("anon", &[plain, "/rpc/own_isolation"]).await, json!(["repeatable read", "repeatable read"]));
    let strictest = ["/rest/v1/rpc/own_isolation", "/rest/v1/rpc/strict_isolation?select=*"];
    assert_eq!(batch("careful", &strictest).await, json!(["serializable", "serializable"]));
}
