//! PL/pgSQL functions, triggers, errors that authors raise, and what functions set of the answer.

use std::io::{Read, Write};
use std::net::TcpStream;

use basalt_tests::Server;
use basalt_tests::postgres::Cluster;
use serde_json::{Value, json};

const SCHEMA: &str = r#"
create table accounts (id integer primary key, name text not null, balance numeric not null default 0 check (balance >= 0), changed timestamptz);
create table log (id integer generated always as identity primary key, what text);
create function stamp() returns trigger language plpgsql as $$
begin
  new.changed := '2024-01-01 00:00:00+00';
  insert into log (what) values (tg_op || ' ' || new.name);
  return new;
end $$;
create trigger stamp before insert or update on accounts for each row execute function stamp();
create function transfer(source integer, target integer, amount numeric) returns accounts language plpgsql volatile as $$
declare result accounts;
begin
  update accounts set balance = balance - amount where id = source;
  if not found then
    raise exception 'no account %', source using hint = 'Look at the list.', detail = 'It was never opened.';
  end if;
  update accounts set balance = balance + amount where id = target returning * into result;
  return result;
end $$;
create function pay() returns void language plpgsql as $$ begin raise sqlstate 'PT402' using message = 'Payment Required', hint = 'Pay.'; end $$;
create function own_error(detail text) returns void language plpgsql as $$
begin
  raise sqlstate 'PGRST' using message = '{"code":"123","message":"Payment Required","details":"Quota exceeded","hint":"Upgrade your plan"}', detail = own_error.detail;
end $$;
create function teapot() returns text language plpgsql as $$
begin
  perform set_config('response.status', '418', true);
  perform set_config('response.headers', '[{"X-Kind": "oolong"}, {"Set-Cookie": "a=b"}, {"Cache-Control": "no-store"}]', true);
  return 'short';
end $$;
create function broken_headers() returns text language plpgsql as $$
begin perform set_config('response.headers', '{"X": 1}', true); return ''; end $$;
create function broken_status() returns text language plpgsql as $$
begin perform set_config('response.status', 'teapot', true); return ''; end $$;
create type point2 as (x integer, y integer);
create function shift(p point2, by integer) returns point2 language sql immutable as $$ select row(p.x + by, p.y + by)::point2 $$;
create function total(variadic numbers integer[]) returns bigint language sql immutable as $$ select sum(n) from unnest(numbers) n $$;
create function loose(out a integer, out b text) returns setof record language sql stable as $$ values (1, 'x'), (2, 'y') $$;
create function anything() returns setof record language sql stable as $$ values (1, 'x') $$;
create function named(value jsonb) returns text language sql immutable as $$ select jsonb_typeof(value) $$;
create function raw_bytes(bytea) returns bytea language sql immutable as $$ select $1 || '\x00ff'::bytea $$;
create function raw_text(text) returns text language sql immutable as $$ select upper($1) $$;
create domain "text/html" as text;
create function page() returns "text/html" language sql immutable as $$ select '<p>hello</p>'::"text/html" $$;
create function initials(accounts) returns text language sql stable as $$ select upper(left($1.name, 2)) $$;
create procedure not_exposed() language sql as $$ select 1 $$;
insert into accounts values (1, 'ann', 10), (2, 'bea', 5);
"#;

#[tokio::test(flavor = "multi_thread")]
async fn functions_in_plpgsql() {
    let cluster = Cluster::start();
    let server = Server::start_on(&cluster, SCHEMA, |_| ()).await;
    let call = |name: &str, body: &Value| server.post(&format!("/rpc/{name}"), body).service();
    let moved = json!({"id": 2, "name": "bea", "balance": 8.5, "changed": "2024-01-01T00:00:00+00:00"});
    call("transfer", &json!({"source": 1, "target": 2, "amount": 3.5})).expect(200, moved).await;
    let error = call("transfer", &json!({"source": 9, "target": 2, "amount": 1})).expect_error(400, "P0001").await;
    let body = json!({"code": "P0001", "details": "It was never opened.", "hint": "Look at the list.", "message": "no account 9"});
    assert_eq!(error.json(), body);
    // A constraint in the middle undoes the whole call.
    call("transfer", &json!({"source": 1, "target": 2, "amount": 100})).expect_error(400, "23514").await;
    server
        .get("/accounts?select=balance,initials&order=id")
        .service()
        .expect(200, json!([{"balance": 6.5, "initials": "AN"}, {"balance": 8.5, "initials": "BE"}]))
        .await;
    server
        .get("/log?select=what&order=id.desc&limit=2")
        .service()
        .expect(200, json!([{"what": "UPDATE bea"}, {"what": "UPDATE ann"}]))
        .await;

    let paid = call("pay", &json!({})).expect_error(402, "PT402").await;
    assert_eq!(paid.json(), json!({"code": "PT402", "details": null, "hint": "Pay.", "message": "Payment Required"}));
    let detail = r#"{"status": 402, "headers": {"X-Powered-By": "Nerd Rage"}}"#;
    let own = call("own_error", &json!({"detail": detail})).expect_error(402, "123").await;
    assert_eq!(own.header("x-powered-by"), "Nerd Rage");
    assert_eq!(own.json()["details"], "Quota exceeded");
    let broken = call("own_error", &json!({"detail": "nope"})).expect_error(500, "PGRST121").await;
    assert_eq!(broken.json()["details"], "Invalid JSON value for DETAIL: 'nope'");
    assert_eq!(
        broken.json()["hint"],
        "DETAIL must be a JSON object with obligatory keys: 'status', 'headers' and optional key: 'status_text'."
    );

    let tea = call("teapot", &json!({})).expect(418, json!("short")).await;
    assert_eq!(
        (tea.header("x-kind"), tea.header("set-cookie"), tea.header("cache-control")),
        ("oolong", "a=b", "no-store")
    );
    call("broken_headers", &json!({})).expect_error(500, "PGRST111").await;
    call("broken_status", &json!({})).expect_error(500, "PGRST112").await;
    call("not_exposed", &json!({})).expect_error(404, "PGRST202").await;
}

/// The line that an answer begins with.
fn status_line(server: &Server, path: &str, body: &Value) -> String {
    let body = body.to_string();
    let key = basalt_server::keys::Keys::development().service;
    let mut stream = TcpStream::connect(server.url().trim_start_matches("http://")).expect("a connection");
    let request = format!(
        "POST /rest/v1{path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {key}\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    answer.lines().next().unwrap_or_default().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_status_has_its_authors_words() {
    let cluster = Cluster::start();
    let script =
        "create function say(state text, message text, detail text default '') returns void language plpgsql as
        $$ begin raise exception using errcode = state, message = message, detail = detail; end $$;";
    let server = Server::start_on(&cluster, script, |_| ()).await;
    let say = |state: &str, message: &str, detail: &str| {
        status_line(&server, "/rpc/say", &json!({"state": state, "message": message, "detail": detail}))
    };
    let body = r#"{"code": "123", "message": "m"}"#;
    for (line, expected) in [
        (say("PT402", "Come back with money", ""), "HTTP/1.1 402 Come back with money"),
        (say("PT404", "", ""), "HTTP/1.1 404 "),
        // What can't stand there does not.
        (say("PT402", "two\nlines", ""), "HTTP/1.1 402 Payment Required"),
        (say("PTABC", "words", ""), "HTTP/1.1 500 Internal Server Error"),
        (say("P0001", "words", ""), "HTTP/1.1 400 Bad Request"),
        (say("PGRST", body, r#"{"status": 429, "headers": {}, "status_text": "Slow down"}"#), "HTTP/1.1 429 Slow down"),
        (say("PGRST", body, r#"{"status": 429, "headers": {}}"#), "HTTP/1.1 429 Too Many Requests"),
    ] {
        assert_eq!(line, expected);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_author_raises_wrongly_is_told() {
    let cluster = Cluster::start();
    let script = "create function say(message text, detail text) returns void language plpgsql as $$ begin
        if detail is null then raise sqlstate 'PGRST' using message = message; end if;
        raise sqlstate 'PGRST' using message = message, detail = detail; end $$;";
    let server = Server::start_on(&cluster, script, |_| ()).await;
    let of_message =
        "MESSAGE must be a JSON object with obligatory keys: 'code', 'message' and optional keys: 'details', 'hint'.";
    let of_detail =
        "DETAIL must be a JSON object with obligatory keys: 'status', 'headers' and optional key: 'status_text'.";
    let good = r#"{"code": "1", "message": "m"}"#;
    for (message, detail, details, hint) in [
        ("nope", json!("{}"), "Invalid JSON value for MESSAGE: 'nope'", of_message),
        (r#"{"code": "1"}"#, json!("{}"), r#"Invalid JSON value for MESSAGE: '{"code": "1"}'"#, of_message),
        (good, Value::Null, "DETAIL is missing in the RAISE statement", of_detail),
        (good, json!(r#"{"status": 400}"#), r#"Invalid JSON value for DETAIL: '{"status": 400}'"#, of_detail),
        (
            good,
            json!(r#"{"status": "x", "headers": {}}"#),
            r#"Invalid JSON value for DETAIL: '{"status": "x", "headers": {}}'"#,
            of_detail,
        ),
    ] {
        let ask = server.post("/rpc/say", &json!({"message": message, "detail": detail})).service();
        let expected = json!({"code": "PGRST121", "details": details, "hint": hint,
            "message": "Could not parse JSON in the \"RAISE SQLSTATE 'PGRST'\" error"});
        assert_eq!(ask.expect_error(500, "PGRST121").await.json(), expected);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn arguments_and_results_of_every_kind() {
    let cluster = Cluster::start();
    let server = Server::start_on(&cluster, SCHEMA, |_| ()).await;
    let call = |name: &str, body: &Value| server.post(&format!("/rpc/{name}"), body).service();
    call("shift", &json!({"p": {"x": 1, "y": 2}, "by": 3})).expect(200, json!({"x": 4, "y": 5})).await;
    call("shift", &json!({"p": "(1,2)", "by": 3})).expect(200, json!({"x": 4, "y": 5})).await;
    server.get("/rpc/shift?p=(1,2)&by=1").service().expect(200, json!({"x": 2, "y": 3})).await;
    call("total", &json!({"numbers": [1, 2, 3]})).expect(200, json!(6)).await;
    server.get("/rpc/total?numbers=1&numbers=2").service().expect(200, json!(3)).await;
    server.get("/rpc/loose?a=eq.2").service().expect(200, json!([{"a": 2, "b": "y"}])).await;
    call("named", &json!({"value": [1]})).expect(200, json!("array")).await;
    let bytes = |accept: &str| {
        let ask = server.ask(reqwest::Method::POST, "/rpc/raw_bytes").service();
        ask.header("content-type", "application/octet-stream").header("accept", accept).body(vec![1_u8, 65])
    };
    bytes("application/json").expect(200, json!("\\x014100ff")).await;
    // Only a domain so named makes a body of its own.
    bytes("application/octet-stream").expect_error(406, "PGRST107").await;
    let text = server.ask(reqwest::Method::POST, "/rpc/raw_text").service().header("content-type", "text/plain");
    text.body("loud").expect(200, json!("LOUD")).await;
    let page = server.get("/rpc/page").service().header("accept", "text/html").send().await;
    assert_eq!((page.status, page.header("content-type"), page.body.as_str()), (200, "text/html", "<p>hello</p>"));
}
